// The provider cards: health, score, breaker; for each model its first tokens, price, limits.

import { el, keyed, setAttribute, setText } from "./dom.js";
import { count, dollars, duration, many } from "./format.js";
import { makeCurve, quantiles, updateCurve } from "./curve.js";

const PARTS = ["health", "latency", "cost", "reliability"];
const BREAKERS = { healthy: "closed", unknown: "closed", recovering: "half open", down: "open" };

/** Draw the cards of an overview. */
export function drawCards(list, providers) {
  keyed(list, providers, (provider) => provider.name, makeCard, updateCard);
}

function makeCard(provider) {
  const parts = PARTS.map((part) =>
    el(
      "div",
      { className: "part" },
      el("dt", {}, part),
      el("dd", {}, el("span", { className: "bar", ariaHidden: "true" }, el("i")), el("span")),
    ),
  );
  return el(
    "li",
    { className: "card panel" },
    el(
      "div",
      { className: "title" },
      el("h3", {}, provider.name),
      el("span", { className: "state" }),
    ),
    el("p", { className: "quiet facts" }),
    el("dl", { className: "parts" }, ...parts),
    el("p", { className: "breaker" }),
    el("ul", { className: "models" }),
    el("p", { className: "quiet more" }),
  );
}

function updateCard(node, provider) {
  const [title, facts, parts, breaker, models, more] = node.children;
  setAttribute(node, "data-state", provider.state);
  setState(title.lastElementChild, provider.state);
  setText(facts, factsOf(provider));
  PARTS.forEach((part, index) => updatePart(parts.children[index], provider.score[part]));
  setText(breaker, breakerOf(provider));
  keyed(models, provider.models, (model) => model.name, makeModel, updateModel);
  const others = provider.models_listed - provider.models.length;
  more.hidden = others <= 0;
  setText(more, others > 0 ? `and ${count(others)} more` : "");
}

function setState(node, state) {
  setAttribute(node, "data-state", state);
  setText(node, state);
}

function factsOf(provider) {
  const { score, slots } = provider;
  const running =
    slots === null
      ? `${provider.attempts_live} running`
      : `${provider.attempts_live} of ${slots.limit} running`;
  const waiting = slots?.waiting ? `, ${slots.waiting} wait` : "";
  // A score is up to four seconds old, so it may not know yet that its provider is down.
  const isGood = score.recommended && provider.state === "healthy";
  const scored = `score ${Math.round(score.overall)}${isGood ? ", recommended" : ""}`;
  const facts = [provider.kind, scored, running + waiting];
  if (provider.beyond_soft_limit) facts.push("beyond its soft limit");
  return facts.join(" · ");
}

function updatePart(node, value) {
  const [bar, text] = node.lastElementChild.children;
  bar.firstElementChild.style.width = `${value}%`;
  setText(text, String(Math.round(value)));
}

function breakerOf(provider) {
  return provider.endpoints
    .map((endpoint, index) => {
      const name = provider.endpoints.length > 1 ? `Endpoint ${index + 1}: breaker` : "Breaker";
      const failures = endpoint.failures
        ? `, ${endpoint.failures} failed in a row (${endpoint.reason})`
        : "";
      const retry = endpoint.retry_in_seconds
        ? `, next try in ${duration(endpoint.retry_in_seconds * 1000)}`
        : "";
      const hint = endpoint.hint ? `: ${endpoint.hint}` : "";
      return `${name} ${BREAKERS[endpoint.state]}${failures}${retry}${hint}.`;
    })
    .join(" ");
}

function makeModel(model) {
  return el(
    "li",
    { className: "model" },
    el(
      "div",
      { className: "title" },
      el("span", { className: "model-name" }, model.name),
      el("span", { className: "state" }),
    ),
    makeCurve(),
    el("p", { className: "times" }),
    el("p", { className: "quiet" }),
  );
}

function updateModel(node, model) {
  const [title, curve, times, notes] = node.children;
  setState(title.lastElementChild, model.state);
  const { points = [], samples = 0 } = model.first_token ?? {};
  setAttribute(node, "data-seen", String(points.length > 0));
  updateCurve(curve, points, model.name);
  setText(
    times,
    points.length
      ? `first token ${quantiles(points)} · ${many(samples, "sample")}`
      : "first token: not seen yet",
  );
  setText(notes, [priceOf(model), ...limitsOf(model), ...troubleOf(model)].join(" · "));
}

function priceOf(model) {
  const spent =
    model.spent_usd === null ? "" : `, ${dollars(model.spent_usd)} spent since the start`;
  if (model.price === null) return `no known price${spent}`;
  if (model.price.input === 0 && model.price.output === 0) return `free${spent}`;
  return `${dollars(model.price.input)} in, ${dollars(model.price.output)} out per million${spent}`;
}

function limitsOf(model) {
  const left = Object.entries(model.limits_left).map(
    ([limit, number]) => `${count(number)} ${limit} left`,
  );
  const used = Object.entries(model.limits_used_up).map(
    ([limit, seconds]) => `no ${limit} left for ${duration(seconds * 1000)}`,
  );
  return [...left, ...used];
}

function troubleOf(model) {
  const trouble = [];
  if (model.cooling_for_seconds > 0)
    trouble.push(`cooling for ${duration(model.cooling_for_seconds * 1000)}`);
  if (model.failures) trouble.push(`${model.failures} failed in a row (${model.reason})`);
  if (model.retry_in_seconds)
    trouble.push(`next try in ${duration(model.retry_in_seconds * 1000)}`);
  return trouble;
}
