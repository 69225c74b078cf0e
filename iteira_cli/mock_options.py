"""Options of the commands that run a mock TalkMe or let it go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Usage

if TYPE_CHECKING:
    from mock_server.faults import Faults

ANY_KEY = "mock-key"
"""The model provider takes every key; a client wants one."""

Llm = Annotated[bool, typer.Option("--llm", help="Be a model provider too (OpenAI's API, at /v1).")]
LlmScript = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="What the model says (TOML).", show_default="answers from the knowledge it is given"
    ),
]
FirstToken = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Before the model's first token.")]
TokensPerSecond = Annotated[float, typer.Option(min=0.1, metavar="N", help="How fast the model writes on.")]
Chaos = Annotated[
    str,
    typer.Option(
        metavar="FAULTS", help="What goes wrong how often: http500=10%,slow=2s@5%.", show_default="nothing goes wrong"
    ),
]
Seed = Annotated[int, typer.Option(help="Meet the same faults again.")]
FIRST_TOKEN, TOKENS_PER_SECOND = 0.05, 200.0


def faults_of(chaos: str, seed: int) -> Faults:
    """Raises `Usage` for what is no description of faults."""
    from mock_server.faults import ChaosError, Faults

    try:
        return Faults(chaos, seed)
    except ChaosError as error:
        raise Usage(f"--chaos: {error}") from None
