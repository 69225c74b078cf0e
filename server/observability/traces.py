"""Each turn as a trace for OpenTelemetry: made from its timeline when it has ended, so callers do not wait for it.

Needs the extra `otel`. Nothing of a caller is in a trace: it tells what the timeline tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from server.models import Event, State
from server.observability.ended import Ended, answered_by
from server.observability.metrics import program_version
from server.observability.stages import stage_of_failure

SEND_SECONDS = 5.0
"""How long a collector may take for a batch, and the last one at the end."""
OUTWARD = {"consultant", "send", "finish"}
"""What is a call of somebody else."""
NAMES = {"claimed": "waiting"}
"""What the time until an event was, where the event is not named after it."""


class Traces:
    """Told of every turn. `processor` is what takes the spans."""

    def __init__(self, processor: SpanProcessor, worker: str) -> None:
        named = {"service.name": "iteira", "service.version": program_version(), "service.instance.id": worker}
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("iteira", program_version())

    def ended(self, turn: Ended) -> None:
        """One span of the turn, and below it one for each part that took time; what took none is an event of it."""
        began = turn.timeline[0].at if turn.timeline else turn.waiting_since
        whole = self._tracer.start_span("turn", start_time=_ns(began), kind=SpanKind.CONSUMER)
        whole.set_attributes(
            {
                "iteira.message_id": turn.message_id,
                "iteira.outcome": turn.state.value,
                "iteira.answered_by": answered_by(turn),
                "iteira.attempts": turn.attempts,
            }
        )
        if turn.state is not State.SENT:
            stage = stage_of_failure(turn.state, turn.reason, turn.timeline)
            whole.set_attribute("iteira.failed_in", stage)
            whole.set_status(Status(StatusCode.ERROR, stage))
        for part, start in _parts(turn.timeline):
            self._add(whole, part, start)
        whole.end(_ns(turn.timeline[-1].at if turn.timeline else began))

    async def close(self) -> None:
        """Send what is left."""
        await asyncio.to_thread(self._provider.shutdown)

    def _add(self, whole: Span, event: Event, start: float) -> None:
        details = {f"iteira.{name}": value for name, value in event.details.items() if value is not None}
        if start >= event.at:
            whole.add_event(event.what, details, _ns(event.at))
            return
        kind = SpanKind.CLIENT if event.what in OUTWARD else SpanKind.INTERNAL
        span = self._tracer.start_span(
            NAMES.get(event.what, event.what),
            set_span_in_context(whole),
            kind,
            attributes=details,
            start_time=_ns(start),
        )
        span.end(_ns(event.at))


def over_http(endpoint: str, worker: str) -> Traces:
    """Traces to the collector at `endpoint`, its base address, in batches of a thread of their own."""
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}v1/traces", timeout=SEND_SECONDS)
    return Traces(BatchSpanProcessor(exporter), worker)


def _parts(timeline: Sequence[Event]) -> Iterator[tuple[Event, float]]:
    """Each event with when it began: so many `seconds` before it was written down, or when its message was let wait."""
    before = timeline[0].at if timeline else 0.0
    for event in timeline:
        seconds = event.details.get("seconds")
        start = before if event.what == "claimed" else event.at - float(seconds or 0)
        yield event, start
        before = event.at


def _ns(at: float) -> int:
    return int(at * 1e9)
