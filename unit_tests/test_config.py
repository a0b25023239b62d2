"""The configuration: what is accepted, how the rest is reported, and what Airbyte's form shows."""

import base64
import json
import os
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jinja2
import pytest
from airbyte_cdk.models import ConnectorSpecificationSerializer, FailureType
from airbyte_cdk.sources.utils.schema_helpers import check_config_against_spec_or_exit
from airbyte_cdk.utils.airbyte_secrets_utils import get_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from jsonschema import Draft7Validator

from source_pipedrive.config.columns import OneColumnEach, RawOnly
from source_pipedrive.config.errors import quoted
from source_pipedrive.config.history import AllTime, History, LastPeriod, SinceDate
from source_pipedrive.config.legacy import migrate
from source_pipedrive.config.model import (
    ApiTokenCredentials,
    OAuthCredentials,
    is_company_address,
    specification,
)
from source_pipedrive.config.parsing import parse

GOLDEN = Path(__file__).parent / "golden" / "spec.json"
SECRET = "s3cr3t-DO-NOT-SHOW"

TOKEN = {"auth_type": "api_token", "api_token": SECRET}
KEYS = {"client_id": f"id-{SECRET}", "client_secret": SECRET, "refresh_token": f"r-{SECRET}"}
OAUTH = {"auth_type": "oauth2.0", **KEYS}
SINCE_2017 = {"mode": "start_date", "start_date": "2017-01-25T00:00:00Z"}


def with_token(**more: Any) -> dict[str, Any]:
    return {"credentials": TOKEN, **more}


def with_oauth(**more: Any) -> dict[str, Any]:
    return {"credentials": {**OAUTH, **more}}


def start(date: Any) -> dict[str, Any]:
    return with_token(history={"mode": "start_date", "start_date": date})


def refusal(raw: Any) -> str:
    """The error message of `parse` for `raw`, once it is certain that no secret leaked."""
    with pytest.raises(AirbyteTracedException) as caught:
        parse(raw)
    error: BaseException | None = caught.value
    assert caught.value.failure_type is FailureType.config_error
    message = caught.value.message or ""
    assert all(re.search(r"[.?]$", line) for line in message.splitlines()), message
    while error is not None:
        assert SECRET not in f"{error!s} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__
    return message


GOOD = {
    "token": with_token(),
    "oauth": with_oauth(),
    "oauth with all that the connector keeps": with_oauth(
        access_token=SECRET,
        token_expiry_date="2026-08-18T10:00:00Z",
        api_domain="https://acme.pipedrive.com/",
    ),
    "oauth before its first token": with_oauth(access_token="", token_expiry_date=""),
    "key of another branch left behind by the form": with_oauth(api_token=SECRET),
    "all history": with_token(history={"mode": "all"}),
    "mode alone": with_token(history={"mode": "duration"}),
    "five years": with_token(history={"mode": "duration", "duration": "5 years"}),
    "day": start("2024-02-29"),
    "second": start("2024-02-29T23:59:59Z"),
    "one worker": with_token(num_workers=1),
    "forty workers": with_token(num_workers=40),
    "nulls": with_token(
        num_workers=None, history=None, api_url=None, custom_fields=None, custom_field_columns=None
    ),
    "columns": with_token(custom_field_columns={"mode": "columns_and_raw"}),
    "no columns": with_token(custom_field_columns={"mode": "raw"}),
    "address": with_token(api_url="http://localhost:8080/"),
    "Airbyte's own key": with_token(__injected="x"),
    "pasted with blanks": {"credentials": {**TOKEN, "api_token": f" {SECRET}\n"}},
}

