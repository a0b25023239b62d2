"""What the token's user may read, and what they would need for the rest."""

from __future__ import annotations

from collections.abc import Collection

from .errors import forbidden, not_in_plan
from .permissions import PERMISSIONS
from .route import Route
from .switches import Switches

# Each company decides what regular users may do; these defaults are a guess.
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
    """{permission: whether the user has it}, for an admin or a regular user, minus `lacking`."""
    granted = PERMISSIONS if admin else _REGULAR
    return {name: name in granted and name not in lacking for name in PERMISSIONS}


def check(route: Route, switches: Switches) -> None:
    """Raise a Refusal if the company's plan or its user does not allow reading `route`."""
    if "projects:read" in route.access.scopes and switches.projects_plan != "ok":
        raise not_in_plan(switches.projects_plan, "projects", switches.plan_refusal)
    lack = missing(route, switches)
    if lack:
        raise forbidden(lack)


def missing(route: Route, switches: Switches) -> str:
    """What the token's user lacks to read `route`, or an empty string."""
    if route.access.admin_only and not switches.admin:
        return "needs an admin"
    if route.access.app and route.access.app not in switches.user_apps():
        return f"needs the app {route.access.app}"
    if route.access.definitions and switches.fields_hidden:
        return "needs access to field definitions"
    name = route.access.permission
    if name and not permissions(switches.admin, switches.lacking())[name]:
        return f"needs {name}"
    return ""
