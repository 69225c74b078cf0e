"""`iteira kb`: the knowledge base as the running daemon has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Usage
from iteira_cli.options import Json, Token, Url, connect

if TYPE_CHECKING:
    from iteira_cli.documents import KnowledgeStatus
    from iteira_cli.output import Output

app = typer.Typer(no_args_is_help=True)


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
