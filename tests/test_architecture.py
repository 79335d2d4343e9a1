"""The project's rules, checked."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.env import BASE_DIR

PACKAGES = ("dashboard", "integration", "tasks")
LONGEST_FILE, LONGEST_FUNCTION = 330, 45


def sources() -> list[Path]:
    files = [path for package in PACKAGES for path in (BASE_DIR / package).rglob("*.py")]
    return [path for path in [*files, BASE_DIR / "celeryconfig.py"] if "migrations" not in path.parts]


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(BASE_DIR)))
class TestEachFile:
    def test_imports_stand_at_the_top(self, path: Path) -> None:
        inside = [node.lineno for function in functions(path) for node in ast.walk(function) if is_import(node)]
        assert inside == []

    def test_it_is_short(self, path: Path) -> None:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE

    def test_its_functions_are_short(self, path: Path) -> None:
        long = [f.name for f in functions(path) if (f.end_lineno or 0) - f.lineno >= LONGEST_FUNCTION]
        assert long == []

    def test_it_says_what_it_is(self, path: Path) -> None:
        assert ast.get_docstring(tree(path)) or path.read_text(encoding="utf-8") == ""

    def test_it_swallows_no_exception(self, path: Path) -> None:
        silent = [
            handler.lineno
            for handler in ast.walk(tree(path))
            if isinstance(handler, ast.ExceptHandler) and all(isinstance(step, ast.Pass) for step in handler.body)
        ]
        assert silent == []


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_every_module_of_the_service_has_its_layer() -> None:
    """The linter's own check (`exhaustive`) would leave no place for the tasks among them."""
    rules = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [name.strip() for layer in rules["contracts"][0]["layers"] for name in layer.split("|")]
    there = [path for path in (BASE_DIR / "integration").iterdir() if is_module(path)]
    assert sorted(layers) == sorted(["tasks", *(f"integration.{path.stem}" for path in there)])


def is_module(path: Path) -> bool:
    return (path / "__init__.py").exists() or (path.suffix == ".py" and path.stem != "__init__")


def test_imports_point_down() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_only_one_file_reads_the_environment() -> None:
    reading = {
        path.relative_to(BASE_DIR).as_posix()
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    # The two others only name the settings for Django before it is there.
    assert reading == {"dashboard/env.py", "dashboard/wsgi.py", "tasks/__init__.py"}


def test_celery_s_settings_know_no_django() -> None:
    code = "import celeryconfig, sys; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, check=False).returncode == 0


def test_the_clock_is_read_at_the_edge() -> None:
    pure = ("changes.py", "history.py", "retry.py", "push_queue.py", "sweep.py", "product_update.py", "export_feed.py")
    for name in pure:
        assert ".now(" not in (BASE_DIR / "integration" / name).read_text(encoding="utf-8"), name


def test_every_dependency_is_pinned_and_says_what_it_is_for() -> None:
    lines = (BASE_DIR / "requirements.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith(("#", "-r"))]
    assert all("==" in line and "  # " in line for line in packages)
