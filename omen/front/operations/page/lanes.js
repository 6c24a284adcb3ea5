// Draws races as lanes. Each phase has a shape of its own and a word, so no colour is needed.

import { el, keyed, setAttribute, setText } from "./dom.js";
import { dollars, duration, many } from "./format.js";
import { phaseOf } from "./races.js";

const FAILED = new Set(["failed", "timed out", "denied"]);
const PHASES = [
  ["waiting", "waiting"],
  ["prelude", "prelude"],
  ["mark committed", "commit"],
  ["relay", "relay"],
  ["mark cancelled", "cancelled"],
  ["mark failed", "failed"],
];

/** Fill the legend. */
export function drawLegend(list) {
  for (const [shape, word] of PHASES) {
    const sample = el(
      "span",
      { className: "track", ariaHidden: "true" },
      el("i", { className: shape }),
    );
    list.append(el("li", {}, sample, word));
  }
}

/** Draw races into a list. `open` is called with the id of a race whose timeline is wanted. */
export function drawRaces(list, races, now, open) {
  keyed(
    list,
    races,
    (race) => race.id,
    (race) => makeRace(race, open),
    (node, race) => updateRace(node, race, now),
  );
}

function makeRace(race, open) {
  const button = open === null ? el("strong") : el("button", { type: "button", className: "open" });
  if (open !== null) button.addEventListener("click", () => open(race.id));
  const head = el(
    "div",
    { className: "race-head" },
    button,
    el("span", { className: "race-facts" }),
  );
  return el("li", { className: "race" }, head, el("ol", { className: "lanes" }));
}

function updateRace(node, race, now) {
  const [head, lanes] = node.children;
  const [button, facts] = head.children;
  const elapsed =
    race.ended && race.endedMs !== null ? race.endedMs : Math.max(0, now - race.acceptedAt);
  setText(button, `${race.strategy || "request"} ${race.model ? `· ${race.model}` : ""}`.trim());
  if (button.type)
    setAttribute(
      button,
      "aria-label",
      `${button.textContent}: timeline of race ${race.id.slice(0, 8)}`,
    );
  setAttribute(node, "data-state", race.ended ? "ended" : "running");
  setAttribute(node, "data-request", race.requestId);
  const cost = race.cost === null ? [] : [dollars(race.cost)];
  setText(facts, [race.ended ? "ended" : "running", duration(elapsed), ...cost].join(" · "));
  const sorted = [...race.lanes.values()].sort((a, b) => a.attempt - b.attempt);
  const scale = Math.max(elapsed, 1, ...sorted.map((lane) => lane.ended_ms ?? 0));
  keyed(
    lanes,
    sorted,
    (lane) => lane.attempt,
    makeLane,
    (item, lane) => updateLane(item, lane, elapsed, scale),
  );
}

function makeLane() {
  const parts = ["waiting", "prelude", "relay", "mark committed", "mark end"];
  const track = el("span", { className: "track", ariaHidden: "true" });
  track.append(...parts.map((name) => el("i", { className: name })));
  return el(
    "li",
    { className: "lane" },
    el("span", { className: "lane-name" }),
    track,
    el("span", { className: "lane-end" }),
  );
}

function updateLane(node, lane, elapsed, scale) {
  const [name, track, end] = node.children;
  const phase = phaseOf(lane);
  setText(name, `${lane.name} (${lane.role})`);
  setAttribute(node, "data-phase", phase);
  const until = lane.ended_ms ?? elapsed;
  const begun = lane.started_ms ?? 0;
  const first = lane.first_token_ms ?? lane.committed_ms ?? until;
  const commit = lane.committed_ms ?? until;
  const [waiting, prelude, relay, committed, finish] = track.children;
  span(waiting, begun, Math.min(first, until), scale);
  span(prelude, Math.min(first, until), Math.min(commit, until), scale);
  span(relay, Math.min(commit, until), until, scale);
  mark(committed, lane.committed_ms, scale);
  const isCut = phase !== "won" && lane.outcome !== "running";
  mark(finish, isCut ? until : null, scale);
  finish.className = FAILED.has(phase) ? "mark failed" : "mark cancelled";
  setText(end, words(lane, phase, until));
}

function words(lane, phase, until) {
  const tokens = lane.tokens ? ` · ${many(lane.tokens, "token")}` : "";
  switch (phase) {
    case "waiting":
      return "waiting";
    case "denied":
      return `denied: ${lane.reason ?? ""}`;
    case "failed":
    case "timed out":
      return `${phase} at ${duration(until)}${lane.reason ? `: ${lane.reason}` : ""}`;
    case "prelude":
    case "relay":
      return `${phase}${tokens}`;
    default:
      return `${phase} at ${duration(until)}${tokens}`;
  }
}

function span(node, from, to, scale) {
  node.hidden = to <= from;
  node.style.left = `${(100 * from) / scale}%`;
  node.style.width = `${(100 * Math.max(0, to - from)) / scale}%`;
}

function mark(node, at, scale) {
  node.hidden = at === null;
  // A mark at the very beginning must not leave its track.
  if (at !== null) node.style.left = `max(12px, ${(100 * at) / scale}%)`;
}
