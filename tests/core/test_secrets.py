"""Secrets are sought by their value, in the forms and places where errors have them."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.errors import OmenError
from omen.core.secrets import MASK, SecretHolder, redact, redact_fields

KEY = "Zq7/Rw+2&Lm=9x'Kd\"4Tv^8Bn-1Hs"
"""With characters that every encoding writes in another way."""
WORDS = "correct-horse-battery"


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with closing(SecretHolder([KEY, WORDS, "swordfish"])):
        yield


def basic(user: str) -> str:
    return base64.b64encode(f"{user}:{KEY}".encode()).decode()


FORMS = {
    "as it stands": KEY,
    "url-encoded": quote(KEY, safe=""),
    "url-encoded but for slashes": quote(KEY),
    "as a form": quote_plus(KEY),
    "url-encoded in small letters": quote(KEY, safe="").replace("%2B", "%2b"),
    "url-encoded in every character": "".join(f"%{ord(letter):02x}" for letter in KEY),
    "url-encoded in one character": KEY.replace("q", "%71"),
    "in json": json.dumps(KEY)[1:-1],
    "in json with escaped slashes": json.dumps(KEY)[1:-1].replace("/", "\\/"),
    "in json with escaped letters": KEY.replace("Z", "\\u005a").replace('"', "\\u0022"),
    "in html": html.escape(KEY),
    "in hexadecimal": KEY.encode().hex(),
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "in url-safe base64": base64.urlsafe_b64encode(KEY.encode()).decode(),
    "as basic credentials": basic("u"),
    "as basic credentials of another user": basic("ab"),
    "as basic credentials of a third user": basic("abc"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_masked_in_every_usual_form(form: str) -> None:
    masked = redact(f"the key ({form}) was refused")
    assert MASK in masked
    assert masked.startswith("the key (")
    assert masked.endswith(") was refused")
    assert form[4:-4] not in masked


def test_what_is_no_secret_stays_as_it_is() -> None:
    for text in ("100 % of 5 tokens", "a%20b", "C:\\users\\u0041", "swordfishes", "", "aswordfish"):
        assert redact(text) == text


def test_a_secret_that_is_a_word_is_masked_where_it_stands_alone() -> None:
    assert redact("password=swordfish.") == f"password={MASK}."


@pytest.mark.parametrize("short", ["", "a", "error", "model"])
def test_a_short_secret_blanks_no_word(short: str) -> None:
    with closing(SecretHolder([short])):
        assert redact("the model made an error") == "the model made an error"


def test_neither_does_what_stands_in_the_place_of_a_secret() -> None:
    with closing(SecretHolder(["ollama", "not-needed", "my-model"], public={"my-model"})):
        assert redact("ollama/my-model: not-needed") == "ollama/my-model: not-needed"


def test_keys_of_the_gateways_own_form_are_masked_though_their_values_are_unknown() -> None:
    shown = "sk-omen-0123456789ab-" + "A" * 43
    assert redact(f"got {shown}") == f"got {MASK}"


def test_every_error_is_searched_when_it_is_made() -> None:
    error = OmenError(f"no access with {KEY}")
    assert (error.message, str(error)) == (f"no access with {MASK}",) * 2


def test_a_secret_is_known_as_long_as_somebody_holds_it() -> None:
    first, second = SecretHolder(["another-secret-1"]), SecretHolder(["another-secret-1"])
    for holder, masked in ((first, True), (second, False)):
        holder.close()
        assert (MASK in redact("another-secret-1")) is masked
    assert "another-secret-1" not in repr(second)


@pytest.mark.parametrize("secret", [KEY, WORDS, "swordfish"])
@given(data=st.data())
def test_a_secret_that_is_split_across_two_fields_shows_in_neither(
    secret: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(secret) - 1))
    fields = ["refused: ", "code", None, "type_"]
    order = data.draw(st.sampled_from([(0, 1), (1, 0), (0, 3), (3, 1)]))
    fields[order[0]] = (fields[order[0]] or "") + secret[:at]
    fields[order[1]] = secret[at:] + (fields[order[1]] or "")
    with closing(SecretHolder([KEY, WORDS, "swordfish"])):
        masked = redact_fields(fields)
    joined = "".join(masked[place] or "" for place in order)
    assert secret not in joined
    assert masked[2] is None
    assert MASK in joined


def test_a_piece_of_a_random_secret_is_masked_and_a_piece_of_words_is_not() -> None:
    key = "sk-proj-8fK2mQ9xLp4Rt7Wz1Yb6Nc3"
    with closing(SecretHolder([key])):
        assert redact_fields([f"starts with {key[:20]}, not …{key[-4:]}"]) == [
            f"starts with {MASK}, not …{key[-4:]}"
        ]
        thirds = redact_fields([key[:11], key[11:21], key[21:]])
        assert not [piece for piece in thirds if piece and piece in key and len(piece) >= 10]
    assert redact_fields(["a correct-horse"]) == ["a correct-horse"]


@given(text=st.text(max_size=60))
def test_any_text_can_be_searched_and_no_secret_is_left(text: str) -> None:
    with closing(SecretHolder([KEY])):
        assert KEY not in redact(text + KEY + text)
        redact_fields([text, text[::-1], None])
