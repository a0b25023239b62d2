"""source-pipedrive login, with a browser and a token endpoint that are functions."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from pipedrive_sandbox import Options, Sandbox
from source_pipedrive.arguments import parse_args
from source_pipedrive.http.token_endpoint import TRIES
from source_pipedrive.sync.messages import public
from source_pipedrive.tools.login import person as module
from source_pipedrive.tools.login.callback import (
    Answer,
    Deadline,
    answer_in,
    checked_url,
    consent_address,
    loopback_url,
    new_state,
)
from source_pipedrive.tools.login.login import Login
from source_pipedrive.tools.login.loopback import Loopback
from source_pipedrive.tools.login.pages import Page, connected
from source_pipedrive.tools.login.person import SECRET, Person
from source_pipedrive.tools.login.saved import SavedConfig
from source_pipedrive.tools.report import Job, Notes, Report
from unit_tests.test_setup_docs import DOCS, GUIDE

OPTIONS = Options(scale=0.01)
ELSEWHERE = "https://example.com/callback"
WAIT = 20  # seconds for what takes a moment, on a busy machine


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def click(address: str, button: str = "allow") -> str:
    """The address to which the consent screen's button leads."""
    asked = {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}
    form = {**asked, "decision": button}
    answer = requests.post(
        address.partition("?")[0], data=form, timeout=WAIT, allow_redirects=False
    )
    return answer.headers["location"]


def visit(address: str) -> requests.Response:
    """What the browser shows in the end."""
    return requests.get(address, timeout=WAIT)


class Visitor(Person):
    """At the terminal, and at the browser: `acts` gets the address that would open."""

    def __init__(self, secret: str, acts: Callable[[str], object] = lambda address: None) -> None:
        super().__init__({SECRET: secret})
        self._acts = acts
        self.lines: list[str] = []
        self.seen: list[Any] = []
        self._thread: threading.Thread | None = None

    def open(self, address: str) -> bool:
        self._thread = threading.Thread(target=lambda: self.seen.append(self._acts(address)))
        self._thread.start()
        return True

    def line(self, seconds: float) -> str | None:
        return self.lines.pop(0) if self.lines else None

    def look(self) -> Any:
        """What the person saw in the browser last."""
        assert self._thread is not None
        self._thread.join(WAIT)
        (seen,) = self.seen
        return seen


@dataclass
class Desk:
    """A folder, a company, and what the command has said so far."""

    box: Sandbox
    folder: Path
    port: int = field(default_factory=free_port)
    said: io.StringIO = field(default_factory=io.StringIO)
    slept: list[float] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "config.json"

    @property
    def saved(self) -> dict[str, Any]:
        return dict(json.loads(self.path.read_text()))

    def job(self, **changes: Any) -> Job:
        typed = ["login", "--client-id", self.box.client_id, "--port", str(self.port)]
        arguments = vars(parse_args([*typed, "--out", str(self.path)]))
        arguments = {**arguments, "api_url": self.box.url, **changes}
        return Job(Namespace(**arguments), Notes(self.said), {})

    def login(self, person: Person, clock: Any = time.monotonic, **changes: Any) -> Report:
        return Login(self.job(**changes), person, clock, self.slept.append).run()

    def refused(self, person: Person, clock: Any = time.monotonic, **changes: Any) -> str:
        """The sentence with which the command fails."""
        with pytest.raises(AirbyteTracedException) as caught:
            self.login(person, clock, **changes)
        return public(str(caught.value))


@pytest.fixture
def desk(box: Sandbox, tmp_path: Path) -> Desk:
    return Desk(box, tmp_path)


def allowing(box: Sandbox) -> Visitor:
    return Visitor(box.client_secret, lambda address: visit(click(address)))


def texts(report: Report, desk: Desk) -> str:
    """Everything that the command prints."""
    out = io.StringIO()
    report.write(out, as_json=False)
    report.write(out, as_json=True)
    return out.getvalue() + desk.said.getvalue()


# What is written and said


