"""The sandbox's consent screen, and the codes that an app exchanges for tokens."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from pipedrive_sandbox import Options, Sandbox

from .caller import NOW
from .test_sandbox_account import with_token

OPTIONS = Options(scale=0.01, clock=NOW)
CALLBACK = "http://localhost:8085/callback"
Params = dict[str, str]


def params(box: Sandbox, **changes: str) -> Params:
    return {"client_id": box.client_id, "redirect_uri": CALLBACK, "state": "a<b", **changes}


def ask(box: Sandbox, **changes: str) -> requests.Response:
    return requests.get(f"{box.url}/oauth/authorize", params(box, **changes), timeout=60)


def click(box: Sandbox, button: str, **changes: str) -> tuple[str, Params]:
    """The address that the browser goes to, and its parameters."""
    form = {**params(box, **changes), "decision": button}
    answer = requests.post(
        f"{box.url}/oauth/authorize", data=form, timeout=5, allow_redirects=False
    )
    assert answer.status_code == 302
    address, _, query = answer.headers["location"].partition("?")
    return address, {name: value for name, (value,) in parse_qs(query).items()}


def exchange(box: Sandbox, code: str, **changes: Any) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **changes}
    app = (box.client_id, box.client_secret)
    return requests.post(f"{box.url}/oauth/token", data=form, auth=app, timeout=60)


def code_of(box: Sandbox) -> str:
    return click(box, "allow")[1]["code"]


def test_the_page_has_two_buttons_and_escapes_what_it_was_given(box: Sandbox) -> None:
    page = ask(box)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.text.count("<button") == 2
    assert 'name="state" value="a&lt;b"' in page.text
    assert "a<b" not in page.text


def test_a_code_is_good_for_one_pair_of_tokens(box: Sandbox) -> None:
    address, found = click(box, "allow")
    assert (address, found["state"]) == (CALLBACK, "a<b")
    tokens = exchange(box, found["code"]).json()
    assert tokens["refresh_token"] == box.refresh_token
    assert with_token(box, tokens["access_token"]).status_code == 200
    again = exchange(box, found["code"])
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})


def test_a_code_lasts_five_minutes(box: Sandbox) -> None:
    in_time, late = code_of(box), code_of(box)
    box.clock.advance(299)
    assert exchange(box, in_time).status_code == 200
    box.clock.advance(1)
    assert exchange(box, late).status_code == 400


@pytest.mark.parametrize("callback", ["http://localhost:8085/other", None])
def test_a_code_is_void_without_the_address_that_it_was_sent_to(
    box: Sandbox, callback: str | None
) -> None:
    assert exchange(box, code_of(box), redirect_uri=callback).json() == {"error": "invalid_grant"}


def test_cancel_sends_an_error_back(box: Sandbox) -> None:
    assert click(box, "cancel") == (CALLBACK, {"error": "user_denied", "state": "a<b"})
    box.set(denial_error="access_denied", denial_state=False)
    assert click(box, "cancel") == (CALLBACK, {"error": "access_denied"})


@pytest.mark.parametrize(
    ("switches", "changes"),
    [
        ({}, {"client_id": "another"}),
        ({}, {"redirect_uri": "localhost"}),
        ({"http_callbacks": False}, {}),
        ({"callback_url": "https://example.com/callback"}, {}),
    ],
)
def test_a_wrong_request_is_a_page_and_never_goes_to_the_app(
    box: Sandbox, switches: dict[str, Any], changes: Params
) -> None:
    box.set(**switches)
    page = ask(box, **changes)
    assert page.status_code == 400
    assert "The app cannot be installed" in page.text
    assert urlsplit(page.url).netloc == urlsplit(box.url).netloc


def test_the_apps_own_callback_is_accepted(box: Sandbox) -> None:
    box.set(callback_url=CALLBACK)
    assert ask(box).status_code == 200
    box.set(callback_url="https://example.com/callback", http_callbacks=False)
    assert ask(box, redirect_uri="https://example.com/callback").status_code == 200


def test_faults_reach_the_token_endpoint_only_by_its_name(box: Sandbox) -> None:
    box.fail_next({"status": 503}, {"path_contains": "oauth/token", "status": 503})
    code = code_of(box)
    assert exchange(box, code).status_code == 503
    assert exchange(box, code).status_code == 200
    box.clear_faults()
    box.fail_next({"path_contains": "oauth/token", "body": "drop"})
    with pytest.raises(requests.ConnectionError):
        exchange(box, code_of(box))
