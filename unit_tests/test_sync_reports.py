"""The rows in which a sync reports on itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import CONFIG, SYSTEM, TRANSIENT, StreamError, SyncError
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.counts import Findings, LastAudit
from source_pipedrive.reading.instants import instant, rfc3339, seconds_of
from source_pipedrive.reading.reader import Reader
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsMessages
from source_pipedrive.sync.report_rows import ReportRows
from source_pipedrive.sync.sync import Options, Selection, SyncRun
from source_pipedrive.sync.warning_log import MOST, WarningLog, collected_warnings
from source_pipedrive.version import __version__
from unit_tests.deals import Deals, deals
from unit_tests.fakes import ACME, NOW, FakeClient

UNTIL = seconds_of(NOW)
DAY = 86_400
NO_STATES: Mapping[str, Any] = MappingProxyType({})
Record = dict[str, Any]


def company_of(number: int = 40, page: int = 5, **facts: Any) -> Deals:
    """Deals that changed one after the other, and persons and products of deals."""
    facts = {"products_count": 2, **facts}
    times = [UNTIL - 30 * DAY + 60 * n for n in range(number)]
    lists = {"deals": deals(times, **facts), "deals/archived": [], "persons": deals(times)}
    return Deals(lists, page=page)


class Synced:
    """The messages of one sync, and the error that it raised."""

    def __init__(
        self,
        client: Any,
        *names: str,
        states: Mapping[str, Any] = NO_STATES,
        full_refresh: bool = False,
        lower: int = 0,
        workers: int = 2,
        stop: StopSignal | None = None,
        between_pages: Callable[[], None] = lambda: None,
    ) -> None:
        selected = [
            Selection(
                STREAMS[name],
                states.get(name, {}),
                full_refresh or not STREAMS[name].cursor_field,
            )
            for name in (*names, "sync_reports")
        ]
        self.messages: list[Any] = []
        self.error: AirbyteTracedException | None = None
        with collected_warnings() as warnings:
            options = Options(lower, workers, None, between_pages, warnings)
            sync = SyncRun(client, ACME, selected, AsMessages(), options, stop or StopSignal())
            try:
                self.messages.extend(sync)
            except AirbyteTracedException as error:
                self.error = error

    def records(self, stream: str) -> list[Record]:
        found = [m.record for m in self.messages if m.record]
        return [record.data for record in found if record.stream == stream]

    @property
    def rows(self) -> dict[str, Record]:
        """The rows of the report by stream; every stream has one row at most."""
        rows = self.records("sync_reports")
        by_stream = {row["stream"]: row for row in rows}
        assert len(by_stream) == len(rows)
        return by_stream

    @property
    def states(self) -> dict[str, Any]:
        """The last state of each stream."""
        return {
            m.state.stream.stream_descriptor.name: vars(m.state.stream.stream_state)
            for m in self.messages
            if m.state
        }

    def statuses(self, stream: str) -> list[str]:
        found = [m.trace.stream_status for m in self.messages if m.trace and m.trace.stream_status]
        return [s.status.value for s in found if s.stream_descriptor.name == stream]

    def streams(self) -> list[str]:
        """The stream of each message, in order."""
        return [name for m in self.messages if (name := stream_of(m))]


def stream_of(message: Any) -> str:
    if message.record:
        return str(message.record.stream)
    if message.state:
        return str(message.state.stream.stream_descriptor.name)
    status = message.trace.stream_status
    return str(status.stream_descriptor.name) if status else ""


@pytest.mark.parametrize("workers", [1, 8])
def test_a_sync_that_runs_out_of_memory_ends_in_order(workers: int) -> None:
    """The CDK's monitor raises between two pages, before the system kills the program."""
    pages, full = 0, "Source memory usage exceeded critical threshold."

    def between_pages() -> None:
        nonlocal pages
        pages += 1
        if pages > 3:
            raise AirbyteTracedException(message=full, failure_type=SYSTEM)

    names = ("deals", "persons", "deal_products")
    synced = Synced(company_of(400), *names, workers=workers, between_pages=between_pages)
    assert synced.error is not None
    assert synced.error.failure_type is SYSTEM
    assert full in str(synced.error)
    for name in names:
        assert synced.statuses(name)[-1] in ("INCOMPLETE", "COMPLETE")
    assert "INCOMPLETE" in [synced.statuses(name)[-1] for name in names]
    assert synced.rows[""]["status"] == "incomplete"
    assert full in synced.rows[""]["error"]