def test_a_login_writes_a_configuration_that_works(desk: Desk) -> None:
    person = allowing(desk.box)
    report = desk.login(person)
    page = person.look()
    assert (page.status_code, urlsplit(page.url).path) == (200, "/done")
    assert urlsplit(page.url).query == ""
    assert "You can close this window" in page.text
    credentials = desk.saved["credentials"]
    assert credentials["refresh_token"] == desk.box.refresh_token
    assert desk.saved.keys() == {"credentials", "api_url"}
    assert desk.path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(desk.folder) == ["config.json"]
    said = texts(report, desk)
    assert f"has to be http://localhost:{desk.port}/callback\n" in desk.said.getvalue()
    assert report.data["company"]["name"] in said
    assert f"source-pipedrive catalog --config {desk.path} > catalog.json\n" in said
    assert f"The tokens are in {desk.path}, which only you can read." in " ".join(said.split())
    for name in ("access_token", "refresh_token", "client_secret"):
        assert credentials[name] not in said + page.text, name


def test_other_settings_of_a_file_stay(desk: Desk) -> None:
    """Otherwise the history, or the budget, would silently be another one."""
    before = {
        "authorization": {"auth_type": "Token", "api_token": "old"},
        "history": {"mode": "all"},
        "num_workers": None,
        "our_own_note": "x",
    }
    desk.path.write_text(json.dumps(before))
    desk.path.chmod(0o644)
    desk.login(allowing(desk.box))
    after = desk.saved
    assert after.pop("credentials")["auth_type"] == "oauth2.0"
    assert after.pop("api_url") == desk.box.url
    del before["authorization"]
    assert after == before
    assert desk.path.stat().st_mode & 0o777 == 0o600
    assert "only its credentials are replaced" in desk.said.getvalue()


def test_the_file_that_exists_says_where_to_log_in(desk: Desk) -> None:
    desk.path.write_text(json.dumps({"api_url": desk.box.url}))
    desk.login(allowing(desk.box), api_url="")
    assert desk.saved["credentials"]["refresh_token"]


@pytest.mark.parametrize("text", ["[]", "{", '"x"'])
def test_a_file_that_is_no_configuration_is_left_alone(desk: Desk, text: str) -> None:
    desk.path.write_text(text)
    assert "is not a JSON object" in desk.refused(allowing(desk.box))
    assert desk.path.read_text() == text


def test_a_folder_that_is_missing_shows_before_the_browser_opens(desk: Desk) -> None:
    person = allowing(desk.box)
    assert "Choose another file with --out" in desk.refused(person, out="/nowhere/config.json")
    assert person.seen == []


def test_missing_scopes_are_named_with_their_streams(desk: Desk) -> None:
    desk.box.set(scopes="base,deals:read,admin")
    report = desk.login(allowing(desk.box))
    missing = report.data["missing_scopes"]
    assert {"organizations", "persons"} <= set(missing["contacts:read"])
    assert "deals:read" not in missing
    assert "webhooks:read" not in missing, "admin is enough"
    assert "contacts:read, for " in texts(report, desk)


def test_scopes_that_are_not_reported_are_not_called_missing(desk: Desk) -> None:
    desk.box.set(reported_scope="base")
    report = desk.login(allowing(desk.box))
    assert report.data["missing_scopes"] == {}
    assert "did not report the app's scopes" in texts(report, desk)
    desk.box.set(reported_scope="granted")
    assert "the scopes that all streams need" not in texts(report, desk)


def test_with_all_scopes_nothing_is_missing(desk: Desk) -> None:
    report = desk.login(allowing(desk.box))
    assert report.data["missing_scopes"] == {}, report.data["missing_scopes"]
    assert "the scopes that all streams need" in texts(report, desk)


@pytest.mark.parametrize("renewed", [False, True])
def test_a_refresh_token_that_changes_is_the_one_in_the_file(tmp_path: Path, renewed: bool) -> None:
    """renewed: the tokens that were just saved are refused at once, so there are newer ones."""
    with Sandbox(Options(scale=0.01, switches={"rotate_refresh_token": True})) as box:
        desk = Desk(box, tmp_path)
        if renewed:
            box.fail_next({"path_contains": "users/me", "status": 401})
        desk.login(allowing(box))
        kept = desk.saved["credentials"]["refresh_token"]
        assert box.ledger()["oauth_token"]["requests"] == 1 + renewed
        assert kept != box.refresh_token
        form = {"grant_type": "refresh_token", "refresh_token": kept}
        app = (box.client_id, box.client_secret)
        answer = requests.post(f"{box.url}/oauth/token", data=form, auth=app, timeout=WAIT)
        assert answer.status_code == 200, answer.text


# What goes wrong at Pipedrive's side


