from __future__ import annotations

import sys
from pathlib import Path

import pytest

from iteira_cli.program import typed


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`iteira` in an environment below the working directory, not on PATH, and running."""
    found = tmp_path / ".venv" / "bin" / "iteira"
    found.parent.mkdir(parents=True)
    found.write_text("#!/bin/sh\n")
    found.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(found), "dev"])
    return found


def test_a_program_on_the_path_is_called_by_its_name(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    assert typed("stats") == "iteira stats"


def test_a_program_below_the_working_directory_is_called_from_there(script: Path) -> None:
    assert typed("simulate-call", "--say", "да, завтра") == ".venv/bin/iteira simulate-call --say 'да, завтра'"


def test_another_iteira_on_the_path_is_not_taken_for_this_one(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "iteira"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    assert typed() == ".venv/bin/iteira"


def test_a_program_elsewhere_is_called_by_its_whole_path(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert typed() == str(script)


def test_a_module_names_the_script_beside_its_python(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["iteira_cli/__main__.py"])
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    assert typed("stats") == ".venv/bin/iteira stats"
    script.unlink()
    assert typed("stats") == f"{script.with_name('python')} -m iteira_cli stats"
