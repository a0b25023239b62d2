"""Parses a request's query string according to its route. Anything not allowed is a 400."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from . import params
from .clock import rfc3339
from .errors import bad_request
from .record import Condition, SortKey, Variant, Window
from .route import Context, Query, Route
from .switches import Switches

T = TypeVar("T")
Params = tuple[tuple[str, str], ...]

DEFAULT_LIMIT = 100
MAX_CUSTOM_FIELDS = 15
_STATUSES = ("open", "won", "lost", "deleted")
_NOT_DELETED: tuple[str, ...] = ("open", "won", "lost")
# The type of a saved filter (GET /v1/filters), by the table that it applies to.
_FILTER_TYPES = {
    "deals": "deals",
    "leads": "leads",
    "organizations": "org",
    "persons": "people",
    "products": "products",
    "activities": "activity",
}


class Reader:
    """Takes a request's parameters one by one; any that remain at the end are not allowed."""

    def __init__(self, route: Route, sent: Params) -> None:
        self._route = route
        self._remaining: dict[str, str] = {}
        self.given: dict[str, object] = {}
        for name, value in sent:
            if name in self._remaining:
                raise bad_request(route.version, name, "is given twice")
            self._remaining[name] = value

    def take(self, name: str, read: Callable[[str], T], default: T) -> T:
        if name not in self._remaining:
            return default
        try:
            value = read(self._remaining.pop(name))
        except ValueError as error:
            raise bad_request(self._route.version, name, str(error)) from error
        self.given[name] = value
        return value

    def finish(self) -> None:
        for name in self._remaining:
            why = f"Parameter '{name}' is not allowed for this request"
            raise bad_request(self._route.version, name, why)


def read(route: Route, sent: Params, context: Context) -> Query:
    """Parse `sent` into a Query. Raises a Refusal (400) for the first invalid parameter."""
    reader, listing = Reader(route, sent), route.listing
    default_limit = min(DEFAULT_LIMIT, listing.max_limit)
    limit, start, cursor = default_limit, 0, None
    if listing.paging != "none":
        limit = reader.take("limit", params.integer_between(1, listing.max_limit), default_limit)
    limit = min(limit, context.switches.page_limit or limit)
    if listing.paging == "offset":
        start = reader.take("start", params.integer_between(0, 10**15), 0)
    if listing.paging == "cursor":
        cursor = reader.take("cursor", params.parse_text, "") or None
    sort = _sort(route, reader, context)
    conditions = _conditions(route, reader, context)
    window = _window(route, reader, context)
    variant = _variant(route, reader, context.switches)
    reader.finish()
    return Query(conditions, sort, window, variant, limit, start, cursor, reader.given)


def _sort(route: Route, reader: Reader, context: Context) -> tuple[SortKey, ...]:
    if not route.listing.sorts:
        return route.listing.order
    requested = _requested_sort(route, reader, context)
    if context.switches.sorting == "none":
        return (SortKey("id"),)
    return requested[:1] if context.switches.sorting == "first" else requested


def _requested_sort(route: Route, reader: Reader, context: Context) -> tuple[SortKey, ...]:
    sorts = route.listing.sorts
    if route.version == "v1":
        most = context.switches.v1_sort_keys
        return reader.take("sort", lambda text: _sort_keys(text, sorts, most), route.listing.order)
    field = reader.take("sort_by", params.one_of(*sorts), "id")
    direction = reader.take("sort_direction", params.one_of("asc", "desc"), "asc")
    return (SortKey(field, direction == "desc"),)


def _sort_keys(text: str, allowed: tuple[str, ...], most: int) -> tuple[SortKey, ...]:
    """Parse `field_name_1 ASC, field_name_2 DESC`; a name alone means ascending."""
    keys = []
    for part in text.split(","):
        words = part.split()
        field, direction = (words[0] if words else "", words[1].upper() if words[1:] else "ASC")
        if field not in allowed or direction not in ("ASC", "DESC") or len(words) > 2:
            raise ValueError(f"{part!r} is not one of {', '.join(allowed)} with ASC or DESC")
        keys.append(SortKey(field, direction == "DESC"))
    if len(keys) > most:
        raise ValueError(f"more than {most} sort keys")
    return tuple(keys)


