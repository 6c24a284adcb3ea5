// The timeline of one race, in a dialog: its lanes, its moments, and why it went as it did.

import { ApiError, getJson } from "./api.js";
import { byId, el } from "./dom.js";
import { dollars, duration } from "./format.js";
import { drawRaces } from "./lanes.js";
import { Races, raceOf } from "./races.js";

/** Prepare the dialog. */
export function prepareTimeline() {
  byId("timeline-close").addEventListener("click", () => byId("timeline").close());
}

let wanted = "";

/** Open the timeline of a race. */
export async function openTimeline(raceId) {
  const body = byId("timeline-body");
  wanted = raceId;
  body.replaceChildren(el("p", { className: "quiet" }, "Loading …"));
  if (!byId("timeline").open) byId("timeline").showModal();
  try {
    const race = await find(encodeURIComponent(raceId));
    if (wanted === raceId) body.replaceChildren(...describe(race));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (wanted === raceId)
      body.replaceChildren(el("p", {}, `The race cannot be shown: ${error.message}`));
  }
}

/** Return a race of this process, else the one that the ledger has. */
async function find(id) {
  try {
    return await getJson(`/omen/races/${id}`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    return ofLedger(await getJson(`/admin/races/${id}`));
  }
}

function ofLedger(past) {
  const moments = past.attempts.flatMap((attempt) =>
    [
      ["started", attempt.started_ms],
      ["first token", attempt.first_token_ms],
      ["committed", attempt.committed_ms],
      [attempt.outcome, attempt.ended_ms],
    ].map(([moment, t_ms]) => ({
      moment,
      t_ms,
      attempt: attempt.attempt,
      name: `${attempt.provider}/${attempt.model}`,
    })),
  );
  const timeline = moments.filter((one) => one.t_ms !== null).sort((a, b) => a.t_ms - b.t_ms);
  return { ...past, state: "ended", ended_ms: past.duration_ms, order: "in the ledger", timeline };
}

function describe(race) {
  const lanes = el("ol", { className: "races" });
  const races = new Races(1);
  races.takeOverview([raceOf(race)], Date.now() / 1000);
  drawRaces(lanes, races.latest(1), performance.now(), null);
  return [factsOf(race), lanes, attemptsOf(race), momentsOf(race)];
}

function factsOf(race) {
  const facts = {
    Race: race.race_id,
    Request: race.request_id,
    Accepted: new Date(race.accepted_unix * 1000).toISOString().replace("T", " "),
    Strategy: race.strategy,
    Intent: race.intent ?? "–",
    Order: race.order ?? "as given",
    Winner: race.winner ?? "none",
    "Hedge delay": duration(race.hedge_delay_ms),
    Cost: dollars(race.cost_usd),
    "Race premium": dollars(race.race_premium_usd),
    ...Object.fromEntries(
      (race.left_out ?? []).map((one) => [`Left out: ${one.name}`, one.reason]),
    ),
  };
  const rows = Object.entries(facts).map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value)),
  );
  return el("dl", { className: "race-details" }, ...rows);
}

function attemptsOf(race) {
  const items = race.attempts.map((attempt, index) => {
    const cost = `${dollars(attempt.cost_usd)} (${attempt.provenance})`;
    const name = `${index} ${attempt.provider}/${attempt.model}`;
    const facts = [name, attempt.role, attempt.outcome.replace("_", " "), cost].join(", ");
    return el("li", {}, attempt.reason ? `${facts}: ${attempt.reason}` : facts);
  });
  return el("ul", { className: "attempts" }, ...items);
}

function momentsOf(race) {
  const rows = race.timeline.map((one) =>
    el(
      "tr",
      {},
      el("td", { className: "number" }, duration(one.t_ms)),
      el("td", {}, String(one.attempt)),
      el("td", {}, one.moment.replace("_", " ")),
      el("td", { className: "name" }, one.name),
    ),
  );
  const head = ["Time", "Attempt", "Moment", "Candidate"].map((name) =>
    el("th", { scope: "col" }, name),
  );
  const table = el(
    "table",
    {},
    el("caption", { className: "unseen" }, "Moments"),
    el("thead", {}, el("tr", {}, ...head)),
    el("tbody", {}, ...rows),
  );
  return el(
    "div",
    { className: "scrolled", tabIndex: 0, role: "region", ariaLabel: "Moments of the race" },
    table,
  );
}
