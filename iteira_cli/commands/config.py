"""`iteira config`: the configuration before the daemon reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from iteira_cli.options import Json, load_settings

if TYPE_CHECKING:
    from server.settings import Settings

app = typer.Typer(no_args_is_help=True)


@app.callback()
def config() -> None:
    """Look at the configuration.

    Example: iteira config check
    """


@app.command()
def check(ctx: typer.Context, json: Json = False) -> None:
    """Read the configuration as the daemon would, and say what is wrong or what its time limits mean together.

    Example: iteira --config config.toml config check
    """
    from iteira_cli.output import Output
    from server.errors import SettingsError

    output = Output(json)
    try:
        settings = load_settings(ctx)
    except SettingsError as error:
        problems = str(error).splitlines()
        if json:
            output.document({"ok": False, "problems": problems, "time_budget": []})
        else:
            for problem in problems:
                output.error(problem)
        raise typer.Exit(1) from error
    if json:
        output.document({"ok": True, "problems": [], "time_budget": settings.time_budget()})
        return
    for line in _in_force(settings):
        output.line(f"OK  {line}")
    for line in settings.time_budget():
        output.line(line)


def _in_force(settings: Settings) -> list[str]:
    """What these settings make of the daemon, without a secret."""
    allowed, protected = len(settings.talkme.tokens), settings.admin.token is not None
    return [
        f"The daemon listens on {settings.server.host}, port {settings.server.port}.",
        f"TalkMe is called at {settings.talkme.base_url}.",
        f"Webhook tokens allowed: {allowed or 'all'}.",
        f"Callers are answered by the consultant {settings.agent.consultant}.",
        f"The administration answers {'whoever has the admin token' if protected else 'this machine alone'}.",
    ]
