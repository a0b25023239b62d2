"""What each answer means, and the message that names the stream, the status and the remedy."""

from __future__ import annotations

import pytest
from requests import exceptions
from requests.exceptions import InvalidURL, ProxyError, ReadTimeout, SSLError

from source_pipedrive.http.auth import OAuth
from source_pipedrive.http.errors import (
    CONFIG,
    IN_EVERY_PLAN,
    TRANSIENT,
    Action,
    day_is_spent,
    rule_for,
    sentence,
)
from source_pipedrive.http.hosts import Host, company_host, shared_host
from source_pipedrive.http.unanswered import no_answer
from source_pipedrive.http.words import words
from source_pipedrive.streams import STREAMS

SCOPE = '{"success":false,"error":"Scope and URL mismatch","errorCode":403}'
PLAN = '{"success":false,"error":"Your plan does not include this.","error_info":"Upgrade"}'
EDGE = "\n<html>This error is produced by Cloudflare.</html>"
PLAIN_EDGE = "error code: 1020"  # to a client that does not accept HTML
OF_PROJECTS = sorted(n for n, row in STREAMS.items() if "projects:read" in row.access.scopes)
BELOW = [name for name in OF_PROJECTS if STREAMS[name].child]
PERMISSION = '{"success":false,"error":"You do not have permissions to do this.","data":null}'


@pytest.mark.parametrize(
    ("status", "body", "action"),
    [
        (400, "", Action.END_STREAM),
        (401, "", Action.REFRESH),
        (402, "", Action.END_SYNC),
        (403, SCOPE, Action.END_STREAM),
        (403, PERMISSION, Action.END_STREAM),
        (403, EDGE, Action.END_SYNC),
        (403, PLAIN_EDGE, Action.END_SYNC),
        (404, "", Action.END_STREAM),
        (410, "", Action.END_STREAM),
        (302, "", Action.END_STREAM),
        (418, "", Action.END_STREAM),
        (429, "", Action.SLOW_DOWN),
        (500, "", Action.RETRY),
        (501, "", Action.END_STREAM),
        (502, "", Action.RETRY),
        (503, "", Action.RETRY),
        (504, "", Action.RETRY),
        (524, "", Action.RETRY),
    ],
)
def test_each_status_has_its_action(status: int, body: str, action: Action) -> None:
    assert rule_for(status, body, "deals").action is action


@pytest.mark.parametrize("body", ["", "<html>Pay here</html>", '{"error": {"code": 5}}', "[1]"])
@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("users/me", Action.END_SYNC),
        ("deals", Action.END_SYNC),
        ("notes", Action.END_SYNC),
        ("projects", Action.END_STREAM),
        ("files", Action.END_STREAM),
        ("deals/installments", Action.END_STREAM),
        ("deals/5/changelog", Action.END_STREAM),
    ],
)
def test_a_402_concerns_the_account_only_for_what_every_plan_has(
    path: str, action: Action, body: str
) -> None:
    assert rule_for(402, body, path).action is action


def test_what_every_plan_has_is_in_the_stream_table() -> None:
    """With a misspelt path, a sync of a suspended account would continue."""
    assert IN_EVERY_PLAN - {"users/me"} <= {row.endpoint.path for row in STREAMS.values()}


def test_a_sentence_names_the_stream_the_status_the_words_and_the_remedy() -> None:
    remedy = rule_for(403, SCOPE, "deals").remedy.format(grant=OAuth.grant("deals:read"))
    assert sentence("deals", 403, SCOPE, remedy) == (
        'Pipedrive refused "deals" (403): "Scope and URL mismatch". '
        "Give the app the scope deals:read and reconnect."
    )


def test_words_that_end_with_a_period_get_no_second_one() -> None:
    assert sentence("deals", 403, PERMISSION, "Ask.") == (
        'Pipedrive refused "deals" (403): "You do not have permissions to do this". Ask.'
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (SCOPE, "Scope and URL mismatch"),
        ('{"success":false,"message":"Forbidden"}', "Forbidden"),
        ("<html><b>Blocked</b>\n by Cloudflare</html>", "Blocked by Cloudflare"),
        ("", "no explanation"),
        ("{}", "no explanation"),
        ("[]", "no explanation"),
        ('{"error":"Person ada@example.com exists"}', "Person <email> exists"),
        ("<p>mailto:ada@example.com</p>", "mailto:<email>"),
    ],
)
def test_the_words_are_pipedrives_own(body: str, text: str) -> None:
    assert words(body) == text


LEFT, BURST = "x-daily-ratelimit-token-remaining", "x-ratelimit-remaining"


