"""The report of a load as one HTML file that needs nothing else, today and in ten years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from iteira_cli.charts import Line, bars, lines
from iteira_cli.output import NOTHING, duration, memory

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5d6878; --paper: #fff; --card: #f6f7f9; --line: #dfe3e8;
  --a: #2463c4; --b: #b7580a; --c: #7a3fb0; --bad: #c3243a; --good: #1b7a45; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #9aa5b4; --paper: #14181f; --card: #1c222b;
  --line: #313a46; --a: #6ea8ff; --b: #f0a35c; --c: #c69af2; --bad: #ff7a8a; --good: #62d394; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1160px; padding: 24px 16px 48px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 32px 0 8px; }
p { margin: 4px 0; color: var(--soft); overflow-wrap: anywhere; }
p.verdict { font-size: 17px; font-weight: 600; margin: 12px 0; }
.good { color: var(--good); } .wrong { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 8px; margin: 16px 0; }
.tile { background: var(--card); border-radius: 8px; padding: 10px 12px; }
.tile b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; } .tile span { color: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 16px; }
figure { margin: 0; background: var(--card); border-radius: 8px; padding: 12px; }
figcaption { font-weight: 600; margin-bottom: 4px; display: flex; flex-wrap: wrap; gap: 4px 12px; }
.legend { font-weight: 400; display: flex; gap: 12px; }
.key::before { content: ""; display: inline-block; width: 14px; height: 3px; margin: 0 5px 4px 0;
  background: currentColor; }
.key.a { color: var(--a); } .key.b { color: var(--b); } .key.c { color: var(--c); } .key.bad { color: var(--bad); }
svg { width: 100%; height: auto; display: block; }
svg text { font-size: 11px; fill: var(--soft); } svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
svg .grid { stroke: var(--line); } polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
polyline.a { stroke: var(--a); } polyline.b { stroke: var(--b); } polyline.c { stroke: var(--c); }
polyline.bad { stroke: var(--bad); } .a:is(rect, circle) { fill: var(--a); } .b:is(rect, circle) { fill: var(--b); }
.c:is(rect, circle) { fill: var(--c); } .bad:is(rect, circle) { fill: var(--bad); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; min-width: 320px; }
th, td { text-align: left; padding: 4px 20px 4px 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
"""
SUMS = ("mean", "p50", "p90", "p95", "p99", "max")


