"""Canned responses without a network, for code that uses requests."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import requests
import urllib3

Reply = tuple[int, Mapping[str, str], bytes] | Exception
DATE = {"Date": "Mon, 23 Nov 2026 10:00:00 GMT"}


def ok(body: bytes = b'{"success": true, "data": []}', **headers: str) -> Reply:
    """A 200 with a known date."""
    return 200, {**DATE, **headers}, body


class Wire(requests.adapters.BaseAdapter):
    """Answers requests from a list and records them."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.replies = list(replies)
        self.sent: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Return the next response, or raise the next failure."""
        self.sent.append(request.copy())
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        response = requests.Response()
        response.status_code, headers, body = reply
        response.headers.update(headers)
        response.url = str(request.url)
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(body), dict(headers), response.status_code, preload_content=False
        )
        response.request = request
        return response

    def close(self) -> None:
        """Do nothing; there is nothing to close."""
