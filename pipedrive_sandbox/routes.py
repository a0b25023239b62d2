"""THE table: every endpoint that the sandbox serves, one row each.

A row is what the endpoint is recorded as, its path, its cost in tokens and the scopes of which
one suffices; what its lists accept is in `options`. An ordinary endpoint is one more row here. Its
records are a table of that name in `data`, or else are made from the stream's schema.
"""

from __future__ import annotations

from . import answers
from .child_routes import CHILDREN
from .data.settings import FILTER_TYPES
from .endpoints import of_user, pages, v1, v2
from .more_routes import WORKSHOP
from .options import (
    ACTIVITIES,
    ANY_PARENT,
    APP,
    ARCHIVED,
    DEALS,
    GOALS,
    LEADS,
    LISTED,
    MAIL,
    MINE,
    NEEDED,
    NOTES,
    ORGANIZATIONS,
    PERSONS,
    PIPELINES,
    PRODUCTS,
    ROLE,
    SHOWN,
    STAGES,
    TEAMS,
    TERM,
    V1_FIELDS,
    V2_FIELDS,
)
from .params import choice
from .route import Route

DEAL_FIELDS = "admin deals deal-fields:full"
CONTACT_FIELDS = "admin contacts contact-fields:full"
PRODUCT_FIELDS = "products product-fields:full"


def fields(object_: str, path: str, scopes: str, include: tuple[str, ...] = ()) -> Route:
    """A list of v2 of what the fields of a kind of object are."""
    return v2(object_, path, 10, scopes, include=include, **V2_FIELDS)


ROUTES: tuple[Route, ...] = (
    v2("activities", "/activities", 10, "activities", **ACTIVITIES),
    fields("activity_fields", "/activityFields", "admin", SHOWN),
    v2("deals", "/deals", 10, "deals", where=LISTED, labels=True, **DEALS),
    v2("deals_archived", "/deals/archived", 20, "deals", where=ARCHIVED, **DEALS),
    fields("deal_fields", "/dealFields", DEAL_FIELDS, NEEDED),
    v2("organizations", "/organizations", 10, "contacts", **ORGANIZATIONS),
    fields("organization_fields", "/organizationFields", CONTACT_FIELDS, NEEDED),
    v2("persons", "/persons", 10, "contacts", **PERSONS),
    fields("person_fields", "/personFields", CONTACT_FIELDS, NEEDED),
    v2("pipelines", "/pipelines", 5, "admin deals", **PIPELINES),
    v2("products", "/products", 10, "products", **PRODUCTS),
    fields("product_fields", "/productFields", PRODUCT_FIELDS, SHOWN),
    fields("project_fields", "/projectFields", "projects project-fields:full"),
    v2("stages", "/stages", 5, "admin deals", **STAGES),
    v1("activity_types", "/activityTypes", 20, "activities admin"),
    pages("call_logs", "/callLogs", 20, "phone-integration", max_limit=50, where=MINE),
    v1("currencies", "/currencies", 20, "base", filters=(TERM,)),
    pages("files", "/files", 20, ANY_PARENT, max_limit=100, sorts=("id", "update_time")),
    v1("filters", "/filters", 20, ANY_PARENT, filters=(choice("type", *FILTER_TYPES),)),
    v1("goals", "/goals/find", 20, "goals", **GOALS),
    pages("leads", "/leads", 20, "leads", where=LISTED, since=True, **LEADS),
    pages("leads_archived", "/leads/archived", 40, "leads", where=ARCHIVED, **LEADS),
    pages("lead_fields", "/leadFields", 20, "admin leads", **V1_FIELDS),
    v1("lead_sources", "/leadSources", 2, "leads", order=(), app="sales"),
    v1("legacy_teams", "/legacyTeams", 20, "users:read", **TEAMS),
    pages("mail_threads", "/mailbox/mailThreads", 20, "mail", **MAIL),
    pages("notes", "/notes", 20, "contacts deals", **NOTES),
    v1("note_fields", "/noteFields", 20, "contacts deals", **V1_FIELDS),
    v1("permission_sets", "/permissionSets", 20, "admin", filters=(APP,), admin_only=True),
    pages("roles", "/roles", 20, "admin", admin_only=True),
    pages("role_assignments", "/roles/{id}/assignments", 10, "admin", **ROLE),
    of_user("user_connections", "/userConnections", 20, answers.connections),
    of_user("user_settings", "/userSettings", 2, answers.settings),
    v1("users", "/users", 20, "users:read", answer=answers.users, permission="can_see_other_users"),
    of_user("users_me", "/users/me", 2, answers.users_me),
    *CHILDREN,
    *WORKSHOP,
)

# What no stream is named after: what is asked for by the id of a user, and the lists that v2 has
# as well (v1's tell the order in which fields were made).
BESIDE: tuple[Route, ...] = (
    v1("activity_fields_v1", "/activityFields", 20, "activities", **V1_FIELDS),
    pages("deal_fields_v1", "/dealFields", 20, DEAL_FIELDS, **V1_FIELDS),
    pages("organization_fields_v1", "/organizationFields", 20, CONTACT_FIELDS, **V1_FIELDS),
    pages("person_fields_v1", "/personFields", 20, CONTACT_FIELDS, **V1_FIELDS),
    pages("product_fields_v1", "/productFields", 20, PRODUCT_FIELDS, **V1_FIELDS),
    of_user("user_permissions", "/users/{id}/permissions", 10, answers.permissions, "users:read"),
)
EVERY = (*ROUTES, *BESIDE)
