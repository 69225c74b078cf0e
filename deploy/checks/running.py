"""One check after the other, what each found, and a verdict at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKS = ("dockerfile", "compose", "systemd", "nginx", "backup", "outside")


class Missing(Exception):
    """A program that this check needs is not here; says what to install."""


class Wrong(Exception):
    """What was checked is not as it should be."""


@dataclass
class Report:
    """What one check has seen."""

    name: str
    lines: list[str] = field(default_factory=list)

    def saw(self, what: str) -> None:
        """Something that holds."""
        self.lines.append(what)
        print(f"  {self.name}: {what}", flush=True)

    def must(self, holds: object, what: str, instead: object = "") -> None:
        """Raises `Wrong` unless it holds."""
        if not holds:
            raise Wrong(f"{what}: {instead}" if instead != "" else f"not so: {what}")
        self.saw(what)


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None, timeout: float = 600) -> str:
    """What a program says. Raises `Wrong` with it if it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        raise Wrong(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def until(look: Callable[[], object], what: str, within: float = 60.0) -> None:
    """Wait until it is so. Raises `Wrong` if it is not within so many seconds."""
    deadline = time.monotonic() + within
    while not look():
        if time.monotonic() > deadline:
            raise Wrong(f"not within {within:g} s: {what}")
        time.sleep(0.05)


def as_root_of_its_own(*namespaces: str) -> None:
    """Go on in namespaces of our own (`--net`, `--mount`, …), where the machine's ports and files stay as they are.

    Raises `Missing` where that is not allowed.
    """
    if os.environ.get("ITEIRA_CHECK_INSIDE") == "1":
        return
    command = ["unshare", *namespaces] if os.geteuid() == 0 else ["unshare", "--map-root-user", *namespaces]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        raise Missing("namespaces of its own: run it as root, or where `unshare --map-root-user` works")
    again = [*command, sys.executable, "-m", "deploy.checks", *sys.argv[1:]]
    sys.exit(subprocess.run(again, cwd=ROOT, env={**os.environ, "ITEIRA_CHECK_INSIDE": "1"}, check=False).returncode)


def main(names: list[str]) -> int:
    """0 if all holds, 1 if something does not, 2 if something could not be checked."""
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    if len(names) != 1:  # each in a process of its own: some go on in namespaces of their own
        codes = {
            name: subprocess.run([sys.executable, "-m", "deploy.checks", name], cwd=ROOT, check=False).returncode
            for name in names or CHECKS
        }
        words = {0: "holds", 1: "DOES NOT HOLD", 2: "NOT CHECKED: see above what is missing"}
        print("\n" + "\n".join(f"{name:<12}{words.get(code, f'broke with {code}')}" for name, code in codes.items()))
        return max(codes.values(), key=lambda code: (code == 1, code))
    report = Report(names[0])
    try:
        import_module(f"deploy.checks.{names[0]}").check(report)
    except Missing as missing:
        print(f"\n!!! {names[0]} NOT CHECKED, missing: {missing}\n", file=sys.stderr)
        return 2
    except Wrong as wrong:
        print(f"\n!!! {names[0]} DOES NOT HOLD: {wrong}\n", file=sys.stderr)
        return 1
    return 0
