"""Which company the credentials belong to, and the client that reads it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from source_pipedrive.config.model import Config, OAuthCredentials, is_company_address
from source_pipedrive.http.auth import ApiToken, OAuth
from source_pipedrive.http.client import TRIES, Client
from source_pipedrive.http.errors import (
    CONFIG,
    OF_THE_USER,
    TRANSIENT,
    SyncError,
)
from source_pipedrive.http.hosts import Host, company_host, shared_host
from source_pipedrive.http.pacing import Pacing
from source_pipedrive.http.request import Request
from source_pipedrive.http.usage import Usage
from source_pipedrive.http.words import AGAIN, without_addresses

logger = logging.getLogger("airbyte")

WHO_AM_I = Request(OF_THE_USER, "users/me", 1, 2, "base")


SKEW = 300  # seconds by which this machine's clock may be off without a warning


@dataclass(frozen=True)
class Company:
    """The company and the user that the credentials belong to. id: 0 if Pipedrive does not report
    the company's.

    at: the server's clock. access: the Pipedrive apps that the user may use, and whether as an
    admin; None if Pipedrive does not report them. scopes: those of the OAuth app, empty if
    Pipedrive does not report them; None for an API token.
    """

    id: int
    name: str
    user_id: int
    user_name: str
    at: datetime
    access: Mapping[str, bool] | None = None
    scopes: frozenset[str] | None = None


def connect(
    config: Config,
    tries: int = TRIES,
    sleep: Callable[[float], None] = time.sleep,
    verify: bool = False,
) -> tuple[Client, Company]:
    """A client for the company of `config`, verified by one request (2 tokens).

    sleep: how to wait for a number of seconds. verify: renew the access token even if it is still
    valid, so that a wrong secret shows now and not in an hour. Raises SyncError if the credentials
    are not valid or Pipedrive cannot be reached.
    """
    auth = _auth(config, sleep)
    if verify and isinstance(auth, OAuth):
        auth.renew_unless_changed(auth.token)
    host = _host(config, auth)
    usage = Usage(config.daily_token_reserve, config.daily_token_budget)
    pacing, hides = Pacing.of(_credentials(config)), config.privacy.hides_words
    client = Client(host, auth, tries, sleep, usage, pacing, hides)
    answer = client.get(WHO_AM_I)
    me = answer.body.get("data")
    company = _company(me, answer.at, auth.scopes if isinstance(auth, OAuth) else None)
    domain = me.get("company_domain") if host.shared and isinstance(me, dict) else None
    client.use_company(company_host(domain), company.access or ())
    user = f"user {company.user_id}"
    who = user if config.privacy.hides_names else f"{company.user_name} ({user})"
    logger.info(
        f"Connected to {company.name} (company {company.id}) at {client.host.name} as {who}."
    )
    usage.explain()
    _compare_clocks(company.at)
    return client, company


def _credentials(config: Config) -> str:
    keys = config.credentials
    if isinstance(keys, OAuthCredentials):
        return keys.client_id + keys.refresh_token
    return keys.api_token


def _compare_clocks(theirs: datetime) -> None:
    ahead = (datetime.now(UTC) - theirs).total_seconds()
    if abs(ahead) > SKEW:
        off = timedelta(seconds=round(abs(ahead)))
        difference = f"{off} {'ahead of' if ahead > 0 else 'behind'} Pipedrive's"
        logger.warning(
            f"This machine's clock is {difference}. Syncs use Pipedrive's clock, but certificates "
            "and access tokens depend on this one: set the clock."
        )


def _auth(config: Config, sleep: Callable[[float], None]) -> ApiToken | OAuth:
    if isinstance(config.credentials, OAuthCredentials):
        return OAuth(config.credentials, config.api_url, sleep)
    return ApiToken(config.credentials.api_token)


def _host(config: Config, auth: ApiToken | OAuth) -> Host:
    if config.api_url:
        return Host(config.api_url)
    if isinstance(auth, OAuth):
        # This renews an expired access token, and the answer names the company's host.
        auth.get_access_token()
        domain = auth.api_domain
        return Host(domain) if is_company_address(domain) else shared_host()
    return shared_host()


def _company(me: object, at: datetime | None, scopes: frozenset[str] | None) -> Company:
    if at is None:
        # This machine's clock may be fast, and a sync that claims too late an end loses changes.
        raise SyncError(
            "Pipedrive's answer has no Date header, so Pipedrive's time is unknown. Make sure that "
            "no proxy removes the header.",
            TRANSIENT,
        )
    if not isinstance(me, dict) or not isinstance(me.get("id"), int):
        raise SyncError(
            f"Pipedrive did not report whom the credentials belong to. {AGAIN} later.",
            TRANSIENT,
        )
    if me.get("active_flag") is False:
        raise SyncError(
            "The user of these credentials is deactivated in Pipedrive. Use the credentials of an "
            "active user.",
            CONFIG,
        )
    company = me.get("company_id")
    return Company(
        id=company if isinstance(company, int) else 0,
        name=str(me.get("company_name") or "a company without a name"),
        user_id=me["id"],
        user_name=without_addresses(str(me.get("name") or "a user without a name")),
        at=at,
        access=apps_of(me.get("access")),
        scopes=scopes,
    )


def apps_of(apps_of_user: object) -> dict[str, bool] | None:
    """The apps in a user's `access`, and whether as an admin; None if it is missing."""
    if not isinstance(apps_of_user, list):
        return None
    apps = [entry for entry in apps_of_user if isinstance(entry, dict) and entry.get("app")]
    return {
        str(entry["app"]): any(e["app"] == entry["app"] and e.get("admin") is True for e in apps)
        for entry in apps
    }
