"""Write the code of the README and of the tutorial as modules: `make types` checks them strictly."""

from __future__ import annotations

import ast
import doctest
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"readme_page": ROOT / "README.md", "tutorial_page": ROOT / "docs" / "tutorial.md"}
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def code_of(page: str) -> str:
    """Return the code of a page as one module.

    A shown value is passed to `print`, because a checker reports a value that is not used.
    """
    return "\n".join(plain(block) if block.startswith(">>>") else block for block in BLOCK.findall(page))


def plain(block: str) -> str:
    """Return the statements of a session, without the answers."""
    tree = ast.parse("".join(example.source for example in doctest.DocTestParser().get_examples(block)))
    for one in tree.body:
        if isinstance(one, ast.Expr):
            one.value = ast.Call(ast.Name("print"), [one.value], [])
    return ast.unparse(ast.fix_missing_locations(tree))


def write_pages(folder: Path) -> None:
    """Write the code of each page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in PAGES.items():
        (folder / f"{name}.py").write_text(code_of(path.read_text(encoding="utf-8")), encoding="utf-8")
    folder.touch()


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
