"""Playing written calls for `iteira simulate-call`, each as often as asked for, judged line by line."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iteira_cli.errors import Failed, Usage
from iteira_cli.output import Output, duration

if TYPE_CHECKING:
    from mock_server.caller import SimulatedCall
    from mock_server.scenario import Outcome, Scenario

Connect = Callable[[str | None, str | None], "AbstractAsyncContextManager[SimulatedCall]"]
"""Opens a call from a phone number, with a name."""


SAID_BY_HAND = "--say"
"""Stands for the file where the lines come from the command line."""


@dataclass(frozen=True, slots=True)
class Played:
    """One call."""

    file: Path | None
    """None: its lines come from the command line."""
    title: str
    attempt: int
    """From 1: the how many-th call of this scenario."""
    took: float
    """Seconds."""
    outcomes: Sequence[Outcome]
    error: str | None = None
    """Why it could not be made at all."""

    @property
    def source(self) -> str:
        """Where it is written down."""
        return self.file.name if self.file else SAID_BY_HAND

    @property
    def passed(self) -> bool:
        return self.error is None and not any(outcome.problems for outcome in self.outcomes)

    @property
    def slowest(self) -> float | None:
        """Seconds of the slowest answer."""
        return max((o.said.latency for o in self.outcomes if o.said.latency is not None), default=None)


@dataclass(frozen=True, slots=True)
class Rate:
    """How often the calls of one scenario went as written."""

    calls: Sequence[Played]

    @property
    def passed(self) -> int:
        return sum(each.passed for each in self.calls)

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.passed / len(self.calls)


def rates(played: Sequence[Played]) -> list[Rate]:
    """One for each scenario, in the order of their first calls."""
    calls: dict[Path | None, list[Played]] = {}
    for each in played:
        calls.setdefault(each.file, []).append(each)
    return [Rate(each) for each in calls.values()]


FOLDER = Path("scenarios")
"""Where a scenario is looked for that is named without its path."""


def read(path: Path) -> Sequence[tuple[Path, Scenario]]:
    """The scenarios of a file or folder, or the one in `FOLDER` of this name. Raises `Usage`."""
    from mock_server.scenario import ScenarioError, scenarios

    try:
        return scenarios(_named(path))
    except ScenarioError as error:
        raise Usage(str(error)) from None


def _named(path: Path) -> Path:
    """`greeting` or `01-greeting` is `scenarios/01-greeting.toml`, unless there is a file or folder of that name.

    Raises `Usage` for what is neither."""
    if path.exists() or path.parent != Path() or path.suffix:
        return path
    found = {name: file for file in sorted(FOLDER.glob("*.toml")) for name in names(file)}
    if path.name not in found:
        known = ", ".join(names(file)[1] for file in dict.fromkeys(found.values())) or "none"
        raise Usage(f"there is no file, folder or scenario {path.name}", f"in {FOLDER}/ there are: {known}")
    return found[path.name]


def names(file: Path) -> tuple[str, str]:
    """By which a scenario can be named: with its number, and without."""
    return file.stem, file.stem.lstrip("0123456789").lstrip("-")


def by_hand(lines: Sequence[str], phone: str | None, name: str | None) -> Scenario:
    """A call of which nothing is expected but that every line is answered."""
    from mock_server.scenario import Line, Scenario

    return Scenario(title=lines[0], phone=phone, name=name, say=[Line(text=line) for line in lines])


async def play(
    found: Sequence[tuple[Path | None, Scenario]], connect: Connect, timeout: float, repeat: int = 1
) -> AsyncIterator[Played]:
    """Call `repeat` times for each scenario, one after the other. A call that cannot be made is told like one that
    went wrong: what comes after it, and who reads the results, must not miss it."""
    from mock_server.scenario import judged

    for file, scenario in found:
        for attempt in range(1, repeat + 1):
            began, outcomes, error = time.monotonic(), [], None
            try:
                async with connect(scenario.phone, scenario.name) as call:
                    outcomes = [judged(line, await call.say(line.text, time_limit=timeout)) for line in scenario.say]
            except Failed as failed:
                error = str(failed)
            yield Played(file, scenario.title, attempt, time.monotonic() - began, outcomes, error)


def report(played: Sequence[Played], output: Output) -> None:
    """The table, or the document. Raises `Failed` if a call did not go as written."""
    failed = [each for each in played if not each.passed]
    repeated = any(each.attempt > 1 for each in played)
    if output.json:
        output.document(_document(played))
    else:
        rows = [_row(rate, repeated) for rate in rates(played)]
        output.table("Scenarios", ("File", "Scenario", "Lines", "Slowest", "Result"), rows)
        for each in failed:
            _explain(each, output, f"{each.source}, call {each.attempt}" if repeated else each.source)
    if failed and repeated:
        passed = len(played) - len(failed)
        raise Failed(f"{len(failed)} of {len(played)} calls failed: pass rate {passed / len(played):.1%}")
    if failed:
        raise Failed(f"{len(failed)} of {len(played)} scenarios failed")


def _row(rate: Rate, repeated: bool) -> tuple[str, str, int, str, str]:
    first, calls = rate.calls[0], len(rate.calls)
    slowest = max((each.slowest for each in rate.calls if each.slowest is not None), default=None)
    result = f"{rate.passed} of {calls} ({rate.share:.0%})" if repeated else "ok" if first.passed else "failed"
    return first.source, first.title, len(first.outcomes), duration(slowest), result


def _explain(played: Played, output: Output, where: str) -> None:
    if played.error:
        output.line(f"{where}: {played.error}")
    for outcome in played.outcomes:
        for problem in outcome.problems:
            output.line(f"{where}: «{outcome.said.text}»: {problem}")
        if outcome.problems and outcome.said.replies:
            output.line(f"  heard: {' '.join(outcome.said.replies)}")


def _document(played: Sequence[Played]) -> dict[str, Any]:
    passed = sum(each.passed for each in played)
    return {
        "passed": passed,
        "failed": len(played) - passed,
        "pass_rate": passed / len(played),
        "rates": [
            {
                "file": _path(rate.calls[0]),
                "title": rate.calls[0].title,
                "calls": len(rate.calls),
                "passed": rate.passed,
                "pass_rate": rate.share,
            }
            for rate in rates(played)
        ],
        "scenarios": [_call(each) for each in played],
    }


def _call(played: Played) -> dict[str, Any]:
    return {
        "file": _path(played),
        "title": played.title,
        "attempt": played.attempt,
        "took": played.took,
        "passed": played.passed,
        "error": played.error,
        "lines": [
            {
                "text": outcome.said.text,
                "replies": outcome.said.replies,
                "latency": outcome.said.latency,
                "end_conversation": outcome.said.end_conversation,
                "finish_code": outcome.said.finish_code,
                "problems": list(outcome.problems),
            }
            for outcome in played.outcomes
        ],
    }


def _path(played: Played) -> str | None:
    return str(played.file) if played.file else None
