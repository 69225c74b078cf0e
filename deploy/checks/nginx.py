"""nginx with the files that are shipped, before two nodes on one Redis: what it lets through, and what it survives.

Everything runs in a network and a file system of its own, so that the files stand where they will stand (/etc/nginx,
ports 80 and 443) and clients have addresses that are not this machine's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from deploy.checks import attacks
from deploy.checks.nodes import ADMIN, ENVIRONMENT, Node, Program, redis, started, talkme
from deploy.checks.running import ROOT, Missing, Report, Wrong, as_root_of_its_own, run, until

SEARCHED = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
STORE = "redis://127.0.0.1:6379/0"
SECONDS = int(os.environ.get("ITEIRA_CHECK_SECONDS", "60"))
"""Of the load through nginx."""
RATE = 10.0
"""Calls a second in it, of three messages each."""
BEFORE = os.environ.get("ITEIRA_CHECK_FROM", "")
"""A commit: the nodes run its program at first, and are upgraded to this one."""
IN_FLIGHT = 2.0
"""Seconds that a reply may have been on its way when its process was killed, by two clocks' reckoning."""
ADDRESSES = {"allowed": "198.51.100.7", "flooding": "203.0.113.9"}


def check(report: Report) -> None:
    """Raises `Wrong` for what does not hold, `Missing` for what cannot be seen here."""
    nginx = shutil.which("nginx", path=SEARCHED)
    if nginx is None:
        raise Missing("nginx (apt-get install nginx-light)")
    as_root_of_its_own("--net", "--mount", "--pid", "--fork", "--mount-proc")
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        folder.chmod(0o755)
        _network()
        _files(folder)
        report.saw(f"nginx -t: {run(nginx, '-t').splitlines()[-1].split('nginx: ')[-1]}")
        started(stack, redis(folder), 6379)
        started(stack, talkme(folder), 5001)
        nodes = [Node(folder, port, STORE, _before(folder, stack)) for port in (8001, 8002)]
        for node in nodes:
            started(stack, node, node.port)
        for node in nodes:
            node.until_ready()
        started(stack, Program("nginx", folder, [nginx, "-g", "daemon off;"], {}), 443)
        attacks.what_is_let_through(report)
        attacks.smuggling(report, nodes)
        attacks.slow_clients(report)
        _load(report, folder, nodes, stack)
        for node in nodes:
            node.stop()
        _rate_by_the_real_address(report, folder, stack)


def _network() -> None:
    run("ip", "link", "set", "lo", "up")
    for address in ADDRESSES.values():
        run("ip", "address", "add", f"{address}/32", "dev", "lo")


def _files(folder: Path) -> None:
    """Our files where the documentation puts them, in a copy of /etc/nginx that only this process sees."""
    etc = folder / "etc"
    shutil.copytree("/etc/nginx", etc, symlinks=True)
    for site in (etc / "sites-enabled").glob("*"):
        site.unlink()
    (etc / "iteira" / "tls").mkdir(parents=True)
    shutil.copy(ROOT / "deploy/nginx/iteira.conf", etc / "conf.d/iteira.conf")
    for name in ("proxy.conf", "nodes.conf"):
        shutil.copy(ROOT / "deploy/nginx" / name, etc / "iteira" / name)
    _certificate(etc / "iteira" / "tls")
    (folder / "var-log").mkdir()
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost iteira.test\n")
    for ours, theirs in ((etc, "/etc/nginx"), (folder / "var-log", "/var/log/nginx"), (hosts, "/etc/hosts")):
        run("mount", "--bind", ours, theirs)
    run("mount", "-t", "tmpfs", "run", "/run")


def _certificate(folder: Path) -> None:
    key, certificate = folder / "privkey.pem", folder / "fullchain.pem"
    names = "subjectAltName=DNS:iteira.test,IP:127.0.0.1"
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
        *("-subj", "/CN=iteira.test", "-addext", names, "-keyout", key, "-out", certificate),
    )


def _before(folder: Path, stack: ExitStack) -> Path:
    """The program that the nodes run at first: this one, or that of an earlier commit."""
    if not BEFORE:
        return ROOT
    tree = folder / "before"
    if not tree.exists():
        tree.mkdir()
        archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
    return tree