@pytest.mark.parametrize("workers", [1, 8])
def test_each_stream_has_a_row_and_so_has_the_whole_sync(workers: int) -> None:
    synced = Synced(company_of(), "deals", "persons", "deal_products", workers=workers)
    assert synced.error is None
    assert {"deals", "persons", "deal_products", ""} <= synced.rows.keys()
    for name in ("deals", "persons", "deal_products"):
        row = synced.rows[name]
        assert row["selected"] is True
        assert (row["status"], row["sync_mode"]) == ("complete", "incremental")
        assert row["records"] == len(synced.records(name)) > 0
        assert row["complete_to"] == rfc3339(UNTIL)
        assert not {"error", "remaining_spans", "remaining_parents"} & row.keys()
    whole = synced.rows[""]
    assert whole["status"] == "complete"
    assert not {"selected", "sync_mode", "complete_to"} & whole.keys()
    for row in synced.rows.values():
        assert row["company_id"] == ACME.id
        assert row["connector_version"] == __version__
        assert row["sync_started_time"] == rfc3339(UNTIL)
        assert row["sync_started_time"] <= row["sync_ended_time"]
        assert row.get("started_time", "") <= row.get("ended_time", "~") <= "~"


@pytest.mark.parametrize("workers", [1, 8])
def test_the_report_comes_after_everything_else(workers: int) -> None:
    """A row is true only once its stream has ended."""
    synced = Synced(company_of(), "deals", "persons", "deal_products", workers=workers)
    order = synced.streams()
    first = order.index("sync_reports")
    assert set(order[:first]) == {"deals", "persons", "deal_products"}
    assert set(order[first:]) == {"sync_reports"}
    assert synced.statuses("sync_reports") == ["STARTED", "RUNNING", "COMPLETE"]
    assert synced.states["sync_reports"]["sync_ended_time"] == rfc3339(UNTIL)


def test_the_costs_of_the_rows_add_up_to_that_of_the_sync() -> None:
    """Otherwise nobody learns what the lists cost that are read only for child streams."""
    client = company_of()
    synced = Synced(client, "deal_products")
    rows = synced.rows
    assert rows["deals"]["selected"] is False
    assert not {"sync_mode", "status", "records"} & rows["deals"].keys()
    parts = [row for name, row in rows.items() if name]
    for what in ("tokens", "requests"):
        assert sum(row[what] for row in parts) == rows[""][what] > 0
    assert rows[""]["tokens"] == client.usage.tokens
    assert rows[""]["requests"] == len(client.asked)
    assert rows[""]["records"] == rows["deal_products"]["records"]


def test_the_rest_of_the_day_is_reported() -> None:
    client = company_of()
    left = {"x-daily-ratelimit-token-limit": "1000", "x-daily-ratelimit-token-remaining": "900"}
    client.usage.charge("users_me", 2, left)
    whole = Synced(client, "deals").rows[""]
    assert whole["day_tokens_limit"] == 1_000
    assert whole["day_tokens_left"] == 1_000 - 100 - whole["tokens"]


def test_a_report_alone_requests_nothing() -> None:
    client = company_of()
    synced = Synced(client)
    assert client.asked == []
    assert list(synced.rows) == [""]
    assert synced.rows[""]["status"] == "complete"
    assert synced.rows[""]["records"] == synced.rows[""]["tokens"] == 0
    assert synced.statuses("sync_reports") == ["STARTED", "RUNNING", "COMPLETE"]


@pytest.mark.parametrize("full_refresh", [False, True])
def test_rows_of_two_syncs_never_have_the_same_key(full_refresh: bool) -> None:
    """The second sync begins in the same second, from the states of the first."""
    first = Synced(company_of(), "deals", full_refresh=full_refresh)
    second = Synced(company_of(), "deals", states=first.states, full_refresh=full_refresh)
    rows = [*first.records("sync_reports"), *second.records("sync_reports")]
    keys = {tuple(row[part] for part in STREAMS["sync_reports"].key) for row in rows}
    assert len(keys) == len(rows) == 4
    assert second.error is None
    mode = "full_refresh" if full_refresh else "incremental"
    assert second.rows["deals"]["sync_mode"] == mode


