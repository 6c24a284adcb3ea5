"""The text of a model, fit for a terminal.

A terminal obeys its input: ESC sequences move the cursor, change the title, write the clipboard or
answer as if the user had typed. A model repeats what was in its prompt, so its text is not trusted.

**Source.** ECMA-48 (control functions: C0, DEL and C1) and Unicode TR 36, section 2.5
(bidirectional text spoofing), read 2026-12-01.
"""

from __future__ import annotations

from unicodedata import category

_KEPT = frozenset("\n\t\u00ad\u200c\u200d")
"""Line ends, tabs, and the formats that scripts and emoji are written with."""
_REPLACED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PICTURES = 0x2400
"""Where Unicode has a visible character for each of the first 32 controls."""


def shown(text: str) -> str:
    r"""Return a text whose controls are visible characters: ESC becomes `␛`.

    Line ends and tabs stay. A carriage return is left out, so that `\r\n` is one line end also
    where it is cut in two.
    """
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def one_line(text: str) -> str:
    """Return the same without line ends and tabs, for a name or a reason within a line."""
    return "".join(c if c.isprintable() else " " for c in text)


def _shown(character: str) -> str:
    if character in _KEPT or category(character) not in _REPLACED:
        return character
    if character == "\r":
        return ""
    code = ord(character)
    if code < 0x20:
        return chr(_PICTURES + code)
    return "\u2421" if code == 0x7F else "\ufffd"
