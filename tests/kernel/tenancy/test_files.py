"""Files are believed as a whole or not at all, and every fault is told at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.contracts.errors import InvalidConfig
from kernel.plugboard.board import Plugboard
from kernel.tenancy.files import load, read

Write = Callable[..., None]


def test_valid_files_are_read(folder: Path, write: Write, toy_board: Plugboard) -> None:
    write("acme", '[brand]\ncolour = "#112233"\n')
    write("acme/shop", "[plugins.greeter]\ndays = 7\nhours.start = 21\n[plugins.caller]\n")
    (folder / "acme" / "brand").mkdir()
    (folder / "acme" / ".git").mkdir()
    (folder / "README.md").write_text("ignored")
    found = load(folder, toy_board)
    assert found.resellers["acme"].brand.colour == "#112233"
    shop = found.tenants["shop"]
    assert shop.reseller_id == "acme" and shop.file.timezone == "Europe/Berlin"
    assert shop.file.plugins == {"greeter": {"days": 7, "hours": {"start": 21}}, "caller": {}}


@pytest.mark.parametrize(
    ("extra", "line", "said"),
    [
        ("[plugins.greeter]\ndays = 0\n", 12, "`plugins.greeter.days` must be a whole number >= 1"),
        ("[plugins.greeter]\ndays = 'x'\n", 12, "must be a whole number, got text"),
        ("[plugins.greeter]\ndasy = 7\n", 12, "is not known here. Did you mean `days`?"),
        ("[plugins.greeter]\ntone = 'worm'\n", 12, "cannot be 'worm'. Did you mean `warm`?"),
        ("[plugins.greeter]\ncolour = 'red'\n", 12, "must be #rrggbb"),
        ("[plugins.greeter.hours]\nstart = 99\n", 12, "`plugins.greeter.hours.start` must be"),
        ("[plugins.greeter]\nhours = {start = 8}\n", 12, "start and end must differ"),
        ("[plugins.greter]\n", 11, "is not an installed plugin. Did you mean `greeter`?"),
        ("[plugins.zzz]\n", 11, "Installed: caller, greeter, guard."),
        ("[plugins]\ngreeter = true\n", 12, "must be a table"),
        ("[plugins.caller]\n", 11, "needs the plugin `greeter`. Add `[plugins.greeter]`"),
        ("[brand]\ncolour = 'green'\n", 12, "`brand.colour` must be #rrggbb"),
        ("[brand]\nlogo_url = 'javascript:alert(1)'\n", 12, "`brand.logo_url` must be"),
        ("[colors]\n", 11, "`colors` is not known here"),
        ("[plugins.greeter\n", 11, "is not valid TOML"),
        ("[plugins.greeter]\nmax_tokens = 'x'\n", 12, "must be a whole number"),
        (
            "[plugins.caller]\nnumber = 'sk-test-aaaaaaaaaaaaaaaaaaaa'\n[plugins.greeter]\n",
            12,
            "secret",
        ),
        ("[plugins.greeter]\napi_key_env = 'hunter2'\n", 12, "write the variable's name here"),
        ("[plugins.guard]\nsmtp_password = 'x'\n", 12, "looks like a secret"),
    ],
)
def test_a_fault_is_told_with_line_and_fix(
    folder: Path, write: Write, toy_board: Plugboard, extra: str, line: int, said: str
) -> None:
    write("acme/shop", extra)
    _, problems = read(folder, toy_board)
    told = [p for p in problems if said in p.message]
    assert told, [str(p) for p in problems]
    assert (told[0].file, told[0].line) == ("tenants/acme/shop/tenant.toml", line)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("timezone", "Europe/Berln", "Did you mean `Europe/Berlin`?"),
        ("timezone", "CEST", "an IANA name such as Europe/Berlin, not `CEST`"),
        ("currency", "eur", "Did you mean `EUR`?"),
        ("currency", "XXX", "an ISO 4217 code"),
        ("country", "Germany", "an ISO 3166 code of two letters"),
        ("country", "UK", "an ISO 3166 code"),
        ("postal_address", "Berlin", "`postal_address` must be"),
        ("name", "<b>x</b>", "`name` must be one line without < and >"),
        ("holdout_percent", 99, "`holdout_percent` must be a number <= 50"),
        ("autonomy", "auto", "Did you mean `automatic`?"),
    ],
)
def test_facts_of_a_tenant_are_checked(
    folder: Path, write: Write, toy_board: Plugboard, field: str, value: object, said: str
) -> None:
    lines = [
        'name = "Shop"',
        'timezone = "Europe/Berlin"',
        'currency = "EUR"',
        'country = "DE"',
        'postal_address = "Hauptstr. 1, 10115 Berlin"',
        'sender = {name = "Shop", email = "a@shop.example"}',
    ]
    lines = [text for text in lines if not text.startswith(f"{field} ")]
    write("acme/shop", base="\n".join([*lines, f"{field} = {value!r}"]))
    with pytest.raises(InvalidConfig, match="are not valid; nothing was changed") as caught:
        load(folder, toy_board)
    assert len(caught.value.problems) == 1 and said in caught.value.problems[0]
    assert f"tenant.toml:{len(lines) + 1}:" in caught.value.problems[0]


def test_every_problem_of_every_file_at_once(
    folder: Path, write: Write, toy_board: Plugboard
) -> None:
    write("acme", base="")
    write("acme/shop", "[sender2]\n[plugins.nope]\n")
    write("beta", base='name = "Beta"\ntoken = "abc"\n')
    write("beta/shop")
    write("beta/admin")
    write("Gamma/x_y", base='name = "unclosed')
    (folder / "delta").mkdir()
    _, problems = read(folder, toy_board)
    told = "\n".join(map(str, problems))
    for part in (
        "tenants/acme/reseller.toml: `name` is missing",
        "`sender2` is not known here. Did you mean `sender`?",
        "`plugins.nope` is not an installed plugin",
        "tenants/beta/reseller.toml:2: `token` is not known here",
        "tenants/beta/reseller.toml:2: `token` looks like a secret",
        "`shop` is already a tenant of acme",
        "the folder's name `admin` is a name Mailwright uses itself",
        "the folder's name `Gamma` must be 2 to 40",
        "the folder's name `x_y` must be 2 to 40",
        "is not valid TOML",
        "tenants/delta/reseller.toml: the file is missing. Add reseller.toml, or remove the folder.",
    ):
        assert part in told, told


def test_odd_files_are_told_not_raised(folder: Path, write: Write, toy_board: Plugboard) -> None:
    write("acme/shop")
    (folder / "acme/shop/tenant.toml").write_bytes(b'name = "\xff"\n')
    write("acme/two")
    (folder / "acme/two/tenant.toml").unlink()
    (folder / "acme/two/tenant.toml").mkdir()
    told = [str(p) for p in read(folder, toy_board)[1]]
    assert any("is not UTF-8 text. Save it as UTF-8." in text for text in told)
    assert any("cannot be read" in text for text in told)
    _, problems = read(folder / "no" / "such", toy_board)
    assert "MAILWRIGHT_TENANTS_DIR" in problems[0].message


def test_a_secret_is_never_repeated(folder: Path, write: Write, toy_board: Plugboard) -> None:
    write("acme/shop", '[plugins.guard]\napi_token = "hunter2hunter2"\n')
    _, problems = read(folder, toy_board)
    assert problems and "hunter2" not in "".join(map(str, problems))


def test_a_byte_order_mark_is_no_fault(folder: Path, write: Write, toy_board: Plugboard) -> None:
    write("acme/shop")
    path = folder / "acme/shop/tenant.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert "shop" in load(folder, toy_board).tenants