def refused(*paths: str) -> Callable[[Any], None]:
    def refuse(request: Any) -> None:
        if request.path in paths:
            raise StreamError('Pipedrive refused it (403): "no". Ask ada@acme.test', CONFIG, 403)

    return refuse


def test_a_stream_that_fails_is_reported_and_the_report_is_complete() -> None:
    client = company_of()
    client.refuse = refused("persons")
    synced = Synced(client, "deals", "persons")
    assert synced.error is not None
    assert "Not read to the end: persons." in str(synced.error)
    row = synced.rows["persons"]
    assert (row["status"], row["records"]) == ("incomplete", 0)
    assert "complete_to" not in row
    assert row["remaining_spans"] == [
        {"list": "persons", "since": rfc3339(0), "until": rfc3339(UNTIL)}
    ]
    assert row["error"] == 'Pipedrive refused it (403): "no". Ask <email>'
    assert row["refused"] == row["error"]
    assert synced.rows["deals"]["status"] == "complete"
    assert synced.rows[""]["status"] == "incomplete"
    assert synced.rows[""]["error"].startswith("Not read to the end: persons.")
    assert synced.statuses("sync_reports")[-1] == "COMPLETE"


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("budget", [40, 100, 160, 300])
def test_a_sync_that_a_budget_stops_reports_what_its_states_leave(
    budget: int, workers: int
) -> None:
    """The rows vouch for no more than the states that the next sync resumes from."""
    client = company_of(200)
    client.budget = budget
    synced = Synced(client, "deals", "persons", "deal_products", workers=workers)
    assert isinstance(synced.error, AirbyteTracedException)
    assert synced.rows[""]["status"] == "incomplete"
    incomplete = [row for row in synced.rows.values() if row.get("remaining_spans")]
    assert incomplete
    for row in incomplete:
        assert row["status"] == "incomplete"
        assert "the budget is spent" in row["error"]
        assert "refused" not in row
        state = synced.states.get(row["stream"], {})
        lists = [state.get("done", []), *state.get("parents", {}).values()]
        done = [(instant(start), instant(end)) for parts in lists for start, end in parts]
        for span in row["remaining_spans"]:
            since, until = instant(span["since"]), instant(span["until"])
            assert not any(start < until and since < end for start, end in done)
        first = min(instant(span["since"]) for span in row["remaining_spans"])
        assert row.get("complete_to") == (rfc3339(first) if first else None)
        assert row["state_bytes"] == 0 or state


def test_parents_that_are_still_to_be_read_are_counted() -> None:
    client = company_of(250, page=500)
    client.budget = 10 + 20 + 10  # both lists of deals, and the products of a hundred
    synced = Synced(client, "deals", "deal_products", workers=1)
    row = synced.rows["deal_products"]
    assert row["records"] == 200
    assert row["remaining_parents"] == 150
    assert "remaining_parents" not in synced.rows["deals"]


@pytest.mark.parametrize("workers", [1, 8])
def test_a_sync_that_is_asked_to_stop_reports_before_it_ends(workers: int) -> None:
    client, stop = company_of(200), StopSignal()

    def before(request: Any) -> None:
        if len(client.asked) > 8:
            stop.stop()
            stop(0)

    client.before = before
    synced = Synced(client, "deals", "persons", workers=workers, stop=stop)
    assert synced.error is not None
    assert "asked to stop" in synced.rows[""]["error"]
    assert {"deals", "persons", ""} <= synced.rows.keys()
    assert synced.statuses("sync_reports")[-1] == "COMPLETE"
    assert synced.streams()[-1] == "sync_reports"


def test_a_state_of_an_earlier_sync_counts_if_this_one_saved_none() -> None:
    first = Synced(company_of(), "deals")
    client = company_of()
    client.refuse = refused("deals")
    row = Synced(client, "deals", states=first.states).rows["deals"]
    assert row["complete_to"] == rfc3339(UNTIL - 60)  # the last minute is always read again
    assert row["state_bytes"] == first.rows["deals"]["state_bytes"] > 50


