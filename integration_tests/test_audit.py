"""An audit finds what Pipedrive does not report, and nothing that still exists."""

from __future__ import annotations

import random
from typing import Any

import pytest

from integration_tests import program
from integration_tests.conftest import Box, Start
from integration_tests.program import Outcome
from integration_tests.test_kills import killed_fork, latest

CLOCK = "2026-11-23T10:00:00Z"
DAY = 86_400
OBJECTS = (
    *("deals", "persons", "organizations", "products", "activities"),
    *("notes", "files", "leads", "projects", "tasks"),
)
VERIFY = {"mode": "verify", "every_days": 7, "share_of_day": 50}
Found = set[tuple[str, str]]


def config(box: Box, **changes: Any) -> dict[str, Any]:
    return box.config(find_deleted_records={**VERIFY, **changes})


def audit(box: Box, state: Any = None, **changes: Any) -> Outcome:
    """A sync of deleted_records with an audit."""
    return box.read("deleted_records", config=config(box, **changes), state=state)


def a_week_later(box: Box, state: Any, **changes: Any) -> Outcome:
    box.control("clock", {"advance_seconds": 7 * DAY})
    return audit(box, state, **changes)


def change(box: Box, action: str, name: str, ids: list[Any]) -> None:
    assert box.control("change-records", {"action": action, "object": name, "ids": ids}) == ids


def some(box: Box, name: str, count: int, skip: int = 3) -> list[Any]:
    """Ids of records that the API lists now."""
    found = [record["id"] for record in box.control(f"records/{name}")]
    return found[skip : skip + count]


def found(outcome: Outcome, evidence: str = "audit") -> Found:
    """What was found deleted, with this evidence."""
    rows = outcome.records("deleted_records")
    return {(row["object"], row["id"]) for row in rows if row.get("evidence") == evidence}


def restored(outcome: Outcome) -> Found:
    rows = outcome.records("deleted_records")
    return {(row["object"], row["id"]) for row in rows if row.get("restored_time")}


def existing(box: Box) -> Found:
    """Every record that the API still shows."""
    archives = ("deals_archived", "leads_archived", "projects_archived")
    lists = (*OBJECTS, *archives, "deal_products", "deal_installments")
    return {
        (name.removesuffix("_archived"), str(record["id"]))
        for name in lists
        for record in box.control(f"records/{name}")
        if not record.get("is_deleted")
    }


def started(start: Start, **switches: Any) -> tuple[Box, Any]:
    """A sandbox after its first audit, and the state."""
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, **switches)
    first = audit(box)
    assert first.code == 0, first.sentence()
    assert not found(first) & existing(box)
    return box, first.state


def test_purged_merged_and_deleted_records_are_found(start: Start) -> None:
    box, state = started(start)
    gone: Found = set()
    for name in OBJECTS:
        purged = some(box, name, 2)
        change(box, "purge", name, purged)
        gone |= {(name, str(id_)) for id_ in purged}
    for name in ("persons", "organizations", "deals"):
        kept, *merged = some(box, name, 3)
        change(box, "merge", name, [kept, *merged])
        change(box, "purge", name, merged)
        gone |= {(name, str(id_)) for id_ in merged}
    later = a_week_later(box, state)
    assert later.code == 0, later.sentence()
    assert found(later) >= gone
    assert not found(later) & existing(box)
    rows = [row for row in later.records("deleted_records") if row["evidence"] == "audit"]
    assert {row.get("last_present_time") for row in rows if (row["object"], row["id"]) in gone} == {
        CLOCK
    }
    again = a_week_later(box, later.state)
    assert not found(again)
    assert not restored(again)


def test_an_archived_deal_is_not_deleted(start: Start) -> None:
    box, state = started(start)
    box.control("mutate", {"objects": ["deals", "leads"], "archives": 12})
    later = a_week_later(box, state)
    assert later.code == 0
    assert not found(later)


def test_what_comes_back_is_reported_again(start: Start) -> None:
    box, state = started(start)
    ids = some(box, "notes", 2)
    change(box, "delete", "notes", ids)
    gone = {("notes", str(id_)) for id_ in ids}
    later = a_week_later(box, state)
    assert found(later) | found(later, "recents") == gone
    change(box, "restore", "notes", ids)
    last = a_week_later(box, later.state)
    assert restored(last) == gone
    assert not found(last)


