"""What a row of the stream table is. A row that cannot be right fails when it is imported."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from importlib import resources
from typing import Any, Literal

from source_pipedrive.child import Child, Moves
from source_pipedrive.http.errors import AnswerPattern


class Paging(Enum):
    """How the pages of a list follow each other.

    https://pipedrive.readme.io/docs/core-api-concepts-pagination
    """

    CURSOR = "cursor"  # v2: opaque cursor in additional_data.next_cursor
    OFFSET = "offset"  # v1: start and limit
    WHOLE = "whole"  # the list is one answer


class Changes(Enum):
    """How the records that changed since the last sync are found."""

    ASCENDING = "the server filters; v2 lists in order of the cursor field, in closed spans"
    RESTARTING = "the server filters; v1 lists, taken up again from the last time seen"
    NEWEST_FIRST = "no filter; newest first, down to the time of the last sync"
    ON_CLIENT = "no filter; the whole list is read and only newer rows are emitted"
    OF_PARENT = "the rows of the parents that changed are read anew"


class Kind(Enum):
    """The shape of what the endpoint returns."""

    LIST = "a list of records"
    SINGLE = "one object of the token's user; its key is that user's id"
    MAILBOX = "one list a mail folder; a thread may be in several"
    FIELDS = "definitions of fields; where the scope allows only v1's, these, with v2's keys"
    CHILD = "rows that are asked for by the records of other streams"
    MADE = "no endpoint; made of what is read for other streams"
    DELETED = "what several lists tell of deleted records"
    PART = "a list that a stream is put together from; its rows leave in another form"
    REMOVED = "Pipedrive has removed the endpoint; nothing is requested"


# For these nothing is requested.
UNASKED = (Kind.REMOVED, Kind.MADE)


@dataclass(frozen=True)
class Absence(AnswerPattern):
    """An answer that means "this account does not have it": the stream is empty, not broken.

    `source` says how this is known.
    """

    source: str


@dataclass(frozen=True)
class Needs:
    """What the token's user has to be to see a stream, and how `check` knows.

    words       for the sentence about a refusal: "the permission ..."
    app, admin  users/me lists the apps that the user has, and of which the user is an admin
    permission  one of users/{id}/permissions
    unknown     why only reading would tell; `check` says that it was not checked
    """

    words: str
    app: str = ""
    admin: bool = False
    permission: str = ""
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One stream: all that is known about an object of Pipedrive's, beside its name.

    cost     API tokens of one list request, whatever its limit
    scope    OAuth scopes, any of which suffices
    changes  how changed records are found; None: the stream is a full refresh
    until    the server takes `updated_until` (only meaningful with ASCENDING)
    history  name of the time field that the configured history cuts; None: read whole
    each     parameter sets that are requested one after the other and united by key
    spare    parameter of `each` whose lists an account may lack: refused, they are empty
    rows     the keys that lead to the records in an answer
    after    stream that has to be finished first
    absent   answers that mean that this account does not have it
    own      the stream only ever holds the token's user's own data
    needs    what the token's user has to be
    custom_fields  where the records hold the account's own fields: in an object, or inline
    fields   the lists that define the stream's fields; the first that may be read is taken
    labels   columns for what the ids in standard fields are called, by the field
    named    lists that name what is in standard fields, by the field
    older    the same list of API v1
    renamed  keys of fields, in a list of API v1, that v2 calls otherwise
    like     the stream whose schema this one shares
    child    how a CHILD stream hangs on its parents
    made_of  the streams that a MADE stream is made of
    consults  a short list that a MADE stream takes facts from
    one      the answer is one object, not a list
    parts    the lists that a DELETED stream is put together from
    told     parameters of `each` that become columns
    never    keys of Pipedrive's that hold secrets and leave in no record
    as_text  keys of a type that Pipedrive does not document, which leave as text
    moves    streams whose update_time a change of these records moves, and how sure that is
    optional the names in include_fields that need an app of Pipedrive's, and that app
    never_empty  every company has some of these records, so an answer without any is broken
    """

    name: str
    path: str
    version: int
    cost: int
    scope: tuple[str, ...]
    needs: Needs
    about: str
    key: tuple[str, ...] = ("id",)
    kind: Kind = Kind.LIST
    paging: Paging = Paging.WHOLE
    limit: int | None = None
    cursor_field: str | None = None
    changes: Changes | None = None
    until: bool = True
    history: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    each: tuple[Mapping[str, str], ...] = ({},)
    spare: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[str, ...] = ("data",)
    after: str | None = None
    absent: tuple[Absence, ...] = ()
    own: bool = False
    custom_fields: Literal["", "object", "inline"] = ""
    fields: tuple[Stream, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, Stream] = field(default_factory=dict)
    older: Stream | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    like: str = ""
    child: Child | None = None
    made_of: tuple[Stream, ...] = ()
    consults: Stream | None = None
    one: bool = False
    parts: tuple[Stream, ...] = ()
    told: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    as_text: tuple[str, ...] = ()
    moves: Mapping[str, Moves] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)
    never_empty: bool = False

    def __post_init__(self) -> None:
        problems = [why for why, wrong in self._mistakes() if wrong]
        if problems:
            raise ValueError(f'stream "{self.name}": {"; ".join(problems)}')

    def _mistakes(self) -> list[tuple[str, bool]]:
        properties = self.schema["properties"]
        times = [name for name in (self.cursor_field, self.history) if name]
        server = self.changes in (Changes.ASCENDING, Changes.RESTARTING, Changes.NEWEST_FIRST)
        part = self.kind is Kind.PART
        asked = set(self.params.get("include_fields", "").split(","))
        spare = [self.is_spare(params) for params in self.each]
        lone_field = (self.cursor_field is None) != (self.changes is None)
        return [
            ("its name is not snake_case", not re.fullmatch(r"[a-z][a-z0-9_]*", self.name)),
            ("its version is not 1 or 2", self.version not in (1, 2)),
            ("its path is empty or begins with a slash", self.path[:1] in ("", "/")),
            ("it costs nothing", self.cost <= 0 and self.kind not in UNASKED),
            ("it has no scope", not self.scope),
            ("it has no description", not self.about),
            ("it has no primary key", not self.key),
            ("its schema lacks the key", not part and any(k not in properties for k in self.key)),
            ("its schema lacks a time field", any(t not in properties for t in times)),
            ("one of cursor_field and changes is missing", lone_field),
            ("a paged list needs a limit", (self.paging is Paging.WHOLE) != (self.limit is None)),
            ("v2 has no offsets", self.version == 2 and self.paging is Paging.OFFSET),
            ("spans need v2", self.changes is Changes.ASCENDING and self.version != 2),
            ("restarting needs v1", self.changes is Changes.RESTARTING and self.version != 1),
            ("an order needs pages", server and self.paging is Paging.WHOLE),
            ("an order needs one list", server and len(self.each) > 1),
            ("what is spare is not asked for", bool(self.spare) and not any(spare)),
            ("custom fields need definitions", bool(self.custom_fields) and not self.fields),
            ("a label needs its id", not self.labels.keys() <= properties.keys()),
            ("parents need a kind", (self.child is not None) != (self.kind is Kind.CHILD)),
            ("a made stream needs others", bool(self.made_of) != (self.kind is Kind.MADE)),
            ("what leaves as text is none", not set(self.as_text) <= self.texts),
            ("it does not ask for an optional field", not self.optional.keys() <= asked),
            ("a secret is a column", any(name in properties for name in self.never)),
            *self._mistakes_of_a_child(properties),
        ]

    def _mistakes_of_a_child(self, properties: Mapping[str, Any]) -> list[tuple[str, bool]]:
        child = self.child
        if child is None:
            return [("{id} in the path needs parents", "{id}" in self.path)]
        columns = {child.key, *(("number",) if child.number else ())}
        return [
            ("it has no parents", not child.of),
            ("{id} or a parameter, not both", bool(child.ids) == ("{id}" in self.path)),
            ("only a parameter names several parents", child.batch > 1 and not child.ids),
            ("its key lacks the parent", child.key not in self.key),
            ("its schema lacks a column", not columns <= properties.keys()),
        ]

    def is_spare(self, params: Mapping[str, str]) -> bool:
        """Whether these parameters of `each` ask for what an account may lack."""
        return bool(self.spare) and self.spare.items() <= params.items()

    @property
    def sources(self) -> tuple[Stream, ...]:
        """The streams whose records this one is made of or asked for by."""
        return self.child.of if self.child else self.made_of

    @cached_property
    def roots(self) -> dict[str, Stream]:
        """The lists whose time a state of this stream speaks of, by name: those that it hangs on in
        the end, or itself."""
        found = {name: root for source in self.sources for name, root in source.roots.items()}
        return found or {self.name: self}

    @property
    def depth(self) -> int:
        """How many streams lie between this one and a list, itself included; 0 for a list."""
        return 1 + max(source.depth for source in self.sources) if self.sources else 0

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON Schema (draft-07) of the records, from `schemas/<name>.json`."""
        place = f"schemas/{self.like or self.name}.json"
        source, whose = resources.files("source_pipedrive") / place, f'stream "{self.name}"'
        try:
            schema: dict[str, Any] = json.loads(source.read_bytes())
        except FileNotFoundError as error:
            raise ValueError(f"{whose} has no schema: write source_pipedrive/{place}") from error
        except ValueError as error:
            raise ValueError(f"{whose}: source_pipedrive/{place} is not JSON: {error}") from error
        untyped = [name for name, part in schema["properties"].items() if "type" not in part]
        if untyped:
            raise ValueError(f"{whose}: give {untyped} in source_pipedrive/{place} a type")
        return schema

    @property
    def has_custom_fields(self) -> bool:
        """Whether an account can define fields of its own for these records."""
        return bool(self.custom_fields)

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

    @property
    def read_scope(self) -> str:
        """The narrowest scope that lets an app read this stream."""
        return min(self.scope, key=lambda s: (not s.endswith(":read"), s == "admin", s))


def table(*rows: Stream) -> dict[str, Stream]:
    """The streams by name, in alphabetical order.

    Raises ValueError where two rows share a name or `after` names no row.
    """
    names = [row.name for row in rows]
    twice = {name for name in names if names.count(name) > 1}
    astray = {row.after for row in rows if row.after and row.after not in names}
    if twice or astray:
        raise ValueError(f"rows named twice: {sorted(twice)}; after no row: {sorted(astray)}")
    return {row.name: row for row in sorted(rows, key=lambda row: row.name)}
