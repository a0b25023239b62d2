"""The configuration that a user fills in.

Airbyte's form (the spec) is generated from these models: each field's title, help text and rules
are defined here and nowhere else. Where to find the values in Pipedrive:
https://pipedrive.readme.io/docs/how-to-find-the-api-token and
https://pipedrive.readme.io/docs/marketplace-oauth-authorization
"""

import re
from typing import Annotated, Literal, Self

from airbyte_cdk.models import ConnectorSpecification
from pydantic import Field, PrivateAttr, field_validator, model_validator

from source_pipedrive.config.budget_stop import EndsWithError, EndsWithoutError
from source_pipedrive.config.columns import OneColumnEach, RawOnly
from source_pipedrive.config.deletions import AsReported, Verified
from source_pipedrive.config.errors import FILLED_IN, LEAST_BUDGET, REMEDIES, problem
from source_pipedrive.config.form import (
    DOCUMENTATION_URL,
    VISIBLE,
    FormModel,
    connector_specification,
    field,
    kept,
    secret,
    shown,
)
from source_pipedrive.config.history import AllTime, LastPeriod, SinceDate
from source_pipedrive.config.legacy import MAX_WORKERS
from source_pipedrive.config.places import API_PAGE, APP_PAGE
from source_pipedrive.config.privacy import Privacy, Unprotected
from source_pipedrive.config.tokens import TokenStore

_PIPEDRIVE = re.compile(r"https://([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+pipedrive\.com", re.IGNORECASE)
_ADDRESS = (
    r"^(https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
    r"|http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\]))"
    r"(:[0-9]{1,5})?(/[A-Za-z0-9._~%/-]*)?$"
)

# Airbyte's form shows the HTML of help texts.
_OAUTH_GUIDE = f'<a href="{DOCUMENTATION_URL}#an-oauth-app" target="_blank">the guide</a>'
# The sections of the form.
_ACCOUNT, _DATA, _DELETED, _BUDGET = "account", "data", "deleted", "budget"
_SECTIONS = {
    _ACCOUNT: "Your Pipedrive account",
    _DATA: "What to read",
    _DELETED: "Deleted records",
    _BUDGET: "API limits",
}


class OAuthCredentials(FormModel):
    """An OAuth app's keys and the tokens that Pipedrive issued to it, as configured.

    The connector fills in the last three fields; they are "" until then. The values of the last
    renewal are in `tokens`.
    """

    model_config = shown("OAuth", "Use an OAuth app that you registered with Pipedrive.")

    auth_type: Literal["oauth2.0"] = field(0, "Type", "Selects authentication with OAuth.")
    client_id: str = secret(1, "Client ID", f"In Pipedrive, open {APP_PAGE}. See {_OAUTH_GUIDE}.")
    client_secret: str = secret(
        2, "Client secret", f"On the same page as the client ID. See {_OAUTH_GUIDE}."
    )
    refresh_token: str = secret(
        3,
        "Refresh token",
        "Issued by Pipedrive when a user installs your app. It expires after 60 days without a "
        f"sync. The app's scopes decide what it can read. See {_OAUTH_GUIDE}.",
    )
    access_token: str = kept(
        4, "Access token", f"Valid for one hour. {FILLED_IN}", VISIBLE, airbyte_secret=True
    )
    token_expiry_date: str = kept(5, "Access token expiry", f"In UTC. {FILLED_IN}")
    api_domain: str = kept(6, "API domain", f"Your company's Pipedrive address. {FILLED_IN}")
    _tokens: TokenStore = PrivateAttr()

    @property
    def tokens(self) -> TokenStore:
        """Holds the newest tokens, and saves them when they are renewed."""
        return self._tokens

    def store_in(self, tokens: TokenStore) -> None:
        """Sets `tokens`. Called only by `parse`."""
        self._tokens = tokens

    @field_validator("api_domain")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


class ApiTokenCredentials(FormModel):
    """A user's personal token. It never expires, has no scopes and sees what that user sees."""

    model_config = shown("API token", "Use the personal API token of one Pipedrive user.")

    auth_type: Literal["api_token"] = field(0, "Type", "Selects authentication with an API token.")
    api_token: str = secret(
        1,
        "API token",
        f"In Pipedrive, click your profile picture (top right), open {API_PAGE}, and copy your "
        "personal API token. The connector sees what this user sees, so use an admin's token to "
        "read everything.",
    )


