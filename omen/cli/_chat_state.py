"""A conversation, and how its next question is asked: pure, from commands to requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

HELP = """\
/strategy [NAME [K]]    show or choose the strategy, and how many candidates it may use
/providers [A,B|all]    show the providers, or allow only some
/model [NAME]           show or choose the model
/explain                show what happened in the last race
/clear                  forget the conversation
/help                   show this
/exit                   leave, as Ctrl-D does, and Ctrl-C at an empty prompt
Ctrl-C cancels an answer that is running. A pasted text may have several lines."""


class Conversation:
    """The messages so far, and the choices of the person."""

    def __init__(self, model: str, strategy: str, k: int | None, providers: Sequence[str]) -> None:
        self.model = model
        self.strategy = strategy
        self.k = k
        self.providers = tuple(providers)
        self.messages: list[dict[str, str]] = []
        self.report: Mapping[str, Any] | None = None
        """Of the last race; None before it."""

    def body(self, question: str) -> dict[str, Any]:
        """Return the request for the next question."""
        hints: dict[str, Any] = {"strategy": self.strategy}
        if self.k is not None:
            hints["k"] = self.k
        if self.providers:
            hints["providers"] = list(self.providers)
        asked = {"role": "user", "content": question}
        return {
            "model": self.model,
            "messages": [*self.messages, asked],
            "stream": True,
            "omen": hints,
        }

    def keep(self, question: str, answer: str) -> None:
        """Keep a turn. One without any answer is forgotten, so that it can be asked again."""
        if answer:
            self.messages += [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]

    def command(self, line: str) -> str | None:
        """Carry out a command that needs nobody else, and return what to print.

        None: it is no command of this kind.
        """
        name, *words = line.split()
        commands: dict[str, Callable[[list[str]], str]] = {
            "/strategy": self._choose_strategy,
            "/model": self._choose_model,
            "/explain": lambda _: explained(self.report),
            "/clear": self._clear,
            "/help": lambda _: HELP,
        }
        return commands[name](words) if name in commands else None

    def choose_providers(self, words: Sequence[str]) -> None:
        """Allow only some providers; `all` allows every provider again."""
        named = [name for word in words for name in word.split(",") if name]
        self.providers = () if named == ["all"] else tuple(named)

    def _choose_strategy(self, words: list[str]) -> str:
        if words:
            k = words[1] if len(words) > 1 else None
            if k is not None and not (k.isascii() and k.isdigit() and int(k) > 0):
                return f"K is a number from 1, found {k!r}"
            self.strategy, self.k = words[0], None if k is None else int(k)
        return f"strategy: {self.strategy}" + ("" if self.k is None else f", k = {self.k}")

    def _choose_model(self, words: list[str]) -> str:
        if words:
            self.model = words[0]
        return f"model: {self.model}"

    def _clear(self, _: list[str]) -> str:
        self.messages.clear()
        self.report = None
        return "the conversation is forgotten"


def explained(report: Mapping[str, Any] | None) -> str:
    """Return what a report (the `omen` object) says, as lines."""
    if not report:
        return "no race has run yet"
    head = f"{report['strategy']}: {report['winner'] or 'no winner'}"
    if report.get("committed_ms") is not None:
        head += f", committed after {report['committed_ms']:.0f} ms"
    if report.get("cost_usd") is not None:
        head += f", {report['cost_usd']:.6f} USD in all"
    lines = [head, *([f"  {report['order']}"] if report.get("order") else [])]
    lines += [_attempt_line(attempt) for attempt in report["attempts"]]
    lines += [f"  left out: {one['name']}: {one['reason']}" for one in report.get("left_out", ())]
    return "\n".join(lines)


def described(providers: Sequence[Mapping[str, Any]], chosen: Sequence[str]) -> str:
    """Return the providers as lines; `*` marks those that may be asked."""
    lines = []
    for provider in providers:
        name = provider["provider_id"]
        mark = "*" if not chosen or {name, provider["kind"]} & set(chosen) else " "
        models = ", ".join(provider["models"]) or "any model"
        lines.append(f"{mark} {name} ({provider['kind']}), {provider['state']}: {models}")
    return "\n".join(lines)


def _attempt_line(attempt: Mapping[str, Any]) -> str:
    line = f"  {attempt['provider']}/{attempt['model']}  {attempt['role']}  {attempt['outcome']}"
    if attempt.get("ended_ms") is not None:
        line += f" after {attempt['ended_ms']:.0f} ms"
    if attempt.get("tokens") is not None:
        line += f", {attempt['tokens']} tokens"
    return line + (f": {attempt['reason']}" if attempt.get("reason") else "")