def _conditions(route: Route, reader: Reader, context: Context) -> tuple[Condition, ...]:
    conditions = list(route.listing.where)
    if route.access.definitions and context.switches.custom_fields == "null":
        conditions.append(Condition("custom", "is", False))
    if route.relation.parent_field:
        conditions.append(Condition(route.relation.parent_field, "is", context.parent_id))
    if route.listing.deletion == "hidden" and not context.switches.list_deleted:
        conditions.append(Condition("is_deleted", "is", False))
    saved_filter = _saved_filter(route, reader, context)
    if saved_filter is not None:
        conditions.append(saved_filter)
    if route.listing.deletion == "status":
        requested = reader.take("status", params.some_of(*_STATUSES), _NOT_DELETED)
        requested = requested if saved_filter is None else _NOT_DELETED
        honoured = context.switches.honoured(route.table, requested) or frozenset(_NOT_DELETED)
        conditions.append(Condition("state", "in", honoured))
    for each in route.listing.filters:
        value = reader.take(each.name, each.read, None)
        if value is None and each.required:
            raise bad_request(route.version, each.name, "is required")
        if value is not None and each.field and (each.always or saved_filter is None):
            conditions.append(Condition(each.field, each.test, value))
    return tuple(conditions)


def _saved_filter(route: Route, reader: Reader, context: Context) -> Condition | None:
    """The condition of `filter_id`: every saved filter here means "owned by the filter's user"."""
    of_one = route.relation.child_kind or route.relation.itself
    if of_one or route.table not in _FILTER_TYPES:
        return None

    def read(text: str) -> Condition:
        row = context.world.tables["filters"].rows.get(params.parse_integer(text))
        if row is None or row.record["type"] != _FILTER_TYPES[route.table]:
            raise ValueError("there is no such filter")
        return Condition("owner_id", "is", row.record["user_id"])

    return reader.take("filter_id", read, None)


def _window(route: Route, reader: Reader, context: Context) -> Window:
    stamp = context.table(route).stamp if route.listing.since else str
    time = rfc3339 if route.version == "v1" else params.parse_time

    def read(text: str) -> str:
        return stamp(time(text))

    since = reader.take("updated_since", read, "") if route.listing.since else ""
    until = reader.take("updated_until", read, "") if route.listing.until else ""
    return Window(since or None, until or None, context.switches.bounded_returns_nulls)


def _variant(route: Route, reader: Reader, switches: Switches) -> Variant:
    include: tuple[str, ...] = ()
    if route.listing.include:
        include = reader.take("include_fields", _included(route, switches), include)
        include = tuple(sorted(include))
    custom: tuple[str, ...] | None = None
    if route.listing.custom_fields:
        custom = reader.take("custom_fields", _custom_keys, None)
    if not route.listing.labels:
        return Variant(include, custom)
    options = reader.take("include_option_labels", params.parse_boolean, False)
    return Variant(
        include, custom, options, reader.take("include_labels", params.parse_boolean, False)
    )


def _included(route: Route, switches: Switches) -> Callable[[str], tuple[str, ...]]:
    """A parser of opt-in field names; a switch decides how an unknown one is refused."""
    unknown = switches.unknown_fields()
    allowed = [name for name in route.listing.include if name not in unknown]

    def read(text: str) -> tuple[str, ...]:
        wrong = [name for name in text.split(",") if name not in allowed]
        if not wrong:
            return params.some_of(*allowed)(text)
        if switches.refusal_names == "none":
            raise ValueError("is invalid")
        listed = f", it is one of {', '.join(allowed)}" if switches.refusal_names == "all" else ""
        raise ValueError(f"{wrong[0]!r} is no field{listed}")

    return read


def _custom_keys(text: str) -> tuple[str, ...]:
    """Parse up to 15 keys. Pipedrive ignores keys that no field has."""
    keys = tuple(sorted(set(params.parse_text(text).split(","))))
    if len(keys) > MAX_CUSTOM_FIELDS:
        raise ValueError(f"at most {MAX_CUSTOM_FIELDS} keys")
    return keys
