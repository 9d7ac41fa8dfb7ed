"""The doctor finds every illness and names its remedy; `migrate` and `doctor` on real servers."""

import asyncio
from pathlib import Path

import asyncpg
import msgspec
import pytest

from kernel.contracts.errors import BootError
from kernel.db.migrate import migrate
from kernel.plugboard import Plugboard, build_plugboard
from kernel.runtime.core import open_core, piccolo_apps
from kernel.runtime.doctor import Check, examine
from kernel.runtime.embedded import with_servers
from kernel.runtime.settings import Settings, load_settings


def no_plugins() -> Plugboard:
    return build_plugboard(mandatory=(), only=())


async def checks(settings: Settings, load_board=no_plugins) -> dict[str, Check]:
    return {check.name: check async for check in examine(settings, load_board)}


def bad(found: dict[str, Check]) -> set[str]:
    for check in found.values():
        assert check.ok or check.fix, f"{check.name} does not say what to do"
    return {name for name, check in found.items() if not check.ok}


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    (data_dir / "tenants" / "acme" / "alpha").mkdir(parents=True)
    (data_dir / "tenants" / "acme" / "alpha" / "tenant.toml").touch()
    return load_settings(
        {
            "MAILWRIGHT_DATA_DIR": str(data_dir),
            "MAILWRIGHT_TENANTS_DIR": str(data_dir / "tenants"),
        }
    )


async def test_from_an_empty_database_to_health_and_to_every_illness(settings: Settings) -> None:
    async with with_servers(settings) as running:
        roles = {"role mailwright_app", "role mailwright_system"}
        assert bad(await checks(settings)) == roles | {"migrations"}

        board = no_plugins()
        async with open_core(running, board) as core:
            await migrate(core.pool, piccolo_apps(board))
        found = await checks(settings)
        assert bad(found) == set()
        assert found["database"].detail.startswith("PostgreSQL 18")
        assert "valkey 9" in found["redis"].detail

        admin = await asyncpg.connect(running.database_url)
        await admin.execute("ALTER ROLE mailwright_app BYPASSRLS")
        await admin.execute("INSERT INTO migration (name, app_name) VALUES ('2099', 'tenancy')")
        found = await checks(settings)
        assert bad(found) == {"role mailwright_app", "migrations"}
        assert "newer than this code: tenancy 2099" in found["migrations"].detail
        assert "NOBYPASSRLS" in found["role mailwright_app"].fix
        await admin.close()


async def test_servers_that_do_not_answer(settings: Settings) -> None:
    gone = msgspec.structs.replace(
        settings,
        database_url="postgresql://app:hunter22@127.0.0.1:1/x",
        redis_url="redis://:hunter22@127.0.0.1:1/0",
    )
    found = await checks(gone)
    assert bad(found) == {"database", "redis"}
    assert "hunter22" not in repr(found)


async def test_weak_secret_missing_tenants_and_broken_plugins(settings: Settings) -> None:
    def broken() -> Plugboard:
        raise BootError("The plugins cannot be used.", "Correct them.", ("x: y", "z: w"))

    ill = msgspec.structs.replace(
        settings, secret="change-me", tenants_dir=settings.data_dir / "nowhere"
    )
    found = await checks(ill, broken)
    assert {"secret", "tenants", "plugins"} <= bad(found)
    assert "x: y; z: w" in found["plugins"].detail
    await asyncio.sleep(0)
