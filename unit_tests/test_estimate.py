"""The parts of an estimate, against a Pipedrive that is a function.

If they fail, a person pays for a first sync of which the estimate said something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from source_pipedrive.arguments import parser
from source_pipedrive.config.parsing import parse
from source_pipedrive.http.errors import CONFIG, StreamError
from source_pipedrive.http.usage import Usage
from source_pipedrive.reading.audit.unsure import MONTH
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.streams import STREAMS
from source_pipedrive.tools.estimate.bill import (
    ABOUT,
    AT_LEAST,
    EXACT,
    GUESS,
    Bill,
    Item,
    Naming,
    needed,
    refine,
    together,
)
from source_pipedrive.tools.estimate.estimate import audit_share, naming_lists, report
from source_pipedrive.tools.estimate.probed import Probed, Recent
from source_pipedrive.tools.estimate.sampled import SAMPLE, Sampled, strata
from source_pipedrive.tools.estimate.sizes import Facts, Size
from source_pipedrive.tools.report import Table
from unit_tests.fakes import NOW, FakeClient

DAY = 86_400
UNTIL = int(NOW.timestamp())
ALL, YEAR = Facts(0, UNTIL), Facts(UNTIL - 365 * DAY, UNTIL)
Params = Mapping[str, str]
Rows = Sequence[Mapping[str, Any]]


def facts(history: Facts = ALL, largest: int = 0) -> Facts:
    return Facts(history.lower, history.until, largest)


def v2(rows: Rows) -> FakeClient:
    """A v2 list."""

    def answer(params: Params) -> dict[str, Any]:
        if "ids" in params:
            wanted = set(map(int, params["ids"].split(",")))
            return {"success": True, "data": [row for row in rows if row["id"] in wanted]}
        found = sorted(rows, key=lambda row: -row["id"])
        limit = int(params["limit"])
        extra = {"next_cursor": "more" if len(found) > limit else None}
        return {"success": True, "data": found[:limit], "additional_data": extra}

    return FakeClient(answer)


def v1(rows: Rows, most: int = 1_000) -> FakeClient:
    """A v1 list, in the order of `rows`, unless the newest ids come first. most: records of a
    page, whatever was asked for."""

    def answer(params: Params) -> dict[str, Any]:
        start, limit = int(params["start"]), min(most, int(params["limit"]))
        found = list(rows)
        if params.get("sort") == "id DESC":
            found.sort(key=lambda row: -row["id"])
        more = {"more_items_in_collection": start + limit < len(found)}
        page = found[start : start + limit] or None
        return {"success": True, "data": page, "additional_data": {"pagination": more}}

    return FakeClient(answer)


def people(ids: Sequence[int], days_ago: Callable[[int], float] = lambda _: 1) -> Rows:
    return [{"id": id_, "update_time": rfc3339(at(days_ago(id_)))} for id_ in ids]


def at(days_ago: float) -> int:
    return round(UNTIL - days_ago * DAY)


def asked(size: Size, client: FakeClient, most: int = 9) -> Size:
    """`size` after as many questions as help, at most `most`."""
    for _ in range(most):
        if not size.doubt:
            break
        size.ask(client)
    return size


@pytest.mark.parametrize(
    "ids",
    [[], [7], [1, 1_000_000], range(10_000_001, 10_000_401), range(1, 501)],
    ids=["none", "one", "a large gap", "a late start", "a full page"],
)
def test_a_list_of_one_page_is_counted_whatever_its_ids(ids: Sequence[int]) -> None:
    """One question says that nothing follows, however large the gaps are."""
    client = v2(people(ids))
    size = asked(Sampled(STREAMS["persons"], facts()), client)
    assert (size.rows, size.pages, size.doubt) == (len(ids), max(1, -(-len(ids) // 500)), 0)
    assert size.is_single_page
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        (range(1, 8_001), 0.0),
        (range(1, 24_001, 3), 0.15),
        ([i for i in range(1, 40_001) if i % 1_000 < 300], 0.2),
        ([*range(1, 4_001), *range(100_001, 104_001)], 0.35),
    ],
    ids=["no gaps", "two of three", "gaps of 700", "an import at a far number"],
)
def test_the_share_of_random_ids_that_exist(ids: Sequence[int], error: float) -> None:
    client = v2(people(ids))
    size = asked(Sampled(STREAMS["persons"], facts()), client)
    assert abs(size.rows - len(ids)) <= error * len(ids)
    assert len(client.asked) == 4
    assert all(len(params["ids"].split(",")) == SAMPLE for params in client.asked[1:])


def test_records_that_no_random_id_meets_are_not_denied() -> None:
    """Ids of a migrated company: the newest page, a gap of billions, and then everything else."""
    ids = [*range(1, 2_001), *range(10**12, 10**12 + 500)]
    of = bill("persons")
    asked(of.sizes["persons"], v2(people(ids)))
    assert (items(of)["persons"].rows, items(of)["persons"].how) == (500, AT_LEAST)
    of = Bill([STREAMS["deals"]], [], facts(YEAR))
    asked(of.sizes["deals"], v2(people(range(1, 2_001), lambda id_: 10_001 - 5 * id_)))
    assert items(of)["deals"].how == ABOUT


def test_pages_are_as_long_as_the_server_makes_them() -> None:
    def capped(params: Params) -> dict[str, Any]:
        return client(params if "ids" in params else {**params, "limit": "100"})

    client = v2(people(range(1, 2_001)))._answer
    of = bill("persons")
    asked(of.sizes["persons"], FakeClient(capped))
    assert items(of)["persons"].tokens == 21 * STREAMS["persons"].endpoint.cost


def test_records_before_the_history_do_not_count() -> None:
    """Ten activities a day: the last year has 3,650 of 8,000."""
    client = v2(people(range(1, 8_001), lambda id_: (8_000 - id_) / 10))
    size = asked(Sampled(STREAMS["activities"], facts(YEAR)), client)
    assert abs(size.rows - 3_650) <= 365
    assert asked(Sampled(STREAMS["activities"], facts(ALL)), client, 1).rows == 8_000


def test_doubt_falls_with_each_answer() -> None:
    client = v2(people(range(1, 24_001, 3)))
    size = Sampled(STREAMS["persons"], facts())
    doubts = [size.doubt]
    for _ in range(4):
        size.ask(client)
        doubts.append(size.doubt)
    assert doubts == sorted(doubts, reverse=True)
    assert doubts[-1] == 0


def test_archived_deals_are_guessed_from_the_deals_that_are_missing() -> None:
    live = Sampled(STREAMS["deals"], facts())
    archived = Sampled(STREAMS["deals_archived"], facts(), live)
    assert (archived.rows, archived.doubt) == (0, 0)
    live.ask(v2(people([id_ for id_ in range(1, 10_001) if id_ % 10])))
    assert 900 <= archived.rows <= 1_100
    assert archived.doubt == archived.rows
    assert not archived.measured
    archived.ask(v2(people(range(10, 301, 10))))
    assert (archived.rows, archived.doubt) == (30, 0)


def test_a_list_that_is_refused_is_asked_once() -> None:
    def refuse(_: Params) -> dict[str, Any]:
        raise StreamError("refused", CONFIG, status=403)

    size = asked(Sampled(STREAMS["persons"], facts()), client := FakeClient(refuse))
    assert size.refused
    assert len(client.asked) == 1


def test_a_counter_says_which_parents_have_children() -> None:
    child = STREAMS["deal_products"].child
    assert child is not None
    assert child.counter
    rows = [{**row, child.counter: row["id"] % 4 == 0} for row in people(range(1, 4_001))]
    size = asked(Sampled(STREAMS["deals"], facts()), v2(rows))
    assert abs(size.units(child) - 1_000) <= 100


@pytest.mark.parametrize("highest", [0, 1, 99, 100, 101, 5_000_000])
def test_sampled_ids_are_spread_and_always_the_same(highest: int) -> None:
    ids = strata(highest, 0)
    assert ids == sorted(set(ids)) == strata(highest, 0)
    assert len(ids) == min(highest, SAMPLE)
    assert all(0 < id_ <= highest for id_ in ids)
    if highest > SAMPLE:
        assert ids != strata(highest, 1)
        assert ids[50] > 0.4 * highest


def test_without_a_history_a_v1_list_is_as_long_as_its_highest_id() -> None:
    size = asked(Probed(STREAMS["files"], facts()), client := v1(people(range(1, 1_235))))
    assert (size.rows, size.doubt, len(client.asked)) == (1_234, 0, 1)
    assert asked(Probed(STREAMS["files"], facts()), v1([])).pages == 1


@pytest.mark.parametrize("count", [30, 700, 2_000, 9_000])
def test_the_time_of_one_record_says_how_long_a_v1_list_is(count: int) -> None:
    """Evenly spread over two years, newest first: half of them are in the history."""
    rows = people(range(2 * count), lambda n: 1 + 729 * n / (2 * count))
    size = Probed(STREAMS["files"], facts(YEAR, largest=10_000))
    client = v1(rows)
    for _ in range(4):
        size.ask(client)
    assert abs(size.rows - count) <= max(0.15 * count, 100)


@pytest.mark.parametrize("history", [ALL, YEAR], ids=["all", "a year"])
def test_pages_of_v1_are_as_long_as_the_server_makes_them(history: Facts) -> None:
    rows = people(range(1, 8_001), lambda id_: 300 - 299 * id_ / 8_000)[::-1]
    size = Probed(STREAMS["notes"], facts(history, largest=12_000))
    asked(size, v1(rows, most=100))
    assert 0.9 * 8_000 / 99 <= size.pages <= 1.1 * 8_000 / 99


def test_the_last_page_of_v1_does_not_say_how_long_the_others_are() -> None:
    size = asked(Probed(STREAMS["notes"], facts()), v1(people(range(1, 41))))
    assert (size.page_size, size.pages) == (STREAMS["notes"].endpoint.limit, 1)


def recent_changes(**options: Any) -> Size:
    """What the first page says of 6,000 changes within a month. options: as `v1` takes them."""
    rows = [
        {"id": n, "data": {"update_time": rfc3339(UNTIL - MONTH + MONTH * n // 6_000)}}
        for n in range(6_000)
    ]
    size = Recent(STREAMS["deleted_records"].components[-1], facts(largest=12_000))
    size.ask(v1(rows, **options))
    return size


def test_the_recent_changes_come_in_pages_as_the_server_makes_them() -> None:
    size = recent_changes(most=100)
    assert abs(size.pages - 6_000 / 99) <= 2


def test_recent_changes_are_extrapolated_to_today() -> None:
    size = recent_changes()
    assert abs(size.rows - 6_000) <= 60


def test_pages_with_offsets_overlap_by_one_record() -> None:
    files = Probed(STREAMS["files"], facts())
    limit = STREAMS["files"].endpoint.limit
    assert limit is not None
    files.ask(v1(people(range(1, 10 * limit + 1))))
    assert files.pages == 11 + 1


@pytest.mark.parametrize("name", ["files", "leads", "call_logs", "persons", "mail_threads"])
def test_answers_without_times_or_ids_end_too(name: str) -> None:
    lists: list[Rows] = [
        [],
        [{}] * 2_000,
        [{"id": None, "update_time": None, "add_time": 7}] * 2_000,
    ]
    for rows in lists:
        bill = Bill([STREAMS[name]], [], facts(YEAR))
        client = v1(rows) if STREAMS[name].endpoint.version == 1 else v2([])
        count = 0

        def ask(size: Size, client: FakeClient = client) -> bool:
            nonlocal count
            count += 1
            size.ask(client)
            return count < 100

        refine(bill, ask)
        assert count < 20


def naming(*names: str, **settings: Any) -> Sequence[Naming]:
    keys = {"auth_type": "api_token", "api_token": "token"}
    config = parse({"credentials": keys, "custom_fields": "columns_and_raw", **settings})
    return naming_lists(config, [STREAMS[name] for name in names])


def bill(*names: str, **settings: Any) -> Bill:
    lists = naming(*names, **{"custom_fields": "raw", **settings})
    return Bill([STREAMS[name] for name in names], lists, facts())


def items(of: Bill) -> dict[str, Item]:
    return {item.stream: item for item in of.items()}


def test_a_bill_names_what_is_read_for_others() -> None:
    found = items(bill("deal_products"))
    assert found["deal_products"].selected
    assert not found["deals"].selected
    assert needed([STREAMS["deal_products"]]).keys() >= {"deals", "deal_products"}


def test_a_bill_says_what_is_a_guess() -> None:
    client = v2(people(range(1, 1_201)))
    of = bill("persons", "person_changelog", "currencies")
    asked(of.sizes["persons"], client)
    found = items(of)
    assert (found["persons"].rows, found["persons"].how) == (1_200, ABOUT)
    assert found["persons"].tokens == 4 * STREAMS["persons"].endpoint.cost
    changelog = STREAMS["person_changelog"].endpoint.cost
    assert found["person_changelog"].tokens == 1_200 * changelog
    assert found["person_changelog"].how == AT_LEAST
    assert found["currencies"].how == EXACT


def test_children_of_parents_that_nobody_counted_are_a_guess() -> None:
    """It may be too high, so nothing is called "at least"."""
    of = bill("notes", "note_comments")
    assert items(of)["note_comments"].how == GUESS
    text = " ".join(str((report(of.items(), Usage(), 0).parts or [""])[-1]).split())
    assert "costs about" in text
    assert '"a guess": not all parents were counted' in text
    asked(of.sizes["notes"], v1(people(range(1, 1_201))))
    assert items(of)["note_comments"].how == AT_LEAST
    found = report(of.items(), Usage(), 0)
    assert found.data["at_least"]
    assert "costs at least" in " ".join(str((found.parts or [""])[-1]).split())


def test_a_list_that_is_refused_costs_one_request() -> None:
    of = bill("persons")
    of.sizes["persons"].refused = True
    item = items(of)["persons"]
    assert (item.rows, item.tokens, item.how) == (0, STREAMS["persons"].endpoint.cost, EXACT)


def test_definitions_are_read_only_for_columns() -> None:
    columns = {"custom_fields": "columns_and_raw", "labels": True}
    assert "person_fields" not in items(bill("persons"))
    assert not items(bill("persons", **columns))["person_fields"].selected
    assert "lead_labels" in items(bill("leads", **columns))
    assert "lead_labels" not in items(bill("leads", **{**columns, "labels": False}))


NAMED = {"custom_fields": "columns_and_raw", "labels": True}


@pytest.mark.parametrize(
    ("name", "lists"),
    [("organizations", ["organization_fields"]), ("leads", ["deal_fields", "lead_labels"])],
)
@pytest.mark.parametrize(
    ("rows", "more", "how"), [([], 0, EXACT), (people([7]), 1, EXACT), (None, 1, ABOUT)]
)
def test_definitions_are_read_once_there_is_a_record_to_name(
    name: str, lists: list[str], rows: Rows | None, more: int, how: str
) -> None:
    """A sync pays nothing for the columns of an empty table."""
    of = bill(name, *lists, **NAMED)
    if rows is not None:
        asked(of.sizes[name], (v1 if name == "leads" else v2)(rows))
    found = items(of)
    for each in lists:
        cost = STREAMS[each].endpoint.cost
        assert (found[each].tokens, found[each].how) == (cost + more * cost, how)
        assert found[each].selected


def test_the_definitions_of_a_list_that_is_refused_are_not_read() -> None:
    def refuse(_: Params) -> dict[str, Any]:
        raise StreamError("refused", CONFIG, status=403)

    of = bill("organizations", **NAMED)
    asked(of.sizes["organizations"], FakeClient(refuse))
    assert "organization_fields" not in items(of)


def test_a_record_outside_the_history_needs_no_names() -> None:
    of = Bill([STREAMS["deals"]], naming("deals"), facts(YEAR))
    asked(of.sizes["deals"], v2(people(range(1, 400), lambda _: 400)))
    assert "deal_fields" not in items(of)
    of = Bill([STREAMS["deals"]], naming("deals"), facts(YEAR))
    rows = people(range(1, 2_001), lambda id_: 400 if id_ > 1_000 else 3)
    of.sizes["deals"].ask(v2(rows))
    assert items(of)["deal_fields"].how == ABOUT
    of.sizes["deals"].ask(v2(rows))
    assert items(of)["deal_fields"].how == EXACT


@pytest.mark.parametrize(("rows", "read"), [([], False), (people([7]), True)])
def test_a_changelog_of_no_records_has_no_personal_fields(rows: Rows, read: bool) -> None:
    privacy = {"mode": "on", "action": "remove", "presets": ["notes"]}
    of = bill("person_changelog", privacy=privacy)
    asked(of.sizes["persons"], v2(rows))
    assert ("person_fields" in items(of)) is read


@pytest.mark.parametrize("presets", [["notes"], []])
def test_privacy_reads_definitions_too(presets: list[str]) -> None:
    """Only they say which custom fields are personal."""
    privacy = {"mode": "on", "action": "remove", "presets": presets}
    found = items(bill("person_changelog", "deals", privacy=privacy)).keys()
    assert ({"person_fields", "deal_fields"} <= found) is bool(presets)


@pytest.mark.parametrize(
    ("columns", "reads"),
    [
        ("deals.Order number=remove", True),
        ("deals.Order number=keep", True),
        ("deals.currency=remove", False),
        ("deals.custom_fields=remove", False),
        ("users.name=remove, nothing.name=remove", False),
        ("", False),
    ],
)
def test_a_field_in_the_privacy_setting_is_looked_up_in_the_definitions(
    columns: str, reads: bool
) -> None:
    privacy = {"mode": "on", "action": "remove", "presets": [], "columns": columns}
    found = items(bill("currencies", privacy=privacy))
    assert found.keys() == {"currencies", "users_me", *(["deal_fields"] if reads else [])}


def test_a_stream_is_billed_once() -> None:
    one, two = Item("a", 5, 10, ABOUT), Item("a", None, 7, EXACT, False)
    (item,) = together([one, two])
    assert (item.tokens, item.rows, item.selected, item.how) == (17, 5, True, ABOUT)
    (item,) = together([replace(one, how=EXACT), replace(two, how=ABOUT)])
    assert item.how == ABOUT


def test_the_most_expensive_doubt_is_asked_about_first_and_a_refusal_to_pay_ends_it() -> None:
    of = bill("persons", "person_changelog", "products")
    order: list[str] = []

    def ask(size: Size) -> bool:
        order.append(size.stream.name)
        return False

    refine(of, ask)
    assert order == ["persons", "products"]


def test_a_small_sync_does_not_cost_nothing() -> None:
    usage = Usage()
    usage.daily_limit = 150_000
    text = report([Item("persons", 3, 300, EXACT)], usage, 10).parts
    assert text is not None
    words = " ".join(str(text[1]).split())
    assert "That is about 0.2 % of the company's 150,000 tokens a day" in words


def test_a_share_of_an_unknown_day_is_a_dash() -> None:
    parts = report([Item("persons", 3, 300, EXACT)], Usage(), 0).parts
    assert parts is not None
    assert isinstance(parts[0], Table)
    assert parts[0].lines()[1].split() == ["persons", "3", "300", "-"]


@pytest.mark.parametrize(
    "streams",
    [["--set", "all", "--streams", "deals"], ["--catalog", "c.json", "--set", "sales"]],
)
def test_only_one_option_names_the_streams(
    streams: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise one of them would be ignored without a word."""
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["estimate", "--config", "c.json", *streams])
    assert ended.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.parametrize("status", [0, 400, 500])
