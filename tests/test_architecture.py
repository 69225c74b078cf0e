"""Who may import whom. The rules and their reasons are in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"server", "mock_server", "iteira_cli"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path, *, at_import_only: bool = False) -> set[str]:
    """Every module a file imports; `at_import_only` leaves out those inside functions and under TYPE_CHECKING."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in _at_import(tree) if at_import_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _at_import(node: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        found += [child, *_at_import(child)]
    return found


def within(names: set[str], *packages: str) -> set[str]:
    return {name for name in names if any(name == package or name.startswith(f"{package}.") for package in packages)}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("leaf", ["models", "errors", "clock"])
def test_the_leaves_import_nothing_of_ours(leaf: str) -> None:
    assert within(imports(ROOT / "server" / f"{leaf}.py"), *OURS) == set()


def test_the_stores_protocol_knows_only_the_leaves() -> None:
    assert {imported.split(".")[1] for imported in within(imports(ROOT / "server/stores/base.py"), *OURS)} == {"models"}


def test_only_one_place_names_the_concrete_stores_and_only_the_composition_root_calls_it() -> None:
    engines = ("sqlite", "redis", "memory")
    for path in modules("server"):
        others = [f"server.stores.{each}" for each in engines if not name(path).startswith(f"server/stores/{each}")]
        if name(path) != "server/stores/open.py":
            assert within(imports(path), *others) == set(), name(path)
        if name(path) != "server/assembly.py":
            assert within(imports(path), "server.stores.open") == set(), name(path)


def test_fastapi_and_starlette_appear_only_where_http_is_spoken() -> None:
    allowed = ("server/app.py", "server/serving.py", "server/intake/", "server/admin/")
    for path in modules("server"):
        if not name(path).startswith(allowed):
            assert within(imports(path), "fastapi", "starlette") == set(), name(path)
        if not name(path).startswith(("server/admin/", "server/intake/described.py")):
            assert within(imports(path), "fastapi") == set(), name(path)
    for room in ("payload.py", "accept.py"):
        assert within(imports(ROOT / "server/intake" / room), "fastapi", "starlette") == set()


def test_the_daemon_and_the_mock_know_neither_each_other_nor_the_command_line() -> None:
    for path in modules("server"):
        assert within(imports(path), "mock_server", "iteira_cli") == set(), name(path)
    for path in modules("mock_server"):
        assert within(imports(path), "server", "iteira_cli") == set(), name(path)


def test_the_command_line_imports_the_heavy_parts_only_where_it_starts_them() -> None:
    heavy = ("server", "mock_server", "fastapi", "uvicorn", "openai", "httpx", "httpx2", "numpy", "pydantic")
    for path in modules("iteira_cli"):
        assert within(imports(path, at_import_only=True), *heavy) == set(), name(path)


def test_no_command_imports_another() -> None:
    for path in modules("iteira_cli/commands"):
        others = within(imports(path), "iteira_cli.commands") - {"iteira_cli.commands"}
        assert {each for each in others if not each.startswith(f"iteira_cli.commands.{path.stem}")} == set(), name(path)


def test_no_module_has_a_name_that_says_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    for package in (*OURS, "tests"):
        assert [name(path) for path in modules(package) if path.stem in nothing] == []


def test_every_setting_read_at_import_would_be_seen() -> None:
    for path in modules("server"):
        if name(path) not in {"server/settings.py", "server/settings_sources.py"}:
            assert not re.search(r"\benviron\b|getenv", path.read_text(encoding="utf-8")), name(path)
