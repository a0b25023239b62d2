"""Which host the first requests go to, with which credentials, and what their answers mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from source_pipedrive.config.parsing import parse
from source_pipedrive.http.company import Company, connect
from source_pipedrive.http.errors import TRANSIENT, SyncError
from source_pipedrive.http.request import Request
from unit_tests.wire import Reply, Wire, ok

ME = {"id": 7, "name": "Ada", "company_id": 42, "company_name": "Acme", "company_domain": "acme-1"}
TOKEN = {"credentials": {"auth_type": "api_token", "api_token": "s3cr3t"}}
LEADS = Request("leads", "leads", 1, 20, "leads:read")
TOLD = {"x-daily-ratelimit-token-limit": "1000", "x-daily-ratelimit-token-remaining": "900"}
GOOD = {
    "access_token": "good",
    "token_expiry_date": "2999-01-01T00:00:00Z",
    "api_domain": "https://acme.pipedrive.com",
}


def me(**changes: Any) -> Reply:
    return ok(json.dumps({"success": True, "data": {**ME, **changes}}).encode())


def oauth(**more: str) -> dict[str, Any]:
    keys = {"client_id": "a", "client_secret": "b", "refresh_token": "c", **more}
    return {"credentials": {"auth_type": "oauth2.0", **keys}}


def renewal(**more: Any) -> Reply:
    answer = {"access_token": "new", "refresh_token": "c", "expires_in": 3599, **more}
    return ok(json.dumps(answer).encode())


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Wire]:
    def make(*replies: Reply) -> Wire:
        made = Wire(*replies)
        monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: made)
        return made

    return make


def addresses(wire: Wire) -> list[str]:
    return [str(sent.url) for sent in wire.sent]


def test_an_api_token_finds_its_companys_host(wire: Callable[..., Wire]) -> None:
    sent = wire(me(), ok())
    client, company = connect(parse(TOKEN))
    client.get(LEADS)
    assert addresses(sent) == [
        "https://api.pipedrive.com/v1/users/me",
        "https://acme-1.pipedrive.com/api/v1/leads",
    ]
    assert company == Company(42, "Acme", 7, "Ada", company.at)
    assert company.at.isoformat() == "2026-11-23T10:00:00+00:00"


@pytest.mark.parametrize("domain", [None, "", "evil.example/x"])
def test_without_a_companys_host_requests_use_the_paths_of_the_shared_one(
    wire: Callable[..., Wire], domain: str | None
) -> None:
    """On the shared host /api/v1/leads is a 404."""
    sent = wire(me(company_domain=domain), ok())
    client, _ = connect(parse(TOKEN))
    client.get(LEADS)
    assert addresses(sent)[1] == "https://api.pipedrive.com/v1/leads"


def test_oauth_uses_the_host_in_the_token_answer(
    wire: Callable[..., Wire], capsys: pytest.CaptureFixture[str]
) -> None:
    sent = wire(renewal(api_domain="https://acme.pipedrive.com"), me())
    raw = oauth()
    connect(parse(raw))
    assert addresses(sent) == [
        "https://oauth.pipedrive.com/oauth/token",
        "https://acme.pipedrive.com/api/v1/users/me",
    ]
    assert sent.sent[0].headers["Authorization"] == "Basic YTpi"
    assert sent.sent[0].body == "grant_type=refresh_token&refresh_token=c"
    assert sent.sent[1].headers["Authorization"] == "Bearer new"
    message = json.loads(capsys.readouterr().out)
    kept = message["control"]["connectorConfig"]["config"]["credentials"]
    assert kept["api_domain"] == "https://acme.pipedrive.com"
    assert kept["access_token"] == "new"


@pytest.mark.usefixtures("capsys")
def test_a_foreign_api_domain_gets_no_token(wire: Callable[..., Wire]) -> None:
    sent = wire(renewal(api_domain="https://pipedrive.com.evil.example"), me())
    raw = oauth()
    connect(parse(raw))
    assert addresses(sent)[1] == "https://api.pipedrive.com/v1/users/me"
    assert "api_domain" not in raw["credentials"]


def test_a_valid_token_is_not_renewed(wire: Callable[..., Wire]) -> None:
    sent = wire(me())
    raw = oauth(**GOOD)
    connect(parse(raw))
    assert addresses(sent) == ["https://acme.pipedrive.com/api/v1/users/me"]


def test_a_malformed_expiry_date_counts_as_past(
    wire: Callable[..., Wire], capsys: pytest.CaptureFixture[str]
) -> None:
    sent = wire(renewal(), me())
    raw = oauth(access_token="old", token_expiry_date="next week")
    connect(parse(raw))
    assert len(sent.sent) == 2
    assert capsys.readouterr().out


def test_without_pipedrives_clock_nothing_is_read(wire: Callable[..., Wire]) -> None:
    """This machine's clock may be wrong, which would lose changes."""
    body = json.dumps({"success": True, "data": ME}).encode()
    wire((200, {}, body))
    with pytest.raises(SyncError, match="Date header"):
        connect(parse(TOKEN))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"active_flag": False}, "deactivated"), ({"id": None}, "whom the credentials belong to")],
)
def test_an_answer_that_names_no_active_user(
    wire: Callable[..., Wire], changes: dict[str, Any], words: str
) -> None:
    wire(me(**changes))
    with pytest.raises(SyncError, match=words):
        connect(parse(TOKEN))