@pytest.mark.parametrize("name", ["persons", "files", "leads", "pipelines"])
def test_a_list_that_could_not_be_asked_is_not_called_empty(name: str, status: int) -> None:
    """A broken answer says nothing about what the sync will read."""

    def broken(_: Params) -> dict[str, Any]:
        raise StreamError("broken", CONFIG, status=status)

    of = bill(name, *(["pipeline_conversion_statistics"] if name == "pipelines" else []))
    size = asked(of.sizes[name], client := FakeClient(broken))
    assert len(client.asked) == 1
    assert (size.doubt, size.refused) == (0, False)
    item = items(of)[name]
    assert (item.rows, item.how) == (None, AT_LEAST)


def test_results_are_requested_for_the_months_of_a_goal_and_no_others() -> None:
    """Even if the history begins in 1970."""
    of = bill("goal_results")
    goal = {"duration": {"start": rfc3339(at(65))[:10], "end": None}}

    def answer(params: Params) -> dict[str, Any]:
        ids = [f"{params['is_active']} {number}" for number in range(5)]
        return {"success": True, "data": {"goals": [{"id": id_, **goal} for id_ in ids]}}

    asked(of.sizes["goals"], FakeClient(answer))
    found = items(of)["goal_results"]
    assert found.tokens == 10 * 3 * STREAMS["goal_results"].endpoint.cost


