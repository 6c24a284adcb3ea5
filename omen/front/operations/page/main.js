// The page: what is polled and listened to, and where it is drawn. Nothing runs in a hidden tab.

import { events, forgetKey, getJson, hasKey, keepKey, send } from "./api.js";
import { offerModels, offerStrategies, prepareAsk } from "./ask.js";
import { drawCards } from "./cards.js";
import { byId, setText } from "./dom.js";
import { drawFigures, sumUsage } from "./figures.js";
import { ago, duration } from "./format.js";
import { drawLegend, drawRaces } from "./lanes.js";
import { Races } from "./races.js";
import { drawFailures, drawKeys } from "./tables.js";
import { prepareTheme } from "./theme.js";
import { openTimeline, prepareTimeline } from "./timeline.js";
import { Watch } from "./watch.js";

const OVERVIEW_MS = 2000;
const USAGE_MS = 10_000;
const USAGE_SHARE = 30;
const FEED_MS = 1000;
const DRAW_MS = 250;
const SHOWN_RACES = 8;
const FOLLOWED_RACES = 8;

const races = new Races(24);
let overview = null;
let usage = null;
let isPaused = false;
let hasModels = false;

async function lookAtOverview(signal) {
  overview = await getJson("/omen/overview", signal);
  if (signal.aborted) return; // the tab was hidden meanwhile: start nothing
  show("board");
  races.takeOverview(overview.races, overview.now_unix);
  setText(byId("status"), statusOf(overview.service));
  const upMs = (overview.now_unix - overview.service.started_unix) * 1000;
  setText(byId("service"), `${overview.service.version}, up ${duration(upMs)}`);
  offerStrategies(overview.service);
  drawFigures(byId("figures"), overview, usage);
  drawCards(byId("providers"), overview.providers);
  drawKeys(overview.keys);
  drawFailures(byId("failures"), overview.failures, overview.now_unix, openTimeline);
  document.documentElement.dataset.seen = String(overview.now_unix);
  usageWatch.start();
  feedWatch.start();
}

function statusOf(service) {
  const away = service.away.length ? `; away: ${service.away.join(", ")}` : "";
  return service.status === "ready" ? `Ready${away}` : `Not ready: ${service.status}${away}`;
}

/** Ask the ledger for the days of this month, for a small share of the time: it looks at rows. */
async function lookAtUsage(signal) {
  if (!hasModels) await offerModels(signal);
  hasModels = true;
  const { ledger } = overview.service;
  if (ledger === null || ledger.away) return;
  const asked = performance.now();
  const today = new Date().toISOString().slice(0, 10);
  const report = await getJson(
    `/admin/usage?by=day&since=${today.slice(0, 8)}01&until=${today}`,
    signal,
  );
  usage = sumUsage(report.data, today);
  usageWatch.pauseMs = Math.max(USAGE_MS, USAGE_SHARE * (performance.now() - asked));
  drawFigures(byId("figures"), overview, usage);
}

async function listen(signal) {
  const feed = await send(`/omen/races/live?races=${FOLLOWED_RACES}`, { signal });
  document.documentElement.dataset.feed = "open";
  try {
    for await (const data of events(feed)) races.takeMoment(JSON.parse(data));
  } finally {
    document.documentElement.dataset.feed = "closed";
  }
}

function draw() {
  if (isPaused || byId("board").hidden) return;
  const shown = races.latest(SHOWN_RACES);
  byId("no-races").hidden = shown.length > 0;
  drawRaces(byId("races"), shown, performance.now(), openTimeline);
}

function show(part) {
  byId("board").hidden = part !== "board";
  byId("sign-in").hidden = part !== "sign-in";
  byId("sign-out").hidden = !hasKey() || part !== "board";
}

function onOverviewError(error) {
  if (error.status !== 401 && error.status !== 403) {
    const since = overview ? `; last seen ${ago(overview.now_unix, Date.now() / 1000)}` : "";
    setText(byId("status"), `${error.message}${since}`);
    return;
  }
  const wasShown = hasKey();
  forgetKey();
  stop();
  if (error.status === 401 || wasShown) {
    setText(
      byId("sign-in-reason"),
      wasShown
        ? `The key was refused: ${error.message}`
        : "This gateway has keys. The page needs one with the admin role.",
    );
    setText(byId("status"), "A key is needed");
    show("sign-in");
    byId("key").focus();
  } else {
    setText(byId("status"), error.message);
  }
}

const overviewWatch = new Watch(lookAtOverview, OVERVIEW_MS, onOverviewError);
const usageWatch = new Watch(lookAtUsage, USAGE_MS, () => {});
const feedWatch = new Watch(listen, FEED_MS, () => {});
let drawing = null;

function start() {
  overviewWatch.start();
  drawing ??= setInterval(draw, DRAW_MS);
  document.documentElement.dataset.watching = "true";
}

function stop() {
  for (const watch of [overviewWatch, usageWatch, feedWatch]) watch.stop();
  clearInterval(drawing);
  drawing = null;
  document.documentElement.dataset.watching = "false";
}

function prepare() {
  prepareTheme();
  prepareTimeline();
  prepareAsk(openTimeline);
  drawLegend(byId("legend"));
  byId("pause").addEventListener("click", () => {
    isPaused = !isPaused;
    byId("pause").setAttribute("aria-pressed", String(isPaused));
  });
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    keepKey(byId("key").value.trim());
    byId("key").value = "";
    setText(byId("status"), "Connecting …");
    start();
  });
  byId("sign-out").addEventListener("click", () => {
    forgetKey();
    location.reload();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  if (!document.hidden) start();
}

prepare();
