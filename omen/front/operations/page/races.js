// The races that the page knows. Overviews bring them whole, moments of the live feed bring them up
// to date in between. What is known is never taken back: an overview may be older than a moment.

const TIMES = ["started_ms", "first_token_ms", "committed_ms", "ended_ms"];
const CANCELLED = new Set(["lost", "client_cancelled"]);

/** Return the phase of a lane, in the page's words. */
export function phaseOf(lane) {
  if (lane.outcome === "running") {
    if (lane.committed_ms !== null) return "relay";
    return lane.first_token_ms === null ? "waiting" : "prelude";
  }
  // A draft that was not sent may have been merged, or cut off: the outcome does not say which.
  if (lane.role === "draft" && lane.outcome === "lost") return "draft ended";
  if (CANCELLED.has(lane.outcome)) return "cancelled";
  return lane.outcome.replace("_", " ");
}

/** Races by id, the latest `most` of them. */
export class Races {
  constructor(most) {
    this.most = most;
    this.byId = new Map();
  }

  /** Take over races of an overview. `nowUnix` is the time at which it was made. */
  takeOverview(told, nowUnix) {
    for (const race of told) {
      const known = this.#race(
        race.race_id,
        performance.now() - (nowUnix - race.accepted_unix) * 1000,
      );
      Object.assign(known, {
        requestId: race.request_id,
        strategy: race.strategy,
        model: race.model,
        endedMs: race.ended_ms ?? known.endedMs,
        cost: race.cost_usd ?? known.cost,
        premium: race.premium_usd ?? known.premium,
      });
      for (const lane of race.attempts) takeLane(known, lane, true);
      known.ended = race.state === "ended" || isOver(known);
    }
    this.#forget();
  }

  /** Take over a moment of the live feed. */
  takeMoment(moment) {
    const race = this.#race(moment.race_id, performance.now() - moment.t_ms);
    race.requestId = moment.request_id;
    takeLane(race, laneOf(moment), false);
    race.ended = isOver(race);
    const lanes = [...race.lanes.values()];
    race.endedMs = race.ended
      ? Math.max(...lanes.map((lane) => lane.ended_ms ?? lane.started_ms))
      : null;
    this.#forget();
  }

  /** Return races, the latest first. */
  latest(number) {
    return [...this.byId.values()].sort((a, b) => b.acceptedAt - a.acceptedAt).slice(0, number);
  }

  /** Return the latest race of a request. */
  ofRequest(requestId) {
    return this.latest(this.most).find((race) => race.requestId === requestId);
  }

  #race(id, acceptedAt) {
    let race = this.byId.get(id);
    if (!race) {
      race = {
        id,
        acceptedAt,
        requestId: "",
        strategy: "",
        model: "",
        ended: false,
        endedMs: null,
        cost: null,
        premium: null,
        lanes: new Map(),
      };
      this.byId.set(id, race);
    }
    return race;
  }

  #forget() {
    if (this.byId.size <= 2 * this.most) return;
    this.byId = new Map(this.latest(this.most).map((race) => [race.id, race]));
  }
}

/** Whether no attempt of a race runs. Another one may still begin. */
function isOver(race) {
  return race.lanes.size > 0 && [...race.lanes.values()].every((one) => one.outcome !== "running");
}

/** Take over a lane. Times of an overview are exact; those of moments fill in what is missing. */
function takeLane(race, told, isExact) {
  const known = race.lanes.get(told.attempt);
  if (!known) {
    race.lanes.set(told.attempt, { ...told });
    return;
  }
  for (const name of TIMES)
    known[name] = isExact ? (told[name] ?? known[name]) : (known[name] ?? told[name]);
  if (known.outcome === "running") known.outcome = told.outcome;
  known.reason ??= told.reason;
  const isFinal = isExact && told.outcome !== "running";
  known.tokens = isFinal ? told.tokens : Math.max(known.tokens, told.tokens);
}

/** Return a race as an overview has it, of what `/omen/races/{id}` says. */
export function raceOf(race) {
  const committed = (index) =>
    race.timeline.find((one) => one.attempt === index && one.moment === "committed")?.t_ms ?? null;
  const attempts = race.attempts.map((attempt, index) => ({
    ...attempt,
    attempt: index,
    name: `${attempt.provider}/${attempt.model}`,
    committed_ms: committed(index),
  }));
  return { ...race, model: "", premium_usd: race.race_premium_usd, attempts };
}

function laneOf(moment) {
  const at = moment.t_ms;
  const is = (...names) => (names.includes(moment.moment) ? at : null);
  return {
    attempt: moment.attempt,
    name: `${moment.provider}/${moment.model}`,
    role: moment.role,
    outcome: moment.outcome,
    reason: null, // an upstream's words; overviews have the kind of the failure
    tokens: moment.tokens,
    started_ms: is("started", "denied"),
    first_token_ms: moment.tokens > 0 ? is("progressed") : null,
    committed_ms: is("committed"),
    ended_ms: is("ended"),
  };
}
