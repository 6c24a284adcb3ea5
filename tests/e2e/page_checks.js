// What can be said of a page's looks without eyes. The whole is one expression: an object.

({
  /** Return what is outside of the page, or cut off. */
  clipped() {
    const faults = [];
    if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is too wide");
    for (const node of document.body.querySelectorAll("*")) {
      const isApart = node.closest(".unseen, .skip, dialog:not([open]), svg, option, input");
      if (isApart || !node.checkVisibility()) continue;
      const box = node.getBoundingClientRect();
      const name = `${node.tagName} ${node.className} ${node.textContent.slice(0, 40)}`;
      const isOutside = box.right > innerWidth + 1 || box.left < -1;
      if (isOutside && !node.closest(".scrolled")) faults.push(`outside: ${name}`);
      const hides = ["hidden", "clip"].includes(getComputedStyle(node).overflowX);
      if (hides && node.scrollWidth > node.clientWidth + 1) faults.push(`clipped: ${name}`);
    }
    return faults;
  },

  /** Return the pairs of texts that lie over each other. */
  overlapping() {
    const root = document.querySelector("dialog[open]") ?? document.body;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const apart = ".unseen, .skip, option, textarea, .answer, .scrolled, dialog:not([open])";
    const texts = [];
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const parent = node.parentElement;
      if (!node.data.trim() || !parent.checkVisibility() || parent.closest(apart)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) texts.push([node, box]);
    }
    const faults = [];
    for (const [index, [one, a]] of texts.entries()) {
      for (const [other, b] of texts.slice(index + 1)) {
        if (one === other) continue;
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 4) faults.push(`${one.data} / ${other.data}`);
      }
    }
    return faults;
  },

  /** Return what axe-core finds, as [impact, rule, elements]. */
  async violations() {
    const found = await axe.run(document, { resultTypes: ["violations"] });
    const shown = (node) => node.html.slice(0, 200);
    return found.violations.map((one) => [one.impact, one.id, one.nodes.slice(0, 3).map(shown)]);
  },
})
