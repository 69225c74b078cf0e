"""`iteira simulate-load`: many calls at once, how fast they are answered, and what became of every message."""

from __future__ import annotations

import json as jsonlib
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iteira_cli import scenarios as written
from iteira_cli import way_back
from iteira_cli.errors import Failed, Usage
from iteira_cli.interruption import interrupt
from iteira_cli.mock_address import DEFAULT_PORT, answers, base_url, listen_as_mock
from iteira_cli.mock_options import Chaos, faults_of
from iteira_cli.options import Json, Token, Url, connect, load_settings, seconds, webhook_headers
from iteira_cli.output import NOTHING, duration, memory

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient
    from iteira_cli.load import LoadTest, Outcome
    from iteira_cli.output import Output
    from mock_server.traffic import Plan

VIOLATIONS = ("lost", "doubled", "out_of_order", "stray")
CALLS = 100
"""Where neither a number of calls nor a duration is asked for."""
TURNS = 3
"""Where neither a number of turns nor written calls are asked for."""
CONCURRENCY = 10
"""Where neither a rate nor a number of callers is asked for."""


def simulate_load(
    ctx: typer.Context,
    calls: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="How many calls.", show_default="100, or those of --duration"),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.01, max=10_000, help="Calls that begin in a second, at random (open model).")
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, max=10_000, help="Callers at the same time (closed model).", show_default="10"),
    ] = None,
    turns: Annotated[int | None, typer.Option(min=1, max=100, help="Messages of each call.", show_default="3")] = None,
    scenarios: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="Callers say what is written there, each one of the calls at random."),
    ] = None,
    think_time: Annotated[
        float, typer.Option(parser=seconds, metavar="TIME", help="From a reply to the next message.", show_default="0s")
    ] = 0.0,
    length: Annotated[
        float | None,
        typer.Option("--duration", parser=seconds, metavar="TIME", help="After it no call begins any more."),
    ] = None,
    ramp: Annotated[
        float, typer.Option(parser=seconds, metavar="TIME", help="In which the load rises.", show_default="0s")
    ] = 0.0,
    patience: Annotated[
        float,
        typer.Option(
            "--timeout", parser=seconds, metavar="TIME", help="Wait for a reply this long.", show_default="40s"
        ),
    ] = 40.0,
    chaos: Chaos = "",
    seed: Annotated[int | None, typer.Option(help="Repeat the load and the faults of another run.")] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="Exit with 1 if it is so: 'p95>1.5s', 'lost>0'; repeatable."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", dir_okay=False, help="Write a page with charts, and FILE.json.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="BEFORE.json", exists=True, dir_okay=False, help="Show what has changed.")
    ] = None,
    url: Url = None,
    token: Token = None,
    mock: Annotated[
        str, typer.Option(metavar="URL", help="Where the mock TalkMe answers.")
    ] = f"http://127.0.0.1:{DEFAULT_PORT}",
    json: Json = False,
) -> None:
    """Let many people call at once; measure the replies and check what became of every message.

    Latency counts from the moment a caller wanted to speak, so that waiting is not hidden by a load that slows down.
    The verdict compares what was said, what the mock received and what the daemon says; exit code 1 if anything was
    lost, doubled or out of order, or if a condition is met.
    Callers give invented names, which their replies repeat; with --scenarios they say what is written for them, and a
    reply is known by its turn.

    Example: iteira simulate-load --calls 200 --rate 20 --report load.html --fail-if "p95>1.5s"
    """
    from anyio.from_thread import start_blocking_portal

    from iteira_cli.load_report import document
    from iteira_cli.output import Output
    from iteira_cli.thresholds import threshold
    from mock_server.traffic import Plan

    if rate is not None and concurrency is not None:
        raise Usage(
            "--rate and --concurrency: one of them is expected", "--rate does not wait for replies, the other does"
        )
    if length == 0 or patience == 0:
        raise Usage("--duration and --timeout: more than 0s is expected")
    if scenarios and turns:
        raise Usage("--scenarios and --turns: one of them is expected", "a written call is as long as it is written")
    thresholds = [threshold(condition) for condition in fail_if or ()]
    before = _earlier(compare) if compare else None
    pages = _pages(report) if report else ()
    output = Output(json)
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    plan = Plan(
        calls=calls or (None if length else CALLS),
        turns=None if scenarios else turns or TURNS,
        rate=rate,
        concurrency=None if rate is not None else concurrency or CONCURRENCY,
        think_time=think_time,
        duration=length,
        ramp=ramp,
        patience=patience,
        scripts=_scripts(scenarios) if scenarios else {},
    )
    test = _test(ctx, plan, chaos, seed, connect(ctx, url, token), base_url("--mock", mock), output)
    signal.signal(signal.SIGTERM, interrupt)
    with start_blocking_portal(backend_options={"use_uvloop": sys.platform != "win32"}) as portal:
        outcome = portal.call(test.run)
    content = document(outcome, chaos, seed, thresholds)
    _write(pages, content, output)
    if json:
        output.document({key: value for key, value in content.items() if key not in {"series", "histogram"}})
    else:
        _show(output, content, outcome)
        if before:
            _show_changes(output, before, content)
    _conclude(content)


