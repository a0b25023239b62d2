"""All records of one sandbox, made from a seed, a size and the clock at creation."""

from __future__ import annotations

import gc
from dataclasses import dataclass

from ..table import Table
from . import activities, company, contacts, documents, goals, leads, mail, sales, settings
from .company import Sizes
from .custom_fields import CustomField, defined
from .draw import Draw


@dataclass(frozen=True)
class World:
    tables: dict[str, Table]
    fields: dict[str, tuple[CustomField, ...]]  # custom fields by the kind they belong to


def build(seed: int, scale: float, now: float, deals: int | None = None) -> World:
    """The same arguments give the same records. `deals` overrides the number of listed deals."""
    sizes = Sizes(scale, deals)
    fields = {
        kind: defined(seed, kind) for kind in ("deals", "persons", "organizations", "products")
    }

    gc.disable()  # hundreds of thousands of dicts, none of them garbage
    try:
        tables = _tables(seed, sizes, now, fields)
    finally:
        gc.enable()
    return World(tables, fields)


def _tables(
    seed: int, sizes: Sizes, now: float, fields: dict[str, tuple[CustomField, ...]]
) -> dict[str, Table]:
    tables: dict[str, Table] = {}

    def draw(kind: str) -> Draw:
        return Draw(seed, kind, now)

    def add(table: Table) -> Table:
        tables[table.name] = table
        return table

    people = add(company.users(draw("users"), sizes))
    add(company.role_assignments(people, add(company.roles(people))))
    add(company.permission_sets(people))
    teams = add(company.legacy_teams(draw("legacy_teams"), people))
    add(settings.pipelines(draw("pipelines")))
    add(settings.stages(draw("stages")))
    add(settings.activity_types(draw("activity_types")))
    add(settings.currencies())
    add(settings.lead_sources())
    add(settings.filters(draw("filters"), people))
    add(goals.goals(draw("goals"), sizes, teams))
    orgs = fields["organizations"]
    add(contacts.organizations(draw("organizations"), sizes, seed, orgs))
    persons = add(contacts.persons(draw("persons"), sizes, seed, fields["persons"]))
    add(sales.deals(draw("deals"), sizes, seed, fields["deals"]))
    add(sales.products(draw("products"), sizes, fields["products"]))
    all_leads = add(leads.leads(draw("leads"), sizes, fields["deals"]))
    add(activities.activities(draw("activities"), sizes, list(all_leads.rows)))
    add(documents.notes(draw("notes"), sizes, tables))
    add(documents.files(draw("files"), sizes, tables))
    add(mail.mail_threads(draw("mail_threads"), sizes, persons))
    add(mail.call_logs(draw("call_logs"), sizes))
    return tables
