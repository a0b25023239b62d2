"""The configuration: what a user may fill in, and the sentence that says what is wrong with it.

The spec that Airbyte shows is generated from these models: a field's title, help text and rules
stand here and nowhere else. Where each value is found in Pipedrive:
https://pipedrive.readme.io/docs/how-to-find-the-api-token and
https://pipedrive.readme.io/docs/marketplace-oauth-authorization
"""

import calendar
import re
from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from airbyte_cdk.models import ConnectorSpecification, FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from source_pipedrive.migration import MAX_WORKERS, migrate
from source_pipedrive.spec import VISIBLE, connector_specification, field, kept, secret, shown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MONTHS = {"1 month": 1, "3 months": 3, "6 months": 6, "1 year": 12, "2 years": 24, "5 years": 60}
_DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$"
_PIPEDRIVE = re.compile(r"https://([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+pipedrive\.com", re.IGNORECASE)
_ADDRESS = (
    r"^(https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
    r"|http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\]))"
    r"(:[0-9]{1,5})?(/[A-Za-z0-9._~%/-]*)?$"
)

_FILLED_IN = "Leave it out; the connector fills it in."
_APP_PAGE = "Tools and apps > Marketplace manager > your app > OAuth & access scopes"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class OAuthCredentials(_Model):
    """An OAuth app's keys and the tokens that Pipedrive issued to it.

    The last three fields are kept up to date by the connector and are "" until it has them.
    """

    model_config = shown("OAuth", "Sign in through an OAuth app that you own in Pipedrive.")

    auth_type: Literal["oauth2.0"] = field(0, "Type", "Marks these credentials as OAuth.")
    client_id: str = secret(1, "Client ID", f"Names your OAuth app. Find it at {_APP_PAGE}.")
    client_secret: str = secret(2, "Client secret", f"Stands next to the client ID at {_APP_PAGE}.")
    refresh_token: str = secret(
        3,
        "Refresh token",
        "Issued by Pipedrive when a user installs your app; connecting through Airbyte fills it "
        "in. It lapses after 60 days without a sync. What the app may read is set at "
        f"{_APP_PAGE}.",
    )
    access_token: str = kept(
        4, "Access token", f"Lasts an hour. {_FILLED_IN}", VISIBLE, airbyte_secret=True
    )
    token_expiry_date: str = kept(5, "Access token expiry", f"In UTC. {_FILLED_IN}")
    api_domain: str = kept(6, "API domain", f"Your company's own address. {_FILLED_IN}")

    @field_validator("api_domain")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


class ApiTokenCredentials(_Model):
    """A user's personal token: no expiry, no scopes, sees what that user sees."""

    model_config = shown("API token", "Use the personal token of one Pipedrive user.")

    auth_type: Literal["api_token"] = field(0, "Type", "Marks these credentials as an API token.")
    api_token: str = secret(
        1,
        "API token",
        "In Pipedrive, click your profile picture (top right), then Personal preferences > API > "
        "Your personal API token. The connector sees what this user sees; take an "
        "administrator's token to read everything.",
    )


class History(_Model):
    """How far back the first sync goes; one of the three classes below."""

    @abstractmethod
    def since(self, now: datetime) -> datetime:
        """The first instant to read, in UTC and never before 1970.

        `now` must carry a time zone. Raises a config error when the start is after `now`.
        """


class LastPeriod(History):
    """So many calendar months back, from midnight UTC; the 29th to 31st shrink to fit."""

    model_config = shown("Recent", "Go back a fixed time from the day of the first sync.")

    mode: Literal["duration"] = field(0, "Mode", "Marks a fixed time back.")
    duration: Literal["1 month", "3 months", "6 months", "1 year", "2 years", "5 years"] = field(
        1, "Period", "How far to go back.", default="1 year"
    )

    def since(self, now: datetime) -> datetime:
        today = now.astimezone(UTC)
        year, month = divmod(today.year * 12 + today.month - 1 - _MONTHS[self.duration], 12)
        day = min(today.day, calendar.monthrange(year, month + 1)[1])
        return max(EPOCH, datetime(year, month + 1, day, tzinfo=UTC))


class AllTime(History):
    """Everything, which is to say since 1970."""

    model_config = shown("Everything", "Read all that the account holds.")

    mode: Literal["all"] = field(0, "Mode", "Marks the whole history.")

    def since(self, now: datetime) -> datetime:
        return EPOCH


