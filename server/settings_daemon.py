"""Where the daemon of these settings is and how its administrator is known, found without reading all the settings:
who only asks the daemon a question must not wait for everything that a daemon needs.
"""

from __future__ import annotations

from pathlib import Path

from server.settings_sources import gather

HOST = "127.0.0.1"
PORT = 8000
LARGEST_PORT = 65_535
ADMIN_TOKEN_LEAST = 16
"""Characters."""


def whereabouts(config: Path | None) -> tuple[str, int, str | None] | None:
    """Host, port and admin token as `settings.load` finds them.

    None where one of the three is not plainly right: `load` says then what is wrong with it. Raises `SettingsError`
    where the settings cannot be read.
    """
    values, _ = gather(config, {})
    server, admin = values.get("server", {}), values.get("admin", {})
    host, port, token = server.get("host", HOST), _port(server.get("port", PORT)), admin.get("token")
    if not isinstance(host, str) or port is None:
        return None
    if token is not None and not (isinstance(token, str) and _carries(token)):
        return None
    return host, port, token


def _port(value: object) -> int | None:
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdecimal())):
        return None
    return int(value) if 1 <= int(value) <= LARGEST_PORT else None


def _carries(token: str) -> bool:
    return len(token) >= ADMIN_TOKEN_LEAST and all("!" <= char <= "~" for char in token)
