"""Figures for Prometheus: of the whole installation, from the store, so they hold across workers, nodes and restarts.

What one process alone knows, how the parts it depends on serve it, is told by the process that was asked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from server.knowledge.base import KnowledgeStatus
from server.models import Totals, Worker
from server.observability.health import Check
from server.observability.quiet import Silence

STATUSES = ("ok", "degraded", "unavailable")
QUANTILES = (0.5, 0.9, 0.99)


def exposition(
    totals: Totals,
    workers: Sequence[Worker],
    checks: Mapping[str, Check],
    knowledge: KnowledgeStatus,
    since: Silence,
    now: float,
    accept: str,
) -> tuple[bytes, str]:
    """The figures and their content type: OpenMetrics where `accept`, the request's header, asks for it."""
    registry = CollectorRegistry()
    figures = [*_of_messages(totals, now), *_of_line(since), *_of_workers(workers), *_of_parts(checks, knowledge)]
    registry.register(_Figures(figures))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Figures(Collector):
    def __init__(self, figures: Sequence[Metric]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from self._figures


def _of_messages(totals: Totals, now: float) -> Iterator[Metric]:
    ended = CounterMetricFamily("iteira_messages", "Messages that ended, by state.", labels=["state"])
    ended.add_metric(["sent"], totals.messages_processed)
    ended.add_metric(["failed"], totals.errors)
    yield ended
    replies = CounterMetricFamily("iteira_replies", "Replies delivered, by who composed them.", labels=["by"])
    for by, count in sorted(totals.answered_by.items()):
        replies.add_metric([by], count)
    yield replies
    yield GaugeMetricFamily("iteira_queue_depth", "Messages that wait or are worked on.", totals.queue_depth)
    oldest = totals.oldest_waiting_since
    yield GaugeMetricFamily(
        "iteira_queue_oldest_seconds", "How long the oldest of them has waited.", now - oldest if oldest else 0
    )
    sessions = GaugeMetricFamily("iteira_sessions", "Sessions, known and active.", labels=["which"])
    sessions.add_metric(["known"], totals.total_sessions)
    sessions.add_metric(["active"], totals.active_sessions)
    yield sessions
    seconds = GaugeMetricFamily(
        "iteira_reply_seconds", "From acceptance to delivery, of the latest thousand replies.", labels=["quantile"]
    )
    for quantile in QUANTILES:
        seconds.add_metric([f"{quantile:g}"], _quantile(totals.latencies, quantile))
    yield seconds


def _of_line(since: Silence) -> Iterator[Metric]:
    last = "When the last message came, Unix seconds; NaN before the first."
    at = math.nan if since.last_at is None else since.last_at
    yield GaugeMetricFamily("iteira_last_message_timestamp_seconds", last, at)
    quiet = "1 while the line is silent for longer than is usual for this hour of the week."
    yield GaugeMetricFamily("iteira_unusually_quiet", quiet, float(since.unusual))


def _quantile(ascending: Sequence[float], quantile: float) -> float:
    return ascending[math.ceil(quantile * len(ascending)) - 1] if ascending else math.nan


def _of_workers(workers: Sequence[Worker]) -> Iterator[Metric]:
    yield GaugeMetricFamily("iteira_workers", "Workers that report themselves.", len(workers))
    yield GaugeMetricFamily("iteira_turns", "Turns under way.", sum(worker.turns for worker in workers))
    cpu = GaugeMetricFamily("iteira_worker_cpu", "Processors that a worker keeps busy.", labels=["worker"])
    memory = GaugeMetricFamily("iteira_worker_memory_bytes", "What of it is in memory.", labels=["worker"])
    for worker in workers:
        cpu.add_metric([worker.id], math.nan if worker.cpu is None else worker.cpu)
        memory.add_metric([worker.id], math.nan if worker.memory is None else worker.memory)
    yield from (cpu, memory)
    counts: Counter[str] = Counter()
    for worker in workers:
        counts.update(worker.refused)
    refused = GaugeMetricFamily(
        "iteira_webhooks_refused", "Webhooks that these workers have refused, by HTTP status.", labels=["status"]
    )
    for status, count in sorted(counts.items()):
        refused.add_metric([status], count)
    yield refused


def _of_parts(checks: Mapping[str, Check], knowledge: KnowledgeStatus) -> Iterator[Metric]:
    parts = GaugeMetricFamily(
        "iteira_part_status", "1 for the status of each part, as the process asked sees it.", labels=["part", "status"]
    )
    for part, check in checks.items():
        for status in STATUSES:
            parts.add_metric([part, status], float(check.status == status))
    yield parts
    yield GaugeMetricFamily("iteira_knowledge_documents", "Documents that are searched.", knowledge.documents_count)
    build = GaugeMetricFamily("iteira_build_info", "1, with the version.", labels=["version"])
    build.add_metric([_version()], 1)
    yield build


def _version() -> str:
    try:
        return version("iteira")
    except PackageNotFoundError:
        return "unknown"
