"""Receives the callback from the person, who pastes the address that the browser shows.

For apps whose callback URL is not on this machine, and for browsers on another machine.
"""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from source_pipedrive.config.errors import config_error
from source_pipedrive.tools.login.callback import TOO_LATE, Answer, Deadline, answer_in
from source_pipedrive.tools.login.pages import Page
from source_pipedrive.tools.login.person import Person
from source_pipedrive.tools.report import Notes

TICK = 0.2  # seconds between two looks at the clock
PASTE = (
    "The browser then goes to the callback URL, where the page may fail to load. Paste the whole "
    "address from its address bar here and press Enter:"
)
WRONG = "That is not the address that this login leads to. Paste the newest one and press Enter:"


class Pasted:
    """The callback to `url`, as `Loopback` offers it."""

    def __init__(self, url: str, state: str, person: Person, notes: Notes) -> None:
        self.url = url
        self._state = state
        self._person = person
        self._notes = notes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Does nothing."""

    def wait(self, deadline: Deadline) -> Answer:
        """What the pasted address says. Raises a config error if none comes in time."""
        self._notes.say(PASTE)
        while deadline.remaining:
            line = self._person.line(TICK)
            if line is None:
                continue
            if not line:
                raise config_error("No address was pasted. Run the command again.")
            if answer := answer_in(_query(line.strip()), self._state):
                return answer
            self._notes.say(WRONG)
        raise config_error(TOO_LATE)

    def show(self, page: Page) -> None:
        """Does nothing: the browser is elsewhere."""


def _query(address: str) -> str:
    try:
        return urlsplit(address).query
    except ValueError:
        return ""
