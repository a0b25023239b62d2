"""The routes of the consent screen under /oauth/authorize: the page, and a click on its buttons."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from .auth import granted_scopes, read_form
from .errors import Refusal
from .service import Service

PATH = "/oauth/authorize"


def consent_routes(service: Service) -> list[Route]:
    """GET shows the page. POST sends the browser back to the app, with a code or an error."""

    def page(query: str) -> Response:
        params = dict(parse_qsl(query, keep_blank_values=True))
        switches = service.switches
        return HTMLResponse(service.auth.consent.page(params, switches, granted_scopes(switches)))

    def decision(body: bytes) -> Response:
        address = service.auth.consent.decide(read_form(body), service.switches)
        return RedirectResponse(address, 302)

    def answered(answer: Callable[[], Response]) -> Response:
        with service.lock:
            try:
                return answer()
            except Refusal as refusal:
                return Response(refusal.body, refusal.status, media_type=refusal.media_type)

    async def show(request: Request) -> Response:
        return answered(lambda: page(request.scope["query_string"].decode("latin-1")))

    async def decide(request: Request) -> Response:
        body = await request.body()
        return answered(lambda: decision(body))

    return [Route(PATH, show, methods=["GET"]), Route(PATH, decide, methods=["POST"])]
