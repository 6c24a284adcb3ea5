"""What the page for operators shows and does, over a running gateway on simulated upstreams."""

from __future__ import annotations

from pathlib import Path

import pytest

from omen.sim import Status
from tests.e2e.browser import CHROMIUM
from tests.e2e.devtools import open_tab
from tests.e2e.keyed import open_team
from tests.e2e.page_board import (
    ask,
    card,
    open_board,
    open_page_with_key,
    shows,
    sign_in,
    state_of,
)
from tests.e2e.page_checks import clipped
from tests.world import upstream, whole

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
QUICK = upstream("quick", first_token=1.0, gap=0.3, tokens=12)
SLOW = upstream("slow", "anthropic", first_token=60.0)
BROKEN = upstream("broken", "ollama", fault=Status(1.0, status=500))
HOSTILE = "<img src=x onerror=alert(1)>"
PHASES = """{
window.phases = {};
const changes = { subtree: true, childList: true, attributes: true };
new MutationObserver(() => {
  for (const lane of document.querySelectorAll("#ask-race .lane")) {
    const name = lane.querySelector(".lane-name").textContent.split("/")[0];
    const seen = (window.phases[name] ??= []);
    if (seen.at(-1) !== lane.dataset.phase) seen.push(lane.dataset.phase);
  }
}).observe(document.getElementById("ask-race"), changes);
}
true
"""


async def test_a_race_started_from_the_page_ends_with_the_right_lanes(tmp_path: Path) -> None:
    async with open_board(tmp_path, QUICK, SLOW, BROKEN) as (served, tab):
        await tab.evaluate(PHASES)
        await ask(tab, "m", "race", 3)
        seen = await tab.evaluate("window.phases")
        assert await tab.evaluate("document.getElementById('answer').textContent") == whole(
            "quick", 12
        )
        await tab.until(shows("#ask-status", "from quick/m"))
        await served.assert_nothing_left()
        (race,) = served.gateway.races
        # The same race is in the list, with the same lanes and what it cost to run it.
        own = f"document.querySelector('#races [data-request=\"{race.request_id}\"]')"
        await tab.until(f"{own}?.dataset.state === 'ended'")
        await tab.until(f"{own}.innerText.includes('failed') && {own}.innerText.includes('won')")
    assert seen["quick"] == ["waiting", "prelude", "relay", "won"]
    assert seen["slow"] == ["waiting", "cancelled"]
    assert seen["broken"][-1] == "failed"


async def test_a_click_on_a_race_opens_its_timeline_and_the_keyboard_does_it_all(
    tmp_path: Path,
) -> None:
    async with open_board(tmp_path, QUICK, BROKEN) as (_, tab):
        await ask(tab, "quick/m,broken/m", "race")
        await tab.evaluate("document.getElementById('main').focus()")
        for _ in range(20):  # the controls before the first race, and a few more
            await tab.press("Tab", 9)
            if await tab.evaluate("document.activeElement.closest('#races') !== null"):
                break
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await tab.evaluate(outline) == "solid"
        await tab.press("Enter", 13, "\r")
        await tab.until("document.getElementById('timeline').open")
        await tab.until("document.querySelector('#timeline-body table') !== null")
        for word in ("quick/m", "broken/m", "committed", "first token", "won"):
            assert await tab.evaluate(shows("#timeline-body", word))
        assert await clipped(tab) == []
        await tab.press("Escape", 27)
        await tab.until("!document.getElementById('timeline').open")
        assert await tab.evaluate("document.activeElement.closest('#races') !== null")


async def test_cards_follow_an_upstream_that_is_slow_fails_is_dead_and_comes_back(
    tmp_path: Path,
) -> None:
    late = upstream("late", first_token=0.3, gap=0.0)
    moody = upstream("moody", "anthropic", first_token=0.0, gap=0.0)
    async with open_board(tmp_path, late, moody) as (_, tab):
        await tab.until(state_of("late", "healthy"))
        await tab.until(state_of("moody", "healthy"))
        await ask(tab, "late/m")
        p50 = "Number(card.querySelector('.times').textContent.match(/p50 ([0-9.]+) ms/)?.[1])"
        await tab.until(
            card("late", f"{p50} >= 300 && card.querySelector('.curve').checkVisibility()")
        )
        await ask(tab, "moody/m")
        with moody.down():
            await ask(tab, "moody/m")
            await tab.until(card("moody", "card.innerText.includes('2 failed in a row')"))
            await ask(tab, "moody/m")
            await tab.until(state_of("moody", "down"))
            await tab.until(card("moody", "/[Bb]reaker open/.test(card.innerText)"))
            await tab.until(shows("#failures", "overloaded (503) at moody/m"))
            await tab.until(shows("#failures", "it is overloaded: wait"))
            assert await tab.evaluate(state_of("late", "healthy"))
        await tab.until(state_of("moody", "recovering", "healthy"))
        await ask(tab, "moody/m")
        await tab.until(state_of("moody", "healthy"))
        await tab.until(card("moody", "/[Bb]reaker closed/.test(card.innerText)"))


async def test_names_and_errors_from_strangers_are_shown_as_text(tmp_path: Path) -> None:
    hostile = upstream("strange", first_token=0.0, gap=0.0, model=HOSTILE)
    async with open_board(tmp_path, hostile) as (_, tab):
        await ask(tab, f"strange/{HOSTILE}")
        await ask(tab, f"strange/<b>{HOSTILE}")
        for place in ("#races", "#providers"):
            await tab.until(shows(place, HOSTILE))
        await tab.until(shows("#failures", f"not_found (404) at strange/<b>{HOSTILE}"))
        assert await tab.evaluate("document.querySelectorAll('main img, main b').length") == 0


