"""The HTTP layer over the service: Starlette routes for the API, OAuth and the controls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .consent_routes import consent_routes
from .control import control_routes
from .route import Route
from .routes import ALL_ROUTES
from .service import Call, Reply, Service

Endpoint = Callable[[Request], Awaitable[Response]]
DROP = (b"x-drop", b"1")  # makes Dated, which can reach the connection, close it
NAMED = ("goals", "leads", "permission_sets")  # tables whose ids are text
TOKEN = "/oauth/token"
ROOTS = {"v1": ("/api/v1", "/v1"), "v2": ("/api/v2",)}


class CutResponse(Response):
    """Announces the whole body but sends only half, so that the server closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


class Dated:
    """Adds a `Date` header by the sandbox's clock to every response (uvicorn's is disabled)."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._clock = service.clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if DROP in message.get("headers", ()):
                # The protocol has no message for this; `send` belongs to uvicorn's connection.
                send.__self__.transport.abort()  # type: ignore[attr-defined]
                return
            if message["type"] == "http.response.start":
                headers = [(b"date", self._clock.date_header()), *message["headers"]]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, dated)


def app(service: Service, url: Callable[[], str]) -> ASGIApp:
    """The application; `url` returns its own address, which OAuth reports as `api_domain`."""

    async def token(request: Request) -> Response:
        body = await request.body()
        fault = service.faults.take(TOKEN, by_name=True)
        if fault:
            await asyncio.sleep(fault.delay_ms / 1000)
        return _response(service.token(request.headers, body, url(), fault))

    routes = [
        HttpRoute(TOKEN, token, methods=["POST"]),
        *consent_routes(service),
        *control_routes(service),
    ]
    for route in ALL_ROUTES:
        for root in ROOTS[route.version]:
            kind = "str" if route.relation.parent_table in NAMED else "int"
            path = root + route.path.replace("{id}", f"{{id:{kind}}}")
            routes.append(HttpRoute(path, _endpoint(service, route)))
    routes.append(HttpRoute("/{path:path}", _endpoint(service, None)))
    return Dated(Starlette(routes=routes), service)


def _endpoint(service: Service, route: Route | None) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        url = request.scope["path"]
        query = request.scope["query_string"].decode("latin-1")
        fault = service.faults.take(f"{url}?{query}") if len(service.faults) else None
        delay = service.switches.latency_ms + (fault.delay_ms if fault else 0)
        if delay:
            await asyncio.sleep(delay / 1000)
        call = Call(
            request.method, url, query, request.headers, route, request.path_params.get("id")
        )
        return _response(service.answer(call, fault))

    return endpoint


def _response(reply: Reply) -> Response:
    if reply.drop:
        dropped = Response()
        dropped.raw_headers = [DROP]
        return dropped
    kind = CutResponse if reply.cut else Response
    response = kind(reply.body, reply.status, media_type=reply.media_type)
    response.raw_headers += reply.headers
    return response
