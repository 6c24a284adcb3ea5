"""Whatever an upstream sends, a provider answers with events or with an `UpstreamFailure`."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omen.core.errors import UpstreamFailure
from omen.core.frames import Frame
from omen.providers import KINDS
from tests.providers.assemble import Answer
from tests.providers.fixtures import decode, fixtures
from tests.providers.patience import patient

STREAMS = fixtures("stream")

values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 700) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List where something in a JSON value could be replaced."""
    found = [path] if path else []
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, inner in value.items() if isinstance(value, dict) else ():
        found += paths(inner, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], by: object) -> Any:
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


@settings(patient, max_examples=400)
@given(data=st.data())
def test_a_stream_with_any_one_value_replaced_by_another(data: st.DataObject) -> None:
    fixture = data.draw(st.sampled_from(STREAMS))
    frames = list(fixture.frames([fixture.body]))
    at = data.draw(st.integers(0, len(frames) - 1))
    with suppress(ValueError):  # [DONE] has no values in it
        value = json.loads(frames[at].data)
        changed = replaced(value, data.draw(st.sampled_from(paths(value))), data.draw(values))
        frames[at] = Frame(json.dumps(changed).encode(), frames[at].event)
    answer = Answer()
    with suppress(UpstreamFailure):
        for event in decode(fixture.decoder(), frames):
            answer.add(event)
    assert isinstance(answer.content, str)


@pytest.mark.parametrize("kind", sorted(KINDS))
@patient
@given(status=st.integers(100, 599), body=values | st.fixed_dictionaries({"error": values}))
def test_an_answer_with_any_body(kind: str, status: int, body: object) -> None:
    failure = KINDS[kind].classify(status, {}, json.dumps(body).encode())
    assert len(failure.message) <= 500
    assert failure.status >= 400


@pytest.mark.parametrize("kind", sorted(KINDS))
@patient
@given(body=st.binary(max_size=40))
def test_an_answer_that_is_no_json(kind: str, body: bytes) -> None:
    KINDS[kind].classify(500, {}, body)
