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
class Context:
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


Answer = Callable[["Route", Query, Context], bytes]


@dataclass(frozen=True)
class ListOptions:
    """Which records an endpoint lists, in which order, and which parameters it accepts."""

    where: tuple[Condition, ...] = ()  # conditions that always apply
    filters: tuple[Filter, ...] = ()
    paging: Literal["cursor", "offset", "none"] = "none"
    max_limit: int = 500
    sorts: tuple[str, ...] = ()  # fields to sort by
    order: tuple[SortKey, ...] = (SortKey("id"),)  # the default order
    since: bool = False  # whether it accepts updated_since
    until: bool = False  # whether it accepts updated_until
    include: tuple[str, ...] = ()  # values of include_fields
    custom_fields: bool = False  # whether it accepts custom_fields
    labels: bool = False  # whether it accepts include_labels and include_option_labels
    deletion: Deletion = ""  # deleted records: never listed ("hidden"), or on request ("status")


@dataclass(frozen=True)
class Relation:
    """How listed records belong to parents: to the one in the path, or to those in a parameter."""

    parent_table: str = ""  # the table of the `{id}` in the path
    parent_field: str = ""  # the field that must equal that id
    child_kind: str = ""  # the kind of child record, of `parent_table` or else of the route's table
    ids_param: str = ""  # the parameter that names the parents
    max_ids: int = 100  # how many it may name
    itself: bool = False  # the record in the path is the answer, however it was deleted


@dataclass(frozen=True)
class Access:
    """What reading an endpoint requires; see the module `access`."""

    scopes: frozenset[str]  # any one of them suffices
    admin_only: bool = False
    app: str = ""
    permission: str = ""
    definitions: bool = False  # whether it lists field definitions


@dataclass(frozen=True)
class Route:
    """One endpoint. `path` is relative to the version's root, as the vendor writes it; `cost` is in
    tokens; `param_sets` are the parameters of the requests that together list everything."""

    version: Version
    object: str
    path: str
    cost: int
    answer: Answer
    table: str
    listing: ListOptions
    relation: Relation
    access: Access
    param_sets: tuple[Mapping[str, str], ...] = ({},)
