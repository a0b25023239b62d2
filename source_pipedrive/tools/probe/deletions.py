"""Judges: how deletions, archiving and changes to child records show."""

from __future__ import annotations

from source_pipedrive.reading.audit.reported import is_deleted
from source_pipedrive.reading.audit.unsure import MONTH
from source_pipedrive.reading.audit.verdicts import is_marked
from source_pipedrive.reading.instants import instant_or_none
from source_pipedrive.tools.probe.answers import Ask, Judge, Record, Seen
from source_pipedrive.tools.probe.asks import (
    ARCHIVED,
    ARCHIVED_PRODUCTS,
    DEAL_PRODUCTS,
    DELETED_DEALS,
    NEWEST_DEALS,
    NOTE,
    PROJECTS,
    RECENTS,
)
from source_pipedrive.tools.probe.findings import (
    Finding,
    Why,
    count,
    flag,
    found,
    listed_keys,
    status,
    undecided,
)

DAY = 86_400
MARKS = ("active_flag", "active", "deleted", "is_deleted", "delete_time")  # of a deleted record
SAME = 2  # seconds within which two times belong to one change


def all_have(ask: Ask, field: str, value: object) -> Judge:
    """Whether a field of each record has this value."""

    def judge(seen: Seen) -> Finding:
        records = seen.records(ask)
        if not records:
            return undecided(Why.EMPTY)
        right = sum(record.get(field) == value for record in records)
        return found(
            right == len(records), records=count(len(records)), others=count(len(records) - right)
        )

    return judge


def hides_deleted(items: dict[str, tuple[Ask, ...]]) -> Judge:
    """Whether lists leave out deleted records. items: lists by their name among recent changes.

    A deletion that recent changes report tells something only if the answer would contain it.
    """

    def judge(seen: Seen) -> Finding:
        records = [record for asks in items.values() for record in seen.records(*asks)]
        listed = sum(record.get("is_deleted") is True for record in records)
        if listed:
            return found(False, deleted=count(listed))
        gone = [change for change in seen.records(RECENTS) if is_deleted(change)]
        missed = sum(_is_covered(seen, change, items) for change in gone)
        return found(True, deleted=count(missed)) if missed else undecided(Why.EMPTY)

    return judge


def _is_covered(seen: Seen, change: Record, items: dict[str, tuple[Ask, ...]]) -> bool:
    """Whether the pages that were read would contain the record of a change."""
    pages = seen.good(*items.get(change.get("item", ""), ()))
    return bool(pages) and not pages[-1].more


def lists_no_deleted(*asks: Ask) -> Judge:
    """The same for lists whose deletions nothing else reports."""

    def judge(seen: Seen) -> Finding:
        listed = sum(record.get("is_deleted") is True for record in seen.records(*asks))
        return found(False, deleted=count(listed)) if listed else undecided(Why.EMPTY)

    return judge


def archived_apart(seen: Seen) -> Finding:
    """Whether archived deals, even deleted ones, are only in the list of archived deals."""
    others = seen.records(NEWEST_DEALS, DELETED_DEALS)
    archived = seen.records(ARCHIVED)
    mixed = sum(deal.get("is_archived") is True for deal in others)
    both = {deal.get("id") for deal in others} & {deal.get("id") for deal in archived}
    deleted = any(deal.get("is_deleted") is True for deal in archived)
    facts = {
        "archived_among_others": count(mixed),
        "in_both": count(len(both)),
        "deleted_among_archived": flag(deleted),
    }
    if mixed or both:
        return found(False, **facts)
    if not archived:
        return undecided(Why.EMPTY, **facts)
    pages = seen.good(NEWEST_DEALS)
    if not pages:
        return undecided(seen.missing.get(NEWEST_DEALS.name, Why.REFUSED), **facts)
    newest = [deal["id"] for deal in pages[0].records if isinstance(deal.get("id"), int)]
    least = min(newest, default=0) if pages[0].more else 0  # that page would not have those below
    known = [deal["id"] for deal in archived if isinstance(deal.get("id"), int)]
    told = any(id_ >= least for id_ in known)
    return found(True, **facts) if told else undecided(Why.FEW, **facts)


def deleted_archived_listed(seen: Seen) -> Finding:
    """Whether deals/archived lists deleted deals if the status asks for them."""
    archived = seen.records(ARCHIVED)
    if any(deal.get("is_deleted") is True for deal in archived):
        return found(True)
    elsewhere = any(deal.get("is_archived") is True for deal in seen.records(DELETED_DEALS))
    return found(False) if elsewhere else undecided(Why.EMPTY)


def archiving_moves_time(seen: Seen) -> Finding:
    """Whether archiving a deal changes its update time."""
    pairs = [
        (instant_or_none(deal.get("archive_time")), instant_or_none(deal.get("update_time")))
        for deal in seen.records(ARCHIVED)
    ]
    late = [updated - at for at, updated in pairs if at is not None and updated is not None]
    behind, same = sum(each < -SAME for each in late), sum(abs(each) <= SAME for each in late)
    facts = {"records": count(len(late)), "behind": count(behind), "same_time": count(same)}
    return found(not behind, **facts) if behind or same else undecided(Why.FEW_CHANGES, **facts)


