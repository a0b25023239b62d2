"""How lists are paged, how their changes are found, and what endpoints return."""

from __future__ import annotations

from enum import Enum


class Paging(Enum):
    """How one page of a list follows another.

    https://pipedrive.readme.io/docs/core-api-concepts-pagination
    """

    CURSOR = "cursor"
    """v2: an opaque cursor in additional_data.next_cursor."""
    OFFSET = "offset"
    """v1: `start` and `limit`."""
    WHOLE = "whole"
    """The whole list is one response."""


class Changes(Enum):
    """How a sync finds the records that changed since the last one."""

    ASCENDING = "the server filters v2 lists, sorted by the cursor field, into closed spans"
    RESTARTING = "the server filters v1 lists, which restart from the latest time seen"
    NEWEST_FIRST = "no filter; the list is read from the newest record to the last sync"
    ON_CLIENT = "no filter; the whole list is read, and only newer records are emitted"
    OF_PARENT = "the records of every parent that changed are read again"
    OF_SYNC = "each sync writes new records, about itself"


class Kind(Enum):
    """What the endpoint returns."""

    LIST = "a list of records"
    SINGLE = "one object of the token's user, whose key is that user's id"
    MAILBOX = "one list per mail folder; a thread may be in several"
    FIELDS = "definitions of fields; if the scopes allow only v1's list, that list with v2's keys"
    CHILD = "records that are requested for the records of other streams"
    DERIVED = "no endpoint; derived from the records of other streams"
    DELETED = "deleted records, merged from several lists"
    COMPONENT = "one of the lists that a DELETED stream merges; its records are converted"
    REMOVED = "Pipedrive has removed the endpoint; nothing is requested"
    REPORT = "no endpoint; the sync itself writes it when all other streams have ended"


WITHOUT_PIPEDRIVE = (Kind.REMOVED, Kind.REPORT)
"""Kinds that need nothing of Pipedrive: no request, no scope, no permission."""
NOT_REQUESTED = (*WITHOUT_PIPEDRIVE, Kind.DERIVED)
"""Kinds without requests of their own."""


class Touches(Enum):
    """How certain it is that changing one record updates the update_time of another."""

    YES = "yes: each entry is a change to the record"
    DELETION = "deletions do; unknown for other changes"
    LIKELY = "others have seen it; not documented"
    UNKNOWN = "unknown"