@pytest.mark.parametrize("error", ["user_denied", "access_denied"])
def test_a_denial_ends_the_login(desk: Desk, error: str) -> None:
    desk.box.set(denial_error=error)
    person = Visitor(desk.box.client_secret, lambda address: visit(click(address, "cancel")))
    assert "someone clicked Cancel" in desk.refused(person)
    page = person.look()
    assert urlsplit(page.url).path == "/done"
    assert "someone clicked Cancel" in page.text
    assert not desk.path.exists()


def test_a_denial_without_the_state_says_how_to_end_the_login(desk: Desk) -> None:
    """Pipedrive does not say whether it sends the state back then."""
    desk.box.set(denial_state=False)

    def cancel_then_allow(address: str) -> requests.Response:
        page = visit(click(address, "cancel"))
        visit(click(address))
        return page

    person = Visitor(desk.box.client_secret, cancel_then_allow)
    desk.login(person)
    page = person.look()
    assert page.status_code == 400
    assert "press Ctrl-C in the terminal" in page.text


def test_another_error_is_named_only_if_it_is_a_name(desk: Desk) -> None:
    def answer(error: str) -> str:
        with pytest.raises(AirbyteTracedException) as caught:
            Answer(error=error).checked()
        return str(caught.value)

    assert "(server_error)" in answer("server_error")
    assert "(an unknown error)" in answer("<script>alert(1)</script>")


def test_an_expired_code_is_explained(desk: Desk) -> None:
    def late(address: str) -> requests.Response:
        callback = click(address)
        desk.box.clock.advance(300)
        return visit(callback)

    person = Visitor(desk.box.client_secret, late)
    sentence = desk.refused(person)
    assert "lasts five minutes" in sentence
    assert "Run the command again" in sentence
    assert "lasts five minutes" in person.look().text
    assert not desk.path.exists()


def test_a_wrong_secret_is_explained_and_not_shown(desk: Desk) -> None:
    person = Visitor("a-wrong-secret", lambda address: visit(click(address)))
    sentence = desk.refused(person)
    assert "The client ID or client secret is wrong" in sentence
    assert "a-wrong-secret" not in sentence + desk.said.getvalue() + person.look().text


@pytest.mark.parametrize(
    ("fault", "words"),
    [({"status": 503}, "(503: server_error)"), ({"body": "drop"}, "refused or dropped")],
)
def test_a_token_endpoint_that_fails_is_asked_again_and_then_reported(
    desk: Desk, fault: dict[str, Any], words: str
) -> None:
    desk.box.fail_next({"path_contains": "oauth/token", "times": TRIES, **fault})
    person = allowing(desk.box)
    sentence = desk.refused(person)
    assert sentence.startswith("Could not exchange the code for tokens")
    assert words in sentence
    assert "sync" not in sentence
    assert len(desk.slept) == TRIES - 1
    assert "Could not exchange the code" in person.look().text
    assert not desk.path.exists()


def test_one_failure_of_the_token_endpoint_is_survived(desk: Desk) -> None:
    desk.box.fail_next({"path_contains": "oauth/token", "status": 502})
    desk.login(allowing(desk.box))
    assert desk.saved["credentials"]["refresh_token"]


def test_the_browser_waits_for_a_slow_token_endpoint(desk: Desk) -> None:
    """Its page must not say that all is well before the tokens are saved."""
    desk.box.fail_next({"path_contains": "oauth/token", "delay_ms": 700})
    existed: list[bool] = []

    def act(address: str) -> requests.Response:
        page = visit(click(address))
        existed.append(desk.path.exists())
        return page

    person = Visitor(desk.box.client_secret, act)
    desk.login(person)
    assert "You can close this window" in person.look().text
    assert existed == [True]


def test_a_silent_token_endpoint_ends_in_a_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []
    real = requests.Session.post

    def post(session: requests.Session, url: str, **more: Any) -> requests.Response:
        if not url.endswith("/oauth/token"):
            return real(session, url, **more)
        limits.append(more["timeout"])
        raise requests.Timeout("no answer")

    monkeypatch.setattr(requests.Session, "post", post)
    sentence = desk.refused(allowing(desk.box))
    assert sentence.endswith("it did not answer in time. Run the command again later.")
    assert limits == [30] * TRIES


