"""Programs that read the files of deploy/ themselves. Where one is missing, the run says so at its end."""

from __future__ import annotations

import shutil

import pytest

PROGRAMS = {"nginx": "nginx-light", "systemd-analyze": "systemd", "promtool": "prometheus"}
"""And the package each is in."""
SEARCHED = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"


def program(name: str) -> str:
    """Where it is; skips the test where it is not."""
    found = shutil.which(name, path=SEARCHED)
    if found is None:
        pytest.skip(f"{name} is not installed (apt-get install {PROGRAMS[name]})")
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCHED) is None]
    if missing:
        packages = " ".join(PROGRAMS[name] for name in missing)
        told = f"DEPLOY/ WAS NOT READ BY {' AND '.join(missing)}: apt-get install {packages}"
        terminalreporter.write_line(told, yellow=True, bold=True)
