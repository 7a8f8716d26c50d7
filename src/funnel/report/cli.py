"""The command `funnel`: says what to install where something is missing, and runs."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from io import TextIOWrapper

from funnel._frames import installed

_STOPPED = 130
_NEEDED = ("polars", "rich", "typer")


def main() -> None:
    """Run the command; where a package that it needs is missing, say the line that installs it.

    What the terminal or the pipe cannot write is shown as a question mark.
    """
    missing = [name for name in _NEEDED if not installed(name)]
    if missing:
        sys.exit(f"the command needs {', '.join(missing)}; run: pip install 'shopfunnel[cli]'")
    if sys.stdout is None:
        sys.exit(_failed("standard output is closed; leave it open or give a file"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(_run())


def _run() -> int:
    """Run the command to its exit code; the last of what is printed is written here, where a full disk can be told."""
    try:
        try:
            from funnel.report._command import app

            app(prog_name="funnel")
        finally:
            sys.stdout.flush()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        return _STOPPED
    except OSError as error:
        return _unwritten(error)
    except BaseException as error:  # noqa: BLE001 (a panic of the engine is no Exception)
        return _failed(f"an unexpected {type(error).__name__}; please report it")
    return 0


def _unwritten(error: OSError) -> int:
    """Say that the page could not be written; a reader that has gone, such as head, needs no word."""
    # What is left in the buffer would fail once more when the interpreter ends.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1 if error.errno == errno.EPIPE else _failed(f"the page cannot be written: {error.strerror}")


def _failed(said: str) -> int:
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"error: {said}\n")
        sys.stderr.flush()
    return 1