def test_products_are_expected_by_the_counters_of_their_deals() -> None:
    client = company_of(7)
    client.lists["deals"][0]["products_count"] = 0
    client.lists["deals"][1]["products_count"] = 5
    client.lists["deals"][2] |= {"products_count": 3, "is_deleted": True}
    rows = Synced(client, "deals", "deal_products").rows
    assert rows["deal_products"]["expected_records"] == 5 + 4 * 2
    assert "expected_records" not in rows["deals"]
    assert (
        "expected_records"
        not in Synced(company_of(), "deal_installments").rows["deal_installments"]
    )


SUMMARY = {"open": 3, "won": 30, "lost": 400}


def summarised(params: Mapping[str, str]) -> Record:
    return {"data": {"total_count": SUMMARY[params["status"]]}}


def in_both(answer: Callable[[Mapping[str, str]], Record]) -> FakeClient:
    deal = {"id": 1, "update_time": rfc3339(UNTIL - DAY)}
    return FakeClient(
        lambda params: answer(params) if params.get("status") in SUMMARY else {"data": [deal]}
    )


def test_the_number_of_deals_is_known_from_their_summary() -> None:
    row = Synced(in_both(summarised), "deals", "deals_summary").rows["deals"]
    assert (row["total_records"], row["total_from"]) == (433, "deals_summary")
    assert "total_records" not in Synced(in_both(summarised), "deals").rows["deals"]


def test_no_number_is_reported_that_the_table_cannot_reach() -> None:
    """A summary that was read in part, or one of deals that the history leaves out."""
    short = Synced(in_both(summarised), "deals", "deals_summary", lower=UNTIL - 90 * DAY)
    assert "total_records" not in short.rows["deals"]

    def in_part(params: Mapping[str, str]) -> Record:
        if params["status"] == "lost":
            raise StreamError("no", TRANSIENT, 500)
        return summarised(params)

    assert "total_records" not in Synced(in_both(in_part), "deals", "deals_summary").rows["deals"]


def test_audits_tell_how_many_records_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """One stream audits the others."""
    audits = {"persons": LastAudit(UNTIL - 3 * DAY, 40), "deals": LastAudit(UNTIL - 4 * DAY, 7)}
    honest = Reader.findings

    def findings(self: Reader, failed: bool) -> Findings:
        return Findings(audits=audits) if self.stream.name == "currencies" else honest(self, failed)

    monkeypatch.setattr(Reader, "findings", findings)
    rows = Synced(in_both(summarised), "deals", "persons", "currencies", "deals_summary").rows
    assert rows["persons"]["last_audit_time"] == rfc3339(UNTIL - 3 * DAY)
    assert (rows["persons"]["total_records"], rows["persons"]["total_from"]) == (40, "audit")
    assert rows["deals"]["last_audit_time"] == rfc3339(UNTIL - 4 * DAY)
    assert rows["deals"]["total_from"] == "deals_summary"  # of this sync, so it is newer
    assert "last_audit_time" not in rows["currencies"]


@pytest.mark.parametrize("failed", [False, True])
def test_an_audit_under_way_is_among_what_remains(
    failed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way = {"files": (UNTIL - 9 * DAY, UNTIL - DAY), "notes": (0, UNTIL)}
    monkeypatch.setattr(Reader, "findings", lambda *_: Findings(unaudited=under_way))
    client = company_of()
    if failed:
        client.refuse = refused("persons")
    row = Synced(client, "persons").rows["persons"]
    *lists, files, notes = row["remaining_spans"]
    assert bool(lists) == failed
    begin, end = rfc3339(UNTIL - 9 * DAY), rfc3339(UNTIL - DAY)
    assert files == {"list": "audit of files", "since": begin, "until": end}
    assert notes["list"] == "audit of notes"


def test_what_the_account_lacks_is_reported_in_the_words_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = company_of()

    def refuse(request: Any) -> None:
        if request.path == "deals/installments":
            raise StreamError("no", CONFIG, 402, '{"error": "Growth plan"}')

    client.refuse = refuse
    with caplog.at_level("INFO", "airbyte"):
        synced = Synced(client, "deals", "deal_installments")
    row = synced.rows["deal_installments"]
    assert row["status"] == "unavailable"
    assert any(line.startswith(row["refused"]) for line in caplog.messages)
    assert "402" in row["refused"]
    assert "complete_to" not in row
    assert synced.rows[""]["status"] == "complete"


def test_hidden_parents_are_reported_in_the_words_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = company_of(6)
    client.of_each["deals/{id}/discounts"] = lambda deal: [{"id": deal}]

    def refuse(request: Any) -> None:
        if request.path == "deals/3/discounts":
            raise StreamError("no", CONFIG, 403, '{"error": "hidden"}')

    client.refuse = refuse
    with caplog.at_level("WARNING", "airbyte"):
        synced = Synced(client, "deals", "deal_discounts")
    row = synced.rows["deal_discounts"]
    assert [row["refused"]] == [line for line in caplog.messages if "skipped" in line]
    assert "warnings" not in row
    assert row["status"] == "complete"
    later = Synced(client, "deals", "deal_discounts", states=synced.states)
    assert "at least 1 of the deals were hidden" in later.rows["deal_discounts"]["refused"]
    client.refuse = lambda request: None
    seen = Synced(client, "deals", "deal_discounts", states=later.states)
    assert "refused" not in seen.rows["deal_discounts"]


def test_a_row_that_cannot_be_made_fails_the_report_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ReportRows, "rows", lambda *_: 1 / 0)
    synced = Synced(company_of(), "deals")
    assert "Not read to the end: sync_reports." in str(synced.error)
    assert synced.statuses("deals")[-1] == "COMPLETE"
    assert synced.statuses("sync_reports") == ["STARTED", "INCOMPLETE"]


