"""Renewing an access token: one worker does it, and all share the result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from source_pipedrive.config.parsing import parse
from source_pipedrive.http.auth import OAuth
from source_pipedrive.http.client import Client
from source_pipedrive.http.errors import SyncError
from source_pipedrive.http.hosts import Host
from source_pipedrive.http.pacing import Pacing
from source_pipedrive.http.request import Request
from source_pipedrive.http.stop import STOPPED, StopSignal
from source_pipedrive.http.token_endpoint import TRIES
from unit_tests.wire import Wire, ok

WORKERS = 20
DEALS = Request("deals", "deals", 2, 10, "deals:read")


class TokenServer:
    """Answers every renewal with the same status, and counts the renewals."""

    def __init__(self, status: int, body: bytes = b'{"error": "invalid_grant"}') -> None:
        self.status = status
        self.body = body
        self.asked = 0
        self.was_asked = threading.Event()

    def post(self, url: str, **_: Any) -> requests.Response:
        self.asked += 1
        self.was_asked.set()
        response = requests.Response()
        response.status_code, response._content = self.status, self.body
        return response


def oauth(
    monkeypatch: pytest.MonkeyPatch,
    server: TokenServer,
    sleep: Callable[[float], None],
    expires: str = "2999-01-01T00:00:00Z",
) -> OAuth:
    keys = {"client_id": "a", "client_secret": "b", "refresh_token": "c", "access_token": "old"}
    config = {"credentials": {"auth_type": "oauth2.0", **keys, "token_expiry_date": expires}}
    monkeypatch.setattr(requests.Session, "post", lambda _, url, **more: server.post(url, **more))
    return OAuth(parse(config).credentials, "", sleep)


def at_once(act: Callable[[], object]) -> list[BaseException]:
    """The exceptions that `act` raises in many threads that start together."""
    raised: list[BaseException] = []
    gate = threading.Barrier(WORKERS)

    def work() -> None:
        gate.wait()
        try:
            act()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    return raised


@pytest.mark.parametrize("way", ["expired", "refused", "both"])
def test_one_worker_tries_to_renew_a_token_for_all(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    slept: list[float] = []
    server = TokenServer(503, b"down")
    expires = "2999-01-01T00:00:00Z" if way == "refused" else "2020-01-01T00:00:00Z"
    auth = oauth(monkeypatch, server, slept.append, expires)
    turn = iter(range(WORKERS))

    def act() -> None:
        if way == "refused" or (way == "both" and next(turn) % 2):
            auth.renew_unless_changed("old")
        else:
            auth(requests.Request("GET", "https://acme.pipedrive.com").prepare())

    raised = at_once(act)
    assert len(raised) == WORKERS
    assert {type(error) for error in raised} == {SyncError}
    assert {str(error) for error in raised} == {str(raised[0])}
    assert server.asked == TRIES
    assert len(slept) == TRIES - 1


def test_a_request_to_stop_ends_the_renewal_and_all_who_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stop_signal = StopSignal()
    server = TokenServer(503, b"down")
    auth = oauth(monkeypatch, server, stop_signal, "2020-01-01T00:00:00Z")

    def stop_once_it_waits() -> None:
        server.was_asked.wait(timeout=30)
        stop_signal.stop()

    stopper = threading.Thread(target=stop_once_it_waits, daemon=True)
    stopper.start()
    raised = at_once(auth.get_access_token)
    stopper.join(timeout=30)
    assert {str(error) for error in raised} == {STOPPED}
    assert server.asked == 1


def test_an_expired_token_is_renewed_once_and_before_a_request_takes_a_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With a slot taken before the renewal, the request would leave later than its slot allows."""
    now = [0.0]
    server = TokenServer(503, b"down")

    def sleep(seconds: float) -> None:
        now[0] += seconds
        server.status, server.body = 200, b'{"access_token": "new", "expires_in": 3600}'

    auth = oauth(monkeypatch, server, sleep, "2020-01-01T00:00:00Z")
    wire = Wire(ok(), ok())
    monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: wire)
    pacing = Pacing(lambda: now[0])
    client = Client(Host("https://acme.pipedrive.com"), auth, 4, sleep, pacing=pacing)
    for _ in range(2):
        client.get(DEALS)
    assert [r.headers["Authorization"] for r in wire.sent] == ["Bearer new"] * 2
    assert server.asked == 2
    assert pacing.ask().sent == now[0] > 0  # type: ignore[union-attr]
    assert pacing.parallel == 1, "the wait for the token counted as the answer's"


@pytest.mark.parametrize("seconds", ["0", "-1", "1e300", "99999999999999", "true", "null"])
def test_a_lifetime_that_nobody_means_neither_breaks_a_sync_nor_renews_for_each_request(
    monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    body = f'{{"access_token": "new", "expires_in": {seconds}}}'.encode()
    server = TokenServer(200, body)
    auth = oauth(monkeypatch, server, lambda seconds: None, "2020-01-01T00:00:00Z")
    assert [auth.get_access_token() for _ in range(3)] == ["new"] * 3
    assert server.asked == 1
