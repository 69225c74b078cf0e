"""`iteira drill`: kill the daemon's processes under load and see whether its promises hold."""

from __future__ import annotations

import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iteira_cli.errors import Failed, Usage
from iteira_cli.interruption import interrupt
from iteira_cli.options import Json, seconds
from iteira_cli.program import typed

if TYPE_CHECKING:
    from iteira_cli.drill import Drill, Plan
    from iteira_cli.output import Output
    from mock_server.verdict import Sent, Verdict

REPLY_WAIT = 0.05
"""Seconds a webhook waits for its reply here (`server.reply_wait`), less than a turn takes: callers speak on, so that
messages of one caller queue up and their order is at stake."""


def drill(
    duration: Annotated[
        float, typer.Option(parser=seconds, metavar="TIME", help="How long callers speak.", show_default="60s")
    ] = 60.0,
    rate: Annotated[float, typer.Option(min=0.01, max=1000, help="Messages a second, of all callers.")] = 20.0,
    callers: Annotated[int, typer.Option(min=1, max=10_000, help="How many call at the same time.")] = 30,
    kill_every: Annotated[
        float,
        typer.Option(parser=seconds, metavar="TIME", help="Mean time between two faults; 0: none.", show_default="3s"),
    ] = 3.0,
    seed: Annotated[int | None, typer.Option(help="Repeat the load and the faults of an earlier drill.")] = None,
    store: Annotated[
        str, typer.Option(metavar="sqlite|URL", help="sqlite, or a redis:// URL that nothing else uses.")
    ] = "sqlite",
    nodes: Annotated[int, typer.Option(min=1, max=16, help="Daemons on the same store.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes of each.")] = 2,
    lease: Annotated[float, typer.Option(min=1, max=60, help="Seconds in which a dead worker is replaced.")] = 3.0,
    knowledge: Annotated[
        Path, typer.Option(metavar="DIR", exists=True, file_okay=False, help="Folder of the knowledge base.")
    ] = Path("knowledge"),
    json: Json = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with store and logs.")] = False,
) -> None:
    """Prove that no accepted message is lost, doubled or answered out of order while processes are killed.

    It starts daemons of its own and a mock TalkMe on 127.0.0.1, lets invented callers speak, kills workers (kill -9),
    kills and restarts whole daemons, and compares what was accepted with what was heard. No running daemon is touched.

    A worker killed after TalkMe has taken a reply and before that is recorded leaves it to be sent once more: the same
    text, counted by itself. Any other repetition counts as doubled.

    Example: iteira drill --duration 60s --kill-every 3s
    """
    from iteira_cli.drill import Drill, Plan
    from iteira_cli.output import Output

    if not duration:
        raise Usage("--duration: expected more than 0s")
    output = Output(json)
    plan = Plan(
        seed=secrets.randbelow(1_000_000) if seed is None else seed,
        duration=duration,
        rate=rate,
        callers=callers,
        kill_every=kill_every,
        nodes=nodes,
        workers=workers,
        lease=lease,
    )
    output.note(f"drill with --seed {plan.seed}")
    with _folder(output, keep) as folder:
        rehearsal = Drill(plan, folder, _environment(store, plan, knowledge, folder), output)
        verdict = _in_a_thread(rehearsal)
        _show(output, rehearsal, verdict)
        _conclude(rehearsal, verdict)


def _environment(store: str, plan: Plan, knowledge: Path, folder: Path) -> dict[str, str]:
    """What the nodes are configured with, but for TalkMe's address. Raises `Usage`."""
    if store == "sqlite":
        store = f"sqlite:///{folder}/drill.db"
    elif not store.startswith(("redis://", "rediss://")):
        raise Usage("--store: expected sqlite or a URL like redis://127.0.0.1:6379/0")
    return {
        "ITEIRA_STORE__URL": store,
        "ITEIRA_STORE__LEASE": f"{plan.lease:g}",
        "ITEIRA_SERVER__REPLY_WAIT": f"{REPLY_WAIT:g}",
        "ITEIRA_KNOWLEDGE__PATH": str(knowledge.resolve()),
        "ITEIRA_KNOWLEDGE__EMBEDDER": "none",
        "ITEIRA_AGENT__FILLER_AFTER": "0",  # a turn that a stopped node holds up must say nothing but its reply
        **{f"ITEIRA_LIMITS__{limit}": "off" for limit in ("PER_USER", "PER_TOKEN", "PER_ADDRESS")},
    }


