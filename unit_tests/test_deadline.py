"""A server that never finishes an answer holds no worker for longer than the deadline."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from urllib3.util.ssltransport import SSLTransport

from source_pipedrive.config.parsing import parse
from source_pipedrive.http import client, deadline, token_endpoint
from source_pipedrive.http.auth import ApiToken, OAuth
from source_pipedrive.http.client import Client
from source_pipedrive.http.deadline import DEADLINES, Deadlines
from source_pipedrive.http.errors import TRANSIENT, PipedriveError, SyncError
from source_pipedrive.http.hosts import Host
from source_pipedrive.http.request import Request
from source_pipedrive.http.session import Session

DEALS = Request("deals", "deals", 2, 10, "deals:read")
ROOT = Path(__file__).parent.parent
LIMIT = 0.5  # seconds
HEAD = b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\n"
DRIPS = {
    "the status": b"",
    "a header": HEAD + b"X: ",
    "a body of a known length": HEAD + b"Content-Length: 1000000\r\n\r\n",
    "a body in chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
    "a body up to the end": HEAD + b"Connection: close\r\n\r\n",
}
Serve = Callable[[bytes], str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a server that answers each request with a beginning, and then with a byte at a time,
    each long before a socket's timeout."""
    monkeypatch.setattr(deadline, "LOOK", 0.05)
    monkeypatch.setattr(client, "DEADLINE", LIMIT)
    monkeypatch.setattr(token_endpoint, "DEADLINE", LIMIT)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as open_:

        def drip(connection: socket.socket, begins: bytes) -> None:
            with contextlib.suppress(OSError):
                connection.recv(65_536)
                connection.sendall(begins)
                while not over.wait(0.02):
                    connection.sendall(b"1")

        def accept(begins: bytes) -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection = open_.enter_context(server.accept()[0])
                    threading.Thread(target=drip, args=(connection, begins), daemon=True).start()

        def start(begins: bytes) -> str:
            threading.Thread(target=accept, args=(begins,), daemon=True).start()
            return "http://{}:{}".format(*server.getsockname())

        yield start
        over.set()


