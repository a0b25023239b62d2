"""Receives the callback on this machine's loopback interface."""

from __future__ import annotations

import errno
import queue
import socket
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Self
from urllib.parse import urlsplit

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.config.errors import config_error
from source_pipedrive.tools.login import pages
from source_pipedrive.tools.login.callback import (
    LOOPBACK,
    PATH,
    TOO_LATE,
    Answer,
    Deadline,
    answer_in,
    loopback_url,
)
from source_pipedrive.tools.login.pages import Page

ADDRESS, ADDRESS_V6 = "127.0.0.1", "::1"  # no other machine can connect
LAST_PORT = 65_535
IN_USE = "another program uses it"
DONE = "/done"
TICK = 0.2  # seconds between two looks at the clock
SILENCE = 10  # seconds after which a connection without a request is closed
HOLD = 300  # seconds that a browser may wait for the last page
LAST_LOOK = 5  # seconds that a browser has to fetch the last page
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Loopback:
    """A small web server for one login, in a `with` statement.

    The callback redirects to /done, so that the code leaves the address bar at once. That page
    arrives when `show` has been called. Raises a config error if the port is not free.
    """

    def __init__(self, port: int, state: str) -> None:
        self.url = loopback_url(port)
        self._visit = _Visit(state)
        if _is_taken(port):
            raise _not_free(port, IN_USE)
        try:
            self._server = _Server(port, self._visit)
        except OSError as error:
            in_use = error.errno == errno.EADDRINUSE
            raise _not_free(port, IN_USE if in_use else f"{error.strerror}") from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(TICK,), name="callback", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, deadline: Deadline) -> Answer:
        """What Pipedrive sends to the callback. Raises a config error if nothing comes in time."""
        while deadline.remaining:
            try:
                return self._visit.answers.get(timeout=TICK)
            except queue.Empty:
                continue
        raise config_error(TOO_LATE)

    def show(self, page: Page) -> None:
        """Sends the last page to the browser that waits for it, if there is one."""
        self._visit.end(page)


class _Visit:
    """What the threads of the server share with the login. Thread-safe."""

    def __init__(self, state: str) -> None:
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._state = state
        self._lock = threading.Lock()
        self._has_answer = False
        self._page: Page | None = None
        self._ended, self._seen = threading.Event(), threading.Event()

    def receive(self, query: str) -> bool:
        """Whether the query of a callback belongs to this login. Only the first one counts."""
        answer = answer_in(query, self._state)
        if answer is None:
            return False
        with self._lock:
            if not self._has_answer:
                self._has_answer = True
                self.answers.put(answer)
        return True

    def end(self, page: Page) -> None:
        """The login has ended. Gives a browser that was at the callback time to fetch `page`."""
        self._page = page
        self._ended.set()
        if self._has_answer:
            self._seen.wait(LAST_LOOK)

    def last_page(self) -> Page:
        """Waits for it. Before the callback there is none."""
        if not self._has_answer:
            return pages.NOTHING_HERE
        self._ended.wait(HOLD)
        return self._page or pages.NOTHING_HERE

    def note_seen(self) -> None:
        """The browser has the last page."""
        self._seen.set()


class _Server(ThreadingTCPServer):
    """One thread a connection: browsers open some on which they send nothing."""

    allow_reuse_address = True  # after a login that has just ended
    daemon_threads = True

    def __init__(self, port: int, visit: _Visit) -> None:
        self.visit = visit
        super().__init__((ADDRESS, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Does nothing: the browser has gone, and a traceback would only confuse."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = SILENCE
    server_version, sys_version = "source-pipedrive", ""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if not _is_of_this_machine(self.headers.get_all("Host") or []):
            self._show(pages.NOT_UNDERSTOOD)
        elif path == PATH:
            if self.server.visit.receive(query):
                self._send(303, b"", {"Location": DONE})
            else:
                self._show(pages.NOT_THIS_LOGIN)
        elif path == DONE:
            page = self.server.visit.last_page()
            self._show(page)
            if page is not pages.NOTHING_HERE:
                self.server.visit.note_seen()
        elif path == "/favicon.ico":
            self._send(404, b"", {})
        else:
            self._show(pages.NOTHING_HERE)

    def _show(self, page: Page) -> None:
        self._send(page.status, page.html(), {"Content-Type": "text/html; charset=utf-8"})

    def _send(self, status: int, body: bytes, more: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **more, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The library's own page would quote the request, which may contain the code."""
        self._show(pages.NOT_UNDERSTOOD)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Does nothing: a request line may contain the code."""


def _is_of_this_machine(hosts: Sequence[str]) -> bool:
    """Whether the browser asked for this machine by its own name. A web page whose name was made to
    point to this machine (DNS rebinding) could otherwise read the last page."""
    try:
        return len(hosts) == 1 and urlsplit(f"//{hosts[0]}").hostname in LOOPBACK
    except ValueError:
        return False


def _is_taken(port: int) -> bool:
    """Whether another program listens on IPv6's loopback. Browsers may try that first."""
    try:
        with socket.create_connection((ADDRESS_V6, port), timeout=1):
            return True
    except OSError:
        return False


def _not_free(port: int, why: str) -> AirbyteTracedException:
    other = port + 1 if port < LAST_PORT else port - 1
    return config_error(
        f"Port {port} cannot be used: {why}. Choose another one with --port, such as {other}, and "
        f"change the app's callback URL in Pipedrive's Developer Hub to {loopback_url(other)}."
    )
