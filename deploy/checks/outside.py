"""From another machine: everything but the webhook and health is refused without a token. That machine is a network
namespace, so that its address is no loopback one and the connection comes over a wire of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from deploy.checks.nodes import ADMIN, ENVIRONMENT, Program
from deploy.checks.running import ROOT, Missing, Report, Wrong, as_root_of_its_own, run, until

HERE, THERE, PORT = "10.231.7.1", "10.231.7.2", 8000
OPEN = {"/webhook/talkme", "/webhook/talkme/health", "/webhook/talkme/health/live", "/webhook/talkme/health/ready"}
NOWHERE = {"/", "/docs", "/redoc"}
UNGUARDED = 2
"""The exit code of a daemon that would listen on the network without a token."""
ASK = """
import json, sys, urllib.error, urllib.request
told = {}
for method, path in json.load(sys.stdin):
    headers = {"Host": "127.0.0.1", "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
    request = urllib.request.Request(sys.argv[1] + path, method=method, headers=headers)
    try:
        told[f"{method} {path}"] = urllib.request.urlopen(request, timeout=20).status
    except urllib.error.HTTPError as refused:
        told[f"{method} {path}"] = refused.code
print(json.dumps(told))
"""
"""Says that it is the machine itself, in every way that a header can."""


def check(report: Report) -> None:
    """Raises `Wrong` for what does not hold, `Missing` for what cannot be seen here."""
    as_root_of_its_own("--net")
    run("ip", "link", "set", "lo", "up")
    with tempfile.TemporaryDirectory() as scratch, _machine() as outside:
        folder = Path(scratch)
        serve = [sys.executable, "-m", "iteira_cli", "serve", "--host", "0.0.0.0", "--port", str(PORT)]
        environment = {
            "PYTHONPATH": str(ROOT),
            "ITEIRA_KNOWLEDGE__EMBEDDER": "none",
            "BASE_URL_TALKME": "http://127.0.0.1:1/",
        }
        _refuses_to_start(report, serve, folder, environment)
        for token, closed in ({}, 403), ({"ITEIRA_ADMIN__TOKEN": ADMIN}, 401):
            options = [] if token else ["--insecure"]
            daemon = Program(f"daemon-{closed}", folder, [*serve, *options], {**environment, **token})
            daemon.start()
            try:
                daemon.until_listening(PORT)
                until(_answers, "the daemon answers")
                _is_closed(report, outside, closed, bool(token))
            finally:
                daemon.kill()


@contextmanager
def _machine() -> Iterator[int]:
    """Another machine on a wire to this one; the process that is in it."""
    there = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    try:
        own = Path("/proc/self/ns/net").readlink()
        until(lambda: _network_of(there.pid) not in (None, own), "there is another network namespace")
        run("ip", "link", "add", "inside", "type", "veth", "peer", "name", "outside", "netns", str(there.pid))
        run("ip", "address", "add", f"{HERE}/24", "dev", "inside")
        run("ip", "link", "set", "inside", "up")
        enter = ("nsenter", "--target", str(there.pid), "--net")
        run(*enter, "ip", "address", "add", f"{THERE}/24", "dev", "outside")
        run(*enter, "ip", "link", "set", "outside", "up")
        yield there.pid
    except FileNotFoundError as missing:
        raise Missing(f"{missing.filename} (apt-get install iproute2 util-linux)") from None
    finally:
        there.kill()
        there.wait()


def _network_of(pid: int) -> Path | None:
    with suppress(OSError):
        return Path(f"/proc/{pid}/ns/net").readlink()
    return None


def _refuses_to_start(report: Report, serve: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        serve, cwd=folder, env={**ENVIRONMENT, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stderr.strip().splitlines()
    report.must(
        done.returncode == UNGUARDED and len(said) == 2 and "admin.token" in said[0],
        "without a token it does not listen on the network, and says in two lines what to do",
        "" if done.returncode == UNGUARDED else f"exit code {done.returncode}, {done.stderr}",
    )


def _answers() -> bool:
    with suppress(OSError):
        return bool(_here("/webhook/talkme/health"))
    return False


def _here(path: str) -> Any:
    """What a program of the same machine is answered."""
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", headers={"Authorization": f"Bearer {ADMIN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _is_closed(report: Report, outside: int, closed: int, has_token: bool) -> None:
    document = _here("/openapi.json")
    questions = [
        (method.upper(), path.replace("{user_id}", "anna").replace("{message_id}", "1"))
        for path, methods in document["paths"].items()
        for method in methods
    ]
    questions += [("GET", path) for path in ("/openapi.json", *sorted(NOWHERE))]
    command = ["nsenter", "--target", str(outside), "--net", sys.executable, "-c", ASK, f"http://{HERE}:{PORT}"]
    done = subprocess.run(
        command, input=json.dumps(questions), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise Wrong(f"the daemon cannot be asked from outside: {done.stderr[-500:]}")
    told: dict[str, int] = json.loads(done.stdout)
    wrong = {}
    for question, status in told.items():
        path = question.split(" ")[1]
        right = status not in {401, 403} if path in OPEN else status == (404 if path in NOWHERE else closed)
        if not right:
            wrong[question] = status
    report.must(
        not wrong,
        f"{'with' if has_token else 'without'} a token configured, {len(told)} questions from {THERE} without one: "
        f"all but the webhook and health are refused",
        wrong or "",
    )
