"""Pipedrive's error responses, taken from its documentation and from recorded responses.

A body known only from other people's mocks is marked "guess"; clients must not rely on it.
"""

from __future__ import annotations

from typing import Literal

import orjson

Version = Literal["v1", "v2"]
PLEASE_CHECK = "Please check developers.pipedrive.com"


class Refusal(Exception):  # noqa: N818  (a response, not an error of the sandbox)
    """A response other than the records asked for.

    `charged`: whether the request costs its tokens; a request that the gateway refuses does not.
    `reason`: for readers of the sandbox's request list; v1 bodies never contain it.
    """

    def __init__(
        self,
        status: int,
        body: object,
        *,
        reason: str = "",
        headers: dict[str, str] | None = None,
        charged: bool = True,
        media_type: str = "application/json",
    ) -> None:
        super().__init__(reason or f"{status}")
        self.status = status
        self.body = body if isinstance(body, bytes) else orjson.dumps(body)
        self.reason = reason
        self.headers = headers or {}
        self.charged = charged
        self.media_type = media_type


def _gateway(status: int, error: str) -> dict[str, object]:
    return {"success": False, "error": error, "errorCode": status, "error_info": PLEASE_CHECK}


def _v1(error: str, info: str = PLEASE_CHECK) -> dict[str, object]:
    return {
        "success": False,
        "error": error,
        "error_info": info,
        "data": None,
        "additional_data": None,
    }


def unauthorized(reason: str) -> Refusal:
    """401 from the gateway: no token, an unknown one, or an expired one."""
    body = _gateway(401, "unauthorized access")
    return Refusal(401, body, reason=reason, headers={"x-401-by-gw": "true"}, charged=False)


def company_closed() -> Refusal:
    """402: the trial expired or the bill is unpaid. The body is not documented."""
    return Refusal(402, _v1("Company account is not open"), charged=False)


def scope_mismatch(needed: frozenset[str]) -> Refusal:
    """403 from the gateway: the OAuth token has none of the scopes that would suffice."""
    body = _gateway(403, "Scope and URL mismatch")
    return Refusal(403, body, reason=f"needs one of {sorted(needed)}", charged=False)


def forbidden(reason: str = "") -> Refusal:
    """403: the user lacks the permission. The body is documented for v1 only; v2's is a guess."""
    return Refusal(403, _v1("You do not have permissions to do this."), reason=reason)


def not_in_plan(status: str, feature: str, form: str) -> Refusal:
    """402, 403 or 404: the company's plan does not include `feature`.

    The real body is not known. `form` picks one of four: a code like the ones the vendor uses for
    other features, a sentence, nothing, or something unexpected.
    """
    code = f"feature_disabled_{feature}"
    words = _v1(f"The plan has no {feature}.")
    bodies: dict[str, object] = {
        "code": {**words, "code": code},
        "words": words,
        "nothing": b"",
        "strange": [{"reason": 7, "feature": None}],
    }
    return Refusal(int(status), bodies[form], reason=code)


def cloudflare(status: int = 403) -> Refusal:
    """The HTML page for clients that ignore 429s (its text is known, its markup is a guess)."""
    page = b"<html><head><title>Error</title></head><body>This error is produced by Cloudflare."
    return Refusal(status, page + b"</body></html>", charged=False, media_type="text/html")


def bad_request(version: Version, name: str, why: str) -> Refusal:
    """400 for the parameter `name`. v2 names it; v1 says only that the request is bad."""
    reason = f"{name}: {why}"
    if version == "v1":
        info = f"{PLEASE_CHECK} for more information about Pipedrive API."
        return Refusal(400, _v1("Bad request", info), reason=reason)
    error = f"Validation failed: {reason}"
    body = {"success": False, "error": error, "code": "ERR_SCHEMA_VALIDATION_FAILED"}
    return Refusal(400, body, reason=reason)


def not_found(version: Version) -> Refusal:
    """404 for an entity, or for an unknown path (whose body is not documented)."""
    error = "Entity was not found" if version == "v2" else "Not found"
    return Refusal(404, _v1(error, "Object was not found."))


def user_not_found() -> Refusal:
    """v1's 404 for a user id, shorter than the others."""
    return Refusal(404, {"success": False, "error": "User not found or not accessible."})


def gone() -> Refusal:
    """v1's 410 (only the status is documented)."""
    return Refusal(410, _v1("This resource is no longer available."))


def over_limit(reason: str) -> Refusal:
    """429. Only the headers distinguish the burst limit from the daily one. The body is a guess."""
    return Refusal(429, _gateway(429, "request over limit"), reason=reason, charged=False)


def broken(version: Version, status: int) -> Refusal:
    """5xx: v2's only known body (seen with a 500), or v1's generic one (its status is a guess)."""
    if version == "v2":
        body: dict[str, object] = {"success": False, "error": "Internal Server Error"}
        return Refusal(status, {**body, "code": "ERR_UNKNOWN"})
    return Refusal(status, _v1("Requested service is not available"))


def oauth(status: int, error: str) -> Refusal:
    """An error from /oauth/token in the format of RFC 6749, section 5.2 (a guess for Pipedrive)."""
    return Refusal(status, {"error": error}, charged=False)
