"""The declaration of a GET endpoint, and what a response is computed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .data.world import World
from .errors import Version
from .params import Filter
from .record import Condition, SortKey, Variant, Window
from .switches import Switches
from .table import Table

Deletion = Literal["", "hidden", "status"]


@dataclass(frozen=True)
class Place:
    """What a response depends on besides its query: records, switches, path id and time."""

    world: World
    switches: Switches
    parent_id: int | str | None = None
    now: float = 0.0

    def table(self, route: Route) -> Table:
        return self.world.tables[route.table]


@dataclass(frozen=True)
class Query:
    """A valid request: which records it selects, their order, and which page of them."""

    conditions: tuple[Condition, ...]
    sort: tuple[SortKey, ...]
    window: Window
    variant: Variant
    limit: int
    start: int
    cursor: str | None
    given: Mapping[str, object]  # every parameter sent, parsed


Answer = Callable[["Route", Query, Place], bytes]


@dataclass(frozen=True)
class Route:
    """One endpoint. `path` is relative to the version's root and written as the vendor does.

    `cost` is in tokens, any one of `scopes` suffices, `where` is what the endpoint always
    restricts, `sorts` are the fields that may be asked for, `order` is the default order,
    `since` and `until` name whether updated_since and updated_until are accepted, `include`
    are the values of include_fields, `deletion` says what happens to deleted records: they are
    hidden, or `status` can ask for them. `every` are the parameters of the requests that
    together list everything. `parent` is the field that an `{id}` in the path, of a record in
    the table `of`, must equal.
    The token's user is refused without being an admin if `admin_only`, and without the `app` and
    the `permission` that are named; see `rights`. `definitions` marks the lists of fields.
    `child` is the kind of the rows below the records of `of`, or of `table` where the parameter
    `ids` must name up to `most_ids` of them.
    """

    version: Version
    object: str
    path: str
    cost: int
    scopes: frozenset[str]
    answer: Answer
    table: str
    where: tuple[Condition, ...] = ()
    filters: tuple[Filter, ...] = ()
    paging: Literal["cursor", "offset", "none"] = "none"
    max_limit: int = 500
    sorts: tuple[str, ...] = ()
    order: tuple[SortKey, ...] = (SortKey("id"),)
    since: bool = False
    until: bool = False
    include: tuple[str, ...] = ()
    custom_fields: bool = False
    labels: bool = False
    deletion: Deletion = ""
    every: tuple[Mapping[str, str], ...] = ({},)
    parent: str = ""
    of: str = ""
    admin_only: bool = False
    app: str = ""
    permission: str = ""
    definitions: bool = False
    child: str = ""
    ids: str = ""
    most_ids: int = 100