def _test(
    ctx: typer.Context, plan: Plan, chaos: str, seed: int, admin: AdminClient, mock: str, output: Output
) -> LoadTest:
    """The load, once daemon and mock are known to be there. Raises what stands in the way."""
    from iteira_cli.load import LoadTest

    faults = faults_of(chaos, seed)
    admin.health()
    _check_that_replies_come_here(admin, mock)
    sock = None if answers(mock) else listen_as_mock(mock)
    if sock:
        output.note(f"No mock TalkMe answers at {mock}: running one for this load.")
    tokens = [token.get_secret_value() for token in load_settings(ctx).talkme.tokens]
    if tokens and plan.scripts:
        raise Failed(
            "--scenarios: talkme.tokens lets in only some tokens, which callers would have to share",
            "a reply is known by the token of its caller: load a daemon without talkme.tokens",
        )
    output.note(f"load with --seed {seed}")
    return LoadTest(plan, admin, mock, sock, faults, tokens, webhook_headers(ctx), output)


def _scripts(path: Path) -> dict[str, list[str]]:
    """The lines of each written call, by its file's name. Raises `Usage`."""
    return {file.name: [line.text for line in scenario.say] for file, scenario in written.read(path)}


def _check_that_replies_come_here(admin: AdminClient, mock: str) -> None:
    """A load must not be answered through a real TalkMe. Raises `Failed`."""
    if talkme := way_back.elsewhere(admin, mock):
        raise Failed(*way_back.said(admin, talkme, mock))


def _pages(report: Path) -> tuple[Path, Path]:
    """Where page and document are written. Raises `Usage` before any call is made."""
    if report.suffix != ".html":
        raise Usage(f"--report {report}: a file that ends with .html is expected")
    if not report.parent.is_dir():
        raise Usage(f"--report {report}: there is no folder {report.parent}")
    return report, report.with_suffix(".json")


def _write(pages: Sequence[Path], content: Mapping[str, Any], output: Output) -> None:
    from iteira_cli.load_page import page

    if not pages:
        return
    html, document = pages
    try:
        html.write_text(page(content), encoding="utf-8")
        document.write_text(jsonlib.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        output.warning(f"the report cannot be written: {error.strerror}: {error.filename}")
    else:
        output.note(f"report: {html} and {document}")


def _earlier(path: Path) -> dict[str, Any]:
    """Raises `Usage` for a file that is no document of a load."""
    from iteira_cli.load_report import FORMAT

    try:
        content = jsonlib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT or "latency" not in content:
        raise Usage(f"--compare {path}: the .json of an earlier --report is expected")
    return content


def _show(output: Output, content: Mapping[str, Any], outcome: Outcome) -> None:
    from iteira_cli.load_page import described, doubts, verdict_rows

    output.table(described(content["plan"]), ("messages", ""), verdict_rows(content))
    names = ("mean", "p50", "p90", "p95", "p99", "max")
    waits = [
        (what, *(duration(content[key][name]) for name in names))
        for what, key in (("reply heard", "latency"), ("webhook answered", "webhook"))
    ]
    output.table("Latency, from the wish to speak", ("", *names), waits)
    output.table("Load", ("", ""), _load_rows(content))
    if content["thresholds"]:
        rows = [
            (each["condition"], _number(each["figure"]), "crossed" if each["crossed"] else "kept")
            for each in content["thresholds"]
        ]
        output.table("Conditions", ("fails if", "measured", ""), rows)
    for name, messages in (("lost", outcome.verdict.lost), ("doubled", outcome.verdict.doubled)):
        for sent in messages[:20]:
            output.line(f"{name}  {sent.caller}  {sent.text}")
    if content["last_refusal"]:
        output.note(f"{content['refused_deliveries']} deliveries were refused, the last with {content['last_refusal']}")
    for doubt in doubts(content):
        output.warning(doubt)


def _load_rows(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    daemon, generator = content["daemon"], content["generator"]
    rows = [
        ("calls, time", f"{content['calls']}, {duration(content['took'])}"),
        ("replies a second", f"{content['throughput']:.1f}"),
        ("generator: late (p99), CPU a message", f"{duration(generator['lag']['p99'])}, {_cpu(generator)}"),
        ("daemon: CPU a message, memory at most", f"{_cpu(daemon)}, {memory(daemon['memory_peak'])}"),
    ]
    if content["faults_met"]:
        met = ", ".join(f"{name} {count}" for name, count in sorted(content["faults_met"].items()))
        rows.append(("faults met", met))
    return rows


def _cpu(figures: Mapping[str, Any]) -> str:
    each = figures["cpu_per_message"]
    return NOTHING if each is None else f"{each * 1000:.1f} ms"


def _show_changes(output: Output, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    from iteira_cli.load_report import changed_plan, compared

    if plan := changed_plan(before, after):
        output.warning(f"not the same load as then ({', '.join(plan)}): figures may differ by that")
    rows = [
        (name, _number(then), _number(now), f"{(now - then) / then:+.0%}" if then and now is not None else NOTHING)
        for name, then, now in compared(before, after)
    ]
    output.table(f"Compared with {before['began_at']}", ("", "before", "now", "change"), rows)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"


def _conclude(content: Mapping[str, Any]) -> None:
    """Raises `Failed` unless the promises and the conditions were kept."""
    verdict = content["verdict"]
    broken = [f"{verdict[name]} {name.replace('_', ' ')}" for name in VIOLATIONS if verdict[name]]
    broken += [
        f"{each['condition']} (measured {_number(each['figure'])})" for each in content["thresholds"] if each["crossed"]
    ]
    if broken:
        raise Failed(", ".join(broken), f"--seed {content['plan']['seed']} repeats load and faults")
    if not verdict["answered"]:
        raise Failed("not one message was answered, so nothing is proved", content["last_refusal"])
