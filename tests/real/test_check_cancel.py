"""`omen check --cancel` at a real server: llama.cpp shows its slots."""

from __future__ import annotations

import pytest

from omen.cli._check_cancel import check_cancel
from omen.config import ProviderSettings, Settings
from omen.core.candidates import Quirks
from tests.real.llama import MODEL, LlamaServer

pytestmark = pytest.mark.slow


async def test_llama_cpp_is_seen_to_stop_when_its_client_leaves(
    runners: tuple[LlamaServer, LlamaServer],
) -> None:
    providers = {
        name: ProviderSettings(
            name=name,
            kind="openai_compatible",
            base_urls=(f"{server.url}/v1",),
            models=(MODEL,),
            quirks=Quirks(cancel_stops_billing=assumed),
        )
        for name, server, assumed in zip(("a", "b"), runners, (False, True), strict=True)
    }
    measured = await check_cancel(Settings(providers=providers), lambda found: None)
    assert [one.verdict for one in measured] == ["stops", "stops"], measured
    assert all(one.because.startswith("/slots of llama.cpp, after ") for one in measured)
    assert [one.hint for one in measured] == [
        "set cancel_stops_billing = true in [providers.a.quirks]",
        "",
    ]
