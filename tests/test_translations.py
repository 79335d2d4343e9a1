"""Every text of the pages is there in Arabic, and what is loaded is what was translated."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.env import BASE_DIR

CATALOGUE = Path("locale/ar/LC_MESSAGES/django.po")
pytestmark = pytest.mark.skipif(not shutil.which("msgfmt"), reason="no gettext here: make browser installs it")


def run(*command: str | Path, folder: Path = BASE_DIR) -> str:
    without_settings = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=without_settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the app whose catalogue was brought up to date."""
    app = tmp_path_factory.mktemp("translations") / "integration"
    shutil.copytree(BASE_DIR / "integration", app, ignore=shutil.ignore_patterns("__pycache__", "static"))
    run(sys.executable, "-m", "django", "makemessages", "--locale", "ar", "--no-location", folder=app)
    return app / CATALOGUE


def test_every_text_is_translated(collected: Path) -> None:
    for kind in ("--untranslated", "--only-fuzzy"):
        assert run("msgattrib", kind, "--no-obsolete", collected) == "", "make messages, and translate what is new"


def test_translations_keep_their_placeholders() -> None:
    run("msgfmt", "--check-format", "--output-file=/dev/null", BASE_DIR / "integration" / CATALOGUE)


def test_the_compiled_catalogue_is_up_to_date(tmp_path: Path) -> None:
    source = BASE_DIR / "integration" / CATALOGUE
    run("msgfmt", "--output-file", tmp_path / "django.mo", source)
    assert (tmp_path / "django.mo").read_bytes() == source.with_suffix(".mo").read_bytes()
