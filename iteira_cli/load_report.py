"""What a load has shown, as one document with stable keys; the report on a page and comparisons are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from iteira_cli.thresholds import Threshold

if TYPE_CHECKING:
    from iteira_cli.load import Outcome
    from iteira_cli.load_monitor import Sample
    from mock_server.figures import Observation
    from mock_server.traffic import Plan

FORMAT = 1
"""Of the document: another number where a key has changed its meaning."""
LATE = 0.1
"""Seconds (p99) that the generator may be late before that is said: it is part of every latency."""
KEPT = 0.98
"""Share of the rate asked for that counts as having kept it."""

COMPARED = (
    *("latency.p50", "latency.p95", "latency.p99", "latency.max", "throughput"),
    *("verdict.answered", "verdict.failed", "verdict.refused", "verdict.lost", "verdict.doubled"),
    *("daemon.cpu_per_message", "daemon.memory_peak", "generator.lag.p99"),
)
"""Figures that `--compare` sets beside each other."""


def document(outcome: Outcome, chaos: str, seed: int, thresholds: Sequence[Threshold]) -> dict[str, Any]:
    """Durations and times are seconds, sizes bytes, moments ISO 8601 in UTC."""
    from mock_server.figures import histogram, latencies, series, spread

    traffic = outcome.traffic
    seen = sorted(traffic.observations, key=lambda each: each.intended_at)
    took = outcome.ended - outcome.began
    waits = latencies(seen)
    content: dict[str, Any] = {
        "format": FORMAT,
        "began_at": datetime.fromtimestamp(outcome.began, UTC).isoformat(timespec="seconds"),
        "took": took,
        "plan": _plan(traffic.plan, chaos, seed),
        "calls": len(traffic.callers),
        "messages": len(traffic.sent),
        "throughput": len(waits) / took if took else 0.0,
        "latency": asdict(spread(waits)),
        "webhook": asdict(spread(each.webhook_at - each.intended_at for each in seen)),
        "generator": _generator(outcome, seen),
        "verdict": _verdict(outcome),
        "refused_deliveries": outcome.refusals,
        "limited_deliveries": outcome.limited,
        "last_refusal": outcome.last_refusal,
        "faults_met": outcome.faults_met,
        "daemon": _daemon(outcome.samples, len(seen)),
        "series": [asdict(second) for second in series(seen, outcome.began)],
        "histogram": [asdict(bar) for bar in histogram(waits)],
    }
    measured = figures(content)
    content["thresholds"] = [
        {"condition": each.text, "figure": measured[each.metric], "crossed": each.crossed(measured)}
        for each in thresholds
    ]
    return content


def _plan(plan: Plan, chaos: str, seed: int) -> dict[str, Any]:
    """Written calls by their names alone."""
    told = asdict(plan)
    scenarios = sorted(told.pop("scripts"))
    return {**told, "scenarios": scenarios, "chaos": chaos, "seed": seed}


def changed_plan(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What of the plan is another than it was; by the seed alone the same is done in another order."""
    earlier = before.get("plan", {})
    return [name for name, value in after["plan"].items() if name != "seed" and earlier.get(name) != value]


def _generator(outcome: Outcome, seen: Sequence[Observation]) -> dict[str, Any]:
    from mock_server.figures import spread

    lag = spread(each.said_at - each.intended_at for each in seen)
    return {
        "lag": asdict(lag),
        "late": lag.p99 is not None and lag.p99 > LATE,
        "kept_rate": _kept_rate(seen, outcome.began),
        "cpu": outcome.generator_cpu,
        "cpu_per_message": outcome.generator_cpu / len(seen) if seen else None,
    }


def _verdict(outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.verdict
    return {
        "clean": verdict.clean,
        "daemon_asked": outcome.daemon_asked,
        "accepted": verdict.accepted,
        "answered": verdict.answered,
        "failed": verdict.failed,
        "expired": verdict.expired,
        "refused": verdict.given_up,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "out_of_order": len(verdict.disordered),
        "stray": len(verdict.stray),
        "repeated": verdict.repeated,
        "fillers": outcome.fillers,
    }


def figures(content: Mapping[str, Any]) -> dict[str, float | None]:
    """What `--fail-if` can ask for, by name."""
    latency, verdict = content["latency"], content["verdict"]
    unanswered = content["messages"] - verdict["answered"]
    return {
        **{name: latency[name] for name in ("p50", "p90", "p95", "p99", "mean", "max")},
        **{
            name: verdict[name]
            for name in ("lost", "doubled", "out_of_order", "stray", "failed", "expired", "refused", "repeated")
        },
        "unanswered": unanswered,
        "error_rate": unanswered / content["messages"] if content["messages"] else None,
        "lag": content["generator"]["lag"]["p99"],
        "throughput": content["throughput"],
    }


def _kept_rate(seen: Sequence[Observation], began: float) -> bool:
    """Whether as much was said in a second as was to be said."""
    if not seen:
        return True
    wanted = seen[-1].intended_at - began
    return wanted <= 0 or wanted / (max(each.said_at for each in seen) - began) >= KEPT


def _daemon(samples: Sequence[Sample], messages: int) -> dict[str, Any]:
    """CPU is a share of one core; nothing where the daemon's processes cannot be seen."""
    if len(samples) < 2:
        return {"cpu": None, "cpu_per_message": None, "memory_peak": None, "samples": []}
    cpu = samples[-1].cpu - samples[0].cpu
    return {
        "cpu": cpu,
        "cpu_per_message": cpu / messages if messages else None,
        "memory_peak": max(sample.memory for sample in samples),
        "samples": [
            {
                "at": later.at,
                "cpu": max(later.cpu - earlier.cpu, 0.0) / (later.at - earlier.at),
                "memory": later.memory,
            }
            for earlier, later in pairwise(samples)
            if later.at > earlier.at
        ],
    }


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, float | None, float | None]]:
    """Each figure of `COMPARED` in both documents."""
    return [(name, _at(before, name), _at(after, name)) for name in COMPARED]


def _at(content: Mapping[str, Any], name: str) -> float | None:
    value: Any = content
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, int | float) else None
