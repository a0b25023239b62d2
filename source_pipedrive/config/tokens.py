"""Renewed OAuth tokens, and where they are saved."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.config_observation import emit_configuration_as_airbyte_control_message


@dataclass(repr=False)
class TokenStore:
    """The credentials of one configuration, with the newest tokens.

    migrated: the configuration in today's shape. caller: the mapping that the caller passed, in
    whatever shape; it may be the same object.
    """

    migrated: dict[str, Any]
    caller: Mapping[str, Any] = field(compare=False)

    def get(self, name: str) -> str:
        """A field of `credentials` as last saved, or "" if not set."""
        return str(self.migrated["credentials"].get(name) or "")

    def save(self, tokens: Mapping[str, str]) -> None:
        """Updates `credentials` in the caller's mapping and prints a CONNECTOR_CONFIG message, so
        that callers in Python and Airbyte's platform both keep the tokens.

        If the caller's mapping has an earlier shape, it gets complete credentials in today's.
        """
        credentials = self.migrated["credentials"]
        credentials.update(tokens)
        if self.caller is not self.migrated and isinstance(self.caller, MutableMapping):
            kept = self.caller.get("credentials")
            if not isinstance(kept, MutableMapping):
                kept = self.caller["credentials"] = {}
            kept.update(credentials)
        emit_configuration_as_airbyte_control_message(self.migrated)
