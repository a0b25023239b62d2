"""The table of requests, in the order in which they are sent. Each is sent once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from source_pipedrive.reading.audit.reported import OBJECTS, is_deleted
from source_pipedrive.reading.audit.verdicts import is_marked
from source_pipedrive.reading.instants import instant_or_none, rfc3339
from source_pipedrive.stream.field_lists import DEAL_EXTRAS, ORGANIZATION_EXTRAS
from source_pipedrive.stream.lists import EVERY_STATUS, GOALS_OF_TEAMS
from source_pipedrive.tools.probe.answers import ID, Ask, Params, Record, Seen

PAGE = "50"  # records: small, so that most accounts have a second page
MINUTE = 60.0
FAR = 1_000_000  # beyond the ids, and the offsets, that an account has
MONTH = timedelta(days=29)
UNKNOWN_NAME = "no_such_field"
NAMES = f"next_activity_id,last_activity_id,files_count,notes_count,{UNKNOWN_NAME}"
APP_FIELDS = "marketing_status,doi_status"
ITEMS = tuple(OBJECTS)
OLDEST = {"sort_by": "update_time", "sort_direction": "asc", "limit": PAGE}
NEWEST = {**OLDEST, "sort_direction": "desc"}
OLDEST_V1 = {"sort": "update_time ASC, id ASC", "limit": PAGE}


def _cursor(ask: Ask) -> Callable[[Seen], Params | None]:
    """The next page of a v2 list."""

    def params(seen: Seen) -> Params | None:
        reply = seen.reply(ask)
        cursor = reply.paging.get("next_cursor") if reply and reply.ok else None
        return {**_fixed(ask), "cursor": cursor} if isinstance(cursor, str) else None

    return params


def _offset(ask: Ask) -> Callable[[Seen], Params | None]:
    """The next page of a v1 list."""

    def params(seen: Seen) -> Params | None:
        reply = seen.reply(ask)
        more = reply is not None and reply.ok and reply.more
        return {**_fixed(ask), "start": str(len(reply.records))} if reply and more else None

    return params


def _fixed(ask: Ask) -> Params:
    assert not callable(ask.params)
    return ask.params


def _ids(records: Sequence[Record]) -> list[int]:
    return [record["id"] for record in records if isinstance(record.get("id"), int)]


DEALS = Ask("deals", 2, "deals", 10, {**OLDEST, "status": EVERY_STATUS})
DEALS_MORE = Ask("deals, page 2", 2, "deals", 10, _cursor(DEALS), (DEALS,))
NEWEST_DEALS = Ask(
    "newest deals",
    2,
    "deals",
    10,
    {"sort_by": "id", "sort_direction": "desc", "limit": "500", "include_fields": DEAL_EXTRAS},
)
DELETED_DEALS = Ask("deleted deals", 2, "deals", 10, {"status": "deleted", "limit": "500"})
ARCHIVED = Ask(
    "archived deals",
    2,
    "deals/archived",
    20,
    {**NEWEST, "status": EVERY_STATUS, "include_fields": "products_count"},
)
PERSONS = Ask("persons", 2, "persons", 10, OLDEST)
ORGANIZATIONS = Ask(
    "organizations", 2, "organizations", 10, {**NEWEST, "include_fields": ORGANIZATION_EXTRAS}
)
ACTIVITIES = Ask("activities", 2, "activities", 10, OLDEST)
PRODUCTS = Ask("products", 2, "products", 10, OLDEST)
STAGES = Ask("stages", 2, "stages", 5, {"limit": "500"})
PIPELINES = Ask("pipelines", 2, "pipelines", 5, {"limit": "500"})
FIELDS = Ask("deal fields", 2, "dealFields", 10, {"limit": "500"})
LEADS = Ask("leads", 1, "leads", 20, OLDEST_V1)
LEADS_MORE = Ask("leads, page 2", 1, "leads", 20, _offset(LEADS), (LEADS,))
NOTES = Ask("notes", 1, "notes", 20, OLDEST_V1)
NOTES_MORE = Ask("notes, page 2", 1, "notes", 20, _offset(NOTES), (NOTES,))
NO_NOTES = Ask("notes, beyond the end", 1, "notes", 20, {"start": str(FAR), "limit": PAGE})
FILES = Ask("files", 1, "files", 20, {"sort": "update_time DESC, id DESC", "limit": "100"})
USERS = Ask("users", 1, "users", 20)
GOALS = Ask("goals", 1, "goals/find", 20, {"assignee.type": "person", "is_active": "true"})
TEAM_GOALS = Ask("goals of teams", 1, "goals/find", 20, {**GOALS_OF_TEAMS, "is_active": "true"})
FOLDER = "sent"  # the inbox would tell nothing if threads always listed the inbox
MAIL = Ask("mail threads", 1, "mailbox/mailThreads", 20, {"folder": FOLDER, "limit": PAGE})
TEAMS = Ask("teams", 1, "legacyTeams", 20)
ADDONS = Ask("add-ons", 1, "billing/subscriptions/addons", 20)
WEBHOOKS = Ask("webhooks", 1, "webhooks", 10)
PROJECTS = Ask("deleted projects", 2, "projects", 10, {"status": "deleted", "limit": PAGE})
APPS = Ask("fields of an app", 2, "persons", 10, {"include_fields": APP_FIELDS, "limit": "1"})
UNKNOWN = Ask("an unknown field", 2, "persons", 10, {"include_fields": NAMES, "limit": "1"})
FRACTION = Ask(
    "a time with fractions",
    2,
    "organizations",
    10,
    {"updated_since": "2020-01-01T00:00:00.500Z", "limit": "1"},
)


def latest(seen: Seen) -> int | None:
    """The latest update time on the first page of deals, in seconds."""
    times = [time for reply in seen.good(DEALS) for time in reply.times("update_time")]
    return max((time for time in times if time is not None), default=None)


def _since(seen: Seen) -> Params | None:
    time = latest(seen)
    return None if time is None else {**_fixed(DEALS), "updated_since": rfc3339(time)}


def _until(seen: Seen) -> Params | None:
    time = latest(seen)
    bound = {"status": EVERY_STATUS, "updated_until": rfc3339(time)} if time is not None else {}
    return {**NEWEST, **bound} if bound else None


def _missing_id(seen: Seen) -> str | None:
    """An id that exists, and one that does not."""
    known = _ids(seen.records(NEWEST_DEALS))
    return f"{known[0]},{max(known) + FAR}" if known else None


def _ids_param(name: str) -> Callable[[Seen], Params | None]:
    return lambda seen: {name: ids} if (ids := _missing_id(seen)) else None


def _first_deal(seen: Seen) -> Params | None:
    known = _ids(seen.records(NEWEST_DEALS))
    return {"deal_ids": str(known[0])} if known else None


def _with_products(ask: Ask) -> Callable[[Seen], Params | None]:
    """The deals of a list that have products and are not deleted."""

    def params(seen: Seen) -> Params | None:
        deals = [deal for deal in seen.records(ask) if not is_marked(deal)]
        known = _ids([deal for deal in deals if deal.get("products_count")])[:100]
        return {"deal_ids": ",".join(map(str, known)), "limit": "500"} if known else None

    return params


def _moved_last(seen: Seen) -> Params | None:
    """The deal whose stage changed last."""
    deals = [deal for deal in seen.records(NEWEST_DEALS) if isinstance(deal.get("id"), int)]
    deals.sort(key=lambda deal: instant_or_none(deal.get("stage_change_time")) or 0)
    return {ID: str(deals[-1]["id"]), "limit": "500"} if deals else None


def _first_product(seen: Seen) -> Params | None:
    known = _ids(seen.records(PRODUCTS))
    return {ID: str(known[0])} if known else None


def _recent(seen: Seen) -> Params | None:
    """Changes of nearly a month, by Pipedrive's clock."""
    since = (datetime.fromtimestamp(seen.at, UTC) - MONTH).strftime("%Y-%m-%d %H:%M:%S")
    return {"since_timestamp": since, "items": ",".join(ITEMS), "limit": "500"}


