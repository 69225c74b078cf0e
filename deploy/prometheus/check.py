"""See the dashboard and the alerts with real data: `python deploy/prometheus/check.py [--port 23900]`.

A daemon of two workers, a mock of TalkMe and of a model provider, `iteira simulate-load` with faults, and a real
Prometheus with the configuration of this folder, which scrapes every second instead of every fifteen. Then every query
of every panel is asked of that Prometheus and must answer with numbers, and every alert must be evaluated without an
error. At last a worker is killed, the model goes away, and so does TalkMe: the alerts about them must fire (as soon as
they are true, that is without their patience). Exit code 1 if anything of that is not so, 3 if there is no Prometheus.

Needs three ports from `--port` on, and about a minute.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DASHBOARD = HERE.parent / "grafana" / "dashboards" / "iteira.json"
TOKEN = "token-of-the-administration"
RATE_INTERVAL = "20s"
"""In place of Grafana's, which it makes of the scrape interval."""
PATIENCE = 60.0
OUTAGE = ("--calls", "40", "--turns", "1", "--rate", "8", "--chaos", "http500=100%,model_500=100%")
FIRING = ("IteiraRepliesFailing", "IteiraTalkMeFailing", "IteiraConsultantDegraded")
LOAD = ("--calls", "60", "--turns", "3", "--rate", "6", "--chaos", "http500=10%", "--seed", "7")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--port", type=int, default=23900, help="the first of three")
    first = arguments.parse_args().port
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("Prometheus is not installed: nothing was checked.", file=sys.stderr)
        return 3
    daemon, mock, scraper = first, first + 1, first + 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="iteira-prometheus-")))
        environment = _environment(folder, daemon, mock)
        iteira = [sys.executable, "-m", "iteira_cli"]
        stack.enter_context(_running([*iteira, "mock", "--port", str(mock), "--llm"], folder / "mock", environment))
        _until(lambda: _answers(f"http://127.0.0.1:{mock}/"), "the mock")
        stack.enter_context(_running([*iteira, "serve", "--workers", "2"], folder / "daemon", environment))
        health = f"http://127.0.0.1:{daemon}/webhook/talkme/health"
        _until(lambda: _answers(health), "the daemon", folder / "daemon")
        stack.enter_context(_running(_prometheus(prometheus, folder, daemon, scraper), folder / "prom", environment))
        asked = Prometheus(f"http://127.0.0.1:{scraper}")
        _until(lambda: asked.numbers("iteira_build_info"), "Prometheus", folder / "prom")
        _refused(f"http://127.0.0.1:{daemon}/webhook/talkme")
        failures = _load(iteira, folder, environment, mock)
        failures += _panels(asked) + _rules(asked)
        failures += _a_death(asked, f"http://127.0.0.1:{daemon}")
        failures += _an_outage(asked, iteira, environment, mock)
    print("\n".join(["", *(f"FAILED {what}" for what in failures)]) if failures else "\nall of it answers with data")
    return 1 if failures else 0


