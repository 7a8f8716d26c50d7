"""The type stubs of packages whose names load lazily, written from their `__init__.py` by `make stubs`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "funnel"


def lazy_packages() -> list[Path]:
    """List the `__init__.py` of each package whose names load lazily."""
    return sorted(path for path in PACKAGE.rglob("__init__.py") if "lazy(" in path.read_text(encoding="utf-8"))


def names_of(path: Path) -> Mapping[str, str]:
    """Return the public names of each module of a package, separated by spaces."""
    calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    call = next(one for one in calls if isinstance(one.func, ast.Name) and one.func.id == "lazy")
    literal: Mapping[str, str] = ast.literal_eval(call.args[1])
    return literal


def stub(path: Path) -> str:
    """Return the stub of a package: one line for each name."""
    names = {f"funnel.{module}": several.split() for module, several in names_of(path).items()}
    lines = [f"from {module} import {name} as {name}" for module in sorted(names) for name in names[module]]
    return "\n".join(["# Written by `make stubs`.", *lines, ""])


if __name__ == "__main__":
    for each in lazy_packages():
        each.with_suffix(".pyi").write_text(stub(each), encoding="utf-8")
