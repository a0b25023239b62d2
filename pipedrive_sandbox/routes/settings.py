"""The account: its fields, users, permissions, filters, currencies and webhooks."""

from __future__ import annotations

from typing import Any

from ..answers import computed
from ..answers import settings as answers
from ..answers.pages import plain_list
from ..data import roles, settings
from ..data.settings import FILTER_TYPES
from ..endpoints import ANY_PARENT, child_route, of_user, pages, v1, v2
from ..params import Filter, choice, one_of, parse_boolean, parse_flag, parse_text
from ..record import SortKey
from ..route import Route

DEAL_FIELDS = "admin deals deal-fields:full"
CONTACT_FIELDS = "admin contacts contact-fields:full"
PRODUCT_FIELDS = "products product-fields:full"
APPS = ("sales", "projects", "campaigns", "global", "account_settings", "partnership", "nova")
APP = choice("app", *APPS)
TERM = Filter("term", lambda given: parse_text(given).lower(), "term", test="has")
TEAM_ORDER = Filter("order_by", one_of("id", "name", "manager_id", "active_flag"), "")
V2_FIELDS: dict[str, Any] = {"order": (SortKey("place"),), "definitions": True}
V1_FIELDS: dict[str, Any] = {"order": (), "definitions": True}  # in order of creation
SHOWN = ("ui_visibility",)
NEEDED = (*SHOWN, "important_fields", "required_fields")
HOLDERS = child_route(
    "permission_sets", answer=computed.by_offset(roles.assignments, with_pagination=False)
)
ROLE: dict[str, Any] = {
    "admin_only": True,
    "parent_table": "roles",
    "parent_field": "role_id",
    "order": (SortKey("user_id"),),
}
TEAMS: dict[str, Any] = {
    "answer": answers.legacy_teams,
    "filters": (TEAM_ORDER, Filter("skip_users", parse_flag, "")),
}
HOOKS = plain_list(status="ok")
PIPELINES_SEEN: dict[str, Any] = {"filters": (Filter("visible", parse_boolean, ""),)}
CODES: dict[str, Any] = {"filters": (Filter("include_field_code", parse_boolean, ""),)}


def fields(object_: str, path: str, scopes: str, include: tuple[str, ...] = ()) -> Route:
    """A v2 list of the field definitions of one kind of object."""
    return v2(object_, path, 10, scopes, include=include, **V2_FIELDS)


ROUTES: tuple[Route, ...] = (
    fields("activity_fields", "/activityFields", "admin", SHOWN),
    fields("deal_fields", "/dealFields", DEAL_FIELDS, NEEDED),
    pages("lead_fields", "/leadFields", 20, "admin leads", **V1_FIELDS),
    v1("note_fields", "/noteFields", 20, "contacts deals", **V1_FIELDS),
    fields("organization_fields", "/organizationFields", CONTACT_FIELDS, NEEDED),
    fields("person_fields", "/personFields", CONTACT_FIELDS, NEEDED),
    fields("product_fields", "/productFields", PRODUCT_FIELDS, SHOWN),
    fields("project_fields", "/projectFields", "projects project-fields:full"),
    v1("billing_addons", "/billing/subscriptions/addons", 20, "users:read", order=()),
    v1("currencies", "/currencies", 20, "base", filters=(TERM,)),
    v1("filters", "/filters", 20, ANY_PARENT, filters=(choice("type", *FILTER_TYPES),)),
    v1(
        "filter_conditions",
        "/filters/{id}",
        2,
        ANY_PARENT,
        **child_route("filters", answer=computed.single(settings.conditions), **CODES),
    ),
    v1("legacy_teams", "/legacyTeams", 20, "users:read", **TEAMS),
    v1("permission_sets", "/permissionSets", 20, "admin", filters=(APP,), admin_only=True),
    pages(
        "permission_set_assignments",
        "/permissionSets/{id}/assignments",
        20,
        "admin",
        admin_only=True,
        **HOLDERS,
    ),
    pages("roles", "/roles", 20, "admin", admin_only=True),
    pages("role_assignments", "/roles/{id}/assignments", 10, "admin", **ROLE),
    v1(
        "role_pipelines",
        "/roles/{id}/pipelines",
        20,
        "admin",
        admin_only=True,
        **child_route("roles", answer=computed.single(roles.role_pipelines), **PIPELINES_SEEN),
    ),
    v1(
        "role_settings",
        "/roles/{id}/settings",
        20,
        "admin",
        admin_only=True,
        **child_route("roles", answer=computed.single(roles.role_settings)),
    ),
    of_user("user_connections", "/userConnections", 20, answers.connections),
    v2(
        "user_followers",
        "/users/{id}/followers",
        10,
        "users:read",
        **child_route("users", answer=computed.by_cursor(roles.user_followers)),
    ),
    v1(
        "user_role_settings",
        "/users/{id}/roleSettings",
        10,
        "users:read",
        **child_route("users", answer=computed.single(roles.user_role_settings)),
    ),
    of_user("user_settings", "/userSettings", 2, answers.settings),
    v1("users", "/users", 20, "users:read", answer=answers.users, permission="can_see_other_users"),
    of_user("users_me", "/users/me", 2, answers.users_me),
    v1("webhooks", "/webhooks", 10, "admin webhooks", answer=HOOKS, admin_only=True),
)

# Endpoints without a stream of their name: one that needs a user's id, and v1's field lists, which
# v2 has too (only v1's show the order in which fields were created).
OTHER_ROUTES: tuple[Route, ...] = (
    v1("activity_fields_v1", "/activityFields", 20, "activities", **V1_FIELDS),
    pages("deal_fields_v1", "/dealFields", 20, DEAL_FIELDS, **V1_FIELDS),
    pages("organization_fields_v1", "/organizationFields", 20, CONTACT_FIELDS, **V1_FIELDS),
    pages("person_fields_v1", "/personFields", 20, CONTACT_FIELDS, **V1_FIELDS),
    pages("product_fields_v1", "/productFields", 20, PRODUCT_FIELDS, **V1_FIELDS),
    of_user("user_permissions", "/users/{id}/permissions", 10, answers.permissions, "users:read"),
)
