// Building and updating elements. Every value is set as text or as a plain attribute: names of
// models and texts of errors come from strangers.

const SVG = "http://www.w3.org/2000/svg";

/** Return the element with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Return a new element. Children are nodes or texts; `className` and `hidden` are properties. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Return a new element of an SVG picture. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** Set the text of a node if it differs, so that a screen reader is not told the same again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set an attribute if it differs. */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * Make the children of `parent` those of `items`, in this order. A child stays the same element as
 * long as its item has the same key, so focus and open details survive an update.
 */
export function keyed(parent, items, keyOf, make, update) {
  const before = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let node = before.get(key);
    before.delete(key);
    if (!node) {
      node = make(item);
      node.dataset.key = key;
    }
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    update(node, item);
  }
  for (const node of before.values()) node.remove();
}
