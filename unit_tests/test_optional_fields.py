"""Fields that a company may lack: a missing column never costs the whole list."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest

from source_pipedrive.http.errors import SYSTEM, StreamError
from source_pipedrive.http.optional_fields import OptionalFields
from source_pipedrive.http.request import Request
from source_pipedrive.reading.pages import request_for
from source_pipedrive.streams import STREAMS

APPS = ("sales", "campaigns")
OF_CAMPAIGNS = {"marketing_status", "doi_status"}
Body = Callable[[list[str], set[str]], str]


def one(wrong: list[str], allowed: set[str]) -> str:
    return f"Validation failed: include_fields: '{wrong[0]}' is not allowed"


def listing(wrong: list[str], allowed: set[str]) -> str:
    return f"Validation failed: include_fields must be one of [{', '.join(sorted(allowed))}]"


def both(wrong: list[str], allowed: set[str]) -> str:
    return f"{one(wrong, allowed)}, it is one of {', '.join(sorted(allowed))}"


def bare(wrong: list[str], allowed: set[str]) -> str:
    return "Validation failed"


class Account:
    """Answers requests for lists, but refuses the names in `unknown`."""

    def __init__(self, unknown: set[str], body: Body = one) -> None:
        self._unknown = unknown
        self._body = body
        self.asked: list[set[str]] = []

    def send(self, request: Request) -> set[str]:
        """The names that were requested."""
        names = [n for n in request.params.get("include_fields", "").split(",") if n]
        self.asked.append(set(names))
        if wrong := [name for name in names if name in self._unknown]:
            error = self._body(wrong, ALL[request.stream] - self._unknown)
            body = json.dumps({"error": error, "code": "ERR_SCHEMA_VALIDATION_FAILED"})
            raise StreamError("refused", SYSTEM, 400, body)
        return set(names)


ALL = {
    name: set(row.endpoint.params["include_fields"].split(","))
    for name, row in STREAMS.items()
    if "include_fields" in row.endpoint.params
}


def request(stream: str, **params: str) -> Request:
    return request_for(STREAMS[stream], params, "")


def test_fields_of_an_app_are_requested_if_the_user_has_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account(set())
    assert OptionalFields(APPS).ask(request("persons"), account.send) == ALL["persons"]
    with caplog.at_level(logging.INFO, "airbyte"):
        fields = OptionalFields(("sales",))
        for _ in range(2):
            assert fields.ask(request("persons"), account.send) == ALL["persons"] - OF_CAMPAIGNS
    assert len(account.asked) == 3
    (line,) = caplog.messages
    assert line.startswith("persons: doi_status, marketing_status stay empty")
    assert "campaigns" in line


@pytest.mark.parametrize("body", [one, listing, both, bare])
def test_a_refusal_costs_the_fields_of_the_app_but_not_the_list(
    body: Body, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account(OF_CAMPAIGNS, body)
    fields = OptionalFields(APPS)
    with caplog.at_level(logging.WARNING, "airbyte"):
        assert fields.ask(request("persons"), account.send) == ALL["persons"] - OF_CAMPAIGNS
        asked = len(account.asked)
        assert asked <= 3
        # A known refusal is neither requested nor logged again.
        assert fields.ask(request("persons"), account.send) == ALL["persons"] - OF_CAMPAIGNS
    assert len(account.asked) == asked + 1
    (line,) = caplog.messages
    assert "without doi_status, marketing_status" in line


@pytest.mark.parametrize("stream", ALL)
def test_every_list_with_optional_fields_survives_an_unknown_one(stream: str) -> None:
    gone = sorted(ALL[stream])[0]
    for body in (one, listing, both, bare):
        account = Account({gone}, body)
        found = OptionalFields(APPS).ask(request(stream), account.send)
        assert gone not in found
        if body is one:
            assert found == ALL[stream] - {gone}


def test_two_unknown_fields_are_left_out_one_by_one() -> None:
    gone = {"smart_bcc_email", "files_count"}
    account = Account(gone, one)
    assert OptionalFields().ask(request("deals"), account.send) == ALL["deals"] - gone


def test_a_400_for_another_reason_stays_one() -> None:
    def refuse(sent: Request) -> None:
        asked.append(sent)
        raise StreamError(f"try {len(asked)}", SYSTEM, 400, '{"error": "sort_by is invalid"}')

    asked: list[Request] = []
    with pytest.raises(StreamError, match="try 1"):
        OptionalFields(APPS).ask(request("persons"), refuse)
    assert len(asked) == 3
    with pytest.raises(StreamError, match="try 4"):
        OptionalFields(APPS).ask(request("stages"), refuse)


@pytest.mark.parametrize(("status", "params"), [(400, {"cursor": "abc"}), (403, {})])
def test_a_refused_cursor_or_another_status_is_not_about_the_fields(
    status: int, params: dict[str, str]
) -> None:
    def refuse(sent: Request) -> None:
        asked.append(sent)
        raise StreamError("no", SYSTEM, status)

    asked: list[Request] = []
    with pytest.raises(StreamError):
        OptionalFields(APPS).ask(request("persons", **params), refuse)
    assert len(asked) == 1
