// The figures at the top: requests, extra load, money, and what waits or is refused.

import { el, keyed, setText } from "./dom.js";
import { count, dollars, duration, many, mebibytes, percent } from "./format.js";

/** Draw the figures of an overview; `usage` is what the ledger says of this month, or null. */
export function drawFigures(list, overview, usage) {
  keyed(list, figures(overview, usage), (figure) => figure.name, makeFigure, updateFigure);
}

function figures(overview, usage) {
  const { requests, hedging, money } = overview;
  return [
    requestFigure(requests),
    {
      name: "Attempts running",
      value: count(requests.attempts_live),
      notes: [
        requests.sockets_in_use === null ? "" : `${many(requests.sockets_in_use, "socket")} in use`,
        `${mebibytes(requests.bytes_in_flight)} held`,
      ],
    },
    {
      name: "Extra load",
      value: percent(hedging.extra_load_ratio),
      notes: [
        `of ${percent(hedging.max_extra_load)} allowed, over ten minutes`,
        `${count(hedging.sent)} sent, ${count(hedging.won)} won, ${count(hedging.denied)} denied`,
        `budget ${hedging.tokens} of ${hedging.tokens_at_most}`,
      ],
      share: hedging.max_extra_load ? hedging.extra_load_ratio / hedging.max_extra_load : null,
    },
    todayFigure(usage),
    monthFigure(money, usage),
    queueFigure(requests),
  ];
}

function requestFigure(requests) {
  const cache =
    requests.cache_hit_rate === null ? "" : `cache hits ${percent(requests.cache_hit_rate)}`;
  return {
    name: "Requests running",
    value: count(requests.live),
    notes: [
      `${count(requests.answered)} answered`,
      `${count(requests.failed)} failed, ${count(requests.cancelled)} cancelled`,
      cache,
    ],
  };
}

function todayFigure(usage) {
  if (usage === null) return { name: "Today", value: "–", notes: ["no ledger to ask"] };
  return {
    name: "Today",
    value: dollars(usage.today.cost),
    notes: [
      `race premium ${dollars(usage.today.premium)}`,
      `${many(usage.today.requests, "request")} in the ledger`,
    ],
  };
}

function monthFigure(money, usage) {
  const premium = usage === null ? "" : `race premium ${dollars(usage.month.premium)}`;
  if (!money.known)
    return { name: "This month", value: "–", notes: ["not known: the ledger is away", premium] };
  return {
    name: "This month",
    value: dollars(money.spent_usd),
    notes: [money.limit_usd === null ? "no budget" : `of ${dollars(money.limit_usd)}`, premium],
    share: money.limit_usd ? money.spent_usd / money.limit_usd : null,
  };
}

function queueFigure(requests) {
  const admission = requests.admission;
  const slots = `${count(requests.waiting_for_slots)} wait for a slot`;
  if (admission === null)
    return {
      name: "Queue",
      value: count(requests.waiting_for_slots),
      notes: [slots, "admission is off"],
    };
  return {
    name: "Queue",
    value: count(admission.waiting),
    notes: [
      slots,
      `${count(admission.refused)} refused (load shed)`,
      `pressure ${admission.pressure}, lag ${duration(admission.lag_ms)}`,
    ],
  };
}

function makeFigure(figure) {
  const notes = el("dd", { className: "notes" });
  const bar = el("span", { className: "bar", ariaHidden: "true" }, el("i"));
  return el(
    "div",
    { className: "figure panel" },
    el("dt", {}, figure.name),
    el("dd", { className: "value" }),
    el("dd", { className: "gauge" }, bar),
    notes,
  );
}

function updateFigure(node, figure) {
  const [, value, gauge, notes] = node.children;
  setText(value, figure.value);
  const share = figure.share ?? null;
  gauge.hidden = share === null;
  if (share !== null)
    gauge.firstElementChild.firstElementChild.style.width = `${Math.min(100, 100 * share)}%`;
  setText(notes, figure.notes.filter((note) => note).join(" · "));
}

/** Add up the ledger's days. The last day is today, in UTC. */
export function sumUsage(days, today) {
  const sums = {
    today: { cost: 0, premium: 0, requests: 0 },
    month: { cost: 0, premium: 0, requests: 0 },
  };
  for (const day of days) {
    for (const sum of day.day === today ? [sums.today, sums.month] : [sums.month]) {
      sum.cost += day.cost_usd ?? 0;
      sum.premium += day.premium_usd ?? 0;
      sum.requests += day.requests;
    }
  }
  return sums;
}
