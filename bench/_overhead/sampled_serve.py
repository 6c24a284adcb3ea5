"""`python -m bench._overhead.sampled_serve FILE serve …`: `omen serve …`, sampled into FILE."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench._overhead.sampler import sampling, write_samples
from omen.cli.main import main as run_omen


def main(argv: Sequence[str]) -> int:
    """Run `omen` unchanged; when it has ended, write the samples to the file."""
    file, *rest = argv
    with sampling() as samples:
        status = run_omen(rest)
    write_samples(Path(file), samples)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
