"""The configuration that a user fills in.

Airbyte's form (the spec) is generated from these models: each field's title, help text and rules
are defined here and nowhere else. Where to find the values in Pipedrive:
https://pipedrive.readme.io/docs/how-to-find-the-api-token and
https://pipedrive.readme.io/docs/marketplace-oauth-authorization
"""

import calendar
import re
from abc import abstractmethod
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from airbyte_cdk.models import ConnectorSpecification
from pydantic import Field, PrivateAttr, field_validator, model_validator

from source_pipedrive.config.deletions import AsReported, Verified
from source_pipedrive.config.errors import (
    APP_PAGE,
    FILLED_IN,
    LEAST_BUDGET,
    MONTHS,
    REMEDIES,
    config_error,
    problem,
    quoted,
)
from source_pipedrive.config.form import (
    VISIBLE,
    FormModel,
    connector_specification,
    field,
    kept,
    secret,
    shown,
)
from source_pipedrive.config.legacy import MAX_WORKERS
from source_pipedrive.config.tokens import TokenStore

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$"
_PIPEDRIVE = re.compile(r"https://([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+pipedrive\.com", re.IGNORECASE)
_ADDRESS = (
    r"^(https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
    r"|http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\]))"
    r"(:[0-9]{1,5})?(/[A-Za-z0-9._~%/-]*)?$"
)


class OAuthCredentials(FormModel):
    """An OAuth app's keys and the tokens that Pipedrive issued to it, as configured.

    The connector fills in the last three fields; they are "" until then. The values of the last
    renewal are in `tokens`.
    """

    model_config = shown("OAuth", "Use an OAuth app that you registered with Pipedrive.")

    auth_type: Literal["oauth2.0"] = field(0, "Type", "Selects authentication with OAuth.")
    client_id: str = secret(1, "Client ID", f"In Pipedrive, see {APP_PAGE}.")
    client_secret: str = secret(2, "Client secret", "On the same page as the client ID.")
    refresh_token: str = secret(
        3,
        "Refresh token",
        "Issued by Pipedrive when a user installs your app. It expires after 60 days without a "
        "sync. The app's scopes decide what it can read.",
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
        "In Pipedrive, click your profile picture (top right), then Personal preferences > API > "
        "Your personal API token. The connector sees what this user sees, so use an "
        "administrator's token to read everything.",
    )


class History(FormModel):
    """How far back the first sync reads. One of the three classes below."""

    @abstractmethod
    def since(self, now: datetime) -> datetime:
        """The earliest time to read, in UTC and not before 1970.

        `now` must have a time zone. Raises a config error if the start is after `now`.
        """


class LastPeriod(History):
    """A number of calendar months back, from midnight UTC. A day that the month lacks becomes its
    last day."""

    model_config = shown("Recent period", "Read the most recent months or years.")

    mode: Literal["duration"] = field(0, "Mode", "Selects a recent period.")
    duration: Literal["1 month", "3 months", "6 months", "1 year", "2 years", "5 years"] = field(
        1,
        "Period",
        "Counted back from the day of the first sync.",
        default="1 year",
        always_show=True,
    )

    def since(self, now: datetime) -> datetime:
        today = now.astimezone(UTC)
        year, month = divmod(today.year * 12 + today.month - 1 - MONTHS[self.duration], 12)
        day = min(today.day, calendar.monthrange(year, month + 1)[1])
        return max(EPOCH, datetime(year, month + 1, day, tzinfo=UTC))


class AllTime(History):
    """Everything, which means since 1970."""

    model_config = shown("Everything", "Read all records in the account.")

    mode: Literal["all"] = field(0, "Mode", "Selects the full history.")

    def since(self, now: datetime) -> datetime:
        return EPOCH


