"""schemathesis over the OpenAPI document of a real daemon: `make test-api`, with N examples as `EXAMPLES=N`.

Once with the administration's token and once without. It generates requests that the document allows and such that it
does not, and compares every answer with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import httpx

from tests.ports import free_port
from tests.process import daemon_process
from tests.scripted_talkme import scripted_talkme
from tests.workbooks import write_workbook

TOKEN = "a-token-for-administrators"
CONFIG = Path(__file__).with_name("schemathesis.toml")


async def run(examples: int) -> int:
    """The exit code: 0 if every answer is as the document says."""
    limits = {f"ITEIRA_LIMITS__{name}": "off" for name in ("PER_USER", "PER_TOKEN", "PER_ADDRESS", "WRONG_TOKENS")}
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_workbook(folder / "knowledge" / "Прайс.xlsx")
        async with (
            scripted_talkme() as talkme,
            daemon_process(folder, free_port(), talkme.url, environment=limits) as daemon,
        ):
            async with httpx.AsyncClient(base_url=daemon.url) as client:
                document = (await client.get("/openapi.json")).json()
            (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
            open_to_this_machine = await _schemathesis(folder, daemon.url, examples)
        async with (
            scripted_talkme() as talkme,
            daemon_process(
                folder, free_port(), talkme.url, environment={**limits, "ITEIRA_ADMIN__TOKEN": TOKEN}
            ) as daemon,
        ):
            with_token = await _schemathesis(folder, daemon.url, examples, *_header(bearer))
            without = await _schemathesis(folder, daemon.url, examples)
    return max(open_to_this_machine, with_token, without)


def _header(headers: dict[str, str]) -> list[str]:
    return [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]


async def _schemathesis(folder: Path, url: str, examples: int, *options: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("schemathesis"), "--config-file", CONFIG, "run", "openapi.json"),
        *("--url", url, "--max-examples", str(examples), "--continue-on-failure", "--warnings", "off", *options),
        cwd=folder,
        env={**os.environ, "NO_PROXY": "*"},
    )
    return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(int(os.environ.get("EXAMPLES") or 30))))
