"""What the token's user may do: the apps that they have, their permissions, and what they lack."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from .errors import forbidden, not_in_plan

if TYPE_CHECKING:
    from .route import Route
    from .switches import Switches

# Those whose permission sets the company has.
APPS = ("sales", "campaigns", "global", "account_settings")
# Opt-in fields of persons that only a company with that app may ask for.
FIELDS_OF_APPS = {"marketing_status": "campaigns", "doi_status": "campaigns"}
# The vendor's list, from its schema of GET /v1/users/{id}/permissions.
PERMISSIONS = (
    "can_add_custom_fields",
    "can_add_products",
    "can_add_prospects_as_leads",
    "can_bulk_edit_items",
    "can_change_visibility_of_items",
    "can_convert_deals_to_leads",
    "can_create_own_workflow",
    "can_delete_activities",
    "can_delete_custom_fields",
    "can_delete_deals",
    "can_edit_custom_fields",
    "can_edit_deals_closed_date",
    "can_edit_products",
    "can_edit_shared_filters",
    "can_export_data_from_lists",
    "can_follow_other_users",
    "can_merge_deals",
    "can_merge_organizations",
    "can_merge_people",
    "can_modify_labels",
    "can_see_company_wide_statistics",
    "can_see_deals_list_summary",
    "can_see_hidden_items_names",
    "can_see_other_users",
    "can_see_other_users_statistics",
    "can_see_security_dashboard",
    "can_share_filters",
    "can_share_insights",
    "can_use_api",
    "can_use_email_tracking",
    "can_use_import",
)
# Which of them a regular user has is set per company; these are a guess.
_REGULAR = frozenset(
    {
        "can_add_products",
        "can_add_prospects_as_leads",
        "can_convert_deals_to_leads",
        "can_delete_activities",
        "can_edit_products",
        "can_follow_other_users",
        "can_modify_labels",
        "can_see_deals_list_summary",
        "can_see_other_users",
        "can_share_filters",
        "can_use_api",
        "can_use_email_tracking",
    }
)


def permissions(admin: bool, lacking: Collection[str] = ()) -> dict[str, bool]:
    """{permission: whether it is held}, of an admin or of a regular user, without `lacking`."""
    held = PERMISSIONS if admin else _REGULAR
    return {name: name in held and name not in lacking for name in PERMISSIONS}


def check(route: Route, switches: Switches) -> None:
    """Raise the refusal if the company's plan or its user may not read `route`."""
    if "projects:read" in route.scopes and switches.projects_plan != "ok":
        raise not_in_plan(switches.projects_plan, "projects", switches.plan_refusal)
    lack = missing(route, switches)
    if lack:
        raise forbidden(lack)


def missing(route: Route, switches: Switches) -> str:
    """What the token's user would need to read `route`; empty: they may."""
    if route.admin_only and not switches.admin:
        return "needs an admin"
    if route.app and route.app not in switches.user_apps():
        return f"needs the app {route.app}"
    if route.definitions and switches.fields_hidden:
        return "needs to see what fields there are"
    name = route.permission
    if name and not permissions(switches.admin, switches.lacking())[name]:
        return f"needs {name}"
    return ""
