"""The query of the demo, its result, and what has changed in it since the last run."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
from rich.table import Table

from .layout import plain_table
from .state import Answer, DemoError, Figures
from .sync import SCHEMA

# In one currency: a sum of several would mean nothing.
QUERY = f"""\
SELECT p.name AS pipeline, count(*) AS deals,
       count(*) FILTER (d.tier = 'Tier 1') AS tier_1, sum(d.value) AS usd
FROM {SCHEMA}.deals_now d JOIN {SCHEMA}.pipelines p ON p.id = d.pipeline_id
WHERE d.status = 'open' AND NOT d.is_archived AND d.currency = 'USD'
GROUP BY pipeline ORDER BY usd DESC"""
NOTHING = Decimal(0)


def ask(warehouse: Path) -> Answer:
    """The result of the query, in its order."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.execute(QUERY).fetchall()
    return {
        pipeline: Figures(deals=deals, tier_1=tier_1, usd=usd or NOTHING)
        for pipeline, deals, tier_1, usd in rows
    }


def changed(now: Answer, before: Answer) -> int:
    """The number of pipelines whose figures are not those of `before`, or that are gone."""
    return sum(now.get(name) != before.get(name) for name in {**now, **before})


def as_table(now: Answer, before: Answer | None) -> Table:
    """The result; with the result `before`, also the changes. A pipeline that is gone has zeros."""
    none = Figures(deals=0, tier_1=0, usd=NOTHING)
    table = plain_table(footer=False)
    table.add_column("pipeline")
    for heading in Figures.model_fields:
        table.add_column(heading, justify="right")
        if before is not None:
            table.add_column("change", justify="right")
    for name in {**now, **(before or {})}:
        cells = []
        old = none if before is None else before.get(name, none)
        for heading, figure in now.get(name, none):
            cells.append(f"{figure:,.0f}")
            if before is not None:
                difference = figure - getattr(old, heading)
                cells.append(f"{difference:+,.0f}" if difference else "")
        table.add_row(name, *cells)
    return table


def show(warehouse: Path, query: str, width: int) -> None:
    """Print the result of the user's own query, at most `width` characters wide.

    Raises DemoError if there are no data yet, or DuckDB refuses the query.
    """
    if not warehouse.exists():
        raise DemoError(f"{warehouse} does not exist yet. Create it with: make demo")
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            connection.execute(f"USE {SCHEMA}")
            found = connection.sql(query)
            if found is not None:
                found.show(max_width=width)
    except duckdb.Error as error:
        raise DemoError(f"DuckDB refused the query. {error}") from error
