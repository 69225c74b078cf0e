"""A long run of damaged files through the reader: `make fuzz ARGS="--minutes 60"`.

Every file must be read or refused by name, within its time, and without growing the process that asks. A file that is
neither is kept in `var/fuzz`, and the exit code is 1 then. Some that brought the reader down are kept there too:
callers notice nothing of them, but the parser's authors might want them.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from server.errors import KnowledgeError
from server.knowledge.bounds import Bounds
from server.knowledge.reading import Reading

from .mutations import FORMATS, damaged, example

KEPT = Path("var/fuzz")
KEPT_OF_EACH = 5
"""Files of one format and end."""
SLACK_SECONDS = 2.0
"""Over the limit, for a machine that has something else to do."""
GROWTH = 100_000
"""Kilobytes by which this process may grow in a run; it keeps nothing."""


def main() -> int:
    asked = argparse.ArgumentParser(prog="make fuzz")
    asked.add_argument("--minutes", type=float, default=5.0)
    asked.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = asked.parse_args()
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    outcomes, wrong = run(options.seed, options.minutes * 60)
    for (ending, outcome), count in sorted(outcomes.items()):
        print(f"{ending:6} {outcome:12} {count}")
    print(f"{sum(outcomes.values())} files, {wrong} wrong")
    return bool(wrong)


def run(seed: int, seconds: float) -> tuple[Counter[tuple[str, str]], int]:
    """How often which end was met by the files of each format, and how many met none that is allowed."""
    bounds = Bounds(seconds=5, memory=256 * 1024**2)
    outcomes: Counter[tuple[str, str]] = Counter()
    path = KEPT / "now"
    KEPT.mkdir(parents=True, exist_ok=True)
    end, before, wrong = time.monotonic() + seconds, _memory(), 0
    with Reading(bounds) as reading:
        while time.monotonic() < end:
            seed += 1
            ending = FORMATS[seed % len(FORMATS)]
            path = path.with_suffix(ending)
            path.write_bytes(damaged(example(ending), seed))
            outcome = _outcome(reading, path, bounds)
            outcomes[ending, outcome] += 1
            wrong += outcome == "WRONG"
            if outcome == "WRONG" or (outcome in ("died", "too long") and outcomes[ending, outcome] <= KEPT_OF_EACH):
                path.rename(KEPT / f"{outcome.replace(' ', '-')}-{seed}{ending}")
    path.unlink(missing_ok=True)
    if (grown := _memory() - before) > GROWTH:
        print(f"WRONG: this process has grown by {grown} kB")
        wrong += 1
    return outcomes, wrong


def _outcome(reading: Reading, path: Path, bounds: Bounds) -> str:
    began = time.monotonic()
    try:
        reading.file(path, 1000)
        outcome = "read"
    except KnowledgeError as error:
        said = str(error)
        ends = {"has died": "died", "takes longer": "too long", "takes more": "too large"}
        outcome = next((end for words, end in ends.items() if words in said), "refused")
        if not said.startswith(f"{path.name}: ") or "; " not in said:
            print(f"WRONG: {said}")
            return "WRONG"
    except Exception as error:
        print(f"WRONG: {error!r}")
        return "WRONG"
    if time.monotonic() - began > bounds.seconds + SLACK_SECONDS:
        print(f"WRONG: {time.monotonic() - began:.1f} s for {path.name}")
        return "WRONG"
    return outcome


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