class SinceDate(History):
    """From a date (midnight UTC) or an instant on."""

    model_config = shown("Since a date", "Start at a date of your choice.")

    mode: Literal["start_date"] = field(0, "Mode", "Marks a start date.")
    start_date: str = field(
        1,
        "Start date",
        "The first day to read (UTC), or the first second of it to read.",
        pattern=_DATE,
        pattern_descriptor="YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ",
        format="date-time",
        examples=["2024-01-01T00:00:00Z", "2024-01-01"],
    )

    @field_validator("start_date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        try:
            _instant(value)
        except ValueError:
            raise _problem(
                f"history.start_date {_quoted(value)}is not a date. Use YYYY-MM-DD."
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


class Config(_Model):
    """A configuration that can be used as it is. `num_workers` is None where the user left it.

    `api_url`, when not "", replaces both Pipedrive's hosts and `credentials.api_domain`.
    """

    model_config = shown("Pipedrive Source Spec", "What to read from Pipedrive and with which key.")

    credentials: Annotated[
        OAuthCredentials | ApiTokenCredentials, Field(discriminator="auth_type")
    ] = field(0, "Authentication", "How to sign in to Pipedrive.", type="object")
    history: Annotated[LastPeriod | AllTime | SinceDate, Field(discriminator="mode")] = field(
        1,
        "History",
        "How far back the first sync goes. It cuts deals, activities, notes, leads, files, mail "
        "threads and call logs. Persons, organizations and products are always read whole, so "
        "that a recent deal never points at an absent person. Lists that carry no time ignore "
        "it. When you lengthen it later, the missing range is read.",
        default=LastPeriod(mode="duration"),
        type="object",
    )
    num_workers: Annotated[int, Field(strict=True, ge=1, le=MAX_WORKERS)] | None = field(
        2,
        "Parallel requests",
        f"How many requests run at once, 1 to {MAX_WORKERS}. Left empty, the connector decides.",
        default=None,
    )
    api_url: str = kept(
        3, "API address", "For tests: used instead of Pipedrive's. https, or http on this machine."
    )

    @field_validator("api_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        if value and not re.fullmatch(_ADDRESS, value):
            raise _problem(f"api_url cannot be used. {_REMEDIES['api_url']}")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _domain_is_pipedrive(self) -> Self:
        domain = getattr(self.credentials, "api_domain", "")
        if domain and not self.api_url and not is_company_address(domain):
            raise _problem(
                f"credentials.api_domain is not https://<company>.pipedrive.com. {_FILLED_IN}"
            )
        return self


def parse(raw: Mapping[str, Any]) -> Config:
    """Check a configuration of today's or an earlier shape (`migrate` is applied first).

    Raises AirbyteTracedException (config error) whose message is one line that names every
    wrong field and its remedy and holds no value of `credentials` or `api_url`. Keys that are
    not known are ignored.
    """
    if not isinstance(raw, Mapping):
        raise config_error("The configuration must be an object with the key credentials.")
    try:
        return Config.model_validate(migrate(raw))
    except ValidationError as error:
        sentences = dict.fromkeys(_sentence(detail) for detail in error.errors())
    # Raised out here because inside the handler the pydantic error, which holds the secrets,
    # would stay attached as __context__.
    raise config_error("; ".join(sentences))


def specification() -> ConnectorSpecification:
    """What `spec` prints: a schema that accepts all that `parse` accepts, once migrated."""
    return connector_specification(Config.model_json_schema())


def is_company_address(address: str) -> bool:
    """Whether a token may be sent there: https, a host under .pipedrive.com, and nothing else."""
    return _PIPEDRIVE.fullmatch(address) is not None


def config_error(sentence: str) -> AirbyteTracedException:
    """The error that Airbyte shows the user as it is and does not retry."""
    return AirbyteTracedException(
        internal_message=sentence, message=sentence, failure_type=FailureType.config_error
    )


_REMEDIES = {
    "credentials": 'Give it auth_type "api_token" and the api_token, or "oauth2.0" and its keys.',
    "credentials.auth_type": 'Use "oauth2.0" or "api_token".',
    "credentials.api_token": "Copy it from Personal preferences > API in Pipedrive.",
    "credentials.client_id": f"Copy it from {_APP_PAGE}.",
    "credentials.client_secret": f"Copy it from {_APP_PAGE}.",
    "credentials.refresh_token": "Connect to Pipedrive again to be issued one.",
    "history": 'Use {"mode": "duration", "duration": "1 year"}, or leave it out for the same.',
    "history.mode": 'Use "duration", "all" or "start_date".',
    "history.duration": f"Use one of {', '.join(_MONTHS)}.",
    "history.start_date": "Use YYYY-MM-DD.",
    "num_workers": f"Use a whole number from 1 to {MAX_WORKERS}, or leave it out.",
    "api_url": "Use https (http only for 127.0.0.0/8, localhost or [::1]) without user, password, "
    "query or fragment, or leave it out.",
}
_TAGS = {"credentials": "auth_type", "history": "mode"}
_PROBLEMS = {
    "missing": "is missing",
    "union_tag_not_found": "is missing",
    "string_type": "is not text",
    "model_attributes_type": "is not an object",
    "string_pattern_mismatch": "has spaces or characters that cannot be part of it",
    "string_too_short": "is empty",
}


def _sentence(detail: ErrorDetails) -> str:
    kind, place = detail["type"], [str(step) for step in detail["loc"]]
    if kind == "sentence":
        return detail["msg"]
    if kind.startswith("union_tag"):
        place.append(_TAGS[place[0]])
    name = ".".join([place[0], *place[2:]] if len(place) > 2 else place)
    return f"{name} {_PROBLEMS.get(kind, 'is not valid')}. {_REMEDIES.get(name, _FILLED_IN)}"


def _problem(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


def _quoted(value: str) -> str:
    """The value in quotes if it looks like a date, else "": it may be a secret gone astray."""
    return f'"{value}" ' if re.fullmatch("[0-9TZ:+./ -]{1,30}", value) else ""


def _instant(value: str) -> datetime:
    if not re.fullmatch(_DATE, value):
        raise ValueError("not of the form YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ")
    return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
