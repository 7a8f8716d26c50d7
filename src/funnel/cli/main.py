"""The command `funnel`: reports missing packages, then runs."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from io import TextIOWrapper

from funnel._dataframes.adapter import installed

_STOPPED = 130
_NEEDED = ("polars", "rich", "typer")


def main() -> None:
    """Run the command; if a required package is missing, print the command that installs it.

    Characters that the terminal or the pipe cannot encode are shown as question marks.
    """
    missing = [name for name in _NEEDED if not installed(name)]
    if missing:
        sys.exit(f"the command needs {', '.join(missing)}; run: pip install 'shopfunnel[cli]'")
    if sys.stdout is None:
        sys.exit(_failed("standard output is closed; open it, or redirect it to a file"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(_run())


def _run() -> int:
    """Run the command and return its exit code; flush the output here, where a full disk can be reported."""
    try:
        try:
            from funnel.cli._commands import app

            app(prog_name="funnel")
        finally:
            sys.stdout.flush()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return _STOPPED
    except OSError as error:
        return _unwritten(error)
    except BaseException as error:  # noqa: BLE001 (a panic of the engine is not an Exception)
        return _failed(f"unexpected {type(error).__name__}; please report it")
    return 0


def _unwritten(error: OSError) -> int:
    """Report that the page could not be written; a closed reader, such as head, needs no message."""
    # Otherwise the rest of the buffer would raise again when the interpreter ends.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1 if error.errno == errno.EPIPE else _failed(f"the page cannot be written: {error.strerror}")


def _failed(message: str) -> int:
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"error: {message}\n")
        sys.stderr.flush()
    return 1
