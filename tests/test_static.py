"""What the pages are made of comes from here, and is what it says."""

import gzip
import re
from pathlib import Path

import pytest

from dashboard.env import BASE_DIR

STATIC = BASE_DIR / "integration" / "static"
TEMPLATES = BASE_DIR / "integration" / "templates"
COMPRESSED = sorted(STATIC.rglob("*.gz"))


@pytest.mark.parametrize("path", COMPRESSED, ids=lambda path: path.name)
def test_a_compressed_copy_is_of_the_file_beside_it(path: Path) -> None:
    assert gzip.decompress(path.read_bytes()) == path.with_suffix("").read_bytes()


def test_the_style_sheets_have_compressed_copies_and_name_no_other_host() -> None:
    sheets = sorted(STATIC.rglob("*.min.css"))
    assert [path.with_name(f"{path.name}.gz") for path in sheets] == COMPRESSED
    for path in sheets:
        addresses = re.findall(r"url\(\"?([^)]{0,40})", path.read_text(encoding="utf-8"))
        assert [address for address in addresses if not address.startswith("data:")] == []
        assert "sourceMappingURL" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_a_template_holds_nothing_inline_and_trusts_no_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"\sstyle=|\son[a-z]+=\"|<style|<script(?! src=)|\|safe\b|autoescape off|javascript:", text) == []
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", text) == []
