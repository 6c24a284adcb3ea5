"""A tiny language model for llama.cpp, written as a GGUF file: readable words, and a known grammar.

The model is a llama of random weights on top of a small automaton. The first dimensions of the
residual stream hold the class of the last token, and no layer writes there; the output matrix turns
a class into a bias for each class that may follow (`_follows`). The other dimensions are random and
mixed by attention, so that the choice between the words of a class depends on every token of the
prompt and its place: a request that OMEN has changed gets another answer at the same seed.

So a reply is made of answer words, thinking is made of thinking words, a call of a tool is begun
where the template says `<|act|>`, and a string of JSON is a name between quotes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import gguf
import numpy as np

from tests.real.template import TEMPLATE


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


WORDS = _list("""
    river stone quiet morning light over under between small wide green grey cloud field bridge
    walks turns rests keeps carries follows the a this that its no every and or but while near
""")
OTHER_WORDS = _list("drum flute loud slow plays sings viola chord tempo rhythm hall choir")
MUSINGS = _list("perhaps maybe first then again still consider compare count check weigh")
NAMES = _list("Oslo Lima Kyoto Accra Quito Porto Hanoi Turin")
NEVER = -30.0
SEED = 20261130


@dataclass(frozen=True)
class Temper:
    """How a model behaves. Its biases are logits; each word of an answer has 0."""

    thinks: bool = False
    """Whether its template opens a thought before each answer."""
    ends: float = 3.0
    """The bias of the end of an answer, behind a full stop. `NEVER`: only a limit ends it."""
    concludes: float = 5.0
    """The bias of the end of a thought, behind its mark."""
    calls_again: float = -6.0
    """The bias of a further call behind a call, against 3 for none."""
    words: tuple[str, ...] = WORDS
    """What its answers are made of. Models of different words show whose answer it is."""
    layers: int = 2
    width: int = 64


TALKER = Temper()
CALLER = Temper(calls_again=3.0)
THINKER = Temper(thinks=True)
RUNNER = Temper(ends=NEVER, layers=8, width=384)
"""Never stops by itself, and is slow enough for its client to leave it in the middle."""
OTHER_RUNNER = replace(RUNNER, words=OTHER_WORDS)

Vocabulary = list[tuple[str, gguf.TokenType, str]]
"""All tokens: text, type, class."""
_T = gguf.TokenType
_CLASSES = ("letter", "line", "word", "stop", "muse", "mark", "name", "sign", "close", "quote")
_CLASSES += ("digit", "reply", "act", "think", "unthink", "call", "called", "end")
_STRENGTH = 8.0
"""How far the class of the last token stands out of the random dimensions."""


def _vocabulary(words: tuple[str, ...]) -> Vocabulary:
    control = [("<unk>", _T.UNKNOWN, "letter"), ("<s>", _T.CONTROL, "letter")]
    control += [("<|end|>", _T.CONTROL, "end")]
    control += [(f"<|{role}|>", _T.CONTROL, "letter") for role in ("system", "user", "tool")]
    control += [("<|reply|>", _T.CONTROL, "reply"), ("<|act|>", _T.CONTROL, "act")]
    raw = [
        (f"<0x{byte:02X}>", _T.BYTE, "line" if byte == ord("\n") else "letter")
        for byte in range(256)
    ]
    marks = [("<think>", "think"), ("</think>", "unthink")]
    marks += [("<tool_call>", "call"), ("</tool_call>", "called"), (".", "stop"), (";", "mark")]
    marks += [(f" {word}", "word") for word in words] + [(f" {word}", "muse") for word in MUSINGS]
    marks += [(name, "name") for name in NAMES]
    marks += [(sign, "sign") for sign in "{[,:"] + [(digit, "digit") for digit in "0123456789"]
    marks += [('"', "quote"), ("}", "close"), ("]", "close")]
    return control + raw + [(text, _T.USER_DEFINED, kind) for text, kind in marks]


def _follows(temper: Temper) -> dict[str, dict[str, float]]:
    """Give the biases of the classes that may follow a class; all others are `NEVER`."""
    words = {"word": 0.0, "sign": -12.0}
    inside = {"quote": 0.0, "digit": 0.0, "sign": 0.0, "close": -1.0}
    return {
        "letter": words,
        "reply": words,
        "word": {"word": 0.0, "stop": 1.5},
        "stop": {"word": 0.0, "end": temper.ends},
        "think": {"muse": 0.0},
        "muse": {"muse": 0.0, "mark": 1.0},
        "mark": {"muse": 0.0, "unthink": temper.concludes},
        "unthink": words,
        "act": {"call": 0.0},
        "call": {"line": 0.0},
        "line": inside,
        "sign": inside,
        "quote": {"name": 0.0, "sign": -12.0, "close": -12.0},
        "name": {"quote": 0.0},
        "digit": {"digit": 0.0, "sign": 4.0, "close": 4.0},
        "close": {"close": 3.0, "called": 3.0, "sign": temper.calls_again},
        "called": {"end": 0.0},
        "end": {"end": 0.0},
    }


def write_model(path: Path, temper: Temper = TALKER) -> Path:
    """Write the model of this temper to `path`; the same bytes every time."""
    vocabulary = _vocabulary(temper.words)
    writer = gguf.GGUFWriter(path, "llama")
    _add_description(writer, temper)
    _add_tokens(writer, vocabulary, temper)
    for name, tensor in _weights(vocabulary, temper).items():
        writer.add_tensor(f"{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _weights(vocabulary: Vocabulary, temper: Temper) -> dict[str, np.ndarray]:
    """Draw the weights; only the embedding and the output know of classes."""
    dice = np.random.default_rng(SEED)
    width, hidden = temper.width, 2 * temper.width
    noise, ones = 1.0 / np.sqrt(width), np.ones(width, np.float32)

    def random(rows: int, columns: int, scale: float = noise) -> np.ndarray:
        return (dice.standard_normal((rows, columns)) * scale).astype(np.float16)

    weights = {"output_norm": ones, "token_embd": random(len(vocabulary), width, 1.0)}
    weights["output"] = random(len(vocabulary), width, 1.5 * noise)
    _add_classes(weights, [_CLASSES.index(kind) for _, _, kind in vocabulary], temper)
    for layer in range(temper.layers):
        block = {"attn_norm": ones, "ffn_norm": ones}
        block |= {name: random(width, width) for name in ("attn_q", "attn_k", "attn_v")}
        block |= {name: random(hidden, width) for name in ("ffn_gate", "ffn_up")}
        block |= {"attn_output": random(width, width), "ffn_down": random(width, hidden)}
        for name in ("attn_output", "ffn_down"):
            block[name][: len(_CLASSES)] = 0  # what writes to the residual stream spares the class
        weights |= {f"blk.{layer}.{name}": tensor for name, tensor in block.items()}
    return weights


def _add_classes(weights: dict[str, np.ndarray], kinds: list[int], temper: Temper) -> None:
    """Let each token say its class, and each class say what may follow."""
    embedding, output, follows = weights["token_embd"], weights["output"], _follows(temper)
    embedding[:, : len(_CLASSES)] = 0
    embedding[np.arange(len(kinds)), kinds] = _STRENGTH
    size = np.sqrt((_STRENGTH**2 + temper.width) / temper.width)  # before the last norm, about
    for index, kind in enumerate(_CLASSES):
        column = [follows[kind].get(_CLASSES[after], NEVER) for after in kinds]
        output[:, index] = np.array(column) * size / _STRENGTH


def _add_description(writer: gguf.GGUFWriter, temper: Temper) -> None:
    heads = 2
    writer.add_name("omen tests")
    writer.add_context_length(8192)
    writer.add_embedding_length(temper.width)
    writer.add_block_count(temper.layers)
    writer.add_feed_forward_length(2 * temper.width)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_rope_dimension_count(temper.width // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)


def _add_tokens(writer: gguf.GGUFWriter, vocabulary: Vocabulary, temper: Temper) -> None:
    texts = [text for text, _, _ in vocabulary]
    writer.add_vocab_size(len(texts))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(texts)
    writer.add_token_scores([0.0] * len(texts))
    writer.add_token_types([int(kind) for _, kind, _ in vocabulary])
    writer.add_unk_token_id(texts.index("<unk>"))
    writer.add_bos_token_id(texts.index("<s>"))
    writer.add_eos_token_id(texts.index("<|end|>"))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE.replace("THINKS", "true" if temper.thinks else "false"))
