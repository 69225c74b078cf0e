"""Having files read by a process that may take only so much time and memory."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import TypeAdapter, ValidationError

from server.errors import KnowledgeError
from server.knowledge.bounds import Bounds, megabytes
from server.knowledge.reader import Answer, Request

_ANSWER = TypeAdapter(Answer)
_LOOK_UP_SECONDS = 0.2
"""How often it is asked meanwhile whether to go on."""
_PART = 1 << 20
"""Bytes taken from the process at once."""
_CODE = Path(__file__).parents[2]


class Reading:
    """Reads file after file in one process, and in a new one after a file that brought the process down.

    It is started with the first file and ends with the block.
    """

    def __init__(self, bounds: Bounds, go_on: Callable[[], None] = lambda: None) -> None:
        """`go_on` is called now and then while a file is read, and raises `BrokenOff` if nobody waits any more."""
        self._bounds, self._go_on = bounds, go_on
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def file(self, path: Path, room: int) -> Answer:
        """Everything that stands in a file, of which at most `room` documents.

        Raises `KnowledgeError` for a file that cannot be read within the bounds. Its text names the file, says what is
        wrong with it and what to do.
        """
        try:
            answers = list(self._answers(path, room))
        except BaseException:
            self._end()
            raise
        if answers[-1].spent:
            self._end()
        if problem := answers[-1].problem:
            raise KnowledgeError(problem)
        return Answer(
            tuple(document for answer in answers for document in answer.documents),
            tuple(synonym for answer in answers for synonym in answer.synonyms),
            last=True,
        )

    def _answers(self, path: Path, room: int) -> Iterator[Answer]:
        deadline = time.monotonic() + self._bounds.seconds
        process = self._process = self._process or self._start(path)
        self._ask(process, Request(str(path), room))
        last = False
        while not last:
            line = self._line(process, path, deadline)
            try:
                answer = _ANSWER.validate_json(line)
            except ValidationError:
                raise KnowledgeError(f"{path.name}: {_DISTURBED}") from None
            last = answer.last
            yield answer

    def _start(self, path: Path) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 -- nothing of the line comes from outside
                [sys.executable, "-P", "-m", "server.knowledge.reader", json.dumps(asdict(self._bounds))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                # Not ours: what reads files of strangers has no use for keys.
                env={"PYTHONPATH": str(_CODE), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
                start_new_session=True,
            )
        except OSError as error:
            raise KnowledgeError(f"{path.name}: no process can be started to read it ({error.strerror})") from None

    @staticmethod
    def _ask(process: subprocess.Popen[bytes], request: Request) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
        except BrokenPipeError:
            return  # it has died, which is seen where its answer is awaited

    def _line(self, process: subprocess.Popen[bytes], path: Path, deadline: float) -> bytes:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                self._go_on()
                left = deadline - time.monotonic()
                if left <= 0:
                    raise KnowledgeError(f"{path.name}: {self._too_long()}")
                if selector.select(min(left, _LOOK_UP_SECONDS)):
                    part = os.read(process.stdout.fileno(), _PART)
                    if not part:
                        raise KnowledgeError(f"{path.name}: {self._why_it_died(process)}")
                    self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _too_long(self) -> str:
        limit = f"{self._bounds.seconds:g} s"
        return f"takes longer than {limit} to read (knowledge.file_timeout); leave in it only what callers ask about"

    def _why_it_died(self, process: subprocess.Popen[bytes]) -> str:
        code = process.wait()
        of = signal.Signals(-code).name if code < 0 else f"code {code}"
        memory = megabytes(self._bounds.memory)
        return f"{_DISTURBED} ({of}), perhaps for want of memory: it has {memory} (knowledge.file_memory)"

    def _end(self) -> None:
        process, self._process, self._rest = self._process, None, b""
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


_DISTURBED = "cannot be read, the process that tried has died; save it again, or take it out of the folder"
