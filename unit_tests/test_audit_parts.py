"""The parts of an audit, against fakes: whom it believes, what it may spend, and what it keeps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from threading import RLock
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from source_pipedrive.http.errors import SYSTEM, StreamError
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.audit import comparison as comparisons
from source_pipedrive.reading.audit import guards, size
from source_pipedrive.reading.audit.audit import Audit
from source_pipedrive.reading.audit.comparison import Comparison
from source_pipedrive.reading.audit.context import PassContext
from source_pipedrive.reading.audit.ids import Numbers
from source_pipedrive.reading.audit.ledger import TRIES, Kept
from source_pipedrive.reading.audit.lists import WholeLists
from source_pipedrive.reading.audit.passes import ObjectPass
from source_pipedrive.reading.audit.settings import DAY, AuditSettings
from source_pipedrive.reading.audit.share import LEAST_LIMIT, Share, SharedClient, ShareSpentError
from source_pipedrive.reading.audit.verdicts import Verdicts
from source_pipedrive.reading.audit.verification import verify
from source_pipedrive.reading.audit.viewer import Viewer
from source_pipedrive.reading.audit.walks import walk_of
from source_pipedrive.reading.batch import Batch
from source_pipedrive.reading.counts import LastAudit
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.reader import ReadContext
from source_pipedrive.stream.audited import AUDITED, AUDITOR
from unit_tests.auditing import OLD, Firm, deleted, kept, sync
from unit_tests.fakes import ACME, NOW, FakeApi, FakeClient, v1_list, v2_list
from unit_tests.single import LOWER, UNTIL

BY_NAME = {each.name: each for each in AUDITED}
Record = dict[str, Any]


class Pipedrive(FakeApi):
    """Answers each request with `answer(request)`; a number stands for an error of that status."""

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        super().__init__()
        self._answer = answer
        self.asked: list[Request] = []

    def get(self, request: Request) -> Answer:
        """The answer, or the error."""
        self.asked.append(request)
        found = self._answer(request)
        if isinstance(found, int):
            raise StreamError("refused", SYSTEM, found, "{}")
        return Answer({"data": found, "additional_data": {"next_cursor": None}}, NOW)


def ids_of(request: Request) -> list[int]:
    return [int(id_) for id_ in request.params["ids"].split(",")]


def together(api: Pipedrive, name: str, ids: Iterable[Any], known: Iterable[Any] = ()) -> Verdicts:
    """What is known of all of these ids."""
    found = Verdicts()
    for each in verify(api, BY_NAME[name], ids, known):
        found.alive.extend(each.alive)
        found.absent.extend(each.absent)
        found.unsure.extend(each.unsure)
        found.marked.update(each.marked)
    return found


# --- verification


def test_a_record_in_either_list_exists() -> None:
    def answer(request: Request) -> list[Record]:
        if "ids" not in request.params:
            return []
        listed = {1} if request.path == "deals" else {2}
        return [{"id": id_} for id_ in ids_of(request) if id_ in listed]

    found = together(Pipedrive(answer), "deals", [1, 2, 3])
    assert (sorted(found.alive), found.absent) == ([1, 2], [3])


def test_a_deal_that_leaves_the_archive_between_two_requests_exists() -> None:
    asked: list[str] = []

    def answer(request: Request) -> list[Record]:
        if "ids" not in request.params:
            return []
        asked.append(request.path)
        return [{"id": 7}] if asked == ["deals", "deals/archived", "deals"] else []

    assert together(Pipedrive(answer), "deals", [7]).alive == [7]


@pytest.mark.parametrize(
    "mark", [{"is_deleted": True}, {"status": "deleted"}, {"active_flag": False}]
)
def test_a_mark_is_a_deletion_with_its_time(mark: Record) -> None:
    record = {"id": 1, "update_time": "2026-11-20T08:00:00Z", **mark}
    found = together(Pipedrive(lambda request: [record]), "persons", [1])
    assert found.marked == {1: "2026-11-20T08:00:00Z"}


def test_an_unknown_id_that_is_refused_does_not_speak_for_the_others() -> None:
    def answer(request: Request) -> Any:
        return 404 if 3 in ids_of(request) else [{"id": id_} for id_ in ids_of(request)]

    found = together(Pipedrive(answer), "persons", range(1, 9))
    assert (sorted(found.alive), found.absent) == ([1, 2, 4, 5, 6, 7, 8], [3])


def test_a_list_that_ignores_the_ids_verifies_nothing() -> None:
    """Its first page would lack nearly every id."""
    api = Pipedrive(lambda request: [{"id": id_} for id_ in range(1, 500)])
    with pytest.raises(StreamError, match="not requested"):
        together(api, "persons", [600])


@pytest.mark.parametrize("name", ["persons", "notes"])
def test_without_a_known_record_no_answer_is_believed(name: str) -> None:
    """A path that always answers 404, or an empty list, looks like a deletion of everything."""
    api = Pipedrive(lambda request: [] if name == "persons" else 404)
    found = together(api, name, [7], known=[1, 2])
    assert (found.absent, found.unsure) == ([], [7])


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "absent"), (410, "marked"), (403, "unsure"), (400, "unsure")]
)
def test_what_the_answer_for_a_single_record_means(status: int, kind: str) -> None:
    api = Pipedrive(lambda request: status if request.path == "notes/7" else {"id": 1})
    found = together(api, "notes", [7], known=[1])
    assert 7 in getattr(found, kind)


def test_a_server_error_declares_nothing() -> None:
    with pytest.raises(StreamError):
        together(Pipedrive(lambda request: 500), "notes", [7])


@pytest.mark.parametrize("status", [0, 500])
def test_one_record_that_always_fails_does_not_stop_the_others(status: int) -> None:
    """Otherwise no pass over notes would ever end."""
    answers = {"notes/7": status, "notes/8": 404}
    api = Pipedrive(lambda request: answers.get(request.path, {"id": 1}))
    found = together(api, "notes", [7, 8], known=[1])
    assert (found.unsure, found.absent) == ([7], [8])
    answers["notes/1"] = status
    with pytest.raises(StreamError):
        together(api, "notes", [7, 8], known=[1])


def test_a_hundred_candidates_are_one_request() -> None:
    api = Pipedrive(lambda request: [{"id": id_} for id_ in ids_of(request)])
    together(api, "persons", range(100, 400), known=[1, 2, 3])
    assert len(api.asked) == -(-300 // 97)
    assert all(len(ids_of(request)) <= 100 for request in api.asked)


# --- guards and viewers


@pytest.mark.parametrize(("present", "most"), [(0, 10), (50, 10), (101, 10), (1_000, 100)])
def test_a_tenth_is_believed_and_ten_always(present: int, most: int) -> None:
    assert guards.most_believed(present) == most


def test_gaps_mean_nothing_if_ids_do_not_count_up() -> None:
    assert guards.is_sparse(gaps=10_001, records=1_000)
    assert not guards.is_sparse(gaps=10_000, records=1)
    assert not guards.is_sparse(gaps=100_000, records=10_000)


def test_only_an_admin_of_all_apps_concerned_sees_everything() -> None:
    viewer = Viewer(1, 2, {"sales": True, "global": False}, None)
    assert viewer.sees_all(("sales",))
    assert not viewer.sees_all(("sales", "global"))
    assert not viewer.sees_all(())
    assert not replace(viewer, access=None).sees_all(("sales",))


def test_a_viewer_with_other_permissions_is_another() -> None:
    viewer = Viewer(1, 2, {"sales": True}, {"can_use_api": True})
    assert viewer.mark == replace(viewer).mark
    changes = ({"user": 3}, {"company": 9}, {"access": {"sales": False}}, {"permissions": {}})
    for change in changes:
        assert replace(viewer, **change).mark != viewer.mark  # type: ignore[arg-type]


# --- the share


def test_an_audit_never_spends_more_than_its_share() -> None:
    share = Share(Usage(), 1, UNTIL)
    for _ in range(LEAST_LIMIT // 100 // 10):
        share.take(10)
        share.settle(10)
    with pytest.raises(ShareSpentError):
        share.take(10)
    assert share.spent == LEAST_LIMIT // 100


def test_what_was_spent_today_counts_and_yesterdays_does_not() -> None:
    share = Share(Usage(), 1, UNTIL)
    share.take(40)
    today = Share(Usage(), 1, UNTIL + 60, share.dump())
    assert (today.spent, today.of_this_sync) == (40, 0)
    assert Share(Usage(), 1, UNTIL + DAY, share.dump()).spent == 0


def test_tries_that_pipedrive_failed_count_towards_the_share() -> None:
    class Flaky(FakeApi):
        def get(self, request: Request) -> Answer:
            for _ in range(3):
                self.usage.charge(request.stream, request.cost, {})
            return Answer({"data": []}, NOW)

    api = Flaky()
    api.usage = Usage()
    api.usage.charge(AUDITOR, 500, {})  # before the audit
    share = Share(api.usage, 100, UNTIL)
    client = SharedClient(api, share)
    for _ in range(2):
        client.get(Request(AUDITOR, "persons", 2, 10, "contacts:read"))
    assert share.spent == 60


def test_an_audit_stops_before_the_limits_of_the_sync() -> None:
    """Otherwise the audit would end the sync with an error."""
    usage = Usage(most=100)
    usage.charge("deals", 95, {})
    with pytest.raises(ShareSpentError):
        SharedClient(FakeClient(lambda params: {}), Share(usage, 50, UNTIL)).get(
            Request("deleted_records", "deals", 2, 10, "deals:read")
        )


# --- walks


def records(count: int) -> list[Record]:
    return [{"id": n, "update_time": f"2026-11-{1 + n % 20:02}T08:00:00Z"} for n in range(1, count)]


@pytest.mark.parametrize("cut", range(1, 15))
def test_a_walk_that_is_cut_reads_the_rest_in_the_next_sync(cut: int) -> None:
    client, seen = FakeClient(v2_list(records(100), limit=15)), set[int]()

    def note(page: Any) -> None:
        seen.update(record["id"] for record in page)

    stream, saved = BY_NAME["persons"].lists[0], None
    for _ in range(2):
        walk = walk_of(stream, client, RLock(), note, UNTIL, saved)
        reading = walk.take(1)
        for at, _ in enumerate(reading or ()):
            if saved is None and at + 1 == cut:
                break
        saved = walk.dump()
    assert walk.complete
    assert seen == set(range(1, 100))
    assert len(client.asked) <= 7 + 2


@pytest.mark.parametrize("limit", [1, 50, 500])
def test_a_walk_by_offset_gets_on_though_a_sync_reads_one_small_page(limit: int) -> None:
    rows = [{"id": n} for n in range(1, 300)]
    client, seen = FakeClient(v1_list(rows, limit=limit)), list[Record]()
    stream, saved = BY_NAME["files"].lists[0], None
    for _ in range(2 * len(rows) // limit + 2):
        walk = walk_of(stream, client, RLock(), seen.extend, UNTIL, saved)
        for _ in islice(walk.take(1) or (), 2):  # its records and a pause
            pass
        saved = walk.dump()
    assert walk.complete
    assert {row["id"] for row in seen} == {row["id"] for row in rows}


def test_a_cursor_that_expired_starts_the_list_over() -> None:
    def answer(request: Request) -> Any:
        return 400 if "cursor" in request.params else [{"id": 1}]

    seen: list[Record] = []
    stream = BY_NAME["tasks"].lists[0]
    walk = walk_of(stream, Pipedrive(answer), RLock(), seen.extend, UNTIL, {"cursor": "old"})
    assert list(walk.take(1) or ()) == [[{"id": 1}], None]
    assert walk.complete
    assert seen == [{"id": 1}]


# --- the state


def test_a_state_gives_a_pass_back() -> None:
    for audited in AUDITED:
        ids = [str(UUID(int=n)) for n in (1, 2, 3)] if audited.uuids else [1, 2, 3]
        kept = Kept(audited, {})
        kept.begin(UNTIL - DAY, "me").seen.add(ids)
        kept.close(kept.ids(), kept.ids(), kept.ids())
        now = kept.begin(UNTIL, "me")
        now.seen.add(ids[1:])
        now.absent.add(ids[:1])
        kept.report(ids[:1])
        again = Kept(audited, kept.dump())
        assert again.dump() == kept.dump()
        assert again.current is not None
        assert list(again.current.seen) == ids[1:]


def test_what_a_pass_has_judged_does_not_replace_what_pipedrive_reports_meanwhile() -> None:
    kept = Kept(BY_NAME["persons"], {})
    now = kept.begin(UNTIL, "me")
    for judged in (now.seen, now.absent, now.marked, now.unsure):
        judged.add([1, 2])
    kept.report([1])
    sets = (now.seen, now.absent, now.marked, now.unsure)
    assert [list(each) for each in sets] == [[2]] * 4


def audit_with(saved: Record) -> Audit:
    client = FakeClient(lambda params: {})
    context = ReadContext(client=client, company=ACME, lower=LOWER, until=UNTIL)
    return Audit(context, AuditSettings(), saved, lambda *_, **__: {})


def test_the_report_of_a_sync_learns_what_the_last_passes_found() -> None:
    persons, files, leads = (Kept(BY_NAME[name], {}) for name in ("persons", "files", "leads"))
    first = persons.begin(UNTIL - 9 * DAY, "me")
    first.seen.add(range(1, 41))
    first.unsure.add([50, 51])
    persons.report([60])
    persons.close(persons.ids(), persons.ids(), persons.ids())
    persons.take_back([60])
    persons.begin(UNTIL - DAY, "me").seen.add(range(1, 10))
    files.begin(UNTIL - DAY, "me")
    leads.begin(UNTIL - DAY, "me")
    leads.close(leads.ids(), leads.ids(), leads.ids())
    leads.stop(UNTIL)
    saved = {"objects": {kept.audited.name: kept.dump() for kept in (persons, files, leads)}}
    found = audit_with(saved).findings()
    assert found.audits == {"persons": LastAudit(UNTIL - 9 * DAY, 40)}, "as the audit found them"
    assert found.unaudited["persons"] == (UNTIL - 9 * DAY, UNTIL - DAY)
    assert found.unaudited["files"] == (0, UNTIL - DAY)
    assert found.unaudited["deals"] == (0, UNTIL), "due, and not begun"
    assert "leads" not in found.unaudited


def test_the_audit_of_leads_ends_before_the_state_is_too_large(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    leads, persons = Kept(BY_NAME["leads"], {}), Kept(BY_NAME["persons"], {})
    leads.present.add(str(UUID(int=n << 64 | n * n)) for n in range(500))
    persons.present.add(range(1, 500))
    objects = {"leads": leads.dump(), "persons": persons.dump()}
    whole = audit_with({"objects": objects}).dump()
    assert whole["objects"] == objects
    monkeypatch.setattr(size, "MOST", 1_000)
    with caplog.at_level(logging.WARNING, "airbyte"):
        small = audit_with({"objects": objects}).dump()
    stopped = {"stopped": True, "asked": rfc3339(UNTIL)}
    assert small["objects"] == {"leads": stopped, "persons": objects["persons"]}
    assert len([text for text in caplog.messages if "audit of leads ends" in text]) == 1


class Leads(Firm):
    """A company with so many leads."""

    leads = 0

    def _answer(self, request: Request) -> Record:
        if request.path != "leads":
            return super()._answer(request)
        uuids = [str(UUID(int=n << 64 | n * n)) for n in range(1, self.leads + 1)]
        return v1_list([{"id": each, "update_time": OLD} for each in uuids], 500)(request.params)


def test_the_audit_of_leads_is_tried_again_once_a_month(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(size, "MOST", 5_000)
    firm, state, warnings, read = Leads(), Record(), [], []
    for day, leads in ((0, 900), (1, 900), (8, 900), (31, 900), (38, 10), (62, 10), (69, 10)):
        firm.leads = leads
        caplog.clear()
        firm.asked.clear()
        _, state = sync(firm, state, day)
        warnings += [day for text in caplog.messages if "audit of leads ends" in text]
        read += [day for each in firm.asked if each.path == "leads"][:1]
    assert warnings == [0, 31]
    assert read == [0, 31, 62, 69]
    assert kept(state, "leads").existing == 10


@pytest.mark.parametrize(
    "objects", [{"deals": {"present": "damaged"}}, {"deals": {"pass": {}}}, [], {"deals": 7}]
)
def test_a_damaged_state_is_an_error(objects: Any) -> None:
    with pytest.raises(Exception, match="cannot be read"):
        audit_with({"objects": objects})


def context_of(trusted: bool) -> PassContext:
    viewer: Any = SimpleNamespace(mark="me", at=0, sees_all=lambda apps: trusted)
    return PassContext(
        client=FakeClient(lambda params: {}),
        lock=RLock(),
        now=UNTIL,
        settings=AuditSettings(),
        viewer=viewer,
        ask_viewer=lambda: viewer,
        row=lambda name, id_, *_, **__: {"id": id_},
        deals=Kept(BY_NAME["deals"], {}),
    )


@pytest.mark.parametrize("trusted", [True, False])
def test_what_was_seen_again_is_not_declared_whoever_reads(trusted: bool) -> None:
    """An earlier sync has verified two records, and this one has seen both."""
    kept = Kept(BY_NAME["persons"], {})
    now = kept.begin(UNTIL, "me")
    now.marked.add([7])
    now.absent.add([8])
    now.seen.add([7, 8])
    steps = list(ObjectPass(kept, context_of(trusted))._declare({}))
    assert [record for step in steps if isinstance(step, Batch) for record in step.records] == []


@pytest.mark.parametrize("name", ["notes", "projects", "leads"])
def test_a_list_that_is_complete_has_its_price(name: str) -> None:
    """Another worker may close the pass at that moment, and the next pass announces that price."""
    kept = Kept(BY_NAME[name], {})
    prices: list[int] = []

    class Lock:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None:
            if all(walk.complete for walk in one._walks):
                prices.append(one._now.tokens)

    lock: Any = Lock()
    answer = v2_list([], 500) if name == "projects" else v1_list([], 500)
    one = ObjectPass(kept, replace(context_of(True), lock=lock, client=FakeClient(answer)))
    for _ in one.lists:
        work = one.take(1)
        assert work is not None
        list(work)
    assert prices[0] == sum(each.endpoint.cost for each in one.lists)


def test_an_audit_of_children_that_is_always_cut_short_ends() -> None:
    """It asks about all of them at once, so each sync would begin again for ever."""
    kept = Kept(BY_NAME["deal_products"], {"present": Numbers([1, 2]).dump(), "highest": 2})
    kept.begin(UNTIL, "me").seen.add([1])
    for _ in range(TRIES):
        assert kept.current is not None
        assert kept.current.try_again()
        kept = Kept(BY_NAME["deal_products"], kept.dump())
    one = ObjectPass(kept, context_of(True))
    assert list(one._verify()) == []
    assert (one.done, kept.current, kept.asked) == (True, None, UNTIL)


# --- short lists


def seen_list(*ids: int) -> WholeLists:
    lists = WholeLists()
    lists.note("lead_labels", {str(id_) for id_ in ids})
    return lists


def declared(comparison: Comparison, *ids: int) -> list[Any]:
    """What is declared once a sync has seen these lead labels; no endpoint has a single one."""
    rows = [row for rows in comparison.compare(seen_list(*ids), context_of(True)) for row in rows]
    return [row["id"] for row in rows]


def test_a_label_is_deleted_if_two_lists_in_a_row_lack_it() -> None:
    comparison = Comparison({}, 1)
    comparison.note(seen_list(1, 2, 3), UNTIL, {})
    assert declared(comparison, 1, 2) == []
    assert declared(Comparison(comparison.dump(), 1), 1, 2, 3) == []
    assert declared(comparison, 1, 2) == ["3"]
    assert declared(comparison, 1, 2) == []


def test_an_empty_list_and_the_list_of_another_user_prove_nothing() -> None:
    comparison = Comparison({}, 1)
    comparison.note(seen_list(1, 2, 3), UNTIL, {})
    for _ in range(3):
        assert declared(comparison) == []
        assert declared(Comparison(comparison.dump(), 2), 1) == []


def compared(comparison: Comparison, api: Pipedrive, ids: Iterable[int], day: int) -> list[Any]:
    """The rows of a sync that has seen these pipelines."""
    lists = WholeLists()
    lists.note("pipelines", {str(id_) for id_ in ids})
    context = replace(context_of(True), client=api, now=UNTIL + day * DAY)
    if not comparison.has_missing(lists, context.now, {}):
        comparison.note(lists, context.now, {})
        return []
    return [row["id"] for rows in comparison.compare(lists, context) for row in rows]


def test_a_record_that_exists_but_is_not_listed_is_asked_for_once_a_week() -> None:
    exists = {1, 2, 3}

    def answer(request: Request) -> Any:
        id_ = int(request.path.split("/")[1])
        return {"id": id_} if id_ in exists else 404

    api, comparison, asked = Pipedrive(answer), Comparison({}, 1), []
    compared(comparison, api, [1, 2, 3], 0)
    for day in range(1, 20):
        assert compared(Comparison(comparison.dump(), 2), api, [1], day) == [], "another user"
        api.asked.clear()
        assert compared(comparison, api, [1, 2], day) == []
        asked += [day for each in api.asked if each.path == "pipelines/3"]
        comparison = Comparison(comparison.dump(), 1)
    assert asked == [1, 8, 15]
    exists.discard(3)
    found = [day for day in range(20, 30) if compared(comparison, api, [1, 2], day) == ["3"]]
    assert found == [22], "when it is asked for again, and once"


def test_a_record_that_is_refused_is_asked_for_once_a_day() -> None:
    api = Pipedrive(lambda request: 403 if request.path == "pipelines/3" else {"id": 1})
    comparison = Comparison({}, 1)
    compared(comparison, api, [1, 2, 3], 0)
    for _ in range(3):
        compared(comparison, api, [1, 2], 1)
    assert [each.path for each in api.asked].count("pipelines/3") == 1
    assert compared(comparison, api, [1, 2, 3], 1) == []
    assert "unlisted" not in str(comparison.dump())
    assert compared(comparison, api, [1, 2], 2) == []
    assert [each.path for each in api.asked].count("pipelines/3") == 2


def test_only_so_many_missing_records_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program may make a filter an hour, and delete it: the state must not grow for ever."""
    monkeypatch.setattr(comparisons, "MOST", 3)
    api, comparison = Pipedrive(lambda r: {"id": 1} if r.path == "pipelines/1" else 404), None
    found = []
    for day in range(2, 9):
        comparison = Comparison(comparison.dump() if comparison else {}, 1)
        found += compared(comparison, api, [1, day], day)
        found += compared(comparison, api, [1], day)
    assert found == ["2", "3", "4", "5", "6", "7", "8"]
    kept_of = comparison.dump()["pipelines"] if comparison else {}
    assert kept_of["reported"] == [*kept_of["declared"]] == ["6", "7", "8"]