async def test_the_timeline_of_a_race_that_the_process_forgot_is_in_the_ledger(
    tmp_path: Path,
) -> None:
    async with open_team(tmp_path, BROKEN, patience=150) as team:
        key = await team.key(admin=True)
        async with open_page_with_key(tmp_path, team.served.url, key) as tab:
            await ask(tab, "broken/m")
            await tab.until("document.querySelector('#failures .open') !== null")
            await team.until_booked(2)
            team.served.gateway.races.clear()
            await tab.evaluate("document.querySelector('#failures .open').click()")
            await tab.until(shows("#timeline-body", "in the ledger"))
            assert await tab.evaluate(shows("#timeline-body", "server_error"))
            assert (
                await tab.evaluate(
                    "document.querySelectorAll('#timeline-body [data-phase=failed]').length"
                )
                == 2
            )


async def test_a_hidden_page_asks_for_nothing(tmp_path: Path) -> None:
    hide = "Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {} }});"
    told = "document.dispatchEvent(new Event('visibilitychange')); true"
    async with open_board(tmp_path, QUICK) as (_, tab):
        await tab.evaluate(hide.format("true") + told)
        await tab.until("document.documentElement.dataset.watching === 'false'")
        await tab.until("document.documentElement.dataset.feed === 'closed'")
        await tab.evaluate(hide.format("false") + told)
        await tab.until("document.documentElement.dataset.feed === 'open'")


async def test_a_key_is_asked_for_once_and_kept_for_the_tab(tmp_path: Path) -> None:
    async with open_team(tmp_path, patience=150) as team:
        admin = await team.key(admin=True)
        plain = await team.key(requests_per_minute=7)
        async with open_tab(tmp_path / "browser") as tab:
            await tab.goto(f"{team.served.url}/dashboard")
            await tab.until("document.activeElement.id === 'key'")
            assert await tab.evaluate("document.getElementById('board').hidden")
            await sign_in(tab, plain)
            await tab.until(shows("#sign-in-reason", "refused"))
            assert await tab.evaluate("sessionStorage.length") == 0
            await sign_in(tab, admin)
            await tab.until("!document.getElementById('board').hidden")
            await tab.until(shows("#keys", "7 of 7 left"))
            await tab.goto(f"{team.served.url}/")
            await tab.until("!document.getElementById('board').hidden")
            await ask(tab, "openai/m")
            await tab.until(shows("#ask-status", "The answer came"))
            await team.until_booked(1)
            await tab.goto(f"{team.served.url}/")
            await tab.until(shows("#figures", "1 request in the ledger"))
            stored = await tab.evaluate("JSON.stringify([{...localStorage}, document.cookie])")
            assert admin not in stored
            assert not [url for url in tab.requested if "sk-omen" in url]
            await tab.evaluate("document.getElementById('sign-out').click()")
            await tab.until("document.activeElement.id === 'key'")


KNOWN = """
import("/dashboard/races.js").then(({ Races, phaseOf }) => {
  const races = new Races(4);
  const moment = (name, t_ms, more) => races.takeMoment({
    race_id: "r", request_id: "q", moment: name, attempt: 0, role: "primary", provider: "p",
    model: "m", t_ms, tokens: 0, outcome: "running", reason: "a secret", ...more });
  const lane = { attempt: 0, name: "p/m", role: "primary", outcome: "running", reason: null,
    tokens: 7, started_ms: 1, first_token_ms: 19, committed_ms: null, ended_ms: null };
  const overview = (state, attempts) => races.takeOverview([{ race_id: "r", request_id: "q",
    accepted_unix: 0, strategy: "race", model: "m", state, ended_ms: null, cost_usd: null,
    premium_usd: null, attempts }], 1);
  const seen = [];
  const look = () => {
    const [race] = races.latest(1);
    const known = race.lanes.get(0);
    seen.push([phaseOf(known), race.ended, known.first_token_ms, known.tokens, known.reason]);
  };
  moment("started", 1); look();
  moment("progressed", 10); look();
  moment("progressed", 20, { tokens: 5 }); look();
  overview("running", [lane]); look();
  moment("committed", 30, { tokens: 9 }); look();
  moment("ended", 40, { tokens: 12, outcome: "won" }); look();
  overview("running", [lane]); look();
  moment("started", 50, { attempt: 1 }); look();
  overview("ended", [{ ...lane, outcome: "won", tokens: 11, ended_ms: 40 }]); look();
  return seen;
})
"""


async def test_what_is_known_of_a_race_is_completed_and_never_taken_back(tmp_path: Path) -> None:
    """Overviews are exact but may be older than a moment, and moments have no exact times."""
    async with open_board(tmp_path, QUICK) as (_, tab):
        assert await tab.evaluate(KNOWN) == [
            ["waiting", False, None, 0, None],
            ["waiting", False, None, 0, None],
            ["prelude", False, 20, 5, None],
            ["prelude", False, 19, 7, None],
            ["relay", False, 19, 9, None],
            ["won", True, 19, 12, None],
            ["won", True, 19, 12, None],
            ["won", False, 19, 12, None],
            ["won", True, 19, 11, None],
        ]