def archived_have_products(seen: Seen) -> Finding:
    """Whether the products of deals include those of archived deals, which say that they have
    some."""
    deals = [deal["id"] for deal in seen.records(ARCHIVED) if deal.get("products_count")]
    products = seen.records(ARCHIVED_PRODUCTS)
    listed = sum(product.get("deal_id") in deals for product in products)
    return found(listed, deals=count(len(deals)), products=count(listed))


def products_move_time(seen: Seen) -> Finding:
    """Whether a product that was added to a deal, or changed there, changes the deal's time."""
    deals = {
        deal.get("id"): instant_or_none(deal.get("update_time"))
        for deal in seen.records(NEWEST_DEALS)
    }
    late, same = 0, 0
    for product in seen.records(DEAL_PRODUCTS):
        times = [instant_or_none(product.get(name)) for name in ("add_time", "update_time")]
        changed = max((time for time in times if time is not None), default=None)
        of_deal = deals.get(product.get("deal_id"))
        if changed is not None and of_deal is not None:
            late += changed - of_deal > SAME
            same += abs(changed - of_deal) <= SAME
    facts = {"later_than_deal": count(late), "same_time": count(same)}
    return found(not late, **facts) if late or same else undecided(Why.FEW_CHANGES, **facts)


def recents_have_data(seen: Seen) -> Finding:
    """Whether recent deletions come with the record, which says that it is deleted."""
    changes = [change for change in seen.records(RECENTS) if is_deleted(change)]
    empty = sum(not change.get("data") for change in changes)
    marks = [name for name in MARKS if any(name in (each["data"] or {}) for each in changes)]
    facts = {
        "deletions": count(len(changes)),
        "without_data": count(empty),
        "marks": listed_keys(marks, MARKS),
    }
    return found(not empty, **facts) if changes else undecided(Why.EMPTY, **facts)


def recents_once(seen: Seen) -> Finding:
    """Whether recent changes list a deleted record once, and not as it was before, too."""
    changes = seen.records(RECENTS)
    gone = {_key(change) for change in changes if is_deleted(change)}
    twice = gone & {_key(change) for change in changes if not is_deleted(change)}
    facts = {"deletions": count(len(gone)), "twice": count(len(twice))}
    return found(not twice, **facts) if gone else undecided(Why.EMPTY, **facts)


def _key(change: Record) -> tuple[object, str]:
    return change.get("item"), str(change.get("id"))


def survivor_names_merged(seen: Seen) -> Finding:
    """Whether after a merge the person that is left names the other."""
    naming = [
        change
        for change in seen.records(RECENTS)
        if change.get("item") == "person" and (change.get("data") or {}).get("merge_what_id")
    ]
    gone = sum(is_deleted(change) for change in naming)
    facts = {"persons": count(len(naming)), "of_them_deleted": count(gone)}
    return found(not gone, **facts) if naming else undecided(Why.EMPTY, **facts)


def deletions_have_time(seen: Seen) -> Finding:
    """Whether recent deletions of persons and organizations have delete_time."""
    items = ("person", "organization")
    records = [
        change["data"]
        for change in seen.records(RECENTS)
        if change.get("item") in items and is_deleted(change) and change.get("data")
    ]
    having = sum(bool(record.get("delete_time")) for record in records)
    facts = {"deletions": count(len(records)), "with_time": count(having)}
    return found(having == len(records), **facts) if records else undecided(Why.EMPTY, **facts)


def recents_ascend(seen: Seen) -> Finding:
    """Whether recent changes come oldest first."""
    times = [
        time
        for change in seen.records(RECENTS)
        if isinstance(data := change.get("data"), dict)
        and (time := instant_or_none(data.get("update_time") or data.get("modified"))) is not None
    ]
    if len(set(times)) < 2:
        return undecided(Why.FEW)
    return found(times == sorted(times), changes=count(len(times)))


def deleted_single(seen: Seen) -> Finding:
    """Whether a deleted record, requested alone, is a 404."""
    reply = seen.reply(NOTE)
    assert reply is not None
    marked = reply.ok and isinstance(reply.data, dict) and is_marked(reply.data)
    facts = {"status": status(reply.status), "marked": flag(marked)}
    if reply.status not in (200, 404, 410):
        return undecided(Why.REFUSED, **facts)
    return found(reply.status == 404, **facts)


def projects_end(seen: Seen) -> Finding:
    """Whether deleted projects leave their list after 30 days."""
    times = [time for reply in seen.good(PROJECTS) for time in reply.times("update_time")]
    known = [time for time in times if time is not None]
    if not known:
        return undecided(Why.EMPTY)
    old = sum(time < seen.at - MONTH - DAY for time in known)
    return found(not old, deleted=count(len(known)), older=count(old))
