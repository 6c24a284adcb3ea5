"""The one estimate of tokens: near the count of a tokenizer of today, for texts and for media."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omen.core.chat import ChatRequest, FilePart, ImagePart, Message, TextPart
from omen.core.media_size import ANY_FILE, ANY_PICTURE, file_size, picture_size
from omen.core.prompt_size import UNITS_PER_TOKEN, measure_prompt, text_units

COUNTED = {
    "english": (
        35,
        "A gateway takes a request, sends it to several providers and passes on the first useful"
        " answer. Whoever loses the race is cancelled at once, and every token is accounted for.",
    ),
    "german": (
        33,
        "Ein Gateway nimmt eine Anfrage an, schickt sie an mehrere Anbieter und reicht die erste"
        " brauchbare Antwort weiter. Wer das Rennen verliert, wird sofort abgebrochen.",
    ),
    "simplified Chinese": (
        58,
        "网关接收请求,将其同时发送给多个供应商,并转发第一个有用的回答。输掉比赛的一方会立即被取消,"
        "每一个令牌都会被计入账目。请用一句话解释这种做法的优点和缺点。",
    ),
    "traditional Chinese": (
        74,
        "閘道接收請求,將其同時傳送給多個供應商,並轉發第一個有用的回答。輸掉比賽的一方會立即被取消,"
        "每一個權杖都會被計入帳目。請用一句話解釋這種做法的優點和缺點。",
    ),
    "Japanese": (
        70,
        "ゲートウェイはリクエストを受け取り、複数のプロバイダーに送信して、最初に役立つ回答を転送します。"
        "競争に負けた側はすぐに取り消され、すべての費用が帳簿に記録されます。",
    ),
    "kana": (
        52,
        "さいしょのこたえがとどいたら、ほかのリクエストはすぐにキャンセルします。"
        "むずかしいことばをつかわないで、わかりやすくせつめいしてください。",
    ),
    "Korean": (
        48,
        "게이트웨이는 요청을 받아 여러 공급자에게 보내고 가장 먼저 도착한 유용한 답변을 전달합니다."
        " 경쟁에서 진 쪽은 즉시 취소되며 모든 비용은 장부에 기록됩니다.",
    ),
    "code": (
        51,
        "def add(numbers: list[int]) -> int:\n"
        '    """Return the sum of the even numbers."""\n'
        "    total = 0\n"
        "    for number in numbers:\n"
        "        if number % 2 == 0:\n"
        "            total += number\n"
        "    return total\n",
    ),
}
"""Texts, and their tokens by o200k_base, counted with bpe-openai 0.1.4 on 2026-11-30."""


@pytest.mark.parametrize(("counted", "text"), COUNTED.values(), ids=list(COUNTED))
def test_a_text_is_estimated_to_a_fifth(counted: int, text: str) -> None:
    assert text_units(text) / UNITS_PER_TOKEN == pytest.approx(counted, rel=0.2)


@given(st.lists(st.text()))
def test_pieces_of_a_text_add_up_to_it(pieces: list[str]) -> None:
    assert sum(map(text_units, pieces)) == text_units("".join(pieces))


@given(st.text())
def test_an_estimate_is_never_above_the_bytes(text: str) -> None:
    assert 0 <= text_units(text) <= UNITS_PER_TOKEN * len(text.encode())


@pytest.mark.parametrize("text", [text for _, text in COUNTED.values()], ids=list(COUNTED))
@pytest.mark.parametrize("times", [1_000, 30_000])
def test_a_long_text_is_estimated_from_a_sample(text: str, times: int) -> None:
    assert text_units(text * times) == pytest.approx(times * text_units(text), rel=0.01)


def data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x06\0\0\0"


def jpeg(width: int, height: int) -> bytes:
    preview = b"\xff\xe1" + struct.pack(">H", 20_002) + bytes(20_000)
    frame = b"\xff\xc2\0\x11\x08" + struct.pack(">HH", height, width)
    return b"\xff\xd8" + preview + b"\xff" + frame + bytes(20)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(20)


def webp(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + size


def webp_lossy(width: int, height: int) -> bytes:
    frame = b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0" + frame


def webp_lossless(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    return b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + bits.to_bytes(4, "little") + bytes(8)


PICTURES = [png, jpeg, gif, webp, webp_lossy, webp_lossless]


@pytest.mark.parametrize("write", PICTURES)
def test_a_picture_is_a_token_for_750_pixels_and_large_ones_are_made_smaller(write) -> None:  # type: ignore[no-untyped-def]
    assert picture_size(data_url("image/any", write(200, 200))) == (0, 54, 1_200)
    assert picture_size(data_url("image/any", write(1000, 600))) == (0, 800, 3_200)
    assert picture_size(data_url("image/any", write(4000, 3000))) == (0, 1_600, 6_000)


@pytest.mark.parametrize(
    "url",
    [
        "https://x.test/a.png",
        "data:image/png;base64,",
        "data:image/png;base64,!!!",
        "data:image/png;base64,A",
        "data:image/png,raw",
        data_url("image/png", png(0, 5)),
        data_url("image/png", png(3, 3)[:20]),
        data_url("image/jpeg", b"\xff\xd8" + b"\xff" * 50),
        data_url("image/jpeg", b"\xff\xd8\xff\xe0\0\0\xff\xe0\0\0"),
        data_url("image/webp", b"RIFF\0\0\0\0WEBPVP9 " + bytes(20)),
    ],
)
def test_one_whose_size_is_not_to_be_seen_has_the_bounds_of_any(url: str) -> None:
    assert picture_size(url) == ANY_PICTURE


@given(st.binary(max_size=80), st.sampled_from([b"", b"\xff\xd8", b"GIF8", b"RIFF\0\0\0\0WEBPVP8"]))
def test_the_bounds_of_any_bytes_are_in_order(data: bytes, magic: bytes) -> None:
    for url in (data_url("image/any", magic + data), data_url("application/pdf", magic + data)):
        for size in (picture_size(url), file_size(url)):
            assert 0 <= size.at_least <= size.likely <= size.at_most


def test_a_document_is_its_pages() -> None:
    pages = b"1 0 obj<</Type/Pages/Count 3>>endobj" + b"<</Type /Page /Parent 1 0 R>>" * 3
    assert file_size(data_url("application/pdf", b"%PDF-1.7" + pages)) == (0, 6_900, 13_800)
    hidden = b"%PDF-1.7 <</Type/Pages/Count 2>>" + bytes(1000)
    assert file_size(data_url("application/pdf", hidden)) == (0, 4_600, 9_200)
    boast = b"%PDF-1.7 <</Type/Pages/Count 999999>>" + bytes(1000)
    assert file_size(data_url("application/pdf", boast)).at_most < 100_000
    scanned = data_url("application/pdf", b"%PDF-1.7" + bytes(149_992))
    assert file_size(scanned) == (0, 6_900, 13_800)
    assert file_size(data_url("text/plain", b"x" * 400)) == (0, 100, 400)
    assert file_size("https://x.test/a.pdf") == ANY_FILE


def test_media_are_part_of_a_prompt() -> None:
    shown = (TextPart("hi"), ImagePart(data_url("image/png", png(750, 750))))
    document = FilePart(data_url("text/plain", b"x" * 400))
    plain = measure_prompt(ChatRequest((Message("user", shown[:1]),)))
    whole = measure_prompt(ChatRequest((Message("user", (*shown, document)),)))
    assert whole.likely - plain.likely == 750 + 100
    assert whole.at_most - plain.at_most == 3_000 + 400
