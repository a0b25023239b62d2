"""Named switches for what Pipedrive's contract leaves open and for how accounts differ."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .permissions import APPS, FIELDS_OF_APPS, PERMISSIONS

Value = str | int | float | bool


@dataclass(frozen=True)
class Switches:
    """The current value of every switch: so many attributes because each one is a
    `--switch NAME=VALUE`.

    A comment says what is not documented, or what the switch imitates.
    """

    # Responses: both forms occur, or the vendor's pages and recorded responses disagree.
    empty_list: Literal["null", "list"] = "null"  # `data` of an empty v1 list
    next_cursor: Literal["null", "absent"] = "null"  # on the last page of a v2 list
    cursor_marks: Literal["next", "last"] = "next"  # the next page's first row, or this one's last
    lead_pagination: Literal["nested", "flat"] = "nested"  # nested in the prose, flat in the schema
    mail_pagination: Literal["present", "absent"] = "present"  # absent from the threads' schema
    custom_fields: Literal["object", "null"] = "object"  # null: the account defines none
    nulls: Literal["first", "last"] = "first"  # where null sorts in ascending order
    null_update_times: int = 0  # records of each v2 core object without an update time
    bounded_returns_nulls: bool = False  # whether updated_since/_until return such records
    deleted_status: Literal["deleted", "keep"] = "deleted"  # `status` of a deleted deal
    # A deleted record that is requested alone; a purged one is always a 404.
    deleted_singles: Literal["404", "410", "marked"] = "404"
    missing_ids: Literal["skipped", "400", "404"] = "skipped"  # missing records in ids
    # What `deals/archived` answers to a request that names ids; ignored: as if it named none.
    archive_ids: Literal["answered", "hidden", "ignored", "400", "404"] = "answered"
    archived_singles: Literal["found", "404"] = "found"  # archived leads and projects, by id
    status_ignored: str = ""  # lists that ignore `deleted` in `status`, comma-separated
    # Seconds for which requests by id do not find a new record, and /recents has no data of it.
    new_records_lag: int = 0
    list_deleted: bool = False  # persons, organizations, products, activities
    deleted_projects_stay: bool = False  # deleted projects stay listed for more than 30 days
    gone_deals: Literal["skipped", "400", "403", "404"] = "skipped"  # missing ids in deal_ids
    # Products and installments of archived deals, in the lists that name their deals.
    archived_children: Literal["listed", "hidden"] = "listed"
    archive_moves_update_time: bool = True  # whether archiving changes the update time, both ways
    restore_moves_update_time: bool = True  # whether restoring a deleted record changes it
    mail_folders: Literal["consistent", "inconsistent"] = "consistent"  # a thread's `folders`
    v1_sort_keys: int = 9  # a `sort` with more keys is a 400
    sorting: Literal["all", "first", "none"] = "all"  # the sort keys that a list honours
    page_limit: int = 0  # maximum rows per page, whatever the `limit`; 0: no maximum
    fields_refused: str = ""  # names that include_fields refuses, comma-separated
    refusal_names: Literal["one", "all", "none"] = "one"  # names in the 400 for such a field
    legacy_teams: Literal["ok", "402", "403", "404", "410"] = "ok"
    installments: Literal["ok", "402", "403"] = "ok"  # missing from plans below Growth
    plan_refusal: Literal["code", "words", "nothing", "strange"] = "code"  # the unknown error body
    mailbox: Literal["ok", "404"] = "ok"  # 404: the token's user has none
    installments_pagination: Literal["present", "absent"] = "present"  # absent from the schema
    no_image: Literal["404", "null"] = "404"  # the answer for a product without an image
    recents_deleted: Literal["record", "null", "both"] = "both"  # `data` of deleted records
    recents_repeat: bool = False  # a deleted record is listed twice: as it was before, too
    # The person whose `merge_what_id` names the other after a merge.
    recents_merged: Literal["survivor", "deleted", "neither"] = "survivor"
    children_move_update_time: bool = True  # whether a child's change changes the deal's time
    # The answer to a request for team goals by a company without teams.
    team_goals: Literal["ok", "400", "402", "403", "404"] = "ok"
    # Whether deleting a note, or changing an activity, changes the time of the linked records.
    notes_move_update_time: bool = False
    changelog_pipelines: Literal["present", "absent"] = "present"  # entries for pipeline changes
    goal_periods: Literal["any", "inside"] = "any"  # inside: a 400 outside the goal's duration
    # The account and its user.
    admin: bool = True
    apps: str = ",".join(APPS)  # the apps that the user has access to, comma-separated
    permissions_lacking: str = ""  # see GET /v1/users/{id}/permissions, comma-separated
    fields_hidden: bool = False  # field lists return a 403; the vendor names no such permission
    user_active: bool = True
    company_open: bool = True
    projects_plan: Literal["ok", "402", "403", "404"] = "ok"  # the status of all project endpoints
    host_style: Literal["company", "shared"] = "company"
    # Limits, per token and per company.
    rate_limit: int = 80  # requests in any 2 seconds
    rate_headers: bool = True  # limit, remaining and reset of the burst limit
    other_requests: int = 0  # another integration's requests in a token's window, at most
    cloudflare_after: int = 0  # consecutive 429s before an API token gets HTML; 0: never
    daily_tokens: int = 150_000
    daily_headers: bool = True
    daily_remaining: Literal["before", "after"] = "before"  # reported before or after the request
    daily_remainder: Literal["spent", "kept"] = "spent"  # after a request over budget
    latency_ms: float = 0.0  # before every response of the API
    canaries: bool = False  # a word in every text that may be personal (canaries.py)
    # What other people do after every response that contains a list.
    churn: int = 0  # edits, plus a third as many additions, deletions and archivings
    tick: float = 0.0  # seconds by which the clock advances
    # OAuth.
    scopes: str = "all"  # or a comma-separated list
    reported_scope: Literal["granted", "base"] = "granted"  # "base" is in the vendor's own example
    expires_in: int = 3599
    rotate_refresh_token: bool = False
    callback_url: str = ""  # the app's only one; "": the app accepts any
    http_callbacks: bool = True  # whether a callback URL may begin with http
    denial_error: Literal["user_denied", "access_denied"] = "user_denied"  # after Cancel
    denial_state: bool = True  # whether the callback after Cancel has the state

    def granted(self) -> frozenset[str] | None:
        """The scopes of an access token; None means all."""
        if self.scopes == "all":
            return None
        return _names(self.scopes)

    def user_apps(self) -> frozenset[str]:
        """The apps that the token's user has access to."""
        return _names(self.apps)

    def lacking(self) -> frozenset[str]:
        """The permissions that the token's user lacks, even as an admin."""
        return _names(self.permissions_lacking)

    def honoured(self, name: str, statuses: Collection[str]) -> frozenset[str]:
        """Those of the requested statuses that the lists of a table honour."""
        ignored = {"deleted"} if name in _names(self.status_ignored) else set()
        return frozenset(statuses) - ignored

    def unknown_fields(self) -> frozenset[str]:
        """The opt-in fields that a request may not include."""
        of_apps = {n for n, app in FIELDS_OF_APPS.items() if app not in self.user_apps()}
        return _names(self.fields_refused) | of_apps

    def changed(self, **values: Value) -> Switches:
        """A copy with `values`, given in their own type or as text. Raises ValueError."""
        read: dict[str, Any] = {name: _read(name, value) for name, value in values.items()}
        return replace(self, **read)


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


_TYPES = get_type_hints(Switches)
_LISTS = {
    "apps": APPS,
    "permissions_lacking": PERMISSIONS,
    "status_ignored": ("deals", "projects"),
}  # the names that a list may contain
NAMES = tuple(field.name for field in fields(Switches))


def _read(name: str, value: Value) -> Value:
    if name not in NAMES:
        raise ValueError(f"unknown switch {name!r}; choose from {', '.join(NAMES)}")
    unknown = sorted(_names(str(value)) - set(_LISTS[name])) if name in _LISTS else []
    if unknown:
        known = ", ".join(_LISTS[name])
        raise ValueError(f"switch {name}: unknown {', '.join(unknown)}; choose from {known}")
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
        raise ValueError(f"switch {name} must be one of {', '.join(allowed)}, not {text!r}")
    return text == "true" if kind is bool else text
