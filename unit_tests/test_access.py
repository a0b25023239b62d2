"""What the credentials can read is reported before the sync, not by an empty table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from source_pipedrive.access import (
    Access,
    by_reason,
    check_access,
    partial_access,
    user_permissions,
)
from source_pipedrive.http.errors import CONFIG, TRANSIENT, StreamError, SyncError
from source_pipedrive.streams import STREAMS
from unit_tests.fakes import ACME, FakeClient, Params

ADMIN = replace(ACME, access={"sales": True, "global": True, "account_settings": True})
REGULAR = replace(ACME, access={"sales": False, "global": False})
ALL = {"can_see_other_users": True}


def access(name: str, company: Any, permissions: Any = None) -> tuple[Access, str]:
    check = check_access(STREAMS[name], company, permissions)
    return check.access, check.reason


def test_only_what_pipedrive_does_not_report_is_unknown() -> None:
    """For an admin with an API token, everything else is known."""
    unknown = {n for n in STREAMS if access(n, ADMIN, ALL)[0] is not Access.READABLE}
    unreported = {"call_logs", "legacy_teams", "deleted_records", "deal_stage_history"}
    unreported |= {"billing_addons", "deal_installments"}
    mail = {name for name in STREAMS if "mail" in name}
    projects = {name for name in STREAMS if name.startswith("project")} | {"tasks"}
    changes = {f"{what}_changelog" for what in ("deal", "person", "organization")}
    assert unknown == unreported | mail | projects | changes
    assert all(access(name, ADMIN, ALL)[1] for name in unknown)


@pytest.mark.parametrize(
    ("name", "company", "permissions", "expected", "words"),
    [
        ("roles", REGULAR, ALL, Access.DENIED, "to administer account settings"),
        ("permission_sets", REGULAR, ALL, Access.DENIED, "to administer account settings"),
        (
            "roles",
            replace(ACME, access={"sales": True}),
            ALL,
            Access.UNKNOWN,
            "not an account settings admin",
        ),
        ("deals", REGULAR, ALL, Access.READABLE, ""),
        ("deal_installments", replace(ACME, access={}), ALL, Access.DENIED, "sales app"),
        ("deals", replace(ACME, access={"global": True}), ALL, Access.DENIED, "sales app"),
        ("deals", ACME, ALL, Access.UNKNOWN, "does not report the user's apps"),
        ("currencies", ACME, None, Access.READABLE, ""),
        ("users", REGULAR, {"can_see_other_users": False}, Access.DENIED, "to see other users"),
        ("users", ADMIN, None, Access.UNKNOWN, "does not report the user's permissions"),
        ("users", ADMIN, {}, Access.UNKNOWN, "does not report the user's permissions"),
    ],
)
def test_what_the_user_can_read(
    name: str, company: Any, permissions: Any, expected: Access, words: str
) -> None:
    found, reason = access(name, company, permissions)
    assert found is expected
    assert words in reason


def test_a_missing_scope_is_named() -> None:
    app = replace(ADMIN, scopes=frozenset({"base", "contacts:full"}))
    assert access("deals", app, ALL) == (Access.DENIED, "the app lacks the scope deals:read")
    assert access("persons", app, ALL) == (Access.READABLE, "")
    assert access("currencies", app, ALL) == (Access.READABLE, "")
    assert access("global_messages", app, ALL) == (Access.READABLE, "")


def test_an_older_list_is_enough() -> None:
    """activity_fields is read from API v1 if the app lacks the scope of v2's list."""
    app = replace(ADMIN, scopes=frozenset({"base", "activities:read"}))
    assert access("activity_fields", app, ALL)[0] is Access.READABLE
    app = replace(ADMIN, scopes=frozenset({"base", "deals:read"}))
    assert access("activity_fields", app, ALL)[0] is Access.DENIED


