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

from source_pipedrive.config.parsing import parse
from source_pipedrive.http import client, deadline, token_endpoint
from source_pipedrive.http.auth import ApiToken, OAuth
from source_pipedrive.http.client import Client
from source_pipedrive.http.deadline import DEADLINES, Deadlines
from source_pipedrive.http.errors import TRANSIENT, PipedriveError, SyncError
from source_pipedrive.http.hosts import Host
from source_pipedrive.http.request import Request

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
    assert 2 * LIMIT <= time.monotonic() - began < 20 * LIMIT


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


def test_a_machine_without_another_thread_sends_requests_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Deadlines().within(60):
        pass
