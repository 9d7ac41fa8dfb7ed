"""Where the embedded servers live on this machine, and as whom they run.

PostgreSQL refuses to run as root. As root we therefore run the servers as whoever owns the data folder,
or as a system user, which often cannot reach it (under /root, in a private temporary folder). We never
open up the folders of others for that: data and programs then get a private folder of their own under
/var/lib/mailwright, and `servers.where` in the data folder says which. Deleting the data folder still
forgets the data.
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
POINTER = "servers.where"
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
    valkey: Path
    sockets: Path
    owner: Owner | None
    """As whom the servers run; None: as ourselves."""

    @property
    def postgres_socket(self) -> Path:
        """The Unix socket PostgreSQL answers on."""
        return self.sockets / _POSTGRES_SOCKET

    @property
    def valkey_socket(self) -> Path:
        """The Unix socket Valkey answers on."""
        return self.sockets / "valkey.sock"


def find_places(data_dir: Path) -> Places:
    """The folders for this data folder, made where they were missing (but no data yet).

    Raises:
        Unavailable: a folder belongs to somebody else, or no user can be found for the servers.
    """
    owner: Owner | None = None
    base = data_dir
    if os.geteuid() == 0:
        # Whoever made the folder stays its owner, also when root comes later.
        status = data_dir.stat()
        owner = Owner(uid=status.st_uid, gid=status.st_gid) if status.st_uid else _system_user()
        if (data_dir / POINTER).exists() or not _reachable(data_dir, owner):
            base = _private_folder(data_dir)
    valkey = base / "valkey"
    make_owned(valkey, owner)
    sockets = _socket_folder(base / "run", owner)
    return Places(pgdata=base / "postgres", valkey=valkey, sockets=sockets, owner=owner)


def find_programs(package: str, owner: Owner | None, instead: str) -> Path:
    """The folder of a package of servers, where their user can run them.

    Found, not imported: importing has effects, and the packages' own ways of starting a server open
    every parent folder to everybody, trust stale pid files and stop servers that others use
    (docs/adr/0001). Where the user cannot reach the package it is copied, once a version.

    Raises:
        Unavailable: the package is not installed; `instead` is the setting that does without it.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise Unavailable(
            f"The package {package} is not installed.", f"Run `uv sync`, or set {instead}."
        )
    source = Path(spec.origin).parent
    if owner is None or _reachable(source, owner):
        return source
    version = importlib.metadata.version(package.replace("_", "-"))
    target = PRIVATE_ROOT / f"{package}-{version}"
    if not target.exists():
        PRIVATE_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="copy-", dir=PRIVATE_ROOT))
        for part in (source, source.with_name(f"{package}.libs")):
            if part.exists():
                ignored = shutil.ignore_patterns("*.py", "__pycache__", "include")
                shutil.copytree(part, draft / part.name, ignore=ignored)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755)
        with contextlib.suppress(OSError):  # another process was faster
            draft.rename(target)
    return target / package


def make_owned(folder: Path, owner: Owner | None) -> None:
    """Makes `folder` private to the server's user."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if owner is not None:
        os.chown(folder, owner.uid, owner.gid)


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


def _reachable(folder: Path, owner: Owner) -> bool:
    """Whether this user can pass through `folder` and every folder above it."""

    def open_to(status: os.stat_result) -> bool:
        if status.st_uid == owner.uid:
            return bool(status.st_mode & 0o100)
        return bool(status.st_mode & (0o010 if status.st_gid == owner.gid else 0o001))

    folder = folder.resolve()
    return all(open_to(place.stat()) for place in (folder, *folder.parents))


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


def _socket_folder(preferred: Path, owner: Owner | None) -> Path:
    """`preferred` when a socket in it has a path short enough, otherwise a private one in /tmp."""
    plain = all(letter.isalnum() or letter in "/._-" for letter in str(preferred))
    folder = preferred
    if not plain or len(os.fsencode(preferred / _POSTGRES_SOCKET)) > _SOCKET_PATH_MAX:
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
