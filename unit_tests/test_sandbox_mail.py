"""The sandbox's mailbox, and comments on notes."""

from __future__ import annotations

import pytest

from pipedrive_sandbox import Options, Sandbox

from .caller import LIMITS, NOW, Caller

OPTIONS = Options(scale=1, clock=NOW, switches=LIMITS)


def test_a_user_without_a_mailbox_gets_a_404(box: Sandbox, api: Caller) -> None:
    assert api.ask("v1/mailbox/mailThreads", folder="inbox").status_code == 200
    box.set(mailbox="404")
    assert api.ask("v1/mailbox/mailThreads", folder="inbox").status_code == 404


def test_a_fifth_of_the_notes_have_comments_in_pages(box: Sandbox, api: Caller) -> None:
    commented = 0
    notes = box.records("notes")
    for note in notes:
        path = f"v1/notes/{note['id']}/comments"
        rows = api.data(path) or []
        commented += bool(rows)
        assert {row["object_id"] for row in rows} <= {str(note["id"])}
        assert all(row["add_time"][:19] >= note["add_time"].replace(" ", "T") for row in rows)
        assert all(row["add_time"] <= row["update_time"] for row in rows)
    assert commented == pytest.approx(len(notes) / 5, abs=1)
    first = api.ask("v1/notes/1/comments", limit=5, start=5).json()
    pagination = first["additional_data"]["pagination"]
    assert pagination == {
        "start": 5,
        "limit": 5,
        "more_items_in_collection": True,
        "next_start": 10,
    }
    assert [row["uuid"] for row in first["data"]] == [
        row["uuid"] for row in api.data("v1/notes/1/comments")[5:10]
    ]


def test_a_threads_count_matches_its_messages(box: Sandbox, api: Caller) -> None:
    seen: set[int] = set()
    for thread in box.records("mail_threads"):
        rows = api.data(f"v1/mailbox/mailThreads/{thread['id']}/mailMessages")
        assert len(rows) == thread["message_count"]
        assert {row["mail_thread_id"] for row in rows} == {thread["id"]}
        assert rows[0]["message_time"] == thread["first_message_timestamp"]
        assert rows[-1]["message_time"] == thread["last_message_timestamp"]
        assert sum(row["draft_flag"] for row in rows) == thread["has_draft_flag"]
        assert not seen & {row["id"] for row in rows}
        seen |= {row["id"] for row in rows}


def test_only_a_single_message_has_a_body_and_only_on_request(box: Sandbox, api: Caller) -> None:
    thread = next(each for each in box.records("mail_threads") if each["message_count"] > 2)
    for listed in api.data(f"v1/mailbox/mailThreads/{thread['id']}/mailMessages"):
        path = f"v1/mailbox/mailMessages/{listed['id']}"
        assert "body" not in listed
        plain = api.data(path)
        assert plain == {**listed, "draft": listed["draft"] or ""}
        assert api.data(path, include_body=0) == plain
        body = api.data(path, include_body=1).pop("body")
        assert str(listed["id"]) in body
    after = thread["id"] + thread["message_count"] * 1_000_000
    assert api.ask(f"v1/mailbox/mailMessages/{after}").status_code == 404
    assert api.ask(path, include_body="true").status_code == 400
