"""The sandbox's own routes under /_sandbox. They cost no tokens and are not recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .clock import zulu
from .errors import Refusal
from .service import Service

Body = dict[str, Any]


def control_routes(service: Service) -> list[Route]:
    """The control routes: GET to inspect the sandbox, POST to change it."""

    def ledger(body: Body) -> object:
        return service.ledger.by_object()

    def requests(body: Body) -> object:
        return [request.as_dict() for request in service.ledger.requests]

    def reset_ledger(body: Body) -> object:
        service.ledger.reset()
        return {}

    def clock(body: Body) -> object:
        if "set" in body:
            service.clock.set(body["set"])
        if "advance_seconds" in body:
            service.clock.advance(body["advance_seconds"])
        if body.get("run"):
            service.clock.run()
        return {"now": zulu(service.clock.now())}

    def switches(body: Body) -> object:
        if body:
            service.set(**body)
        return asdict(service.switches)

    def mutate(body: Body) -> object:
        return service.mutate(**body)

    def change_records(body: Body) -> object:
        return service.change_records(body["action"], body["object"], body["ids"])

    def bulk_update(body: Body) -> object:
        return service.bulk_update(**body)

    def fail_next(body: Body) -> object:
        service.faults.order(body["faults"])
        return {"open": len(service.faults)}

    def clear_faults(body: Body) -> object:
        service.faults.clear()
        return {"open": 0}

    def expire_tokens(body: Body) -> object:
        service.auth.expire()
        return {}

    def records(body: Body) -> object:
        return service.records(body.pop("object"), **body)

    def records_by_parent(body: Body) -> object:
        found = service.records_by_parent(body["object"])
        return {str(id_): records for id_, records in found.items()}

    def stage_history(body: Body) -> object:
        return {str(id_): found for id_, found in service.stage_history().items()}

    def fields(body: Body) -> object:
        return service.custom_fields(body["object"])

    def change_fields(body: Body) -> object:
        return service.change_fields(body.pop("object"), **body)

    return [
        _route("GET", "ledger", ledger),
        _route("GET", "requests", requests),
        _route("GET", "clock", clock),
        _route("GET", "switches", switches),
        _route("GET", "records/{object}", records),
        _route("GET", "records-by-parent/{object}", records_by_parent),
        _route("GET", "stage-history", stage_history),
        _route("GET", "fields/{object}", fields),
        _route("POST", "fields", change_fields),
        _route("POST", "reset-ledger", reset_ledger),
        _route("POST", "clock", clock),
        _route("POST", "switches", switches),
        _route("POST", "mutate", mutate),
        _route("POST", "change-records", change_records),
        _route("POST", "bulk-update", bulk_update),
        _route("POST", "fail-next", fail_next),
        _route("POST", "clear-faults", clear_faults),
        _route("POST", "expire-tokens", expire_tokens),
    ]


def _route(method: str, path: str, act: Callable[[Body], object]) -> Route:
    """A route that calls `act` with a POST's JSON body, or with a GET's path and query parameters.

    A body that is a list stands for {"faults": list}. Errors are answered with a 400.
    """

    async def endpoint(request: Request) -> Response:
        try:
            body: Any = {**request.path_params, **request.query_params}
            if method == "POST":
                body = orjson.loads(await request.body() or b"{}")
                body = {"faults": body} if isinstance(body, list) else body
            status, answer = 200, act(body)
        except (ValueError, TypeError, KeyError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        except Refusal as refusal:
            status, answer = 400, {"error": refusal.reason}
        return Response(orjson.dumps(answer), status, media_type="application/json")

    return Route(f"/_sandbox/{path}", endpoint, methods=[method])