BAD: dict[str, tuple[Any, str]] = {
    "nothing": (None, "The configuration must be an object"),
    "list": ([SECRET], "The configuration must be an object"),
    "no credentials": ({}, "credentials is missing."),
    "credentials are text": ({"credentials": SECRET}, "credentials is not an object."),
    "credentials are a list": ({"credentials": [SECRET]}, "credentials is not an object."),
    "no auth_type": ({"credentials": {}}, "credentials.auth_type is missing. Use "),
    "unknown auth_type": (
        {"credentials": {**TOKEN, "auth_type": SECRET}},
        'credentials.auth_type is not valid. Use "oauth2.0" or "api_token".',
    ),
    "auth_type is a list": (
        {"credentials": {"auth_type": [SECRET]}},
        "credentials.auth_type is not valid.",
    ),
    "no token": (
        {"credentials": {"auth_type": "api_token"}},
        "credentials.api_token is missing. Copy it from Personal preferences > API in Pipedrive.",
    ),
    "empty token": ({"api_token": ""}, "credentials.api_token is empty."),
    "token is a number": ({"api_token": 5}, "credentials.api_token is not text."),
    "two tokens pasted": ({"api_token": f"{SECRET} {SECRET}"}, "credentials.api_token has spaces"),
    "no refresh token": (
        {"credentials": {**OAUTH, "refresh_token": None}},
        "credentials.refresh_token is missing.",
    ),
    "access token with a line break": (
        with_oauth(access_token=f"{SECRET}\nHost: x"),
        "credentials.access_token has spaces",
    ),
    "stranger's host": (
        with_oauth(api_domain=f"https://{SECRET}.example.com"),
        "credentials.api_domain is not https://<company>.pipedrive.com. Leave it out; ",
    ),
    "auth_type of another connector": (
        {"credentials": {**TOKEN, "auth_type": "Bearer token"}},
        'credentials.auth_type "Bearer token" is not valid. Use "oauth2.0" or "api_token".',
    ),
    "history is text": (with_token(history="1 year"), 'history "1 year" is not an object.'),
    # Whoever wants everything must not be led to the last year alone.
    "history is all": (
        with_token(history="all"),
        'history "all" is not an object. Use {"mode": "duration", "duration": "1 year"} (the '
        'default), {"mode": "all"} or {"mode": "start_date", "start_date": "2024-01-01"}.',
    ),
    "no mode": (with_token(history={}), 'history.mode is missing. Use "duration", '),
    "unknown mode": (with_token(history={"mode": SECRET}), "history.mode is not valid."),
    "unknown duration": (
        with_token(history={"mode": "duration", "duration": "2 weeks"}),
        'history.duration "2 weeks" is not valid. Use one of 1 month, 3 months, ',
    ),
    "no start date": (with_token(history={"mode": "start_date"}), "history.start_date is missing."),
    "no such day": (
        start("2024-02-30"),
        'history.start_date "2024-02-30" is not a date. Use YYYY-MM-DD.',
    ),
    "secret in the date": (start(SECRET), "history.start_date is not a date. Use YYYY-MM-DD."),
    "date with a line break": (start("2024-01-01\n1"), "history.start_date is not a date."),
    "date is a number": (start(2024), "history.start_date 2024 is not text."),
    "old date of no known form": (
        {"api_token": SECRET, "replication_start_date": "2017/01/25"},
        'history.start_date "2017/01/25" is not a date.',
    ),
    "unknown columns": (
        with_token(custom_field_columns={"mode": SECRET}),
        'custom_field_columns.mode is not valid. Use "columns_and_raw" or "raw".',
    ),
    "columns as text": (
        with_token(custom_field_columns="raw"),
        'custom_field_columns "raw" is not an object. Use {"mode": "raw"}, or leave it out for ',
    ),
    "unknown custom fields": (
        with_token(custom_fields=SECRET),
        'custom_fields is not valid. Use "columns_and_raw" or "raw", or leave it out.',
    ),
    "custom fields are an object": (
        with_token(custom_fields={"mode": "raw"}),
        "custom_fields is not valid.",
    ),
    "a reserve of all": (
        with_token(daily_token_reserve=91),
        "daily_token_reserve 91 is not valid.",
    ),
    "a reserve below 0": (
        with_token(daily_token_reserve=-1),
        "daily_token_reserve -1 is not valid.",
    ),
    "an unknown end": (
        with_token(budget_stop={"mode": "ignore"}),
        'budget_stop.mode "ignore" is not valid. Use "fail" or "succeed".',
    ),
    "an end without a mode": (with_token(budget_stop={}), "budget_stop.mode is missing."),
    "an end is text": (
        with_token(budget_stop="succeed"),
        'budget_stop "succeed" is not an object.',
    ),
    "no workers": (with_token(num_workers=0), "num_workers 0 is not valid. Use a whole number"),
    "too many workers": (with_token(num_workers=41), "num_workers 41 is not valid."),
    "workers are text": (with_token(num_workers="5"), 'num_workers "5" is not valid.'),
    "workers are true": (with_token(num_workers=True), "num_workers true is not valid."),
    "address is a number": (with_token(api_url=5), "api_url is not text."),
    "address with a password": (
        with_token(api_url=f"https://me:{SECRET}@example.com"),
        "api_url cannot be used. Use https (http only for 127.0.0.0/8, localhost or [::1])",
    ),
}
# Only `parse` finds these: the schema has no calendar and no conditions between fields.
BEYOND_SCHEMA = {"no such day", "stranger's host", "address with a password"}


