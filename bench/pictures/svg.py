"""A small writer of SVG.

Every number has at most two decimals, so that the bytes do not depend on the machine. Pictures are
light or dark as their reader's screen is, and have no script and no link.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_LIGHT = {
    "card": "#ffffff", "edge": "#d1d9e0", "ink": "#1f2328", "dim": "#59636e", "wait": "#c8d1da",
    "held": "#8cb9f2", "won": "#1a7f37", "lost": "#9a6700", "failed": "#cf222e", "hedge": "#0969da",
}  # fmt: skip
_DARK = {
    "card": "#0d1117", "edge": "#3d444d", "ink": "#f0f6fc", "dim": "#9198a1", "wait": "#3d444d",
    "held": "#316dca", "won": "#3fb950", "lost": "#d29922", "failed": "#f85149", "hedge": "#4493f8",
}  # fmt: skip


def number(value: float) -> str:
    """Return a number with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def rect(kind: str, x: float, y: float, width: float, height: float, *, round_: float = 2) -> str:
    """Return a rectangle of a colour."""
    box = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    return f'<rect class="{kind}" {box} rx="{number(round_)}"/>'


def line(kind: str, x1: float, y1: float, x2: float, y2: float, *, more: str = "") -> str:
    """Return a line of a colour."""
    ends = f'x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
    return f'<line class="{kind} line" {ends}{more}/>'


def polyline(kind: str, points: Sequence[tuple[float, float]]) -> str:
    """Return a line through points."""
    path = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polyline class="{kind} line" points="{path}"/>'


def circle(kind: str, x: float, y: float, radius: float) -> str:
    """Return a dot of a colour."""
    return f'<circle class="{kind}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>'


def words(kind: str, x: float, y: float, text: str) -> str:
    """Return a text of a colour, from `x` on."""
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}">{escape(text)}</text>'


def picture(width: int, height: int, title: str, parts: Sequence[str], style: str = "") -> str:
    """Return a whole picture on a card."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(title)}">'
    )
    card = rect("card edged", 0.5, 0.5, width - 1, height - 1, round_=8)
    body = [f"<title>{escape(title)}</title>", f"<style>{_style()}{style}</style>", card, *parts]
    return "\n".join([head, *body, "</svg>", ""])


def _style() -> str:
    base = (
        "text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
        "paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}"
        ".head{font:600 15px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--ink)}"
        ".small{font-size:11px}.end{text-anchor:end}.mid{text-anchor:middle}"
        ".line{fill:none;stroke-width:1.5}.edged{stroke:var(--edge)}"
    )
    colours = "".join(f".{name}{{fill:var(--{name})}}" for name in _LIGHT)
    lines = "".join(f".{name}.line{{fill:none;stroke:var(--{name})}}" for name in _LIGHT)
    dark = f"@media (prefers-color-scheme:dark){{:root{{{_values(_DARK)}}}}}"
    return f":root{{{_values(_LIGHT)}}}{dark}{base}{colours}{lines}"


def _values(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())
