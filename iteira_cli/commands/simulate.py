"""`iteira simulate-call`: call the daemon as a person would, and see what comes back."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iteira_cli import junit as results
from iteira_cli import scenarios, way_back
from iteira_cli.completion import scenario_names
from iteira_cli.errors import DaemonUnreachable, Failed, Usage
from iteira_cli.mock_address import DEFAULT_PORT, PROBE_TIMEOUT, answers, base_url, listen_as_mock
from iteira_cli.options import Json, Url, allowed_token, connect, daemon_url, webhook_headers
from iteira_cli.output import Output, duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from socket import socket

    from iteira_cli.admin_client import AdminClient
    from mock_server.caller import Said, SimulatedCall
    from mock_server.scenario import Scenario

QUIT = "/quit"
ALLOWED_TOKEN = "--webhook-token calls with a token that the daemon allows"  # noqa: S105 - a hint


def simulate_call(
    ctx: typer.Context,
    say: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Say this; repeatable.", show_default="asks, line by line"),
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR|NAME",
            help="Play the calls that are written down there, and judge the answers.",
            autocompletion=scenario_names,
        ),
    ] = None,
    phone: Annotated[str | None, typer.Option(metavar="NUMBER", help="Number the call comes from.")] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name TalkMe knows.", show_default="made up, as TalkMe does")
    ] = None,
    repeat: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Call so many times, and tell how often it went well.", show_default="1"),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE.xml", help="Write the results for a CI server, as JUnit XML.")
    ] = None,
    webhook_token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN", help="TalkMe token of the call.", show_default="one of talkme.tokens, else one of its own"
        ),
    ] = None,
    url: Url = None,
    mock: Annotated[
        str, typer.Option(metavar="URL", help="Where the mock TalkMe answers.")
    ] = f"http://127.0.0.1:{DEFAULT_PORT}",
    timeout: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Wait for a reply this long.")] = 40.0,
    json: Json = False,
) -> None:
    """Simulate one call: say something to the daemon and show what it replies, and how fast.

    Without --say it is a conversation: it ends with Ctrl-D, /quit, or when the consultant says goodbye.
    Where no mock TalkMe runs, one is started for the call. With --scenario the exit code is 1 if an answer is not
    what its file expects; with --repeat, if one of the calls did not go well.

    Example: iteira simulate-call --say "Сколько стоит маникюр?"
    """
    from anyio.from_thread import start_blocking_portal

    output = Output(json)
    if scenario and (say or phone or name):
        raise Usage("--scenario says itself who calls and what he says: leave out --say, --phone and --name")
    if (repeat or junit) and not (scenario or say):
        raise Usage("--repeat and --junit: --scenario or --say is expected, since nobody types the same call again")
    if junit:
        results.check_place(junit)
    daemon, mock = base_url("--url", daemon_url(ctx, url)), base_url("--mock", mock)
    _check_words({"--say": say, "--phone": phone, "--name": name, "--webhook-token": webhook_token})
    _check_token(webhook_token)
    found = _written(scenario, say, phone, name, by_hand=bool(repeat or junit))
    webhook_token, headers = webhook_token or allowed_token(ctx), webhook_headers(ctx)
    _check_daemon(daemon)
    sock = _mock_to_run(connect(ctx, daemon, None), mock, output)
    if found:
        played = _play(found, daemon, mock, sock, webhook_token, headers, timeout, repeat or 1, output)
        if junit:
            results.write(junit, played)
        scenarios.report(played, output)
        return
    connected = _connected(daemon, mock, sock, headers, phone=phone, name=name, token=webhook_token)
    messages = []
    # The call lives in a thread of its own, so that it goes on while this one waits for the keyboard.
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(connected) as call,
        closing(Screen(output, echo=bool(say) or not sys.stdin.isatty())) as screen,
    ):
        for text in say or _typed(output):
            screen.spoken(text)
            said = portal.call(partial(call.say, text, time_limit=timeout, watch=screen.happened))
            screen.concluded(said)
            messages.append(said)
            if said.end_conversation and not say:
                break
    _report(call.dialog["id"], messages, output)


def _written(
    file: Path | None, say: list[str] | None, phone: str | None, name: str | None, *, by_hand: bool
) -> Sequence[tuple[Path | None, Scenario]]:
    """The calls to be played and judged; none where one is made by hand. Raises `Usage`."""
    if file:
        return scenarios.read(file)
    return [(None, scenarios.by_hand(say, phone, name))] if say and by_hand else []


def _play(
    found: Sequence[tuple[Path | None, Scenario]],
    daemon: str,
    mock: str,
    sock: socket | None,
    token: str | None,
    headers: dict[str, str],
    timeout: float,
    repeat: int,
    output: Output,
) -> list[scenarios.Played]:
    """Play scenarios one after the other, with one mock for all of them."""
    import anyio

    async def play() -> list[scenarios.Played]:
        async with _mock_of_our_own(sock):
            calls = partial(_connected, daemon, mock, None, headers, token=token)
            played = []
            async for each in scenarios.play(found, lambda phone, name: calls(phone=phone, name=name), timeout, repeat):
                where = f"{each.source}, call {each.attempt} of {repeat}" if repeat > 1 else each.source
                output.note(f"{where}: {'ok' if each.passed else 'failed'}")
                played.append(each)
            return played

    return anyio.run(play)


class Screen:
    """Shows a call while it goes on; with `--json`, only what went wrong. `echo`: also what the caller says."""

    def __init__(self, output: Output, *, echo: bool) -> None:
        self._output = output
        self._typing = output.err.status("Консультант печатает…")
        self._echo = echo

    def spoken(self, text: str) -> None:
        if not self._output.json and self._echo:
            self._output.line(f"Вы: {text}")

    def happened(self, event: Mapping[str, Any], seconds: float) -> None:
        if self._output.json:
            return
        if event["kind"] == "typing" and self._output.err.is_terminal:
            self._typing.start()
        elif event["kind"] == "reply":
            self._typing.stop()
            self._output.line(f"Консультант: {event['text']} ({duration(seconds)})")

    def concluded(self, said: Said) -> None:
        self._typing.stop()
        if said.error:
            hint = ALLOWED_TOKEN if said.webhook_status == 401 else None
            self._output.error(f"unanswered: {said.error}", hint)
        if said.end_conversation:
            self._output.note("The consultant has ended the conversation.")

    def close(self) -> None:
        self._typing.stop()


def _typed(output: Output) -> Iterator[str]:
    """What is typed, line by line, until the end of input or `/quit`."""
    prompt = "Вы: " if sys.stdin.isatty() else ""
    while True:
        try:
            text = output.err.input(prompt).strip()
        except EOFError:
            return
        if text == QUIT:
            return
        _check_words({"what is typed": text})
        if text:
            yield text


def _mock_to_run(admin: AdminClient, mock: str, output: Output) -> socket | None:
    """A socket for a mock of our own, unless one runs already. Before the first word it is told if the daemon's replies
    go to another TalkMe: with a warning where a mock runs, which may be the same by another name; where none does,
    the call would be in vain. Raises `Failed`."""
    talkme, runs = way_back.known_elsewhere(admin, mock), answers(mock)
    if talkme:
        told, hint = way_back.said(admin, talkme, mock)
        if not runs:
            raise Failed(f"{told}, where none runs", hint)
        output.warning(f"{told}: {hint}")
    if runs:
        return None
    sock = listen_as_mock(mock)
    output.note(f"No mock TalkMe answers at {mock}: running one for this call.")
    return sock


@asynccontextmanager
async def _connected(
    daemon: str, mock: str, sock: socket | None, headers: dict[str, str], **who: str | None
) -> AsyncIterator[SimulatedCall]:
    """An open call; with a mock of our own on `sock`, if there is one. Raises `Failed`."""
    import httpx

    from mock_server.caller import MockUnusable, open_call

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_mock_of_our_own(sock))
        # A proxy of the environment must not stand between this program and its neighbours.
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, headers=headers))
        try:
            call = await open_call(http, daemon=daemon, mock=mock, **who)
        except MockUnusable as error:
            raise Failed(str(error)) from None
        yield call


@asynccontextmanager
async def _mock_of_our_own(sock: socket | None) -> AsyncIterator[None]:
    """A mock on `sock`, if there is one, while the block runs."""
    from mock_server.app import create_app
    from mock_server.serving import running

    async with AsyncExitStack() as stack:
        if sock:
            await stack.enter_async_context(running(create_app(), sock))
        yield


def _report(call_id: int, messages: list[Said], output: Output) -> None:
    """The document, if one is wanted. Raises `Failed` if a message stayed unanswered."""
    unanswered = sum(said.error is not None for said in messages)
    if output.json:
        output.document(
            {
                "call_id": call_id,
                "answered": len(messages) - unanswered,
                "unanswered": unanswered,
                "messages": [_document(said) for said in messages],
            }
        )
    if unanswered:
        raise Failed(f"{unanswered} of {len(messages)} messages stayed unanswered")


def _document(said: Said) -> dict[str, Any]:
    keys = ("text", "replies", "latency", "first_reply", "webhook_status", "end_conversation", "error")
    return {key: getattr(said, key) for key in keys}


def _check_words(options: Mapping[str, list[str] | str | None]) -> None:
    """JSON can carry them only if the terminal sent UTF-8. Raises `Usage`."""
    for option, words in options.items():
        if any("\ud800" <= char <= "\udfff" for char in "".join(words or "")):
            raise Usage(f"{option}: text in UTF-8 is expected")


def _check_token(token: str | None) -> None:
    from mock_server.calls import MIN_TOKEN

    if token is not None and len(token) < MIN_TOKEN:
        raise Usage(f"--webhook-token: a token has at least {MIN_TOKEN} characters")


def _check_daemon(url: str) -> None:
    """Any answer will do: what a daemon says of a message is for the call to find out."""
    import httpx

    try:
        httpx.get(f"{url}/webhook/talkme/health", timeout=PROBE_TIMEOUT, trust_env=False)
    except httpx.HTTPError:
        raise DaemonUnreachable(f"no daemon answers at {url}: start one with `iteira dev`") from None
