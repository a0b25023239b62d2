"""Renewed tokens reach whoever passed the configuration. A lost refresh token ends every sync."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest

from source_pipedrive.config.legacy import Migrated, migrate
from source_pipedrive.config.model import OAuthCredentials
from source_pipedrive.config.parsing import parse

KEYS = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
OAUTH = {"auth_type": "oauth2.0", **KEYS}
RENEWED = {"access_token": "new", "refresh_token": "d"}


def renew(raw: Any) -> OAuthCredentials:
    credentials = parse(raw).credentials
    assert isinstance(credentials, OAuthCredentials)
    credentials.tokens.save(RENEWED)
    return credentials


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    """The one configuration that the platform is asked to store."""

    def config() -> dict[str, Any]:
        (line,) = capsys.readouterr().out.splitlines()
        return dict(json.loads(line)["control"]["connectorConfig"]["config"])

    return config


@pytest.mark.parametrize(
    "raw",
    [
        {"credentials": dict(OAUTH), "labels": False},
        {"credentials": {**OAUTH, "auth_type": "Client"}, "labels": False},
        {"authorization": {**KEYS, "auth_type": "Client"}, "labels": False},
        {"authorization": dict(KEYS), "credentials": {}, "labels": False},
    ],
    ids=["today's", "Client", "authorization", "empty credentials"],
)
def test_python_callers_and_platforms_both_get_complete_credentials(
    raw: dict[str, Any], printed: Any
) -> None:
    """Even a caller that passed an earlier shape, and whose next sync starts from it."""
    credentials = renew(raw)
    assert raw["credentials"] == {**OAUTH, **RENEWED}
    assert printed() == {"credentials": {**OAUTH, **RENEWED}, "labels": False}
    assert credentials.tokens.get("refresh_token") == "d"
    assert credentials.tokens.get("api_domain") == ""
    again = parse(raw).credentials
    assert isinstance(again, OAuthCredentials)
    assert (again.access_token, again.refresh_token) == ("new", "d")


def test_the_callers_own_credentials_object_is_updated(printed: Any) -> None:
    raw = {"credentials": dict(OAUTH)}
    credentials = raw["credentials"]
    renew(raw)
    assert credentials["refresh_token"] == "d"
    assert printed()


def test_a_read_only_mapping_is_left_alone(printed: Any) -> None:
    renew(MappingProxyType({"credentials": OAUTH}))
    assert OAUTH["refresh_token"] == "c"
    assert printed()["credentials"]["refresh_token"] == "d"


def test_a_configuration_is_migrated_once(printed: Any) -> None:
    """`configure` migrates it for the CDK, and the commands take what `configure` returned."""
    configured = migrate({"authorization": {**KEYS, "auth_type": "Client"}})
    assert isinstance(configured, Migrated)
    assert migrate(configured) is configured
    renew(configured)
    assert configured == {"credentials": {**OAUTH, **RENEWED}} == printed()
