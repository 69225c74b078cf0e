"""What a user gets: the wheel, and the documents that tell him how to use it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from iteira_cli.app import COMMANDS
from tests.daemon import running_daemon, settings_for
from tests.scripted_talkme import scripted_talkme

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    source = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, tracked.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    built = subprocess.run([*command, str(source)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(next(folder.glob("iteira-*.whl")))


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}
    assert tops == {"iteira_cli", "server", "mock_server"}


def test_the_wheel_holds_every_file_of_its_packages(wheel: zipfile.ZipFile) -> None:
    for package in ("iteira_cli", "server", "mock_server"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in wheel.namelist()


def test_the_wheel_brings_the_command(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "iteira = iteira_cli.app:main" in wheel.read(entry_points).decode()


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`iteira {name}" not in readme] == []


async def test_the_documented_requests_are_answered_as_documented(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "webhook.md").read_text(encoding="utf-8")
    bodies = [json.loads(body) for body in re.findall(r"-d '(\{.*?\})'", text, re.DOTALL)]
    assert len(bodies) == 2
    async with (
        scripted_talkme() as talkme,
        running_daemon(settings_for(tmp_path, talkme.url)) as url,
        httpx.AsyncClient(base_url=url) as daemon,
    ):
        for body in bodies:
            answer = await daemon.post("/webhook/talkme", json=body)
            expected = {"success": True, "session_id": "3120", "message": "Сообщение отправлено"}
            assert answer.json() == {**expected, "end_conversation": False}