@pytest.mark.parametrize("raw", GOOD.values(), ids=GOOD)
def test_what_parse_accepts_passes_the_platforms_validation(raw: dict[str, Any]) -> None:
    assert SECRET not in repr(parse(raw))
    check_config_against_spec_or_exit(migrate(raw), specification())


@pytest.mark.parametrize(("raw", "sentence"), BAD.values(), ids=BAD)
def test_a_wrong_field_is_named_in_one_line_without_secrets(raw: Any, sentence: str) -> None:
    assert refusal(raw).startswith(sentence)


@pytest.mark.parametrize("name", BAD.keys() - BEYOND_SCHEMA - {"nothing", "list"})
def test_the_form_refuses_what_parse_refuses(name: str) -> None:
    with pytest.raises(AirbyteTracedException):
        check_config_against_spec_or_exit(migrate(BAD[name][0]), specification())


def test_each_problem_has_a_line_and_a_misspelt_setting_is_one() -> None:
    """A form shows the message and no log."""
    credentials = {"auth_type": "api_token", "api_tokn": SECRET}
    assert refusal(
        {"credentials": credentials, "num_workers": 41, "lables": True}
    ).splitlines() == [
        "credentials.api_token is missing. Copy it from Personal preferences > API in Pipedrive.",
        "num_workers 41 is not valid. Use a whole number from 1 to 40, or leave it out.",
        "`lables` is not a setting; did you mean `labels`?",
        "`credentials.api_tokn` is not a setting; did you mean `credentials.api_token`?",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2 weeks", True),
        ("columns and raw", True),
        ("2024-02-30T00:00:00Z", True),
        ("oauth2.0", True),
        (5, True),
        (None, True),
        (SECRET, False),
        ("6f3a9c0b7d2e4f518a6b7c8d9e0f1a2b3c4d5e6f", False),  # an API token
        ("a1b2c3d4e5f60718", False),  # a client ID
        ("ada@example.com", False),
        ("many words " * 10, False),
        ("two\nlines", False),
        ({"api_token": "x"}, False),
        (["x"], False),
    ],
    ids=str,
)
def test_a_wrong_value_is_shown_unless_it_may_be_a_misplaced_secret(
    value: Any, shown: bool
) -> None:
    assert (quoted(value) != "") is shown
    sentence = refusal(with_token(labels=value)) if value is not None else "null"
    assert (str(value) in sentence) is shown or value is None