@pytest.mark.parametrize("status", [400, 403])
def test_goals_count_although_those_of_teams_are_refused(status: int) -> None:
    """A sync reads the others, and so their results."""
    of = bill("goals", "goal_results")
    size = of.sizes["goals"]

    def answer(params: Params) -> dict[str, Any]:
        if params.get("assignee.type") == "team":
            raise StreamError("refused", CONFIG, status=status)
        return {"success": True, "data": {"goals": [{"id": params["is_active"]}]}}

    asked(size, FakeClient(answer))
    assert (size.rows, size.refused, size.failed) == (2, False, False)


def test_a_limit_for_each_sync_is_counted_in_syncs() -> None:
    """Otherwise "one day" would be wrong for whoever syncs once a day."""
    usage = Usage()
    usage.daily_limit = 150_000
    found = report([Item("persons", 3, 1_001, EXACT)], usage, 10, 500)
    assert found.parts is not None
    assert "a sync stops after 500 tokens, so it takes about 3 syncs" in str(found.parts[1])
    assert found.data["syncs"] == 3
    assert "syncs" not in str((report([], usage, 10).parts or [""])[-1])


@pytest.mark.parametrize(
    ("mode", "names", "share"),
    [
        ("verify", ["deals", "deleted_records"], 20),
        ("verify", ["deals"], None),  # a sync then makes no audit
        ("reported", ["deals", "deleted_records"], None),
    ],
)
def test_an_audit_is_announced_because_the_price_does_not_contain_it(
    mode: str, names: list[str], share: int | None
) -> None:
    keys = {"auth_type": "api_token", "api_token": "token"}
    wanted = {"mode": mode, **({"share_of_day": 20} if mode == "verify" else {})}
    config = parse({"credentials": keys, "find_deleted_records": wanted})
    assert audit_share(config, [STREAMS[name] for name in names]) == share
    usage = Usage()
    for limit, most in ((150_000, "30,000 tokens a day"), (None, "20 % of the day")):
        usage.daily_limit = limit
        found = report([Item("deals", 3, 10, EXACT)], usage, 10, audit=share)
        text = str((found.parts or [""])[-1])
        assert (f"comes on top, in the first sync, too. It uses at most {most}." in text) is bool(
            share
        )
        assert found.data["audit_share"] == share


@pytest.mark.parametrize(
    ("name", "requests"),
    [("leads", 2), ("notes", 2), ("leads_archived", 1), ("files", 1), ("deals", 2), ("persons", 1)],
)
def test_a_history_costs_one_more_request_for_records_without_a_time(
    name: str, requests: int
) -> None:
    """The server filters these lists by time, even if all of the rest is on one page."""
    of = Bill([STREAMS[name]], [], facts(YEAR))
    client = (v1 if STREAMS[name].endpoint.version == 1 else v2)(people([3, 2, 1]))
    asked(of.sizes[name], client)
    assert items(of)[name].tokens == requests * STREAMS[name].endpoint.cost
    assert bill(name).sizes[name].pages == 1