def page(content: Mapping[str, Any]) -> str:
    """The page of a document as `load_report.document` makes it."""
    began = str(content["began_at"]).replace("T", " ").replace("+00:00", " UTC")
    parts = [
        f"<h1>Load of {escape(began)}</h1>",
        f"<p>{escape(described(content['plan']))}</p>",
        _sentence(content),
        *(f'<p class="wrong">{escape(doubt)}</p>' for doubt in doubts(content)),
        _tiles(content),
        f'<div class="charts">{"".join(_charts(content))}</div>',
        "<h2>What became of the messages</h2>",
        _table(("", "messages"), verdict_rows(content)),
        "<h2>Latency</h2><p>From the moment the caller wanted to speak.</p>",
        _table(("", *SUMS), [_sums("reply heard", content["latency"]), _sums("webhook answered", content["webhook"])]),
        *_thresholds(content["thresholds"]),
        *_faults(content),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Load of {escape(began)}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def described(plan: Mapping[str, Any]) -> str:
    """A plan in a sentence."""
    how = f"{plan['rate']:g} calls a second" if plan["rate"] else f"{plan['concurrency']} callers at the same time"
    much = f"{plan['calls']} calls" if plan["calls"] else f"calls for {duration(plan['duration'])}"
    said = f"each one of {len(plan['scenarios'])} scenarios" if plan["scenarios"] else f"{plan['turns']} messages each"
    extras = [said, how]
    if plan["think_time"]:
        extras.append(f"{duration(plan['think_time'])} between them")
    if plan["ramp"]:
        extras.append(f"rising for {duration(plan['ramp'])}")
    if plan["chaos"]:
        extras.append(f"faults {plan['chaos']}")
    return f"{much}, {', '.join(extras)}; seed {plan['seed']}"


def verdict_rows(content: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What became of the messages, each in a word and a number."""
    verdict = content["verdict"]
    return [
        ("said", content["messages"]),
        ("answered", verdict["answered"]),
        ("failed visibly (`iteira failed list`)", verdict["failed"] + verdict["expired"]),
        ("refused visibly, given up", verdict["refused"]),
        ("lost", verdict["lost"]),
        ("doubled", verdict["doubled"]),
        ("out of order", verdict["out_of_order"]),
        ("stray: a reply to nothing that was said", verdict["stray"]),
        ("heard twice because TalkMe's answer was lost", verdict["repeated"]),
        ("asked for patience (a filler, part of no reply)", verdict["fillers"]),
    ]


def _sentence(content: Mapping[str, Any]) -> str:
    crossed = [each["condition"] for each in content["thresholds"] if each["crossed"]]
    good = content["verdict"]["clean"] and not crossed
    said = "Clean: nothing lost, doubled or out of order." if content["verdict"]["clean"] else "Promises were broken."
    if crossed:
        said += f" Crossed: {', '.join(crossed)}."
    return f'<p class="verdict {"good" if good else "wrong"}">{escape(said)}</p>'


def doubts(content: Mapping[str, Any]) -> list[str]:
    """What one must know before believing the figures."""
    told, lag = [], duration(content["generator"]["lag"]["p99"])
    if not content["generator"]["kept_rate"]:
        told.append("The generator could not keep its rate: less was said in a second than was asked for.")
    if content["generator"]["late"]:
        told.append(f"The generator itself was {lag} late (p99), which is part of the latencies: this machine is busy.")
    if not content["verdict"]["daemon_asked"]:
        told.append("The daemon did not say what became of unanswered messages: failed ones count as lost.")
    if limited := content.get("limited_deliveries"):
        told.append(
            f"{limited} deliveries were answered 429: what was measured is the daemon's limits (limits.per_user, "
            "limits.per_token, limits.per_address), not what it can do; start it with other ones to see that."
        )
    return told


def _tiles(content: Mapping[str, Any]) -> str:
    daemon = content["daemon"]
    tiles = [
        ("calls", f"{content['calls']}"),
        ("replies a second", f"{content['throughput']:.1f}"),
        ("reply p50", duration(content["latency"]["p50"])),
        ("reply p95", duration(content["latency"]["p95"])),
        ("reply p99", duration(content["latency"]["p99"])),
        ("daemon CPU a message", _milliseconds(daemon["cpu_per_message"])),
        ("daemon memory, peak", memory(daemon["memory_peak"])),
        ("generator late, p99", duration(content["generator"]["lag"]["p99"])),
    ]
    inside = "".join(f'<div class="tile"><b>{escape(value)}</b><span>{name}</span></div>' for name, value in tiles)
    return f'<div class="tiles">{inside}</div>'


def _charts(content: Mapping[str, Any]) -> list[str]:
    seconds, samples = content["series"], content["daemon"]["samples"]

    def over_time(key: str, name: str, kind: str) -> Line:
        return Line(name, kind, [(second["at"], second[key]) for second in seconds])

    def sampled(key: str, name: str) -> list[Line]:
        return [Line(name, "a", [(sample["at"], sample[key]) for sample in samples])]

    latency = [over_time(key, key, kind) for key, kind in (("p50", "a"), ("p95", "b"), ("p99", "c"))]
    return [
        lines("Reply latency, by the second it was said in", latency, duration),
        bars("Reply latency, how often", [(duration(bar["start"]), bar["count"]) for bar in content["histogram"]]),
        lines(
            "Messages a second",
            [over_time("said", "said", "b"), over_time("answered", "answered", "a")],
            lambda value: f"{value:g}",
        ),
        lines(
            "Errors a second",
            [over_time("refused", "refused", "b"), over_time("unanswered", "unanswered", "bad")],
            lambda value: f"{value:g}",
        ),
        lines("Daemon CPU, of one core", sampled("cpu", "CPU"), lambda value: f"{value:.0%}"),
        lines("Daemon memory", sampled("memory", "resident"), memory),
    ]


def _thresholds(thresholds: Sequence[Mapping[str, Any]]) -> list[str]:
    if not thresholds:
        return []
    rows = [
        (each["condition"], _figure(each["figure"]), "crossed" if each["crossed"] else "kept") for each in thresholds
    ]
    return ["<h2>Conditions</h2>", _table(("fails if", "measured", ""), rows)]


def _faults(content: Mapping[str, Any]) -> list[str]:
    met = content["faults_met"]
    return ["<h2>Faults that were met</h2>", _table(("fault", "times"), sorted(met.items()))] if met else []


def _sums(name: str, spread: Mapping[str, float | None]) -> tuple[str, ...]:
    return (name, *(duration(spread[key]) for key in SUMS))


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    def cells(tag: str, row: Sequence[object]) -> str:
        kinds = ("", *[' class="number"'] * (len(row) - 1))
        return "".join(f"<{tag}{kind}>{escape(str(cell))}</{tag}>" for kind, cell in zip(kinds, row, strict=True))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead><tbody>{body}</tbody></table></div>'


def _milliseconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds * 1000:.1f} ms"


def _figure(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4g}"
