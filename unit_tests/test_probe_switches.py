"""The probe tells each unknown of Pipedrive's API as the sandbox's switch sets it.

A wrong verdict would send the maintainers after a fault that is not there, or hide one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pipedrive_sandbox import Sandbox
from pipedrive_sandbox.clock import DAY
from pipedrive_sandbox.switches import NAMES
from unit_tests.probing import answers, ask, oauth, sandbox, verdict

YES, NO, OPEN = "confirmed", "refuted", "undecided"
Arrange = Callable[[Sandbox], object]


def nothing(box: Sandbox) -> None:
    """As it is."""


def ties(box: Sandbox) -> None:
    """Files of one second."""
    box.service.bulk_update("files", 5, "2026-11-20T10:00:00Z")


def no_times(box: Sandbox) -> None:
    box.set(null_update_times=3)


def a_move(box: Sandbox) -> None:
    """The deal that moved last has changed its pipeline, too."""
    as_set = box.switches.changelog_pipelines
    box.set(changelog_pipelines="present")
    logs = box.records_by_parent("deal_changelog")
    box.set(changelog_pipelines=as_set)
    moved = [id_ for id_, log in logs.items() if any(e["field_key"] == "pipeline_id" for e in log)]
    open_ = [deal["id"] for deal in box.records("deals") if deal["id"] in moved]
    row = box.service.world.tables["deals"].rows[open_[0]]
    row.record["stage_change_time"] = "2030-01-01T00:00:00Z"
    box.service.world.tables["deals"].touch(row)


def without_image(box: Sandbox) -> None:
    """No product has one."""
    world = box.service.world
    for row in world.tables["products"].rows.values():
        world.children.change("products", "images", row).clear()


def deleted(*names: str) -> Arrange:
    """Two records of each have just been deleted."""

    def arrange(box: Sandbox) -> None:
        box.clock.advance(60)
        for name in names:
            box.change_records("delete", name, [each["id"] for each in box.records(name)][:2])

    return arrange


def merged(box: Sandbox) -> None:
    """Of two persons one is left. The other's record is still shown."""
    box.set(recents_deleted="record")
    box.clock.advance(60)
    box.change_records("merge", "persons", [person["id"] for person in box.records("persons")][:2])


def deleted_notes(box: Sandbox) -> None:
    box.clock.advance(60)
    box.change_records("delete", "notes", [note["id"] for note in box.records("notes")][-2:])


def archived(box: Sandbox) -> None:
    box.clock.advance(60)
    box.mutate(archives=10, objects=["deals"])


def other_products(box: Sandbox) -> None:
    box.clock.advance(60)
    box.mutate(edits=40, objects=["deals"], edit_kinds=["products"])


def projects_deleted_before(box: Sandbox) -> None:
    """One project was deleted 40 days before the other."""
    first, second = [project["id"] for project in box.records("projects")][:2]
    box.change_records("delete", "projects", [first])
    box.clock.advance(40 * DAY)
    box.change_records("delete", "projects", [second])


@dataclass(frozen=True)
class Case:
    """What the probe says about a question for each value of a switch. app: with an OAuth app's
    credentials instead of an API token."""

    question: str
    switch: str
    verdicts: dict[Any, str]
    arrange: Arrange = nothing
    deals: int | None = None
    app: bool = False


