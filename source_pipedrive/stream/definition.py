"""What a stream is. An invalid definition fails on import."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import Any, Literal

from source_pipedrive.stream.access import StreamAccess, UnavailableAnswer
from source_pipedrive.stream.endpoint import Endpoint, Incremental
from source_pipedrive.stream.kinds import NOT_REQUESTED, Kind


@dataclass(frozen=True)
class Part:
    """What a column takes from the value of a standard field."""

    field: str
    """The field, whose value is an object or a list of objects."""
    key: str
    """Key of the part in such an object."""
    primary: bool = False
    """Whether the value is a list; its primary object counts, or the first if none is primary."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """How the keys of Pipedrive's records become columns."""

    schema_of: str = ""
    """Name of the stream whose schema this one shares; "" if it has its own."""
    custom_fields: Literal["", "object", "inline"] = ""
    """Where the records have the account's own fields: in an object, or among the other keys."""
    definitions: tuple[Stream, ...] = ()
    """Lists that define the stream's fields; the first that the credentials can read is used."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Columns for the names behind the ids in standard fields: {field: column}."""
    label_lists: Mapping[str, Stream] = field(default_factory=dict)
    """Lists of those names, for fields whose definition lacks them: {field: list}."""
    parts: Mapping[str, Part] = field(default_factory=dict)
    """Columns with a part of a standard field's value: {column: part}."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Keys of fields in a v1 list that have another name in v2: {v1: v2}."""
    param_columns: tuple[str, ...] = ()
    """Parameters of `param_sets` that become columns."""
    secret_keys: tuple[str, ...] = ()
    """Keys of secrets; no record is emitted with them."""
    as_text: tuple[str, ...] = ()
    """Keys whose type Pipedrive does not document; they are emitted as text."""
    counts: tuple[str, str] | None = None
    """A stream whose records these records count, and the column with the number."""

    @property
    def has_custom_fields(self) -> bool:
        """Whether an account can define fields of its own for these records."""
        return bool(self.custom_fields)

    def mistakes(self, properties: Mapping[str, Any], texts: frozenset[str]) -> Iterator[str]:
        """What is wrong for a schema with these properties, in sentences. texts: the properties
        of type string."""
        if self.custom_fields and not self.definitions:
            yield "its custom fields need definitions"
        if not self.labels.keys() <= properties.keys():
            yield "its schema lacks a field that has a label"
        if any(not {name, part.field} <= {*properties} for name, part in self.parts.items()):
            yield "its schema lacks a column in parts, or the field that it is a part of"
        if not set(self.as_text) <= texts:
            yield "a key in as_text is not a string in its schema"
        if self.counts is not None and self.counts[1] not in properties:
            yield "its schema lacks the column that counts another stream's records"
        if any(name in properties for name in self.secret_keys):
            yield "its schema has a secret key"


@dataclass(frozen=True, kw_only=True)
class Child:
    """How the records of a CHILD stream are requested for the records of its parents."""

    parents: tuple[Stream, ...]
    """Streams whose records are the parents."""
    key: str
    """Column for the parent's id."""
    counter: str | None
    """Field of a parent that counts its child records, so that parents without any need no
    request; None if there is no such field."""
    ids_param: str = ""
    """Query parameter for the parents' ids; "" if the id replaces {id} in the path."""
    batch: int = 1
    """Parents per request."""
    nested_under: str = ""
    """Key under which each item contains the record; "" if the item is the record."""
    number_by: tuple[str, ...] = ()
    """Fields that several records of a parent may share; a column `number` counts these records,
    from the oldest."""
    month_params: tuple[str, ...] = ()
    """Parameters for the first and last day of a month, if there is one request for each parent
    and calendar month."""
    lifetime_fields: tuple[str, ...] = ()
    """Fields of a parent that show in which months it existed: when it began, when it ended."""
    changed_fields: tuple[str, ...] = ("update_time",)
    """Fields of a parent; the latest of them is when its child records may last have changed."""
    empty_status: int = 0
    """Status of the answer for a parent without child records, if not 200."""
    extra_fields: tuple[str, ...] = ()
    """Further fields of a parent that a stream derived from this one needs."""

    def mistakes(self, stream: Stream) -> Iterator[str]:
        """What is wrong for the stream, in sentences."""
        columns = {self.key, *(("number",) if self.number_by else ())}
        if not self.parents:
            yield "it has no parents"
        if bool(self.ids_param) == ("{id}" in stream.endpoint.path):
            yield "the parent's id goes either into the path, at {id}, or into ids_param"
        if self.batch > 1 and not self.ids_param:
            yield "a request can name several parents only with ids_param"
        if self.key not in stream.key:
            yield "its key lacks the parent's id"
        if not columns <= stream.schema["properties"].keys():
            yield "its schema lacks the parent's id or the number"