@pytest.mark.parametrize("status", ["404", "410", "marked"])
@pytest.mark.parametrize("missing", ["skipped", "400", "404"])
def test_whatever_pipedrive_answers_for_a_missing_record(
    start: Start, status: str, missing: str
) -> None:
    box, state = started(start, deleted_singles=status, missing_ids=missing)
    gone: Found = set()
    for name in ("persons", "notes", "leads", "tasks"):
        ids = some(box, name, 2)
        change(box, "delete", name, ids)
        change(box, "purge", name, ids[:1])
        gone |= {(name, str(id_)) for id_ in ids}
    later = a_week_later(box, state)
    assert later.code == 0, later.sentence()
    all_found = found(later) | found(later, "recents")
    assert all_found <= gone
    assert not all_found & existing(box)
    if missing != "400":  # then no answer about a person means anything
        assert all_found == gone


def test_lost_access_is_not_a_deletion(start: Start) -> None:
    box, state = started(start, admin=False)
    ids = some(box, "persons", 3)
    change(box, "hide", "persons", ids)
    hidden = {("persons", str(id_)) for id_ in ids}
    later = a_week_later(box, state)
    assert not found(later)
    assert found(later, "unreachable") == hidden
    again = a_week_later(box, later.state)
    assert not found(again, "unreachable")
    change(box, "show", "persons", ids)
    last = a_week_later(box, again.state)
    assert restored(last) == hidden


def test_a_deletion_is_verified_though_the_oldest_records_were_deleted(start: Start) -> None:
    """Records that exist are asked for as well. If those are deleted too, no answer counts."""
    box, state = started(start)
    ids = some(box, "persons", 4, skip=0)
    change(box, "delete", "persons", ids)
    box.control("mutate", {"seed": 1, "objects": ["persons"], "edits": 5})
    assert found(audit(box, state), "recents") >= {("persons", str(id_)) for id_ in ids}


def test_a_deletion_that_is_known_never_becomes_doubtful(start: Start) -> None:
    """The same change is listed again, and the user is no admin any more. A later row would replace
    the first, and the record would count as existing."""
    box, state = started(start, recents_deleted="null")
    ids = some(box, "persons", 2)
    change(box, "delete", "persons", ids)
    gone = {("persons", str(id_)) for id_ in ids}
    first = audit(box, state)
    assert found(first, "recents") == gone
    box.control("switches", {"admin": False})
    for again in (audit(box, first.state), a_week_later(box, first.state)):
        assert again.code == 0, again.sentence()
        assert not found(again, "unreachable") & gone
        assert not restored(again)


@pytest.mark.parametrize("seed", range(3))
def test_no_row_of_a_sync_is_newer_than_the_deletion_that_it_found(start: Start, seed: int) -> None:
    """A row that is newer would look like a record that has come back, and stay in its table."""
    box = start(scale=0.5, seed=seed, clock=CLOCK, rate_limit=1_000_000, page_limit=40)
    names = ("products", "notes", "files", "leads", "persons", "deleted_records")
    generous = config(box, share_of_day=100)
    state = box.read(*names, config=generous).state
    both = 0
    for _ in range(3):
        box.control("clock", {"advance_seconds": 7 * DAY})
        box.control("switches", {"churn": 2, "tick": 1})
        outcome = box.read(*names, config=generous, state=state)
        assert outcome.code == 0, outcome.sentence()
        state = outcome.state
        deleted = {
            (row["object"], row["id"]): row["seen_time"]
            for row in outcome.records("deleted_records")
            if not row.get("restored_time")
        }
        for name in names[:-1]:
            for row in outcome.records(name):
                seen = deleted.get((name, str(row["id"])))
                both += seen is not None
                assert seen is None or row["update_time"] <= seen, (name, row["id"])
    assert both


