"""Prompts of a file, and the requests that are made of them."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from omen.load.prompts import bodies, read_prompts, synthetic

HELLO = [{"role": "user", "content": "hello"}]


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_line_is_a_text_or_a_conversation_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    said = [{"role": "system", "content": "be brief"}, *HELLO]
    path = written(tmp_path, '{"prompt": "hello"}', "", json.dumps({"messages": said, "id": 7}))
    assert read_prompts(path) == [HELLO, said]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("secret words", ":2 is not JSON"),
        ('["secret words"]', ":2 has neither"),
        ('{"text": "secret words"}', ":2 has neither"),
        ('{"prompt": ""}', ":2 has neither"),
        ('{"messages": ["secret words"]}', ":2 has neither"),
        ('{"messages": []}', ":2 has neither"),
    ],
)
def test_a_line_that_is_no_prompt_is_named_and_not_quoted(
    tmp_path: Path, line: str, words: str
) -> None:
    path = written(tmp_path, '{"prompt": "hello"}', line)
    with pytest.raises(ValueError, match=words) as caught:
        read_prompts(path)
    assert "secret" not in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no prompt"):
        read_prompts(written(tmp_path))


def test_requests_take_turns_and_ask_for_a_stream_with_its_usage() -> None:
    other = [{"role": "user", "content": "bye"}]
    told = [json.loads(body) for body in islice(bodies([HELLO, other], "m", 9, {}), 3)]
    assert [one["messages"] for one in told] == [HELLO, other, HELLO]
    assert told[0] == {
        "model": "m",
        "max_tokens": 9,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": HELLO,
    }
    (hinted,) = islice(bodies([HELLO], "m", 9, {"strategy": "race"}), 1)
    assert json.loads(hinted)["omen"] == {"strategy": "race"}


def test_synthetic_prompts_have_about_the_words_that_were_asked_for() -> None:
    prompts = synthetic(200, Random(1))
    assert {len(str(prompt[0]["content"]).split()) for prompt in prompts} == {200}
    assert prompts == synthetic(200, Random(1)) != synthetic(200, Random(2))