class Config(FormModel):
    """A valid configuration. `num_workers` and `daily_token_budget` are None if left empty;
    `custom_fields` always is, because `migrate` moves it.

    `api_url`, unless "", replaces both Pipedrive's hosts and `credentials.api_domain`.
    """

    model_config = shown(
        "Pipedrive Source Spec",
        "How to sign in to Pipedrive and what to read.",
        groups=[{"id": id_, "title": title} for id_, title in _SECTIONS.items()],
    )

    credentials: Annotated[
        ApiTokenCredentials | OAuthCredentials, Field(discriminator="auth_type")
    ] = field(
        0,
        "Authentication",
        "How the connector signs in to Pipedrive.",
        type="object",
        group=_ACCOUNT,
    )
    history: Annotated[LastPeriod | AllTime | SinceDate, Field(discriminator="mode")] = field(
        1,
        "History to sync",
        "Records changed before this are skipped. This applies to deals, activities, notes, leads, "
        "files, mail threads and call logs. Persons, organizations and products are always read in "
        "full. If you choose a longer history later, the next sync reads the missing part.",
        default=LastPeriod(mode="duration"),
        type="object",
        always_show=True,
        group=_DATA,
    )
    custom_field_columns: Annotated[OneColumnEach | RawOnly, Field(discriminator="mode")] = field(
        2,
        "Custom fields",
        "How the fields that your company has added appear in your tables.",
        default=OneColumnEach(mode="columns_and_raw"),
        type="object",
        always_show=True,
        group=_DATA,
    )
    labels: Annotated[bool, Field(strict=True)] = field(
        3,
        "Show option labels",
        "On: columns contain the label of an option, such as Gold. Off: its id, such as 123.",
        default=True,
        always_show=True,
        group=_DATA,
    )
    find_deleted_records: Annotated[AsReported | Verified, Field(discriminator="mode")] = field(
        4,
        "Find deleted records",
        "How the stream deleted_records finds them. Pipedrive reports only some deletions, and "
        "only for a month.",
        default=AsReported(mode="reported"),
        type="object",
        always_show=True,
        group=_DELETED,
    )
    remove_deleted: Annotated[bool, Field(strict=True)] = field(
        5,
        "Remove deleted records from your tables",
        "On: a record that is known to be deleted, and a deal or lead that moved to its archive, "
        "is removed from its table by destinations that deduplicate. Refresh the schema after you "
        "switch this on, and select deleted_records.",
        default=False,
        always_show=True,
        group=_DELETED,
    )
    daily_token_reserve: Annotated[int, Field(strict=True, ge=0, le=90)] = field(
        6,
        "API budget reserved for other integrations (%)",
        "Pipedrive gives your company a daily budget of API tokens, which all its integrations "
        "share. A sync stops before it uses the reserved part, and the next sync continues from "
        "there.",
        default=10,
        minimum=0,
        maximum=90,
        always_show=True,
        group=_BUDGET,
    )
    daily_token_budget: Annotated[int, Field(strict=True, ge=LEAST_BUDGET)] | None = field(
        7,
        "Token limit per sync",
        "A sync stops when it has used this many API tokens, and the next sync continues from "
        "there. Needed only if Pipedrive does not report how many tokens are left for the day. At "
        f"least {LEAST_BUDGET}; leave empty for no limit.",
        default=None,
        group=_BUDGET,
    )
    budget_stop: Annotated[EndsWithError | EndsWithoutError, Field(discriminator="mode")] = field(
        8,
        "When the token budget stops a sync",
        "How a sync ends if it stops because no more API tokens may be used.",
        default=EndsWithError(mode="fail"),
        type="object",
        group=_BUDGET,
    )
    num_workers: Annotated[int, Field(strict=True, ge=1, le=MAX_WORKERS)] | None = field(
        9,
        "Parallel requests",
        f"How many requests run at once, from 1 to {MAX_WORKERS}. Leave empty to use as many as "
        "your account's rate limit and Pipedrive's response times allow.",
        default=None,
        group=_BUDGET,
    )
    privacy: Privacy = field(
        10,
        "Personal data",
        "Whether personal data leaves the connector as it is. Refresh the schema after you change "
        "this.",
        default=Unprotected(mode="off"),
        type="object",
        group=_DATA,
    )
    api_url: str = kept(
        11,
        "API address",
        "For tests: used in place of Pipedrive's address. https, or http on this machine.",
        group=_ACCOUNT,
    )
    # In the schema, so that programs which validate against it accept what they always have.
    custom_fields: Literal["columns_and_raw", "raw"] | None = field(
        12,
        "Custom fields, as configured before",
        "Replaced by custom_field_columns.",
        default=None,
        airbyte_hidden=True,
        group=_DATA,
    )

    @property
    def has_columns(self) -> bool:
        """Whether custom fields and labels become columns."""
        return isinstance(self.custom_field_columns, OneColumnEach)

    @field_validator("api_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        if value and not re.fullmatch(_ADDRESS, value):
            raise problem(f"api_url cannot be used. {REMEDIES['api_url']}")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _domain_is_pipedrive(self) -> Self:
        domain = getattr(self.credentials, "api_domain", "")
        if domain and not self.api_url and not is_company_address(domain):
            raise problem(
                f"credentials.api_domain is not https://<company>.pipedrive.com. {FILLED_IN}"
            )
        return self


def specification() -> ConnectorSpecification:
    """What `spec` prints. Its schema accepts every migrated configuration that `parse` accepts."""
    return connector_specification(Config.model_json_schema())


def is_company_address(address: str) -> bool:
    """Whether a token may be sent to `address`: only https and a host under .pipedrive.com."""
    return _PIPEDRIVE.fullmatch(address) is not None
