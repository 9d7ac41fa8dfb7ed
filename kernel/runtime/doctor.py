"""Is this installation fit to run? Every check, each with what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from kernel.contracts.errors import KernelError
from kernel.db.uow import APP_ROLE, SYSTEM_ROLE, Pool, UnitOfWork
from kernel.runtime.core import piccolo_apps
from kernel.runtime.embedded import with_servers
from kernel.runtime.safety import hide_password, weak_secret
from kernel.runtime.settings import Settings

if TYPE_CHECKING:
    from kernel.plugboard.board import Plugboard

OLDEST_POSTGRES = 15
OLDEST_REDIS = (6, 2)


class Check(Struct, frozen=True, kw_only=True):
    """One thing looked at: fine, or a problem with what to do."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


async def examine(settings: Settings, load_board: Callable[[], Plugboard]) -> AsyncIterator[Check]:
    """Every check in turn; embedded servers are started for them when no URL is set."""
    yield _secret(settings)
    yield _tenants(settings)
    board: Plugboard | None = None
    try:
        board = load_board()
        names = ", ".join(sorted(board.plugins))
        yield Check(name="plugins", ok=True, detail=f"{len(board.plugins)} loaded: {names}")
    except KernelError as error:
        yield _failed("plugins", error)
    try:
        async with with_servers(settings) as running:
            async for check in _database(running, board):
                yield check
            yield await _redis(running)
    except KernelError as error:
        yield _failed("servers", error)


async def _database(settings: Settings, board: Plugboard | None) -> AsyncIterator[Check]:
    pool = Pool(settings.database_url, 2)
    try:
        await pool.open()
    except KernelError as error:
        yield _failed("database", error)
        return
    try:
        async with pool.unit_of_work(role=None) as unit:
            version = int(await unit.fetchval("SHOW server_version_num")) // 10_000
            shown = hide_password(settings.database_url)
            yield Check(
                name="database",
                ok=version >= OLDEST_POSTGRES,
                detail=f"PostgreSQL {version} at {shown}",
                fix=f"Use PostgreSQL {OLDEST_POSTGRES} or newer.",
            )
            for role in (APP_ROLE, SYSTEM_ROLE):
                yield await _role(unit, role)
        if board is not None:
            yield await _migrations(pool, board)
    finally:
        await pool.close()


async def _role(unit: UnitOfWork, role: str) -> Check:
    name = f"role {role}"
    row = await unit.fetchrow(
        "SELECT rolsuper OR rolbypassrls AS bypasses, pg_has_role(oid, 'MEMBER') AS ours"
        " FROM pg_roles WHERE rolname = $1",
        role,
    )
    if row is None:
        fix = "Run `mailwright migrate` (it needs CREATEROLE), or ask your administrator for it."
        return Check(name=name, ok=False, detail="does not exist", fix=fix)
    if row["bypasses"]:
        fix = f"Run: ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS;"
        return Check(name=name, ok=False, detail="can see the rows of every tenant", fix=fix)
    if not row["ours"]:
        fix = f"As an administrator run: GRANT {role} TO <the user of DATABASE_URL>;"
        return Check(name=name, ok=False, detail="may not be taken by our database user", fix=fix)
    return Check(name=name, ok=True, detail="exists, and row-level security holds it")


async def _migrations(pool: Pool, board: Plugboard) -> Check:
    from kernel.db.migrate import status

    try:
        found = await status(pool, piccolo_apps(board))
    except KernelError as error:
        return _failed("migrations", error)
    if found.unknown:
        return Check(
            name="migrations",
            ok=False,
            detail=f"the database is newer than this code: {', '.join(found.unknown)}",
            fix="Deploy the version that made them, or restore the older database.",
        )
    apps = ", ".join(dict.fromkeys(migration.app for migration in found.pending))
    return Check(
        name="migrations",
        ok=not found.pending,
        detail=f"{len(found.pending)} missing, of {apps}" if apps else "complete",
        fix="Run `mailwright migrate`.",
    )


async def _redis(settings: Settings) -> Check:
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    client = Redis.from_url(settings.redis_url, socket_connect_timeout=5, socket_timeout=5)
    shown = hide_password(settings.redis_url)
    try:
        info = await client.info("server")
        version = str(info["redis_version"])
        numbers = tuple(int(part) for part in version.split(".")[:2])
        return Check(
            name="redis",
            ok=numbers >= OLDEST_REDIS,
            detail=f"{info.get('server_name', 'redis')} {info.get('valkey_version', version)} at {shown}",
            fix="Use Redis 6.2 or newer, or any Valkey.",
        )
    except (RedisError, OSError) as error:
        fix = "Check REDIS_URL, or leave it empty in development to use the embedded server."
        return Check(name="redis", ok=False, detail=f"{shown} does not answer: {error}", fix=fix)
    finally:
        with suppress(RedisError, OSError):
            await client.aclose()


def _secret(settings: Settings) -> Check:
    weakness = weak_secret(settings.secret)
    fix = "Set MAILWRIGHT_SECRET to the output of `openssl rand -hex 32`."
    old = len(settings.old_secrets)
    good = "long and random" + (
        f"; {old} old accepted, see `mailwright keys status`" if old else ""
    )
    return Check(name="secret", ok=not weakness, detail=weakness or good, fix=fix)


def _tenants(settings: Settings) -> Check:
    folder = settings.tenants_dir
    count = len(list(folder.glob("*/*/tenant.toml")))
    return Check(
        name="tenants",
        ok=count > 0,
        detail=f"{count} configured in {folder}" if folder.is_dir() else f"no folder {folder}",
        fix="Add <reseller>/<tenant>/tenant.toml there, or set MAILWRIGHT_TENANTS_DIR.",
    )


def _failed(name: str, error: KernelError) -> Check:
    problems = "; ".join(getattr(error, "problems", ()))
    detail = f"{error.message} {problems}".strip()
    return Check(name=name, ok=False, detail=detail, fix=error.fix)
