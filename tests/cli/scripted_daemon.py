"""A real HTTP server that answers as a test has scripted it, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Document = dict[str, Any]
Reply = tuple[int, Document | bytes]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; the path is not decoded."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedDaemon:
    """`answers` maps "METHOD /path" to what is answered, or to a function that decides; for all else
    `any` decides, 404 unless a test sets it.

    `headers` go with every answer.
    """

    def __init__(self, port: int = 0) -> None:
        self.headers: dict[str, str] = {}
        self.answers: dict[str, Reply | Callable[[Seen], Reply]] = {}
        self.any: Callable[[Seen], Reply] = lambda seen: (404, {"success": False, "error": "Not Found"})
        self.seen: list[Seen] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        scripted = self.answers.get(f"{seen.method} {seen.path}")
        if scripted is None:
            return self.any(seen)
        return scripted(seen) if callable(scripted) else scripted

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                status, content = daemon.answer(seen)
                raw = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(raw)), **daemon.headers}.items():
                    self.send_header(name, value)
                with suppress(ConnectionError):  # A client may have gone by now.
                    self.end_headers()
                    self.wfile.write(raw)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                """Tests read `seen` instead."""

        return Handler
