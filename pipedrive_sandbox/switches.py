"""What the contract leaves open, and what an account can be like: one named switch each."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .permissions import APPS, FIELDS_OF_APPS, PERMISSIONS

Value = str | int | float | bool


@dataclass(frozen=True)
class Switches:
    """The current value of every switch. The comment says what is unknown, or what it imitates."""

    # Answers: both forms are met, or the vendor's pages and recorded answers disagree.
    empty_list: Literal["null", "list"] = "null"  # `data` of an empty v1 list
    next_cursor: Literal["null", "absent"] = "null"  # on the last page of a v2 list
    cursor_marks: Literal["next", "last"] = "next"  # row in a cursor: first of next page, or last
    lead_pagination: Literal["nested", "flat"] = "nested"  # prose says nested, the schema flat
    mail_pagination: Literal["present", "absent"] = "present"  # the schema of threads has none
    custom_fields: Literal["object", "null"] = "object"  # null: the account defines none
    nulls: Literal["first", "last"] = "first"  # where null sorts, in ascending order
    null_update_times: int = 0  # so many records of each v2 core object have none
    bounded_returns_nulls: bool = False  # whether updated_since/_until return such records
    deleted_status: Literal["deleted", "keep"] = "deleted"  # `status` of a deleted deal
    list_deleted: bool = False  # persons, organizations, products, activities
    deleted_projects_stay: bool = False  # listed as deleted for longer than 30 days
    gone_deals: Literal["skipped", "400", "403", "404"] = "skipped"  # among deal_ids
    archive_moves_update_time: bool = True
    mail_folders: Literal["consistent", "inconsistent"] = "consistent"  # a thread's `folders`
    v1_sort_keys: int = 9  # more keys than this in `sort` are a 400
    sorting: Literal["all", "first", "none"] = "all"  # the sort keys that a list honours
    page_limit: int = 0  # so many rows a page at most, whatever `limit` asks; 0: as asked
    fields_refused: str = ""  # names that include_fields does not know, comma separated
    refusal_names: Literal["one", "all", "none"] = "one"  # what a 400 for such a name names
    legacy_teams: Literal["ok", "402", "403", "404", "410"] = "ok"
    installments: Literal["ok", "402", "403"] = "ok"  # plans below Growth have none
    plan_refusal: Literal["code", "words", "nothing", "strange"] = "code"  # its body; none is known
    mailbox: Literal["ok", "404"] = "ok"  # 404: the token's user has none
    installments_pagination: Literal["present", "absent"] = "present"  # the schema shows none
    no_image: Literal["404", "null"] = "404"  # of a product without one
    recents_deleted: Literal["record", "null", "both"] = "both"  # `data` of what was deleted
    children_move_update_time: bool = True  # whether a change below a deal is one of the deal
    # Asked for where there are no teams.
    team_goals: Literal["ok", "400", "402", "403", "404"] = "ok"
    # Whether a note that is deleted, or an activity, moves the time of the records that it is on.
    notes_move_update_time: bool = False
    changelog_pipelines: Literal["beside", "absent"] = "beside"  # a move to another pipeline
    goal_periods: Literal["any", "inside"] = "any"  # inside: a 400 beyond the goal's duration
    # The account and its user.
    admin: bool = True
    apps: str = ",".join(APPS)  # that the user has access to, comma separated
    permissions_lacking: str = ""  # of GET /v1/users/{id}/permissions, comma separated
    fields_hidden: bool = False  # every list of fields is a 403; the vendor names no such right
    user_active: bool = True
    company_open: bool = True
    projects_plan: Literal["ok", "402", "403", "404"] = "ok"  # else all that projects have
    host_style: Literal["company", "shared"] = "company"
    # Limits, per token and per company.
    rate_limit: int = 80  # requests in any 2 seconds
    rate_headers: bool = True  # limit, remaining and reset of the burst
    others: int = 0  # up to so many requests in the window of a token are another integration's
    cloudflare_after: int = 0  # so many 429 in a row, then HTML to an API token; 0: never
    daily_tokens: int = 150_000
    daily_headers: bool = True
    daily_remaining: Literal["before", "after"] = "before"  # the request that is answered
    daily_rest: Literal["spent", "kept"] = "spent"  # after a request that it cannot pay for
    latency_ms: float = 0.0  # before every answer of the API
    # What other people do meanwhile, after every answer that holds a list.
    churn: int = 0  # so many edits, and a third as many additions, deletions and archivings
    tick: float = 0.0  # seconds that the clock moves on
    # OAuth.
    scopes: str = "all"  # or a comma separated list
    scope_told: Literal["granted", "base"] = "granted"  # the vendor's own example says "base"
    expires_in: int = 3599
    rotate_refresh_token: bool = False

    def granted(self) -> frozenset[str] | None:
        """The scopes of an access token; None means all."""
        if self.scopes == "all":
            return None
        return _names(self.scopes)

    def user_apps(self) -> frozenset[str]:
        """The apps that the token's user has access to."""
        return _names(self.apps)

    def lacking(self) -> frozenset[str]:
        """The permissions that the token's user has not, even an admin."""
        return _names(self.permissions_lacking)

    def unknown_fields(self) -> frozenset[str]:
        """The opt-in fields that a request may not ask for."""
        of_apps = {n for n, app in FIELDS_OF_APPS.items() if app not in self.user_apps()}
        return _names(self.fields_refused) | of_apps

    def changed(self, **values: Value) -> Switches:
        """A copy with `values`, each given as its own type or as text. Unknown: ValueError."""
        read: dict[str, Any] = {name: _read(name, value) for name, value in values.items()}
        return replace(self, **read)


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


_TYPES = get_type_hints(Switches)
_LISTS = {"apps": APPS, "permissions_lacking": PERMISSIONS}  # what a list may name
NAMES = tuple(field.name for field in fields(Switches))


def _read(name: str, value: Value) -> Value:
    if name not in NAMES:
        raise ValueError(f"no switch {name!r}; there are {', '.join(NAMES)}")
    unknown = sorted(_names(str(value)) - set(_LISTS[name])) if name in _LISTS else []
    if unknown:
        raise ValueError(f"switch {name} names {', '.join(unknown)}: not of {_LISTS[name]}")
    kind = _TYPES[name]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if get_origin(kind) is Literal:
        allowed = get_args(kind)
    elif kind is bool:
        allowed = ("true", "false")
    else:
        number: Value = kind(value)
        return number
    if text not in allowed:
        raise ValueError(f"switch {name} is one of {', '.join(allowed)}, not {text!r}")
    return text == "true" if kind is bool else text