@pytest.mark.parametrize(
    ("headers", "again", "spent"),
    [
        ({LEFT: "0"}, False, True),
        ({LEFT: "0", BURST: "0"}, False, True),
        ({LEFT: "12"}, True, False),
        ({LEFT: "9", BURST: "5"}, False, True),
        ({LEFT: "9", BURST: "0"}, False, False),
        ({BURST: "5"}, False, False),
        ({BURST: "5"}, True, True),
        ({BURST: "0"}, True, False),
        ({}, True, False),
    ],
    ids=str,
)
def test_a_spent_daily_budget_is_distinguished_from_a_spent_burst(
    headers: dict[str, str], again: bool, spent: bool
) -> None:
    assert day_is_spent(429, headers, cost=10, refusals=int(again)) is spent
    assert not day_is_spent(403, headers, cost=10, refusals=int(again))


@pytest.mark.parametrize(
    ("error", "words", "failure"),
    [
        (SSLError("certificate has expired"), "Set the clock", CONFIG),
        (SSLError("certificate is not yet valid"), "Set the clock", CONFIG),
        (SSLError("self-signed certificate"), "certificate authority", CONFIG),
        (SSLError("EOF occurred in violation of protocol"), "TLS connection failed", TRANSIENT),
        (
            exceptions.ConnectionError("[Errno -2] Name or service not known"),
            "does not resolve",
            TRANSIENT,
        ),
        (exceptions.ConnectionError("Connection refused"), "network", TRANSIENT),
        (ProxyError("407"), "proxy", TRANSIENT),
        (ReadTimeout("slow"), "later", TRANSIENT),
        (InvalidURL("x"), "api_url", CONFIG),
    ],
    ids=str,
)
def test_no_answer_has_a_reason_and_a_remedy(error: Exception, words: str, failure: object) -> None:
    why, kind = no_answer(error)
    assert words in why
    assert why.endswith(".")
    assert kind is failure


@pytest.mark.parametrize(
    ("stream", "status", "body", "absent"),
    [
        ("legacy_teams", 404, "", True),
        ("legacy_teams", 410, "", True),
        ("legacy_teams", 402, "", True),
        ("legacy_teams", 403, '{"code": "feature_capping_teams"}', True),
        ("legacy_teams", 403, SCOPE, False),
        ("legacy_teams", 403, PERMISSION, True),
        ("roles", 403, PERMISSION, False),
        ("deals", 404, "", False),
        ("deals", 403, '{"code": "feature_capping"}', False),
        ("roles", 402, "", False),
        ("deal_installments", 403, PLAN, True),
        ("deal_installments", 403, "", True),
        ("deal_installments", 403, SCOPE, False),
        ("deal_installments", 403, PERMISSION, False),
        ("deal_installments", 403, EDGE, False),
        ("deal_installments", 403, '{"error": "Blocked by Cloudflare"}', False),
        ("deal_installments", 404, "", False),
        *((name, 403, PLAN, True) for name in OF_PROJECTS),
        *((name, 403, "", True) for name in OF_PROJECTS),
        *((name, 402, "[]", True) for name in OF_PROJECTS),
        *((name, 403, SCOPE, False) for name in OF_PROJECTS),
        *((name, 403, PERMISSION, False) for name in OF_PROJECTS),
        *((name, 403, EDGE, False) for name in OF_PROJECTS),
        *((name, 403, PLAIN_EDGE, False) for name in (*OF_PROJECTS, "deal_installments")),
        *((name, 404, "", name not in BELOW) for name in OF_PROJECTS),
        ("mail_threads", 404, "", True),
        ("mail_threads", 403, PERMISSION, False),
        ("mail_threads", 402, "", False),
    ],
)
def test_only_listed_answers_mean_that_the_account_lacks_a_stream(
    stream: str, status: int, body: str, absent: bool
) -> None:
    """A stream with a mistyped path must never pass as empty."""
    assert (STREAMS[stream].unavailable_answer(status, body) is not None) is absent


def test_v1_has_another_root_on_the_shared_host() -> None:
    assert shared_host().url(1, "leads") == "https://api.pipedrive.com/v1/leads"
    assert shared_host().url(2, "deals") == "https://api.pipedrive.com/api/v2/deals"
    assert Host("https://acme.pipedrive.com").url(1, "leads").endswith("/api/v1/leads")


@pytest.mark.parametrize("domain", [None, "", "evil.example/", "a b", "-x", 5])
def test_a_malformed_company_domain_is_not_used(domain: object) -> None:
    assert company_host(domain) is None


def test_a_company_has_its_own_host() -> None:
    assert company_host("acme-1") == Host("https://acme-1.pipedrive.com")
