"""The service units: by systemd-analyze, and under a real systemd that is booted beside this one.

It runs on a copy of this machine's file system, in namespaces of its own, and starts the units as they are shipped,
with all that they forbid. A daemon that is stopped is ended by the watchdog, one that is killed is started again.
"""

from __future__ import annotations

import json
import re
import shutil
import site
import subprocess
import tempfile
from pathlib import Path

from deploy.checks.running import ROOT, Missing, Report, run, until

UNITS = ("iteira.service", "iteira-worker.service", "iteira-backup.service", "iteira-backup.timer", "iteira.socket")
FOLDER = ROOT / "deploy/systemd"
EXPOSURE = 3.0
"""What `systemd-analyze security` may give at most, of 10."""
MANAGER = "/lib/systemd/systemd"
HEALTH = "http://127.0.0.1:8001/webhook/talkme/health"
UP = {"running", "degraded"}
"""Degraded: something else of this machine's does not start in a namespace."""
WATCHDOG = "[Service]\nWatchdogSec=3\n"
"""Laid over the unit's own 30 s, which a check need not wait for."""


def check(report: Report) -> None:
    """Raises `Wrong` for what does not hold, `Missing` for what cannot be seen here."""
    if not shutil.which("systemd-analyze"):
        raise Missing("systemd-analyze (apt-get install systemd)")
    analyse(report)
    if not (Path(MANAGER).exists() and Path("/usr/bin/python3").exists()):
        raise Missing("systemd itself, and a Python of the system")
    with tempfile.TemporaryDirectory() as scratch:
        _install(Path(scratch))
        Manager(Path(scratch), report).try_units()


def analyse(report: Report) -> None:
    """What systemd-analyze says of the units, without starting any."""
    with tempfile.TemporaryDirectory() as scratch:
        copies = [Path(scratch, unit) for unit in UNITS]
        for copy in copies:  # it wants to see the program that is started
            text = (FOLDER / copy.name).read_text()
            copy.write_text(re.sub(r"/opt/iteira/bin/iteira", "/bin/true", text))
        said = run("systemd-analyze", "verify", *copies)
        report.must(not said.strip(), "systemd-analyze verify has nothing to say", said)
        for copy in copies:
            if copy.suffix == ".service":
                said = run("systemd-analyze", "security", "--offline=true", "--no-pager", copy)
                exposure = float(said.rpartition("level for")[2].split()[1])
                report.must(exposure < EXPOSURE, f"{copy.name}: exposure {exposure}", said)


def _install(into: Path) -> None:
    """As the documentation says, but with the packages of this environment instead of new ones."""
    packages = next(path for path in site.getsitepackages() if Path(path, "fastapi").exists())
    program, units, etc = into / "opt/iteira", into / "etc/systemd/system", into / "etc/iteira"
    for folder in (program, units / "iteira.service.d", etc, into / "opt/knowledge"):
        folder.mkdir(parents=True)
    for package in ("iteira_cli", "server", "mock_server"):
        shutil.copytree(ROOT / package, into / "opt/source" / package)
    shutil.copytree(packages, into / "opt/packages", symlinks=True, ignore=shutil.ignore_patterns("__editable__*"))
    shutil.copytree(ROOT / "knowledge", into / "opt/knowledge", dirs_exist_ok=True)
    run("/usr/bin/python3", "-m", "venv", "--without-pip", program)
    found = next((program / "lib").glob("python3*")) / "site-packages/iteira.pth"
    found.write_text("/opt/source\n/opt/packages\n")
    start = program / "bin/iteira"
    start.write_text("#!/opt/iteira/bin/python\nfrom iteira_cli.app import main\nmain()\n")
    start.chmod(0o755)
    for unit in UNITS:
        shutil.copy(FOLDER / unit, units / unit)
    (units / "iteira.service.d/check.conf").write_text(WATCHDOG)
    shutil.copy(ROOT / "deploy/config.toml", etc / "config.toml")


