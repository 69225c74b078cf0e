"""`iteira backup` and `iteira restore`: copies of a SQLite store, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Failed
from iteira_cli.options import Json, Yes, confirm, load_settings

if TYPE_CHECKING:
    from server.stores.base import Copy

NAMES = "iteira-*Z.db"
"""Of copies, which sort by their age."""


def backup(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where copies are kept.", file_okay=False)],
    keep: Annotated[
        int | None, typer.Option(min=1, help="Remove older copies, but so many.", show_default="all are kept")
    ] = None,
    json: Json = False,
) -> None:
    """Copy the SQLite store, while the daemon runs: everything that was accepted before is in the copy.

    It holds callers' words and TalkMe's tokens, and is readable by its owner alone. Redis has its own way: see
    docs/operations.md.

    Example: iteira backup /var/lib/iteira/backups --keep 14
    """
    from iteira_cli.output import Output
    from server.errors import StoreError
    from server.stores.open import backups_of_url  # the composition root would load the whole daemon

    output = Output(json)
    try:
        made = backups_of_url(load_settings(ctx).store.url).make(folder)
    except StoreError as error:
        raise Failed(str(error)) from None
    old = sorted(folder.glob(NAMES))[: -keep or None] if keep else []
    for each in old:
        each.unlink(missing_ok=True)
    if json:
        output.document({**_document(made), "removed": [str(each) for each in old]})
        return
    output.line(f"{made.path}: {_contents(made)}")
    if old:
        output.note(f"{len(old)} older copies were removed")


def restore(
    ctx: typer.Context,
    copy: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `iteira backup` made.", dir_okay=False)],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put a copy in the place of the SQLite store, whose daemons must be stopped. What was there is kept beside it.

    What was accepted after the copy was made is not in it. Messages that waited then are older than server.stale_after
    now, and expire.

    Example: iteira restore /var/lib/iteira/backups/iteira-20260102T033000Z.db
    """
    from iteira_cli.output import Output
    from server.errors import StoreError, StoreMisplaced
    from server.stores.open import backups_of_url  # the composition root would load the whole daemon

    try:
        store = backups_of_url(load_settings(ctx).store.url)
        found = store.examine(copy)
        confirm(f"Put this copy ({_contents(found)}) in the place of the store?", yes)
        kept = store.restore(copy)
    except StoreMisplaced as error:
        raise Failed(str(error), "put it back before a daemon starts") from None
    except StoreError as error:
        raise Failed(str(error), "nothing was changed") from None
    output = Output(json)
    if json:
        output.document({**_document(found), "kept": str(kept) if kept else None})
        return
    output.line(f"restored {copy}: {_contents(found)}")
    if kept:
        output.note(f"what was there before is {kept}")


def _contents(copy: Copy) -> str:
    return f"{copy.messages} messages of {copy.sessions} sessions, {copy.waiting} of them waiting, {copy.size} bytes"


def _document(copy: Copy) -> dict[str, object]:
    return {
        "path": str(copy.path),
        "size": copy.size,
        "schema": copy.version,
        "sessions": copy.sessions,
        "messages": copy.messages,
        "waiting": copy.waiting,
    }