def test_what_a_user_leaves_out() -> None:
    config = parse(with_oauth())
    assert config.history == LastPeriod(mode="duration", duration="1 year")
    assert config.num_workers is None
    assert config.api_url == ""
    assert isinstance(config.credentials, OAuthCredentials)
    assert (config.credentials.access_token, config.credentials.api_domain) == ("", "")


NOW = datetime(2028, 2, 29, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "now", "expected"),
    [
        ("1 year", NOW, "2027-02-28"),
        ("2 years", NOW, "2026-02-28"),
        ("5 years", datetime(2028, 3, 31, tzinfo=UTC), "2023-03-31"),
        ("1 month", datetime(2027, 3, 31, 23, 59, tzinfo=UTC), "2027-02-28"),
        ("1 month", datetime(2027, 1, 15, tzinfo=UTC), "2026-12-15"),
        ("3 months", datetime(2028, 5, 31, tzinfo=UTC), "2028-02-29"),
        ("6 months", datetime(2028, 6, 30, tzinfo=UTC), "2027-12-30"),
        ("1 year", datetime(1970, 6, 1, tzinfo=UTC), "1970-01-01"),
        # The day is in UTC, whatever the time zone of the caller's clock.
        ("1 month", datetime(2027, 3, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2027-01-28"),
    ],
)
def test_a_period_goes_back_by_the_calendar(duration: Any, now: datetime, expected: str) -> None:
    since = LastPeriod(mode="duration", duration=duration).since(now)
    assert since.isoformat() == f"{expected}T00:00:00+00:00"


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (AllTime(mode="all"), datetime(1970, 1, 1, tzinfo=UTC)),
        (SinceDate(mode="start_date", start_date="2028-02-29"), datetime(2028, 2, 29, tzinfo=UTC)),
        (
            SinceDate(mode="start_date", start_date="2027-12-31T22:01:02Z"),
            datetime(2027, 12, 31, 22, 1, 2, tzinfo=UTC),
        ),
        (SinceDate(mode="start_date", start_date="1900-01-01"), datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_start_is_an_instant_in_utc(history: History, expected: datetime) -> None:
    assert history.since(NOW) == expected
    assert history.since(NOW).utcoffset() == timedelta(0)


def test_a_start_in_the_future_is_refused_rather_than_read_as_empty() -> None:
    with pytest.raises(AirbyteTracedException, match=r'"2028-03-01" is in the future') as caught:
        SinceDate(mode="start_date", start_date="2028-03-01").since(NOW)
    assert caught.value.failure_type is FailureType.config_error


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com:8443/proxy/", "https://example.com:8443/proxy"),
        ("https://[2001:db8::1]/", "https://[2001:db8::1]"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("", ""),
    ],
)
def test_an_address_for_tests(address: str, kept: str) -> None:
    assert parse(with_token(api_url=address)).api_url == kept


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com",
        "http://10.0.0.1",
        "http://128.0.0.1",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://localhost@example.com",
        "https://example.com?x=1",
        "https://example.com/?",
        "https://example.com/#x",
        "https://user@example.com",
        "https://example.com\\x",
        "https://example.com\n",
        "https://",
        "ftp://localhost",
        "localhost:8080",
    ],
)
def test_an_address_that_would_leak_the_token_is_refused(address: str) -> None:
    assert refusal(with_token(api_url=address)).startswith("api_url cannot be used.")


@pytest.mark.parametrize(
    "domain",
    [
        "http://acme.pipedrive.com",
        "https://pipedrive.com",
        "https://evilpipedrive.com",
        "https://acme.pipedrive.com.example.com",
        "https://example.com/.pipedrive.com",
        "https://example.com?.pipedrive.com",
        "https://example.com#.pipedrive.com",
        "https://example.com\\.pipedrive.com",
        "https://me@acme.pipedrive.com",
        "https://acme.pipedrive.com:8443",
        "acme.pipedrive.com",
    ],
)
def test_tokens_go_to_no_stranger(domain: str) -> None:
    assert not is_company_address(domain)
    assert refusal(with_oauth(api_domain=domain)).startswith("credentials.api_domain is not ")


