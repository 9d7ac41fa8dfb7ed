"""What the gate lets through, with real rows; and that it never opens by mistake."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from kernel.contracts.errors import Unavailable
from kernel.pipeline import comply
from kernel.pipeline.suppressing import suppress
from kernel.profiles.rights import erase_customer
from kernel.tenancy.switches import set_plugin
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers
from plugins.compliance import footer, mail
from plugins.compliance.html_words import spellings
from plugins.compliance.plugin import compliance_rules
from plugins.compliance.unsubscribe import unsubscribe_by_token

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope


async def finished(ctx: TenantScope, count: int = 1, **fields: Any) -> list[Outgoing]:
    ids = await add_customers(ctx, count, **fields)
    return await rendered(ctx, await add_messages(ctx, await add_campaign(ctx), ids))


async def test_what_the_kernel_makes_passes(alpha: TenantScope) -> None:
    batch = await finished(alpha, 3)
    assert [v.outcome for v in await compliance_rules(alpha, "handover", batch)] == ["allowed"] * 3
    bare = [msgspec.structs.replace(message, rendered=None) for message in batch]
    assert [v.outcome for v in await compliance_rules(alpha, "plan", bare)] == ["allowed"] * 3


async def test_suppressed_addresses_are_recognised_in_any_spelling(alpha: TenantScope) -> None:
    batch = await finished(alpha, 1, email="Ada@EXAMPLE.com")
    batch += await finished(alpha, 1, email="other@example.com")
    await suppress(alpha, " ada@example.com", "manual")
    for stage in ("plan", "handover"):
        verdicts = await compliance_rules(alpha, stage, batch)
        assert [v.rule for v in verdicts] == ["compliance.suppression", ""]


async def test_a_topic_stops_its_mails_and_no_others(alpha: TenantScope) -> None:
    """GDPR Art. 21(2): an objection to one kind of mail is an objection to that kind."""
    [made] = await finished(alpha, 1, email="ada@example.com")
    offer = msgspec.structs.replace(made, topic="offers")
    news = msgspec.structs.replace(made, topic="news")
    await suppress(alpha, "ada@example.com", "unsubscribed", topic="news")
    for stage in ("plan", "handover"):
        verdicts = await compliance_rules(alpha, stage, [offer, news])
        assert [v.rule for v in verdicts] == ["", "compliance.topic"]
    await suppress(alpha, "ada@example.com", "unsubscribed")
    verdicts = await compliance_rules(alpha, "plan", [offer, news])
    assert [v.rule for v in verdicts] == ["compliance.suppression"] * 2


async def test_a_sign_up_that_may_need_to_be_confirmed_waits_an_hour(core: Core) -> None:
    """UWG s. 7 (DE): the event that takes it back to `pending` may be late, and no mail may overtake it."""
    async with core.tenant_scope("alpha") as ctx:
        await set_plugin(ctx, "compliance", True, {"double_opt_in_from": "2026-01-01"})
    async with core.tenant_scope("alpha") as ctx:
        signed_up = {"consent_source": "footer form", "consent_at": ctx.now - timedelta(minutes=50)}
        batch = [
            *await finished(ctx, country="DE", **signed_up),
            *await finished(ctx, country="FR", **signed_up),
            *await finished(ctx, country="DE", **{**signed_up, "consent_source": "double opt-in"}),
            *await finished(
                ctx, country="DE", **{**signed_up, "consent_at": ctx.now - timedelta(minutes=61)}
            ),
        ]
        for stage in ("plan", "handover"):
            first, *others = await compliance_rules(ctx, stage, batch)
            assert (first.outcome, first.rule) == ("deferred", "compliance.fresh")
            assert first.until == ctx.now + timedelta(minutes=10)
            assert [verdict.outcome for verdict in others] == ["allowed"] * 3


async def test_a_changed_secret_closes_the_gate(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        batch = await finished(ctx)
        await suppress(ctx, "ada@example.com", "manual")
    changed = replace(core, links=msgspec.structs.replace(core.links, secret="another" * 6))
    async with changed.tenant_scope("alpha") as ctx:
        with pytest.raises(Unavailable, match="another secret"):
            await compliance_rules(ctx, "plan", batch)
        verdict = (await comply.judge(ctx, "plan", batch))[batch[0].id]
        assert verdict.outcome != "allowed"


async def test_the_loss_can_be_accepted(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        batch = await finished(ctx)
        await suppress(ctx, "ada@example.com", "manual")
        await ctx.db.execute(
            "INSERT INTO tenancy_plugin (tenant_id, plugin, settings) VALUES ('alpha', "
            """'compliance', '{"ignore_unreadable": true}') ON CONFLICT (tenant_id, plugin)
            DO UPDATE SET settings = excluded.settings"""
        )
    changed = replace(core, links=msgspec.structs.replace(core.links, secret="another" * 6))
    async with changed.tenant_scope("alpha") as ctx:
        [verdict] = await compliance_rules(ctx, "plan", batch)
    assert verdict.outcome == "allowed"


async def test_a_shop_without_an_address_sends_nothing(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        batch = await finished(ctx)
    async with core.system_scope("test") as unit:
        await unit.execute("UPDATE tenancy_tenant SET postal_address = ' '")
    async with core.tenant_scope("alpha") as ctx:
        for stage in ("plan", "handover"):
            [verdict] = await compliance_rules(ctx, stage, batch)
            assert verdict.rule == "compliance.postal_address"


async def test_a_rule_that_breaks_lets_nobody_through(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with core.tenant_scope("alpha") as ctx:
        batch = await finished(ctx)

        def broken(*args: object) -> None:
            raise RuntimeError("a bug of ours")

        monkeypatch.setattr("plugins.compliance.gate.judge", broken)
        verdict = (await comply.judge(ctx, "plan", batch))[batch[0].id]
    assert verdict.outcome != "allowed"


def changed(message: Outgoing, **parts: Any) -> Outgoing:
    assert message.rendered is not None
    headers = {**message.rendered.headers, **parts.pop("headers", {})}
    return msgspec.structs.replace(
        message,
        rendered=msgspec.structs.replace(
            message.rendered, headers={k: v for k, v in headers.items() if v}, **parts
        ),
    )


async def test_each_thing_a_mail_must_hold_is_looked_for(alpha: TenantScope) -> None:
    message, other = await finished(alpha, 2)
    assert message.rendered is not None
    html, text = message.rendered.html, message.rendered.text
    link = footer.link(alpha, message)
    foreign = footer.link(alpha, other)
    spelt = next(way for way in spellings(link) if way in html)
    address = alpha.tenant.postal_address
    shown = next(way for way in spellings(address) if way in html)
    wrong = {
        "not rendered": [msgspec.structs.replace(message, rendered=None)],
        "The subject is empty": [changed(message, subject="  ")],
        "looks like an answer": [
            changed(message, subject=subject)
            for subject in ("Re: your order", "FWD: x", "AW: x", "re : x", "Fw:x", "Re[2]: x")
        ],
        "List-Unsubscribe-Post": [
            changed(message, headers={"List-Unsubscribe-Post": value})
            for value in ("", "List-Unsubscribe=Two-Clicks")
        ],
        "exactly one safe link": [
            changed(message, headers={"List-Unsubscribe": value})
            for value in (
                "",
                link,
                f"<{link}>, <{link}>",
                "<https://evil.example.com/u/x>",
                f"<{link.replace('/compliance/', '/outbox/')}>",
                f"<{link.replace('/alpha/', '/bravo/')}>",
                "<mailto:a@example.com>",
            )
        ],
        "does not belong to this message": [
            changed(message, headers={"List-Unsubscribe": f"<{value}>"})
            for value in (foreign, link[:-2] + "AA", link + "x", link.rpartition("/")[0] + "/")
        ],
        "HTML shows no unsubscribe link": [
            changed(message, html=html.replace(spelt, "https://example.com/")),
            changed(message, html=html.replace(">Unsubscribe<", "> <")),
            changed(message, html=html.replace(">Unsubscribe<", "><img src=x><")),
            changed(
                message,
                html=html.replace(f'href="{spelt}"', f'href="{spelt}" style="display: none"'),
            ),
            changed(
                message,
                html=html.replace(f'href="{spelt}"', f'href="{spelt}" style="font-size:0px"'),
            ),
            changed(message, html=html.replace(f'<a href="{spelt}"', f'<!-- <a href="{spelt}"')),
            changed(message, html=html.replace(f'<a href="{spelt}"', f'<link href="{spelt}"')),
        ],
        "text shows no unsubscribe link": [changed(message, text=text.replace(link, ""))],
        "HTML does not show the postal": [changed(message, html=html.replace(shown, ""))],
        "text does not show the postal": [changed(message, text=text.replace(address, ""))],
    }
    assert mail.fault(alpha, message) is None
    for problem, mails in wrong.items():
        for one in mails:
            found = mail.fault(alpha, one)
            assert found is not None and problem in found, (problem, found, one.rendered)


async def test_a_font_size_that_can_be_read_is_no_hiding(alpha: TenantScope) -> None:
    [message] = await finished(alpha)
    assert message.rendered is not None
    html = message.rendered.html.replace("<a href", '<a style="font-size:0.9em;opacity:0.8" href')
    assert mail.fault(alpha, changed(message, html=html)) is None


@pytest.mark.parametrize("subject", ["Receipts: a guide", "Reading list", "Welcome", "SV40: new"])
async def test_honest_subjects_pass(alpha: TenantScope, subject: str) -> None:
    [message] = await finished(alpha)
    assert mail.fault(alpha, changed(message, subject=subject)) is None


async def test_in_production_only_https_will_do(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [message] = await finished(ctx)
    async with replace(core, production=True).tenant_scope("alpha") as ctx:
        assert "safe link" in (mail.fault(ctx, message) or "")
    links = msgspec.structs.replace(core.links, base_url="https://mail.test")
    async with replace(core, production=True, links=links).tenant_scope("alpha") as ctx:
        [again] = await rendered(ctx, [message])
        assert mail.fault(ctx, again) is None


HOSTILE = [
    "<script>alert(1)</script>",
    '"><a href="https://evil.example.com">',
    "{{ unsubscribe_url }}{% for x in y %}",
    "--><!--",
    "A\r\nBcc: eve@example.com",
    "\u202eadA",
    "x" * 5000,
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_name_can_hide_the_footer(alpha: TenantScope, name: str) -> None:
    [message] = await finished(alpha, first_name=name, last_name=name)
    [verdict] = await compliance_rules(alpha, "handover", [message])
    assert verdict.outcome == "allowed", verdict.reason
    assert message.rendered is not None
    assert "<script>" not in message.rendered.html
    assert 'href="https://evil' not in message.rendered.html
    assert "\n" not in message.rendered.subject


async def test_the_footer_says_why_and_leaves_other_slots_alone(alpha: TenantScope) -> None:
    ids = await add_customers(alpha, 2, consent_at=alpha.now - timedelta(days=3))
    batch = await add_messages(alpha, await add_campaign(alpha), ids)
    from kernel.contracts.delivery import MessageVars

    start = [MessageVars(slots={"mine": 1}, headers={"X": "y"}) for _ in batch]
    first, second = footer.fill(alpha, batch, start)
    assert first.slots["mine"] == 1 and first.headers["X"] == "y"
    assert first.slots["unsubscribe_url"] != second.slots["unsubscribe_url"]
    assert first.slots["footer_reason"] == (
        "You receive this e-mail because you subscribed to news from Alpha on 12 June 2026."
    )


@pytest.mark.parametrize(
    ("locale", "consent", "told"),
    [
        ("de-AT", "subscribed", "weil Sie am 12. Juni 2026 Neuigkeiten von Alpha abonniert haben."),
        ("de", "never", "weil Sie Kundin oder Kunde von Alpha sind."),
        ("FR", "subscribed", "aux nouvelles de la boutique Alpha le 12 juin 2026."),
        ("sv", "subscribed", "you subscribed to news from Alpha on 12 June 2026."),
    ],
)
async def test_the_footer_speaks_the_language_of_the_customer(
    alpha: TenantScope, locale: str, consent: str, told: str
) -> None:
    ids = await add_customers(
        alpha, locale=locale, email_consent=consent, consent_at=alpha.now - timedelta(days=3)
    )
    [message] = await add_messages(alpha, await add_campaign(alpha), ids)
    said = footer.reason(message.recipient, "Alpha", ZoneInfo("Europe/Berlin"))
    assert said.endswith(told)


async def test_erasing_leaves_a_seal_that_stops_a_later_import(alpha: TenantScope) -> None:
    [message] = await finished(alpha, email="ada@example.com")
    assert (await erase_customer(alpha, message.customer_id)).failed == ()
    [verdict] = await compliance_rules(alpha, "plan", [message])
    assert verdict.rule == "compliance.suppression"


async def test_no_pixel_without_a_consent_to_be_tracked(alpha: TenantScope) -> None:
    """ePrivacy Art. 5(3); CNIL 12 March 2026; Garante 284/2026."""
    [message] = await finished(alpha)
    assert message.rendered is not None
    pixel = '<img src="https://x.example.com/o" width="1" height="1" alt=""></body>'
    tracked = changed(message, html=message.rendered.html.replace("</body>", pixel))
    for country, consent, allowed in (
        ("DE", "unknown", False), ("", "unknown", False), ("US", "unknown", True),
        ("US", "denied", False), ("DE", "granted", True),
    ):  # fmt: skip
        person = msgspec.structs.replace(
            message.recipient, country=country, tracking_consent=consent
        )
        fault = mail.fault(alpha, msgspec.structs.replace(tracked, recipient=person))
        assert (fault is None) == allowed, (country, consent, fault)


async def test_a_mail_that_gmail_would_cut_or_without_text_stays(alpha: TenantScope) -> None:
    """CAN-SPAM 15 USC 7704(a)(5): the opt-out must be there to be read."""
    [message] = await finished(alpha)
    assert message.rendered is not None
    large = message.rendered.html.replace("</body>", "ä" * 52_000 + "</body>")
    assert "102 KB" in (mail.fault(alpha, changed(message, html=large)) or "")
    assert "text part" in (mail.fault(alpha, changed(message, text=" ")) or "")


async def test_the_token_unsubscribes_by_mail_too(core: Core) -> None:
    """RFC 2369 and CAN-SPAM: an opt-out by reply; the list header holds one https link beside it."""
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "INSERT INTO tenancy_plugin (tenant_id, plugin, settings) VALUES ('alpha', "
            """'compliance', '{"unsubscribe_mailbox": "reply.alder.example.com"}')
            ON CONFLICT (tenant_id, plugin) DO UPDATE SET settings = excluded.settings"""
        )
    async with core.tenant_scope("alpha") as ctx:
        [message] = await finished(ctx)
        assert message.rendered is not None
        header = message.rendered.headers["List-Unsubscribe"]
        token = footer.link(ctx, message).rpartition("/")[2]
        assert header.endswith(f", <mailto:u+{token}@reply.alder.example.com>")
        assert mail.fault(ctx, message) is None
        assert not await unsubscribe_by_token(ctx, "u+forged@reply.alder.example.com")
        assert await unsubscribe_by_token(ctx, f"u+{token}@reply.alder.example.com")
        [verdict] = await compliance_rules(ctx, "handover", [message])
        assert verdict.rule == "compliance.suppression"
    async with core.tenant_scope("bravo") as ctx:
        assert not await unsubscribe_by_token(ctx, token)
