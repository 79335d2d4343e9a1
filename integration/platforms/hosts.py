"""Which hosts a contract leads to: all that get the outlet's credentials."""

import httpx

from integration.platforms.base import Endpoint
from integration.platforms.contract import Contract
from integration.platforms.mapping import fill_url

VALUES = {"sku": "1", "job_id": "1", "page": "1"}  # a host that the shop's answers could name is none of these


def hosts_of(contract: Contract, endpoint: Endpoint) -> frozenset[str]:
    """Of every address that the contract leads to with this endpoint."""
    urls = [fill_url(template, endpoint, **VALUES) for template in templates_of(contract)]
    return frozenset(host_of(url) for url in [endpoint.url, *urls]) - {""}


def templates_of(contract: Contract) -> list[str]:
    job = [contract.job.url, contract.job.items_url] if contract.job else []
    steps = [url for step in contract.steps for url in (step.url, step.token_url if step.auth == "oauth2" else "")]
    read_back = [contract.read_back.url] if contract.read_back else []
    return [*steps, contract.connection_url, *job, *read_back]


def host_of(url: str) -> str:
    try:
        return name_of(httpx.URL(url))
    except (httpx.InvalidURL, UnicodeError):
        return ""


def name_of(url: httpx.URL) -> str:
    """With the port, where it is another than the scheme's own."""
    return f"{url.host.lower()}:{url.port}" if url.port else url.host.lower()