def test_unknown_scopes_are_not_guessed() -> None:
    app = replace(ADMIN, scopes=frozenset())
    assert access("deals", app, ALL) == (Access.UNKNOWN, "the token does not list its scopes")
    assert access("currencies", app, ALL) == (Access.READABLE, "")
    assert access("roles", replace(REGULAR, scopes=frozenset()), ALL)[0] is Access.DENIED


def test_permissions_are_requested_once_for_ten_tokens() -> None:
    body = {"data": {"can_see_other_users": False, "name": "x"}}
    client = FakeClient(lambda params: body)
    assert user_permissions(client, ACME, STREAMS.values()) == {"can_see_other_users": False}
    assert client.usage.tokens == 10


def test_permissions_that_cannot_be_read_are_unknown() -> None:
    def refuse(params: Params) -> dict[str, Any]:
        raise StreamError("no", CONFIG, 403)

    for answer in (refuse, lambda params: {"data": None}):
        client = FakeClient(answer)
        assert user_permissions(client, ACME, STREAMS.values()) is None


@pytest.mark.parametrize(("status", "ends"), [(403, True), (429, False)])
def test_a_block_by_the_edge_fails_the_check_but_a_spent_budget_does_not(
    status: int, ends: bool
) -> None:
    """A check that succeeds although nothing can be read sends users in the wrong direction."""

    def refuse(params: Params) -> dict[str, Any]:
        raise SyncError("no", TRANSIENT, status)

    client = FakeClient(refuse)
    if not ends:
        assert user_permissions(client, ACME, STREAMS.values()) is None
        return
    with pytest.raises(SyncError):
        user_permissions(client, ACME, STREAMS.values())


def test_an_app_without_the_scope_makes_no_request() -> None:
    client = FakeClient(lambda params: {"data": {}})
    app = replace(ACME, scopes=frozenset({"base", "deals:read"}))
    assert user_permissions(client, app, STREAMS.values()) is None
    assert client.asked == []


def test_streams_are_grouped_by_reason() -> None:
    checks = {n: check_access(STREAMS[n], REGULAR, None) for n in ("roles", "permission_sets")}
    (line,) = by_reason(checks, Access.DENIED)
    assert line.startswith(
        "roles, permission_sets (the user lacks the permission to administer account settings"
    )


def test_partial_access_is_reported() -> None:
    """Otherwise it is a silent loss."""
    rows = [STREAMS[name] for name in ("deals", "mail_threads", "call_logs")]
    is_warning, sentence = partial_access(REGULAR, rows) or (False, "")
    assert is_warning
    assert "is neither Deals admin nor Global admin in Pipedrive" in sentence
    assert "only their own data in mail_threads, call_logs." in sentence
    one = replace(ACME, access={"sales": True, "global": False})
    assert "is not a Global admin in Pipedrive" in (partial_access(one, rows) or (True, ""))[1]
    is_warning, sentence = partial_access(ADMIN, rows) or (True, "")
    assert not is_warning
    assert sentence == (
        "Pipedrive shows every user only their own data in mail_threads, call_logs."
    )
    assert partial_access(ADMIN, rows[:1]) is None
    assert "does not report whether" in (partial_access(ACME, rows[:1]) or (False, ""))[1]


def test_a_stream_is_denied_if_a_stream_it_is_read_through_is_denied() -> None:
    """An app that can read changes but not deals would get an empty table of changes."""
    app = replace(ADMIN, scopes=frozenset({"base", "recents:read"}))
    assert access("deal_changelog", app, ALL) == (
        Access.DENIED,
        "read through deals: the app lacks the scope deals:read",
    )
    # Derived from the changelog: the same reason, so that both share a line.
    assert access("deal_stage_history", app, ALL) == access("deal_changelog", app, ALL)


def test_every_stream_of_the_users_own_data_is_marked() -> None:
    own = {name for name, row in STREAMS.items() if row.access.only_own_data}
    mine = {"call_logs", "mail_threads", "user_connections", "user_settings"}
    statistics = {"pipeline_conversion_statistics", "pipeline_movement_statistics"}
    assert own == mine | statistics | {"mail_messages", "mail_message_bodies"}