def test_api_domain_is_not_judged_where_api_url_replaces_it() -> None:
    config = parse({**with_oauth(api_domain="http://x/"), "api_url": "http://localhost:1"})
    assert isinstance(config.credentials, OAuthCredentials)
    assert config.credentials.api_domain == "http://x"


MIGRATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "token and date at the top": (
        {"api_token": SECRET, "replication_start_date": "2017-01-25T00:00:00Z"},
        with_token(history=SINCE_2017),
    ),
    "token alone": ({"api_token": SECRET}, with_token()),
    "authorization by token": (
        {
            "authorization": {"auth_type": "Token", "api_token": SECRET},
            "replication_start_date": "2017-01-25 00:00:00Z",
        },
        with_token(history=SINCE_2017),
    ),
    "authorization by client": (
        {
            "authorization": {"auth_type": "Client", **KEYS},
            "replication_start_date": "2017-01-25T02:00:00.123+02:00",
        },
        {"credentials": OAUTH, "history": SINCE_2017},
    ),
    "credentials, date and workers": (
        {**with_oauth(), "start_date": "2017-01-25 00:00:00.000", "num_workers": 7},
        {**with_oauth(), "history": SINCE_2017, "num_workers": 7},
    ),
    "workers that no longer fit": (
        {"api_token": SECRET, "num_workers": 100},
        with_token(),
    ),
    "Client in credentials": ({"credentials": {**OAUTH, "auth_type": "Client"}}, with_oauth()),
    "Token in credentials": ({"credentials": {**TOKEN, "auth_type": "Token"}}, with_token()),
    "token without auth_type": ({"credentials": {"api_token": SECRET}}, with_token()),
    "client without auth_type": ({"credentials": KEYS}, with_oauth()),
    "client beside an empty token": (
        {"authorization": {**KEYS, "api_token": ""}},
        with_oauth(api_token=""),
    ),
    "date alone": (
        {"credentials": TOKEN, "replication_start_date": "2017-01-25"},
        with_token(history=SINCE_2017),
    ),
    "empty date": ({"api_token": SECRET, "replication_start_date": ""}, with_token()),
    "today's keys win": (
        {
            **with_token(history={"mode": "all"}),
            "api_token": "older",
            "replication_start_date": "2017-01-25T00:00:00Z",
        },
        with_token(history={"mode": "all"}),
    ),
    "columns, as text": (
        with_token(custom_fields="columns_and_raw"),
        with_token(custom_field_columns={"mode": "columns_and_raw"}),
    ),
    "raw, as text": (
        with_token(custom_fields="raw"),
        with_token(custom_field_columns={"mode": "raw"}),
    ),
    "raw, as text, changed in today's form": (
        with_token(custom_fields="raw", custom_field_columns={"mode": "columns_and_raw"}),
        with_token(custom_field_columns={"mode": "columns_and_raw"}),
    ),
    "unknown keys stay": (
        {"api_token": SECRET, "__airbyte": {"a": None}},
        with_token(__airbyte={"a": None}),
    ),
}


