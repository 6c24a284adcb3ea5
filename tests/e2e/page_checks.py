"""What can be said of a page's looks without eyes: clipped, overlapping, inaccessible."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.e2e.devtools import Tab

ROOT = Path(__file__).parents[2]
NODE = Path(os.environ.get("OMEN_NODE", ROOT / "build" / "node"))
AXE = NODE / "node_modules/axe-core/axe.min.js"
"""Where `.ci/run` puts axe-core."""
WIDTHS = (360, 768, 1440)
_CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
_OBJECT = _CHECKS[_CHECKS.index("({") :].strip()


async def clipped(tab: Tab) -> list[str]:
    """Return what is outside of the page, or cut off."""
    return list(await tab.evaluate(f"{_OBJECT}.clipped()"))


async def overlapping(tab: Tab) -> list[str]:
    """Return the texts that lie over each other."""
    return list(await tab.evaluate(f"{_OBJECT}.overlapping()"))


async def violations(tab: Tab) -> list[Any]:
    """Return what axe-core finds that is serious or critical."""
    await tab.evaluate(f"{AXE.read_text(encoding='utf-8')}; true")
    found = await tab.evaluate(f"{_OBJECT}.violations()")
    return [one for one in found if one[0] in ("serious", "critical")]
