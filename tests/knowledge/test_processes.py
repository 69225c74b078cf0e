"""Several worker processes with one index folder."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from server.knowledge.library import Library
from tests.clock import FakeClock
from tests.polling import eventually
from tests.workbooks import PRICES, write_workbook

WORKER = """
import asyncio, json, sys
from pathlib import Path
from server.clock import SystemClock
from server.knowledge.library import Library

folder, index, embedder = sys.argv[1:]
embedded = []
progress = lambda done, total: embedded.append(done)
library = Library(Path(folder), Path(index), embedder=embedder, clock=SystemClock(), progress=progress)
library.open()
print(json.dumps({"embedded": len(embedded), "problems": library.status().problems}), flush=True)
for question in sys.stdin:
    findings = asyncio.run(library.search(question))
    print(json.dumps([finding.document.text for finding in findings.results]), flush=True)
"""


class Worker:
    """A process that opens the knowledge base and answers questions line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the worker ended with {self._process.wait()}"
        return json.loads(line)

    def search(self, question: str) -> list[str]:
        assert self._process.stdin is not None
        print(question, file=self._process.stdin, flush=True)
        texts: list[str] = self.line()
        return texts


@contextmanager
def worker(folder: Path, index: Path, embedder: str) -> Iterator[Worker]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), str(index), embedder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"},
    )
    with process:
        try:
            yield Worker(process)
        finally:
            process.kill()


def test_of_processes_that_start_together_one_builds_and_the_others_read_what_it_built(
    folder: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(folder, tmp_path / "index", "e5")) for _ in range(3)]
        told = sorted(one.line()["embedded"] for one in workers)
        assert told == [0, 0, len(PRICES)]
        assert all(one.search("покрасить волосы")[0].startswith("Услуга: Окрашивание волос") for one in workers)


async def test_a_process_takes_over_what_another_one_has_regenerated(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    library.open()
    with worker(folder, tmp_path / "index", "none") as other:
        assert other.line() == {"embedded": 0, "problems": []}
        assert "Цена: 48" in other.search("маникюр классический")[0]
        write_workbook(folder / "Цены.xlsx", [PRICES[0], ("Маникюр классический", "Ногтевой сервис", 53, None, None)])
        await library.regenerate()
        assert "Цена: 53" in other.search("маникюр классический")[0]


async def test_an_index_that_is_slow_to_come_does_not_replace_what_was_built_meanwhile(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    library.open()
    (saved,) = (tmp_path / "index").glob("*.npz")
    old, slow = saved.read_bytes(), tmp_path / "slow"
    os.mkfifo(slow)
    saved.unlink()
    saved.hardlink_to(slow)  # read as from a disk that takes its time
    searching = asyncio.create_task(library.search("маникюр классический"))
    with os.fdopen(await eventually(lambda: read_by_somebody(slow)), "wb") as sender:
        saved.unlink()
        write_workbook(folder / "Цены.xlsx", [PRICES[0], ("Маникюр классический", "Ногтевой сервис", 53, None, None)])
        await library.regenerate()
        await asyncio.to_thread(sender.write, old)
    await searching
    assert "Цена: 53" in (await library.search("маникюр классический")).results[0].document.text


def read_by_somebody(pipe: Path) -> int | None:
    """Its other end, once somebody is at this one."""
    with suppress(OSError):
        end = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        os.set_blocking(end, True)
        return end
    return None


async def test_a_saved_index_that_is_damaged_later_does_not_disturb_searches(library: Library, tmp_path: Path) -> None:
    library.open()
    (saved,) = (tmp_path / "index").glob("*.npz")
    saved.write_bytes(b"damaged")
    assert (await library.search("маникюр")).results
    assert (await library.search("маникюр")).results


def test_a_build_that_died_leaves_nothing_in_the_way(library: Library, folder: Path, tmp_path: Path) -> None:
    library.open()
    (saved,) = (tmp_path / "index").glob("*.npz")
    saved.with_suffix(".partial").write_bytes(b"half an index")
    write_workbook(folder / "Цены.xlsx", PRICES[:3])
    again = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock())
    assert again.open().documents_count == 2


def test_who_starts_processes_builds_for_them_and_tells_what_they_will_find(folder: Path, tmp_path: Path) -> None:
    prepared = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock()).prepare()
    opened = Library(folder, tmp_path / "index", embedder="none", clock=FakeClock(2e9)).open()
    assert (opened, prepared.updated_at) == (prepared, FakeClock().now())


OPENS = """
import sys
from pathlib import Path
from server.clock import SystemClock
from server.knowledge.library import Library
from server.morphology import analyzer

print(Library(Path(sys.argv[1]), Path(sys.argv[2]), embedder="none", clock=SystemClock()).open().documents_count)
print(analyzer.cache_info().currsize)
"""


def test_a_saved_index_is_opened_without_asking_the_dictionary(folder: Path, tmp_path: Path) -> None:
    def opened() -> list[str]:
        arguments = [sys.executable, "-c", OPENS, str(folder), str(tmp_path / "index")]
        return subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=60).stdout.split()

    assert opened() == [str(len(PRICES) - 1), "1"]
    assert opened() == [str(len(PRICES) - 1), "0"]


def test_who_has_only_prepared_the_index_leaves_nothing_to_the_garbage_collector(tmp_path: Path) -> None:
    """Which does not look until the process serves, and then never again at what was made before."""
    (tmp_path / "knowledge").mkdir()
    write_workbook(tmp_path / "knowledge" / "prices.xlsx", PRICES)
    gc.disable()
    try:
        library = Library(tmp_path / "knowledge", tmp_path / "index", embedder="none", clock=FakeClock())
        library.prepare()
        left = weakref.ref(library)
        del library
        assert left() is None
    finally:
        gc.enable()
