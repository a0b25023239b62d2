"""The login: consent in the browser, tokens for the code, and the file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.config.errors import config_error
from source_pipedrive.config.parsing import parse
from source_pipedrive.http.company import Company, connect
from source_pipedrive.http.errors import PipedriveError
from source_pipedrive.http.token_endpoint import Grant, Tokens, request_tokens
from source_pipedrive.sync.messages import public
from source_pipedrive.tools.config_file import UNSAVED
from source_pipedrive.tools.login import pages
from source_pipedrive.tools.login.callback import (
    WAIT,
    Deadline,
    checked_url,
    consent_address,
    new_state,
)
from source_pipedrive.tools.login.loopback import Loopback
from source_pipedrive.tools.login.pasted import Pasted
from source_pipedrive.tools.login.person import Person
from source_pipedrive.tools.login.result import report
from source_pipedrive.tools.login.saved import SavedConfig
from source_pipedrive.tools.report import Job, Report

UNTOUCHED = "Nothing was saved."
TRIES = 2  # to ask who the user is
VOID = (
    "The code is no longer valid: it lasts five minutes and can be used once. Or the app has "
    "another callback URL than the one above. Run the command again"
)


def run(job: Job) -> Report:
    """Connects the app, and writes the configuration. Raises a config error or SyncError."""
    return Login(job, Person()).run()


class Login:
    """One login. clock, sleep: seconds, and how to wait for some."""

    def __init__(
        self,
        job: Job,
        person: Person,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._arguments = job.arguments
        self._notes = job.notes
        self._person = person
        self._clock = clock
        self._sleep = sleep
        self._file = SavedConfig(job.arguments.out, job.arguments.api_url)

    def run(self) -> Report:
        """As `run` above. After Ctrl-C it says what was saved and raises KeyboardInterrupt."""
        try:
            return self._run()
        except KeyboardInterrupt:
            saved = f"{self._file.path} was written before." if self._file.is_saved else UNTOUCHED
            self._notes.say(f"\nThe login was cancelled. {saved}")
            raise

    def _run(self) -> Report:
        state = new_state()
        with self._callback(state) as callback:
            self._notes.say(f"The app's callback URL in Pipedrive has to be {callback.url}")
            if self._file.replaces:
                self._notes.say(f"{self._file.path} exists: only its credentials are replaced.")
            app = self._app()
            deadline = Deadline(WAIT, self._clock)
            self._send_to(consent_address(app[0], callback.url, state, self._file.api_url))
            try:
                code = callback.wait(deadline).checked()
                company = self._connect(app, code, callback.url)
            except AirbyteTracedException as error:
                callback.show(pages.failed(public(str(error))))
                raise
            except BaseException:
                callback.show(pages.failed("The login ended before it was complete."))
                raise
            callback.show(pages.connected(company.name, company.user_name))
        return report(company, self._file.path)

    def _callback(self, state: str) -> Loopback | Pasted:
        url = self._arguments.callback_url
        if url is not None:
            return Pasted(checked_url(url), state, self._person, self._notes)
        return Loopback(self._arguments.port, state)

    def _app(self) -> tuple[str, str]:
        """Client ID and client secret. Raises a config error if they or the address are wrong."""
        app = (self._arguments.client_id.strip(), self._person.secret())
        keys = {"client_id": app[0], "client_secret": app[1], "refresh_token": "none"}
        parse({"credentials": {"auth_type": "oauth2.0", **keys}, "api_url": self._file.api_url})
        return app

    def _send_to(self, address: str) -> None:
        if not self._arguments.no_browser and self._person.open(address):
            self._notes.say("Your browser opens. If it does not, open this address in it:")
        else:
            self._notes.say("Open this address in a browser:")
        self._notes.say(f"\n{address}\n")
        self._notes.say("Log in as the user whose data you want to read, and click Allow.")
        self._notes.say("Waiting for up to five minutes; Ctrl-C cancels.")

    def _connect(self, app: tuple[str, str], code: str, callback_url: str) -> Company:
        """Exchanges the code and saves the tokens before anything else can fail."""
        tokens = self._tokens(app, code, callback_url)
        keys = {"client_id": app[0], "client_secret": app[1]}
        self._file.save({**keys, **tokens.as_credentials()})
        try:
            _, company = connect(parse(self._file.config), TRIES, self._sleep)
        except AirbyteTracedException as error:
            raise PipedriveError(
                f"The tokens are in {self._file.path}, but the first request with them "
                f"failed. {error}",
                error.failure_type,
            ) from None
        finally:
            if not self._file.keep(tokens.refresh_token):
                self._notes.say(UNSAVED.format(path=self._file.path))
        return replace(company, scopes=tokens.scopes)

    def _tokens(self, app: tuple[str, str], code: str, callback_url: str) -> Tokens:
        add_to_secrets(code)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": callback_url}
        grant = Grant(
            form, act="exchange the code for tokens", void=VOID, again="Run the command again"
        )
        tokens = request_tokens(app, grant, self._file.api_url, self._sleep)
        if not tokens.refresh_token:
            raise config_error(
                "Pipedrive's answer to the token request has no refresh_token. Run the command "
                "again."
            )
        return tokens
