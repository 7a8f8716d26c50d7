"""The figures that the docs quote, each with its peer in the same run: `python -m benchmarks [NAMES] [--full]`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import cast

from benchmarks._measure import Line, Size

NAMES = (
    "one_person",
    "rule_call",
    "many_shops",
    "imports",
    "readers",
    "intake",
    "frames",
    "all_transitions",
    "worklist",
    "windows",
    "backtest",
    "conversion",
    "parquet",
    "survival",
    "forecast",
    "retention",
    "store",
    "growth",
)
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
PACKAGES = ("polars", "narwhals", "pandas", "pydantic", "attrs", "transitions", "python-statemachine")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, or all of them."""
    options = _arguments().parse_args(arguments)
    size: Size = "full" if options.full else "tiny" if options.tiny else "usual"
    blocks = {name: _printed(name, _runner(name)(size)) for name in options.names or NAMES}
    if options.write:
        _write(options.write, blocks)
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=f"benchmarks: {', '.join(NAMES)}; by default all"
    )
    parser.add_argument("--full", action="store_true", help="10 million events, more repeats")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes, as a smoke test")
    parser.add_argument(
        "--write", type=Path, nargs="?", const=PAGE, help="write the figures into this page of the docs"
    )
    return parser


def _runner(name: str) -> Callable[[Size], Iterator[Line]]:
    return cast("Callable[[Size], Iterator[Line]]", import_module(f"benchmarks.{name}").run)


def _printed(name: str, lines: Iterator[Line]) -> list[Line]:
    print(f"\n{name}", flush=True)
    printed = []
    for line in lines:
        print(line, flush=True)
        printed.append(line)
    return printed


def machine() -> str:
    """Return the date, the machine and the versions of a measurement."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    system = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"{datetime.now(UTC).date()}; {system}; Python {platform.python_version()}, {packages}"


def _write(page: Path, blocks: Mapping[str, Sequence[Line]]) -> None:
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    tables = "\n\n".join(f"### {name}\n\n{_table(lines)}" for name, lines in blocks.items())
    page.write_text(f"{before}{BEGIN}\nMeasured {machine()}.\n\n{tables}\n{END}{after}", encoding="utf-8")


def _table(lines: Sequence[Line]) -> str:
    head = "| measurement | ours | peer | ratio | aim |\n|---|---:|---:|---:|---:|\n"
    return head + "\n".join(f"| {one.name} | {one.ours} | {one.peer} | {one.ratio} | {one.target} |" for one in lines)


if __name__ == "__main__":
    sys.exit(main())
