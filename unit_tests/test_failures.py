"""How a sync says what it could not read: streams with the same reason together."""

from __future__ import annotations

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import (
    CONFIG,
    TRANSIENT,
    Action,
    BudgetError,
    PipedriveError,
    StreamError,
    UnreachableError,
    reason,
    sentence,
)
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading.refusals import Refusals
from source_pipedrive.sync.failures import ending, summary
from source_pipedrive.version import HOME

BODY = '{"error": "You do not have permissions to do this."}'
BUDGET_PAGE = f"{HOME}/blob/main/docs/budget.md"
REMEDY = "Use the token of an admin, or deselect the stream."


def refused(stream: str, remedy: str = REMEDY) -> StreamError:
    message = sentence(stream, 403, BODY, remedy)
    return StreamError(message, CONFIG, 403, BODY, reason(403, BODY, remedy))


def test_streams_with_the_same_remedy_share_a_line() -> None:
    failed = {
        "webhooks": refused("webhooks"),
        "role_settings": refused("roles"),  # read through roles
        "users": refused("users", "Give the app the scope users:read and reconnect it."),
        "roles": refused("roles"),
    }
    assert summary(failed, {*failed}).splitlines() == [
        "Not read to the end: role_settings, roles, webhooks. Pipedrive answered 403: "
        f'"You do not have permissions to do this". {REMEDY}',
        "Not read to the end: users. Pipedrive answered 403: "
        '"You do not have permissions to do this". Give the app the scope users:read and '
        "reconnect it.",
    ]


def test_a_link_ends_its_line() -> None:
    """A sentence right behind it would look like a part of the address."""
    spent = BudgetError("The budget is spent. The next sync resumes.")
    assert str(spent) == f"The budget is spent. The next sync resumes. More: {BUDGET_PAGE}"
    assert summary({"a": spent}, {"a"}) == (
        "Not read to the end: a. The budget is spent. The next sync resumes. "
        f"The next sync reads a from the beginning. More: {BUDGET_PAGE}"
    )


def parked() -> PipedriveError:
    refusals = Refusals("deal_changelog", "deals")
    refusals.note(StreamError("Pipedrive answered 500.", TRANSIENT, 500), Action.PARK, False, False)
    assert refusals.parked is not None
    return refusals.parked


@pytest.mark.parametrize(
    "error", [BudgetError("The next sync resumes."), StopSignal.error(), parked()]
)
def test_what_a_reason_says_of_the_next_sync_is_not_repeated(error: PipedriveError) -> None:
    assert summary({"a": error}, ()) == f"Not read to the end: a. {error}"
    assert str(error).count("next sync") == 1


def test_what_ended_the_sync_comes_first() -> None:
    failed = {"deals": refused("deals"), "persons": BudgetError("The budget is spent.")}
    first, second = summary(failed, ()).splitlines()
    assert first.startswith("Not read to the end: persons. The budget is spent.")
    assert second.startswith("Not read to the end: deals.")


@pytest.mark.parametrize(
    ("restarting", "expected"),
    [
        ((), "The next sync resumes them."),
        (("a", "b"), "The next sync reads a, b from the beginning."),
        (("a",), "The next sync reads a from the beginning. The next sync resumes the others."),
    ],
)
def test_what_passes_says_what_the_next_sync_does(
    restarting: tuple[str, ...], expected: str
) -> None:
    lost = UnreachableError("Could not reach it.", TRANSIENT)
    assert summary({"a": lost, "b": lost}, restarting) == (
        f"Not read to the end: a, b. Could not reach it. {expected}"
    )


@pytest.mark.parametrize(
    ("error", "resumes", "expected"),
    [
        (BudgetError("Long."), True, "budget reached"),
        (BudgetError("Long."), False, "budget reached"),
        (UnreachableError("Long.", TRANSIENT), True, "connection lost. The next sync resumes it."),
        (StopSignal.error(), True, "sync stopped. The next sync resumes it."),
        (
            StopSignal.error(),
            False,
            "sync stopped. The next sync reads it from the beginning.",
        ),
        (StreamError("Short.", TRANSIENT), True, "Short. The next sync resumes it."),
        (StreamError("Short.", CONFIG), True, "Short."),
    ],
)
def test_the_line_of_a_stream(error: AirbyteTracedException, resumes: bool, expected: str) -> None:
    assert ending(error, resumes) == expected


def test_the_line_of_a_stream_that_needs_another_does_not_repeat_its_reason() -> None:
    """One refused list would otherwise fill the log with the same sentence for each child."""
    assert ending(refused("deals"), True, "deals") == "needs deals, which is incomplete"
    lost = StreamError("Long.", TRANSIENT)
    assert ending(lost, True, "deals") == (
        "needs deals, which is incomplete. The next sync resumes it."
    )
    assert ending(BudgetError("Long."), True, "deals") == "budget reached"
