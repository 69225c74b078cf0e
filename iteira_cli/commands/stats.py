"""`iteira stats`: are callers being answered, by whom, and how quickly."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Usage
from iteira_cli.options import Json, Token, Url, connect

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient
    from iteira_cli.documents import Line, Stats
    from iteira_cli.output import Output

SHOWN_SESSIONS = 20
"""So many of the active ones: the overview above them must stay on the screen."""


REFRESH = 2.0
"""Seconds between two looks of the live screen. Workers report themselves every second."""
LONG_WAIT = 8.0
"""Seconds after which somebody on the phone asks whether anyone is there."""


def stats(
    ctx: typer.Context,
    seconds: Annotated[
        float | None,
        typer.Argument(
            metavar="SECONDS", min=0.2, max=3600, help="With --watch: how often to look.", show_default=f"{REFRESH:g}"
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="A live screen: who waits right now, and how it has been going.")
    ] = False,
    red_from: Annotated[
        float, typer.Option("--red-from", min=0, metavar="SECONDS", help="With --watch: a wait this long is red.")
    ] = LONG_WAIT,
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Show how the daemon is doing: sessions, messages, errors, queue, latency and workers.

    Example: iteira stats --watch 5
    """
    from iteira_cli.output import Output

    if seconds is not None and not watch:
        raise Usage(f"{seconds:g} is how often --watch looks, and --watch is not there", "`iteira stats --watch 5`")
    output = Output(json)
    client = connect(ctx, url, token)
    if watch:
        _watch(client, output, seconds or REFRESH, red_from)
        return
    document = client.stats()
    if json:
        output.document(document)
    else:
        _show(output, document)


def _watch(client: AdminClient, output: Output, every: float, red_from: float) -> None:
    if output.json or not (output.out.is_terminal and sys.stdin.isatty()):
        raise Usage("--watch draws a screen and needs a terminal", "`iteira stats --json` is for programs")
    from iteira_cli.live import watch

    watch(client, output, every, red_from)


def _show(output: Output, stats: Stats) -> None:
    _overview(output, stats)
    _queue_and_latency(output, stats)
    _parts(output, stats)
    _workers(output, stats)
    _active_sessions(output, stats)


def _overview(output: Output, stats: Stats) -> None:
    from iteira_cli.in_force import consultant
    from iteira_cli.output import duration

    knowledge, errors, listed = stats["knowledge"], stats["errors"], stats.get("latest_errors") != []
    rows = [
        ("Up for", duration(stats["uptime"])),
        ("Consultant", consultant(stats["consultant"])),
        ("Knowledge", f"{knowledge['documents_count']} documents, embedder {knowledge['embedder']}"),
        ("Sessions", f"{stats['active_sessions']} active of {stats['total_sessions']}"),
        ("Messages processed", str(stats["messages_processed"])),
        (
            "Answered by",
            ", ".join(f"{who} {count}" for who, count in stats.get("answered_by", {}).items()) or "nobody yet",
        ),
        ("Errors", f"{errors} (`iteira failed list` {'shows them' if listed else 'is empty'})" if errors else "0"),
    ]
    if by_stage := stats.get("errors_by_stage"):
        rows.append(("Latest errors by stage", ", ".join(f"{stage} {count}" for stage, count in by_stage.items())))
    if line := stats.get("line"):
        rows.append(("Last message", silence(line)))
    if refused := stats.get("refused"):
        counts = ", ".join(f"{count} with {status}" for status, count in sorted(refused.items()))
        rows.append(("Webhooks refused", f"{counts} (since the workers started)"))
    output.table("Overview", ("", ""), rows)
    for problem in knowledge.get("problems", []):
        output.warning(problem)


def _queue_and_latency(output: Output, stats: Stats) -> None:
    from iteira_cli.output import duration

    queue, latency = stats["queue"], stats["latency"]
    columns = ("Waiting", "Oldest", "Replies", "p50", "p90", "p99")
    waits = (duration(latency["p50"]), duration(latency["p90"]), duration(latency["p99"]))
    row = (queue["depth"], duration(queue["oldest_seconds"]), latency["count"], *waits)
    output.table("Queue and latency", columns, [row])


def silence(line: Line) -> str:
    """When the last message came, and whether that is long ago for this hour of the week."""
    from iteira_cli.output import duration

    if line["silent_seconds"] is None:
        return "none yet"
    ago = f"{duration(line['silent_seconds'])} ago"
    if not line["unusually_quiet"]:
        return ago
    return f"{ago}: unusually quiet, {line['usually'] or 0:.0f} usually come in that time"


def _parts(output: Output, stats: Stats) -> None:
    from iteira_cli.output import duration

    rows = [
        (stage.replace("_", " "), part["count"], duration(part["p50"]), duration(part["p90"]), duration(part["p99"]))
        for stage, part in stats["latency"].get("parts", {}).items()
        if part["count"]
    ]
    if rows:
        output.table("Where the time goes (latest replies)", ("Stage", "Replies", "p50", "p90", "p99"), rows)


def _workers(output: Output, stats: Stats) -> None:
    from iteira_cli.output import duration, memory, percent, seconds_between

    columns = ("Worker", "Host", "PID", "Turns", "CPU", "Memory", "Up for", "Consultant")
    rows = [
        (
            worker["id"],
            worker["host"],
            worker["pid"],
            worker["turns"],
            percent(worker.get("cpu")),
            memory(worker.get("memory")),
            duration(seconds_between(worker["started_at"], worker["seen_at"])),
            worker["consultant"],
        )
        for worker in stats["workers"]
    ]
    output.table("Workers" if rows else "Workers: none", columns, rows)


def _active_sessions(output: Output, stats: Stats) -> None:
    from iteira_cli.output import local_time

    columns = ("Caller", "Name", "Phone", "Messages", "Since", "Last activity")
    rows = [
        (
            session["user_id"],
            session["client_name"],
            session["phone_number"],
            session["messages_count"],
            local_time(session["created_at"]),
            local_time(session["last_activity"]),
        )
        for session in stats["active_sessions_details"][:SHOWN_SESSIONS]
    ]
    output.table("Active sessions" if rows else "Active sessions: none", columns, rows)
    if (more := len(stats["active_sessions_details"]) - len(rows)) > 0:
        output.line(f"and {more} more: `iteira sessions list` shows them with their whole user ids")
