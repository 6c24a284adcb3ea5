"""`omen.plan`, where strategies of other packages may still look for their contract."""

from __future__ import annotations

import importlib
import sys

import pytest

import omen.core.plan
import omen.core.records


def test_the_old_place_has_the_same_contract_and_says_where_it_is_now() -> None:
    sys.modules.pop("omen.plan", None)
    with pytest.warns(DeprecationWarning, match=r"omen\.core\.plan"):
        facade = importlib.import_module("omen.plan")
    for name in facade.__all__:
        home = omen.core.plan if hasattr(omen.core.plan, name) else omen.core.records
        assert getattr(facade, name) is getattr(home, name)
