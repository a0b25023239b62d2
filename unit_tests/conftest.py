"""What every unit test starts from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

from pipedrive_sandbox.sandbox import Sandbox
from unit_tests.caller import Caller


@pytest.fixture(autouse=True)
def _no_secrets_of_an_earlier_test() -> Iterator[None]:
    """The CDK keeps the secrets that logs must not show for the whole process."""
    yield
    update_secrets([])


@pytest.fixture
def api(box: Sandbox) -> Iterator[Caller]:
    """Asks the module's `box`."""
    with Caller(box) as caller:
        yield caller
