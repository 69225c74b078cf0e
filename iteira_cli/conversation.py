"""One session as it is read: who it is, and what was said when, with what became of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.align import Align
from rich.constrain import Constrain
from rich.panel import Panel
from rich.text import Text

from iteira_cli.output import local_time, printable

MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~]")
"""What Markdown would read as more than itself."""

if TYPE_CHECKING:
    from iteira_cli.documents import SessionDetail, TranscriptLine
    from iteira_cli.output import Output


def show(output: Output, session: SessionDetail) -> None:
    """As a messenger shows it on a terminal, else a line for each thing said."""
    _facts(output, session)
    for line in session["transcript"]:
        _bubble(output, line) if output.out.is_terminal else _line(output, line)


def markdown(session: SessionDetail) -> str:
    """The session as a document; what was said stands in it as it was said, not as Markdown."""
    facts = [
        ("Name", session["client_name"]),
        ("Phone", session["phone_number"]),
        ("Messages", str(session["messages_count"])),
        ("Since", local_time(session["created_at"])),
        ("Last activity", local_time(session["last_activity"])),
    ]
    head = [f"# Session {_escaped(session['user_id'])}", ""]
    head += [f"- {name}: {_escaped(value)}" for name, value in facts if value]
    said = [part for line in session["transcript"] for part in ("", f"**{_heading(line)}**", "", _quoted(line))]
    return "\n".join([*head, *said])


def _quoted(line: TranscriptLine) -> str:
    quoted = "\n".join(f"> {_escaped(text)}" for text in line["text"].splitlines())
    return f"{quoted}\n>\n> ({_escaped(reason)})" if (reason := line.get("reason")) else quoted


def _escaped(text: str) -> str:
    return MARKUP.sub(r"\\\g<0>", printable(text).plain)


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
