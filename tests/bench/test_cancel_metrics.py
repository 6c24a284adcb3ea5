"""The gateway's own figures, read from Prometheus's text."""

from __future__ import annotations

import pytest

from bench._cancel.metrics import OwnAccount, OwnFigures, ask_for_own_account, read_own_figures
from bench._processes import Address
from omen.sim import open_fleet

HISTOGRAM = """\
# HELP omen_cancel_seconds From a cancel to the closed socket.
# TYPE omen_cancel_seconds histogram
omen_cancel_seconds_bucket{cause="lost",le="0.001"} 40.0
omen_cancel_seconds_bucket{cause="lost",le="0.005"} 90.0
omen_cancel_seconds_bucket{cause="lost",le="0.025"} 100.0
omen_cancel_seconds_bucket{cause="lost",le="+Inf"} 100.0
omen_cancel_seconds_count{cause="lost"} 100.0
omen_cancel_seconds_sum{cause="lost"} 0.25
omen_cancel_seconds_bucket{cause="client",le="0.001"} 10.0
omen_cancel_seconds_bucket{cause="client",le="0.005"} 10.0
omen_cancel_seconds_bucket{cause="client",le="+Inf"} 20.0
omen_cancel_seconds_count{cause="client"} 20.0
omen_cancel_seconds_created{cause="client"} 1.7e+09
omen_cancel_seconds_longer_count 7.0
"""


@pytest.mark.parametrize(
    ("text", "figures", "told"),
    [
        (HISTOGRAM, OwnFigures(120, 0.005, 100), "120 cancels, 83.33% within 0.005 s"),
        (
            HISTOGRAM.replace('le="0.005"', 'le="0.0075"'),
            OwnFigures(120, 0.001, 50),
            "120 cancels, 41.67% within 0.001 s",
        ),
        (
            'omen_cancel_seconds{quantile="0.99"} 0.002\nomen_cancel_seconds_count 12\n',
            OwnFigures(12),
            "12 cancels, with no bucket up to 0.005 s",
        ),
        (
            'omen_cancel_seconds_bucket{le="0.005"} 0\nomen_cancel_seconds_count 0\n',
            OwnFigures(0, 0.005, 0),
            "0 cancels, 0.00% within 0.005 s",
        ),
    ],
)
def test_cancels_are_counted_over_all_labels(text: str, figures: OwnFigures, told: str) -> None:
    assert read_own_figures(text) == figures
    assert OwnAccount(figures).to_text() == f"gateway's own omen_cancel_seconds: {told}"


def test_other_metrics_are_none_of_it() -> None:
    assert read_own_figures("omen_requests_total 5.0\n# omen_cancel_seconds_count 5\n") is None


async def test_a_gateway_need_not_have_metrics() -> None:
    async with open_fleet() as (running, *_):
        host, port = running.base_url.removeprefix("http://").split(":")
        account = await ask_for_own_account(Address(host, int(port)))
    assert account.to_text() == "gateway's own omen_cancel_seconds: none, /metrics is a 404"
