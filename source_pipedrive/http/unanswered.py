"""Why a request got no answer, in words for a user."""

from __future__ import annotations

from datetime import UTC, datetime

import requests
from airbyte_cdk.models import FailureType

from source_pipedrive.http.words import AGAIN

CONFIG, TRANSIENT = FailureType.config_error, FailureType.transient_error


def no_answer(error: Exception, again: str = AGAIN) -> tuple[str, FailureType]:
    """Why a request got no answer, and the remedy, without any part of the request.

    again: what to do later.
    """
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError):
        if "expired" in text or "not yet valid" in text:
            return (
                "its TLS certificate is not valid at this machine's time "
                f"({datetime.now(UTC):%Y-%m-%d %H:%M} UTC). Set the clock, or renew your "
                "proxy's certificate.",
                CONFIG,
            )
        if "certificate" not in text.lower():  # a connection that broke in the handshake, say
            return f"the TLS connection failed. {again}, or check the proxy.", TRANSIENT
        return (
            "its TLS certificate could not be verified. Install the certificate authority of "
            "your proxy on this machine.",
            CONFIG,
        )
    if "NameResolution" in text or "getaddrinfo" in text or "Name or service" in text:
        return "the host name does not resolve. Check it, and this machine's network.", TRANSIENT
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused the connection. Check its address and password.", TRANSIENT
    if isinstance(error, requests.exceptions.Timeout):
        return f"it did not answer in time. {again} later.", TRANSIENT
    if isinstance(error, requests.exceptions.InvalidSchema | requests.exceptions.InvalidURL):
        return "this platform does not allow the address. Remove api_url.", CONFIG
    return "the connection was refused or dropped. Check this machine's network.", TRANSIENT
