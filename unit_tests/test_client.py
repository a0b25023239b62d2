"""The client's retry loop: what it retries, for how long, and what the user reads about it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import requests

from source_pipedrive.config.parsing import parse
from source_pipedrive.http.auth import ApiToken, OAuth
from source_pipedrive.http.client import REFUSALS, Client
from source_pipedrive.http.company import WHO_AM_I
from source_pipedrive.http.errors import (
    CONFIG,
    MUTE_REFUSALS,
    TRANSIENT,
    StreamError,
    SyncError,
)
from source_pipedrive.http.hosts import Host
from source_pipedrive.http.pacing import Pacing
from source_pipedrive.http.request import AS_DICTIONARIES, AS_STRUCTS, Request
from source_pipedrive.http.shapes import Shape
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.http.usage import Usage
from source_pipedrive.http.words import words
from source_pipedrive.stream.access import UnavailableAnswer
from unit_tests.wire import Reply, Wire, ok

DEALS = Request("deals", "deals", 2, 10, "deals:read", params={"limit": "500"})


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Client, Wire, list[float]]]:
    def make(
        *replies: Reply, auth: Any = None, usage: Usage | None = None, hides_words: bool = False
    ) -> tuple[Client, Wire, list[float]]:
        wire, slept = Wire(*replies), []
        monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: wire)
        made = Client(
            Host("https://acme.pipedrive.com"),
            auth or ApiToken("s3cr3t"),
            4,
            slept.append,
            usage or Usage(),
            Pacing(lambda: sum(slept)),
            hides_words,
        )
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
def test_temporary_failures_are_retried_with_growing_waits(client: Any, broken: Reply) -> None:
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
def test_lasting_failures_end_in_a_sentence(
    client: Any, broken: Reply, kind: type[Exception], words: str
) -> None:
    made, _, _ = client(*[broken] * 4)
    with pytest.raises(kind) as caught:
        made.get(DEALS)
    assert words in str(caught.value)
    assert caught.value.failure_type is TRANSIENT  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "broken",
    [(503, {}, b"down"), ok(b"<html>"), requests.exceptions.ConnectionError("reset")],
    ids=str,
)
def test_no_message_about_the_user_names_a_stream(
    client: Any, broken: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    """users_me is no stream that anybody could select."""
    caplog.set_level("INFO")
    made, _, _ = client(*[broken] * 4)
    with pytest.raises(Exception, match=r"token's user|acme") as caught:
        made.get(WHO_AM_I)
    lines = [record.message for record in caplog.records]
    assert len([line for line in lines if "the token's user" in line]) == 3
    assert "users_me" not in " ".join([*lines, str(caught.value)])


RESET = requests.exceptions.ConnectionError("reset")
NOTES = Request("notes", "notes", 1, 20, "deals:read")


def crowd(client: Any, replies: list[Reply], others: Reply = RESET) -> tuple[Client, Wire]:
    """A client that requests notes during each of its waits, and gets `others` as the answer."""
    made, wire, _ = client(*replies)
    sleep = made._sleep

    def meanwhile(seconds: float) -> None:
        sleep(seconds)
        wire.replies.insert(0, others)
        made._sleep = sleep
        with contextlib.suppress(StreamError, SyncError):
            made.get(NOTES)
        made._sleep = meanwhile

    made._sleep = meanwhile
    return made, wire


def test_an_unreachable_page_ends_only_its_stream_while_others_are_answered(
    client: Any,
) -> None:
    made, wire = crowd(client, [RESET] * 4, ok())
    with pytest.raises(StreamError, match='"deals"') as caught:
        made.get(DEALS)
    assert caught.value.failure_type is TRANSIENT
    assert "http" not in str(caught.value)
    wire.replies[:] = [ok()]
    assert made.get(DEALS), "the sync was over"


def test_answers_before_the_first_try_do_not_count(client: Any) -> None:
    made, wire, _ = client(ok(), *[RESET] * 4)
    made.get(DEALS)
    with pytest.raises(SyncError, match="Could not reach"):
        made.get(DEALS)
    with pytest.raises(SyncError):
        made.get(NOTES)
    assert len(wire.sent) == 5


def test_an_answer_whose_body_is_always_broken_ends_its_stream(client: Any) -> None:
    """Pipedrive answers, but a proxy on the way may limit the size of answers."""
    broken = (200, {"Content-Encoding": "gzip"}, b"this was not compressed")
    made, _, _ = client(*[broken] * 4)
    with pytest.raises(StreamError, match='"deals" failed at each try'):
        made.get(DEALS)


@pytest.mark.parametrize("why", ["EOF occurred", "certificate verify failed"])
def test_a_tls_failure_is_retried_after_an_earlier_success(client: Any, why: str) -> None:
    made, wire, _ = client(ok(), requests.exceptions.SSLError(why), ok())
    made.get(DEALS)
    made.get(DEALS)
    assert len(wire.sent) == 3


def test_a_tls_connection_that_breaks_at_the_start_is_no_wrong_certificate(client: Any) -> None:
    made, wire, _ = client(requests.exceptions.SSLError("EOF occurred"), ok())
    made.get(DEALS)
    assert len(wire.sent) == 2


def test_a_page_that_is_always_refused_ends_only_its_stream_while_others_are_served(
    client: Any,
) -> None:
    """Without headers the reason is unknown, but a spent daily budget would affect all requests."""
    made, wire = crowd(client, [(429, {}, b"")] * 40, ok())
    with pytest.raises(StreamError, match=r'"deals" \(429\)'):
        made.get(DEALS)
    assert sum("deals" in str(sent.url) for sent in wire.sent) == REFUSALS + 1


def test_a_certificate_error_is_not_retried(client: Any) -> None:
    made, wire, _ = client(requests.exceptions.SSLError("certificate verify failed"))
    with pytest.raises(SyncError, match="certificate") as caught:
        made.get(DEALS)
    assert caught.value.failure_type is CONFIG
    assert len(wire.sent) == 1


# No body of a 429 or a 402 was ever recorded: status and headers have to suffice.
STRANGE = [
    b"",
    b"<html>Cloudflare: your daily budget is spent</html>",
    b'{"success":false,"error":"Scope and URL mismatch"}',
    b'{"error":{"code":"feature_disabled"}}',
    b'["do not have permissions"]',
    b"7",
    b"\xff\x00",
]


@pytest.mark.parametrize("body", STRANGE)
def test_a_spent_burst_holds_all_workers_and_costs_nothing(client: Any, body: bytes) -> None:
    made, _, slept = client((429, {"x-ratelimit-reset": "2"}, body), ok())
    made.get(DEALS)
    assert slept == [2.0]
    assert made.usage.of("deals").tokens == 10


def test_a_burst_limit_that_stays_spent_ends_the_sync_after_minutes(client: Any) -> None:
    made, wire, slept = client(*[(429, {"x-ratelimit-reset": "2"}, b"")] * 21)
    with pytest.raises(SyncError, match="Run the sync again later"):
        made.get(DEALS)
    assert len(wire.sent) == REFUSALS + 1
    assert 120 <= sum(slept) <= 1_200


@pytest.mark.parametrize(
    "end",
    [
        (403, {}, b"<html>This error is produced by Cloudflare.</html>"),
        (402, {}, b""),
        (429, {"x-daily-ratelimit-token-remaining": "0"}, b""),
    ],
    ids=["blocked", "not active", "day spent"],
)
def test_no_request_of_any_stream_leaves_after_the_end_of_the_sync(client: Any, end: Reply) -> None:
    """Further requests make a block longer."""
    made, wire, _ = client(end, ok())
    for request in (DEALS, Request("notes", "notes", 1, 20, "deals:read"), DEALS):
        with pytest.raises(SyncError):
            made.get(request)
    assert len(wire.sent) == 1


def test_a_truncated_answer_costs_as_much_as_a_whole_one(client: Any) -> None:
    made, _, _ = client(ok(b'{"data": ['), ok())
    made.get(DEALS)
    assert made.usage.of("deals").tokens == 20


@pytest.mark.parametrize("date", ["Mon, 23 Nov 99999999999 10:00:00 GMT", "soon", ""])
def test_an_invalid_date_is_no_time(client: Any, date: str) -> None:
    made, _, _ = client((200, {"Date": date}, b'{"data": []}'))
    assert made.get(DEALS).at is None


LEFT, BURST = "x-daily-ratelimit-token-remaining", "x-ratelimit-remaining"


@pytest.mark.parametrize(
    ("headers", "requests"),
    [
        ({LEFT: "0"}, 1),
        ({LEFT: "0", BURST: "0"}, 1),
        ({LEFT: "9", BURST: "70"}, 1),  # less than the request costs
        ({}, MUTE_REFUSALS + 1),  # no limit is reported, but no burst lasts that long
        ({BURST: "70"}, 2),  # the budget is not reported; the second refusal reveals it
    ],
    ids=str,
)
@pytest.mark.parametrize("body", STRANGE)
def test_a_spent_daily_budget_is_not_retried(
    client: Any, headers: dict[str, str], requests: int, body: bytes
) -> None:
    made, wire, _ = client(*[(429, headers, body)] * requests)
    with pytest.raises(SyncError, match="daily budget") as caught:
        made.get(DEALS)
    assert caught.value.failure_type is TRANSIENT
    assert len(wire.sent) == requests


@pytest.mark.parametrize("body", STRANGE)
@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (Request("users_me", "users/me", 1, 2, "base"), SyncError),
        (DEALS, SyncError),
        (Request("files", "files", 1, 20, "deals:read"), StreamError),
        (Request("projects", "projects", 2, 10, "projects:read"), StreamError),
    ],
    ids=lambda value: getattr(value, "stream", ""),
)
def test_a_402_ends_the_sync_only_for_what_every_plan_has(
    client: Any, request_: Request, kind: type[Exception], body: bytes
) -> None:
    made, wire, _ = client((402, {}, body))
    with pytest.raises(kind) as caught:
        made.get(request_)
    assert caught.value.failure_type is CONFIG  # type: ignore[attr-defined]
    assert len(wire.sent) == 1


def test_a_request_that_the_reserve_does_not_allow_never_leaves(client: Any) -> None:
    headers = {"x-daily-ratelimit-token-limit": "1000", LEFT: "105"}
    made, wire, _ = client(ok(**headers), usage=Usage(reserve=10))
    made.get(DEALS)
    with pytest.raises(SyncError, match="daily_token_reserve"):
        made.get(DEALS)
    assert len(wire.sent) == 1


def test_a_refused_permission_is_named(client: Any) -> None:
    body = b'{"success":false,"error":"You do not have permissions to do this."}'
    made, _, _ = client((403, {}, body))
    with pytest.raises(StreamError, match="lacks the permission of an admin of account settings"):
        made.get(Request("roles", "roles", 1, 20, "admin", "of an admin of account settings"))


@pytest.mark.parametrize(
    ("status", "error"), [(401, "unauthorized access"), (403, "Scope and URL mismatch")]
)
def test_the_user_of_an_api_token_is_told_what_an_api_token_can_do(
    client: Any, status: int, error: str
) -> None:
    """It has no scopes and no app."""
    made, _, _ = client((status, {}, f'{{"success":false,"error":"{error}"}}'.encode()))
    with pytest.raises((StreamError, SyncError)) as caught:
        made.get(DEALS)
    message = str(caught.value)
    assert " app" not in message.replace(error, "")
    assert "scope" not in message.replace(error, "")
    assert message == (
        "Pipedrive rejected the API token (401). It is wrong, was regenerated, or its user is "
        "deactivated. Copy a new token from Personal preferences > API in Pipedrive."
        if status == 401
        else 'Pipedrive refused "deals" (403): "Scope and URL mismatch". The token\'s user may not '
        "read this. Use the token of an admin, or deselect the stream."
    )


@pytest.mark.parametrize("status", [400, 403, 404, 410, 418])
@pytest.mark.parametrize("body", [b'{"error": "Bob Hall exists"}', b"<p>Bob Hall exists</p>"])
def test_no_message_quotes_pipedrive_if_the_user_hides_its_words(
    client: Any, status: int, body: bytes
) -> None:
    made, _, _ = client((status, {}, body), hides_words=True)
    with pytest.raises((StreamError, SyncError)) as failure:
        made.get(DEALS)
    error = failure.value
    assert "Bob" not in f"{error.message} {error.internal_message} {error.reason}"
    assert "hidden by the privacy setting" in str(error.message)
    assert "Bob" not in words(error.body)
    absent = UnavailableAnswer(status, "Bob", meaning="not part of this plan", source="a test")
    assert absent.matches(error.status, error.body), "the body still decides what it means"
    assert absent.words_for(error.body) == f"not part of this plan ({status})"


def test_debug_lines_contain_no_header(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="airbyte")
    made, _, _ = client(ok())
    made.get(DEALS)
    assert "GET v2/deals" in caplog.text
    assert "s3cr3t" not in str([record.__dict__ for record in caplog.records])


def test_a_redirect_is_not_followed(client: Any) -> None:
    """The token would go to the new address as well."""
    made, wire, _ = client((302, {"Location": "https://evil.example/"}, b""))
    with pytest.raises(StreamError, match="302"):
        made.get(DEALS)
    assert len(wire.sent) == 1


def test_a_refused_access_token_is_renewed_once(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"client_id": "a", "client_secret": "b", "refresh_token": "c", "access_token": "old"}
    keys["token_expiry_date"] = "2999-01-01T00:00:00Z"
    credentials = parse({"credentials": keys}).credentials
    auth = OAuth(credentials, "")
    renewed = []

    def renew() -> None:
        renewed.append(1)
        credentials.tokens.save({"access_token": credentials.tokens.get("access_token") + "new"})

    monkeypatch.setattr(auth, "_renew", renew)
    refused: Reply = (401, {}, b'{"error": "unauthorized access"}')
    made, wire, _ = client(refused, ok(), auth=auth)
    made.get(DEALS)
    assert [r.headers["Authorization"] for r in wire.sent] == ["Bearer old", "Bearer oldnew"]
    made, _, _ = client((503, {}, b""), (503, {}, b""), (503, {}, b""), refused, ok(), auth=auth)
    made.get(DEALS)  # even on the last try
    made, _, _ = client(refused, refused, auth=auth)
    with pytest.raises(SyncError, match="Reconnect the app"):
        made.get(DEALS)
    assert len(renewed) == 3


def test_answer_sizes_are_known_by_stream_and_guessed_high_before_the_first(
    client: Any,
) -> None:
    """It limits the number of workers: too low a guess would take too much memory."""
    made, _, _ = client(ok(), ok(b'{"success": true, "data": [{"id": 1}]}'), ok())
    assert made.page_bytes("deals") == 0
    for stream in ("users", "deals", "deals"):
        made.get(Request(stream, "deals", 2, 10, "deals:read"))
    assert made.page_bytes("users") == AS_DICTIONARIES * len(ok()[2])
    assert made.page_bytes("deals") == made.page_bytes("persons") > made.page_bytes("users")


def test_structs_take_less_memory_than_dictionaries() -> None:
    shape = Shape(("id",))
    request = Request("deals", "deals", 2, 10, "deals:read", shape=shape)
    assert request.memory(1_000) == 1_000 * AS_STRUCTS
    request.decode(b'{"success":true,"data":[{"id":1,"not a field":2}]}')
    assert request.memory(1_000) == 1_000 * AS_DICTIONARIES > 1_000 * AS_STRUCTS


def test_a_pause_ends_when_the_sync_is_asked_to_stop() -> None:
    """SIGTERM must not have to wait for it."""
    stop_signal = StopSignal()
    made = Client(Host("https://acme.pipedrive.com"), ApiToken("s3cr3t"), sleep=stop_signal)
    stop_signal.stop()
    with pytest.raises(SyncError, match="asked to stop"):
        made.pause(3_600)
