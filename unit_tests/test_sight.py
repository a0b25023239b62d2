"""What the credentials let a sync see, told before and not by an empty table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from source_pipedrive.http.errors import CONFIG, TRANSIENT, StreamError, SyncError
from source_pipedrive.sight import (
    Sight,
    by_reason,
    partial_view,
    permissions_of,
    verdict,
)
from source_pipedrive.streams import STREAMS
from unit_tests.fakes import ACME, FakeClient, Params

ADMIN = replace(ACME, access={"sales": True, "global": True, "account_settings": True})
REGULAR = replace(ACME, access={"sales": False, "global": False})
ALL = {"can_see_other_users": True}


def sight(name: str, company: Any, permissions: Any = None) -> tuple[Sight, str]:
    found = verdict(STREAMS[name], company, permissions)
    return found.sight, found.why


def test_every_row_says_how_its_readability_is_known() -> None:
    """An admin with an API token: all is known but what nobody tells."""
    unknown = {n for n in STREAMS if sight(n, ADMIN, ALL)[0] is not Sight.READABLE}
    told_by_nobody = {"call_logs", "legacy_teams", "deleted_records", "deal_stage_history"}
    told_by_nobody |= {"billing_addons", "deal_installments"}
    mail = {name for name in STREAMS if "mail" in name}
    projects = {name for name in STREAMS if name.startswith("project")} | {"tasks"}
    changes = {f"{what}_changelog" for what in ("deal", "person", "organization")}
    assert unknown == told_by_nobody | mail | projects | changes
    assert all(sight(name, ADMIN, ALL)[1] for name in unknown)


@pytest.mark.parametrize(
    ("name", "company", "permissions", "expected", "words"),
    [
        ("roles", REGULAR, ALL, Sight.HIDDEN, "admin of account settings"),
        ("permission_sets", REGULAR, ALL, Sight.HIDDEN, "admin of account settings"),
        ("roles", replace(ACME, access={"sales": True}), ALL, Sight.UNKNOWN, "not of account"),
        ("deals", REGULAR, ALL, Sight.READABLE, ""),
        ("deal_installments", replace(ACME, access={}), ALL, Sight.HIDDEN, "sales app"),
        ("deals", replace(ACME, access={"global": True}), ALL, Sight.HIDDEN, "sales app"),
        ("deals", ACME, ALL, Sight.UNKNOWN, "not told"),
        ("currencies", ACME, None, Sight.READABLE, ""),
        ("users", REGULAR, {"can_see_other_users": False}, Sight.HIDDEN, "can_see_other_users"),
        ("users", ADMIN, None, Sight.UNKNOWN, "permissions are not told"),
        ("users", ADMIN, {}, Sight.UNKNOWN, "permissions are not told"),
    ],
)
def test_what_the_user_may_see(
    name: str, company: Any, permissions: Any, expected: Sight, words: str
) -> None:
    found, why = sight(name, company, permissions)
    assert found is expected
    assert words in why


def test_a_scope_that_the_app_lacks_is_named() -> None:
    app = replace(ADMIN, scopes=frozenset({"base", "contacts:full"}))
    assert sight("deals", app, ALL) == (Sight.HIDDEN, "the app lacks the scope deals:read")
    assert sight("persons", app, ALL) == (Sight.READABLE, "")
    assert sight("currencies", app, ALL) == (Sight.READABLE, "")
    assert sight("global_messages", app, ALL) == (Sight.READABLE, "")


def test_scopes_that_are_not_told_are_not_guessed() -> None:
    app = replace(ADMIN, scopes=frozenset())
    assert sight("deals", app, ALL) == (Sight.UNKNOWN, "the token does not list its scopes")
    assert sight("currencies", app, ALL) == (Sight.READABLE, "")
    assert sight("roles", replace(REGULAR, scopes=frozenset()), ALL)[0] is Sight.HIDDEN


def test_permissions_are_asked_for_once_for_ten_tokens() -> None:
    told = {"data": {"can_see_other_users": False, "name": "x"}}
    client = FakeClient(lambda params: told)
    assert permissions_of(client, ACME, STREAMS.values()) == {"can_see_other_users": False}
    assert client.usage.tokens == 10


def test_permissions_that_cannot_be_read_are_unknown() -> None:
    def refuse(params: Params) -> dict[str, Any]:
        raise StreamError("no", CONFIG, 403)

    for answer in (refuse, lambda params: {"data": None}):
        client = FakeClient(answer)
        assert permissions_of(client, ACME, STREAMS.values()) is None


@pytest.mark.parametrize(("status", "ends"), [(403, True), (429, False)])
def test_a_block_by_the_edge_fails_the_check_and_a_spent_budget_does_not(
    status: int, ends: bool
) -> None:
    """A check that succeeds while nothing can be read sends people looking elsewhere."""

    def refuse(params: Params) -> dict[str, Any]:
        raise SyncError("no", TRANSIENT, status)

    client = FakeClient(refuse)
    if not ends:
        assert permissions_of(client, ACME, STREAMS.values()) is None
        return
    with pytest.raises(SyncError):
        permissions_of(client, ACME, STREAMS.values())


def test_an_app_without_the_scope_does_not_ask() -> None:
    client = FakeClient(lambda params: {"data": {}})
    app = replace(ACME, scopes=frozenset({"base", "deals:read"}))
    assert permissions_of(client, app, STREAMS.values()) is None
    assert client.asked == []


def test_streams_are_named_together_for_each_reason() -> None:
    verdicts = {n: verdict(STREAMS[n], REGULAR, None) for n in ("roles", "permission_sets")}
    (line,) = by_reason(verdicts, Sight.HIDDEN)
    assert line.startswith("roles, permission_sets (the user lacks the permission of an admin")


def test_what_is_seen_in_part_is_said() -> None:
    """Partial visibility is a silent loss when nobody says it."""
    rows = [STREAMS[name] for name in ("deals", "mail_threads", "call_logs")]
    matters, sentence = partial_view(REGULAR, rows) or (False, "")
    assert matters
    assert "Ada is not an admin of sales and global" in sentence
    assert "mail_threads, call_logs: only ever" in sentence
    matters, sentence = partial_view(ADMIN, rows) or (True, "")
    assert not matters
    assert sentence.startswith("mail_threads, call_logs: only ever")
    assert partial_view(ADMIN, rows[:1]) is None
    assert "does not say" in (partial_view(ACME, rows[:1]) or (False, ""))[1]


def test_rows_that_hang_on_others_are_as_hidden_as_these() -> None:
    """An app that may see changes but no deals does not get a table of changes that is empty."""
    app = replace(ADMIN, scopes=frozenset({"base", "recents:read"}))
    assert sight("deal_changelog", app, ALL) == (
        Sight.HIDDEN,
        "it is read by way of deals: the app lacks the scope deals:read",
    )
    assert sight("deal_stage_history", app, ALL)[0] is Sight.HIDDEN


def test_every_stream_of_the_users_own_is_marked() -> None:
    own = {name for name, row in STREAMS.items() if row.own}
    mine = {"call_logs", "mail_threads", "user_connections", "user_settings"}
    statistics = {"pipeline_conversion_statistics", "pipeline_movement_statistics"}
    assert own == mine | statistics | {"mail_messages", "mail_message_bodies"}
