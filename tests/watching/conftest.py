"""The alerts in Prometheus' own hands. Where promtool is missing, the run says so at its end."""

from __future__ import annotations

import shutil

import pytest

PROMTOOL = shutil.which("promtool")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if PROMTOOL is None:
        told = "THE ALERTS WERE NOT TESTED: promtool is not installed (apt-get install prometheus, or its release)."
        terminalreporter.write_line(told, yellow=True, bold=True)


@pytest.fixture
def promtool() -> str:
    if PROMTOOL is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    return PROMTOOL
