"""`iteira config`: the configuration before the daemon reads it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iteira_cli.errors import Failed, Usage
from iteira_cli.folder import writable
from iteira_cli.options import Invocation, Json, load_settings

if TYPE_CHECKING:
    from server.settings import Settings

SQLITE = "sqlite:///"

app = typer.Typer(no_args_is_help=True)


@app.callback()
def config() -> None:
    """Make a configuration, look at it, check it.

    Example: iteira config init
    """


QUESTIONS = (
    ("company.name", "What is the company called?", "Итейра"),
    ("company.about", "What is it? A few words for the AI model", "{about}"),
    ("company.greeting", "What does a caller hear first?", "Здравствуйте! Это «{company}». Чем могу помочь?"),
    ("talkme.base_url", "Base address of TalkMe's API", "https://api.talkme.ru/"),
    ("talkme.tokens", "Tokens of your webhooks, separated by commas (empty: any)", ""),
    ("agent.api_key", "Key of an OpenAI-compatible provider (empty: no AI model)", ""),
    ("knowledge.path", "Folder with the company's Excel and text files", "knowledge"),
)


@app.command()
def init(
    ctx: typer.Context,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a config.toml that is there.")] = False,
) -> None:
    """Write config.toml with every setting explained, and secrets into .env, by asking seven questions.

    Example: iteira config init
    """
    import sys

    from iteira_cli import first_config
    from iteira_cli.output import Output
    from server.settings import Company

    output = Output()
    config = ctx.ensure_object(Invocation).config or Path("config.toml")
    if config.exists() and not force:
        raise Failed(f"{config} is there already", "--force overwrites it; `iteira config show` tells what is in force")
    if not defaults and not sys.stdin.isatty():
        raise Usage("there is no terminal to ask on", "--defaults writes the file without questions")
    answers: dict[str, str] = {}
    for name, question, usual in () if defaults else QUESTIONS:
        told = usual.replace("{about}", Company().about).replace("{company}", answers.get("company.name", ""))
        answers[name] = _answer(name, question, told)
    for path in first_config.write(config, Path(".env"), answers):
        output.line(f"written: {path}")
    output.note("`iteira config check` reads it as the daemon will; `iteira serve` starts that.")


def _answer(name: str, question: str, usual: str) -> str:
    """Asked again until it is a value that the setting can have."""
    from server.settings import complaint

    def usable(given: str) -> str:
        if given and (wrong := complaint(name, given)):
            raise typer.BadParameter(wrong)
        return given

    given = typer.prompt(question, default=usual, show_default=bool(usual), err=True, value_proc=usable)
    return str(given)


@app.command()
def show(ctx: typer.Context, json: Json = False) -> None:
    """Show every setting that is in force, and where it comes from. Secrets are not shown.

    Example: iteira config show
    """
    from iteira_cli.output import Output
    from server.settings_shown import in_force

    output = Output(json)
    settings = in_force(ctx.ensure_object(Invocation).config)
    if json:
        output.document({"settings": [asdict(setting) for setting in settings]})
        return
    rows = [(each.name, _as_written(each.value), each.origin) for each in settings]
    output.table("Settings", ("Setting", "Value", "From"), rows)


def _as_written(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "(none)"
    return "(not set)" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@app.command()
def check(ctx: typer.Context, json: Json = False) -> None:
    """Read the configuration as the daemon would, and say what is wrong or what its time limits mean together.

    Example: iteira --config config.toml config check
    """
    from iteira_cli import in_force
    from iteira_cli.output import Output
    from server.errors import SettingsError
    from server.settings_sources import files_read
    from server.settings_together import unencrypted

    output, settings = Output(json), None
    files: list[str] = []
    try:
        files = files_read(ctx.ensure_object(Invocation).config)
        settings = load_settings(ctx)
    except SettingsError as error:
        problems = str(error).splitlines()
    else:
        problems = _problems(settings)
    budget = settings.time_budget() if settings else []
    warnings = [*in_force.warnings(settings), *unencrypted(settings)] if settings else []
    if json:
        found = {"problems": problems, "warnings": warnings, "time_budget": budget}
        output.document({"ok": not problems, "read": files, **found})
    else:
        if settings:
            output.line(f"Read: {in_force.read_from(files)}")
            for line in _in_force(settings):
                output.line(f"OK  {line}")
        for line in budget:
            output.line(line)
        for warning in warnings:
            output.warning(warning)
        for problem in problems:
            output.error(problem)
    raise typer.Exit(1 if problems else 0)


def _in_force(settings: Settings) -> list[str]:
    """What these settings make of the daemon, without a secret."""
    from iteira_cli import in_force
    from server.settings_shown import masked

    allowed, protected = len(settings.talkme.tokens), settings.admin.token is not None
    return [
        f"The daemon listens on {in_force.listens_on(settings)}.",
        f"TalkMe is called at {settings.talkme.base_url}.",
        f"Webhook tokens allowed: {allowed or 'all'}.",
        f"Callers are answered by the consultant {in_force.configured_consultant(settings)}.",
        f"Messages are kept in {masked(settings.store.url)}.",
        f"The administration answers {'whoever has the admin token' if protected else 'this machine alone'}.",
    ]


def _problems(settings: Settings) -> list[str]:
    """What the machine lacks for these settings."""
    problems = _unknown_host(settings)
    knowledge, logs, store = settings.knowledge.path, settings.logging.dir, settings.store.url
    if not knowledge.is_dir():
        problems.append(f"knowledge.path = {str(knowledge)!r}: no such folder; the company's files belong there")
    if not writable(logs):
        problems.append(f"logging.dir = {str(logs)!r}: not writable; make it so, or choose another folder")
    if store.startswith(SQLITE) and not writable(Path(store.removeprefix(SQLITE)).parent):
        problems.append(f"store.url = {store!r}: its folder is not writable; make it so, or choose another")
    return problems


def _unknown_host(settings: Settings) -> list[str]:
    import socket

    host = settings.server.host
    try:
        socket.getaddrinfo(host, settings.server.port, flags=socket.AI_PASSIVE)
    except OSError:
        return [f"server.host = {host!r}: no address of that name; 127.0.0.1 is this machine alone"]
    return []
