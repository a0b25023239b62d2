"""Turns the mapping that a caller passes into one valid `Config`."""

import logging
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from source_pipedrive.config.errors import config_error, sentence
from source_pipedrive.config.legacy import migrate
from source_pipedrive.config.misspellings import misspellings, unprotected
from source_pipedrive.config.model import Config, OAuthCredentials
from source_pipedrive.config.tokens import TokenStore

logger = logging.getLogger("airbyte")


def parse(raw: Mapping[str, Any]) -> Config:
    """Validates a configuration of today's or an earlier shape. Renewed tokens are saved in `raw`.

    Logs a warning for each key that is not a setting. Raises AirbyteTracedException (config error)
    for one that was probably meant to protect personal data, and if a field is wrong. Its message
    has one line for each wrong field, with the remedy, and contains no value of a secret or of
    `api_url`.
    """
    if not isinstance(raw, Mapping):
        raise config_error("The configuration must be an object with the key credentials.")
    migrated = migrate(raw)
    if wrong := unprotected(migrated):
        raise config_error("\n".join(wrong))
    misspelt = misspellings(migrated)
    for warning in misspelt:
        logger.warning(warning)
    try:
        config = Config.model_validate(migrated)
        if isinstance(config.credentials, OAuthCredentials):
            config.credentials.store_in(TokenStore(migrated, caller=raw))
        return config
    except ValidationError as error:
        sentences = dict.fromkeys(sentence(detail) for detail in error.errors())
    # Raised outside the handler: there, the pydantic error, which contains the secrets, would
    # become this error's __context__.
    # Whoever sees only this message should see what was probably meant, too.
    raise config_error("\n".join([*sentences, *misspelt]))
