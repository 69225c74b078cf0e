"""A daemon that answers what it is told, until the caller says goodbye."""

from __future__ import annotations

import pytest

from tests.mock.daemon_double import DaemonDouble

from .calling import answer_or_leave


@pytest.fixture
def daemon(mock_url: str) -> DaemonDouble:
    return DaemonDouble(f"{mock_url}/", answer_or_leave)
