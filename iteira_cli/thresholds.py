"""What a load must keep: `p95>1.5s` is crossed when it is so."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass

from iteira_cli.errors import Usage

SECONDS = ("p50", "p90", "p95", "p99", "mean", "max", "lag")
COUNTS = ("lost", "doubled", "out_of_order", "stray", "failed", "expired", "refused", "unanswered", "repeated")
SHARES = ("error_rate",)
RATES = ("throughput",)
METRICS = (*SECONDS, *COUNTS, *SHARES, *RATES)
"""`lag` is the generator's own lateness (p99), `error_rate` the share of messages without a reply, `throughput`
replies a second; the others are as in the verdict and the latencies of the report."""

COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
FORM = re.compile(r"\s*(?P<metric>\w+)\s*(?P<is>>=|<=|>|<)\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|%|)\s*")
UNITS = {"ms": 0.001, "s": 1.0, "%": 0.01, "": 1.0}


@dataclass(frozen=True, slots=True)
class Threshold:
    """Crossed when `metric` `comparison` `value`: seconds, a share of 1, or a number."""

    text: str
    metric: str
    comparison: str
    value: float

    def crossed(self, figures: Mapping[str, float | None]) -> bool:
        """A figure that there is not (a latency without any reply) crosses every threshold."""
        figure = figures[self.metric]
        return figure is None or COMPARISONS[self.comparison](figure, self.value)


def threshold(text: str) -> Threshold:
    """Raises `Usage`."""
    match = FORM.fullmatch(text)
    if match is None:
        raise Usage(f"--fail-if {text!r}: expected a condition like 'p95>1.5s', 'lost>0' or 'error_rate>1%'")
    metric, unit = match["metric"], match["unit"]
    if metric not in METRICS:
        raise Usage(f"--fail-if {text!r}: no figure is called {metric}; there are {', '.join(METRICS)}")
    expected = {"ms", "s"} if metric in SECONDS else {"%"} if metric in SHARES else {""}
    if unit not in expected:
        example = "1.5s or 200ms" if metric in SECONDS else "1%" if metric in SHARES else "10, without a unit"
        raise Usage(f"--fail-if {text!r}: {metric} is compared with a value like {example}")
    return Threshold(text.strip(), metric, match["is"], float(match["value"]) * UNITS[unit])