LIST_ORDER = {"all": YES, "none": NO}
WITH_WEBHOOKS = "base,deals:read,contacts:read,webhooks:read"
REFUSED = {"skipped": YES, "400": NO, "404": NO}
CASES = (
    *(
        Case(f"{name}_sorted", "sorting", LIST_ORDER)
        for name in (
            *("deals", "archived_deals", "persons", "organizations", "activities", "notes"),
            *("leads", "files"),
        )
    ),
    Case("second_sort_key", "sorting", {"all": YES, "first": NO}, ties),
    Case("two_sort_keys", "v1_sort_keys", {9: YES, 1: NO}),
    Case("nulls_first", "nulls", {"first": YES, "last": NO}, no_times),
    Case("nulls_first", "null_update_times", {0: OPEN, 3: YES}),
    Case("bounded_without_nulls", "bounded_returns_nulls", {False: YES, True: NO}, no_times),
    Case("full_pages", "page_limit", {0: YES, 60: NO}, deals=600),
    Case("last_cursor_null", "next_cursor", {"null": YES, "absent": NO}),
    Case("empty_list_null", "empty_list", {"null": YES, "list": NO}),
    Case("lead_pages_nested", "lead_pagination", {"nested": YES, "flat": NO}),
    Case("mail_pages", "mail_pagination", {"present": YES, "absent": NO}),
    Case("installment_pages", "installments_pagination", {"present": YES, "absent": NO}),
    Case("ids_skip_missing", "missing_ids", REFUSED),
    Case("deal_ids_skip_missing", "gone_deals", {**REFUSED, "403": NO}),
    Case("company_host", "host_style", {"company": YES, "shared": NO}),
    Case("custom_fields_null", "custom_fields", {"null": YES, "object": OPEN}),
    Case("mail_folders", "mail_folders", {"consistent": YES, "inconsistent": NO}),
    Case("pipelines_logged", "changelog_pipelines", {"present": YES, "absent": NO}, a_move),
    Case("fields_accepted", "fields_refused", {"": YES, "people_count": NO}),
    Case("app_fields", "apps", {"sales,global,campaigns": YES, "sales,global": YES}),
    Case("app_fields", "fields_refused", {"": YES, "doi_status": NO}),
    Case("refusal_names_field", "refusal_names", {"one": YES, "all": NO, "none": NO}),
    Case("no_installments", "installments", {"ok": OPEN, "402": YES, "403": YES}),
    Case("no_projects", "projects_plan", {"ok": OPEN, "402": YES, "403": YES, "404": YES}),
    Case(
        "no_teams",
        "legacy_teams",
        {"ok": OPEN, "402": YES, "403": YES, "404": YES, "410": YES},
    ),
    Case("no_mailbox", "mailbox", {"ok": OPEN, "404": YES}),
    Case("no_image", "no_image", {"404": YES, "null": NO}, without_image),
    Case("team_goals", "team_goals", {"ok": YES, "400": NO, "402": NO, "403": NO, "404": NO}),
    Case("goal_periods", "goal_periods", {"inside": YES, "any": NO}),
    Case("deleted_deals_status", "deleted_status", {"deleted": YES, "keep": NO}),
    Case("deleted_deals_marked", "status_ignored", {"": YES, "deals": NO, "projects": YES}),
    Case("lists_hide_deleted", "list_deleted", {False: YES, True: NO}, deleted("organizations")),
    Case("archiving_moves_time", "archive_moves_update_time", {True: YES, False: NO}, archived),
    Case("archived_products", "archived_children", {"listed": YES, "hidden": NO}, archived),
    Case("products_move_time", "children_move_update_time", {True: YES, False: NO}, other_products),
    Case(
        "recents_have_data",
        "recents_deleted",
        {"record": YES, "null": NO, "both": NO},
        deleted("persons", "products"),
    ),
    Case("recents_once", "recents_repeat", {False: YES, True: NO}, deleted("persons")),
    Case(
        "survivor_names_merged",
        "recents_merged",
        {"survivor": YES, "deleted": NO, "neither": OPEN},
        merged,
    ),
    Case("deleted_single", "deleted_singles", {"404": YES, "410": NO, "marked": NO}, deleted_notes),
    Case(
        "deleted_projects_end",
        "deleted_projects_stay",
        {False: YES, True: NO},
        projects_deleted_before,
    ),
    Case("burst_headers", "rate_headers", {True: YES, False: NO}),
    Case("daily_headers", "daily_headers", {True: YES, False: NO}),
    Case("daily_before", "daily_remaining", {"before": YES, "after": NO}),
    Case("webhooks_by_scope", "scopes", {"all": OPEN, WITH_WEBHOOKS: YES}, app=True),
    Case("scopes_told", "reported_scope", {"granted": YES, "base": NO}, app=True),
    Case("refresh_token_stays", "rotate_refresh_token", {False: YES, True: NO}, app=True),
)
FLIPS = [(case, value) for case in CASES for value in case.verdicts]
# Switches that no question is about, and why.
UNASKED = {
    "cursor_marks": "a cursor is opaque, and the connector does not look into it",
    "restore_moves_update_time": "only who restores a record can tell; the probe changes nothing",
    "notes_move_update_time": "only who deletes a note can tell; the probe changes nothing",
    "archive_ids": "costs 20 tokens; an audit finds out, and declares nothing deleted without it",
    "archived_singles": "costs 12 tokens; an audit finds out, as well",
    "new_records_lag": "only who adds a record can tell; the probe changes nothing",
    "plan_refusal": "has its own test, below",
    "daily_remainder": "only a spent day tells, which would stop the company's other integrations",
    "cloudflare_after": "only an attack tells",
    **dict.fromkeys(
        ("callback_url", "http_callbacks", "denial_error", "denial_state"),
        "only a person who logs in with a browser can tell",
    ),
    "expires_in": "the connector reads the lifetime of each token",
    **dict.fromkeys(("admin", "permissions_lacking", "user_active", "company_open"),
                    "how users differ, not how the API behaves"),
    "canaries": "made-up personal data, for the tests of privacy",
    "fields_hidden": "a permission that the vendor does not name",
    **dict.fromkeys(("rate_limit", "daily_tokens"), "how plans differ"),
    **dict.fromkeys(("other_requests", "latency_ms", "churn", "tick"), "what others do meanwhile"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "value"), FLIPS, ids=[f"{case.question}-{case.switch}={v}" for case, v in FLIPS]
)
def test_each_switch_is_reported_as_it_is(case: Case, value: Any) -> None:
    with sandbox(case.deals, **{case.switch: value}) as box:
        case.arrange(box)
        config = oauth(box) if case.app else None
        assert verdict(box, case.question, config) == case.verdicts[value]


@pytest.mark.parametrize("form", ["code", "words", "nothing", "strange"])
def test_a_plans_refusal_is_reported_by_its_form(form: str) -> None:
    forms = {"nothing": "empty", "strange": "other JSON"}
    with sandbox(plan_refusal=form, installments="403", projects_plan="403") as box:
        found = answers(ask(box))
    for name in ("no_installments", "no_projects"):
        facts = found[name]["facts"]
        assert (found[name]["verdict"], facts["status"]) == (YES, 403)
        assert facts["body"] == forms.get(form, "JSON object")
        assert facts.get("code") == {"code": "feature_", "words": "none"}.get(form)


def test_every_switch_is_asked_about_or_has_a_reason() -> None:
    assert {case.switch for case in CASES} | UNASKED.keys() == set(NAMES)
    assert {case.switch for case in CASES} & UNASKED.keys() == set()