@pytest.mark.parametrize("begins", DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips_is_given_up(serve: Serve, begins: bytes) -> None:
    made = Client(Host(serve(begins)), ApiToken("s3cr3t"), 2, lambda seconds: None)
    began = time.monotonic()
    with pytest.raises(PipedriveError, match="did not answer in time") as caught:
        made.get(DEALS)
    assert caught.value.failure_type is TRANSIENT
    assert 2 * LIMIT <= time.monotonic() - began < 60 * LIMIT


def test_a_token_endpoint_that_drips_holds_no_worker(serve: Serve) -> None:
    """All workers wait for the one that renews the token."""
    url = serve(DRIPS["a body of a known length"])
    keys = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
    config = parse({"credentials": {"auth_type": "oauth2.0", **keys}, "api_url": url})
    with pytest.raises(SyncError, match="did not answer in time"):
        OAuth(config.credentials, url, lambda seconds: None).get_access_token()


def test_a_deadline_concerns_only_its_own_request(serve: Serve) -> None:
    """A token is renewed while a page is requested, and pages are requested side by side."""
    serve(b"")
    with DEADLINES.within(60):
        with pytest.raises(requests.exceptions.ReadTimeout), DEADLINES.within(0.01):
            time.sleep(0.3)
        with DEADLINES.within(60):
            pass


def test_a_connection_that_another_request_uses_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer may be complete just before its time is up. Its connection is in the pool then, or
    in use again."""
    monkeypatch.setattr(deadline, "LOOK", 0.05)
    answer = HEAD + b"Content-Length: 2\r\n\r\n{"
    with socket.create_server(("127.0.0.1", 0)) as server, Session() as session:

        def serve_one() -> None:
            connection, _ = server.accept()
            with connection:
                for seconds in (0.0, 1.0):
                    connection.recv(65_536)
                    connection.sendall(answer)
                    time.sleep(seconds)
                    connection.sendall(b"}")

        def ask() -> str:
            return session.get("http://{}:{}/".format(*server.getsockname())).text

        threading.Thread(target=serve_one, daemon=True).start()
        found: list[str] = []

        def ask_and_linger() -> None:
            ask()
            other = threading.Thread(target=lambda: found.append(ask()))
            other.start()
            other.join(timeout=20)

        with pytest.raises(requests.exceptions.ReadTimeout), DEADLINES.within(0.3):
            ask_and_linger()
    assert found == ["{}"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_drips_holds_no_worker(
    serve: Serve, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to CONNECT comes before any request to Pipedrive."""
    proxy = serve(b"HTTP/1.1 200 Connection established\r\nX: ")
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("no_proxy", "")
    host = Host(f"{scheme}://acme.pipedrive.com")
    began = time.monotonic()
    with pytest.raises(PipedriveError, match="did not answer in time"):
        Client(host, ApiToken("s3cr3t"), 2, lambda seconds: None).get(DEALS)
    assert time.monotonic() - began < 60 * LIMIT


def test_a_tls_handshake_that_drips_holds_no_worker(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python limits it as a whole: by the time that is allowed for connecting."""
    monkeypatch.setattr(client, "TIMEOUT", (LIMIT, 90.0))
    monkeypatch.setattr(client, "DEADLINE", 60.0)
    url = serve(b"\x16\x03\x03\x3f\xff").replace("http:", "https:")  # a record of 16 kB
    began = time.monotonic()
    with pytest.raises(PipedriveError, match="Could not reach"):
        Client(Host(url), ApiToken("s3cr3t"), 2, lambda seconds: None).get(DEALS)
    assert time.monotonic() - began < 60 * LIMIT


def test_a_connection_in_two_layers_of_tls_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy may itself be reached by HTTPS; urllib3's object for that is no socket."""
    monkeypatch.setattr(deadline, "LOOK", 0.05)
    ours, theirs = socket.socketpair()
    inner = SSLTransport.__new__(SSLTransport)
    inner.socket = ours  # type: ignore[assignment]

    class Connection:
        sock = inner

        def getresponse(self) -> bytes:
            return ours.recv(1)

    with ours, theirs:
        ours.settimeout(20)
        watched, began = DEADLINES.watched(Connection)(), time.monotonic()
        with pytest.raises(requests.exceptions.ReadTimeout), DEADLINES.within(0.1):
            watched.getresponse()
        assert time.monotonic() - began < 15


def test_an_error_within_the_deadline_stays_what_it_is() -> None:
    with pytest.raises(KeyError), DEADLINES.within(60):
        raise KeyError


def test_the_thread_ends_with_the_last_request(serve: Serve) -> None:
    serve(b"")
    with DEADLINES.within(60):
        assert "deadlines" in [thread.name for thread in threading.enumerate()]
    until = time.monotonic() + 20
    while "deadlines" in [thread.name for thread in threading.enumerate()]:
        assert time.monotonic() < until
        time.sleep(0.05)


FORK = """
import os, sys, time
from source_pipedrive.http.deadline import DEADLINES
with DEADLINES.within(60):
    if child := os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    try:
        with DEADLINES.within(0.1):
            time.sleep(3)
    except OSError:
        os._exit(7)
    os._exit(1)
"""


def test_a_forked_process_watches_its_own_requests() -> None:
    """It has none of its parent's threads."""
    done = subprocess.run([sys.executable, "-c", FORK], cwd=ROOT, timeout=60)
    assert done.returncode == 7


FORK_BESIDE = """
import os, socket, sys, threading, time
from source_pipedrive.http import deadline
from source_pipedrive.http.deadline import DEADLINES
deadline.LOOK = 0.05
ours, theirs = socket.socketpair()
begun = threading.Event()

class Connection:
    sock = ours
    def getresponse(self):
        begun.set()
        return ours.recv(1)

def ask():
    with DEADLINES.within(0.5):
        DEADLINES.watched(Connection)().getresponse()

threading.Thread(target=ask).start()
begun.wait()
child = os.fork()
if not child:
    with DEADLINES.within(60):
        time.sleep(0.1)
    until = time.monotonic() + 5
    while "deadlines" in [thread.name for thread in threading.enumerate()]:
        if time.monotonic() > until:
            os._exit(1)
        time.sleep(0.05)
    os._exit(0)
theirs.send(b"1")
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
theirs.settimeout(1)
theirs.send(b"1")
sys.exit(code or ours.recv(1) != b"1")
"""


def test_a_forked_process_leaves_its_parents_connections_alone() -> None:
    """It shares them, and never learns that their requests have ended."""
    done = subprocess.run([sys.executable, "-c", FORK_BESIDE], cwd=ROOT, timeout=60)
    assert done.returncode == 0


def test_a_machine_without_another_thread_sends_requests_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Deadlines().within(60):
        pass