def _in_a_thread(rehearsal: Drill) -> Verdict:
    """Run it beside this thread, which stays free for signals: each ends the drill, and the drill its processes."""
    from anyio.from_thread import start_blocking_portal

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    with start_blocking_portal() as portal:
        return portal.call(rehearsal.run)


@contextmanager
def _folder(output: Output, keep: bool) -> Iterator[Path]:
    """A temporary folder; kept if that is wanted, or if the drill failed, because then its logs are."""
    folder = Path(tempfile.mkdtemp(prefix="iteira-drill-"))
    try:
        yield folder
    except Failed:
        keep = True
        raise
    finally:
        if keep:
            output.note(f"store and logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _violations(verdict: Verdict) -> dict[str, int]:
    return {
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "out of order": len(verdict.disordered),
        "stray": len(verdict.stray),
    }


def _conclude(rehearsal: Drill, verdict: Verdict) -> None:
    """Raises `Failed` unless the promises were kept."""
    if not verdict.clean:
        found = ", ".join(f"{count} {name}" for name, count in _violations(verdict).items() if count)
        raise Failed(
            f"promises were broken: {found}",
            f"{typed('drill', '--seed', str(rehearsal.plan.seed))} … repeats load and faults",
        )
    if not verdict.accepted:
        raise Failed("not one message was accepted, so nothing is proved", rehearsal.load.last_refusal)


def _show(output: Output, rehearsal: Drill, verdict: Verdict) -> None:
    if output.json:
        output.document(_document(rehearsal, verdict))
        return
    from iteira_cli.output import duration

    faults = ", ".join(f"{name}: {count}" for name, count in rehearsal.faults.items())
    rows = [
        ("faults", faults),
        ("accepted", str(verdict.accepted)),
        ("answered", str(verdict.answered)),
        ("failed, expired", f"{verdict.failed}, {verdict.expired}"),
        *((name, str(count)) for name, count in _violations(verdict).items()),
        ("heard twice: killed between sending and recording", str(verdict.repeated)),
        ("refused and sent again, given up", f"{rehearsal.load.refusals}, {verdict.given_up}"),
        ("longest gap, acceptance to reply", duration(verdict.longest_gap)),
        ("longest wait, wish to speak to reply", duration(verdict.longest_wait)),
    ]
    output.table("Drill", ("", ""), rows)
    for violation in _details(verdict):
        output.line("  ".join(str(value) for value in violation.values()))
    output.line("clean: nothing lost, doubled or out of order" if verdict.clean else "not clean")


def _document(rehearsal: Drill, verdict: Verdict) -> dict[str, Any]:
    return {
        "clean": verdict.clean,
        **asdict(rehearsal.plan),
        "faults": {name.replace(" ", "_"): count for name, count in rehearsal.faults.items()},
        "accepted": verdict.accepted,
        "answered": verdict.answered,
        "failed": verdict.failed,
        "expired": verdict.expired,
        **{name.replace(" ", "_"): count for name, count in _violations(verdict).items()},
        "repeated": verdict.repeated,
        "refused": rehearsal.load.refusals,
        "given_up": verdict.given_up,
        "longest_gap": verdict.longest_gap,
        "longest_wait": verdict.longest_wait,
        "violations": list(_details(verdict)),
    }


def _details(verdict: Verdict) -> Iterator[dict[str, object]]:
    """Every violation, with what finds it in the store and in the logs."""
    broken: dict[str, tuple[Sent, ...]] = {
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "out of order": verdict.disordered,
    }
    for name, messages in broken.items():
        for sent in messages:
            yield {"violation": name, "caller": sent.caller, "message_id": sent.id, "text": sent.mark}
    for heard in verdict.stray:
        yield {"violation": "stray", "caller": heard.caller, "message_id": None, "text": heard.text}
