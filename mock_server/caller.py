"""One simulated call, by HTTP alone: a dialog at the mock, webhooks in TalkMe's form to the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from mock_server.webhook import webhook

SENT = "Сообщение отправлено"
"""What the daemon's webhook says once the whole reply is delivered; anything else with 200 means: it follows."""
BAD_GATEWAY = 502
"""The daemon's status where TalkMe could not be reached, or refused the reply."""
POLL = 30.0
"""Seconds of one long poll."""
PAUSE = 2.0
"""Seconds without a further part after which a reply counts as whole, where the webhook did not say so."""
MOCK_TIMEOUT = 10.0
"""Seconds the mock has for an answer, beyond those it was asked to wait."""

Event = Mapping[str, Any]
"""An event as the mock's `GET /calls/{id}/events` gives it."""
Watch = Callable[[Event, float], None]
"""Told of an event and how many seconds after the caller spoke it came."""


class MockUnusable(Exception):
    """The mock does not answer, or will not open a dialog; the text says which."""


@dataclass(slots=True)
class Said:
    """One message of the caller and what came of it.

    It is answered when the webhook said 200 and the mock received a reply; otherwise `error` says what failed.
    Latencies are seconds, on the mock's clock, from sending the webhook to receiving the reply.
    """

    text: str
    replies: list[str] = field(default_factory=list)
    latency: float | None = None
    """Until the last part of the reply."""
    first_reply: float | None = None
    """Until the first part of the reply."""
    webhook_status: int | None = None
    webhook_answer: object = None
    """The webhook's JSON, or its text where it is none."""
    end_conversation: bool = False
    finish_code: str | None = None
    """How the bot has left the dialog, in TalkMe's words; None if it has not."""
    error: str | None = None


async def open_call(
    http: httpx.AsyncClient,
    *,
    daemon: str,
    mock: str,
    phone: str | None = None,
    name: str | None = None,
    token: str | None = None,
) -> SimulatedCall:
    """Open a dialog at the mock. `daemon` and `mock` are base URLs. Raises `MockUnusable`."""
    mock = mock.rstrip("/")
    wanted = {"phone": phone, "name": name, "token": token}
    try:
        answer = await http.post(f"{mock}/calls", json=wanted, timeout=MOCK_TIMEOUT)
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise MockUnusable(f"the mock at {mock} opens no dialog: {_detail(error.response)}") from None
    except httpx.HTTPError as error:
        raise MockUnusable(f"the mock at {mock} does not answer: {_reason(error)}") from None
    return SimulatedCall(http, daemon.rstrip("/"), mock, answer.json())


