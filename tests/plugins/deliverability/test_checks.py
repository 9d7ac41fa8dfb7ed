"""Every state of every check, by real questions to a real name server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.sdk import InvalidConfig
from plugins.deliverability import checks, resolver
from plugins.deliverability.manifest import DeliverabilitySettings
from tests.plugins.deliverability.conftest import SHOP, key

if TYPE_CHECKING:
    from plugins.deliverability.checks import Check
    from tests.plugins.deliverability.dns_server import NameServer

ABOUT = checks.Asked(sender=SHOP, dkim=SHOP, bounces=SHOP, replies=SHOP, links="", ours="mail.test")
KEYS = [f"{name}.domainkey.u1.wl1.sendgrid.net" for name in ("s1", "s2")]


async def checked(about: checks.Asked = ABOUT, **settings: object) -> dict[str, Check]:
    rules = msgspec.convert(settings, DeliverabilitySettings)
    return {one.what: one for one in await checks.run(rules, about)}


async def test_all_is_well(names: NameServer) -> None:
    found = await checked()
    assert list(found) == ["spf", "dkim:s1", "dkim:s2", "dmarc", "alignment", "mx", "link"]
    assert {one.state for one in found.values()} == {"ok"}
    assert not any(one.wanted for one in found.values())
    assert names.asked.count((SHOP, "TXT")) == 1
    assert "2048 bits" in found["dkim:s1"].words and "1 of 10" in found["spf"].words


SPF = {
    "nothing": ([], "bad", "No SPF", "v=spf1 include:sendgrid.net ~all"),
    "not ours": (
        ["v=spf1 ip4:1.2.3.4 -all"],
        "bad",
        "does not let",
        "v=spf1 ip4:1.2.3.4 include:sendgrid.net -all",
    ),
    "two": (
        ["v=spf1 include:sendgrid.net ~all", "v=spf1 ip4:1.2.3.4 -all"],
        "bad",
        "two SPF records",
        "v=spf1 include:sendgrid.net ip4:1.2.3.4 -all",
    ),
    "anybody": (
        ["v=spf1 include:sendgrid.net +all"],
        "bad",
        "anybody",
        "v=spf1 include:sendgrid.net ~all",
    ),
    "open": (["v=spf1 include:sendgrid.net"], "warn", "others", "v=spf1 include:sendgrid.net ~all"),
    "neutral": (
        ["v=spf1 include:sendgrid.net ?all"],
        "warn",
        "others",
        "v=spf1 include:sendgrid.net ~all",
    ),
    "nonsense": (
        ["v=spf1 include:sendgrid.net ipv4:1.2.3.4 ~all"],
        "bad",
        "means nothing",
        "v=spf1 include:sendgrid.net ~all",
    ),
    "no value": (
        ["v=spf1 include: ~all"],
        "bad",
        "means nothing",
        "v=spf1 include:sendgrid.net ~all",
    ),
    "bad network": (
        ["v=spf1 ip4:1.2.3.999 ~all"],
        "bad",
        "not complete",
        "v=spf1 include:sendgrid.net ~all",
    ),
    "dead include": (
        ["v=spf1 include:gone.example include:sendgrid.net ~all"],
        "bad",
        "no SPF",
        "",
    ),
    "circle": ([f"v=spf1 include:{SHOP} ~all"], "bad", "circle", ""),
    "many": (
        ["v=spf1 " + "a:x.example mx:y.example " * 5 + "include:sendgrid.net ~all"],
        "bad",
        "10 look-ups",
        "",
    ),
    "upper case": (["V=SPF1 INCLUDE:SendGrid.net ~ALL"], "ok", "", ""),
    "nested": (["v=spf1 include:all.example ~all"], "ok", "2 of 10", ""),
    "redirect": (["v=spf1 redirect=all.example"], "ok", "2 of 10", ""),
}


@pytest.mark.parametrize("case", SPF)
async def test_spf(names: NameServer, case: str) -> None:
    records, state, words, wanted = SPF[case]
    names.txt("all.example", "v=spf1 include:sendgrid.net -all")
    names.txt(SHOP, *records)
    one = (await checked())["spf"]
    assert (one.state, [record.value for record in one.wanted]) == (
        state,
        [wanted] if wanted else [],
    )
    assert words in one.words
    assert not one.wanted or (one.wanted[0].type, one.wanted[0].name) == ("TXT", SHOP)


async def test_spf_of_a_return_path_that_points_to_the_provider(names: NameServer) -> None:
    names.txt(SHOP)
    names.put(f"em1.{SHOP}", "CNAME", "u1.wl1.sendgrid.net")
    names.txt("u1.wl1.sendgrid.net", "v=spf1 ip4:1.2.3.4 -all")
    about = msgspec.structs.replace(ABOUT, bounces=f"em1.{SHOP}")
    found = await checked(about)
    assert found["spf"].state == "ok" and found["alignment"].state == "ok"


DKIM = {
    "1024": (key(1024), "warn", "1024 bits"),
    "ed25519": (key(0), "ok", "Ed25519"),
    "empty": ("v=DKIM1; p=", "bad", "withdrawn"),
    "cut": (key(2048)[:-30], "bad", "cut"),
    "other": ("hello", "bad", "no DKIM key"),
    "testing": (f"{key(2048)}; t=y:s", "warn", "tested"),
    "gone": ("", "bad", "no DKIM key for"),
}


@pytest.mark.parametrize("case", DKIM)
async def test_dkim(names: NameServer, case: str) -> None:
    text, state, words = DKIM[case]
    for name in KEYS:
        names.txt(name, *([text] if text else []))
    found = await checked(dkim_host="u1.wl1.sendgrid.net")
    for name in ("s1", "s2"):
        one = found[f"dkim:{name}"]
        assert one.state == state and words in one.words
        if state == "bad":
            assert one.wanted == (
                checks.Wanted(
                    type="CNAME",
                    name=f"{name}._domainkey.{SHOP}",
                    value=f"{name}.domainkey.u1.wl1.sendgrid.net",
                ),
            )
    assert found["alignment"].state == ("warn" if state == "bad" else "ok")


async def test_a_weak_key_is_bad_and_one_key_is_enough(names: NameServer) -> None:
    assert checks.records.key_of(
        "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Q"
        "uKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ=="
    ).state == "bad"  # fmt: skip
    names.put(f"s2._domainkey.{SHOP}", "CNAME")
    found = await checked()
    assert (found["dkim:s1"].state, found["dkim:s2"].state) == ("ok", "warn")
    assert not found["dkim:s2"].wanted[0].exact
    assert found["alignment"].state == "ok"


DMARC = {
    "nothing": ([], "bad", "No DMARC", True),
    "two": (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "bad", "two DMARC", False),
    "no policy": (["v=DMARC1; rua=mailto:a@b.example"], "bad", "no policy", True),
    "odd policy": (["v=DMARC1; p=maybe"], "bad", "no policy", True),
    "no reports": (["v=DMARC1; p=reject"], "warn", "rua=", True),
    "reject": (["v=DMARC1;p=reject;rua=mailto:a@b.example"], "ok", "is reject", False),
    "none": (["v=DMARC1; p=none; rua=mailto:a@b.example"], "ok", "quarantine", False),
}


@pytest.mark.parametrize("case", DMARC)
async def test_dmarc(names: NameServer, case: str) -> None:
    texts, state, words, add = DMARC[case]
    names.txt(f"_dmarc.{SHOP}", *texts)
    one = (await checked())["dmarc"]
    assert one.state == state and words in one.words
    assert [w.name for w in one.wanted] == ([f"_dmarc.{SHOP}"] if add else [])
    if add:
        policy = "reject" if state == "warn" else "none"
        assert one.wanted[0].value == f"v=DMARC1; p={policy}; rua=mailto:dmarc@example.com"


async def test_dmarc_of_the_domain_above_counts(names: NameServer) -> None:
    names.txt(f"_dmarc.{SHOP}")
    names.txt("_dmarc.example.com", "v=DMARC1; p=reject; sp=none; rua=mailto:a@b.example")
    one = (await checked())["dmarc"]
    assert one.state == "ok" and "is none" in one.words


async def test_alignment(names: NameServer) -> None:
    elsewhere = msgspec.structs.replace(ABOUT, bounces="sendgrid.net", dkim="sendgrid.net")
    for name in ("s1", "s2"):
        names.txt(f"{name}._domainkey.sendgrid.net", key(2048))
    found = await checked(elsewhere)
    assert found["alignment"].state == "bad" and "Neither" in found["alignment"].words
    beside = msgspec.structs.replace(ABOUT, bounces="em.example.com")
    names.put("em.example.com", "CNAME", "sendgrid.net")
    assert (await checked(beside))["alignment"].state == "ok"
    names.txt(f"_dmarc.{SHOP}", "v=DMARC1; p=none; aspf=s; rua=mailto:a@b.example")
    found = await checked(beside)
    assert found["alignment"].state == "warn" and "Microsoft" in found["alignment"].words
    free = msgspec.structs.replace(ABOUT, sender="gmail.com")
    found = await checked(free)
    assert found["alignment"].state == "bad" and "own" in found["alignment"].words


async def test_replies(names: NameServer) -> None:
    names.put(SHOP, "MX", "0 ")
    assert (await checked())["mx"].state == "bad"
    names.put(SHOP, "MX")
    assert (await checked())["mx"].state == "bad"
    names.put(SHOP, "A", "192.0.2.1")
    assert (await checked())["mx"].state == "warn"


async def test_links(names: NameServer) -> None:
    about = msgspec.structs.replace(ABOUT, links=f"go.{SHOP}")
    names.put("mail.test", "A", "192.0.2.1")
    one = (await checked(about))["link"]
    assert one.state == "bad"
    assert one.wanted == (checks.Wanted(type="CNAME", name=f"go.{SHOP}", value="mail.test"),)
    names.put(f"go.{SHOP}", "CNAME", "mail.test")
    assert (await checked(about))["link"].state == "ok"
    names.put(f"go.{SHOP}", "CNAME")
    names.put(f"go.{SHOP}", "A", "192.0.2.1")
    assert (await checked(about))["link"].state == "ok"
    names.put(f"go.{SHOP}", "A", "192.0.2.7")
    one = (await checked(about))["link"]
    assert one.state == "bad" and "elsewhere" in one.words and one.found == "192.0.2.7"


@pytest.mark.parametrize("fault", ["servfail", "garbage", "silent"])
async def test_a_dns_that_fails_is_unknown_and_never_bad(names: NameServer, fault: str) -> None:
    names.faults["*"] = fault
    about = msgspec.structs.replace(ABOUT, links=f"go.{SHOP}")
    found = await checked(about)
    assert {one.state for one in found.values()} == {"unknown"}
    assert not any(one.wanted for one in found.values())


@pytest.mark.parametrize("name", ["sendgrid.net", KEYS[0], f"_dmarc.{SHOP}"])
async def test_one_answer_that_fails(names: NameServer, name: str) -> None:
    names.faults[name] = "servfail"
    names.faults[f"s1._domainkey.{SHOP}"] = "servfail" if name == KEYS[0] else ""
    states = {one.state for one in (await checked()).values()}
    assert "unknown" in states and "bad" not in states


async def test_no_server_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "LIFETIME", 0.3)
    monkeypatch.setenv(resolver.NAMESERVER, "127.0.0.1:1")
    assert {one.state for one in (await checked()).values()} <= {"unknown", "ok"}
    monkeypatch.setenv(resolver.NAMESERVER, "nonsense")
    with pytest.raises(InvalidConfig, match="no address"):
        await checked()


async def test_hostile_records_stay_text(names: NameServer) -> None:
    names.txt(SHOP, "v=spf1 include:<script>alert(1)</script> ~all")
    names.txt(KEYS[0], "p=\x00<b>")
    found = await checked()
    assert found["spf"].state == "bad" and found["dkim:s1"].state == "bad"
