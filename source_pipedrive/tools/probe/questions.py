"""The table of questions: what the connector assumes and nobody documents.

Each has one row, in list_questions.py or account_questions.py:

    name, what the connector assumes
    what it does if the account behaves otherwise; where that is in the code
    the requests that tell; who judges the answers; whether refusals do

Either answer is survived, at the price that the row names.
"""

from __future__ import annotations

from source_pipedrive.tools.probe.account_questions import DELETIONS, LIMITS, REFUSALS, SHAPES
from source_pipedrive.tools.probe.list_questions import ORDERS, PAGES

GROUPS = {
    "Orders and bounds": ORDERS,
    "Pages": PAGES,
    "Keys and types": SHAPES,
    "Refusals": REFUSALS,
    "Deletions and changes": DELETIONS,
    "Limits and tokens": LIMITS,
}
QUESTIONS = tuple(question for group in GROUPS.values() for question in group)
