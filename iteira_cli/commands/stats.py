"""`iteira stats`: are callers being answered, by whom, and how quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from iteira_cli.options import Json, Token, Url, connect

if TYPE_CHECKING:
    from iteira_cli.documents import Stats
    from iteira_cli.output import Output

SHOWN_SESSIONS = 20
"""So many of the active ones: the overview above them must stay on the screen."""


def stats(ctx: typer.Context, url: Url = None, token: Token = None, json: Json = False) -> None:
    """Show how the daemon is doing: sessions, messages, errors, queue, latency and workers.

    Example: iteira stats --json
    """
    from iteira_cli.output import Output

    output = Output(json)
    document = connect(ctx, url, token).stats()
    if json:
        output.document(document)
    else:
        _show(output, document)


def _show(output: Output, stats: Stats) -> None:
    _overview(output, stats)
    _queue_and_latency(output, stats)
    _workers(output, stats)
    _active_sessions(output, stats)


def _overview(output: Output, stats: Stats) -> None:
    from iteira_cli.in_force import consultant
    from iteira_cli.output import duration

    knowledge, errors = stats["knowledge"], stats["errors"]
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
        ("Errors", f"{errors} (`iteira failed list` shows them)" if errors else "0"),
    ]
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


def _workers(output: Output, stats: Stats) -> None:
    from iteira_cli.output import local_time

    columns = ("Worker", "Host", "PID", "Turns", "Consultant", "Started", "Last seen")
    rows = [
        (
            worker["id"],
            worker["host"],
            worker["pid"],
            worker["turns"],
            worker["consultant"],
            local_time(worker["started_at"]),
            local_time(worker["seen_at"]),
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
