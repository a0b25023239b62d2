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
class Route:
    """One endpoint. Flat, because a row in a table of routes is its keyword arguments.

    `path` is relative to the version's root, as the vendor writes it; `cost` is in tokens; any one
    of `scopes` suffices.
    """

    version: Version
    object: str
    path: str
    cost: int
    scopes: frozenset[str]
    answer: Answer
    table: str

    # What it lists, and how.
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
    param_sets: tuple[Mapping[str, str], ...] = ({},)  # requests that together list everything

    # Child records: of the record in the path, or of those that a parameter names.
    parent_table: str = ""  # the table of the `{id}` in the path
    parent_field: str = ""  # the field that must equal that id
    child: str = ""  # the kind of child record, of `parent_table` or else of `table`
    ids_param: str = ""  # the parameter that names the parents
    max_ids: int = 100  # how many it may name

    # Permissions that the token's user needs; see `access`.
    admin_only: bool = False
    app: str = ""
    permission: str = ""
    definitions: bool = False  # whether it lists field definitions
