"""The oldest versions that pyproject.toml allows: documented, and the same as those that are tested."""

from __future__ import annotations

import os
import re
import tomllib
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

ROW = re.compile(r"^\| (?P<package>[\w-]+) \| (?P<oldest>[\d.]+) \| (?P<extras>[`\w, ]*?) ?\|", re.MULTILINE)
NOT_INSTALLED = {"pyspark"}
"""PySpark needs Java and takes long to start; only `make test-services` and `make test-full` install it."""


@pytest.fixture(scope="module")
def declared(root: Path) -> Mapping[str, Any]:
    """Return the content of pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text())


def oldest(requirement: Requirement) -> str:
    """Return the version after `>=`."""
    (bound,) = requirement.specifier
    assert bound.operator == ">="
    return bound.version


def requirements(lines: Iterable[str]) -> dict[str, Requirement]:
    """Parse the lines; the key is the package."""
    return {parsed.name: parsed for parsed in map(Requirement, lines) if parsed.name != "shopfunnel"}


def of_users(declared: Mapping[str, Any]) -> dict[str, Requirement]:
    """Return what users install: the dependencies and those of every extra."""
    project = declared["project"]
    return requirements(chain(project["dependencies"], *project["optional-dependencies"].values()))


def test_the_documented_versions_are_the_declared_ones(declared: Mapping[str, Any], root: Path) -> None:
    """The table lists every package with its oldest version and its extras, in alphabetical order."""
    extras = declared["project"]["optional-dependencies"].items()
    rows = [
        match.group("package", "oldest", "extras") for match in ROW.finditer((root / "docs/versions.md").read_text())
    ]

    users = sorted(of_users(declared).items())
    with_extra = {name: [f"`{extra}`" for extra, lines in extras if name in requirements(lines)] for name, _ in users}

    assert rows == [(name, oldest(one), ", ".join(with_extra[name])) for name, one in users]


def test_every_place_declares_the_same_oldest_version(declared: Mapping[str, Any]) -> None:
    """The extras and the groups that test them agree, since the environment gets the higher of two versions."""
    project, groups = declared["project"], declared["dependency-groups"]
    groups_of_lines = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        groups["test"],
        groups["engines"],
    ]
    bounds = [(name, oldest(one)) for lines in groups_of_lines for name, one in requirements(lines).items()]
    users = of_users(declared)

    assert {(name, bound) for name, bound in bounds if name in users} == {(name, oldest(users[name])) for name in users}


@pytest.mark.skipif(
    os.environ.get("FUNNEL_PROFILE") != "lowest", reason="`make test-lowest` installs the oldest versions"
)
def test_the_oldest_versions_are_installed(declared: Mapping[str, Any]) -> None:
    """In the environment of `make test-lowest`, no package is newer than the oldest version that is declared."""
    bounds = {
        name: Version(oldest(one)).release
        for name, one in of_users(declared).items()
        if name not in NOT_INSTALLED and (one.marker is None or one.marker.evaluate())
    }

    assert {name: Version(version(name)).release[: len(bound)] for name, bound in bounds.items()} == bounds
