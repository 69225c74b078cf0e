"""Turns as traces of OpenTelemetry: a tree for each, made from its timeline, and nothing of the caller in it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from server.app import create_app
from server.errors import SettingsError
from server.models import Event, State
from server.observability.ended import Ended, Observers
from server.observability.traces import Traces
from tests.daemon import documented, running_daemon, settings_for
from tests.polling import eventually
from tests.scripted_talkme import ScriptedTalkMe

TIMELINE = (
    Event(10.0, "accepted"),
    Event(10.5, "claimed", {"by": "w2", "attempt": 2}),
    Event(10.75, "knowledge", {"rows": 5, "seconds": 0.25}),
    Event(11.0, "first token", {"by": "openai", "seconds": 0.25}),
    Event(12.0, "consultant", {"by": "openai", "outcome": "answered", "seconds": 1.25}),
    Event(12.5, "send", {"outcome": "taken", "attempts": 1, "seconds": 0.5}),
    Event(12.5, "sent"),
)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def test_a_turn_is_a_tree_of_what_took_time(spans: InMemorySpanExporter) -> None:
    Traces(SimpleSpanProcessor(spans), "w2").ended(Ended("7", State.SENT, None, 2, 10.0, TIMELINE))
    *parts, whole = spans.get_finished_spans()
    assert whole.name == "turn"
    assert dict(whole.attributes or {}) == {
        "iteira.message_id": "7",
        "iteira.outcome": "sent",
        "iteira.answered_by": "openai",
        "iteira.attempts": 2,
    }
    assert (whole.start_time, whole.end_time) == (10_000_000_000, 12_500_000_000)
    assert [event.name for event in whole.events] == ["accepted", "sent"]
    names = ["waiting", "knowledge", "first token", "consultant", "send"]
    assert [part.name for part in parts] == names
    assert {part.parent.span_id for part in parts if part.parent} == {whole.context.span_id}
    waiting, *_, send = parts
    assert (waiting.start_time, waiting.end_time) == (10_000_000_000, 10_500_000_000)
    assert (send.start_time, send.end_time) == (12_000_000_000, 12_500_000_000)


def test_a_turn_that_failed_says_in_which_stage_and_nothing_of_what_talkme_said(spans: InMemorySpanExporter) -> None:
    reason = "customBot/send: TalkMe says: Анна, +375291234567"
    Traces(SimpleSpanProcessor(spans), "w2").ended(Ended("7", State.FAILED, reason, 1, 10.0, TIMELINE[:2]))
    whole = spans.get_finished_spans()[-1]
    assert (whole.attributes or {})["iteira.failed_in"] == "talkme"
    assert not whole.status.is_ok
    assert "Анна" not in whole.to_json()


def test_an_observer_that_breaks_harms_nobody(caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter) -> None:
    class Broken:
        def ended(self, turn: Ended) -> None:
            raise ZeroDivisionError

    Observers(Broken(), Traces(SimpleSpanProcessor(spans), "w2")).ended(Ended("7", State.SENT, None, 1, 10.0, TIMELINE))
    assert "Broken: ZeroDivisionError" in caplog.text
    assert spans.get_finished_spans()


def test_a_missing_package_is_told_with_what_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, talkme: ScriptedTalkMe
) -> None:
    monkeypatch.delitem(sys.modules, "server.observability.traces")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"iteira\[otel\]"):
        create_app(settings_for(folder, talkme.url, tracing={"endpoint": "http://127.0.0.1:4318"}))


async def test_a_collector_gets_them_and_nothing_of_the_caller(folder: Path, talkme: ScriptedTalkMe) -> None:
    async with collector() as (endpoint, received):
        settings = settings_for(folder, talkme.url, tracing={"endpoint": endpoint})
        async with running_daemon(settings) as url, httpx.AsyncClient(base_url=url, timeout=30) as daemon:
            body = documented("Меня зовут Анна", client={"clientId": "anna", "phone": "+375291234567"})
            await daemon.post("/webhook/talkme", json=body)
        (request,) = await eventually(lambda: received)  # those who stop send what is left
    sent = ExportTraceServiceRequest.FromString(request)
    names = {span.name for each in sent.resource_spans for scope in each.scope_spans for span in scope.spans}
    assert names >= {"turn", "knowledge", "consultant", "send"}
    assert not [word for word in ("Анна", "anna", "375291234567", "token-of") if word.encode() in request]


@asynccontextmanager
async def collector() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Its base address, and the bodies it was sent."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert head.startswith("post /v1/traces ")
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        received.append(await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", received
