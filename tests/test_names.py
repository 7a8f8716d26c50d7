"""The public names: each is what its own file defines, in whatever order they are loaded."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

from tests.stubs import PACKAGE, lazy_packages, names_of, stub

if TYPE_CHECKING:
    from pathlib import Path


def package_of(path: Path) -> str:
    """Return the dotted name of the package of an `__init__.py`."""
    return ".".join(path.parent.relative_to(PACKAGE.parent).parts)


def test_a_public_name_is_what_its_file_defines() -> None:
    """A public name is never a module, and is the object that its own module has under that name."""
    for path in lazy_packages():
        package = import_module(package_of(path))
        for module, several in names_of(path).items():
            for name in several.split():
                value = getattr(package, name)

                assert not isinstance(value, ModuleType), name
                assert value is getattr(import_module(f"funnel.{module}"), name), name


def test_no_module_has_the_name_of_a_public_name_of_its_package() -> None:
    """A loaded module is an attribute of its package, and would hide a public name that is spelled alike."""
    assert [
        f"{package}.{name}"
        for path in lazy_packages()
        for package in [package_of(path)]
        for name in " ".join(names_of(path).values()).split()
        if find_spec(f"{package}.{name}") is not None
    ] == []


def test_type_checkers_see_the_names_that_load() -> None:
    """Each stub lists exactly the names of its package; `make stubs` writes it."""
    for path in lazy_packages():
        assert path.with_suffix(".pyi").read_text(encoding="utf-8") == stub(path)
