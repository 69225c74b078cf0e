"""`iteira kb`: the knowledge base as the running daemon has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.commands import kb_measures
from iteira_cli.errors import Failed, Usage
from iteira_cli.options import Json, Token, Url, Yes, confirm, connect

if TYPE_CHECKING:
    from iteira_cli.documents import Gap, KnowledgeStatus
    from iteira_cli.output import Output

SHOWN, MOST = 50, 2000
"""Questions that are shown where nobody says how many, and as many as the daemon tells at a time."""

app = typer.Typer(no_args_is_help=True)
app.command("eval")(kb_measures.evaluate)
app.command("diff")(kb_measures.diff)


@app.callback()
def kb() -> None:
    """See what the consultant knows, try a search, and have changed files read again.

    Example: iteira kb search "сколько стоит маникюр"
    """


@app.command()
def status(ctx: typer.Context, url: Url = None, token: Token = None, json: Json = False) -> None:
    """Show what is searched now, and which files could not be read.

    Example: iteira kb status
    """
    from iteira_cli.output import Output

    output = Output(json)
    _show(output, connect(ctx, url, token).knowledge_status())


@app.command()
def search(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A question as a caller would ask it.")],
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Search as the consultant does: how sure it is, and which rows it finds.

    Example: iteira kb search "сколько стоит маникюр"
    """
    from iteira_cli.output import Output

    if not text.strip():
        raise Usage("TEXT: a question is expected")
    output = Output(json)
    document = connect(ctx, url, token).knowledge_search(text)
    if json:
        output.document(document)
        return
    rows = [
        (f"{found['score']:.2f}", found["source"], found["location"], found["text"]) for found in document["results"]
    ]
    output.line(f"Confidence {document['confidence']:.2f} (0 to 1)")
    output.table("Found" if rows else "Found: nothing", ("Score", "File", "Place", "Text"), rows)


@app.command()
def reindex(ctx: typer.Context, url: Url = None, token: Token = None, json: Json = False) -> None:
    """Have all files read again. The consultant goes on with what it knows until that is done.

    Example: iteira kb reindex
    """
    from iteira_cli.output import Output

    output = Output(json)
    client = connect(ctx, url, token)
    output.note("Reading the knowledge base again …")
    _show(output, client.knowledge_regenerate())


@app.command()
def gaps(
    ctx: typer.Context,
    limit: Annotated[
        int | None,
        typer.Option(min=1, max=MOST, help="The most asked so many.", show_default=f"{SHOWN}, and with --xlsx {MOST}"),
    ] = None,
    xlsx: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them into an .xlsx with room for the answers.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget all of them.")] = False,
    forget: Annotated[
        str | None, typer.Option(metavar="QUESTION", help="Forget this one, and those that ask the same.")
    ] = None,
    yes: Yes = False,
    url: Url = None,
    token: Token = None,
    json: Json = False,
) -> None:
    """Show what callers asked and the knowledge base could not answer, the most asked first.

    The workbook of --xlsx, filled in and put into the knowledge folder, is read like any other file; a question whose
    answer is still empty says nothing.

    Example: iteira kb gaps --xlsx "Вопросы без ответа.xlsx"
    """
    from iteira_cli.output import Output

    if sum((clear, forget is not None, xlsx is not None)) > 1:
        raise Usage("--clear, --forget and --xlsx: one of them is expected", "write them first, then forget them")
    if xlsx is not None and xlsx.suffix.lower() != ".xlsx":
        raise Usage(f"--xlsx {xlsx}: a file that ends with .xlsx is expected")
    output, client = Output(json), connect(ctx, url, token)
    if clear or forget is not None:
        confirm("Forget all questions without an answer?" if clear else f"Forget «{forget}»?", yes)
        done = client.forget_gaps(None if clear else forget)
        output.document(done) if json else output.line(done["message"])
        return
    limit = limit or (SHOWN if xlsx is None else MOST)
    document = client.knowledge_gaps(limit)
    if xlsx is not None:
        _write(xlsx, document["gaps"])
        output.note(f"{len(document['gaps'])} questions written to {xlsx}")
    if json:
        output.document(document)
    elif xlsx is None:
        rows = [(gap["count"], gap["question"], "; ".join(gap["also"])) for gap in document["gaps"]]
        output.table(f"Not answered: {document['total'] or 'none'}", ("Asked", "Question", "Also as"), rows)
    if len(document["gaps"]) == limit < document["total"]:
        output.note(f"There are {document['total']}: `--limit` takes more of them, up to {MOST}")


def _write(path: Path, gaps: list[Gap]) -> None:
    from iteira_cli import answer_sheet

    if path.exists():
        raise Failed(f"{path} exists already", "choose another name: it may hold answers")
    try:
        answer_sheet.write(path, gaps)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from error


def _show(output: Output, status: KnowledgeStatus) -> None:
    from iteira_cli.output import local_time

    if output.json:
        output.document(status)
        return
    rows = [
        ("Files", str(status["files_count"])),
        ("Documents", str(status["documents_count"])),
        ("Read", local_time(status["updated_at"])),
        ("Embedder", status["embedder"]),
    ]
    output.table("Knowledge base" if status["knowledge_base_exists"] else "Knowledge base: none", ("", ""), rows)
    for problem in status["problems"]:
        output.warning(problem)
