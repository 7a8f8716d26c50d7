"""The command `funnel`: says what to install where something is missing, and runs."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from funnel._frames import installed

_NEEDED = ("polars", "rich", "typer")


def main() -> None:
    """Run the command; where a package that it needs is missing, say the line that installs it.

    What the terminal or the pipe cannot write is shown as a question mark.
    """
    missing = [name for name in _NEEDED if not installed(name)]
    if missing:
        sys.exit(f"the command needs {', '.join(missing)}; run: pip install 'shopfunnel[cli]'")
    from funnel.report._command import app

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="funnel")
