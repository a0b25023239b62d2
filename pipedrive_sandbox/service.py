"""Turns a request into a response, without HTTP: authentication, limits, permissions, records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl

import orjson

from . import errors, generated, query
from .access import check
from .answers import singles
from .auth import Auth, check_scopes
from .canaries import planted
from .clock import Clock, moment
from .data.builder import build
from .deletions import Action, change_records
from .errors import Refusal, Version
from .faults import Fault, Faults, apply_fault
from .field_changes import change_fields
from .inspection import Inspection
from .ledger import Ledger, Request
from .limits import Limits
from .mutations import Changes, mutate
from .options import Options
from .route import Context, Route
from .routes import ALL_ROUTES
from .stage_history import stage_history
from .switches import Switches, Value

Headers = list[tuple[bytes, bytes]]

# On the shared host api.pipedrive.com these return 404 under /api/v1, but work under /v1.
NOT_ON_SHARED_HOST = ("/leads", "/leadLabels", "/leadSources", "/goals/find", "/mailbox/")
_EXPOSED = (
    b"X-RateLimit-Remaining, X-RateLimit-Limit, X-RateLimit-Reset, "
    b"X-Daily-RateLimit-Token-Limit, X-Daily-RateLimit-Token-Remaining"
)


@dataclass(frozen=True)
class Call:
    """The parts of a request that the sandbox uses. `route` is None for an unknown path."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    route: Route | None
    parent_id: int | str | None = None  # the id in the path

    @property
    def version(self) -> Version:
        return "v2" if self.path.startswith("/api/v2/") else "v1"

    @property
    def object(self) -> str:
        return self.route.object if self.route else "unknown"


@dataclass(frozen=True)
class Reply:
    """A response: status, body and headers, and how to send it."""

    status: int
    body: bytes
    headers: Headers
    media_type: str = "application/json"
    cut: bool = False  # send half of the body, then close the connection
    drop: bool = False  # close the connection without a response


