"""Access tokens by OAuth2's client credentials grant (RFC 6749, 4.4)."""

import time
from dataclasses import dataclass

import httpx
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error

from integration.platforms.answers import Answer, seconds_to_wait
from integration.platforms.base import Endpoint, Outcome, SendResult
from integration.platforms.contract import Contract
from integration.platforms.exchange import Request
from integration.platforms.http import HttpPlatform
from integration.platforms.mapping import fill_url

SHORTEST_LIFE, USUAL_LIFE, LONGEST_LIFE = 5.0, 300.0, 86_400.0  # seconds; usual where the shop does not say


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    seconds: float  # until it expires


class TokenError(Exception):
    """No token can be had; `result` says why, as the push would."""

    def __init__(self, result: SendResult) -> None:
        super().__init__(result.message)
        self.result = result


def token_url(contract: Contract, endpoint: Endpoint) -> httpx.URL:
    """With `..` taken out, as a browser would."""
    return httpx.URL(fill_url(contract.token_url, endpoint)).join("")


def fetch_token(contract: Contract, endpoint: Endpoint) -> Token:
    adapter = HttpPlatform(contract, endpoint)
    answer = adapter.ask(build(contract, endpoint), ())
    if not isinstance(answer, Answer):
        raise TokenError(failure(answer.outcome, answer.error_kind, adapter.redact(answer.message)))
    if answer.status in (408, 429) or answer.status >= 500:
        wait = seconds_to_wait(answer.retry_after, time.time())
        raise TokenError(failure(Outcome.RETRY, "token", f"HTTP {answer.status}", answer.status, wait))
    return read_token(answer, adapter)


def build(contract: Contract, endpoint: Endpoint) -> Request:
    grant = BackendApplicationClient(endpoint.api_key)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    in_body = contract.token_credentials == "body"
    if not in_body:
        headers["Authorization"] = f"Basic {HttpPlatform(contract, endpoint).basic_credentials()}"
    secret = {"client_secret": endpoint.api_secret} if in_body else {}
    body = grant.prepare_request_body(include_client_id=in_body, scope=contract.token_scope or None, **secret)
    return Request("POST", token_url(contract, endpoint), headers, body.encode())


def read_token(answer: Answer, adapter: HttpPlatform) -> Token:
    try:
        token = BackendApplicationClient("").parse_request_body_response(answer.body.decode())
        text, seconds = token["access_token"], float(token.get("expires_in") or USUAL_LIFE)
    except (OAuth2Error, Warning) as exc:
        message = adapter.redact(f"{exc} (HTTP {answer.status})")
        outcome = Outcome.CREDENTIALS if 400 <= answer.status < 500 else Outcome.RETRY
        raise TokenError(failure(outcome, "credentials", message, answer.status)) from exc
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as exc:
        message = f"HTTP {answer.status}, but the answer is no token"
        raise TokenError(failure(Outcome.RETRY, "token", message, answer.status)) from exc
    if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
        raise TokenError(failure(Outcome.RETRY, "token", "the token is no printable text", answer.status))
    return Token(text, min(max(seconds, SHORTEST_LIFE), LONGEST_LIFE))


def failure(
    outcome: Outcome, kind: str, message: str, status: int | None = None, wait: float | None = None
) -> SendResult:
    message = f"no access token: {message}"
    return SendResult(outcome, error_kind=kind, message=message, status_code=status, retry_after=wait)
