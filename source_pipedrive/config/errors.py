"""Error messages for a wrong configuration: one sentence per field, with the remedy."""

import json
import re
from collections.abc import Mapping

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from pydantic_core import ErrorDetails, PydanticCustomError

from source_pipedrive.config.legacy import MAX_WORKERS
from source_pipedrive.config.places import API_PAGE, APP_PAGE

FILLED_IN = "Leave it out; the connector fills it in."
# No request costs more, so a sync with this budget always reads something.
LEAST_BUDGET = 100  # tokens
MONTHS = {"1 month": 1, "3 months": 3, "6 months": 6, "1 year": 12, "2 years": 24, "5 years": 60}

# Findings of an audit: "persons=1200, leads=40", or nothing.
_FINDING = "[a-z_]+=[0-9]{1,9}"
ACCEPTED = f"^({_FINDING}(, ?{_FINDING})*)?$"


def config_error(sentence: str) -> AirbyteTracedException:
    """An error that Airbyte shows to the user unchanged and does not retry."""
    return AirbyteTracedException(
        internal_message=sentence, message=sentence, failure_type=FailureType.config_error
    )


REMEDIES = {
    "credentials": 'Give it auth_type "api_token" and the api_token, or "oauth2.0" and its keys.',
    "credentials.auth_type": 'Use "oauth2.0" or "api_token".',
    "credentials.api_token": f"Copy it from {API_PAGE} in Pipedrive.",
    "credentials.client_id": f"Copy it from {APP_PAGE} in Pipedrive.",
    "credentials.client_secret": f"Copy it from {APP_PAGE} in Pipedrive.",
    "credentials.refresh_token": "Connect to Pipedrive again to get one.",
    "history": (
        'Use {"mode": "duration", "duration": "1 year"} (the default), {"mode": "all"} or '
        '{"mode": "start_date", "start_date": "2024-01-01"}.'
    ),
    "history.mode": 'Use "duration", "all" or "start_date".',
    "history.duration": f"Use one of {', '.join(MONTHS)}.",
    "history.start_date": "Use YYYY-MM-DD.",
    "custom_field_columns": 'Use {"mode": "raw"}, or leave it out for {"mode": "columns_and_raw"}.',
    "custom_field_columns.mode": 'Use "columns_and_raw" or "raw".',
    "custom_fields": 'Use "columns_and_raw" or "raw", or leave it out.',
    "labels": "Use true or false.",
    "daily_token_reserve": "Use a whole percentage from 0 to 90.",
    "daily_token_budget": f"Use a whole number, at least {LEAST_BUDGET}, or leave it out.",
    "budget_stop": 'Use {"mode": "succeed"}, or leave it out for {"mode": "fail"}.',
    "budget_stop.mode": 'Use "fail" or "succeed".',
    "num_workers": f"Use a whole number from 1 to {MAX_WORKERS}, or leave it out.",
    "find_deleted_records": 'Use {"mode": "verify"}, or leave it out for {"mode": "reported"}.',
    "find_deleted_records.mode": 'Use "reported" or "verify".',
    "find_deleted_records.every_days": "Use a whole number of days from 1 to 365.",
    "find_deleted_records.share_of_day": "Use a whole percentage from 1 to 100.",
    "find_deleted_records.accepted_findings": "Enter what the warning names, such as persons=1200.",
    "remove_deleted": "Use true or false.",
    "privacy": 'Use {"mode": "on", "key": ...}, or leave it out for {"mode": "off"}.',
    "privacy.mode": 'Use "off" or "on".',
    "privacy.presets": "Use a list of email_addresses, phone_numbers, names, postal_addresses, "
    "titles, notes and mail_bodies.",
    "privacy.action": 'Use "hash" or "remove".',
    "privacy.columns": "Use a text such as persons.birthday=remove, deals.title=hash.",
    "privacy.key": "Use at least 16 random characters.",
    "api_url": "Use https (http only for 127.0.0.0/8, localhost or [::1]) without user, password, "
    "query or fragment, or leave it out.",
}
_TAGS = {
    "budget_stop": "mode",
    "credentials": "auth_type",
    "history": "mode",
    "custom_field_columns": "mode",
    "find_deleted_records": "mode",
    "privacy": "mode",
}
_ABSENT = ("missing", "union_tag_not_found")
# Secrets, or what may contain one.
_UNSHOWN = {
    "api_url",
    "credentials",
    "privacy",
    "privacy.key",
    *(f"credentials.{name}" for name in ("api_token", "client_id", "client_secret")),
    *(f"credentials.{name}" for name in ("refresh_token", "access_token", "api_domain")),
}
LONGEST = 30  # characters of a value that is shown
# Dates, words and numbers, with digits only at the beginning or at the end of a word.
_WORD = "(?:[0-9]{1,8}[A-Za-z]{0,9}|[A-Za-z]{1,20}[0-9]{0,2})"
_PLAIN = f"[0-9TZ:+./ -]+|{_WORD}(?:[ ./:+_-]{{1,2}}{_WORD}){{0,6}}"
_PROBLEMS = {
    "missing": "is missing",
    "union_tag_not_found": "is missing",
    "string_type": "is not text",
    "model_attributes_type": "is not an object",
    "string_pattern_mismatch": "has spaces or other characters that are not allowed",
    "string_too_short": "is empty",
}


def sentence(detail: ErrorDetails) -> str:
    """What is wrong with the field of a pydantic error, its value unless that may be a secret, and
    how to fix it."""
    # A number is a place in a list.
    kind, place = detail["type"], [step for step in detail["loc"] if isinstance(step, str)]
    if kind == "sentence":
        return detail["msg"]
    value = detail["input"]
    if kind.startswith("union_tag"):
        place.append(tag := _TAGS[place[0]])
        value = value.get(tag) if isinstance(value, Mapping) else None
    name = ".".join([place[0], *place[2:]] if len(place) > 2 else place)
    shown = "" if name in _UNSHOWN or kind in _ABSENT else quoted(value)
    return f"{name} {shown}{_PROBLEMS.get(kind, 'is not valid')}. {REMEDIES.get(name, FILLED_IN)}"


def problem(sentence: str) -> PydanticCustomError:
    """An error for validators to raise. `sentence` is shown unchanged."""
    return PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


def quoted(value: object) -> str:
    """The value as it stands in the configuration, and a space; "" if it may be a misplaced secret:
    secrets are long, and mix letters with digits."""
    if value is None or isinstance(value, bool | int | float):
        return f"{json.dumps(value)} "
    is_plain = isinstance(value, str) and re.fullmatch(_PLAIN, value) and len(value) <= LONGEST
    return f'"{value}" ' if is_plain else ""
