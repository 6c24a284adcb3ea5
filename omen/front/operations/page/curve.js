// The curve of first tokens: which share of answers has begun by which time, as a small picture.

import { setAttribute, svg } from "./dom.js";
import { duration } from "./format.js";

const WIDTH = 300;
const HEIGHT = 48;

/** Return an empty picture. */
export function makeCurve() {
  const grid = [0.5, 0.9].map((share) =>
    svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: height(share), y2: height(share) }),
  );
  const line = svg("path", { class: "line", "vector-effect": "non-scaling-stroke" });
  return svg(
    "svg",
    { class: "curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
    ...grid,
    line,
  );
}

/** Draw a curve of points (share, milliseconds), the times ascending. */
export function updateCurve(node, points, model) {
  const line = node.lastElementChild;
  const longest = points.length ? points[points.length - 1][1] : 0;
  if (!longest) {
    setAttribute(line, "d", "");
    setAttribute(node, "aria-label", `No first token of ${model} yet`);
    return;
  }
  let path = `M0 ${HEIGHT}`;
  for (const [share, ms] of points)
    path += ` L${((WIDTH * ms) / longest).toFixed(1)} ${height(share).toFixed(1)}`;
  setAttribute(line, "d", path);
  setAttribute(node, "aria-label", `First tokens of ${model}: ${quantiles(points)}`);
}

/** Write the quantiles that people ask for. */
export function quantiles(points) {
  const shown = points.filter(([share]) => [0.5, 0.9, 0.99].includes(share));
  return shown.map(([share, ms]) => `p${Math.round(100 * share)} ${duration(ms)}`).join(" · ");
}

function height(share) {
  return 2 + (HEIGHT - 4) * (1 - share);
}
