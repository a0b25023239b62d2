"""Where the records of a stream come from, and which of them a sync requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from source_pipedrive.stream.kinds import Changes, Paging, Touches

# Changes that rely on the order of a list. A part of such a list can be read on its own, so a sync
# can resume where another stopped.
SORTED = (Changes.ASCENDING, Changes.RESTARTING, Changes.NEWEST_FIRST)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint of Pipedrive's API."""

    path: str
    """Path below the API version, without a leading slash; {id} stands for a parent's id."""
    version: int
    """Version of the API, 1 or 2."""
    cost: int
    """API tokens of one request, whatever its limit."""
    paging: Paging = Paging.WHOLE
    """How its pages follow one another."""
    limit: int | None = None
    """Records per page; None if the list has no pages."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Query parameters of every request."""
    param_sets: tuple[Mapping[str, str], ...] = ({},)
    """Sets of further parameters, requested one after the other; the results are merged by key."""
    optional_params: Mapping[str, str] = field(default_factory=dict)
    """Parameters of those sets that ask for something an account may lack: if Pipedrive refuses
    such a set, it counts as empty."""
    optional_fields: Mapping[str, str] = field(default_factory=dict)
    """Names in `include_fields` that require one of Pipedrive's apps: {name: app}."""
    records_path: tuple[str, ...] = ("data",)
    """Keys that lead to the records in a response."""
    single_object: bool = False
    """Whether the response has one object instead of a list."""
    never_empty: bool = False
    """Whether every company has such records, so that a response without any is broken."""

    def is_optional(self, params: Mapping[str, str]) -> bool:
        """Whether this set of parameters asks for something that an account may lack."""
        return bool(self.optional_params) and self.optional_params.items() <= params.items()

    def mistakes(self) -> Iterator[str]:
        """What is wrong with the definition, in sentences."""
        included = set(self.params.get("include_fields", "").split(","))
        optional = any(self.is_optional(params) for params in self.param_sets)
        if self.version not in (1, 2):
            yield "its version is not 1 or 2"
        if self.path[:1] in ("", "/"):
            yield "its path is empty or begins with a slash"
        if (self.paging is Paging.WHOLE) != (self.limit is None):
            yield "a list needs a limit if it has pages, and only then"
        if self.version == 2 and self.paging is Paging.OFFSET:
            yield "v2 has no offset paging"
        if self.optional_params and not optional:
            yield "none of its param_sets has the optional_params"
        if not self.optional_fields.keys() <= included:
            yield "its include_fields lack one of the optional_fields"


@dataclass(frozen=True, kw_only=True)
class Incremental:
    """Which part of a stream an incremental sync reads, and how a deletion becomes known. The
    default is a full refresh, which needs neither."""

    cursor_field: str | None = None
    """Time at which a record changed; None for a full refresh."""
    changes: Changes | None = None
    """How changed records are found; None for a full refresh."""
    has_upper_bound: bool = True
    """Whether the server accepts `updated_until` (matters only for Changes.ASCENDING)."""
    history_field: str | None = None
    """Time by which the configured history limits the stream; None if it does not."""
    touches: Mapping[str, Touches] = field(default_factory=dict)
    """Streams whose update_time a change to these records may update, and how certain that is."""
    deletion_mark: tuple[str, Any] | None = None
    """A field, and its value in a deleted record; None if the records have no such field."""
    deleted_as: str = ""
    """Object under which `deleted_records` reports the deletion of these records; "" if never."""

    @property
    def has_deletions(self) -> bool:
        """Whether a deletion can become known."""
        return self.deletion_mark is not None or bool(self.deleted_as)

    @property
    def times(self) -> tuple[str, ...]:
        """The time fields that the stream's schema must have."""
        return tuple(name for name in (self.cursor_field, self.history_field) if name)

    def mistakes(self, endpoint: Endpoint) -> Iterator[str]:
        """What is wrong for a list of this endpoint, in sentences."""
        if (self.cursor_field is None) != (self.changes is None):
            yield "it has only one of cursor_field and changes"
        if self.changes is Changes.ASCENDING and endpoint.version != 2:
            yield "Changes.ASCENDING needs v2"
        if self.changes is Changes.RESTARTING and endpoint.version != 1:
            yield "Changes.RESTARTING needs v1"
        if self.changes in SORTED and endpoint.paging is Paging.WHOLE:
            yield "a sorted list needs pages"
        if self.has_deletions and self.cursor_field is None:
            yield "only a stream with a cursor_field can have deletion_mark or deleted_as"
        if self.changes in SORTED and len(endpoint.param_sets) > 1:
            yield "a sorted list cannot have several param_sets"
