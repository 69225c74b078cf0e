"""The `iteira` command: which commands there are, and the one table from error to exit code.

| exit code | means |
| --- | --- |
| 0 | done |
| 1 | the thing asked for failed |
| 2 | wrong usage, or a configuration that cannot be used |
| 3 | the daemon cannot be reached, or does not let you in |
| 130 | interrupted |
"""

from __future__ import annotations

import errno
import io
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup

from iteira_cli.errors import AccessDenied, CliError, DaemonUnreachable, Usage
from iteira_cli.help import overview, tidy, without_flag_types
from iteira_cli.options import Invocation


class Entry(NamedTuple):
    """Where a command is: a function, or the Typer application of a group, in a module of `commands`."""

    module: str
    attribute: str
    panel: str


COMMANDS = {
    "serve": Entry("serve", "serve", "Run"),
    "dev": Entry("dev", "dev", "Run"),
    "stats": Entry("stats", "stats", "Watch"),
    "sessions": Entry("sessions", "app", "Watch"),
    "why": Entry("why", "why", "Watch"),
    "logs": Entry("logs", "logs", "Watch"),
    "failed": Entry("failed", "app", "Repair"),
    "kb": Entry("kb", "app", "Repair"),
    "backup": Entry("backup", "backup", "Repair"),
    "restore": Entry("backup", "restore", "Repair"),
    "mock": Entry("mock", "mock", "Try out"),
    "simulate-call": Entry("simulate", "simulate_call", "Try out"),
    "simulate-load": Entry("load", "simulate_load", "Try out"),
    "drill": Entry("drill", "drill", "Try out"),
    "selftest": Entry("selftest", "selftest", "Try out"),
    "doctor": Entry("doctor", "doctor", "Set up"),
    "config": Entry("config", "app", "Set up"),
}
PANELS = tuple(dict.fromkeys(entry.panel for entry in COMMANDS.values()))


class Root(TyperGroup):
    """Imports a command when it is called or listed, and ends every call by the table of exit codes."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | TyperGroup | None:
        # An unknown name loads them all, so that Typer can suggest what was meant.
        for name in [cmd_name] if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = _load(name)
                tidy(self.commands[name], ctx)
        return cast("TyperCommand | TyperGroup | None", self.commands.get(cmd_name))

    def get_params(self, ctx: Any) -> Any:
        return without_flag_types(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        overview(self, ctx, {panel: [n for n, e in COMMANDS.items() if e.panel == panel] for panel in PANELS})

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        invocation = extra.setdefault("obj", Invocation())
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except Exception as error:
            if not standalone_mode:
                raise
            code = _report(error, invocation.debug)
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)


def _load(name: str) -> TyperCommand | TyperGroup:
    entry = COMMANDS[name]
    found = getattr(import_module(f"iteira_cli.commands.{entry.module}"), entry.attribute)
    shelf = typer.Typer()
    if isinstance(found, typer.Typer):
        shelf.add_typer(found, name=name, rich_help_panel=entry.panel)
    else:
        shelf.command(name, rich_help_panel=entry.panel)(found)
    return cast("TyperCommand | TyperGroup", typer.main.get_group(shelf).commands[name])


def _report(error: Exception, debug: bool) -> int:
    """Say on stderr what went wrong and what to do next; the exit code of it."""
    from iteira_cli.output import Output

    output = Output()
    if debug:
        output.err.print_exception()
    text, hint, code = _explain(error)
    if text:
        output.error(text, hint)
    return code


def _explain(error: Exception) -> tuple[str, str | None, int]:
    """What to say about an error, what to do next, and its exit code."""
    from server.errors import SettingsError

    match error:
        case DaemonUnreachable() | AccessDenied():
            # One line, since it is the same with every command and what a script's log or a cron mail shows of it.
            return ": ".join(filter(None, (str(error), error.hint))), None, error.exit_code
        case CliError():
            return str(error), error.hint, error.exit_code
        case SettingsError() if str(error).startswith("option --"):
            return str(error), None, 2
        case SettingsError():
            return str(error), "`iteira config check` reads the configuration again once it is mended", 2
        case typer.Abort():
            return "interrupted", None, 130
        case typer.TyperException() if type(error).__name__ == "NoArgsIsHelpError":
            return "", None, 0  # Typer has shown the help; the class has no public name.
        case typer.TyperException():
            return error.format_message().replace("Value error, ", ""), _usage_hint(error), error.exit_code
        case UnicodeEncodeError():  # neither JSON nor the daemon's answers can carry what a terminal sent otherwise
            return "text in UTF-8 is expected", None, 2
        case OSError() if error.errno == errno.ENOSPC:
            return f"not all of it was written: {error.strerror}", None, 1
        case _:
            return (
                f"unexpected: {type(error).__name__}: {error}",
                "`iteira --debug …` with the same command shows where; please report it",
                1,
            )


def _usage_hint(error: typer.TyperException) -> str | None:
    if getattr(error, "option_name", None) in {"--config", "--debug"}:
        return "it belongs right behind `iteira`, before the command"
    ctx = getattr(error, "ctx", None)
    return f"`{ctx.command_path} --help` shows what it takes" if ctx else None


def _version(ctx: typer.Context, wanted: bool) -> None:
    """Looks at `--json` too, which is eager so that it is known by now, wherever it stands."""
    if not wanted:
        return
    from iteira_cli.output import Output
    from iteira_cli.versions import versions

    found, output = versions(), Output()
    if ctx.params.get("json"):
        output.document(found)
    else:
        for name, version in found.items():
            output.line(f"{name} {version or 'not installed'}")
    raise typer.Exit


app = typer.Typer(
    cls=Root,
    name="iteira",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", envvar="ITEIRA_CONFIG", metavar="FILE", help="Configuration file (TOML)."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    json: Annotated[bool, typer.Option("--json", is_eager=True, help="With --version: as a JSON document.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, help="Show the versions that matter, and exit.")
    ] = False,
) -> None:
    """An AI consultant that answers the phone calls coming through TalkMe: run it, try it, watch it, repair it.

    Example: iteira dev
    """
    if json:
        raise Usage("--json before a command goes with --version alone", "put it behind the command")
    invocation = ctx.ensure_object(Invocation)
    invocation.config, invocation.debug = config, debug


def main() -> None:
    """The console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A stdout that cannot hold Cyrillic shows escapes, which JSON understands, instead of failing.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="iteira")
    finally:
        # Whoever presses Ctrl-C again while threads come to their end wants out, not a traceback of the interpreter.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