def _load(report: Report, folder: Path, nodes: list[Node], stack: ExitStack) -> None:
    """One node killed and started again, a worker of the other stopped, then both upgraded, while callers call."""
    shutil.copy(ROOT / "deploy/nginx/admin.conf.example", "/etc/nginx/iteira/admin.conf")
    run("nginx", "-s", "reload", env={**ENVIRONMENT, "PATH": SEARCHED})
    heard = Heard()
    load = _calls(folder)
    try:
        time.sleep(SECONDS / 5)
        broken_at = [time.time()]
        nodes[0].kill()
        time.sleep(SECONDS / 20)
        nodes[0].start()
        nodes[0].until_ready()
        broken_at.append(time.time())
        hung = nodes[1].stop_a_worker()
        until(lambda: f"worker {hung} hangs" in nodes[1].log.read_text(), "the supervisor replaces a worker that hangs")
        report.saw(f"a worker that was stopped is replaced after {time.time() - broken_at[-1]:.1f} s")
        for index, old in enumerate(nodes):
            time.sleep(SECONDS / 10)
            began = time.monotonic()
            old.stop()
            nodes[index] = Node(folder, old.port, STORE)
            started(stack, nodes[index], old.port)
            nodes[index].until_ready()
            report.saw(f"node {old.port} upgraded in {time.monotonic() - began:.1f} s")
        said, complaints = load.communicate(timeout=SECONDS + 120)
    finally:
        load.kill()
    if load.returncode not in {0, 1} or not said:
        raise Wrong(f"simulate-load ended with {load.returncode}: {complaints}")
    document = json.loads(said)
    verdict = document["verdict"]
    again = sum(map(heard.again, broken_at))
    broken = [name for name in ("lost", "out_of_order", "stray", "failed", "expired") if verdict[name]]
    broken += ["doubled"] if verdict["doubled"] > again else []
    report.must(not broken, "the verdict on the load through nginx is clean", f"{broken} {verdict} {complaints}")
    figures = {name: count for name, count in verdict.items() if isinstance(count, int)}
    report.saw(
        f"{figures}, of the doubled {again} by a process that ended between TalkMe's acceptance and our record of it"
    )
    report.saw(f"refused and sent again {document['refused_deliveries']}, latency {document['latency']}")
    served = [node.requests().count("POST /webhook/talkme ") for node in nodes]
    report.must(all(served), f"both nodes were given webhooks: {served}")


class Heard:
    """What the mock TalkMe hears from now on."""

    def __init__(self) -> None:
        self._replies: list[dict[str, Any]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with urlopen("http://127.0.0.1:5001/stream?kind=reply") as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    self._replies.append(json.loads(line[6:]))

    def again(self, killed: float) -> int:
        """How many replies were heard twice, word for word, because their process was killed or stopped then."""
        count = 0
        for index, first in enumerate(self._replies):
            if abs(first["at"] - killed) <= IN_FLIGHT:
                same = (each for each in self._replies[index + 1 :] if killed <= each["at"])
                count += any((each["token"], each["text"]) == (first["token"], first["text"]) for each in same)
        return count


def _calls(folder: Path) -> subprocess.Popen[str]:
    command = [
        *(sys.executable, "-m", "iteira_cli", "simulate-load", "--url", "https://iteira.test", "--token", ADMIN),
        *("--mock", "http://127.0.0.1:5001", "--rate", str(RATE), "--duration", f"{SECONDS}s", "--json"),
    ]
    environment = {
        **ENVIRONMENT,
        "PYTHONPATH": str(ROOT),
        "SSL_CERT_FILE": "/etc/nginx/iteira/tls/fullchain.pem",
    }
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _rate_by_the_real_address(report: Report, folder: Path, stack: ExitStack) -> None:
    """Behind the proxy the daemon limits each client, and not the proxy."""
    for port in (8001, 8002):
        node = Node(folder, port, STORE, ITEIRA_LIMITS__PER_ADDRESS="5/minute")
        started(stack, node, port)
        node.until_ready()
    flood = [attacks.webhook(ADDRESSES["flooding"], forwarded=f"192.0.2.{n}")[0] for n in range(20)]
    report.must(flood.count(429) >= 10, "who floods is limited, whatever he writes into X-Forwarded-For", flood)
    status, headers, _ = attacks.webhook(ADDRESSES["allowed"])
    report.must(status == 200, "another address is answered meanwhile", status)
    status, headers, body = attacks.webhook(ADDRESSES["flooding"])
    report.must(status == 429 and "retry-after" in headers, f"429 says when: {headers.get('retry-after')}", status)
    report.must(b'"success"' in body, "in the form of the contract", body)
