"""`iteira kb eval` and `iteira kb diff`: the search measured here, without a daemon."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Failed, Usage
from iteira_cli.options import Json, Token, Url, connect, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iteira_cli.output import Output
    from server.knowledge.evaluation import Figures, Measured, Question
    from server.knowledge.library import Library

Misses = Annotated[bool, typer.Option("--misses/--no-misses", help="List the questions that went wrong.")]


def evaluate(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Questions with their answers, a JSON object a line.")],
    knowledge: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the knowledge base.", show_default="knowledge.path")
    ] = None,
    index: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the index there, for the next time.")] = None,
    embedder: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who understands meaning.", show_default="knowledge.embedder")
    ] = None,
    misses: Misses = True,
    json: Json = False,
) -> None:
    """Measure the search with a file of questions whose answers are known: does it find them, and does it know when
    there is none?

    A line: {"text": "почем маникюр", "kind": "price", "expected": [{"file": "Цены.xlsx", "sheet": "Цены", "row": 5}]}

    Example: iteira kb eval questions.jsonl --knowledge knowledge
    """
    from iteira_cli.output import Output
    from server.errors import KnowledgeError
    from server.knowledge import evaluation

    output = Output(json)
    try:
        asked = evaluation.questions(file)
    except KnowledgeError as error:
        raise Usage(str(error)) from None
    with TemporaryDirectory() as scratch:
        library = _open(ctx, output, knowledge, index or Path(scratch), embedder)
        import asyncio

        measured = asyncio.run(_measure(asked, library))
    figures, auc = evaluation.figures(measured), evaluation.separation(measured)
    if json:
        output.document(_document(measured, figures, auc, library.status().embedder))
        return
    _tables(output, figures, auc)
    if misses:
        _misses(output, measured)


def diff(
    ctx: typer.Context,
    new: Annotated[
        Path,
        typer.Argument(metavar="NEW_DIR", help="The knowledge base as it shall become.", exists=True, file_okay=False),
    ],
    knowledge: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The one that it replaces.",
            show_default="knowledge.path",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Ask the knowledge base as it is and as it shall become what callers have asked, and show what changes.

    The questions are the daemon's; the searches run here. Exit code 1 if a question that was answered would not be.

    Example: iteira kb diff knowledge-new
    """
    from iteira_cli.output import Output
    from server.knowledge.comparison import Change, compare

    output, settings = Output(json), load_settings(ctx)
    asked = [(one["text"], one["count"]) for one in connect(ctx, url, token).knowledge_questions()["questions"]]
    with TemporaryDirectory() as scratch:
        before = _open(ctx, output, knowledge, Path(scratch, "old"), None)
        after = _open(ctx, output, new, Path(scratch, "new"), None)
        import asyncio

        compared = asyncio.run(compare(asked, before, after, settings.knowledge.min_confidence))
    counts = Counter(one.change for one in compared)
    if json:
        changes = {change.value: counts[change] for change in Change}
        output.document({"asked": len(asked), "changes": changes, "questions": [asdict(one) for one in compared]})
    else:
        rows = [
            (one.change.value, one.count, f"{one.before:.2f}", f"{one.after:.2f}", one.question, one.answer)
            for one in compared
            if one.change is not Change.SAME
        ]
        output.table("What changes" if rows else "Nothing changes", ("", "Asked", "Was", "Is", "Question", "Now"), rows)
        output.line(f"Of {len(asked)}: " + ", ".join(f"{change.value} {counts[change]}" for change in Change))
    raise typer.Exit(1 if counts[Change.LOST] else 0)


def _open(ctx: typer.Context, output: Output, folder: Path | None, index: Path, embedder: str | None) -> Library:
    """The knowledge base of a folder, ready. Raises `Failed` if there is nothing in it."""
    from server.assembly import open_library
    from server.clock import SystemClock

    def progress(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            output.note(f"Reading: {done} of {total} new or changed documents")

    settings = load_settings(ctx, {"knowledge.path": folder, "knowledge.index": index, "knowledge.embedder": embedder})
    library = open_library(settings, SystemClock(), progress)
    status = library.open()
    for problem in status.problems:
        output.warning(problem)
    if not status.knowledge_base_exists:
        raise Failed(f"there is no knowledge in {settings.knowledge.path}")
    return library


async def _measure(asked: Sequence[Question], library: Library) -> list[Measured]:
    from server.knowledge.evaluation import measure

    return [await measure(one, library) for one in asked]


def _document(
    measured: Sequence[Measured], figures: Sequence[Figures], auc: float | None, embedder: str
) -> dict[str, object]:
    return {
        "embedder": embedder,
        "questions": len(measured),
        "auc": auc,
        "kinds": [
            {"kind": one.kind, "count": one.count, "mrr": one.mrr}
            | {f"recall_at_{depth}": share for depth, share in one.recall.items()}
            for one in figures
        ],
        "misses": [
            {
                "text": one.question.text,
                "kind": one.question.kind,
                "confidence": one.confidence,
                "expected": [expected.place for expected in one.question.expected],
                "found": list(one.places),
            }
            for one in measured
            if _went_wrong(one)
        ],
    }


def _tables(output: Output, figures: Sequence[Figures], auc: float | None) -> None:
    rows: list[tuple[str | int, ...]] = [
        (one.kind, one.count, *(f"{share:.3f}" for share in one.recall.values()), f"{one.mrr:.3f}") for one in figures
    ]
    columns = ("Kind", "Questions", *(f"Recall@{depth}" for depth in (figures[0].recall if figures else ())), "MRR")
    output.table("Answerable" if rows else "Answerable: none", columns, rows)
    if auc is not None:
        output.line(f"Confidence tells answerable questions from others: AUC {auc:.3f} (1 is perfect, 0.5 is chance)")


def _misses(output: Output, measured: Sequence[Measured]) -> None:
    rows = [
        (
            one.question.kind,
            one.question.text,
            f"{one.confidence:.2f}",
            "; ".join(": ".join(expected.place) for expected in one.question.expected),
            ": ".join(one.places[0]) if one.places else None,
        )
        for one in measured
        if _went_wrong(one)
    ]
    columns = ("Kind", "Question", "Sure", "Expected", "Found")
    output.table("Not found first" if rows else "Not found first: none", columns, rows)


def _went_wrong(one: Measured) -> bool:
    return bool(one.question.expected) and not one.hit(1)