def test_a_mass_deletion_needs_the_users_word(start: Start) -> None:
    box, state = started(start)
    persons = [record["id"] for record in box.control("records/persons")]
    ids = persons[: len(persons) // 2]
    change(box, "purge", "persons", ids)
    later = a_week_later(box, state)
    assert not found(later)
    (line,) = [log for log in later.logs if "accepted_findings" in log]
    assert f'"persons={len(ids)}"' in line
    box.control("clock", {"advance_seconds": DAY})
    wrong = audit(box, later.state, accepted_findings=f"persons={len(ids) - 1}")
    assert not found(wrong)
    accepted = audit(box, wrong.state, accepted_findings=f"persons={len(ids)}")
    assert found(accepted) == {("persons", str(id_)) for id_ in ids}


def test_without_the_setting_no_request_is_sent_for_it(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    box.control("reset-ledger", {})
    outcome = box.read("deleted_records")
    asked = {request["path"] for request in box.control("requests")}
    paths = {path.split("/", 3)[3] for path in asked}
    assert paths == {
        *("users/me", "deals", "deals/archived", "projects", "projects/archived", "recents")
    }
    assert all(row.get("evidence") in (None, "flag") for row in outcome.records("deleted_records"))
    assert not any("audit" in str(state) for state in outcome.state)


# --- at any time, by anyone


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_that_exists_is_declared_while_everyone_works(start: Start, seed: int) -> None:
    """Records change, move to the archive, and are deleted between any two requests."""
    box = start(scale=1, seed=seed, clock=CLOCK, rate_limit=1_000_000)
    state = audit(box).state
    before = existing(box)
    box.control("clock", {"advance_seconds": 7 * DAY})
    box.control("switches", {"churn": 6, "tick": 1})
    busy = audit(box, state, share_of_day=100)
    assert busy.code == 0, busy.sentence()
    box.control("switches", {"churn": 0, "tick": 0})
    now = existing(box)
    assert not found(busy) & now
    quiet = a_week_later(box, busy.state, share_of_day=100)
    everything = found(busy) | found(quiet) | found(busy, "recents") | found(quiet, "recents")
    everything |= found(busy, "flag") | found(quiet, "flag")
    assert not found(quiet) & now
    assert before - now <= everything
    assert not restored(busy) | restored(quiet)


def test_small_pages_end_while_everyone_works(start: Start) -> None:
    """Pages far below the size that was requested, as many changes as records on a page, and later
    changes at the end of the list of changes."""
    box = start(scale=0.3, clock=CLOCK, rate_limit=1_000_000, page_limit=12)
    state = audit(box).state
    before = existing(box)
    box.control("clock", {"advance_seconds": 7 * DAY})
    box.control("switches", {"churn": 6, "tick": 1})
    busy = audit(box, state, share_of_day=100)
    assert busy.code == 0, busy.sentence()
    assert not found(busy) & existing(box)
    box.control("switches", {"churn": 0, "tick": 0, "page_limit": 0})
    quiet = a_week_later(box, busy.state, share_of_day=100)
    rows = [*busy.records("deleted_records"), *quiet.records("deleted_records")]
    # So many are gone that the audit holds its findings; but Pipedrive lists these as deleted.
    listed = ("deals", "persons", "organizations", "products", "activities", "notes", "files")
    gone = {each for each in before - existing(box) if each[0] in listed}
    assert len(gone) > 100
    assert gone <= {(row["object"], row["id"]) for row in rows}


def test_a_first_audit_finds_what_was_deleted_before_it(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    gone: Found = set()
    for name in ("deals", "persons", "organizations", "products", "activities"):
        ids = some(box, name, 2)
        change(box, "purge", name, ids)
        gone |= {(name, str(id_)) for id_ in ids}
    first = audit(box)
    assert found(first) >= gone
    assert not found(first) & existing(box)


def test_an_audit_keeps_to_its_share_and_resumes(start: Start) -> None:
    box, state = started(start, daily_tokens=30_000, page_limit=20)
    ids = some(box, "activities", 2)
    change(box, "purge", "activities", ids)
    box.control("clock", {"advance_seconds": 7 * DAY})
    gone: Found = set()
    days = 0
    while not gone:
        days += 1
        assert days < 20, "it never ends"
        box.control("reset-ledger", {})
        outcome = audit(box, state, share_of_day=1)
        assert outcome.code == 0
        spent = sum(each["tokens"] for each in box.control("ledger").values())
        reported = 10 + 20 + 10 + 10 + 20 + 2  # what every sync of deleted_records costs, or less
        assert spent <= 300 + reported + 40
        again = audit(box, outcome.state, share_of_day=1)
        gone, state = found(outcome) | found(again), again.state
        box.control("clock", {"advance_seconds": DAY})
    assert gone == {("activities", str(id_)) for id_ in ids}
    assert days > 1, "one day's share was not enough"


@pytest.mark.parametrize("seed", range(6))
def test_an_audit_that_is_killed_anywhere_finds_the_same(
    start: Start, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("source_pipedrive.reading.audit.unsaved.EVERY", 0)
    chance = random.Random(seed)
    box, saved = started(start, page_limit=25, latency_ms=2)
    before = existing(box)
    for name in OBJECTS:
        change(box, "purge", name, some(box, name, 2))
    gone = before - existing(box)  # with the products of the deals
    box.control("clock", {"advance_seconds": 7 * DAY})
    catalog = box.file(program.catalog_of(box.streams(), "deleted_records"))
    rows: Found = set()
    state = {"deleted_records": saved[0]}
    for _ in range(8):
        config_file = box.file(config(box, share_of_day=100))
        state_file = box.file(list(state.values()))
        arguments = ["read", "--config", config_file, "--catalog", catalog, "--state", state_file]
        outcome, _ = killed_fork(arguments, chance.randrange(2_000, 40_000))
        rows |= found(outcome)
        state = latest(state, outcome)
    last = audit(box, list(state.values()))
    assert last.code == 0
    assert rows | found(last) == gone
    assert not found(a_week_later(box, last.state))


def test_a_pass_starts_over_when_the_users_permissions_change(start: Start) -> None:
    box, state = started(start, daily_tokens=30_000, page_limit=20)
    box.control("clock", {"advance_seconds": 7 * DAY})
    cut = audit(box, state, share_of_day=1)
    assert any("The next sync resumes it" in log for log in cut.logs)
    box.control("switches", {"permissions_lacking": "can_use_import"})
    box.control("clock", {"advance_seconds": DAY})
    later = audit(box, cut.state)
    assert any("starts over" in log for log in later.logs)
    assert not found(later)


def test_the_audit_comes_last(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    names = ("deals", "deal_products", "persons", "deal_changelog", "users", "deleted_records")
    box.control("reset-ledger", {})
    outcome = box.read(*names, config=config(box))
    assert outcome.code == 0, outcome.sentence()
    ended = [
        trace["stream_status"]["stream_descriptor"]["name"]
        for trace in outcome.of("TRACE")
        if trace["type"] == "STREAM_STATUS" and trace["stream_status"]["status"] == "COMPLETE"
    ]
    assert ended[-1] == "deleted_records"
    asked = [request["object"] for request in box.control("requests")]
    begun = max(at for at, name in enumerate(asked) if name == "user_permissions")
    assert not {"deal_changelog", "users"} & {*asked[begun:]}
    assert {"deals", "persons", "tasks"} <= {*asked[begun:]}


def test_a_short_list_is_compared_in_every_sync_at_no_price(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    names = ("users", "pipelines", "lead_labels", "deleted_records")
    state = box.read(*names, config=config(box)).state
    box.control("clock", {"advance_seconds": DAY})
    box.control("reset-ledger", {})
    quiet = box.read(*names, config=config(box), state=state)
    assert not found(quiet)
    spent = {name: each["requests"] for name, each in box.control("ledger").items()}
    assert "user" not in spent
    assert spent["users_me"] == 1
    user, label = some(box, "users", 1)[0], some(box, "lead_labels", 1, 1)[0]
    change(box, "purge", "users", [user])
    change(box, "purge", "lead_labels", [label])
    box.control("clock", {"advance_seconds": DAY})
    later = box.read(*names, config=config(box), state=quiet.state)
    assert later.code == 0, later.sentence()
    assert found(later) == {("users", str(user))}
    # No endpoint has a single label: two lists in a row have to lack it.
    last = box.read(*names, config=config(box), state=later.state)
    assert found(last) == {("lead_labels", label)}
    assert not box.read(*names, config=config(box), state=last.state).records("deleted_records")


@pytest.mark.parametrize("admin", [True, False])
@pytest.mark.parametrize("form", ["record", "null"])
def test_a_reported_deletion_is_verified(start: Start, admin: bool, form: str) -> None:
    box, state = started(start, admin=admin, recents_deleted=form)
    deleted, back = some(box, "persons", 2)
    change(box, "delete", "persons", [deleted, back])
    change(box, "restore", "persons", [back])
    box.control("clock", {"advance_seconds": DAY})
    later = audit(box, state)
    sure = admin or form == "record"
    assert found(later, "recents" if sure else "unreachable") == {("persons", str(deleted))}
    assert len([r for r in later.records("deleted_records") if r["object"] == "persons"]) == 1


def test_an_audit_that_nobody_would_see_is_a_warning(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000)
    outcome = box.read("currencies", config=config(box))
    assert (
        len([log for log in outcome.logs if "deleted_records, which is not selected" in log]) == 1
    )
    full = box.read("deleted_records", config=config(box), mode="full_refresh")
    assert full.code == 0
    assert any("no audit in full refresh" in log for log in full.logs)


def test_an_account_without_projects_is_audited(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, projects_plan="403")
    outcome = audit(box)
    assert outcome.code == 0
    assert any("projects has nothing to audit: not part of" in log for log in outcome.logs)
    assert any("audited leads: " in log for log in outcome.logs)


# --- children of deals

CHILDREN = ("deal_products", "deal_installments")


def children(box: Box) -> Found:
    return {(name, str(each["id"])) for name in CHILDREN for each in box.control(f"records/{name}")}


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("gone", ["skipped", "400", "403", "404"])
def test_removed_products_of_deals_are_found(start: Start, moves: bool, gone: str) -> None:
    box, state = started(start, children_move_update_time=moves, gone_deals=gone)
    before = children(box)
    box.control("clock", {"advance_seconds": DAY})
    box.control("mutate", {"objects": ["deals"], "edits": 40, "edit_kinds": ["products"]})
    change(box, "delete", "deals", some(box, "deals", 3))
    change(box, "purge", "deals", some(box, "deals", 3))
    later = a_week_later(box, state)
    assert later.code == 0, later.sentence()
    now = children(box)
    lost = {each for each in found(later) if each[0] in CHILDREN}
    assert len(before - now) > 10
    assert before - now <= lost
    assert not lost & now
    again = a_week_later(box, later.state)
    assert not found(again)
    assert not restored(again)


def test_installments_that_the_plan_lacks_are_not_audited(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, installments="403")
    box.control("reset-ledger", {})
    outcome = audit(box)
    assert outcome.code == 0
    assert any("deal_installments has nothing to audit" in log for log in outcome.logs)
    assert box.control("ledger")["deal_installments"]["requests"] == 1


def test_an_audit_costs_what_the_log_announces(start: Start) -> None:
    box, state = started(start)
    change(box, "purge", "persons", some(box, "persons", 2))
    later = a_week_later(box, state)
    (announced,) = [log for log in later.logs if "the audit reads" in log]
    tokens = int(announced.split("about ")[1].split(" tokens")[0].replace(",", ""))
    verified = 10 + 12  # the two candidates, and the viewer as of their declaration
    (saved,) = later.state
    spent = saved["stream"]["stream_state"]["audit"]["spent"]["tokens"]
    assert tokens > 100
    assert abs(spent - verified - tokens) <= 0.05 * tokens


def test_a_deal_that_is_deleted_after_a_pass_has_seen_it_did_not_come_back(start: Start) -> None:
    box, state = started(start, daily_tokens=30_000, page_limit=20)
    box.control("clock", {"advance_seconds": 7 * DAY})
    cut = audit(box, state, share_of_day=1)
    assert any("The next sync resumes it" in log for log in cut.logs)
    ids = some(box, "deals", 2)
    change(box, "delete", "deals", ids)
    box.control("clock", {"advance_seconds": DAY})
    later = audit(box, cut.state)
    deals = {("deals", str(id_)) for id_ in ids}
    assert found(later, "flag") >= deals
    assert not found(later) & deals
    assert not restored(later)
    change(box, "restore", "deals", ids)
    last = a_week_later(box, later.state)
    assert restored(last) & {("deals", str(id_)) for id_ in some(box, "deals", 999, 0)} == deals


def test_what_an_account_lacks_is_not_asked_for_in_every_sync(start: Start) -> None:
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, projects_plan="402")
    state = audit(box).state
    box.control("clock", {"advance_seconds": DAY})
    box.control("reset-ledger", {})
    later = audit(box, state)
    assert later.code == 0
    assert "tasks" not in box.control("ledger")
    assert "user_permissions" not in box.control("ledger")


def test_an_app_that_may_not_see_recent_changes_is_audited(start: Start) -> None:
    scopes = "base,deals:read,contacts:read,products:read,activities:read,users:read,leads:read"
    scopes += ",projects:read"
    box = start(scale=0.1, clock=CLOCK, rate_limit=1_000_000, scopes=scopes)
    wanted = {**box.oauth(), "find_deleted_records": VERIFY}
    first = box.read("deleted_records", config=wanted)
    assert first.statuses("deleted_records")[-1] == "INCOMPLETE"
    assert "recents:read" in first.sentence()
    ids = some(box, "persons", 2)
    change(box, "purge", "persons", ids)
    box.control("clock", {"advance_seconds": 7 * DAY})
    later = box.read("deleted_records", config=wanted, state=first.state)
    assert later.statuses("deleted_records")[-1] == "INCOMPLETE"
    assert found(later) == {("persons", str(id_)) for id_ in ids}
    box.control("clock", {"advance_seconds": DAY})
    last = box.read("deleted_records", config=wanted, state=later.state)
    assert not found(last)
    assert last.statuses("deleted_records")[-1] == "INCOMPLETE"
