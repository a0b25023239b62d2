"""A client that only fetches pages, to measure the sandbox."""

from __future__ import annotations

import json
import time

import urllib3

from benchmarks import commands
from benchmarks.programs import Cost
from benchmarks.service import Service


def fetch(service: Service, asked: dict[str, str]) -> Cost:
    """One page of deals: the sandbox's CPU time, and the elapsed time. asked: the parameters of the
    first request."""
    url = service.url + commands.PATHS["deals"]
    headers = {"x-api-token": service.token}
    cpu, began, pages = service.cpu(), time.perf_counter(), 0
    with urllib3.PoolManager() as pool:
        while asked.get("cursor") != "":
            body = pool.request("GET", url, fields=asked, headers=headers).data
            asked["cursor"] = next_cursor(body)
            pages += 1
    wall = time.perf_counter() - began
    return Cost((service.cpu() - cpu) / pages, wall / pages, 0.0)


def next_cursor(body: bytes) -> str:
    """The cursor of a page, "" on the last one; decoding the rows would take the most time."""
    end = b"{" + body[body.rindex(b'"additional_data"') :]
    return str(json.loads(end)["additional_data"].get("next_cursor") or "")