class Service:
    """One company's Pipedrive. Every public method may be called from any thread."""

    def __init__(self, options: Options | None = None) -> None:
        options = options or Options()
        self.lock = RLock()
        self.clock = Clock(options.clock)
        self.switches = Switches()
        self.world = build(options, self.clock.now())
        generated.complete(self.world, ALL_ROUTES)
        self.auth = Auth(self.clock)
        self.limits = Limits(self.clock)
        self.ledger = Ledger()
        self.faults = Faults()
        self._correlation = 0
        self._last_bodies: dict[str, bytes] = {}  # the last response body, by object
        if options.switches:
            self.set(**options.switches)

    # -- control

    def set(self, **values: Value) -> None:
        """Set switches and drop the rendered JSON, which may depend on them."""
        with self.lock:
            before, self.switches = self.switches, self.switches.changed(**values)
            count = self.switches.null_update_times
            for table in self.world.tables.values():
                if table.core and count != before.null_update_times:
                    table.null_update_times(count)
                table.refresh()

    def warm(self) -> None:
        """Render every record now, so that the first pages are as fast as later ones."""
        with self.lock:
            for table in self.world.tables.values():
                table.warm(self.switches)

    def mutate(self, seed: int = 0, **wanted: Any) -> Changes:
        """Edit, add, delete and archive records now; see `mutations.mutate`."""
        with self.lock:
            return mutate(self.world, self.clock.now(), self.switches, seed, **wanted)

    def change_records(self, action: Action, object_: str, ids: Sequence[Any]) -> list[Any]:
        """Delete, merge, restore, ... records; see `deletions.change_records`."""
        with self.lock:
            now = self.clock.now()
            return change_records(self.world, now, self.switches, action, object_, ids)

    def bulk_update(self, name: str, count: int, at: str) -> int:
        """Give `count` records of a table the same update time, as a bulk import does."""
        with self.lock:
            table = self.world.tables[name]
            rows = [row for row in table.rows.values() if row.deleted_at is None][:count]
            for row in rows:
                self.world.children.keep_original(name, row)
                row.record[table.updated] = table.stamp(moment(at))
            table.touch(*rows)
            return len(rows)

    def change_fields(self, object_: str, **wanted: Any) -> dict[str, list[str]]:
        """Change the account's custom fields now; see `field_changes.change_fields`."""
        with self.lock:
            return change_fields(self.world, self.clock.now(), object_, **wanted)

    def custom_fields(self, object_: str) -> list[dict[str, Any]]:
        """[{"key", "name", "type", "id", "options": [{"id", "label"}]}] in order of creation."""
        with self.lock:
            return [field.as_dict() for field in self.world.fields[object_]]

    def records(self, object_: str, **params: str) -> list[dict[str, Any]]:
        """All records of `object_` as its endpoint lists them now, free of charge.

        `params` are the endpoint's query parameters (for example status="deleted").
        """
        with self.lock:
            return self._inspection().records(object_, params)

    def records_by_parent(self, object_: str) -> dict[int, list[dict[str, Any]]]:
        """The same by the id of the parent; parents without child records are left out."""
        with self.lock:
            return self._inspection().records_by_parent(object_)

    def stage_history(self) -> dict[int, list[dict[str, Any]]]:
        """The stages each deal has been in, and when."""
        with self.lock:
            return stage_history(self.world)

    def _inspection(self) -> Inspection:
        return Inspection(self.world, self.switches, self.clock.now())

    # -- answers

    def token(
        self, headers: Mapping[str, str], body: bytes, url: str, fault: Fault | None = None
    ) -> Reply:
        """Answer POST /oauth/token; recorded as oauth_token, at 0 tokens."""
        if fault and fault.body == "drop":
            return Reply(200, b"", [], drop=True)
        with self.lock:
            try:
                if fault and fault.status != 200:
                    raise errors.oauth(fault.status, "server_error")
                answer = orjson.dumps(self.auth.grant(headers, body, self.switches, url))
                reply, note = Reply(200, answer, []), ""
            except Refusal as refusal:
                reply, note = Reply(refusal.status, refusal.body, []), str(refusal)
            request = Request("POST", "/oauth/token", (), reply.status, 0, "oauth_token", note)
            self.ledger.add(request, charged=reply.status == 200)
            return reply

    def answer(self, call: Call, fault: Fault | None = None) -> Reply:
        """Answer a GET request to the API; count and record it."""
        with self.lock:
            self._correlation += 1
            token, tokens, note, charged = "", 0, "", True
            params = tuple(sorted(parse_qsl(call.query, keep_blank_values=True)))
            headers: Headers = []
            try:
                token, granted = self.auth.caller(call.headers, params, self.switches)
                tokens = self._admit(call, token, granted)
                reply = self._serve(call, params, fault)
            except Refusal as refusal:
                note, charged = str(refusal), refusal.charged
                headers = [(k.encode(), v.encode()) for k, v in refusal.headers.items()]
                reply = Reply(refusal.status, refusal.body, [], refusal.media_type)
            tokens = tokens if charged else 0
            request = Request(
                call.method, call.path, params, reply.status, tokens, call.object, note
            )
            self.ledger.add(request, charged)
            headers += self._headers(token, reply.status)
            if reply.status == 200 and call.route and call.route.listing.paging != "none":
                self._simulate_users()
            return replace(reply, headers=headers)

    def _simulate_users(self) -> None:
        """Simulate other people's work before the next request, as the switches say."""
        churn, seed = self.switches.churn, self._correlation
        if self.switches.tick:
            self.clock.advance(self.switches.tick)
        if churn:
            third = -(-churn // 3)
            self.mutate(seed, edits=churn, adds=third, deletes=third, archives=third)

    def _admit(self, call: Call, token: str, granted: frozenset[str] | None) -> int:
        """Admit the request, charge it and return its cost in tokens. Raises a Refusal."""
        if not self.switches.company_open:
            raise errors.company_closed()
        self.limits.enter(token, self.switches)
        if call.route and not check_scopes(granted, call.route.access.scopes):
            raise errors.scope_mismatch(call.route.access.scopes)
        cost = call.route.cost if call.route else 0
        self.limits.charge(cost, self.switches)
        return cost

    def _serve(self, call: Call, params: query.Params, fault: Fault | None) -> Reply:
        if fault and fault.body in ("json", "html", "empty") and fault.status:
            return _failed(call.version, fault.status, fault.body)
        route = call.route
        if route is None or self._not_on_this_host(call.path):
            raise errors.not_found(call.version)
        check(route, self.switches)
        context = Context(self.world, self.switches, call.parent_id, self.clock.now())
        if route.table != "projects" or not self.switches.deleted_projects_stay:
            context.table(route).purge(self.clock.now())
        if route.relation.itself:
            singles.check(route, context)
        elif route.relation.parent_table:
            parent = self.world.tables[route.relation.parent_table].rows.get(call.parent_id)
            if parent is None or parent.deleted_at is not None:
                raise errors.not_found(call.version)
        if fault and fault.body == "short":
            params = tuple((k, str(-(-int(v) // 3)) if k == "limit" else v) for k, v in params)
        body = route.answer(route, query.read(route, params, context), context)
        if self.switches.canaries:
            body = planted(body, route.object, self.world.fields.values())
        previous, self._last_bodies[route.object] = self._last_bodies.get(route.object), body
        if fault is None:
            return Reply(200, body, [])
        again = (orjson.loads(previous)["data"] or [])[-3:] if previous else []
        return Reply(
            fault.status or 200,
            apply_fault(body, fault, dict(params).get("cursor"), again),
            [],
            cut=fault.body == "reset",
            drop=fault.body == "drop",
        )

    def _not_on_this_host(self, path: str) -> bool:
        if self.switches.host_style == "company" or not path.startswith("/api/v1/"):
            return False
        return path.removeprefix("/api/v1").startswith(NOT_ON_SHARED_HOST)

    def _headers(self, token: str, status: int) -> Headers:
        number = self._correlation
        return [
            *(self.limits.headers(token, self.switches, status) if token else ()),
            (b"x-correlation-id", b"%08x-0000-4000-8000-%012x" % (number, number)),
            (b"access-control-expose-headers", _EXPOSED),
        ]


def _failed(version: Version, status: int, body: str) -> Reply:
    if body == "html":
        return Reply(status, errors.cloudflare(status).body, [], "text/html")
    if body == "empty":
        return Reply(status, b"", [])
    if status == 429:
        raise errors.over_limit("a fault that was ordered")
    if status == 401:
        raise errors.unauthorized("a fault that was ordered")
    if status in (403, 404):
        raise errors.forbidden() if status == 403 else errors.not_found(version)
    raise errors.broken(version, status)
