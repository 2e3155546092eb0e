"""The rules of the house that no linter knows."""

from __future__ import annotations

import ast
import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "gitreg"
MODULES = sorted(str(path.relative_to(TOP)) for path in PACKAGE.rglob("*.py"))
LONGEST = 350

# Distribution's own package -> the one module that may import it.
SPEAKERS = {
    "git": "gitreg/stores/git/program.py",
    "gitdb": "gitreg/stores/git/program.py",
    "dvc": "gitreg/stores/payloads/dvc.py",
    "dvc_data": "gitreg/stores/payloads/dvc.py",
    "dvc_objects": "gitreg/stores/payloads/dvc.py",
}
FRAMEWORKS = {
    *("joblib", "mlflow", "numpy", "onnx", "onnxruntime", "pandas", "polars", "pyarrow", "scipy"),
    *("h2o", "keras", "lightgbm", "pyspark", "safetensors", "sklearn", "skops", "tensorflow", "torch", "xgboost"),
    *("fastapi", "uvicorn"),
}
SAY_NOTHING = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


@functools.cache
def parsed(module: str) -> ast.Module:
    return ast.parse((TOP / module).read_text())


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(top package, line) of every import below a node, in functions and under `if TYPE_CHECKING:` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.lineno


def run_when_imported(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module that run at its import: what is in functions or for the type checker does not."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def bound(statement: ast.stmt) -> Iterator[str]:
    """The names that an import binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.split(".")[0] for alias in statement.names)


@pytest.mark.parametrize("package", SPEAKERS)
def test_a_foreign_tool_has_one_speaker(package: str) -> None:
    strangers = [
        f"{module}:{line}"
        for module in MODULES
        if module != SPEAKERS[package]
        for name, line in imported(parsed(module))
        if name == package
    ]
    assert strangers == []


def test_no_framework_is_imported_with_gitreg() -> None:
    found = [
        f"{module}:{line} {name}"
        for module in MODULES
        if not module.startswith(("gitreg/adapters/", "gitreg/serve/"))
        for statement in run_when_imported(parsed(module))
        for name, line in imported(statement)
        if name in FRAMEWORKS
    ]
    assert found == []


def test_only_the_command_line_prints() -> None:
    found = [
        f"{module}:{node.lineno}"
        for module in MODULES
        if not module.startswith("gitreg/cli/")
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []


def test_a_module_fits_in_one_head() -> None:
    lengths = {module: len((TOP / module).read_text().splitlines()) for module in MODULES}
    assert {module: length for module, length in lengths.items() if length > LONGEST} == {}


def test_a_package_imports_nothing_by_the_name_of_a_module_in_it() -> None:
    """Importing the module puts it in the package's namespace, over what was there."""
    found = [
        f"{module}:{statement.lineno} {name}"
        for module in MODULES
        if module.endswith("/__init__.py")
        for statement in run_when_imported(parsed(module))
        for name in bound(statement)
        if not (isinstance(statement, ast.ImportFrom) and statement.module == ".".join(Path(module).parent.parts))
        if (TOP / module).with_name(f"{name}.py").exists() or (TOP / module).with_name(name).is_dir()
    ]
    assert found == []


def test_a_module_says_what_it_is() -> None:
    assert [module for module in MODULES if not ast.get_docstring(parsed(module))] == []


def test_a_module_has_a_name_that_says_something() -> None:
    assert [module for module in MODULES if SAY_NOTHING & set(Path(module).with_suffix("").parts)] == []


@pytest.mark.parametrize(
    "program", ["import gitreg", "from gitreg.cli import main; sys.argv = ['gitreg', '--help']; main()"]
)
def test_help_and_the_bare_import_load_nothing_heavy(program: str) -> None:
    heavy = {*SPEAKERS, *FRAMEWORKS, "cloudpickle", "packaging", "requests", "yaml"}
    script = f"""
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
{program}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert heavy & set(json.loads(done.stderr.splitlines()[-1])) == set()
