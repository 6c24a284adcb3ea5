"""`make pictures`: run the scenes of the docs in virtual time, and draw them to `docs/pictures`.

The same code gives the same bytes, on any machine: nothing here reads a real clock. A test compares
what is committed with a new run.
"""

from __future__ import annotations

from pathlib import Path

from bench.pictures.day import draw_day, play_day
from bench.pictures.lanes import draw_lanes
from bench.pictures.live import draw_live
from bench.pictures.scenes import HEDGE, MERGE, RACE, play

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"


def lane_pictures() -> dict[str, str]:
    """Return the pictures of single requests, by file name."""
    race = play(RACE)
    return {
        "live.svg": draw_live(race),
        "race.svg": draw_lanes(race),
        "hedge.svg": draw_lanes(play(HEDGE)),
        "merge.svg": draw_lanes(play(MERGE)),
    }


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for name, picture in {**lane_pictures(), "day.svg": draw_day(play_day())}.items():
        (FOLDER / name).write_text(picture, encoding="utf-8")
        print(f"docs/pictures/{name}: {len(picture)} bytes")


if __name__ == "__main__":
    main()