def test_deactivated_users_do_not_hide_that_another_was_deleted() -> None:
    """The first users of an old company have left. They are listed, and marked."""

    def answer(request: Request) -> Any:
        id_ = int(request.path.removeprefix("users/"))
        return 404 if id_ == 9 else {"id": id_, "active_flag": id_ > 6}

    lists, comparison = WholeLists(), Comparison({}, 7)
    lists.note("users", {str(id_) for id_ in range(1, 10)})
    comparison.note(lists, UNTIL, {})
    lists.note("users", {str(id_) for id_ in range(1, 9)})
    context = replace(context_of(True), client=Pipedrive(answer))
    rows = [row["id"] for rows in comparison.compare(lists, context) for row in rows]
    assert rows == ["9"]


def test_what_is_missing_from_a_short_list_is_believed_if_the_user_is_the_same_afterwards() -> None:
    api, comparison = Pipedrive(lambda request: 404 if "3" in request.path else {"id": 1}), None
    for mark in ("another", "me"):
        comparison = Comparison({}, 1)
        lists = WholeLists()
        lists.note("pipelines", {"1", "2", "3"})
        comparison.note(lists, UNTIL, {})
        lists.note("pipelines", {"1", "2"})
        later: Any = SimpleNamespace(mark=mark, at=0, sees_all=lambda apps: True)
        context = replace(context_of(True), client=api, ask_viewer=lambda later=later: later)
        rows = [row["id"] for rows in comparison.compare(lists, context) for row in rows]
        assert rows == (["3"] if mark == "me" else [])
        assert comparison.has_missing(lists, UNTIL, {}) == (mark != "me")


def test_ids_in_the_billions_are_no_reason_to_count_that_far() -> None:
    """A set of all numbers in between would take gigabytes, and hours."""
    first = 1 << 40
    firm = Firm(persons=range(first, first + 50))
    _, state = sync(firm, {})
    firm.ids["persons"] -= {first + 7}
    assert deleted(sync(firm, state, 8)[0]) == {first + 7}