@pytest.mark.usefixtures("capsys")
def test_check_renews_the_token_so_that_a_wrong_secret_shows_at_once(
    wire: Callable[..., Wire],
) -> None:
    sent = wire(renewal(scope="base,deals:read"), me())
    raw = oauth(**GOOD)
    _, company = connect(parse(raw), verify=True)
    assert addresses(sent)[0] == "https://oauth.pipedrive.com/oauth/token"
    assert company.scopes == {"base", "deals:read"}


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("told", [{}, {"scope": "base"}, {"scope": ""}, {"scope": None}])
def test_the_scope_base_alone_reveals_no_scopes(
    wire: Callable[..., Wire], told: dict[str, Any]
) -> None:
    """In the vendor's own example the scope is only base."""
    wire(renewal(**told), me())
    raw = oauth()
    assert connect(parse(raw))[1].scopes == frozenset()


@pytest.mark.parametrize(
    ("told", "access"),
    [
        ([{"app": "sales", "admin": True}], {"sales": True}),
        ([{"app": "sales", "admin": False}, {"app": "sales", "admin": True}], {"sales": True}),
        ([{"app": "global"}, "x", {}], {"global": False}),
        ([], {}),
        (None, None),
        ("admin", None),
    ],
    ids=str,
)
def test_the_users_access_is_known_only_if_reported(
    wire: Callable[..., Wire], told: Any, access: Any
) -> None:
    wire(me(access=told))
    _, company = connect(parse(TOKEN))
    assert company.access == access
    assert company.scopes is None


def test_a_wrong_clock_is_logged(
    wire: Callable[..., Wire], caplog: pytest.LogCaptureFixture
) -> None:
    wire((200, {"Date": "Mon, 23 Nov 2015 10:00:00 GMT"}, json.dumps({"data": ME}).encode()))
    connect(parse(TOKEN))
    assert "ahead of Pipedrive" in caplog.text
    assert "set the clock" in caplog.text


def test_the_log_names_the_company_and_the_user_but_no_address(
    wire: Callable[..., Wire], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    wire(me(name="ada@example.com", email="ada@example.com"))
    connect(parse(TOKEN))
    assert "Acme (company 42) at acme-1.pipedrive.com as <email> (user 7)" in caplog.text
    assert "ada@" not in caplog.text


@pytest.mark.parametrize("headers", [{}, TOLD, {"x-daily-ratelimit-token-limit": "1000"}])
def test_a_reserve_that_cannot_be_kept_is_logged_once(
    wire: Callable[..., Wire], caplog: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    caplog.set_level("INFO")
    wire(ok(json.dumps({"data": ME}).encode(), **headers))
    connect(parse(TOKEN))
    assert caplog.text.count("cannot be kept") == (0 if headers == TOLD else 1)
    assert caplog.text.count("daily_token_budget") == (0 if headers == TOLD else 1)


@pytest.mark.parametrize(
    ("reply", "words", "kind"),
    [
        (requests.exceptions.SSLError("certificate has expired"), "Set the clock", "config_error"),
        (requests.exceptions.ConnectionError("getaddrinfo"), "resolve", "transient_error"),
        ((403, {}, b"<html>Cloudflare</html>"), "edge", "transient_error"),
        ((407, {}, b""), "proxy", "transient_error"),
        ((400, {}, b'{"error":"invalid_grant"}'), "Reconnect the app", "config_error"),
        ((401, {}, b'{"error":"invalid_client"}'), "client secret is wrong", "config_error"),
    ],
    ids=str,
)
def test_each_failed_renewal_has_a_remedy(
    wire: Callable[..., Wire], reply: Reply, words: str, kind: str
) -> None:
    wire(*[reply] * 4)
    with pytest.raises(SyncError, match=words) as caught:
        connect(parse(oauth()), sleep=lambda seconds: None)
    assert caught.value.failure_type.value == kind


def test_workers_do_not_repeat_a_failed_renewal(
    wire: Callable[..., Wire],
) -> None:
    sent = wire(me(), *[(400, {}, b'{"error":"invalid_grant"}')] * 3)
    raw = oauth(**GOOD)
    client, _ = connect(parse(raw))
    auth: Any = client._auth
    for _ in range(3):
        with pytest.raises(SyncError):
            auth.renew_unless_changed("good")
    assert len(sent.sent) == 2


def test_all_clients_of_a_process_with_the_same_credentials_share_one_pacing(
    wire: Callable[..., Wire],
) -> None:
    wire(me(), me(), me())
    other = {"credentials": {"auth_type": "api_token", "api_token": "other"}}
    first, again, another = (connect(parse(c), dict(c))[0] for c in (TOKEN, TOKEN, other))
    assert first.pacing is again.pacing
    assert first.pacing is not another.pacing


@pytest.mark.parametrize("body", [{"success": False}, {"data": None}, {"data": []}, {"data": {}}])
def test_an_answer_without_a_user_may_be_better_the_next_time(
    wire: Callable[..., Wire], body: Any
) -> None:
    """After a config error, a platform does not try again."""
    wire(ok(json.dumps(body).encode()))
    with pytest.raises(SyncError, match="whom the credentials belong to") as caught:
        connect(parse(TOKEN))
    assert caught.value.failure_type is TRANSIENT


@pytest.mark.parametrize("company_id", [None, "acme", [], 4.5])
def test_a_company_without_an_id_can_be_read(wire: Callable[..., Wire], company_id: Any) -> None:
    wire(me(company_id=company_id))
    _, company = connect(parse(TOKEN))
    assert (company.id, company.name) == (0, "Acme")
