"""`omen chat` and `omen race` on real terminals and in pipes, over configured providers."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import BOUND, environment, omen, run, running, served_at
from tests.cli.terminal import CTRL_C, CTRL_D, typing

pytestmark = pytest.mark.slow

PASTED = "\x1b[200~{}\x1b[201~"
"""What a terminal sends for pasted text, once a program has asked for that."""
BANNER = "/help lists the commands"


class Upstream:
    """An OpenAI-compatible server that keeps what it is asked. `hold` keeps answers from ending."""

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, str]]] = []
        self.say = "A plain answer with enough words."
        self.hold = threading.Event()
        self.hold.set()
        self.folder = Path()

    def configure(self, folder: Path, url: str) -> None:
        self.folder = folder
        (folder / "omen.toml").write_text(
            f'[providers.up]\nkind = "openai_compatible"\nbase_url = "{url}/v1"\nmodels = ["m"]\n'
            "[health]\nprobe = false\n"
        )


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    up = Upstream()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            up.asked.append([(m["role"], m["content"]) for m in body["messages"]])
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            self.chunk({"content": up.say})
            up.hold.wait(BOUND)
            with suppress(OSError):  # whoever asked has left
                self.chunk({}, finish_reason="stop")
                self.wfile.write(b"data: [DONE]\n\n")

        def chunk(self, delta: Any, **more: Any) -> None:
            choice = {"index": 0, "delta": delta, **more}
            data = {"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        up.configure(tmp_path, f"http://127.0.0.1:{server.server_address[1]}")
        try:
            yield up
        finally:
            up.hold.set()
            server.shutdown()
            thread.join()


def piped(cwd: Path, text: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        omen("chat", *args),
        cwd=cwd,
        env=environment(),
        input=text,
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


def test_a_race_on_a_terminal_has_colours_and_no_row_wider_than_it(tmp_path: Path) -> None:
    with typing(tmp_path, "race", "hello", width=50) as terminal:
        assert terminal.wait() == 0
    assert "\x1b[1;32m" in terminal.written
    lanes = terminal.rows[:3]
    assert all(row.startswith("sim-") for row in lanes)
    assert max(map(len, terminal.rows)) <= 50
    assert any("answering" in row for row in terminal.rows[4:])


def test_a_race_without_a_server_runs_on_the_configured_providers_and_is_booked(
    upstream: Upstream, tmp_path: Path
) -> None:
    done = run(tmp_path, "race", "hello", "--model", "up/m")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == upstream.say
    assert upstream.asked == [[("user", "hello")]]
    usage = run(tmp_path, "usage", "--by", "provider")
    assert re.search(r"^up +1\b", usage.stdout, re.MULTILINE), usage.stdout


def test_piped_questions_get_answers_and_nothing_else(upstream: Upstream, tmp_path: Path) -> None:
    done = piped(tmp_path, "one\n\n  \ntwo\n", "--model", "up/m")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{upstream.say}\n{upstream.say}\n"
    answer = ("assistant", upstream.say)
    assert upstream.asked == [[("user", "one")], [("user", "one"), answer, ("user", "two")]]


def test_a_piped_question_without_an_answer_is_an_error_and_the_next_one_is_asked(
    upstream: Upstream, tmp_path: Path
) -> None:
    done = piped(tmp_path, "/model nobody/x\none\n/model up/m\ntwo\n/exit\nthree\n")
    assert done.returncode == 1
    assert done.stderr.startswith("omen chat: ")
    assert upstream.asked == [[("user", "two")]]


def test_a_conversation_by_a_running_gateway(upstream: Upstream, tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--port", "0", until="serving on") as (_, printed):
        text = "one\n/providers\n/explain\ntwo\n"
        done = piped(tmp_path, text, "--url", served_at(printed), "--model", "up/m")
    assert (done.returncode, done.stderr) == (0, "")
    assert "* up (openai_compatible)" in done.stdout
    assert "up/m  primary  won" in done.stdout
    assert len(upstream.asked[1]) == 3


def test_an_escape_of_a_model_is_shown_and_not_obeyed(upstream: Upstream, tmp_path: Path) -> None:
    upstream.say = "before \x1b]0;owned\x07\x1b[2J after, with enough words."
    done = piped(tmp_path, "one\n", "--model", "up/m")
    assert done.stdout == "before ␛]0;owned␇␛[2J after, with enough words.\n"
    with typing(tmp_path, "race", "hello", "--model", "up/m") as terminal:
        assert terminal.wait() == 0
    assert "\x1b]0;" not in terminal.written
    assert "\x1b[2J" not in terminal.written
    assert upstream.asked[0] == [("user", "one")]


def test_ctrl_c_cancels_the_answer_and_not_the_program(upstream: Upstream, tmp_path: Path) -> None:
    upstream.hold.clear()
    with typing(tmp_path, "chat", "--model", "up/m") as terminal:
        terminal.wait_for(BANNER)
        terminal.wait_for("› ")
        terminal.type("one\r")
        terminal.wait_for("plain answer")
        terminal.type(CTRL_C)
        terminal.wait_for("cancelled")
        terminal.wait_for("› ")
        upstream.hold.set()
        terminal.type("two\r")
        terminal.wait_for("complete")
        terminal.wait_for("› ")
        terminal.type("not sent")
        terminal.wait_for("not sent")
        terminal.type(CTRL_C)
        terminal.wait_for("› ", again=CTRL_C)
        terminal.type(CTRL_C)
        assert terminal.wait(again=CTRL_C) == 0
    # What was seen of the cancelled answer stays in the conversation.
    answer = ("assistant", upstream.say)
    assert upstream.asked == [[("user", "one")], [("user", "one"), answer, ("user", "two")]]
    assert "Traceback" not in terminal.written


def test_ctrl_d_leaves(upstream: Upstream, tmp_path: Path) -> None:
    with typing(tmp_path, "chat", "--model", "up/m") as terminal:
        terminal.wait_for("› ")
        terminal.type(CTRL_D)
        assert terminal.wait() == 0


@pytest.mark.parametrize("form", [PASTED, "{}"], ids=["marked", "unmarked"])
def test_a_pasted_text_of_several_lines_is_one_question(
    form: str, upstream: Upstream, tmp_path: Path
) -> None:
    with typing(tmp_path, "chat", "--model", "up/m") as terminal:
        terminal.wait_for("› ")
        terminal.type(form.format("def f():\r    return 1\rexplain this") + "\r")
        terminal.wait_for("complete")
        terminal.wait_for("› ")
        terminal.type("/exit\r")
        assert terminal.wait() == 0
    assert upstream.asked == [[("user", "def f():\n    return 1\nexplain this")]]


def test_commands_are_carried_out_at_the_prompt(upstream: Upstream, tmp_path: Path) -> None:
    with typing(tmp_path, "chat", "--model", "up/m", width=120) as terminal:
        for line, words in [
            ("/strategy single", "strategy: single"),
            ("/providers", "* up (openai_compatible), unknown: m"),
            ("/nope", "there is no command /nope"),
            ("/help", "/clear"),
            ("/etc/passwd is what?", "complete"),
            ("/explain", "single: up/m"),
            ("/clear", "forgotten"),
        ]:
            terminal.wait_for("› ")
            terminal.type(f"{line}\r")
            terminal.wait_for(words)
        terminal.wait_for("› ")
        terminal.type("/exit\r")
        assert terminal.wait() == 0
    assert upstream.asked == [[("user", "/etc/passwd is what?")]]


def test_a_mistake_in_the_configuration_is_named_as_by_serve(tmp_path: Path) -> None:
    (tmp_path / "omen.toml").write_text("[server]\nprot = 1\n")
    for args in (["chat"], ["race", "hello"]):
        done = run(tmp_path, *args)
        assert done.returncode == 2
        assert "did you mean port?" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_gateway_that_is_away_is_named(tmp_path: Path) -> None:
    done = piped(tmp_path, "hello\n", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith("omen chat: cannot connect")
