"""Generates all records of a sandbox from a seed, a size and the clock at creation."""

from __future__ import annotations

import gc

from ..options import Options
from ..table import Table
from . import (
    activities,
    catalog,
    changelogs,
    company,
    contacts,
    correspondence,
    deal_products,
    definitions,
    documents,
    following,
    goals,
    leads,
    mail,
    projects,
    sales,
    settings,
)
from .children import Children, Maker
from .company import Sizes
from .custom_fields import FIRST_IDS, CustomFields, defined
from .draw import Draw
from .standard_fields import of_activities
from .world import World

# The functions that generate child records, by the parent's table and the kind of child.
MAKERS: dict[tuple[str, str], Maker] = {
    ("deals", "products"): deal_products.products,
    ("deals", "installments"): deal_products.installments,
    ("deals", "discounts"): deal_products.discounts,
    ("deals", "changelog"): changelogs.deal_changelog,
    ("deals", "participants"): following.participants,
    ("deals", "participants_changelog"): following.participants_changelog,
    ("persons", "changelog"): changelogs.person_changelog,
    ("organizations", "changelog"): changelogs.organization_changelog,
    ("organizations", "relationships"): catalog.relationships,
    ("products", "variations"): catalog.variations,
    ("products", "images"): catalog.images,
    **{
        (table, "mail_messages"): correspondence.mail_messages
        for table in ("deals", "persons", "organizations")
    },
    **{
        (table, kind): make
        for table in ("deals", "persons", "organizations", "products")
        for kind, make in (
            ("followers", following.followers),
            ("followers_changelog", following.followers_changelog),
        )
    },
}


def build(options: Options, now: float) -> World:
    """Generate a world. The same arguments give the same records; switches do not affect them."""
    seed, sizes = options.seed, Sizes(options.scale, options.deals)
    fields = {kind: defined(seed, kind, now, options.fields) for kind in FIRST_IDS}
    tables: dict[str, Table] = {}
    children = Children(seed, sizes, now, tables, MAKERS)
    gc.disable()  # hundreds of thousands of dicts, none of them garbage
    try:
        _fill(tables, seed, sizes, now, fields, children)
    finally:
        gc.enable()
    world = World(seed, sizes, now, tables, fields, children)
    define(world)
    return world


def define(world: World) -> None:
    """Rebuild the tables of field definitions from the current fields."""
    rows = world.tables["activity_types"].rows.values()
    types = [(row.record["key_string"], row.record["name"]) for row in rows]
    there = [each for each in types if each[0] in settings.ACTIVITY_TYPES]
    gone = [each for each in types if each not in there]
    for table in definitions.tables(world.fields, of_activities(there, gone), world.born):
        world.tables[table.name] = table


def _fill(
    tables: dict[str, Table],
    seed: int,
    sizes: Sizes,
    now: float,
    fields: dict[str, CustomFields],
    children: Children,
) -> None:
    """Add every table to `tables`."""

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
    add(contacts.organizations(draw("organizations"), sizes, seed, orgs, children))
    persons = add(contacts.persons(draw("persons"), sizes, seed, fields["persons"], children))
    add(sales.deals(draw("deals"), sizes, seed, fields["deals"], children))
    add(sales.products(draw("products"), sizes, fields["products"]))
    all_leads = add(leads.leads(draw("leads"), sizes, fields["deals"]))
    add(activities.activities(draw("activities"), sizes, list(all_leads.rows)))
    add(documents.notes(draw("notes"), sizes, tables))
    add(documents.files(draw("files"), sizes, tables))
    add(mail.mail_threads(draw("mail_threads"), sizes, persons))
    add(mail.call_logs(draw("call_logs"), sizes))
    add(leads.lead_labels(draw("lead_labels")))
    add(settings.webhooks(draw("webhooks")))
    add(settings.addons())
    add(projects.boards(draw("project_boards")))
    add(projects.phases(draw("project_phases")))
    add(projects.templates(draw("project_templates")))
    stored = add(projects.projects(draw("projects"), sizes, fields["projects"]))
    add(projects.tasks(draw("tasks"), sizes, stored))
