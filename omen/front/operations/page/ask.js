// The box that sends a raced prompt, and shows its lanes and its answer while they come.

import { ApiError, events, getJson, send } from "./api.js";
import { byId, el, keyed, setText } from "./dom.js";
import { duration } from "./format.js";
import { drawRaces } from "./lanes.js";
import { Races, raceOf } from "./races.js";

const LONGEST_ANSWER = 200_000;
const DRAW_MS = 100;
const LAST_MOMENTS_MS = 2000;

/** Prepare the box. `open` is called with a race whose timeline is wanted. */
export function prepareAsk(open) {
  let stopping = null;
  byId("stop").addEventListener("click", () => stopping?.abort());
  byId("ask").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (stopping) return;
    stopping = new AbortController();
    setBusy(true);
    try {
      await new Question(open).run(stopping.signal);
    } finally {
      stopping.abort();
      stopping = null;
      setBusy(false);
    }
  });
}

/** Offer the strategies of the gateway, and its models. */
export function offerStrategies(service) {
  const select = byId("strategy");
  const chosen =
    select.value || (service.strategies.includes("race") ? "race" : service.strategies[0]);
  keyed(
    select,
    service.strategies,
    (name) => name,
    (name) => el("option", { value: name }, name),
    () => {},
  );
  select.value = chosen;
  byId("k").max = String(service.max_k);
}

/** Offer the models that may be asked for. */
export async function offerModels(signal) {
  const { data } = await getJson("/v1/models", signal);
  const names = ["auto", ...data.map((model) => model.id)].slice(0, 200);
  keyed(
    byId("models"),
    names,
    (name) => name,
    (name) => el("option", { value: name }),
    () => {},
  );
}

function setBusy(isBusy) {
  byId("send").disabled = isBusy;
  byId("stop").disabled = !isBusy;
  byId("answer").setAttribute("aria-busy", String(isBusy));
}

/** One question: its request, its lanes and its answer. */
class Question {
  constructor(open) {
    this.open = open;
    this.id = `page_${crypto.getRandomValues(new Uint32Array(2)).join("")}`;
    this.races = new Races(4);
    this.text = "";
    this.began = performance.now();
    this.strategy = byId("strategy").value;
    this.model = byId("model").value;
  }

  async run(stopped) {
    const listening = new AbortController();
    const drawing = setInterval(() => this.draw(), DRAW_MS);
    byId("ask-race").replaceChildren();
    setText(byId("answer"), "");
    setText(byId("ask-status"), "Racing …");
    try {
      const feed = await send(`/omen/races/live?request_id=${this.id}`, {
        signal: listening.signal,
      });
      this.listen(feed).catch(ignoreApiError);
      const usage = await this.answer(stopped);
      setText(
        byId("ask-status"),
        `The answer came in ${duration(performance.now() - this.began)}${usage}.`,
      );
    } catch (error) {
      ignoreApiError(error);
      setText(byId("ask-status"), stopped.aborted ? "Stopped." : `No answer: ${error.message}`);
    } finally {
      await this.finish().catch(ignoreApiError);
      listening.abort();
      clearInterval(drawing);
      this.draw();
    }
  }

  async listen(feed) {
    for await (const data of events(feed)) this.races.takeMoment(JSON.parse(data));
  }

  async answer(stopped) {
    const omen = { strategy: this.strategy };
    if (omen.strategy !== "single") omen.k = byId("k").valueAsNumber;
    const body = {
      model: this.model,
      stream: true,
      messages: [{ role: "user", content: byId("prompt").value }],
      omen,
    };
    const headers = { "content-type": "application/json", "x-request-id": this.id };
    const response = await send("/v1/chat/completions", {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal: stopped,
    });
    for await (const data of events(response)) {
      if (data === "[DONE]") break;
      this.take(JSON.parse(data));
    }
    const winner = [response.headers.get("x-omen-provider"), response.headers.get("x-omen-model")];
    return winner[0] ? ` from ${winner.join("/")}` : "";
  }

  take(chunk) {
    if (chunk.error) throw new ApiError(chunk.error.message ?? "the answer broke off", 0);
    if (chunk.omen?.event === "restart") this.text = "";
    for (const choice of chunk.choices ?? []) this.text += choice.delta?.content ?? "";
    this.text = this.text.slice(0, LONGEST_ANSWER);
  }

  /** Take over how the race ended: its last moments come after the answer, or were missed. */
  async finish() {
    const ends = performance.now() + LAST_MOMENTS_MS;
    while (!this.races.latest(1)[0]?.ended && performance.now() < ends) {
      await new Promise((resolve) => setTimeout(resolve, DRAW_MS));
    }
    const { data } = await getJson(`/omen/races?limit=1&request_id=${this.id}`);
    if (!data.length) return;
    const race = await getJson(`/omen/races/${data[0].race_id}`);
    this.races.takeOverview([raceOf(race)], Date.now() / 1000);
  }

  draw() {
    setText(byId("answer"), this.text);
    const shown = this.races.latest(1);
    for (const race of shown) Object.assign(race, { strategy: this.strategy, model: this.model });
    drawRaces(byId("ask-race"), shown, performance.now(), this.open);
  }
}

function ignoreApiError(error) {
  if (!(error instanceof ApiError)) throw error;
}