class SimulatedCall:
    """A caller who says one message after another. `dialog` is what the mock says of it."""

    def __init__(self, http: httpx.AsyncClient, daemon: str, mock: str, dialog: dict[str, Any]) -> None:
        self.dialog = dialog
        self._http = http
        self._daemon = daemon
        self._mock = mock
        self._url = f"{mock}/calls/{dialog['id']}"

    async def say(self, text: str, *, time_limit: float = 40.0, watch: Watch | None = None) -> Said:
        """Say `text` and wait up to `time_limit` seconds for the whole reply. `watch` is told each event as it
        arrives. What fails is told in the result, not raised."""
        said = Said(text)
        try:
            spoken = await self._speak(text)
            ear = _Ear(self._http, self._url, spoken, watch)
            body = webhook(
                self.dialog["token"],
                self.dialog,
                spoken["text"],
                message_id=spoken["message_id"],
                dialog_id=self.dialog["dialogId"],
            )
            await self._converse(said, body, ear, time_limit)
            await ear.hear()
        except httpx.HTTPError as error:
            said.error = f"the mock at {self._mock} failed: {_reason(error)}"
        else:
            self._conclude(said, ear, time_limit)
        return said

    async def _speak(self, text: str) -> Event:
        """Let the mock know, as TalkMe would, what the caller says."""
        answer = await self._http.post(f"{self._url}/said", json={"text": text}, timeout=MOCK_TIMEOUT)
        answer.raise_for_status()
        event: Event = answer.json()
        return event

    async def _converse(self, said: Said, body: dict[str, Any], ear: _Ear, time_limit: float) -> None:
        """Send the webhook, listening meanwhile, and stay until the reply is whole or the time is over."""
        listening = asyncio.create_task(ear.listen())
        try:
            async with asyncio.timeout(time_limit):
                await self._send(said, body)
                if said.error is None and _message(said) != SENT:
                    await _stop(listening)
                    await ear.whole_reply()
        except TimeoutError:
            if said.webhook_status is None:
                said.error = f"the daemon did not answer the webhook within {time_limit:g} s"
        finally:
            await _stop(listening)

    async def _send(self, said: Said, body: dict[str, Any]) -> None:
        try:
            answer = await self._http.post(f"{self._daemon}/webhook/talkme", json=body, timeout=None)
        except httpx.ConnectError as error:
            said.error = f"daemon not reachable at {self._daemon}: {_reason(error)}"
            return
        except httpx.HTTPError as error:
            said.error = f"the daemon broke off before it answered the webhook: {_reason(error)}"
            return
        said.webhook_status = answer.status_code
        said.webhook_answer = _content(answer)
        if answer.status_code != 200:
            said.error = f"the webhook refused with status {answer.status_code}: {_refusal(said)}"

    def _conclude(self, said: Said, ear: _Ear, time_limit: float) -> None:
        replies, ends = ear.of("reply"), ear.of("finish")
        said.replies = [reply["text"] for reply in replies]
        if replies:
            said.first_reply = ear.seconds(replies[0])
            said.latency = ear.seconds(replies[-1])
        said.finish_code = ends[-1].get("code") if ends else None
        said.end_conversation = bool(ends) or _field(said, "end_conversation") is True
        if said.error is None and not replies:
            said.error = self._silence(said, time_limit)
        if said.webhook_status == BAD_GATEWAY and not ear.heard:
            said.error = f"{said.error}; {self._not_called()}"
        if said.error and (refusals := ear.of("refused")):
            said.error += f"; the mock refused {refusals[-1]['text']}"

    def _silence(self, said: Said, time_limit: float) -> str:
        """Why nothing was heard although the webhook said 200."""
        if _message(said) != SENT:
            return f"accepted, but no reply came within {time_limit:g} s"
        return f"the daemon says it has sent the reply, but {self._not_called()}"

    def _not_called(self) -> str:
        """Why, most likely, the mock knows nothing of what the daemon did."""
        return f"the mock at {self._mock} received no reply: BASE_URL_TALKME of the daemon should be {self._mock}/"


class _Ear:
    """Hears what follows when the caller has spoken; `url` is the call at the mock."""

    def __init__(self, http: httpx.AsyncClient, url: str, spoken: Event, watch: Watch | None) -> None:
        self._http = http
        self._url = url
        self._spoken_at: float = spoken["at"]
        self._seen: int = spoken["seq"]
        self._watch = watch
        self._heard: list[Event] = []

    @property
    def heard(self) -> bool:
        """Whether the daemon has called the mock at all since the caller spoke."""
        return bool(self._heard)

    def of(self, kind: str) -> list[Event]:
        return [event for event in self._heard if event["kind"] == kind]

    def seconds(self, event: Event) -> float:
        """How long after the caller spoke an event came, on the mock's clock."""
        return float(event["at"]) - self._spoken_at

    async def hear(self, wait: float = 0.0) -> bool:
        """Take in what is new, waiting up to `wait` seconds for it; whether there was anything."""
        answer = await self._http.get(
            f"{self._url}/events", params={"after": self._seen, "wait": wait}, timeout=wait + MOCK_TIMEOUT
        )
        answer.raise_for_status()
        events: list[Event] = answer.json()["events"]
        for event in events:
            self._seen = event["seq"]
            self._heard.append(event)
            if self._watch:
                self._watch(event, self.seconds(event))
        return bool(events)

    async def listen(self) -> None:
        """Until cancelled."""
        while True:
            await self.hear(POLL)

    async def whole_reply(self) -> None:
        """Until a reply has come and nothing more for a while: TalkMe's calls do not mark the last part."""
        while not self.of("reply"):
            await self.hear(POLL)
        while await self.hear(PAUSE):
            pass


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    # What the mock's failure was, the next request to it tells.
    await asyncio.gather(task, return_exceptions=True)


def _content(answer: httpx.Response) -> object:
    try:
        content: object = answer.json()
    except ValueError:
        return answer.text
    return content


def _detail(answer: httpx.Response) -> object:
    content = _content(answer)
    return content.get("detail", content) if isinstance(content, dict) else content


def _field(said: Said, name: str) -> object:
    return said.webhook_answer.get(name) if isinstance(said.webhook_answer, dict) else None


def _message(said: Said) -> object:
    return _field(said, "message")


def _refusal(said: Said) -> object:
    return _field(said, "error") or said.webhook_answer or "no reason given"


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
