"""An unknown key is reported, with the key that was probably meant."""

from __future__ import annotations

from typing import Any

import pytest

from source_pipedrive.config.legacy import migrate
from source_pipedrive.config.misspellings import misspellings
from source_pipedrive.config.parsing import parse

SECRET = "0123456789abcdef0123456789abcdef01234567"
TOKEN = {"auth_type": "api_token", "api_token": SECRET}
OAUTH = {
    "auth_type": "Client",
    "client_id": "1",
    "client_secret": "2",
    "refresh_token": SECRET,
    "access_token": "4",
}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"histroy": {}}, "`histroy` is not a setting; did you mean `history`?"),
        ({"numWorkers": 3}, "`numWorkers` is not a setting; did you mean `num_workers`?"),
        ({"client_id": "x"}, "`client_id` is not a setting; did you mean `credentials.client_id`?"),
        ({"colour": 1}, "`colour` is not a setting; leave it out."),
        (
            {"credentials": {**TOKEN, "api_tokne": SECRET}},
            "`credentials.api_tokne` is not a setting; did you mean `credentials.api_token`?",
        ),
        (
            {"history": {"mode": "start_date", "startdate": "2024-01-01"}},
            "`history.startdate` is not a setting; did you mean `history.start_date`?",
        ),
        (
            {"authorization": {**OAUTH, "clientid": "x"}},
            "`credentials.clientid` is not a setting; did you mean `credentials.client_id`?",
        ),
        (
            {"credentials": {**TOKEN, SECRET: ""}},
            "A key of credentials is not a setting; leave it out.",
        ),
    ],
)
def test_an_unknown_key(raw: dict[str, Any], sentence: str) -> None:
    assert misspellings(migrate(raw)) == [sentence]


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"credentials": TOKEN, "history": {"mode": "all", "duration": "1 year"}},
        {"credentials": OAUTH, "num_workers": 5, "labels": True, "custom_fields": "raw"},
        {"credentials": {**TOKEN, "client_id": "of another shape"}, "api_url": ""},
        {"daily_token_reserve": 5, "daily_token_budget": 500},
        # Airbyte's own connector, past and present.
        {"api_token": SECRET, "replication_start_date": "2017-01-25 00:00:00Z"},
        {"authorization": OAUTH, "replication_start_date": "2017-01-25 00:00:00Z"},
        {"credentials": TOKEN, "start_date": "2017-01-25", "num_workers": 10},
        # Keys of Airbyte and PyAirbyte.
        {"__injected_manifest": {}, "_ab_state": 1, "credentials": {**TOKEN, "__x": 1}},
        # For `parse` to report.
        {"credentials": "text", "history": ["text"]},
    ],
)
def test_known_keys(raw: dict[str, Any]) -> None:
    assert misspellings(migrate(raw)) == []


def test_a_configuration_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    parse({"credentials": TOKEN, "histroy": {}})
    assert caplog.messages == ["`histroy` is not a setting; did you mean `history`?"]
