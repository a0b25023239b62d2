"""Known facts about the real Pipedrive beyond its contract, and the tests that cover them.

The numbers are those of the page where the facts were collected. Without a test, a fact would be
forgotten at the next change.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.state import VERSION
from unit_tests.fakes import ACME, FakeClient, Params
from unit_tests.single import UNTIL, run_of, run_to_end

ROOT = Path(__file__).parent.parent
SAVED = {"version": VERSION, "company_id": ACME.id, "since": "1970-01-01T00:00:00Z"}

# {number: (the fact, the tests that cover it as file::name)}
FACTS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: (
        "marketing_status and doi_status may be requested only if the company has Campaigns; "
        "include_fields with an unknown name is a 400",
        (
            "unit_tests/test_optional_fields.py::"
            "test_fields_of_an_app_are_requested_if_the_user_has_it",
            "unit_tests/test_optional_fields.py::"
            "test_a_refusal_costs_the_fields_of_the_app_but_not_the_list",
            "integration_tests/test_real_pipedrive.py::"
            "test_persons_are_read_even_if_the_fields_of_campaigns_are_refused",
        ),
    ),
    2: (
        "below the Growth plan, deals/installments answers 403; its words were not recorded",
        (
            "integration_tests/test_plans.py::test_a_plans_refusal_is_recognized_in_any_words",
            "unit_tests/test_errors.py::test_only_listed_answers_mean_that_the_account_lacks_a_stream",
        ),
    ),
    3: (
        "without the add-on, project lists answer 402, 403 or 404; the words are unknown",
        (
            "integration_tests/test_plans.py::test_a_plans_refusal_is_recognized_in_any_words",
            "integration_tests/test_plans.py::"
            "test_deletions_are_read_from_the_lists_that_are_not_refused",
            "unit_tests/test_deleted.py::"
            "test_deletions_in_a_list_that_was_unavailable_are_read_once_it_is_available",
        ),
    ),
    4: (
        "a 402 for one list does not mean that the account is suspended",
        (
            "unit_tests/test_client.py::test_a_402_ends_the_sync_only_for_what_every_plan_has",
            "integration_tests/test_plans.py::"
            "test_a_402_ends_its_stream_or_for_a_core_list_the_sync",
        ),
    ),
    5: (
        "goals of type revenue_forecast exist, but goals/find does not accept this type.name",
        (
            "unit_tests/test_readers.py::test_goals_of_every_assignee_type_are_read_once",
            "integration_tests/test_real_pipedrive.py::"
            "test_goals_of_every_type_arrive_with_or_without_teams",
        ),
    ),
    6: (
        "leads have archive_time",
        (
            "integration_tests/test_real_pipedrive.py::"
            "test_keys_that_the_specification_lacks_are_columns",
        ),
    ),
    7: (
        "newer keys: outcome of activities, is_admin of users, lead of notes, people_name of files "
        "and is_writable of field definitions",
        (
            "integration_tests/test_real_pipedrive.py::"
            "test_keys_that_the_specification_lacks_are_columns",
            "integration_tests/test_real_pipedrive.py::"
            "test_the_outcome_of_an_activity_has_its_label",
            "unit_tests/test_records.py::test_the_outcome_of_an_activity_is_written_as_text",
        ),
    ),
    8: (
        "whoever creates a record follows it, so nearly every record has a follower",
        (
            "integration_tests/test_real_pipedrive.py::test_followers_are_requested_for_every_record",
        ),
    ),
    9: (
        "it is unknown whether v1 lists honour a second sort key, or any at all",
        (
            "unit_tests/test_order.py::test_a_list_whose_sort_is_ignored_is_still_read_completely",
            "unit_tests/test_order.py::test_sorting_by_one_key_is_enough",
            "integration_tests/test_edits.py::test_lists_that_ignore_their_sort",
        ),
    ),
    10: (
        "it is unknown how a request for several deals is answered if one of them is gone",
        (
            "unit_tests/test_child_states.py::"
            "test_one_deal_that_breaks_a_bulk_request_does_not_hide_the_others",
            "integration_tests/test_real_pipedrive.py::"
            "test_a_gone_deal_does_not_spoil_the_answer_for_others",
        ),
    ),
    11: (
        "webhooks have had the scopes webhooks:read and webhooks:full since 2024-02-01",
        ("integration_tests/test_real_pipedrive.py::test_any_scope_for_webhooks_will_do",),
    ),
    12: (
        "persons and organizations of v1 have delete_time",
        (
            "unit_tests/test_deleted.py::"
            "test_the_time_of_a_deletion_is_pipedrives_own_if_it_reports_one",
        ),
    ),
    13: (
        "the header of the daily budget reports how much was left before the request",
        (
            "unit_tests/test_usage.py::test_the_reserve_is_kept_whatever_an_answer_counts",
            "integration_tests/test_limits.py::test_at_the_reserve_a_sync_stops_cleanly",
        ),
    ),
    14: (
        "mail threads of a user without a mailbox may answer 404",
        (
            "integration_tests/test_plans.py::"
            "test_a_user_without_a_mailbox_has_no_mail_and_a_successful_sync",
        ),
    ),
    15: (
        "deleting a note changes the update_time of its deal, person and organization; deleting an "
        "activity, that of its person and lead; for everything else this is unknown",
        (
            "unit_tests/test_streams_doc.py::"
            "test_every_child_stream_states_whether_it_updates_its_parents",
            "unit_tests/test_sandbox_changes.py::"
            "test_notes_and_activities_may_change_the_update_time_of_linked_records",
        ),
    ),
    16: (
        "updated_since accepts whole seconds with Z",
        ("unit_tests/test_real_pipedrive.py::test_updated_since_is_in_whole_seconds",),
    ),
    17: (
        "custom_fields may be null, values of type phone are text, and option ids may be text",
        (
            "integration_tests/test_custom_fields.py::test_an_account_without_custom_fields",
            "unit_tests/test_field_values.py::test_every_type_has_its_columns",
            "unit_tests/test_sandbox_fields.py::test_activity_types_are_identified_by_key",
            "integration_tests/test_real_pipedrive.py::"
            "test_the_outcome_of_an_activity_has_its_label",
        ),
    ),
    18: (
        "users have no pagination block, next_start is missing on the last page, and an empty v1 "
        "list is null",
        (
            "unit_tests/test_readers.py::test_users_take_one_request_and_only_changed_ones_are_written",
            "unit_tests/test_pages.py::test_offset_pages_return_every_record_once",
            "unit_tests/test_pages.py::test_null_and_absent_lists_are_empty",
        ),
    ),
    19: (
        "the answer to a token request lists scopes separated by commas",
        (
            "unit_tests/test_company.py::"
            "test_check_renews_the_token_so_that_a_wrong_secret_shows_at_once",
        ),
    ),
    20: (
        "some paths under /api/v1 are a 404 on the shared host but exist on a company's own host",
        (
            "unit_tests/test_company.py::test_an_api_token_finds_its_companys_host",
            "unit_tests/test_company.py::"
            "test_without_a_companys_host_requests_use_the_paths_of_the_shared_one",
        ),
    ),
    22: (
        "the bodies of a 429, of a spent daily budget and of a 402 are unknown",
        (
            "unit_tests/test_client.py::test_a_spent_burst_holds_all_workers_and_costs_nothing",
            "unit_tests/test_client.py::test_a_spent_daily_budget_is_not_retried",
            "unit_tests/test_errors.py::test_a_spent_daily_budget_is_distinguished_from_a_spent_burst",
        ),
    ),
}
# A merged record disappears from every list; only a comparison of ids reveals it.
OPEN: dict[int, str] = {21: "a merge deletes a record, and no list reports it"}


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(n.name for n in tree.body if isinstance(n, ast.FunctionDef))


@pytest.mark.parametrize("number", FACTS)
def test_every_fact_has_a_test_that_exists(number: int) -> None:
    fact, named = FACTS[number]
    assert fact
    assert named, f"no test covers fact {number}"
    for test in named:
        file, _, name = test.partition("::")
        assert name in names_in(file), f"fact {number}: there is no {test}"


def test_no_fact_is_forgotten() -> None:
    assert FACTS.keys() | OPEN.keys() == set(range(1, 23))
    assert not FACTS.keys() & OPEN.keys(), "it has a test: remove it from OPEN"


@pytest.mark.parametrize("stream", ["leads", "notes", "deals"])
def test_updated_since_is_in_whole_seconds(stream: str) -> None:
    """Pipedrive answers 400 to a fraction of a second, which the times of leads have."""
    times = [f"{rfc3339(UNTIL - 90 + n)[:-1]}.551Z" for n in (0, 1, 2)]
    rows: list[dict[str, Any]] = [{"id": n, "update_time": time} for n, time in enumerate(times)]

    def answer(params: Params) -> dict[str, Any]:
        first = params.get("start", "0") == "0" and "cursor" not in params
        pagination = {"more_items_in_collection": first, "next_start": 3}
        more = {"next_cursor": "abc" if first else None, "pagination": pagination}
        return {"data": rows if first else rows[-1:], "additional_data": more}

    client = FakeClient(answer)
    saved = {"update_time": f"{rfc3339(UNTIL - 3600)[:-1]}.123Z", **SAVED}
    run_to_end(*run_of(stream, client, saved=saved))
    sent = [value for params in client.asked for name, value in params.items() if "updated" in name]
    assert sent
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value) for value in sent)
