"""What questions about records cost, and when their answers have to be confirmed.

That no list has a record says nothing if the user sees less by now. So answers count once Pipedrive
has said that the user sees what the pass began with, and a kill before that loses them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from math import ceil
from typing import Any

from source_pipedrive.http.usage import counted
from source_pipedrive.reading.audit.archive import ARCHIVE, BATCH
from source_pipedrive.reading.audit.parents import Parents
from source_pipedrive.reading.audit.verification import ALONE, CONTROLS, MOST_IDS, group_size
from source_pipedrive.reading.audit.viewer import PRICE
from source_pipedrive.stream.audited import AUDITOR, DEALS, Audited

logger = logging.getLogger("airbyte")

# Seconds and tokens of questions after which the user is asked about again.
EVERY = 30.0
WORTH = 10 * PRICE
CHANGED = 12  # tokens for 100 deals: a fifth of a page of them, and their children


class Unconfirmed:
    """Answers about an object that nothing has confirmed yet."""

    def __init__(self, audited: Audited) -> None:
        self._audited = audited
        self._since = time.monotonic()
        self._count = 0

    def add(self, count: int) -> None:
        """So many records were asked about."""
        self._count += count

    @property
    def is_due(self) -> bool:
        """Whether it is time to confirm them."""
        if self._audited.of_deals:
            return False  # there is one answer for all of them
        worth = _tokens(self._audited, self._count) >= WORTH
        return worth or time.monotonic() - self._since >= EVERY


def announce(audited: Audited, ids: Collection[Any], parents: Parents) -> None:
    """Logs what questions about these records will cost. parents: the deals of products and
    installments."""
    deals = len({*map(parents.get, ids)}) if audited.of_deals else 0
    more = f", and {CHANGED} for each 100 deals that have changed meanwhile" if deals else ""
    if tokens := price(audited, len(ids), deals):
        logger.info(
            f"{AUDITOR}: the audit of {audited.name} asks about {counted(len(ids), 'record')} that "
            f"it did not see, about {tokens:,} tokens{more}."
        )


def price(audited: Audited, count: int, deals: int = 0) -> int:
    """About how many tokens it costs to ask about so many records of an object, and to confirm the
    answers. deals: how many they belong to."""
    if not count:
        return 0
    if audited.of_deals:
        asked = deals + CONTROLS
        archive = ARCHIVE.endpoint.cost * (1 + ceil(deals / (MOST_IDS - CONTROLS)))
        changed = sum(each.endpoint.cost for each in DEALS.lists)
        return PRICE + changed + audited.lists[0].endpoint.cost * ceil(asked / BATCH) + archive
    tokens, group = _tokens(audited, count), _tokens(audited, group_size(audited))
    sample = sum(each.endpoint.cost for each in audited.lists[1:])
    confirmed = 1 + tokens // (group * ceil(WORTH / group))
    return tokens + sample + PRICE * confirmed


def _tokens(audited: Audited, count: int) -> int:
    if (single := audited.single) is not None:
        # A record that should exist is asked about before and after each group.
        return single.cost * (count + 2 * ceil(count / ALONE))
    costs = [each.endpoint.cost for each in audited.lists]
    return (sum(costs) + sum(costs[:-1])) * ceil(count / group_size(audited))
