"""The mailbox and the call log of the token's user."""

from __future__ import annotations

from typing import Any

from ..answers import computed
from ..answers import mail as answers
from ..data import mail
from ..data.company import ME
from ..data.mail import FOLDERS
from ..endpoints import child_route, pages, v1
from ..params import Filter, choice, parse_flag
from ..record import Condition, SortKey
from ..route import Route

FOLDER = choice("folder", *FOLDERS, field="in_folders", test="has", required=True)
MINE = (Condition("user_id", "is", ME),)
MAIL: dict[str, Any] = {
    "answer": answers.mail_page,
    "order": (SortKey("last_message_timestamp", descending=True),),
    "filters": (FOLDER,),
    "param_sets": tuple({"folder": folder} for folder in FOLDERS),
}
MESSAGE: dict[str, Any] = {
    "table": "mail_threads",
    "answer": answers.mail_message,
    "filters": (Filter("include_body", parse_flag, ""),),
    "param_sets": ({"include_body": "1"},),
}

ROUTES: tuple[Route, ...] = (
    pages("call_logs", "/callLogs", 20, "phone-integration", max_limit=50, where=MINE),
    v1(
        "mail_messages",
        "/mailbox/mailThreads/{id}/mailMessages",
        20,
        "mail",
        **child_route("mail_threads", answer=computed.whole(mail.messages)),
    ),
    v1("mail_message_bodies", "/mailbox/mailMessages/{id}", 2, "mail", **MESSAGE),
    pages("mail_threads", "/mailbox/mailThreads", 20, "mail", **MAIL),
)
