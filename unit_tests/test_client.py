"""The client's one loop: what is tried again, for how long, and what a person reads about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from source_pipedrive.http.auth import ApiToken, OAuth
from source_pipedrive.http.client import Client, Request
from source_pipedrive.http.errors import CONFIG, TRANSIENT, StreamError, SyncError
from source_pipedrive.http.hosts import Host
from unit_tests.wire import Reply, Wire, ok

DEALS = Request("deals", "deals", 2, 10, "deals:read", {"limit": "500"})


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Client, Wire, list[float]]]:
    def make(*replies: Reply, auth: Any = None) -> tuple[Client, Wire, list[float]]:
        wire, slept = Wire(*replies), []
        monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: wire)
        made = Client(
            Host("https://acme.pipedrive.com"), auth or ApiToken("s3cr3t"), 4, slept.append
        )
        monkeypatch.setattr(made.pacing, "_sleep", lambda seconds: made.pacing.__init__())  # type: ignore[misc]
        return made, wire, slept

    return make


def test_a_request_carries_the_token_in_its_header_only(client: Any) -> None:
    made, wire, _ = client(ok())
    answer = made.get(DEALS)
    assert answer.body == {"success": True, "data": []}
    assert answer.at.isoformat() == "2026-11-23T10:00:00+00:00"
    (sent,) = wire.sent
    assert sent.headers["x-api-token"] == "s3cr3t"
    assert sent.url == "https://acme.pipedrive.com/api/v2/deals?limit=500"


@pytest.mark.parametrize(
    "broken",
    [
        (500, {}, b""),
        (503, {}, b"<html>"),
        (524, {}, b""),
        ok(b"<html>busy</html>"),
        ok(b'{"data": [{"id"'),
        ok(b""),
        requests.exceptions.ConnectionError("reset"),
        requests.exceptions.ReadTimeout("slow"),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again_with_growing_waits(client: Any, broken: Reply) -> None:
    made, wire, slept = client(broken, broken, broken, ok())
    assert made.get(DEALS).body["data"] == []
    assert len(wire.sent) == 4
    assert len(slept) == 3
    assert 0.25 <= slept[0] <= 0.5 <= slept[1] <= 1.0 <= slept[2] <= 2.0


@pytest.mark.parametrize(
    ("broken", "kind", "words"),
    [
        ((503, {}, b'{"error": "down"}'), StreamError, '"deals" (503): "down"'),
        (ok(b"<html>busy</html>"), StreamError, "HTML"),
        (requests.exceptions.ConnectionError("reset"), SyncError, "acme.pipedrive.com"),
    ],
)
def test_what_does_not_pass_ends_in_a_sentence(
    client: Any, broken: Reply, kind: type[Exception], words: str
) -> None:
    made, _, _ = client(*[broken] * 4)
    with pytest.raises(kind) as caught:
        made.get(DEALS)
    assert words in str(caught.value)
    assert caught.value.failure_type is TRANSIENT  # type: ignore[attr-defined]


def test_a_certificate_is_not_tried_again(client: Any) -> None:
    made, wire, _ = client(requests.exceptions.SSLError("bad"))
    with pytest.raises(SyncError, match="certificate") as caught:
        made.get(DEALS)
    assert caught.value.failure_type is CONFIG
    assert len(wire.sent) == 1


def test_a_spent_burst_holds_all_workers_and_costs_nothing(client: Any) -> None:
    made, _, slept = client((429, {"x-ratelimit-reset": "2"}, b""), ok())
    held: list[float] = []
    made.pacing.close = held.append
    made.get(DEALS)
    assert (held, slept) == ([2.0], [])
    assert made.usage.of("deals").tokens == 10


def test_a_429_that_asks_for_a_day_is_not_slept_through(client: Any) -> None:
    made, _, _ = client(*[(429, {"x-ratelimit-reset": "86400"}, b"")] * 4)
    held: list[float] = []
    made.pacing.close = held.append
    with pytest.raises(StreamError, match="429"):
        made.get(DEALS)
    assert max(held) <= 60


def test_a_spent_day_is_not_tried_again(client: Any) -> None:
    made, wire, _ = client((429, {"x-daily-ratelimit-token-remaining": "0"}, b""))
    with pytest.raises(SyncError, match="daily budget"):
        made.get(DEALS)
    assert len(wire.sent) == 1


def test_a_redirect_is_not_followed(client: Any) -> None:
    """The token would go with it."""
    made, wire, _ = client((302, {"Location": "https://evil.example/"}, b""))
    with pytest.raises(StreamError, match="302"):
        made.get(DEALS)
    assert len(wire.sent) == 1


def test_a_refused_access_token_is_renewed_once(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"credentials": {"client_id": "a", "client_secret": "b", "refresh_token": "c"}}
    config["credentials"]["access_token"] = "old"
    config["credentials"]["token_expiry_date"] = "2999-01-01T00:00:00Z"
    auth = OAuth(config, "https://oauth.pipedrive.com/oauth/token", lambda domain: False)
    renewed = []

    def renew() -> None:
        renewed.append(1)
        config["credentials"]["access_token"] += "new"

    monkeypatch.setattr(auth, "refresh_and_set_access_token", renew)
    refused: Reply = (401, {}, b'{"error": "unauthorized access"}')
    made, wire, _ = client(refused, ok(), auth=auth)
    made.get(DEALS)
    assert [r.headers["Authorization"] for r in wire.sent] == ["Bearer old", "Bearer oldnew"]
    made, _, _ = client((503, {}, b""), (503, {}, b""), (503, {}, b""), refused, ok(), auth=auth)
    made.get(DEALS)  # on the last try, too
    made, _, _ = client(refused, refused, auth=auth)
    with pytest.raises(SyncError, match="Reconnect the app"):
        made.get(DEALS)
    assert len(renewed) == 3
