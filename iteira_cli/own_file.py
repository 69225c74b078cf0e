"""A result written to a file of the user's own choice: whole or not at all, and never over one that he did not mean."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

from iteira_cli.errors import Failed, Usage
from iteira_cli.options import confirm

STDOUT = Path("-")


def agree(path: Path, yes: bool) -> None:
    """Before the work is done: the file can be written, and one that is there may be replaced.

    Raises `Usage` where it cannot, or where nobody can be asked; ends the command when the answer is no.
    """
    if not path.parent.is_dir():
        raise Usage(f"--output {path}: there is no folder {path.parent}")
    if path.exists() and not path.is_file():
        raise Usage(f"--output {path}: a file is expected")
    if path.exists():
        confirm(f"{path} is there already. Replace it?", yes)


def write(path: Path, text: str) -> None:
    """In UTF-8, for its owner alone: it tells of people. Raises `Failed`; what was there before is then unharmed."""
    target = path.resolve()  # what a link points to is replaced, not the link
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, delete=False) as file:
            draft = Path(file.name)
            try:
                file.write(text)
                file.flush()
                draft.replace(target)
            except BaseException:
                draft.unlink()
                raise
    except OSError as error:
        raise Failed(f"--output {path}: cannot be written: {error.strerror}") from None
