"""`omen chat`: a conversation, each of whose answers is a race.

With `--url`, a gateway that already serves runs the races. Without it, a gateway inside this
process does, on the providers of `omen.toml`, or on simulated ones if there are none. Questions
that come from a file or a pipe, one on each line, are answered with nothing but the answers.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from omen.cli._chat_input import piped_lines, typed_lines
from omen.cli._chat_state import Conversation, described
from omen.cli._runner import Runner, add_runner_options, open_runner
from omen.cli._screen import Screen, TextScreen, screen_for
from omen.cli._session import Cancelled, Session
from omen.cli._shown import shown
from omen.core.errors import OmenError

_COMMAND = re.compile(r"/[a-z]*")
_LEAVING = frozenset({"/exit", "/quit"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to its parser."""
    parser.add_argument("--strategy", default="race", help="default: race")
    parser.add_argument("--k", type=int, help="how many candidates may be used")
    parser.add_argument("--providers", default="", help="allowed providers, separated by commas")
    parser.add_argument("--model", help="default: auto; omen-demo on simulated providers")
    add_runner_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Chat until the person leaves; return 1 if a piped question had no answer."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    try:
        with Session(open_runner(args)) as session:
            conversation = Conversation(
                args.model or session.default_model,
                args.strategy,
                args.k,
                [name for name in args.providers.split(",") if name],
            )
            chat = _Chat(session, conversation, is_terminal=is_terminal)
            if is_terminal:
                print(f"{conversation.model} by {conversation.strategy}; /help lists the commands")
            return chat.run(typed_lines() if is_terminal else piped_lines(sys.stdin))
    except OmenError as error:
        print(f"omen chat: {error.message}", file=sys.stderr)
        return 1


class _Chat:
    """One conversation with a person or a pipe."""

    def __init__(self, session: Session, conversation: Conversation, *, is_terminal: bool) -> None:
        self._session = session
        self._conversation = conversation
        self._is_terminal = is_terminal
        self._status = 0

    def run(self, lines: Iterator[str]) -> int:
        """Answer each text, and return the exit status."""
        for line in lines:
            word = (line.split() or [""])[0]
            if word in _LEAVING:
                break
            if not word:
                continue
            try:
                self._take(line, word)
            except Cancelled:
                if not self._is_terminal:
                    return 130
                print("cancelled")
            except OmenError as error:
                self._status = 0 if self._is_terminal else 1
                print(f"omen chat: {shown(error.message)}", file=sys.stderr)
        return self._status

    def _take(self, line: str, word: str) -> None:
        """Do what a text says. **Raises.** `OmenError`, `Cancelled`."""
        if "\n" in line or not _COMMAND.fullmatch(word):
            self._ask(line)
            return
        printed = self._conversation.command(line)
        if printed is None and word == "/providers":
            self._conversation.choose_providers(line.split()[1:] or self._conversation.providers)
            known = self._session.run(lambda runner: runner.providers())
            printed = described(known, self._conversation.providers)
        print(shown(printed or f"there is no command {word}; /help lists those that there are"))

    def _ask(self, question: str) -> None:
        """Race for an answer. What was seen of one that is cancelled stays in the conversation."""
        body = self._conversation.body(question)
        screen = _Kept(screen_for(sys.stdout) if self._is_terminal else TextScreen(sys.stdout))

        async def race(runner: Runner) -> Mapping[str, Any]:
            return await runner.race(body, screen)

        try:
            self._conversation.report = self._session.run(race)
            self._conversation.keep(question, screen.answer)
        except Cancelled:
            self._conversation.keep(question, screen.answer)
            raise
        finally:
            screen.close()


class _Kept:
    """A screen that keeps the answer, unchanged, for the next request."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._pieces: list[str] = []
        self.show = screen.show
        self.close = screen.close

    @property
    def answer(self) -> str:
        """The answer so far."""
        return "".join(self._pieces)

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._screen.add(text)

    def restart(self) -> None:
        self._pieces.clear()
        self._screen.restart()
