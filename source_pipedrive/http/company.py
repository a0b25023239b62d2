"""Which company the credentials belong to, and the client that reads it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from source_pipedrive.config import Config, OAuthCredentials, is_company_address
from source_pipedrive.http.auth import ApiToken, OAuth
from source_pipedrive.http.client import TRIES, Client, Request
from source_pipedrive.http.errors import CONFIG, TRANSIENT, SyncError
from source_pipedrive.http.hosts import OAUTH, Host, company_host, shared_host

logger = logging.getLogger("airbyte")

WHO_AM_I = Request("users_me", "users/me", 1, 2, "base")


@dataclass(frozen=True)
class Company:
    """The company and user that the credentials belong to; at: the server's clock."""

    id: int
    name: str
    user_id: int
    user_name: str
    at: datetime


def connect(
    config: Config,
    raw: MutableMapping[str, Any],
    tries: int = TRIES,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Client, Company]:
    """A client for the company of `config`, proved by one request (2 tokens).

    raw: the same configuration as a mapping; renewed tokens are written into it. sleep: how to wait
    for a number of seconds. Raises SyncError where the credentials are not valid or Pipedrive
    cannot be reached.
    """
    auth = _auth(config, raw, sleep)
    host = _host(config, auth, raw)
    client = Client(host, auth, tries, sleep)
    answer = client.get(WHO_AM_I)
    me = answer.body.get("data")
    company = _company(me, answer.at)
    if host.shared and isinstance(me, dict):
        client.host = company_host(me.get("company_domain")) or host
    logger.info(f"Connected to {company.name} (company {company.id}) at {client.host.name}.")
    return client, company


def _auth(
    config: Config, raw: MutableMapping[str, Any], sleep: Callable[[float], None]
) -> ApiToken | OAuth:
    if not isinstance(config.credentials, OAuthCredentials):
        return ApiToken(config.credentials.api_token)

    def accept(domain: str) -> bool:
        return domain == config.api_url or is_company_address(domain)

    return OAuth(raw, f"{config.api_url or OAUTH}/oauth/token", accept, sleep)


def _host(config: Config, auth: ApiToken | OAuth, raw: Mapping[str, Any]) -> Host:
    if config.api_url:
        return Host(config.api_url)
    if isinstance(auth, OAuth):
        # An expired access token is renewed here, and the answer names the company's host.
        auth.get_access_token()
        domain = str(raw["credentials"].get("api_domain") or "")
        return Host(domain) if is_company_address(domain) else shared_host()
    return shared_host()


def _company(me: object, at: datetime | None) -> Company:
    if at is None:
        # This machine's clock may be off, and a sync that ends too late loses what comes between.
        raise SyncError(
            "Pipedrive's answer does not say what time it is there (no Date header). Let proxies "
            "pass it on.",
            TRANSIENT,
        )
    if not isinstance(me, dict) or not isinstance(me.get("id"), int):
        raise SyncError("Pipedrive did not say whom the credentials belong to.", CONFIG)
    if me.get("active_flag") is False:
        raise SyncError(
            "The user of these credentials is deactivated in Pipedrive. Use those of an active "
            "user.",
            CONFIG,
        )
    return Company(
        id=int(me.get("company_id") or 0),
        name=str(me.get("company_name") or "a company without a name"),
        user_id=me["id"],
        user_name=str(me.get("name") or ""),
        at=at,
    )
