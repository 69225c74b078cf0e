"""This machine: programs, folders, limits, ports, store and files."""

from __future__ import annotations

import asyncio
import resource
import shutil
import socket
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from iteira_cli import __version__
from iteira_cli.examinations.finding import Finding, failed, ok, skipped, warning
from iteira_cli.folder import existing, writable
from iteira_cli.in_force import HOW_TO_GUARD, asks_for_a_token, has_no_guard

if TYPE_CHECKING:
    from server.settings import Settings

LEAST_SPACE = 500_000_000
"""Bytes that should be free where messages and logs are kept."""
FILES_PER_TURN = 3
"""Open files that a turn may need: its webhook, TalkMe, the model."""
SHOWN_VERSIONS = ("fastapi", "uvicorn", "httpx", "openai", "redis")


def examine(settings: Settings, *, daemon_answers: bool) -> Iterator[Finding]:
    yield _python()
    yield _open_files(settings)
    yield from _folders(settings)
    yield _guard(settings)
    yield _port(settings, daemon_answers)
    yield _store(settings, daemon_answers)
    yield _knowledge(settings)


def _python() -> Finding:
    libraries = ", ".join(f"{name} {version(name)}" for name in SHOWN_VERSIONS)
    return ok("versions", f"iteira {__version__}, Python {sys.version.split()[0]}, {libraries}")


def _open_files(settings: Settings) -> Finding:
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_PER_TURN * settings.limits.concurrent_turns + 100
    if allowed != resource.RLIM_INFINITY and allowed < needed:
        return failed(
            "open files",
            f"a process may open {allowed}, and limits.concurrent_turns = {settings.limits.concurrent_turns} "
            f"needs {needed}",
            "raise the limit (ulimit -Hn, LimitNOFILE= of a systemd unit) or lower limits.concurrent_turns",
        )
    return ok("open files", f"{'any number' if allowed == resource.RLIM_INFINITY else allowed} a process")


def _folders(settings: Settings) -> Iterator[Finding]:
    folders = {"log folder (logging.dir)": settings.logging.dir}
    if settings.store.url.startswith("sqlite:///"):
        folders["data folder (store.url)"] = Path(settings.store.url.removeprefix("sqlite:///")).parent
    for name, folder in folders.items():
        there = existing(folder)
        free = shutil.disk_usage(there).free
        if not writable(folder):
            yield failed(name, f"{folder} is not writable", f"chown or chmod {folder}, or set another")
        elif free < LEAST_SPACE:
            yield warning(name, f"only {free / 1e6:.0f} MB are free at {there}", "make room, or set another folder")
        else:
            yield ok(name, f"{folder} is writable, {free / 1e9:.1f} GB free")


def _guard(settings: Settings) -> Finding:
    name, host = "server.host", settings.server.host
    if has_no_guard(settings):
        said = f"{host} without admin.token"
        if settings.server.insecure:
            return warning(name, f"{said}, as server.insecure says", HOW_TO_GUARD.rpartition(",")[0])
        return failed(name, f"{said}: `iteira serve` refuses to start", HOW_TO_GUARD)
    if asks_for_a_token(settings):
        return ok(name, f"{host}, and the administration asks for a token")
    return ok(name, f"{host}: this machine alone administrates (no admin.token)")


def _port(settings: Settings, daemon_answers: bool) -> Finding:
    host, port = settings.server.host, settings.server.port
    name = f"port {port}"
    if daemon_answers:
        return ok(name, "the daemon holds it")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        holder = _holder(port)
        return failed(
            name,
            f"{host}:{port} is not to be had: {error.strerror or error}{f'; {holder} holds it' if holder else ''}",
            "stop that program, or set server.port (--port)",
        )
    return ok(name, f"{host}:{port} is free")


def _holder(port: int) -> str | None:
    """The process that listens on a port, where the system tells."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if Path("/proc/net/tcp").exists() else ():
        _, local, _, state, *_, inode = line.split()[:10]
        if state == "0A" and int(local.split(":")[1], 16) == port:
            return _process_with(f"socket:[{inode}]")
    return None


def _process_with(link: str) -> str | None:
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(descriptor.readlink()) == link:
                process = descriptor.parent.parent
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:
            continue
    return None


def _store(settings: Settings, daemon_answers: bool) -> Finding:
    """Opened as the daemon would, but that a file is only looked at: opening one of an older version changes it.
    Where a daemon runs, its own health speaks for the store."""
    from server.assembly import open_store
    from server.clock import SystemClock
    from server.errors import StoreError
    from server.settings_shown import masked
    from server.stores.open import look_at

    where = masked(settings.store.url)
    if daemon_answers:
        return skipped("store", f"{where}: the daemon has it open, see its health below")

    async def look() -> str | None:
        if look_at(settings.store.url):
            return None
        store = open_store(settings, SystemClock())
        await store.open()
        try:
            await store.examine()
            return await store.check()
        finally:
            await store.close()

    try:
        remark = asyncio.run(look())
    except StoreError as error:
        return failed("store", f"{where}: {error}", "set store.url, or mend what it names")
    return warning("store", f"{where}: {remark}", "docs/redis.md tells what it means") if remark else ok("store", where)


def _knowledge(settings: Settings) -> Finding:
    from server.errors import KnowledgeError
    from server.knowledge import contents, folder

    path = settings.knowledge.path
    try:
        files = folder.paths(path)
        found = contents.read(path, files, None, settings.knowledge.bounds)
    except KnowledgeError as error:
        return failed("knowledge files", str(error), "put the company's files into knowledge.path")
    if found.problems:
        return warning("knowledge files", "; ".join(found.problems), "mend or remove the files named")
    return ok("knowledge files", f"{len(found.documents)} documents of {len(files)} files in {path}")
