"""What a contract's texts have to be. Each check raises ValueError with what is wrong."""

import re

import httpx
import jmespath

NAME, LAST_PORT = re.compile(r"[\w.:-]+"), 65_535
PLACEHOLDERS = frozenset({"api_endpoint", "store_id", "sku", "job_id", "page"})  # of URLs


def check_expression(expression: str) -> str:
    try:
        jmespath.compile(expression or "@")
    except jmespath.exceptions.JMESPathError as exc:
        raise ValueError(f"not a JMESPath expression: {exc}") from exc
    except RecursionError as exc:
        raise ValueError("the expression is nested too deeply") from exc
    return expression


def check_template(template: str, known: frozenset[str] = frozenset({"store_id"})) -> str:
    if unknown := set(re.findall(r"\{(\w*)\}", template)) - known:
        raise ValueError(f"unknown placeholder {{{unknown.pop()}}}; known are {', '.join(sorted(known))}")
    return template


def check_url(template: str) -> str:
    if not template.startswith(("{api_endpoint}", "https://")):
        raise ValueError("it has to begin with {api_endpoint} or https://")
    check_template(template, PLACEHOLDERS)
    check_address(re.sub(r"\{\w*\}", "1", template.replace("{api_endpoint}", "https://shop.example/1")))
    return template


def check_address(address: str) -> None:
    try:
        url = httpx.URL(address)
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise ValueError(f"no address that can be asked: {exc}") from exc
    if not url.host or not NAME.fullmatch(url.host) or (url.port or 0) > LAST_PORT:
        raise ValueError("no address that can be asked: look at the server's name and the port")


def check_url_of(name: str, template: str) -> None:
    try:
        check_url(template)
    except ValueError as exc:
        raise ValueError(f"{name}: {exc}") from exc


def check_header(text: str) -> str:
    if not text.isprintable() or not text.isascii():
        raise ValueError("a header holds printable ASCII only")
    return text


def check_names(names: list[str]) -> None:
    """Each name in an item stands for one value: not twice, and not for an object and a value."""
    for name in names:
        if not all(name.split(".")):
            raise ValueError(f"the name {name!r} has an empty part")
        if names.count(name) > 1 or any(other.startswith(f"{name}.") for other in names):
            raise ValueError(f"the name {name!r} stands for two values of an item")
