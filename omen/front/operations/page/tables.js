// Keys with their limits, and recent failures with what to do about them.

import { byId, el, keyed, setText } from "./dom.js";
import { ago, count, dollars } from "./format.js";

/** Draw the keys of an overview. */
export function drawKeys(keys) {
  const { shown, total, needed } = keys;
  byId("keys-table").hidden = shown.length === 0;
  const more = total > shown.length ? `The first ${shown.length} of ${count(total)}.` : "";
  const none = needed
    ? "Only the admin key of the configuration."
    : "There are no keys: callers on this machine need none.";
  setText(byId("keys-note"), shown.length ? more : none);
  byId("keys-note").hidden = shown.length > 0 && !more;
  keyed(byId("keys"), shown, (key) => key.key_id, makeRow, updateKey);
}

function makeRow() {
  return el("tr", {}, el("th", { scope: "row" }), el("td"), el("td"), el("td"), el("td"));
}

function updateKey(node, key) {
  const [name, requests, tokens, month, use] = node.children;
  setText(name, `${key.name ?? key.key_id}${key.admin ? " (admin)" : ""}`);
  name.title = key.key_id;
  setText(requests, left(key.requests));
  setText(tokens, left(key.tokens));
  const limit = key.budget.limit_usd === null ? "" : ` of ${dollars(key.budget.limit_usd)}`;
  setText(month, `${dollars(key.budget.spent_usd)}${limit}`);
  setText(use, [...(key.models ?? ["all models"]), ...(key.strategies ?? [])].join(", "));
}

function left(limit) {
  return limit === null ? "no limit" : `${count(limit.remaining)} of ${count(limit.limit)} left`;
}

/** Draw the failures of an overview. `open` is called with a race whose timeline is wanted. */
export function drawFailures(list, failures, nowUnix, open) {
  byId("no-failures").hidden = failures.length > 0;
  const keyOf = (failure) =>
    [failure.provider, failure.model, failure.reason, failure.upstream_status].join(" ");
  keyed(
    list,
    failures,
    keyOf,
    () => makeFailure(open),
    (node, failure) => updateFailure(node, failure, nowUnix),
  );
}

function makeFailure(open) {
  const button = el("button", { type: "button", className: "open" });
  const node = el(
    "li",
    {},
    el("div", { className: "title" }, button, el("span", { className: "quiet" })),
    el("p"),
  );
  button.addEventListener("click", () => open(node.dataset.race));
  return node;
}

function updateFailure(node, failure, nowUnix) {
  const [title, hint] = node.children;
  const [button, when] = title.children;
  const status = failure.upstream_status === null ? "" : ` (${failure.upstream_status})`;
  node.dataset.race = failure.race_id;
  setText(button, `${failure.reason}${status} at ${failure.provider}/${failure.model}`);
  setText(
    when,
    `${failure.count > 1 ? `${count(failure.count)} times, ` : ""}${ago(failure.at_unix, nowUnix)}`,
  );
  setText(hint, failure.hint ?? "");
}
