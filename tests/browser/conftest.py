"""Chromium, driven by `make test-browser`; other runs of the tests leave this folder alone."""

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.views import plan_html
from tests.browser.page import Page
from tests.views.cases import DOCUMENTS, PROVENANCE

WANTED = os.environ.get("RECONCILER_BROWSER") == "1"
if not WANTED:
    collect_ignore_glob = ["test_*.py"]


class Server(http.server.ThreadingHTTPServer):
    """Serves one page, and remembers everything that it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = ""
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """The page's address, on an origin that a careless page could ask for more."""
        return f"http://127.0.0.1:{self.server_port}/plan.html"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.page.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One Chromium for all tests, with a profile of its own and nothing that speaks to the network by itself."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver"))
    started = webdriver.Chrome(options=options, service=service)
    yield started
    started.quit()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def page(driver: Any, server: Server) -> Page:
    """The plan of 300 repositories, light, without filter, in a window of a usual size."""
    return open_page(driver, server, "three-hundred")


def open_page(driver: Any, server: Server, name: str, *, markup: str | None = None, fragment: str = "") -> Page:
    """The page of one of the plans whose drawings are kept in files, or `markup` itself."""
    server.page = plan_html.render(DOCUMENTS[name](), PROVENANCE) if markup is None else markup
    page = Page(driver, shots=Path(os.environ["RECONCILER_SHOTS"]) if "RECONCILER_SHOTS" in os.environ else None)
    page.media()
    page.size(1200, 900)
    # Away from whatever was shown before, so that only this page's requests are seen.
    driver.get("about:blank")
    page.logs()
    driver.get(server.address + fragment)
    page.loaded(server.address + fragment)
    return page
