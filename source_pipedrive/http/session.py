"""The session of `requests` that the client sends with.

For each request, `requests` reads proxies and certificates from the environment and merges headers,
parameters, hooks and cookies of session and request. None of this changes during a sync, and it
takes a third of a request's CPU time (docs/adr/0011-what-a-request-costs.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from source_pipedrive.http.deadline import DEADLINES

POOL = 128  # connections kept open: more than the most workers


class Adapter(HTTPAdapter):
    """Looks for the connections to a host once. `Session` sends all requests to a host with the
    same proxies and certificates. Puts all requests under their deadlines."""

    def __init__(self) -> None:
        super().__init__(pool_maxsize=POOL)
        self._pools: dict[str, Any] = {}  # by scheme, host and port

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """The connections for a request."""
        host = _host(request.url or "")
        pool: Any = self._pools.get(host)
        if pool is None:
            pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
            pool.ConnectionCls = DEADLINES.watched(pool.ConnectionCls)
            self._pools[host] = pool
        return pool

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        """What the request line says; all of the address only for a proxy."""
        return super().request_url(request, proxies) if proxies else request.path_url


class Session(requests.Session):
    """A session for GET requests that have neither a body nor headers of their own. Thread-safe.

    Proxies and certificates (HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and the
    like) are read before the first request to each host.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mount("https://", Adapter())
        self.mount("http://", Adapter())
        self._settings: dict[str, Mapping[str, Any]] = {}  # by scheme, host and port

    def merge_environment_settings(  # type: ignore[override]
        self, url: str, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> dict[str, Any]:
        """The proxies and certificates for requests to the host of `url`."""
        host = _host(url)
        settings = self._settings.get(host)
        if settings is None:
            settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
            self._settings[host] = settings
        return {**settings, "stream": stream}

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """The request with the session's headers, cookies and authentication."""
        prepared = requests.PreparedRequest()
        prepared.prepare_method("GET")
        prepared.prepare_url(request.url, request.params)
        prepared.prepare_headers(self.headers)
        prepared.prepare_cookies(self.cookies)
        prepared.prepare_auth(self.auth)
        return prepared


def _host(url: str) -> str:
    """Scheme, host and port."""
    return url[: url.find("/", len("https://"))]