def _before_a_goal(seen: Seen) -> Params | None:
    """A goal, and the month that ends two months before it begins."""
    for goal in seen.records(GOALS):
        start = instant_or_none((goal.get("duration") or {}).get("start"))
        if start and isinstance(goal.get("id"), str):
            first = datetime.fromtimestamp(start, UTC) - timedelta(days=90)
            last = first + timedelta(days=27)
            period = {"period.start": f"{first:%Y-%m-%d}", "period.end": f"{last:%Y-%m-%d}"}
            return {ID: goal["id"], **period}
    return None


def _deleted_note(seen: Seen) -> Params | None:
    changes = [change for change in seen.records(RECENTS) if change.get("item") == "note"]
    known = _ids([change for change in changes if is_deleted(change)])
    return {ID: str(known[-1])} if known else None


SINCE = Ask("deals since a time", 2, "deals", 10, _since, (DEALS,))
UNTIL = Ask("deals until a time", 2, "deals", 10, _until, (DEALS,))
MISSING = Ask("a missing deal", 2, "deals", 10, _ids_param("ids"), (NEWEST_DEALS,))
GONE = Ask(
    "products of a missing deal", 2, "deals/products", 10, _ids_param("deal_ids"), (NEWEST_DEALS,)
)
DEAL_PRODUCTS = Ask(
    "products of deals", 2, "deals/products", 10, _with_products(NEWEST_DEALS), (NEWEST_DEALS,)
)
ARCHIVED_PRODUCTS = Ask(
    "products of archived deals", 2, "deals/products", 10, _with_products(ARCHIVED), (ARCHIVED,)
)
INSTALLMENTS = Ask("installments", 2, "deals/installments", 10, _first_deal, (NEWEST_DEALS,))
CHANGELOG = Ask("changes of a deal", 1, "deals/{id}/changelog", 20, _moved_last, (NEWEST_DEALS,))
IMAGES = Ask("image of a product", 2, "products/{id}/images", 10, _first_product, (PRODUCTS,))
RECENTS = Ask("recent changes", 1, "recents", 20, _recent)
NOTE = Ask("a deleted note", 1, "notes/{id}", 2, _deleted_note, (RECENTS,))
RESULTS = Ask("results before a goal", 1, "goals/{id}/results", 20, _before_a_goal, (GOALS,))
PERSONS_MORE = Ask(
    "persons, page 2, a minute later", 2, "persons", 10, _cursor(PERSONS), (PERSONS,), MINUTE
)

UNBOUNDED = (DEALS, DEALS_MORE, NEWEST_DEALS)  # by time

# What the most questions need comes first, in case the tokens do not suffice.
ASKS = (
    PERSONS, DEALS, DEALS_MORE, NEWEST_DEALS, DELETED_DEALS, SINCE, UNTIL, NOTES, NOTES_MORE, LEADS,
    LEADS_MORE, FILES, RECENTS, NOTE, ARCHIVED, ORGANIZATIONS, ACTIVITIES, PRODUCTS, APPS, UNKNOWN,
    FRACTION, MISSING, GONE, DEAL_PRODUCTS, ARCHIVED_PRODUCTS, INSTALLMENTS, PROJECTS, MAIL, TEAMS,
    ADDONS, WEBHOOKS, GOALS, TEAM_GOALS, RESULTS, USERS, STAGES, PIPELINES, CHANGELOG, IMAGES,
    FIELDS, NO_NOTES, PERSONS_MORE,
)  # fmt: skip
