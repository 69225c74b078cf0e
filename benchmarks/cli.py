"""How long `iteira --help` and `iteira stats --json` take beside an empty Typer program that makes one request.

    python benchmarks/cli.py [ROUNDS]

Whole processes, from their start to their end, one after the other in every round, so that whatever else the machine
does falls on all alike. The daemon is a tiny HTTP server with figures of one installation: what is measured is the
command line.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.cli.documents import STATS

EMPTY = """import typer
from urllib.request import urlopen

app = typer.Typer()


@app.command()
def main(url: str) -> None:
    print(urlopen(url).read().decode())


app()
"""


class Daemon(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(STATS).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it would be part of what is measured."""


def measured(command: list[str], folder: str) -> tuple[float, float]:
    """Wall and processor time of one process, milliseconds."""
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ITEIRA_")}
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall * 1000, (after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime) * 1000


def main(rounds: int) -> None:
    server = HTTPServer(("127.0.0.1", 0), Daemon)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, iteira = f"http://127.0.0.1:{server.server_port}", str(Path(sys.executable).with_name("iteira"))
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY)
        commands = {
            "an empty Typer program, one request": [sys.executable, str(empty), url],
            "iteira stats --json": [iteira, "stats", "--json", "--url", url],
            "iteira --help": [iteira, "--help"],
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for at in range(rounds + 1):
            for name, command in commands.items():
                result = measured(command, folder)
                if at:  # the first round fills the caches
                    times[name].append(result)
    server.shutdown()
    base = statistics.median(wall for wall, _ in next(iter(times.values())))
    print(f"{'':<38}{'median':>9}{'fastest':>9}{'CPU':>7}{'times':>7}")
    for name, results in times.items():
        walls = [wall for wall, _ in results]
        median, cpu = statistics.median(walls), statistics.median(used for _, used in results)
        print(f"{name:<38}{median:>6.0f} ms{min(walls):>6.0f} ms{cpu:>4.0f} ms{median / base:>7.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
