"""`mailwright bounce`, as a mail server or a timer runs it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from click.testing import CliRunner

from kernel.contracts.errors import InvalidInput
from plugins.smtp import maildir
from plugins.smtp.commands import TRY_AGAIN, bounce
from tests.kernel.cli.test_decisions import program
from tests.plugins.smtp import samples
from tests.plugins.smtp.mails import attempting
from tests.plugins.smtp.test_returned import HARD, NOTHING, SOFT, Case

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.tenancy.core import Core


async def run(core: Core, *arguments: str, raw: bytes = b"", here: Any = None) -> Any:
    """The result of the command: `return_value`, `stdout`, `stderr`."""
    done = await asyncio.to_thread(
        CliRunner().invoke,
        bounce,
        arguments,
        obj=here or program(core),
        input=raw,
        standalone_mode=False,
    )
    if done.exception is not None:
        raise done.exception
    return done


@pytest.fixture
async def cases(core: Core) -> list[Case]:
    return [await Case(core, message).set() for message in await attempting(core, 4)]


async def test_one_mail(core: Core, cases: list[Case]) -> None:
    ada, eve, *_ = cases
    done = await run(core, "alpha", raw=ada.mail(samples.postfix))
    assert done.return_value == 0
    assert done.stdout == (
        f"{ada.message.id}: a bounce for good: the address is not written to again\n"
    )
    assert await ada.known() == HARD
    # The mail server's word of where it came to, where the mail itself tells nothing.
    raw = samples.postfix("undisclosed", eve.email, "").encode()
    assert "about no mail" in (await run(core, "alpha", raw=raw)).stdout
    await run(core, "alpha", "--recipient", eve.marked, raw=raw)
    assert await eve.known() == HARD


@pytest.mark.parametrize("raw", [b"", b"\xff\0", b"From: ada@example.test\n\nHello?"])
async def test_whatever_the_mail_is_it_is_not_sent_back(core: Core, raw: bytes) -> None:
    done = await run(core, "alpha", raw=raw)
    assert done.return_value == 0 and done.stdout.startswith("It ")


async def test_a_dry_run_keeps_nothing(core: Core, cases: list[Case], tmp_path: Path) -> None:
    [ada, *_] = cases
    raw = ada.mail(samples.postfix)
    assert "for good" in (await run(core, "alpha", "--dry-run", raw=raw)).stdout
    folder = filled(tmp_path, {"1.a": raw})
    done = await run(core, "alpha", "--maildir", str(folder), "--dry-run")
    assert "nothing was kept, nothing moved" in done.stdout and "for good" in done.stdout
    assert await ada.known() == NOTHING
    assert listed(folder) == (["1.a"], [])


@pytest.mark.parametrize("tenant", ["nobody", "alpha"])
async def test_what_could_not_be_recorded_is_to_be_tried_again(
    core: Core, cases: list[Case], tenant: str
) -> None:
    class Broken(type(program(core))):  # type: ignore[misc]
        def run(self, work: Any) -> Any:
            if tenant == "nobody":
                return super().run(work)
            raise asyncpg.CannotConnectNowError("the database at db.secret.example is away")

    done = await run(core, tenant, raw=cases[0].mail(samples.postfix), here=Broken())
    assert done.return_value == TRY_AGAIN
    assert done.stderr.startswith("not recorded: ") and "secret" not in done.stderr
    assert await cases[0].known() == NOTHING


async def test_in_a_process_of_its_own(
    core: Core, cases: list[Case], database_url: str, redis_url: str, tmp_path: Path
) -> None:
    """By pipe; more than is read, all of which is taken from the pipe."""
    ada = cases[0]
    raw = ada.mail(samples.postfix) + b"x" * 2_000_000
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kernel.cli.main", "bounce", "alpha",
        env=os.environ | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "MAILWRIGHT_DATA_DIR": str(tmp_path / "data"),
            "MAILWRIGHT_ENV": "test",
            "MAILWRIGHT_SECRET": core.links.secret,
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(raw)
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(str(ada.message.id).encode())
    assert await ada.known() == HARD


def filled(tmp_path: Path, mails: dict[str, bytes]) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "Mail" / name).mkdir(parents=True, exist_ok=True)
    for name, raw in mails.items():
        (tmp_path / "Mail" / "new" / name).write_bytes(raw)
    return tmp_path / "Mail"


def listed(folder: Path) -> tuple[list[str], list[str]]:
    new, cur = (sorted(one.name for one in (folder / name).iterdir()) for name in ("new", "cur"))
    return new, cur


async def test_a_maildir(core: Core, cases: list[Case], tmp_path: Path) -> None:
    ada, eve, ida, pia = cases
    folder = filled(
        tmp_path,
        {
            "1.a": ada.mail(samples.postfix),
            "2.b": eve.mail(samples.qmail, said="552 5.2.2 full"),
            "3.c": ida.mail(samples.arf),
            "4.d": ada.mail(samples.postfix),
            "5.e": pia.mail(samples.vacation),
            "6.f": b"\xff",
            ".hidden": ada.mail(samples.postfix),
        },
    )
    (folder / "new" / "link").symlink_to(tmp_path / "elsewhere")
    done = await run(core, "alpha", "--maildir", str(folder))
    assert done.return_value == 0, done.stderr
    lines = [tuple(line.strip().split("  ", 1)) for line in done.stdout.splitlines()]
    assert lines == [
        ("1", "It answers by itself."),
        ("1", "It is no bounce and no complaint."),
        ("1", "a bounce for good: the address is not written to again"),
        ("1", "a bounce that is not for good: counted"),
        ("1", "a complaint: the customer is not written to again"),
        ("1", "it was told before; nothing was changed"),
        ("6", "read"),
    ]
    assert listed(folder) == ([".hidden", "link"], [f"{n}:2,S" for n in ("1.a", "2.b", "3.c", "4.d", "5.e", "6.f")])  # fmt: skip
    assert await ada.known() == HARD and await eve.known() == SOFT
    assert (await ida.known())[2] == ["complained"] and await pia.known() == NOTHING
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch(
            "SELECT detail::text FROM tenancy_audit WHERE action = 'bounces.read'"
        )
        assert [row["detail"] for row in rows] == [
            '{"hard": 1, "soft": 1, "again": 1, "nothing": 2, "complaint": 1}'
        ]
    again = await run(core, "alpha", "--maildir", str(folder))
    assert again.stdout.split() == ["0", "read"]


async def test_killed_between_the_commit_and_the_move(
    core: Core, cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled(tmp_path, {f"{n}": one.mail(samples.postfix) for n, one in enumerate(cases)})

    class Killed(BaseException):
        pass

    def kill(path: Path) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(maildir, "_done", kill)
        with pytest.raises(Killed):
            await run(core, "alpha", "--maildir", str(folder))
    assert [await one.known() for one in cases] == [HARD, NOTHING, NOTHING, NOTHING]
    done = await run(core, "alpha", "--maildir", str(folder))
    assert "1  it was told before" in done.stdout and "3  a bounce for good" in done.stdout
    assert [await one.known() for one in cases] == [HARD] * 4
    assert len(listed(folder)[1]) == 4


async def test_two_at_once(core: Core, cases: list[Case], tmp_path: Path) -> None:
    mails = {f"{n}": one.mail(samples.postfix) for n, one in enumerate(cases * 5)}
    folder = filled(tmp_path, mails)
    done = await asyncio.gather(*(run(core, "alpha", "--maildir", str(folder)) for _ in range(2)))
    assert [one.return_value for one in done] == [0, 0]
    assert [await one.known() for one in cases] == [HARD] * 4
    new, cur = listed(folder)
    assert (new, len(cur)) == ([], 20)


async def test_what_cannot_be_moved_is_told(core: Core, cases: list[Case], tmp_path: Path) -> None:
    folder = filled(tmp_path, {"1.a": cases[0].mail(samples.postfix)})
    (folder / "cur").rmdir()
    (folder / "cur").write_text("no folder")
    done = await run(core, "alpha", "--maildir", str(folder))
    assert done.return_value == 1 and "still in new/" in done.stderr
    assert await cases[0].known() == HARD


async def test_what_is_no_maildir(core: Core, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is no Maildir"):
        await run(core, "alpha", "--maildir", str(tmp_path))