def test_a_state_of_another_company_is_refused_as_for_any_stream() -> None:
    state = {"sync_ended_time": rfc3339(0), "version": 1, "company_id": 1, "since": rfc3339(0)}
    with pytest.raises(SyncError, match="belongs to company 1"):
        Synced(company_of(), "deals", states={"sync_reports": state})


def test_every_row_fits_the_schema() -> None:
    client = company_of()
    client.refuse = refused("persons")
    columns = STREAMS["sync_reports"].schema["properties"].keys()
    found: set[str] = set()
    for row in Synced(client, "deals", "persons", "deal_products").rows.values():
        assert row.keys() <= columns
        found |= row.keys()
    elsewhere = {"last_audit_time", "total_records", "total_from", "remaining_parents"}
    assert columns - found == elsewhere | {"day_tokens_limit", "day_tokens_left", "warnings"}


# --- the warnings of one sync


def test_warnings_are_kept_once_each_and_only_while_the_sync_runs() -> None:
    logger = logging.getLogger("airbyte")
    before = list(logger.handlers)
    with collected_warnings() as warnings:
        logger.info("deals: nothing")
        logger.warning("deals: too %s for %s", "many", "ada@acme.test")
        logger.warning("deals: too many for <email>")
        logger.error("persons: KeyError")
        logger.warning("set the clock")
    logger.warning("too late")
    assert warnings.sentences == [
        "deals: too many for <email>",
        "persons: KeyError",
        "set the clock",
    ]
    assert warnings.about("deals") == ["deals: too many for <email>"]
    assert logger.handlers == before


def test_other_syncs_in_the_process_are_not_heard() -> None:
    """Their company is another, and so is their table."""
    logger = logging.getLogger("airbyte")

    def warn(text: str) -> int:
        thread = threading.Thread(target=lambda: logger.warning(text))
        thread.start()
        thread.join()
        assert thread.ident is not None
        return thread.ident

    with collected_warnings() as warnings:
        warn("of another sync")
        warnings.follow(lambda thread: True)
        warn("of a worker")
    assert warnings.sentences == ["of a worker"]


def test_endless_warnings_do_not_fill_a_row() -> None:
    warnings = WarningLog()
    for number in range(10 * MOST):
        record = logging.LogRecord("airbyte", logging.WARNING, "", 0, f"{number}", None, None)
        warnings.handle(record)
    assert len(warnings.sentences) == MOST


def test_each_warning_is_in_the_row_that_it_is_about() -> None:
    logger = logging.getLogger("airbyte")
    client = company_of()

    def before(request: Any) -> None:
        name = request.stream
        logger.warning(f"{name}: a page is not valid JSON.")
        logger.warning("This machine's clock is ahead.")

    client.before = before
    rows = Synced(client, "deals", "deal_products").rows
    for name in ("deals", "deals_archived", "deal_products"):
        assert rows[name]["warnings"] == f"{name}: a page is not valid JSON."
    assert rows[""]["warnings"] == "This machine's clock is ahead."
