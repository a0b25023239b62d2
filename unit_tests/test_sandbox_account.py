"""Tokens, limits, the ledger and injected faults."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.routes import ALL_ROUTES

from .caller import LIMITS, NOW, Caller

OPTIONS = Options(scale=0.02, clock=NOW)
UNAUTHORIZED = {
    "success": False,
    "error": "unauthorized access",
    "errorCode": 401,
    "error_info": "Please check developers.pipedrive.com",
}


def refresh(box: Sandbox, token: str = "", **more: Any) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token or box.refresh_token}
    basic = more.pop("auth", (box.client_id, box.client_secret))
    return requests.post(f"{box.url}/oauth/token", data={**form, **more}, auth=basic, timeout=60)


def bearer(box: Sandbox, path: str = "/api/v2/deals") -> requests.Response:
    token = refresh(box).json()["access_token"]
    return with_token(box, token, path)


def with_token(box: Sandbox, token: str, path: str = "/api/v2/deals") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{box.url}{path}", headers=headers, timeout=60)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, ""),
        ({"x-api-token": "wrong"}, ""),
        ({"Authorization": "Bearer wrong"}, ""),
        ({"Authorization": "Basic wrong"}, ""),
        ({}, f"?api_token={Sandbox.api_token}"),
        ({"x-api-token": Sandbox.api_token}, f"?api_token={Sandbox.api_token}"),
    ],
)
def test_a_request_needs_a_valid_token_in_a_header(box: Sandbox, headers: Any, query: str) -> None:
    response = requests.get(f"{box.url}/v1/users/me{query}", headers=headers, timeout=60)
    assert response.status_code == 401
    assert response.json() == UNAUTHORIZED
    assert response.headers["x-401-by-gw"] == "true"
    assert box.ledger()["users_me"] == {"requests": 0, "tokens": 0, "refused": 1}


def test_refreshing_a_token(box: Sandbox) -> None:
    answer = refresh(box).json()
    assert answer["api_domain"] == box.url
    assert answer["refresh_token"] == box.refresh_token
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
    assert with_token(box, answer["access_token"]).status_code == 200
    client = {"client_id": box.client_id, "client_secret": box.client_secret}
    assert refresh(box, auth=None, **client).status_code == 200
    assert box.ledger()["oauth_token"] == {"requests": 2, "tokens": 0, "refused": 0}


def test_invalid_refresh_requests(box: Sandbox) -> None:
    wrong_client = refresh(box, auth=("someone", "else"))
    assert (wrong_client.status_code, wrong_client.json()) == (401, {"error": "invalid_client"})
    wrong_token = refresh(box, "wrong")
    assert (wrong_token.status_code, wrong_token.json()) == (400, {"error": "invalid_grant"})
    other_grant = refresh(box, grant_type="client_credentials")
    assert other_grant.json() == {"error": "unsupported_grant_type"}


def test_a_rotated_refresh_token_replaces_the_old_one() -> None:
    with Sandbox(Options(scale=0.01, switches={"rotate_refresh_token": True})) as box:
        new = refresh(box).json()["refresh_token"]
        assert new != box.refresh_token
        assert refresh(box).status_code == 400
        assert refresh(box, new).status_code == 200


def test_access_tokens_expire_by_clock_and_on_demand(box: Sandbox) -> None:
    box.set(expires_in=60)
    token = refresh(box).json()["access_token"]
    box.clock.advance(59)
    assert with_token(box, token).status_code == 200
    box.clock.advance(1)
    assert with_token(box, token).status_code == 401
    token = refresh(box).json()["access_token"]
    box.expire_tokens()
    assert with_token(box, token).status_code == 401
    assert bearer(box).status_code == 200


def test_a_missing_scope(box: Sandbox, api: Caller) -> None:
    box.set(scopes="base,contacts:read")
    assert refresh(box).json()["scope"] == "base,contacts:read"
    refused = bearer(box)
    assert refused.status_code == 403
    assert refused.json()["error"] == "Scope and URL mismatch"
    assert bearer(box, "/api/v2/persons").status_code == 200
    assert api.ask("v2/deals").status_code == 200, "an API token has no scopes"
    assert box.ledger()["deals"] == {"requests": 1, "tokens": 10, "refused": 1}


def test_a_token_may_grant_more_than_its_response_reports(box: Sandbox) -> None:
    """A client that trusts the reported `scope` would skip streams that the user may read."""
    box.set(reported_scope="base", scopes="base,contacts:read")
    assert refresh(box).json()["scope"] == "base"
    assert bearer(box, "/api/v2/persons").status_code == 200
    assert bearer(box).json()["error"] == "Scope and URL mismatch"
    box.set(reported_scope="granted")
    assert refresh(box).json()["scope"] == "base,contacts:read"


def test_a_deactivated_user_and_a_closed_company(box: Sandbox, api: Caller) -> None:
    box.set(user_active=False)
    assert api.ask("v2/deals").status_code == 401
    assert refresh(box).status_code == 400
    box.set(user_active=True, company_open=False)
    assert api.ask("v2/deals").status_code == 402
    assert api.ask("v1/users/me").status_code == 402


def test_the_burst_limit_rolls_over_two_seconds(box: Sandbox, api: Caller) -> None:
    box.set(rate_limit=3)
    left = [api.ask("v1/users/me").headers["x-ratelimit-remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = api.ask("v1/users/me")
    assert refused.status_code == 429
    assert refused.json()["error"] == "request over limit"
    assert refused.headers["x-ratelimit-limit"] == "3"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.headers["x-ratelimit-reset"] in ("1", "2")
    assert int(refused.headers["x-daily-ratelimit-token-remaining"]) > 0
    assert bearer(box).status_code == 200, "the limit is per token"
    box.clock.advance(2)
    assert api.ask("v1/users/me").status_code == 200
    assert box.ledger()["users_me"] == {"requests": 4, "tokens": 8, "refused": 1}


def test_ignoring_429s_leads_to_cloudflare(box: Sandbox, api: Caller) -> None:
    box.set(rate_limit=1, cloudflare_after=2)
    codes = [api.ask("v1/users/me").status_code for _ in range(4)]
    assert codes == [200, 429, 429, 403]
    assert "Cloudflare" in api.ask("v1/users/me").text
    assert bearer(box).status_code == 200
    box.clock.advance(2)
    assert api.ask("v1/users/me").status_code == 200


def test_a_spent_daily_budget_resets_at_midnight(box: Sandbox, api: Caller) -> None:
    box.set(daily_tokens=25)
    assert api.ask("v2/deals").headers["x-daily-ratelimit-token-remaining"] == "25"
    assert api.ask("v2/deals").headers["x-daily-ratelimit-token-remaining"] == "15"
    for path in ("v2/deals", "v1/users/me"):
        refused = api.ask(path)
        assert refused.status_code == 429
        assert refused.headers["x-daily-ratelimit-token-limit"] == "25"
        assert refused.headers["x-daily-ratelimit-token-remaining"] == "0"
        assert int(refused.headers["x-ratelimit-remaining"]) > 0
    box.clock.advance(14 * 3600)
    assert api.ask("v2/deals").status_code == 200
    box.set(daily_headers=False)
    assert "x-daily-ratelimit-token-limit" not in api.ask("v2/deals").headers


def test_the_ledger_charges_each_endpoints_cost(box: Sandbox, api: Caller) -> None:
    box.set(**LIMITS)
    for route in ALL_ROUTES:
        api.ask(f"{route.version}{route.path}".replace("{id}", "1"), **route.param_sets[0])
    ledger = box.ledger()
    assert {name: counts["tokens"] for name, counts in ledger.items()} == {
        route.object: route.cost for route in ALL_ROUTES
    }
    api.ask("v2/deals", nothing=1)
    assert box.ledger()["deals"]["tokens"] == 20, "a 400 reached the API"
    last = box.requests[-1]
    assert (last.method, last.path, last.params) == ("GET", "/api/v2/deals", (("nothing", "1"),))
    assert (last.status, last.tokens, last.object) == (400, 10, "deals")
    box.reset_ledger()
    assert box.ledger() == {}


def test_every_response_has_the_sandboxs_date(box: Sandbox, api: Caller) -> None:
    for response in (api.ask("v2/deals"), api.ask("v2/nothing"), refresh(box)):
        date = parsedate_to_datetime(response.headers["Date"])
        assert date.strftime("%Y-%m-%dT%H:%M:%SZ") == NOW
    assert api.ask("v2/deals").headers["x-correlation-id"]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503, 504])
def test_injected_statuses(box: Sandbox, api: Caller, status: int) -> None:
    box.fail_next({"path_contains": "/deals", "status": status, "times": 2, "after_requests": 1})
    codes = [api.ask("v2/deals").status_code for _ in range(4)]
    assert codes == [200, status, status, 200]
    assert api.ask("v2/persons").status_code == 200


def test_injected_bodies(box: Sandbox, api: Caller) -> None:
    box.fail_next({"body": "html"}, {"body": "html", "status": 200}, {"body": "empty"})
    page = api.ask("v2/deals")
    assert page.status_code == 403
    assert page.headers["content-type"].startswith("text/html")
    assert "This error is produced by Cloudflare." in page.text
    assert api.ask("v2/deals").status_code == 200
    assert api.ask("v2/deals").content == b""
    whole = api.ask("v2/deals").content
    box.fail_next({"body": "truncated"}, {"body": "reset"}, {"status": 429})
    cut = api.ask("v2/deals")
    assert cut.content == whole[: len(whole) // 2]
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.content)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        api.ask("v2/deals")
    assert api.ask("v2/deals").headers["x-ratelimit-remaining"] == "0"
    with pytest.raises(ValueError, match="unknown keys"):
        box.fail_next({"stauts": 500})
