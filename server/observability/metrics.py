"""Figures for Prometheus: of the whole installation, from the store, so they hold across workers, nodes and restarts.

Whichever process is asked, of whichever node, tells the same; what a worker told before it died stays in the sums, and
its gauges go with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from server.models import Totals, Worker
from server.observability import standing
from server.observability.catalogue import CATALOGUE, Measured
from server.observability.health import Check
from server.observability.quiet import Silence
from server.observability.tally import buckets_of, count_of, series_of

STATUSES = ("ok", "degraded", "unavailable")
ROLES = ("all", "intake", "worker")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the store has said. `gone`: workers that died within the last hour; `counted`: see `Presence`."""

    totals: Totals
    workers: Sequence[Worker]
    gone: int
    counted: Mapping[str, float]
    since: Silence
    now: float


def exposition(seen: Seen | None, checks: Mapping[str, Check], accept: str) -> tuple[bytes, str]:
    """The figures and their content type: OpenMetrics where `accept`, the request's header, asks for it.

    `seen` is None while the store is away: then only the parts are told.
    """
    registry = CollectorRegistry()
    registry.register(_Figures([*(_of_store(seen) if seen else ()), *_of_parts(checks)]))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Figures(Collector):
    def __init__(self, figures: Sequence[Metric]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from self._figures


def _of_store(seen: Seen) -> Iterator[Metric]:
    yield from _of_messages(seen.totals, seen.now)
    yield from _of_counts(seen.counted)
    yield from _of_line(seen.since)
    yield from _of_workers(seen.workers, seen.gone)
    yield from _of_knowledge(seen.workers)


def _of_messages(totals: Totals, now: float) -> Iterator[Metric]:
    ended = CounterMetricFamily("iteira_messages", "Messages that ended, by state.", labels=["state"])
    ended.add_metric(["sent"], totals.messages_processed)
    ended.add_metric(["failed"], totals.errors)
    ended.add_metric(["expired"], totals.expired)
    yield ended
    replies = CounterMetricFamily("iteira_replies", "Replies delivered, by who composed them.", labels=["by"])
    for by, count in sorted(totals.answered_by.items()):
        replies.add_metric([by], count)
    yield replies
    yield GaugeMetricFamily("iteira_queue_depth", "Messages that wait or are worked on.", totals.queue_depth)
    oldest = totals.oldest_waiting_since
    waited = max(0.0, now - oldest) if oldest else 0.0
    yield GaugeMetricFamily("iteira_queue_oldest_seconds", "How long the oldest of them has waited.", waited)
    sessions = GaugeMetricFamily("iteira_sessions", "Sessions, known and active.", labels=["which"])
    sessions.add_metric(["known"], totals.total_sessions)
    sessions.add_metric(["active"], totals.active_sessions)
    yield sessions


def _of_counts(counted: Mapping[str, float]) -> Iterator[Metric]:
    for what in CATALOGUE:
        labels = list(what.labels)
        if isinstance(what, Measured):
            histogram = HistogramMetricFamily(what.name, what.about, labels=labels)
            for values in series_of(counted, what):
                buckets, seconds = buckets_of(counted, what, values)
                histogram.add_metric(list(values), buckets, seconds)
            yield histogram
        else:
            counter = CounterMetricFamily(what.name, what.about, labels=labels)
            for values in series_of(counted, what):
                counter.add_metric(list(values), count_of(counted, what, values))
            yield counter


def _of_line(since: Silence) -> Iterator[Metric]:
    last = "When the last message came, Unix seconds; NaN before the first."
    at = math.nan if since.last_at is None else since.last_at
    yield GaugeMetricFamily("iteira_last_message_timestamp_seconds", last, at)
    quiet = "1 while the line is silent for longer than is usual for this hour of the week."
    yield GaugeMetricFamily("iteira_unusually_quiet", quiet, float(since.unusual))


def _of_workers(workers: Sequence[Worker], gone: int) -> Iterator[Metric]:
    roles = standing.summed(workers, standing.ROLE)
    living = GaugeMetricFamily("iteira_workers", "Workers that report themselves, by role.", labels=["role"])
    for role in ROLES:
        living.add_metric([role], roles.get(role, 0))
    yield living
    yield GaugeMetricFamily("iteira_workers_gone", "Workers that died within the last hour.", gone)
    under_way = sum(worker.turns for worker in workers)
    yield GaugeMetricFamily("iteira_turns_under_way", "Turns that workers are at.", under_way)
    circuits = GaugeMetricFamily(
        "iteira_circuit_open", "Workers that do not ask this consultant for a while, since it failed.", labels=["by"]
    )
    for by, count in standing.summed(workers, standing.CIRCUIT_OPEN).items():
        circuits.add_metric([by], count)
    yield circuits
    cpu = GaugeMetricFamily("iteira_worker_cpu", "Processors that a worker keeps busy.", labels=["worker"])
    memory = GaugeMetricFamily("iteira_worker_memory_bytes", "What of it is in memory.", labels=["worker"])
    lag = GaugeMetricFamily("iteira_worker_loop_lag_seconds", "How late its event loop was lately.", labels=["worker"])
    for name, worker in _numbered(workers):
        cpu.add_metric([name], math.nan if worker.cpu is None else worker.cpu)
        memory.add_metric([name], math.nan if worker.memory is None else worker.memory)
        lag.add_metric([name], worker.gauges.get(standing.LOOP_LAG, math.nan))
    yield from (cpu, memory, lag)


def _numbered(workers: Sequence[Worker]) -> Iterator[tuple[str, Worker]]:
    """Workers by host and place among those of the host: ids of their own would make new series with every restart."""
    places: Counter[str] = Counter()
    for worker in workers:
        places[worker.host] += 1
        yield f"{worker.host}:{places[worker.host]}", worker


def _of_knowledge(workers: Sequence[Worker]) -> Iterator[Metric]:
    """Of several workers the one is told that knows least, or the oldest."""
    for name, key, about, choose in (
        ("iteira_knowledge_documents", standing.DOCUMENTS, "Documents that are searched.", min),
        ("iteira_knowledge_files", standing.FILES, "Files they come from.", min),
        ("iteira_knowledge_problems", standing.PROBLEMS, "Files and parts that cannot be used.", max),
        ("iteira_knowledge_updated_timestamp_seconds", standing.UPDATED, "When they were read, Unix seconds.", min),
    ):
        yield GaugeMetricFamily(name, about, choose(standing.told_by(workers, key), default=math.nan))


def _of_parts(checks: Mapping[str, Check]) -> Iterator[Metric]:
    parts = GaugeMetricFamily("iteira_part_status", "1 for the status of each part.", labels=["part", "status"])
    for part, check in checks.items():
        for status in STATUSES:
            parts.add_metric([part, status], float(check.status == status))
    yield parts
    build = GaugeMetricFamily("iteira_build_info", "1, with the version.", labels=["version"])
    build.add_metric([program_version()], 1)
    yield build


def program_version() -> str:
    """Of this program, as it is installed."""
    try:
        return version("iteira")
    except PackageNotFoundError:
        return "unknown"
