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
from .children import ChildGenerator, Children
from .company import Sizes
from .custom_fields import FIRST_IDS, CustomFields, defined
from .random_values import RandomValues
from .standard_fields import activity_fields
from .world import World

# The functions that generate child records, by the parent's table and the kind of child.
CHILD_GENERATORS: dict[tuple[str, str], ChildGenerator] = {
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
    children = Children(seed, sizes, now, tables, CHILD_GENERATORS)
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
    active = [each for each in types if each[0] in settings.ACTIVITY_TYPES]
    inactive = [each for each in types if each not in active]
    for table in definitions.tables(
        world.fields, activity_fields(active, inactive), world.created_at
    ):
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

    def rng(kind: str) -> RandomValues:
        return RandomValues(seed, kind, now)

    def add(table: Table) -> Table:
        tables[table.name] = table
        return table

    people = add(company.users(rng("users"), sizes))
    add(company.role_assignments(people, add(company.roles(people))))
    add(company.permission_sets(people))
    teams = add(company.legacy_teams(rng("legacy_teams"), people))
    add(settings.pipelines(rng("pipelines")))
    add(settings.stages(rng("stages")))
    add(settings.activity_types(rng("activity_types")))
    add(settings.currencies())
    add(settings.lead_sources())
    add(settings.filters(rng("filters"), people))
    add(goals.goals(rng("goals"), sizes, teams))
    orgs = fields["organizations"]
    add(contacts.organizations(rng("organizations"), sizes, seed, orgs, children))
    persons = add(contacts.persons(rng("persons"), sizes, seed, fields["persons"], children))
    add(sales.deals(rng("deals"), sizes, seed, fields["deals"], children))
    add(sales.products(rng("products"), sizes, fields["products"]))
    all_leads = add(leads.leads(rng("leads"), sizes, fields["deals"]))
    add(activities.activities(rng("activities"), sizes, list(all_leads.rows)))
    add(documents.notes(rng("notes"), sizes, tables))
    add(documents.files(rng("files"), sizes, tables))
    add(mail.mail_threads(rng("mail_threads"), sizes, persons))
    add(mail.call_logs(rng("call_logs"), sizes))
    add(leads.lead_labels(rng("lead_labels")))
    add(settings.webhooks(rng("webhooks")))
    add(settings.addons())
    add(projects.boards(rng("project_boards")))
    add(projects.phases(rng("project_phases")))
    add(projects.templates(rng("project_templates")))
    stored = add(projects.projects(rng("projects"), sizes, fields["projects"]))
    add(projects.tasks(rng("tasks"), sizes, stored))
