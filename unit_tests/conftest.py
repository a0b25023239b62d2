"""Fixtures that the unit tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets
from hypothesis import settings

from pipedrive_sandbox import Options, Sandbox
from pipedrive_sandbox.clock import DAY
from pipedrive_sandbox.switches import Switches
from source_pipedrive.http import pacing
from unit_tests.caller import Caller

# An example may take long because the machine is busy.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _nothing_of_an_earlier_test() -> Iterator[None]:
    """The CDK keeps its list of secrets to mask for the life of the process. A command line that is
    wrong leaves a closed pipe ending it, and a test of closed connections would end all tests.
    Whoever has an earlier test's credentials, and lives, shares the pace of its requests."""
    pacing._SHARED.clear()
    yield
    update_secrets([])
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The one sandbox of a test module, started with the module's `OPTIONS`."""
    with Sandbox(request.module.OPTIONS) as box:
        yield box


@pytest.fixture
def box(shared: Sandbox, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """`shared`. After each test, everything but its records is reset."""
    yield shared
    options: Options = request.module.OPTIONS
    shared.set(**{**vars(Switches()), **options.switches})
    shared.clear_faults()
    shared.reset_ledger()
    shared.clock.advance(DAY)  # both limits start again
    shared.service.limits.charge(0, shared.switches)
    shared.clock.run() if options.clock is None else shared.clock.set(options.clock)


@pytest.fixture
def api(box: Sandbox) -> Iterator[Caller]:
    """Sends requests to the module's `box`."""
    with Caller(box) as caller:
        yield caller