@pytest.mark.parametrize(("old", "new"), MIGRATIONS.values(), ids=MIGRATIONS)
def test_an_earlier_configuration_needs_no_new_form(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    before = deepcopy(old)
    assert migrate(old) == new
    assert old == before
    assert migrate(new) == new
    assert parse(old) == parse(new)
    check_config_against_spec_or_exit(migrate(old), specification())


def test_a_migrated_configuration_shares_nothing_with_the_old_one() -> None:
    raw = with_token(history=dict(SINCE_2017), other={"a": 1})
    new = migrate(raw)
    assert new == raw
    new["credentials"]["api_token"] = new["history"]["mode"] = new["other"]["a"] = "changed"
    assert raw == with_token(history=SINCE_2017, other={"a": 1})


@pytest.mark.parametrize(
    ("raw", "shape"),
    [
        ({}, OneColumnEach),
        ({"custom_fields": None}, OneColumnEach),
        ({"custom_fields": "columns_and_raw"}, OneColumnEach),
        ({"custom_fields": "raw"}, RawOnly),
        ({"custom_field_columns": {"mode": "columns_and_raw"}}, OneColumnEach),
        ({"custom_field_columns": {"mode": "raw"}}, RawOnly),
        # Whoever opens today's form and saves it means what the form shows.
        ({"custom_fields": "columns_and_raw", "custom_field_columns": {"mode": "raw"}}, RawOnly),
    ],
)
def test_custom_fields_become_columns_unless_switched_off(
    raw: dict[str, Any], shape: type[OneColumnEach | RawOnly]
) -> None:
    config = parse(with_token(**raw))
    assert type(config.custom_field_columns) is shape
    assert config.has_columns == (shape is OneColumnEach)


@pytest.mark.parametrize("value", ["columns_and_raw", "raw"])
def test_programs_that_validate_before_they_call_accept_the_earlier_key(value: str) -> None:
    """PyAirbyte compares a configuration with the spec itself, before the connector sees it."""
    raw = with_token(custom_fields=value)
    assert Draft7Validator(SCHEMA).is_valid(raw)
    assert not Draft7Validator(SCHEMA).is_valid(with_token(custom_fields="columns"))


SCHEMA = specification().connectionSpecification


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "properties" in schema:
        yield schema
    for below in [*schema.get("properties", {}).values(), *schema.get("oneOf", [])]:
        yield from objects(below)


def test_the_form_has_its_title_and_asks_only_for_credentials() -> None:
    assert (SCHEMA["title"], SCHEMA["required"]) == ("Pipedrive Source Spec", ["credentials"])


def test_the_cdk_masks_every_secret() -> None:
    marked = {
        name
        for found in objects(SCHEMA)
        for name, field in found["properties"].items()
        if field.get("airbyte_secret")
    }
    assert marked == {"api_token", "access_token", "key", *KEYS}
    config = with_oauth(access_token="a", api_token="b")
    config["privacy"] = {"mode": "on", "key": "c"}
    assert {*get_secrets(SCHEMA, config)} == {"a", "b", "c", *KEYS.values()}


def test_the_oauth_button_fills_in_fields_that_exist() -> None:
    advanced = specification().advanced_auth
    assert advanced
    assert advanced.oauth_config_specification
    oauth = advanced.oauth_config_specification
    filled = {
        **(oauth.complete_oauth_output_specification or {})["properties"],
        **(oauth.complete_oauth_server_output_specification or {})["properties"],
    }
    for name, field in filled.items():
        assert field["path_in_connector_config"] == ["credentials", name]
    assert filled.keys() == OAuthCredentials.model_fields.keys() - {"auth_type"}
    assert not filled.keys() & ApiTokenCredentials.model_fields.keys() - {"auth_type"}
    answer = {field["path_in_oauth_response"][0] for field in filled.values() if len(field) > 2}
    flow = oauth.oauth_connector_input_specification
    assert flow
    assert flow.access_token_headers
    assert answer == {*(flow.extract_output or [])}
    platform = jinja2.Environment(autoescape=False)
    platform.filters["b64encode"] = lambda text: base64.b64encode(text.encode()).decode()
    header = platform.from_string(flow.access_token_headers["Authorization"])
    assert header.render(client_id_value="me", client_secret_value="pw") == "Basic bWU6cHc="


def test_the_spec_is_the_golden_one() -> None:
    spec = ConnectorSpecificationSerializer.dump(specification())
    text = json.dumps(spec, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    golden = GOLDEN.read_text(encoding="utf-8") if GOLDEN.exists() else ""
    assert text == golden, "the spec has changed: run make golden and read the diff"
