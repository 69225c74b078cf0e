"""The process that reads files: what a hostile or broken one does to its parser, it does to this process alone.

`python -m server.knowledge.reader BOUNDS` takes a request a line on stdin and writes answers, a line each, on stdout;
both are JSON. It starts with nothing of the daemon: no settings, no keys, no open files.
"""

from __future__ import annotations

import json
import resource
import sys
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from server.errors import KnowledgeError
from server.knowledge import loaders
from server.knowledge.base import Document
from server.knowledge.bounds import LONGEST, Bounds, counted, megabytes
from server.knowledge.synonyms import Synonym, is_synonyms
from server.text import clean

_AT_ONCE = 200
"""Documents of one answer: whoever reads it holds up the other threads of its process for so long."""
_OPEN_FILES = 64


@dataclass(frozen=True, slots=True)
class Request:
    path: str
    room: int
    """How many more documents fit into the index."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A part of what stands in a file, or why it is skipped."""

    documents: tuple[Document, ...] = ()
    synonyms: tuple[Synonym, ...] = ()
    problem: str | None = None
    last: bool = False
    """Whether nothing more follows for this file."""
    spent: bool = False
    """Whether the process ends with it, having no memory left for another file."""


def main() -> None:
    bounds = Bounds(**json.loads(sys.argv[1]))
    _confine(bounds)
    for line in sys.stdin.buffer:
        _limit_time(bounds)
        for answer in _answers(Request(**json.loads(line)), bounds):
            sys.stdout.buffer.write(json.dumps(asdict(answer), ensure_ascii=False).encode() + b"\n")
            sys.stdout.buffer.flush()
            if answer.spent:
                return


def _confine(bounds: Bounds) -> None:
    """Where a system has no such limit, those that it has must do."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (bounds.memory, bounds.memory))
    for limit, most in ((resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, _OPEN_FILES)):
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))


def _limit_time(bounds: Bounds) -> None:
    """The daemon ends what takes too long; this ends it where the daemon was killed meanwhile."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + bounds.seconds) + 2
    with suppress(ValueError, OSError):  # the system's own limit is lower
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answers(request: Request, bounds: Bounds) -> list[Answer]:
    path = Path(request.path)
    try:
        found = _read(path, request.room, bounds)
    except KnowledgeError as error:
        return [Answer(problem=str(error), last=True)]
    except MemoryError:
        most = f"{megabytes(bounds.memory)} of memory to read (knowledge.file_memory)"
        problem = f"{path.name}: takes more than {most}; leave in it only what callers ask about"
        return [Answer(problem=problem, last=True, spent=True)]
    except (
        BaseException
    ) as error:  # whatever a parser makes of what it did not expect; a panic of Rust's is no Exception
        what = f"is damaged ({type(error).__name__})"
        return [
            Answer(problem=f"{path.name}: {what}; open it in the program that made it and save it again", last=True)
        ]
    parts = range(0, len(found.documents), _AT_ONCE)
    return [
        *(Answer(found.documents[at : at + _AT_ONCE]) for at in parts),
        Answer(synonyms=found.synonyms, last=True),
    ]


def _read(path: Path, room: int, bounds: Bounds) -> Answer:
    _check_archive(path, bounds)
    if is_synonyms(path):
        return Answer(synonyms=loaders.load_synonyms(path))
    documents = tuple(_plain(document) for document in loaders.load(path))
    _check(path, documents, room, bounds)
    return Answer(documents)


def _check_archive(path: Path, bounds: Bounds) -> None:
    """Says plainly of an honest archive what is too large; one that lies about it meets the limits of this process."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > bounds.memory:
        raise KnowledgeError(
            f"{path.name}: unpacks to {megabytes(unpacked)}, more than {megabytes(bounds.memory)} "
            "(knowledge.file_memory); leave in it only what callers ask about"
        )


def _plain(document: Document) -> Document:
    """Without characters that steer a terminal or cannot be shown."""
    fields = tuple((clean(name), clean(value)) for name, value in document.fields)
    text = "\n".join(map(clean, document.text.split("\n")))
    return replace(document, text=text, location=clean(document.location), fields=fields)


def _check(path: Path, documents: Sequence[Document], room: int, bounds: Bounds) -> None:
    for document in documents:
        if len(document.text) > LONGEST:
            raise KnowledgeError(
                f"{path.name}: {document.location[:100]} has {len(document.text)} characters, and nobody can be told "
                f"more than {LONGEST}; divide it, or take it out"
            )
    count = counted(document.text for document in documents)
    if count > room:
        raise KnowledgeError(
            f"{path.name}: has {count} rows or pieces of text, and with the files before it only {room} of "
            f"{bounds.documents} (knowledge.documents) are left; leave in it only what callers ask about"
        )


if __name__ == "__main__":
    main()
