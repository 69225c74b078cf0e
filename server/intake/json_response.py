"""Answers of the webhook, and of the gate before it, as JSON."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response


class JSONResponse(Response):
    """Starlette's, written by orjson: Python's own `json` takes as long as all else about an answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)