@dataclass(frozen=True, kw_only=True)
class Derived:
    """What a DERIVED stream is derived from."""

    sources: tuple[Stream, ...] = ()
    """Streams whose records it is derived from."""
    lookup: Stream | None = None
    """A short list in which it looks up facts."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Everything that is known about one stream."""

    name: str
    """Name of the stream, and of its schema file unless it shares one."""
    about: str
    """What it contains, for users: the start of a sentence."""
    endpoint: Endpoint
    """Where its records come from."""
    access: StreamAccess
    """Which credentials can read it."""
    key: tuple[str, ...] = ("id",)
    """Columns of the primary key."""
    kind: Kind = Kind.LIST
    """What its endpoint returns."""
    incremental: Incremental = field(default_factory=Incremental)
    """Which part of it an incremental sync reads."""
    columns: Columns = field(default_factory=Columns)
    """How its records become rows of a table."""
    child: Child | None = None
    """How it depends on its parents, for a CHILD stream."""
    derived: Derived = field(default_factory=Derived)
    """What it is derived from, for a DERIVED stream."""
    components: tuple[Stream, ...] = ()
    """The lists that a DELETED stream merges."""
    v1_fallback: Stream | None = None
    """The same list of API v1, for scopes that do not allow v2's."""
    read_after: str | None = None
    """Stream that has to finish before this one starts."""

    def __post_init__(self) -> None:
        problems = list(self._mistakes())
        if problems:
            raise ValueError(f'stream "{self.name}": {"; ".join(problems)}')

    def _mistakes(self) -> Iterator[str]:
        properties = self.schema["properties"]
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            yield "its name is not snake_case"
        if not self.about:
            yield "it has no description"
        if not self.key:
            yield "it has no primary key"
        if self.kind is not Kind.COMPONENT and any(name not in properties for name in self.key):
            yield "its schema lacks the key"
        if any(name not in properties for name in self.incremental.times):
            yield "its schema lacks a time field"
        mark = self.incremental.deletion_mark
        if mark is not None and mark[0] not in properties:
            yield f'its schema lacks the field "{mark[0]}" of its deletion_mark'
        if self.endpoint.cost <= 0 and self.kind not in NOT_REQUESTED:
            yield "it costs nothing"
        if (self.child is not None) != (self.kind is Kind.CHILD):
            yield "a child has parents and Kind.CHILD, or neither"
        if bool(self.derived.sources) != (self.kind is Kind.DERIVED):
            yield "a derived stream has sources and Kind.DERIVED, or neither"
        if self.child is None and "{id}" in self.endpoint.path:
            yield "{id} in the path needs parents"
        yield from self.endpoint.mistakes()
        yield from self.access.mistakes()
        yield from self.incremental.mistakes(self.endpoint)
        yield from self.columns.mistakes(properties, self.texts)
        yield from self.child.mistakes(self) if self.child else ()

    @property
    def cursor_field(self) -> str | None:
        """Time at which a record changed; None for a full refresh."""
        return self.incremental.cursor_field

    @property
    def sources(self) -> tuple[Stream, ...]:
        """The streams that this one depends on: a child's parents, or what it is derived from."""
        return self.child.parents if self.child else self.derived.sources

    @cached_property
    def roots(self) -> dict[str, Stream]:
        """The lists whose times this stream's state refers to, by name: those at the top of its
        chain of sources, or the stream itself."""
        found = {name: root for source in self.sources for name, root in source.roots.items()}
        return found or {self.name: self}

    @property
    def depth(self) -> int:
        """Length of the longest chain of sources; 0 for a stream without any."""
        return 1 + max(source.depth for source in self.sources) if self.sources else 0

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema (draft-07) of the records, from `schemas/<name>.json`.

        Raises ValueError if the file is missing, is not JSON, or has a property without a type.
        """
        path = f"schemas/{self.columns.schema_of or self.name}.json"
        source, prefix = resources.files("source_pipedrive") / path, f'stream "{self.name}"'
        try:
            schema: dict[str, Any] = json.loads(source.read_bytes())
        except FileNotFoundError as error:
            raise ValueError(f"{prefix} has no schema: write source_pipedrive/{path}") from error
        except ValueError as error:
            raise ValueError(f"{prefix}: source_pipedrive/{path} is not JSON: {error}") from error
        untyped = [name for name, part in schema["properties"].items() if "type" not in part]
        if untyped:
            raise ValueError(f"{prefix}: give {untyped} in source_pipedrive/{path} a type")
        return schema

    @cached_property
    def times(self) -> tuple[str, ...]:
        """Top-level date-time properties; v1 writes them as `YYYY-MM-DD HH:MM:SS`, in UTC."""
        properties = self.schema["properties"]
        return tuple(n for n, p in properties.items() if p.get("format") == "date-time")

    @cached_property
    def texts(self) -> frozenset[str]:
        """Top-level properties that are declared as strings."""
        properties = self.schema["properties"]
        return frozenset(n for n, p in properties.items() if "string" in p["type"])

    def path_and_params(self, parents: str) -> tuple[str, dict[str, str]]:
        """The path and the parameters that request the child records of these parents.

        parents: ids, separated by commas.
        """
        assert self.child is not None
        if self.child.ids_param:
            return self.endpoint.path, {self.child.ids_param: parents}
        return self.endpoint.path.format(id=parents), {}

    def unavailable_answer(self, status: int, body: str) -> UnavailableAnswer | None:
        """The known answer that matches this error, if it means "this account does not have it"."""
        for answer in self.access.means_unavailable:
            if answer.matches(status, body):
                return answer
        return None


def table(*streams: Stream) -> dict[str, Stream]:
    """The streams by name, in alphabetical order.

    Raises ValueError if two streams share a name, or if `read_after` or `counts` names no stream.
    """
    names = [stream.name for stream in streams]
    repeated = {name for name in names if names.count(name) > 1}
    unknown = {s.read_after for s in streams if s.read_after and s.read_after not in names}
    uncounted = {s.columns.counts[0] for s in streams if s.columns.counts} - {*names}
    if repeated or unknown or uncounted:
        raise ValueError(
            f"streams named twice: {sorted(repeated)}; no streams to read after: {sorted(unknown)}"
            f"; no streams to count: {sorted(uncounted)}"
        )
    return {stream.name: stream for stream in sorted(streams, key=lambda stream: stream.name)}