@pytest.mark.parametrize("lifetime", [1e300, -1, 10**12, "3600", None])
def test_a_strange_lifetime_does_not_lose_the_tokens(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, lifetime: Any
) -> None:
    """The code can be used once only."""
    issue = desk.box.service.auth.grant

    def grant(*arguments: Any) -> dict[str, Any]:
        return {**issue(*arguments), "expires_in": lifetime}

    monkeypatch.setattr(desk.box.service.auth, "grant", grant)
    desk.login(allowing(desk.box))
    assert desk.saved["credentials"]["token_expiry_date"]


@pytest.mark.parametrize("missing", ["access_token", "refresh_token"])
def test_an_answer_without_a_token_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def grant(*_: Any) -> dict[str, object]:
        return {n: "x" for n in ("access_token", "refresh_token") if n != missing}

    monkeypatch.setattr(desk.box.service.auth, "grant", grant)
    assert f"has no {missing}" in desk.refused(allowing(desk.box))
    assert not desk.path.exists()


def test_tokens_are_saved_before_pipedrive_is_asked_who_the_user_is(desk: Desk) -> None:
    """The code is used up: tokens that are not saved by then are lost."""
    desk.box.fail_next({"path_contains": "users/me", "status": 503, "times": 9})
    person = allowing(desk.box)
    sentence = desk.refused(person)
    assert sentence.startswith(f"The tokens are in {desk.path}, but")
    assert desk.saved["credentials"]["refresh_token"] == desk.box.refresh_token
    assert "The tokens are in" in person.look().text


def test_a_wrong_setting_in_the_file_does_not_lose_the_tokens(desk: Desk) -> None:
    desk.path.write_text(json.dumps({"history": {"mode": "yesterday"}}))
    assert 'history.mode "yesterday" is not valid' in desk.refused(allowing(desk.box))
    assert desk.saved["credentials"]["refresh_token"]
    assert desk.saved["history"] == {"mode": "yesterday"}


# What goes wrong on this machine


