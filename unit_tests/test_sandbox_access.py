"""What the token's user may not read. A client must not mistake a refusal for an empty list."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.permissions import PERMISSIONS
from pipedrive_sandbox.route import Route
from pipedrive_sandbox.routes import ROUTES

from .caller import LIMITS, NOW, Caller
from .contract import operation
from .test_sandbox_account import bearer

OPTIONS = Options(scale=0.02, clock=NOW, switches=LIMITS)
FORBIDDEN = {
    "success": False,
    "error": "You do not have permissions to do this.",
    "error_info": "Please check developers.pipedrive.com",
    "data": None,
    "additional_data": None,
}
# Pipedrive's scopes show what belongs to the sales app, and what only an admin may read.
SELLING = {f"{area}:read" for area in ("deals", "leads", "products", "goals")}
OTHER_APPS = {"contacts:read", "activities:read"}


def scopes_of(route: Route) -> set[str]:
    """The scopes that the vendor declares, any of which suffices."""
    return set(operation(route.version, route.path)["scopes"])


def is_of_sales(route: Route) -> bool:
    """Whether reading it requires the sales app. A list of fields requires no app."""
    scopes = scopes_of(route)
    by_scope = bool(scopes & SELLING) and not scopes & OTHER_APPS and not route.access.definitions
    return by_scope or route.relation.parent_table in ("deals", "products")


SALES = {route.object for route in ROUTES if is_of_sales(route)}
ADMINS = {
    route.object
    for route in ROUTES
    if scopes_of(route) == {"admin"} and not route.access.definitions
}
MINE = "v1/users/1/permissions"


def refused(api: Caller) -> set[str]:
    """The objects refused to the token's user, each with the vendor's body."""
    names = set()
    tables = api.box.service.world.tables
    for route in ROUTES:
        rows = tables[route.relation.parent_table or "users"].rows.values()
        id_ = next(row.id for row in rows if row.deleted_at is None)
        path = f"{route.version}{route.path}".replace("{id}", str(id_))
        answer = api.ask(path, **route.param_sets[0])
        if answer.status_code != 200:
            assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
            names.add(route.object)
    return names


def test_a_regular_users_token_gets_no_roles(box: Sandbox, api: Caller) -> None:
    assert refused(api) == set()
    box.set(admin=False)
    assert refused(api) == ADMINS, "give the routes of these lists admin_only=True, and no others"
    assert bearer(box, "/v1/roles").json() == FORBIDDEN, "an OAuth token with every scope"


def test_a_refusal_for_the_user_is_charged_and_one_for_the_scope_is_not(
    box: Sandbox, api: Caller
) -> None:
    """A budget that ignores these would end earlier than expected."""
    box.set(admin=False)
    api.ask("v1/roles")
    assert box.ledger()["roles"] == {"requests": 1, "tokens": 20, "refused": 0}
    assert box.requests[-1].note == "needs an admin"
    box.set(scopes="base")
    answer = bearer(box, "/v1/roles")
    assert answer.json()["error"] == "Scope and URL mismatch", "the scope is checked first"
    assert box.ledger()["roles"] == {"requests": 1, "tokens": 20, "refused": 1}


def test_a_user_without_the_sales_app_gets_no_deals(box: Sandbox, api: Caller) -> None:
    box.set(apps="global,account_settings")
    assert refused(api) == SALES, 'give the routes of these lists app="sales", and no others'
    assert box.requests[0].note == ""
    notes = {request.note for request in box.requests if request.status == 403}
    assert notes == {"needs the app sales"}


@pytest.mark.parametrize(
    ("admin", "apps", "shown"),
    [
        (True, "sales,global,account_settings", {"sales", "global", "account_settings"}),
        (True, "global, account_settings", {"global", "account_settings"}),
        (True, "", set()),
        (False, "sales,global,account_settings", {"sales", "global"}),
        (False, "global", {"global"}),
    ],
)
def test_users_me_shows_which_streams_will_be_refused(
    box: Sandbox, api: Caller, admin: bool, apps: str, shown: set[str]
) -> None:
    box.set(admin=admin, apps=apps)
    me = api.data("v1/users/me")["access"]
    assert {entry["app"] for entry in me} == shown
    assert {entry["admin"] for entry in me} <= {admin}
    users = api.data("v1/users")
    assert users[0]["access"] == me
    assert {entry["app"] for entry in users[1]["access"]} == {"sales", "global"}


def test_permissions_of_admins_and_regular_users(box: Sandbox, api: Caller) -> None:
    assert api.data(MINE) == dict.fromkeys(PERMISSIONS, True)
    assert api.data("v1/users/2/permissions")["can_use_import"] is False
    box.set(admin=False)
    granted = api.data(MINE)
    assert granted.keys() == set(PERMISSIONS)
    assert granted["can_see_other_users"]
    assert granted["can_use_api"]
    assert granted["can_edit_products"]
    assert not granted["can_add_custom_fields"]
    assert granted == api.data("v1/users/2/permissions")
    assert box.ledger()["user_permissions"] == {"requests": 4, "tokens": 40, "refused": 0}


def test_a_user_who_cannot_see_other_users_gets_no_users(box: Sandbox, api: Caller) -> None:
    box.set(permissions_lacking="can_see_other_users, can_use_import")
    granted = api.data(MINE)
    assert [name for name in PERMISSIONS if not granted[name]] == [
        "can_see_other_users",
        "can_use_import",
    ]
    assert api.data("v1/users/2/permissions")["can_see_other_users"], (
        "only the token's user lacks it"
    )
    assert refused(api) == {"users"}
    box.set(admin=False)
    assert refused(api) == {"users", *ADMINS}


def test_a_user_who_may_not_see_fields_still_gets_records(box: Sandbox, api: Caller) -> None:
    """Custom fields then have no names; a client that gives up loses the records too."""
    box.set(fields_hidden=True)
    lists = {route.object for route in ROUTES if route.object.endswith("_fields")}
    assert refused(api) == lists
    for path in ("dealFields", "personFields", "organizationFields", "productFields"):
        answer = api.ask(f"v1/{path}")
        assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    assert api.ask("v1/activityFields").status_code == 403
    assert box.ledger()["deal_fields"] == {"requests": 1, "tokens": 10, "refused": 0}
    assert box.ledger()["deal_fields_v1"] == {"requests": 1, "tokens": 20, "refused": 0}
    assert api.data("v2/deals")[0]["custom_fields"]
    box.set(fields_hidden=False)
    assert refused(api) == set()


@pytest.mark.parametrize("id_", ["0", "999999"])
def test_permissions_of_an_unknown_user_are_a_404(api: Caller, id_: str) -> None:
    answer = api.ask(f"v1/users/{id_}/permissions")
    assert answer.status_code == 404
    assert answer.json() == {"success": False, "error": "User not found or not accessible."}
    assert api.ask("v1/users/me/permissions").status_code == 404


def test_permissions_need_the_users_scope(box: Sandbox) -> None:
    """Without it a client could mistake the refusal for a lack of permissions."""
    box.set(scopes="base")
    assert bearer(box, "/v1/users/1/permissions").json()["error"] == "Scope and URL mismatch"
    box.set(scopes="users:read")
    assert bearer(box, "/v1/users/1/permissions").status_code == 200


@pytest.mark.parametrize(
    "wrong", [{"apps": "sale"}, {"permissions_lacking": "can_see"}, {"reported_scope": "all"}]
)
def test_an_unknown_app_or_permission_is_an_error(box: Sandbox, wrong: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        box.set(**wrong)
    assert requests.get(f"{box.url}/_sandbox/switches", timeout=60).json()["apps"] == (
        "sales,campaigns,global,account_settings"
    )