class Manager:
    """A systemd of our own, and what is asked of it."""

    def __init__(self, files: Path, report: Report) -> None:
        self._files, self._report = files, report

    def try_units(self) -> None:
        """Raises `Wrong`, or `Missing` where systemd cannot be booted."""
        with tempfile.TemporaryDirectory() as scratch:
            unshare = ["--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--kill-child"]
            booted = subprocess.Popen(
                ["unshare", *unshare, "sh", ROOT / "deploy/checks/boot.sh", scratch, self._files],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                self._first = self._process(booted)
                self._try()
            finally:
                booted.kill()
                booted.communicate()

    def _process(self, booted: subprocess.Popen[str]) -> int:
        children = Path(f"/proc/{booted.pid}/task/{booted.pid}/children")

        def up() -> bool:
            if booted.poll() is not None:
                raise Missing(f"namespaces in which systemd boots: {booted.communicate()[1]}")
            first = children.read_text().split()
            return bool(first) and Path(f"/proc/{first[0]}/comm").read_text().strip() == "systemd"

        until(up, "systemd boots", 20)
        return int(children.read_text().split()[0])

    def _inside(self, command: str) -> str:
        target = ("nsenter", "--target", str(self._first), "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup")
        done = subprocess.run(
            [*target, "sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def _try(self) -> None:
        report = self._report
        until(lambda: self._inside("systemctl is-system-running").strip() in UP, "systemd is up", 60)
        report.saw("a systemd of its own runs")
        self._inside("""
            useradd --system --home-dir /var/lib/iteira --shell /usr/sbin/nologin iteira
            chown -R root:iteira /etc/iteira; chmod 0750 /etc/iteira
            install -d -o iteira -g iteira -m 0750 /var/lib/iteira
            cp -a /opt/knowledge /var/lib/iteira/knowledge; chown -R iteira: /var/lib/iteira
        """)
        said = self._inside("systemctl start iteira")
        status = self._inside("systemctl status --no-pager iteira; journalctl --no-pager -u iteira | tail -20")
        report.must(not said, "systemctl start returns when it serves", said + status)
        health = json.loads(self._inside(f"curl --silent {HEALTH}"))
        report.must(health["status"] in {"ok", "degraded"}, f"it serves within its sandbox: {health['status']}")
        self._ended("STOP", "the watchdog", "a daemon that hangs is ended by the watchdog and started again")
        hung = self._inside("journalctl --no-pager -u iteira")
        report.must(
            "Watchdog timeout" in hung and "most recent call first" in hung, "and the journal says where it hung"
        )
        self._ended("KILL", "systemd", "one that is killed is started again")
        said = self._inside(
            "systemctl start iteira-backup; systemctl show -P Result iteira-backup; ls /var/lib/iteira/backups"
        )
        report.must(said.startswith("success") and "iteira-" in said, "a backup is made while it runs", said)
        as_the_operator = "cd /etc/iteira && runuser -u iteira -- /opt/iteira/bin/iteira"
        copy = "/var/lib/iteira/backups/iteira-*.db"
        said = self._inside(f"{as_the_operator} restore {copy} --yes")
        report.must("stop every daemon" in said, "none is put back while it runs", said)
        said = self._inside(f"{as_the_operator} doctor")
        report.must(
            "settings: can be used" in said and "store" in said, "iteira doctor finds the daemon's settings", said
        )
        said = self._inside("systemctl stop iteira; systemctl show -P Result iteira")
        report.must(said.strip() == "success", "systemctl stop ends it in good order", said)
        said = self._inside(
            f"{as_the_operator} restore {copy} --yes; systemctl start iteira; systemctl is-active iteira"
        )
        report.must(
            "restored" in said and "active" in said.splitlines(), "then it is, and the daemon serves on it", said
        )
        self._restarted_under_callers()

    def _restarted_under_callers(self) -> None:
        """With iteira.socket, who calls while the daemon is started again waits, and is answered."""
        self._inside("systemctl stop iteira; systemctl start iteira.socket iteira")
        ask = f"curl --silent --output /dev/null --write-out '%{{http_code}}\\n' --max-time 60 {HEALTH}"
        asking = f"for i in $(seq 200); do {ask}; sleep 0.05; done > /run/answers & systemctl restart iteira; wait"
        said = self._inside(f"{asking}; sort /run/answers | uniq -c; systemctl is-active iteira.socket iteira")
        counts = [line.split() for line in said.splitlines() if line.split()[0].isdigit()]
        answered = {code: int(count) for count, code in counts}
        self._report.must(
            answered == {"200": 200}, f"with iteira.socket nobody is refused while it restarts: {answered}", said
        )

    def _ended(self, signal: str, by: str, what: str) -> None:
        before = self._inside("systemctl show -P MainPID iteira").strip()
        self._inside(f"kill -{signal} {before}")

        def again() -> bool:
            now = self._inside("systemctl show -P MainPID iteira; systemctl is-active iteira").split()
            return now[:1] not in ([before], ["0"]) and now[-1] == "active"

        until(again, f"{by} replaces process {before}", 60)
        self._report.saw(what)
