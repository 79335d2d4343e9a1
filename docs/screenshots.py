"""Takes pictures of the sample service's pages into docs/screenshots: `make screenshots`.

It runs the service in a folder and on ports of its own; nothing of a dashboard that runs here is touched.
"""

import argparse
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, FloatRect, Page, ViewportSize, sync_playwright

from dashboard import env
from dashboard.processes import free_port
from tests.browser.chromium import CHROMIUM, OPTIONS, PHONE

FOLDER = env.BASE_DIR / "docs" / "screenshots"
WIDE: ViewportSize = {"width": 1280, "height": 1000}
SIZES: dict[str, ViewportSize] = {"wide": WIDE, "phone": {"width": PHONE["width"], "height": PHONE["height"]}}
COLOURS = ("light", "dark")
SETTLED = "() => document.readyState === 'complete' && !document.querySelector('.htmx-request')"
# Where the lowest element ends that holds no other; boxes reach down to the window's end.
CONTENT = "Math.max(...[...document.querySelectorAll('main :not(:has(*))')].map(e => e.getBoundingClientRect().bottom))"
LOWEST, MARGIN = 480, 48  # pixels
PASSWORD = re.compile(r"made the user manager with the password (\S+)")
PATIENCE = 120  # seconds


class Shot(NamedTuple):
    """A page: its path, where `{}` is what the statement finds first."""

    path: str
    find: str = ""


OUTLET = "SELECT id FROM integration_outlet WHERE store_id = '{}'"
PUSH = "SELECT p.id FROM integration_pushhistory p JOIN integration_outlet o ON o.id = p.outlet_id WHERE {} ORDER BY"
SHOTS = {
    "push-running": Shot("/pushes/{}/", PUSH.format("p.status = 'running'") + " p.id DESC"),
    "outlets": Shot("/"),
    "push-start": Shot("/outlets/{}/push/", OUTLET.format("45")),
    "push-list": Shot("/shop-integration/push-history/"),
    "push": Shot("/pushes/{}/", f"{PUSH.format('p.rejected_count > 0')} p.push_timestamp DESC"),
    "push-held": Shot("/pushes/{}/", PUSH.format("p.status = 'held'") + " p.id DESC"),
    "push-failed": Shot("/pushes/{}/", f"{PUSH.format('p.retry_count = 2')} p.push_timestamp DESC"),
    "attempt": Shot(
        "/pushes/{}/attempts/{}/",
        "SELECT c.push_id, a.id FROM integration_pushattempt a JOIN integration_pushchunk c ON c.id = a.chunk_id"
        " WHERE a.response_code = 503 ORDER BY a.started_at DESC",
    ),
    "api-settings": Shot("/shop-integration/api-settings/?outlet={}", OUTLET.format("58")),
    "contract": Shot("/shop-integration/contract/"),
    "export-feed": Shot("/shop-integration/export-feed/?outlet={}", OUTLET.format("007")),
    "product-update": Shot("/shop-integration/product-update/?outlet={}", OUTLET.format("71")),
    "updates": Shot("/shop-integration/product-update/all/"),
    "upload": Shot("/shop-integration/product-update/{}/", "SELECT id FROM integration_productupload"),
    "comparisons": Shot("/shop-integration/comparison/"),
    "comparison": Shot(
        "/shop-integration/comparison/{}/",
        "SELECT id FROM integration_reconciliation WHERE status = 'equal' ORDER BY created_at DESC",
    ),
    "tokens": Shot("/shop-integration/tokens/"),
    "api-docs": Shot("/api/docs/"),
    "products": Shot("/products/?q=rice"),
    "products-waiting": Shot("/products/?outlet={}&state=waiting", OUTLET.format("45")),
    "product": Shot(
        "/products/{}/?outlet={}",
        "SELECT product_id, outlet_id FROM integration_rejecteditem r JOIN integration_outletproduct i"
        " ON i.id = r.outlet_product_id WHERE r.quarantined_at IS NOT NULL ORDER BY i.id",
    ),
    "rejected-items": Shot("/rejected-items/"),
    "schedule": Shot("/schedule/"),
    "alerts": Shot("/alerts/"),
    "changes": Shot("/changes/"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", choices=SHOTS, help="one page; may be repeated")
    parser.add_argument("--into", type=Path, default=FOLDER)
    options = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("no Chromium here: make browser installs it")
    options.into.mkdir(parents=True, exist_ok=True)
    with sample_service() as (folder, address, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        for path in take_all(browser, folder / "dashboard.sqlite3", address, password, options):
            print(path)
        browser.close()


# --- the service ------------------------------------------------------------------------------------------


@contextmanager
def sample_service() -> Iterator[tuple[Path, str, str]]:
    """Its folder, its address, and the manager's password."""
    folder = Path(tempfile.mkdtemp(prefix="shots-", dir="/tmp"))  # short: a Unix socket's path has a limit
    port = free_port()
    ports = ["--port", str(port), "--flower-port", str(free_port()), "--shop-port", str(free_port())]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "serve", *ports],
        cwd=env.BASE_DIR,
        env=env.unconfigured(DATA_DIR=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield folder, f"http://127.0.0.1:{port}", read_password(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        shutil.rmtree(folder)


def read_password(process: subprocess.Popen[str]) -> str:
    """When the service says that it is up."""
    said = ""
    for line in process.stdout or ():
        said += line
        if "Ctrl-C" in line and (found := PASSWORD.search(said)):
            return found[1]
    sys.exit(f"the service did not start:\n{said}")


def find(database: Path, shot: Shot) -> str:
    """The page's path. What is not there yet, a worker makes in a moment."""
    ends_at = time.monotonic() + PATIENCE
    while shot.find:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            row = connection.execute(shot.find).fetchone()
        if row:
            return shot.path.format(*row)
        if time.monotonic() > ends_at:
            sys.exit(f"nothing was found for {shot.path}")
        time.sleep(0.2)
    return shot.path


# --- the pictures -----------------------------------------------------------------------------------------


def take_all(
    browser: Browser, database: Path, address: str, password: str, options: argparse.Namespace
) -> Iterator[Path]:
    pages = {(colour, size): sign_in(browser, address, password, colour, size) for colour in COLOURS for size in SIZES}
    for name in options.only or SHOTS:
        path = find(database, SHOTS[name])
        for (colour, size), page in pages.items():
            target = options.into / f"{name}-{colour}-{size}.png"
            take(page, path, target)
            yield target


def sign_in(browser: Browser, address: str, password: str, colour: str, size: str) -> Page:
    scheme: Literal["light", "dark"] = "dark" if colour == "dark" else "light"
    context = browser.new_context(base_url=address, viewport=SIZES[size], color_scheme=scheme, locale="en-GB")
    page = context.new_page()
    page.goto("/login/")
    page.get_by_label("User name").fill("manager")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/login/" not in url)
    return page


def take(page: Page, path: str, target: Path) -> None:
    """The upper part, as much as there is of it, when nothing is being fetched any more."""
    answer = page.goto(path)
    if answer is None or not answer.ok:
        sys.exit(f"{path} answers {answer and answer.status}")
    page.wait_for_function(SETTLED)
    size = page.viewport_size or WIDE
    height = min(max(page.evaluate(CONTENT) + MARGIN, LOWEST), size["height"])
    clip: FloatRect = {"x": 0, "y": 0, "width": size["width"], "height": height}
    page.screenshot(path=target, clip=clip, animations="disabled", caret="hide")


if __name__ == "__main__":
    main()
