"""What knowing costs and how good it is: `python benchmarks/knowledge.py [--quality DIR] [--rows N] [--embedder NAME]`.

Quality needs a folder with `kb/` and question files (`*.jsonl`, in the form of `iteira kb eval`); cost makes a price
list of its own. Times are wall time of this machine; the event loop's lag is what a caller beside the work notices.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from openpyxl import Workbook

sys.path.insert(0, str(Path(__file__).parents[1]))

from server.clock import SystemClock
from server.knowledge import evaluation
from server.knowledge.library import Library

ROWS_A_FILE = 100
ZONES = ["лица", "шеи", "рук", "ног", "спины", "живота", "бёдер", "голеней", "бровей", "ресниц", "губ", "век", "стоп"]
DEEDS = ["массаж", "чистка", "пилинг", "эпиляция", "лифтинг", "окрашивание", "стрижка", "укладка", "мезотерапия"]
WAYS = ["лазерный", "ультразвуковой", "ручной", "аппаратный", "классический", "вакуумный", "водорослевый", "холодный"]
REMARKS = ["после процедуры", "не загорать", "две недели", "курс", "пять сеансов", "перерыв месяц", "беременность"]


def write_base(folder: Path, rows: int) -> None:
    """Price lists of services that differ as those of a large chain do."""
    chance = random.Random(1)
    folder.mkdir(parents=True)
    for number in range(rows // ROWS_A_FILE):
        write_file(folder / f"Прайс {number:03}.xlsx", number, chance)


def write_file(path: Path, number: int, chance: random.Random) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Услуги")
    sheet.append(["Категория", "Услуга", "Описание", "Цена, BYN"])
    for row in range(ROWS_A_FILE):
        deed, way, zone = chance.choice(DEEDS), chance.choice(WAYS), chance.choice(ZONES)
        remark = " ".join(chance.sample(REMARKS, 5))
        sheet.append([f"{deed} {zone}", f"{way} {deed} {zone} № {number}-{row}", remark, chance.randint(20, 900)])
    book.save(path)


class Lag:
    """How late the event loop is, looked at every millisecond while the block runs; milliseconds."""

    async def __aenter__(self) -> Lag:
        self.worst, self._task = 0.0, asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _look(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            self.worst = max(self.worst, (time.perf_counter() - before) * 1000 - 1)


async def cost(rows: int, embedder: str, place: Path) -> dict[str, float]:
    folder, index = place / "knowledge", place / "index"
    write_base(folder, rows)
    library = Library(folder, index, embedder=embedder, clock=SystemClock(), progress=progress)
    told: dict[str, float] = {"rows": rows}
    told["first build, s"] = timed(library.open)
    ready = Library(folder, index, embedder=embedder, clock=SystemClock())
    told["loading a ready index, s"] = timed(ready.open)
    told |= await searches(ready)
    write_file(folder / "Прайс 000.xlsx", 9999, random.Random(2))
    async with Lag() as lag:
        began = time.perf_counter()
        await ready.refresh()
        told["rebuild after 100 changed rows, s"] = time.perf_counter() - began
    told["worst lag of the event loop meanwhile, ms"] = lag.worst
    other = Library(folder, index, embedder=embedder, clock=SystemClock())
    other.open()
    write_file(folder / "Прайс 001.xlsx", 8888, random.Random(3))
    await ready.refresh()
    async with Lag() as lag:
        await other.search("массаж")
        await asyncio.sleep(0.05)
    told["worst lag while another process's index is taken over, ms"] = lag.worst
    return told


async def searches(library: Library) -> dict[str, float]:
    """A search, and what of it is not the embedding of the question; medians in milliseconds."""
    chance, whole, rest = random.Random(4), [], []
    embedder = library.embedder
    for _ in range(60):
        asked = f"сколько стоит {chance.choice(WAYS)} {chance.choice(DEEDS)} {chance.choice(ZONES)} батекс"
        began = time.perf_counter()
        await library.search(asked)
        whole.append(time.perf_counter() - began)
        began = time.perf_counter()
        if embedder is not None:
            embedder.query(library.understood(asked))
        rest.append(whole[-1] - (time.perf_counter() - began))
    return {
        "a search, ms": statistics.median(whole) * 1000,
        "of it beyond the embedding, ms": statistics.median(rest) * 1000,
    }


async def quality(data: Path, embedder: str, place: Path) -> dict[str, object]:
    library = Library(data / "kb", place, embedder=embedder, clock=SystemClock(), progress=progress)
    library.open()
    told: dict[str, object] = {}
    for file in await asyncio.to_thread(lambda: sorted(data.glob("*.jsonl"))):
        try:
            asked = evaluation.questions(file)
        except Exception as error:
            print(f"{file.name}: left out ({error})", file=sys.stderr)
            continue
        measured = [await evaluation.measure(one, library) for one in asked]
        if any(one.expected for one in asked):
            told[file.name] = {
                one.kind: {"questions": one.count} | {f"recall@{at}": round(r, 3) for at, r in one.recall.items()}
                for one in evaluation.figures(measured)
            } | {"AUC": evaluation.separation(measured)}
    return told


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def progress(done: int, total: int) -> None:
    if done % 500 == 0:
        print(f"embedded {done} of {total}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quality", type=Path, help="folder with kb/ and *.jsonl")
    parser.add_argument("--rows", type=int, default=10_000, help="rows of the made-up base; 0 leaves cost out")
    parser.add_argument("--embedder", default="e5")
    given = parser.parse_args()
    told: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        if given.quality:
            told["quality"] = asyncio.run(quality(given.quality, given.embedder, Path(scratch, "quality")))
        if given.rows:
            told["cost"] = asyncio.run(cost(given.rows, given.embedder, Path(scratch)))
    print(json.dumps(told, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
