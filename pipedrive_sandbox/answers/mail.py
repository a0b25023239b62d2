"""The mailbox, and mail linked to deals, persons and organizations."""

from __future__ import annotations

import orjson

from ..data import mail
from ..errors import not_found
from ..route import Context, Query, Route
from .children import children_of
from .pages import envelope, listed, offset_page, one_page, pagination, rendered, selected

_MAIL = {"statusCode": 2000, "statusText": "Success", "service": "email-api"}


def mail_page(route: Route, query: Query, context: Context) -> bytes:
    """A page of mail threads; neither the schema nor the example shows additional_data."""
    if context.switches.mailbox == "404":
        raise not_found("v1")
    if context.switches.mail_pagination == "present":
        return offset_page(route, query, context)
    page = one_page(query, selected(route, query, context))
    return envelope(rendered(route, query, context, page))


def mail_messages(route: Route, query: Query, context: Context) -> bytes:
    """The mail of a record; `additional_data` may be missing altogether."""
    records = children_of(route, context)
    if query.given.get("include_body"):
        body = {"body": "<p>Sent by the sandbox.</p>"}
        records = [{**each, "data": {**each["data"], **body}} for each in records]
    page = listed(route, one_page(query, records), context)
    if context.switches.mail_pagination == "absent":
        return envelope(page)
    return envelope(page, {"pagination": pagination(query, len(records))})


def mail_message(route: Route, query: Query, context: Context) -> bytes:
    """A message by its own id; `include_body=1` adds the body. Without an id, which no client can
    request, all messages."""
    with_body = bool(query.given.get("include_body"))
    if context.parent_id is None:
        ids = mail.message_ids(context.world)
        every = [mail.message(context.world, id_, with_body) for id_ in ids]
        return envelope(orjson.dumps(every))
    found = mail.message(context.world, int(context.parent_id), with_body)
    if found is None:
        raise not_found(route.version)
    return orjson.dumps({"success": True, "data": found, **_MAIL})
