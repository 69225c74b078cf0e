"""How the person at the keyboard calls this program again."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

NAME = "iteira"


def typed(*arguments: str) -> str:
    """The command line that runs `iteira` with `arguments`, in the shell and folder of whoever reads it."""
    return " ".join([_program(), *map(shlex.quote, arguments)])


def _program() -> str:
    running = Path(sys.argv[0])
    script = running if running.name == NAME else Path(sys.executable).with_name(NAME)
    if not script.exists():
        return f"{shlex.quote(sys.executable)} -m iteira_cli"
    found = shutil.which(NAME)
    if found and Path(found).samefile(script):
        return NAME
    here, absolute = Path.cwd(), script.absolute()
    return shlex.quote(str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute))
