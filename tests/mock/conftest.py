"""A mock TalkMe and a daemon double, both on real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from mock_server.app import create_app
from mock_server.serving import Server
from tests.mock.daemon_double import DaemonDouble
from tests.mock.serving import in_thread


@pytest.fixture
def mock_url() -> Iterator[str]:
    with in_thread(Server(create_app())) as url:
        yield url


@pytest.fixture
def mock(mock_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=mock_url, timeout=30) as http:
        yield http


@pytest.fixture
def daemon(mock_url: str) -> DaemonDouble:
    """The test says what it does with a message."""
    return DaemonDouble(f"{mock_url}/")


@pytest.fixture
def daemon_url(daemon: DaemonDouble) -> Iterator[str]:
    with in_thread(daemon.server()) as url:
        yield url