def test_a_busy_port_shows_before_the_secret_is_asked_for(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", desk.port)):
        sentence = desk.refused(Visitor(""))
    assert sentence.startswith(f"Port {desk.port} cannot be used: another program uses it.")
    assert f"--port, such as {desk.port + 1}" in sentence


def test_a_program_on_the_same_port_of_ipv6_would_get_the_code(desk: Desk) -> None:
    try:
        other = socket.create_server(("::1", desk.port), family=socket.AF_INET6)
    except OSError:
        pytest.skip("did not run: this machine has no IPv6")
    with other:
        assert "another program uses it" in desk.refused(Visitor(""))


def test_only_this_machine_can_connect(desk: Desk) -> None:
    with Loopback(desk.port, "s") as callback:
        assert callback._server.server_address == ("127.0.0.1", desk.port)


def test_nobody_comes(desk: Desk) -> None:
    now = iter([0.0, 1.0, 299.0, 300.0])
    sentence = desk.refused(Visitor(desk.box.client_secret), clock=lambda: next(now))
    assert sentence.startswith("No answer came from Pipedrive within five minutes.")
    assert list(now) == []


def test_ctrl_c_is_one_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Loopback, deadline: Deadline) -> Answer:
        raise KeyboardInterrupt

    monkeypatch.setattr(Loopback, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        desk.login(Visitor(desk.box.client_secret))
    assert desk.said.getvalue().endswith("\nThe login was cancelled. Nothing was saved.\n")
    with socket.create_server(("127.0.0.1", desk.port)):
        pass  # the port is free again


def test_ctrl_c_after_the_tokens_were_saved_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("source_pipedrive.tools.login.login.connect", interrupt)
    person = allowing(desk.box)
    with pytest.raises(KeyboardInterrupt):
        desk.login(person)
    assert f"{desk.path} was written before." in desk.said.getvalue()
    assert "ended before it was complete" in person.look().text


def test_a_client_id_with_other_characters_never_reaches_pipedrive(desk: Desk) -> None:
    person = allowing(desk.box)
    assert "credentials.client_id" in desk.refused(person, client_id="ä")
    assert "api_url cannot be used" in desk.refused(person, api_url="http://example.com")
    assert person.seen == []


# The browser and the callback


@dataclass
class Waiting:
    """A loopback server that waits, and its address."""

    callback: Loopback
    base: str

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(
            f"{self.base}{path}", timeout=WAIT, allow_redirects=False, headers=headers
        )

    def send(self, text: bytes) -> bytes:
        """The answer to bytes that need not be a request."""
        port = urlsplit(self.base).port
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as connection:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    port = free_port()
    with Loopback(port, "the state") as callback:
        yield Waiting(callback, f"http://127.0.0.1:{port}")


GOOD = "/callback?code=c0de&state=the+state"


@pytest.mark.parametrize(
    "path",
    [
        "/callback",
        "/callback?code=c0de",
        "/callback?code=c0de&state=",
        "/callback?code=c0de&state=another",
        "/callback?code=c0de&state=%C3%A4",
        "/callback?code=c0de&state=the+state&state=the+state",
        "/callback?code=c0de&code=c1de&state=the+state",
        "/callback?state=the+state",
        "/callback?error=user_denied",
        "/callback?" + "&".join(["a=b"] * 50),
    ],
)
def test_a_request_without_the_state_is_a_400_and_the_wait_goes_on(
    waiting: Waiting, path: str
) -> None:
    """Otherwise any page that the person visits could connect a company of its own."""
    refused = waiting.get(path)
    assert refused.status_code == 400
    assert "c0de" not in refused.text
    assert waiting.get("/done").status_code == 404
    assert waiting.get(GOOD).status_code == 303
    assert waiting.callback.wait(Deadline(WAIT)) == Answer("c0de")


def test_other_requests_are_not_for_this_server(waiting: Waiting) -> None:
    icon = waiting.get("/favicon.ico")
    assert (icon.status_code, icon.content) == (404, b"")
    for path in ("/", "/done", "/callback/", "/anything?code=c0de&state=the+state"):
        assert waiting.get(path).status_code == 404
    posted = requests.post(f"{waiting.base}{GOOD}", timeout=WAIT)
    assert posted.status_code == 400
    answer = waiting.send(b"GET " + GOOD.encode() + b" HTTP/9.9.9\r\n\r\n")
    assert b"Only a browser" in answer
    assert b"c0de" not in answer
    clock = iter([0.0, 0.0, 9.0]).__next__
    with pytest.raises(AirbyteTracedException):
        waiting.callback.wait(Deadline(1, clock))


@pytest.mark.parametrize(
    "hosts",
    [
        (),
        ("evil.example:8085",),
        ("localhost.evil.example",),
        ("[::1",),
        ("localhost", "evil.example"),
    ],
)
def test_a_page_with_a_name_of_its_own_for_this_machine_learns_nothing(
    waiting: Waiting, hosts: tuple[str, ...]
) -> None:
    """Otherwise DNS rebinding would let it read who has logged in, or hand over the callback."""
    named = "".join(f"Host: {host}\r\n" for host in hosts)
    for path in (GOOD, "/done"):
        answer = waiting.send(f"GET {path} HTTP/1.1\r\n{named}Connection: close\r\n\r\n".encode())
        assert answer.split(b"\r\n")[0].split()[1] == b"400"
        assert b"Only a browser" in answer
    assert waiting.get(GOOD, Host="localhost:8085").status_code == 303


def test_a_request_for_the_head_does_not_count(waiting: Waiting) -> None:
    """A scanner that follows links sends one before the browser."""
    answer = waiting.send(f"HEAD {GOOD} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert answer.split(b"\r\n")[0].split()[1] == b"400"
    assert b"c0de" not in answer
    waiting.get(GOOD.replace("c0de", "c1de"))
    assert waiting.callback.wait(Deadline(WAIT)) == Answer("c1de")


def test_a_browser_that_never_ends_its_request_holds_nobody_up(waiting: Waiting) -> None:
    port = urlsplit(waiting.base).port
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(f"GET {GOOD} HTTP/1.1\r\nHost: localhost\r\nX-More: ".encode())
        assert waiting.get(GOOD.replace("c0de", "c1de")).status_code == 303
        assert waiting.callback.wait(Deadline(WAIT)) == Answer("c1de")
        began = time.monotonic()
        waiting.callback.__exit__()
        assert time.monotonic() - began < WAIT / 2


def test_only_the_first_callback_counts(waiting: Waiting) -> None:
    first = waiting.get(GOOD)
    second = waiting.get(GOOD.replace("c0de", "c1de"))
    for answer in (first, second):
        assert (answer.status_code, answer.headers["location"]) == (303, "/done")
        assert answer.content == b""
    assert waiting.callback.wait(Deadline(WAIT)) == Answer("c0de")
    clock = iter([0.0, 0.0, 9.0]).__next__
    with pytest.raises(AirbyteTracedException):
        waiting.callback.wait(Deadline(1, clock))


def test_a_page_that_is_loaded_again_is_the_same(waiting: Waiting) -> None:
    waiting.get(GOOD)
    found: list[str] = []
    browser = threading.Thread(target=lambda: found.append(waiting.get("/done").text))
    browser.start()
    waiting.callback.show(Page("The end", ("It works.",)))
    browser.join(WAIT)
    assert found == [waiting.get("/done").text]
    assert "It works." in found[0]


def test_a_browser_that_sends_nothing_keeps_nobody_waiting(waiting: Waiting) -> None:
    """Chromium opens connections in advance."""
    port = urlsplit(waiting.base).port
    with socket.create_connection(("127.0.0.1", port)):
        assert waiting.get(GOOD).status_code == 303


def test_a_browser_that_was_closed_does_not_hold_up_the_command(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("source_pipedrive.tools.login.loopback.LAST_LOOK", 0.1)
    waiting.get(GOOD)
    began = time.monotonic()
    waiting.callback.show(connected("Acme", "Ada"))
    assert time.monotonic() - began < WAIT


def test_pages_are_escaped_and_load_nothing(waiting: Waiting) -> None:
    waiting.get(GOOD)
    threading.Thread(
        target=waiting.callback.show, args=(connected("<b>Acme</b>", "<i>Ada"),)
    ).start()
    page = waiting.get("/done")
    assert "&lt;b&gt;Acme&lt;/b&gt;" in page.text
    assert "<b>" not in page.text
    assert "<i>" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


def test_the_state_is_random_and_goes_to_pipedrive() -> None:
    first, second = new_state(), new_state()
    assert first != second
    assert len(first) >= 32
    address = consent_address("id", "http://localhost:1/callback", first, "")
    assert address.startswith("https://oauth.pipedrive.com/oauth/authorize?client_id=id&")
    assert parse_qs(urlsplit(address).query)["state"] == [first]


def test_an_answer_does_not_show_its_code() -> None:
    assert "c0de" not in repr(answer_in("code=c0de&state=s", "s"))


# The address that is pasted


def pasting(desk: Desk, *before: str) -> Visitor:
    def paste(address: str) -> None:
        person.lines += [*before, click(address) + "\n"]

    person = Visitor(desk.box.client_secret, paste)
    return person


def test_an_address_can_be_pasted(desk: Desk) -> None:
    """For an app whose only callback URL is not on this machine."""
    desk.box.set(callback_url=ELSEWHERE, http_callbacks=False)
    wrong = ("nothing\n", f"{ELSEWHERE}?code=c0de&state=another\n", "http://[?code=x\n")
    desk.login(pasting(desk, *wrong), callback_url=ELSEWHERE)
    assert desk.saved["credentials"]["refresh_token"]
    said = desk.said.getvalue()
    assert f"has to be {ELSEWHERE}\n" in said
    assert said.count("That is not the address that this login leads to") == len(wrong)
    assert "code=" not in said


def test_nothing_is_pasted(desk: Desk) -> None:
    person = Visitor(desk.box.client_secret)
    person.lines = [""]
    assert "No address was pasted" in desk.refused(person, callback_url=ELSEWHERE)
    now = iter([0.0, 1.0, 300.0])
    late = desk.refused(Visitor(desk.box.client_secret), lambda: next(now), callback_url=ELSEWHERE)
    assert late.startswith("No answer came from Pipedrive within five minutes.")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://example.com/callback",
        "example.com",
        "https://",
        "https://[",
        "https://user@example.com/",
        "https://example.com/?a=b",
        "https://example.com/#a",
        "ftp://localhost/",
    ],
)
def test_a_callback_url_that_no_app_can_have(url: str) -> None:
    with pytest.raises(AirbyteTracedException, match="--callback-url must be"):
        checked_url(url)


def test_a_callback_url_from_an_empty_variable_is_an_error(desk: Desk) -> None:
    """A login that waits on this machine instead would never get the callback."""
    refused = desk.refused(Visitor(desk.box.client_secret), callback_url="")
    assert "--callback-url must be" in refused


def test_callback_urls_that_an_app_can_have() -> None:
    for url in (ELSEWHERE, "http://localhost:8085/callback", "http://127.0.0.1:1/"):
        assert checked_url(url) == url


# The terminal


def test_the_secret_comes_from_the_environment_or_a_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Person({SECRET: " s3cret\n"}).secret() == "s3cret"
    assert "s3cret" not in public("It is s3cret.")
    monkeypatch.setattr(os, "isatty", lambda fd: True)
    monkeypatch.setattr(module.getpass, "getpass", lambda prompt: " typed ")
    assert Person({}).secret() == "typed"
    monkeypatch.setattr(module.getpass, "getpass", lambda prompt: "")
    with pytest.raises(AirbyteTracedException, match="No client secret was entered"):
        Person({}).secret()
    monkeypatch.setattr(os, "isatty", lambda fd: False)
    with pytest.raises(AirbyteTracedException, match=SECRET):
        Person({}).secret()


def test_without_a_display_no_browser_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would start one for text, in the terminal that shows the address."""
    opened = threading.Event()
    monkeypatch.setattr(module.webbrowser, "open", lambda address: opened.set())
    monkeypatch.setattr(module.sys, "platform", "linux")
    assert not Person({"TERM": "xterm"}).open("https://example.com")
    assert not opened.is_set()
    assert Person({"DISPLAY": ":0"}).open("https://example.com")
    assert opened.wait(WAIT)


def test_a_browser_that_cannot_start_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Event()

    def fail(address: str) -> bool:
        tried.set()
        raise module.webbrowser.Error("none")

    monkeypatch.setattr(module.webbrowser, "open", fail)
    assert Person({"DISPLAY": ":0"}).open("https://example.com")
    assert tried.wait(WAIT)


def test_lines_are_read_as_they_come() -> None:
    reader, writer = os.pipe()
    terminal = Person({}, reader)
    assert terminal.line(0) is None
    os.write(writer, b"one\ntwo\nthr")
    assert [terminal.line(0), terminal.line(0), terminal.line(0)] == ["one\n", "two\n", None]
    os.close(writer)
    assert [terminal.line(0), terminal.line(0)] == ["thr", ""]
    os.close(reader)


def test_the_docs_name_every_option_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / "tools" / "login.md").read_text()
    typed = re.findall(r"source-pipedrive(?::dev)? (login .+)", page.replace("\\\n", " "))
    assert len(typed) == 2
    for line in [*typed, *re.findall(r"source-pipedrive (login .+)", GUIDE.read_text())]:
        assert parse_args(line.split()).client_id == "YOUR-CLIENT-ID"
    with pytest.raises(SystemExit):
        parse_args(["login", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--debug"}
    listed = set(re.findall(r"^\| `(--[a-z-]+)", page, re.MULTILINE))
    assert options == listed | {"--client-id"}
    callback = loopback_url(parse_args(["login", "--client-id", "x"]).port)
    assert f"`{callback}`" in page
    assert f"`{callback}`" in GUIDE.read_text()


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("0", "65536", "x", "-1"):
        with pytest.raises(SystemExit):
            parse_args(["login", "--client-id", "x", f"--port={wrong}"])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        parse_args(["login", "--help"])
    shown = capsys.readouterr().out
    assert "PIPEDRIVE_CLIENT_SECRET" in shown
    assert "--api-url" not in shown
    assert "--client-secret" not in shown


def test_a_file_that_is_a_mount_is_overwritten(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`docker run -v config.json:/config.json`: the code has been used, so the tokens count."""

    def busy(*_: Any) -> None:
        raise OSError(16, "Device or resource busy")

    desk.path.write_text("{}" + " " * 9_999)
    desk.path.chmod(0o644)
    monkeypatch.setattr(os, "replace", busy)
    desk.login(allowing(desk.box))
    assert desk.saved["credentials"]["refresh_token"]
    assert desk.path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(desk.folder) == ["config.json"]


def test_a_link_leads_to_the_file_that_is_written(desk: Desk) -> None:
    target = desk.folder / "secrets"
    target.mkdir()
    desk.path.symlink_to(target / "own.json")
    desk.login(allowing(desk.box))
    assert desk.path.is_symlink()
    assert (target / "own.json").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_in_the_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    file = SavedConfig(str(desk.path), "")
    monkeypatch.setattr("source_pipedrive.tools.login.saved.write", full)
    with pytest.raises(AirbyteTracedException, match="No space left on device"):
        file.save({"refresh_token": "x"})
    assert not file.is_saved
