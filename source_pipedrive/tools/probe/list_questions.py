"""Questions about the order of lists, and their pages."""

from __future__ import annotations

from source_pipedrive.tools.probe import lists, orders
from source_pipedrive.tools.probe.answers import EITHER, Ask, Question
from source_pipedrive.tools.probe.asks import (
    ACTIVITIES,
    ARCHIVED,
    DEALS,
    DEALS_MORE,
    FILES,
    FRACTION,
    GOALS,
    GONE,
    INSTALLMENTS,
    LEADS,
    LEADS_MORE,
    MAIL,
    MISSING,
    NEWEST_DEALS,
    NO_NOTES,
    NOTES,
    NOTES_MORE,
    ORGANIZATIONS,
    PERSONS,
    PERSONS_MORE,
    PIPELINES,
    PRODUCTS,
    SINCE,
    STAGES,
    UNBOUNDED,
    UNTIL,
    USERS,
)

WHOLE = "It reads the list whole, with a warning, and saves its progress only at the end."


def _sorted(name: str, *asks: Ask, descending: bool = False) -> Question:
    """Whether a list comes in the order of its update times."""
    how = "newest first" if descending else "oldest first"
    return Question(
        f"{name}_sorted", f"`{asks[0].path}` is sorted by update_time as asked, {how}.", WHOLE,
        "reading/order.py", asks, orders.ordered(*asks, descending=descending))  # fmt: skip


# fmt: off
ORDERS = (
    _sorted("deals", DEALS, DEALS_MORE),
    _sorted("archived_deals", ARCHIVED, descending=True),
    _sorted("persons", PERSONS, PERSONS_MORE),
    _sorted("organizations", ORGANIZATIONS, descending=True),
    _sorted("activities", ACTIVITIES),
    _sorted("products", PRODUCTS),
    _sorted("notes", NOTES, NOTES_MORE),
    _sorted("leads", LEADS, LEADS_MORE),
    _sorted("files", FILES, descending=True),
    Question("two_sort_keys", "Lists of API v1 accept two sort keys.",
             "It asks again with one key.", "reading/sequential.py", (NOTES, LEADS, FILES),
             orders.accepted(NOTES, LEADS, FILES), True),
    Question("second_sort_key", "Lists of API v1 honour the second sort key.",
             "Nothing is lost: records of one second are read again from its beginning.",
             "reading/seams.py", (NOTES, NOTES_MORE, LEADS, LEADS_MORE, FILES),
             orders.second_key((NOTES, False), (LEADS, False), (FILES, True))),
    Question("nulls_first", "Records without an update time come first in ascending order.",
             "It finds them at the other end, with one more request for each list.",
             "reading/order.py", (DEALS, PERSONS, ORGANIZATIONS, ACTIVITIES, PRODUCTS),
             orders.nulls_first((DEALS, PERSONS, ACTIVITIES, PRODUCTS), (ORGANIZATIONS,))),
    Question("bounded_without_nulls",
             "An answer bounded by time has no records without a time.", EITHER,
             "reading/order.py", (SINCE, UNTIL, *UNBOUNDED),
             orders.bounded_without_nulls(*UNBOUNDED)),
    Question("since_inclusive", "updated_since includes its own second.",
             "Records of the second in which two parts of a list meet may be missing.",
             "reading/incremental.py", (SINCE,), orders.since_is_inclusive),
    Question("until_exclusive", "updated_until excludes its own second.",
             "Nothing changes: it drops them itself.", "reading/incremental.py", (UNTIL,),
             orders.until_is_exclusive),
    Question("fractions_refused", "A time with fractions of a second is refused (400).",
             "Nothing changes: it sends whole seconds.", "reading/instants.py", (FRACTION,),
             orders.refused_as_wrong(FRACTION), True),
    Question("ids_follow_creation", "A higher id was added later.",
             "An audit asks for more records by their ids.", "reading/audit/walks.py",
             (NOTES, NOTES_MORE), orders.ids_follow_creation(NOTES, NOTES_MORE)),
)
PAGES = (
    Question("full_pages", "With limit=500, a page before others has 500 records.",
             "Nothing is lost; the sync needs more requests than it forecasts.",
             "reading/pages.py", (NEWEST_DEALS,), lists.full_page(NEWEST_DEALS)),
    Question("cursor_lives", "A cursor is good for a minute, and its page repeats no record.",
             "It asks for the rest again, from the time of the last record.",
             "reading/incremental.py", (PERSONS_MORE, PERSONS),
             lists.cursor_lives(PERSONS, PERSONS_MORE), True),
    Question("last_cursor_null", "The last page of API v2 has next_cursor, with null.", EITHER,
             "reading/answers.py", (STAGES, PIPELINES),
             lists.last_cursor_is_null(STAGES, PIPELINES)),
    Question("next_start_missing", "The last page of API v1 lacks next_start.", EITHER,
             "reading/answers.py", (NOTES, NOTES_MORE, LEADS, LEADS_MORE, NO_NOTES),
             lists.last_page_without_next_start(NOTES, NOTES_MORE, LEADS, LEADS_MORE, NO_NOTES)),
    Question("empty_list_null", "`data` of an empty list of API v1 is null.", EITHER,
             "reading/pages.py", (NO_NOTES,), lists.empty_is_null(NO_NOTES)),
    Question("lead_pages_nested", "Leads have their paging below `pagination`.", EITHER,
             "reading/answers.py", (LEADS,), lists.nested(LEADS)),
    Question("mail_pages", "Mail threads say whether others follow.",
             "A full page is taken to have a successor.", "reading/answers.py", (MAIL,),
             lists.paged(MAIL)),
    Question("installment_pages", "Installments say whether others follow.",
             "After a full page it asks for fewer deals at once.", "reading/children.py",
             (INSTALLMENTS,), lists.paged(INSTALLMENTS)),
    Question("users_unpaged", "`users` is one answer without paging.",
             "`users` fails rather than being read in part.", "reading/pages.py", (USERS,),
             lists.unpaged(USERS)),
    Question("ids_skip_missing", "`ids` with a missing record answers with the others.",
             "An audit halves the ids until it knows which one is missing.",
             "reading/audit/verification.py", (MISSING,), lists.skips_missing(MISSING), True),
    Question("deal_ids_skip_missing",
             "`deals/products` with a missing deal answers with the others.",
             "It halves the batch down to the single deal and passes that one over.",
             "reading/children.py", (GONE,), lists.skips_missing(GONE), True),
    Question("company_host", "The company's host serves leads, goals and mail below /api/v1.",
             "Leads and goals fail with 404, and mail counts as missing.", "http/hosts.py",
             (LEADS, GOALS, MAIL), lists.served(LEADS, GOALS, MAIL), True),
)
# fmt: on
