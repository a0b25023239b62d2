"""The session looks settings up once, and otherwise sends what `requests` itself would send."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from source_pipedrive.http.auth import ApiToken
from source_pipedrive.http.client import Client
from source_pipedrive.http.hosts import Host
from source_pipedrive.http.request import Request
from source_pipedrive.http.session import Session
from unit_tests.wire import Wire, ok

ACME, BETA = Host("https://acme.pipedrive.com"), Host("https://beta.pipedrive.com:8443")
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle")
DEALS = Request("deals", "deals", 2, 10, "deals:read", params={"limit": "500"})


class Line(Wire):
    """Also records the settings of each request."""

    def __init__(self, count: int) -> None:
        super().__init__(*[ok()] * count)
        self.settings: list[dict[str, Any]] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **settings: Any) -> Any:
        self.settings.append(settings)
        return super().send(request)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sends requests to hosts with an environment; returns the settings of each."""
    for name in (*NAMES, "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def send(environment: dict[str, str], *hosts: Host) -> list[dict[str, Any]]:
        line = Line(len(hosts))
        monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: line)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        client = Client(hosts[0], ApiToken("s3cr3t"))
        for host in hosts:
            client.use_company(host, ())
            client.get(DEALS)
        return line.settings

    return send


def test_proxies_come_from_the_environment(sent: Any) -> None:
    (settings,) = sent({"HTTPS_PROXY": "http://proxy:3128"}, ACME)
    assert settings["proxies"]["https"] == "http://proxy:3128"
    assert settings["verify"] is True


def test_a_host_in_no_proxy_is_reached_directly(sent: Any) -> None:
    """The company's own host is known only after the first request."""
    environment = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "beta.pipedrive.com"}
    first, second, third = sent(environment, ACME, BETA, ACME)
    assert first["proxies"] == third["proxies"]
    assert first["proxies"]["https"] == "http://proxy:3128"
    assert "https" not in second["proxies"]


@pytest.mark.parametrize(
    ("environment", "bundle"),
    [
        ({}, True),
        ({"CURL_CA_BUNDLE": "/curl.pem"}, "/curl.pem"),
        ({"REQUESTS_CA_BUNDLE": "/ours.pem", "CURL_CA_BUNDLE": "/curl.pem"}, "/ours.pem"),
    ],
    ids=str,
)
def test_certificates_come_from_the_environment(
    sent: Any, environment: dict[str, str], bundle: str
) -> None:
    assert [settings["verify"] for settings in sent(environment, ACME, ACME)] == [bundle] * 2


def test_the_environment_is_read_once_for_each_host(
    sent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading it takes a fifth of a request's CPU time."""
    asked: list[str] = []
    monkeypatch.setattr(
        "requests.sessions.get_environ_proxies",
        lambda url, no_proxy: asked.append(url) or {},  # type: ignore[func-returns-value]
    )
    sent({}, *[ACME] * 5, *[BETA] * 5, ACME)
    assert [url.split("/")[2] for url in asked] == ["acme.pipedrive.com", "beta.pipedrive.com:8443"]


@pytest.mark.parametrize(
    ("url", "params"),
    [
        ("https://acme.pipedrive.com/api/v2/deals", {}),
        ("https://acme.pipedrive.com:8443/v1/deals/7/flow", {"limit": "500", "start": "0"}),
        (
            "https://acme.pipedrive.com/api/v2/deals",
            {"updated_since": "2026-01-01T00:00:00Z", "ids": "1,2", "cursor": "a+b/c=~ %é"},
        ),
        ("https://acme.pipedrive.com/api/v1/odd id/ü", {"q": "a&b"}),
    ],
)
def test_a_request_is_the_one_that_requests_would_prepare(url: str, params: dict[str, str]) -> None:
    session, plain = Session(), requests.Session()
    session.auth = plain.auth = ApiToken("s3cr3t")
    for each in (session, plain):
        each.cookies.set("__cf_bm", "abc", domain="acme.pipedrive.com", path="/")
    request = requests.Request("GET", url, params=params)
    ours, theirs = session.prepare_request(request), plain.prepare_request(request)
    assert (ours.method, ours.url, ours.body) == (theirs.method, theirs.url, theirs.body)
    assert list(ours.headers.items()) == [(name, theirs.headers[name]) for name in ours.headers]
    assert set(ours.headers) == set(theirs.headers)
    assert ours.headers["Cookie"] == "__cf_bm=abc"
    assert ours.headers["x-api-token"] == "s3cr3t"


def test_one_request_does_not_change_the_headers_of_the_next() -> None:
    session = Session()
    session.auth = lambda request: request.headers.update(Secret="s3cr3t") or request
    session.prepare_request(requests.Request("GET", "https://acme.pipedrive.com/"))
    assert "Secret" not in session.headers