class SinceDate(History):
    """From a date (midnight UTC) or an exact time."""

    model_config = shown("Since a date", "Read records from a date that you choose.")

    mode: Literal["start_date"] = field(0, "Mode", "Selects a start date.")
    start_date: str = field(
        1,
        "Start date",
        "The first day to read, such as 2024-01-01, or an exact time in UTC.",
        pattern=_DATE,
        pattern_descriptor="YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ",
        format="date-time",
        examples=["2024-01-01", "2024-01-01T00:00:00Z"],
    )

    @field_validator("start_date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        try:
            _instant(value)
        except ValueError:
            raise problem(
                f"history.start_date {quoted(value)}is not a date. Use YYYY-MM-DD."
            ) from None
        return value

    def since(self, now: datetime) -> datetime:
        start = _instant(self.start_date)
        if start > now:
            raise config_error(
                f'history.start_date "{self.start_date}" is in the future. '
                "Use a date that has passed."
            )
        return max(EPOCH, start)


class Config(FormModel):
    """A valid configuration. `num_workers` and `daily_token_budget` are None if left empty.

    `api_url`, unless "", replaces both Pipedrive's hosts and `credentials.api_domain`.
    """

    model_config = shown("Pipedrive Source Spec", "How to sign in to Pipedrive and what to read.")

    credentials: Annotated[
        ApiTokenCredentials | OAuthCredentials, Field(discriminator="auth_type")
    ] = field(0, "Authentication", "How the connector signs in to Pipedrive.", type="object")
    history: Annotated[LastPeriod | AllTime | SinceDate, Field(discriminator="mode")] = field(
        1,
        "History",
        "How far back the first sync reads deals, activities, notes, leads, files, mail threads "
        "and call logs. Persons, organizations and products are always read in full. If you "
        "choose a longer history later, the next sync reads the missing part.",
        default=LastPeriod(mode="duration"),
        type="object",
        always_show=True,
    )
    daily_token_reserve: Annotated[int, Field(strict=True, ge=0, le=90)] = field(
        4,
        "API budget reserved for other integrations (%)",
        "Pipedrive gives your company a daily budget of API tokens, which all its integrations "
        "share. A sync stops before it uses the reserved part, and the next sync continues from "
        "there.",
        default=10,
        minimum=0,
        maximum=90,
    )
    daily_token_budget: Annotated[int, Field(strict=True, ge=LEAST_BUDGET)] | None = field(
        5,
        "Maximum API tokens per sync",
        "A sync stops when it has used this many tokens, and the next sync continues from there. "
        "Needed only if Pipedrive does not report how many tokens are left for the day. At least "
        f"{LEAST_BUDGET}; leave empty for no limit.",
        default=None,
    )
    custom_fields: Literal["columns_and_raw", "raw"] = field(
        2,
        "Custom fields",
        "columns_and_raw (recommended): each custom field becomes a column with its own name, "
        "next to the raw object. raw: only the raw object, with Pipedrive's keys.",
        default="columns_and_raw",
    )
    labels: Annotated[bool, Field(strict=True)] = field(
        3,
        "Show option labels",
        "On: columns contain the label of an option, such as Gold. Off: its ID, such as 123.",
        default=True,
    )
    num_workers: Annotated[int, Field(strict=True, ge=1, le=MAX_WORKERS)] | None = field(
        6,
        "Parallel requests",
        f"How many requests run at once, from 1 to {MAX_WORKERS}. Leave empty to use as many as "
        "your account's rate limit and Pipedrive's response times allow.",
        default=None,
    )
    find_deleted_records: Annotated[AsReported | Verified, Field(discriminator="mode")] = field(
        7,
        "Find deleted records",
        "How the stream deleted_records finds them. Pipedrive reports only some deletions, and "
        "only for a month.",
        default=AsReported(mode="reported"),
        type="object",
    )
    remove_deleted: Annotated[bool, Field(strict=True)] = field(
        8,
        "Remove deleted records from your tables",
        "On: a record that is known to be deleted, and a deal or lead that moved to its archive, "
        "is removed from its table by destinations that deduplicate. Refresh the schema after you "
        "switch this on, and select deleted_records.",
        default=False,
    )
    api_url: str = kept(
        9, "API address", "For tests: replaces Pipedrive's. https, or http on this machine."
    )

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


def _instant(value: str) -> datetime:
    if not re.fullmatch(_DATE, value):
        raise ValueError("must be YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ")
    return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
