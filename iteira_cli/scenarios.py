"""Playing scenarios for `iteira simulate-call --scenario`: one call each, judged line by line."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Played:
    file: Path
    title: str
    outcomes: Sequence[Outcome]

    @property
    def passed(self) -> bool:
        return not any(outcome.problems for outcome in self.outcomes)

    @property
    def slowest(self) -> float | None:
        """Seconds of the slowest answer."""
        return max((o.said.latency for o in self.outcomes if o.said.latency is not None), default=None)


def read(path: Path) -> list[tuple[Path, Scenario]]:
    """The scenarios of a file or folder. Raises `Usage`."""
    from mock_server.scenario import ScenarioError, scenarios

    try:
        return scenarios(path)
    except ScenarioError as error:
        raise Usage(str(error)) from None


async def play(found: Sequence[tuple[Path, Scenario]], connect: Connect, timeout: float) -> AsyncIterator[Played]:
    """Call once for each scenario, one after the other."""
    from mock_server.scenario import judged

    for file, scenario in found:
        async with connect(scenario.phone, scenario.name) as call:
            outcomes = [judged(line, await call.say(line.text, time_limit=timeout)) for line in scenario.say]
        yield Played(file, scenario.title, outcomes)


def report(played: Sequence[Played], output: Output) -> None:
    """The table, or the document. Raises `Failed` if a scenario did not pass."""
    failed = [each for each in played if not each.passed]
    if output.json:
        output.document(_document(played))
    else:
        rows = [
            (each.file.name, each.title, len(each.outcomes), duration(each.slowest), "ok" if each.passed else "failed")
            for each in played
        ]
        output.table("Scenarios", ("File", "Scenario", "Lines", "Slowest", "Result"), rows)
        for each in failed:
            _explain(each, output)
    if failed:
        raise Failed(f"{len(failed)} of {len(played)} scenarios failed")


def _explain(played: Played, output: Output) -> None:
    for outcome in played.outcomes:
        for problem in outcome.problems:
            output.line(f"{played.file.name}: «{outcome.said.text}»: {problem}")
        if outcome.problems and outcome.said.replies:
            output.line(f"  heard: {' '.join(outcome.said.replies)}")


def _document(played: Sequence[Played]) -> dict[str, Any]:
    return {
        "passed": sum(each.passed for each in played),
        "failed": sum(not each.passed for each in played),
        "scenarios": [
            {
                "file": str(each.file),
                "title": each.title,
                "passed": each.passed,
                "lines": [
                    {
                        "text": outcome.said.text,
                        "replies": outcome.said.replies,
                        "latency": outcome.said.latency,
                        "end_conversation": outcome.said.end_conversation,
                        "finish_code": outcome.said.finish_code,
                        "problems": list(outcome.problems),
                    }
                    for outcome in each.outcomes
                ],
            }
            for each in played
        ],
    }
