"""One session as it is read: who it is, and what was said when, with what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.align import Align
from rich.constrain import Constrain
from rich.panel import Panel
from rich.text import Text

from iteira_cli.output import local_time, printable

if TYPE_CHECKING:
    from iteira_cli.documents import SessionDetail, TranscriptLine
    from iteira_cli.output import Output


def show(output: Output, session: SessionDetail) -> None:
    """As a messenger shows it on a terminal, else a line for each thing said."""
    _facts(output, session)
    for line in session["transcript"]:
        _bubble(output, line) if output.out.is_terminal else _line(output, line)


def _facts(output: Output, session: SessionDetail) -> None:
    rows = [
        ("User", session["user_id"]),
        ("Session", session["session_id"]),
        ("Name", session["client_name"]),
        ("Gender", session["gender"]),
        ("Phone", session["phone_number"]),
        ("Messages", str(session["messages_count"])),
        ("Since", local_time(session["created_at"])),
        ("Last activity", local_time(session["last_activity"])),
    ]
    output.table("Session", ("", ""), rows)


def _heading(line: TranscriptLine) -> str:
    state = "" if line["state"] == "sent" else f" ({line['state']})"
    return f"{local_time(line['at'])} {line['role']}{state}"


def _line(output: Output, line: TranscriptLine) -> None:
    why = f" [{reason}]" if (reason := line.get("reason")) else ""
    output.line(f"{_heading(line)}: {' '.join(line['text'].split())}{why}")


def _bubble(output: Output, line: TranscriptLine) -> None:
    """As a messenger shows it: the caller stands left, the consultant right, neither takes the whole width."""
    caller = line["role"] == "caller"
    said = [printable(line["text"])]
    if reason := line.get("reason"):
        said.append(Text(printable(reason).plain, style="red"))
    bubble = Panel.fit(
        Text("\n").join(said),
        title=printable(_heading(line)),
        title_align="left" if caller else "right",
        border_style="cyan" if caller else "green",
    )
    narrow = Constrain(bubble, output.out.width * 3 // 4)
    output.out.print(Align(narrow, "left" if caller else "right"))
