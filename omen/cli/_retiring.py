"""Warnings at the start about models that their vendor switches off soon, or has switched off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from omen.gateway import ServedModel

NOTICE = timedelta(days=30)


def retirement_warnings(models: Iterable[ServedModel], today: date) -> Iterator[str]:
    """Yield a warning for each model that is switched off, or will be within 30 days."""
    for model in models:
        if model.card.retires is None:
            continue
        day = date.fromisoformat(model.card.retires)
        if day <= today:
            yield f"{model.provider}/{model.model} was announced to be switched off on {day}"
        elif day - today <= NOTICE:
            yield f"{model.provider}/{model.model} will be switched off on {day}"
