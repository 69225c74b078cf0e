"""The daemon that runs: whether it answers, what it says of itself, and whether it knows the files as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from iteira_cli.errors import AccessDenied, CliError
from iteira_cli.examinations.finding import Finding, failed, ok, warning

if TYPE_CHECKING:
    from iteira_cli.admin_client import AdminClient

MENDS = {
    "store": "`iteira logs --level error` tells more; room on the disk, Redis",
    "knowledge": "`iteira kb status` names the files",
    "consultant": "check OPENAI_API_KEY and the provider; callers are answered offline meanwhile",
    "talkme": "`iteira failed list` shows what was not delivered; check BASE_URL_TALKME and the token",
}


def answers(admin: AdminClient) -> bool:
    """Whether a daemon of ours answers, whatever it says."""
    try:
        admin.health()
    except CliError:
        return False
    return True


def talkme(admin: AdminClient) -> str | None:
    """The address of TalkMe that it really uses; None where it does not tell."""
    try:
        return admin.stats().get("talkme")
    except CliError:
        return None


def examine(admin: AdminClient) -> Iterator[Finding]:
    try:
        health = admin.health()
    except CliError as error:
        yield warning("daemon", str(error), "start it: `iteira serve`")
        return
    yield ok("daemon", f"answers at {admin.url}")
    for name, check in health["checks"].items():
        what = f"daemon: {name}"
        if check["status"] == "ok":
            yield ok(what, check["detail"])
        else:
            judge = warning if check["status"] == "degraded" else failed
            yield judge(what, check["detail"], MENDS.get(name, "`iteira logs --level warning` tells more"))
    yield _administration(admin)


def _administration(admin: AdminClient) -> Finding:
    try:
        stats = admin.stats()
    except AccessDenied as error:
        return failed("administration", str(error), error.hint or "ask with a token, and from an address that may")
    except CliError as error:
        return failed("administration", str(error), "`iteira logs --level error` tells more")
    return ok("administration", f"{len(stats['workers'])} workers, {stats['queue']['depth']} messages wait")
