"""A real browser on the mock's page, with a daemon double behind it. Without one, the run says so at its end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mock_server.app import create_app
from mock_server.serving import Server
from tests.mock.daemon_double import SENT, DaemonDouble, TalkMe
from tests.mock.serving import in_thread

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    *("--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
EXECUTABLE = next(filter(None, map(shutil.which, BROWSERS)), None)


def missing() -> str | None:
    """What stands in the way of these tests, if anything does."""
    if find_spec("playwright") is None:
        return "the package playwright is not installed"
    return None if EXECUTABLE else f"no browser is installed (looked for {', '.join(BROWSERS)})"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if why := missing():
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=f"{why}; `make test-browser` installs what is needed"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if why := missing():
        told = f"THE CALL CONSOLE WAS NOT TESTED: {why}. `make test-browser` installs what is needed and tests it."
        terminalreporter.write_line(told, yellow=True, bold=True)


async def answer(talkme: TalkMe, text: str) -> dict[str, Any]:
    """Typing and a reply; the end of the dialog, or an operator, where the caller asks for it."""
    await talkme("simulateTyping", {"ttl": 15})
    await talkme.send(f"Вы сказали: {text}")
    for word, code in (("до свидания", "SUCCESS"), ("оператор", "OPERATOR_REQUEST")):
        if word in text.lower():
            await talkme("finish", {"code": code})
    return SENT


@pytest.fixture
def daemon() -> DaemonDouble:
    return DaemonDouble("", answer)


@pytest.fixture
def daemon_server(daemon: DaemonDouble) -> Any:
    """Ends when its `should_exit` is set."""
    return daemon.server()


@pytest.fixture
def mock_url(daemon: DaemonDouble, daemon_server: Any) -> Iterator[str]:
    with in_thread(daemon_server) as daemon_url, in_thread(Server(create_app(daemon=daemon_url))) as url:
        daemon.talkme_url = f"{url}/"
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # No longer than a module: while it lives, no other event loop can run in this thread.
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not work for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=[*QUIET, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, mock_url: str) -> Iterator[Page]:
    """The page in Russian. It may complain of nothing in its console, and ask nobody but the mock."""
    context = browser.new_context(locale="ru-RU", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(15_000)
    page = context.new_page()
    complaints: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.add(request.url.split("/")[2] if "://" in request.url else "data:"))
    page.goto(mock_url)
    yield page
    context.close()
    assert complaints == []
    assert asked <= {mock_url.removeprefix("http://"), "data:"}
