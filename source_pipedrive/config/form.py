"""The spec: how the configuration looks in Airbyte's form, and the OAuth button.

Airbyte adds keywords to JSON Schema (`order`, `airbyte_secret`, `airbyte_hidden`, ...):
https://docs.airbyte.com/connector-development/connector-specification-reference
"""

from typing import Any

from airbyte_cdk.models import (
    AdvancedAuth,
    AuthFlowType,
    ConnectorSpecification,
    OAuthConfigSpecification,
    OauthConnectorInputSpecification,
)
from pydantic import BaseModel, ConfigDict, Field

from source_pipedrive.version import HOME

DOCUMENTATION_URL = f"{HOME}/blob/main/docs/setup.md"

# An HTTP header allows no other characters, and the error they cause quotes the whole value.
VISIBLE = {"pattern": "^[!-~]*$"}

_LEFT_OUT = {"$defs", "discriminator"}


class FormModel(BaseModel):
    """An object of the configuration. Unknown keys are ignored, and errors quote no values."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def shown(title: str, description: str, **keywords: Any) -> ConfigDict:
    """The title and description of an object in the form, in place of the model's docstring.
    keywords: further ones of the schema."""
    extra: dict[str, Any] = {"description": description, "additionalProperties": True}
    return ConfigDict(title=title, json_schema_extra={**extra, **keywords})


def field(
    order: int, title: str, description: str, default: Any = ..., rules: Any = None, **extra: Any
) -> Any:
    """A field of the form. `rules` apply in pydantic and the schema, `extra` only in the schema."""
    return Field(
        default,
        title=title,
        description=description,
        repr=not extra.get("airbyte_secret", False),
        json_schema_extra={"order": order, **extra},
        **(rules or {}),
    )


def secret(order: int, title: str, description: str) -> Any:
    """A required field, masked in the form, in logs and in the model's repr."""
    rules = {**VISIBLE, "min_length": 1}
    extra = {"airbyte_secret": True, "pattern_descriptor": "no spaces or line breaks"}
    return field(order, title, description, rules=rules, **extra)


def kept(order: int, title: str, description: str, rules: Any = None, **extra: Any) -> Any:
    """A text field, hidden from the form, that is "" unless set."""
    return field(order, title, description, "", rules, airbyte_hidden=True, **extra)


def connector_specification(schema: dict[str, Any]) -> ConnectorSpecification:
    """The connector's spec, with the schema that pydantic generated for the configuration.

    The schema contains no `$ref` and no `anyOf`: Airbyte's form supports only `oneOf` with a const
    in each branch, and the CDK finds secrets only there.
    """
    plain: dict[str, Any] = _plain(schema, schema["$defs"])
    return ConnectorSpecification(
        documentationUrl=DOCUMENTATION_URL,
        connectionSpecification={"$schema": "http://json-schema.org/draft-07/schema#", **plain},
        supportsIncremental=True,
        advanced_auth=AdvancedAuth(
            auth_flow_type=AuthFlowType.oauth2_0,
            predicate_key=["credentials", "auth_type"],
            predicate_value="oauth2.0",
            oauth_config_specification=_oauth(),
        ),
    )


def _plain(node: Any, definitions: dict[str, Any]) -> Any:
    """The schema with references resolved, and `X or null` reduced to an optional X."""
    if isinstance(node, list):
        return [_plain(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
        del node["$ref"]
    if "anyOf" in node:
        (only,) = [item for item in node["anyOf"] if item != {"type": "null"}]
        node = {**only, **node}
        del node["anyOf"]
    return {
        key: _plain(value, definitions)
        for key, value in node.items()
        if key not in _LEFT_OUT and not (key == "default" and value in (None, ""))
    }


def _oauth() -> OAuthConfigSpecification:
    """The authorization code flow, as Airbyte's platform runs it.

    Pipedrive's side: https://pipedrive.readme.io/docs/marketplace-oauth-authorization
    Airbyte's side, with the variables and filters of its templates:
    https://docs.airbyte.com/connector-development/config-based/advanced-topics/oauth
    """
    text = {"type": "string"}
    return OAuthConfigSpecification(
        oauth_connector_input_specification=OauthConnectorInputSpecification(
            # No scopes: Pipedrive takes them from the app.
            consent_url="https://oauth.pipedrive.com/oauth/authorize"
            "?{{ client_id_param }}&{{ redirect_uri_param }}&{{ state_param }}",
            access_token_url="https://oauth.pipedrive.com/oauth/token",
            access_token_headers={
                "Authorization": "Basic "
                "{{ (client_id_value ~ ':' ~ client_secret_value) | b64encode }}",
                # Otherwise the platform sends the parameters as JSON.
                "Content-Type": "application/x-www-form-urlencoded",
            },
            access_token_params={
                "grant_type": "authorization_code",
                "code": "{{ auth_code_value }}",
                "redirect_uri": "{{ redirect_uri_value }}",
            },
            extract_output=["access_token", "refresh_token", "expires_in", "api_domain"],
        ),
        complete_oauth_output_specification={
            "type": "object",
            "additionalProperties": True,
            "required": ["access_token", "refresh_token", "token_expiry_date", "api_domain"],
            "properties": {
                "access_token": _answered("access_token", "access_token"),
                "refresh_token": _answered("refresh_token", "refresh_token"),
                # The platform converts expires_in (seconds) to this date.
                "token_expiry_date": _answered("token_expiry_date", "expires_in"),
                "api_domain": _answered("api_domain", "api_domain"),
            },
        },
        complete_oauth_server_input_specification={
            "type": "object",
            "additionalProperties": True,
            "required": ["client_id", "client_secret"],
            "properties": {"client_id": text, "client_secret": text},
        },
        complete_oauth_server_output_specification={
            "type": "object",
            "additionalProperties": True,
            "required": ["client_id", "client_secret"],
            "properties": {
                "client_id": {**text, "path_in_connector_config": ["credentials", "client_id"]},
                "client_secret": {
                    **text,
                    "path_in_connector_config": ["credentials", "client_secret"],
                },
            },
        },
    )


def _answered(field: str, answer: str) -> dict[str, Any]:
    return {
        "type": "string",
        "path_in_connector_config": ["credentials", field],
        "path_in_oauth_response": [answer],
    }