class Prometheus:
    """One that runs, asked over its HTTP API."""

    def __init__(self, url: str) -> None:
        self._url = url

    def numbers(self, expression: str) -> list[float]:
        """What an expression gives at this moment, without what is no number. Empty while it cannot be asked."""
        try:
            found = _get(f"{self._url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        except OSError:
            return []
        values = [float(sample["value"][1]) for sample in found["data"]["result"]]
        return [value for value in values if not math.isnan(value)]

    def alerts(self) -> list[dict[str, Any]]:
        """Every rule, with its `health` and `state`."""
        groups = _get(f"{self._url}/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]


def queries(dashboard: Path = DASHBOARD) -> Iterator[tuple[str, str]]:
    """Panel and expression of every query of a dashboard."""
    for panel in json.loads(dashboard.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", RATE_INTERVAL)


def _load(iteira: list[str], folder: Path, environment: Mapping[str, str], mock: int) -> list[str]:
    command = [*iteira, "simulate-load", *LOAD, "--mock", f"http://127.0.0.1:{mock}"]
    print(f"load: iteira {' '.join(command[len(iteira) :])}", flush=True)
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, cwd=folder)
    return [] if done.returncode == 0 else [f"load: exit code {done.returncode}: {done.stdout}{done.stderr}"]


def _panels(asked: Prometheus) -> list[str]:
    waiting = list(queries())
    deadline = time.monotonic() + PATIENCE
    while waiting and time.monotonic() < deadline:
        for panel, expression in list(waiting):
            if numbers := asked.numbers(expression):
                waiting.remove((panel, expression))
                print(f"panel  {panel:<30} {len(numbers):>3} series, the first {numbers[0]:.4g}")
        time.sleep(0.5)
    return [f"panel {panel}: no data for {expression}" for panel, expression in waiting]


def _rules(asked: Prometheus) -> list[str]:
    wrong = []
    for rule in asked.alerts():
        print(f"alert  {rule['name']:<30} {rule['health']}, {rule['state']}")
        if rule["health"] != "ok":
            wrong.append(f"alert {rule['name']}: {rule.get('lastError', 'not evaluated')}")
    return wrong


def _a_death(asked: Prometheus, daemon: str) -> list[str]:
    """A worker is killed; 10 seconds later it counts as gone."""
    request = urllib.request.Request(f"{daemon}/webhook/talkme/stats", headers={"Authorization": f"Bearer {TOKEN}"})
    victim = _get(request)["workers"][0]["pid"]
    os.kill(victim, signal.SIGKILL)
    print(f"worker {victim} was killed", flush=True)

    return _must_fire(asked, "IteiraWorkerGone")


def _an_outage(asked: Prometheus, iteira: list[str], environment: Mapping[str, str], mock: int) -> list[str]:
    """Neither model nor TalkMe takes anything: callers wait, and are not answered in the end."""
    options = [*OUTAGE, "--mock", f"http://127.0.0.1:{mock}"]
    print(f"outage: iteira simulate-load {' '.join(OUTAGE)}", flush=True)
    with subprocess.Popen(
        [*iteira, "simulate-load", *options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as load:
        try:
            return _must_fire(asked, *FIRING)
        finally:
            load.terminate()


def _must_fire(asked: Prometheus, *names: str) -> list[str]:
    waited = set(names)

    def fired() -> bool:
        for rule in asked.alerts():
            if rule["name"] in waited and rule["state"] == "firing":
                waited.discard(rule["name"])
                print(f"alert  {rule['name']} fires", flush=True)
        return not waited

    with suppress(TimeoutError):
        _until(fired, ", ".join(names))
    return [f"alert {name} did not fire" for name in sorted(waited)]


def _prometheus(program: str, folder: Path, daemon: int, port: int) -> list[str]:
    """The command that starts it with the files of this folder, changed where they speak of a real installation."""
    (folder / "token").write_text(TOKEN)
    rules = (HERE / "rules.yml").read_text(encoding="utf-8")
    (folder / "rules.yml").write_text(re.sub(r"for: \w+", "for: 0s", rules))
    text = (HERE / "prometheus.yml").read_text(encoding="utf-8")
    text = re.sub(r"(scrape|evaluation)_interval: \d+s", r"\1_interval: 1s", text)
    text = text.replace("/etc/prometheus/iteira.token", str(folder / "token"))
    (folder / "prometheus.yml").write_text(text.replace("127.0.0.1:8000", f"127.0.0.1:{daemon}"))
    return [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]


def _environment(folder: Path, daemon: int, mock: int) -> dict[str, str]:
    ours = {
        "ITEIRA_SERVER__PORT": str(daemon),
        "ITEIRA_STORE__URL": f"sqlite:///{folder / 'iteira.db'}",
        "ITEIRA_KNOWLEDGE__PATH": str(ROOT / "knowledge"),
        "ITEIRA_KNOWLEDGE__INDEX": str(folder / "index"),
        "ITEIRA_KNOWLEDGE__EMBEDDER": "none",
        "ITEIRA_LOGGING__DIR": str(folder / "logs"),
        "ITEIRA_ADMIN__TOKEN": TOKEN,
        "BASE_URL_TALKME": f"http://127.0.0.1:{mock}/",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{mock}/v1",
        "OPENAI_API_KEY": "key-of-the-model",
    }
    return {**os.environ, **ours}


def _refused(webhook: str) -> None:
    """A webhook without anything in it, so that there is one that was refused."""
    with suppress(OSError):
        urllib.request.urlopen(urllib.request.Request(webhook, data=b"{}"), timeout=5)


@contextmanager
def _running(command: list[str], log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, cwd=log.parent)
    try:
        yield
    finally:
        process.terminate()
        process.wait(40)


def _until(true: Callable[[], object], what: str, log: Path | None = None) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            told = log.read_text(errors="replace")[-2000:] if log else ""
            raise TimeoutError(f"{what}: not after {PATIENCE:g} s\n{told}")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _get(request: str | urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


if __name__ == "__main__":
    raise SystemExit(main())
