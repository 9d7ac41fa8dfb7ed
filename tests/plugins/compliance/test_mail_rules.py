"""Each rule of the finished mail, with the law it is for: once shared with others, once alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.compliance import frame
from plugins.compliance.mail import judge
from plugins.compliance.plugin import compliance_rules
from tests.plugins.compliance.mails import mail

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

OFFER = {"offer_code": "ABCD-EFGH", "offer_value": "20 %", "offer_ends": "31 December"}
TOLD = "Take {{ offer_value }} with {{ offer_code }} until {{ offer_ends }}."


async def outgoing(ctx: TenantScope, **fields: Any) -> Outgoing:
    [message] = await add_messages(ctx, await add_campaign(ctx), await add_customers(ctx, **fields))
    return message


def rules(ctx: TenantScope, message: Outgoing, **parts: Any) -> str:
    """The rule that stops this mail, the same whether or not it is shared; empty: none."""
    verdicts = [judge(ctx, mail(ctx, message, shared=shared, **parts)) for shared in (True, False)]
    assert verdicts[0].rule == verdicts[1].rule, verdicts
    return verdicts[0].rule.removeprefix("compliance.")


async def test_an_honest_mail_passes(alpha: TenantScope) -> None:
    message = await outgoing(alpha)
    assert rules(alpha, message) == ""
    assert rules(alpha, message, body=TOLD, **OFFER) == ""
    assert rules(alpha, message, first_name="Vite Gratis <b>20 %</b> Christen") == ""
    assert rules(alpha, message, body="Made of 100 % cotton, for 30 days of wear.") == ""


@pytest.mark.parametrize(
    ("subject", "honest"),
    [
        ("Up to 60% off", {"offer_value": "60 %"}),
        ("20 Prozent für Sie", {"offer_value": "20 %"}),
        ("-15 % chez nous", {"offer_value": "15 %"}),
        ("€10 for you", {"offer_value": "10.00 EUR"}),
        ("1.299,50 € weniger", {"offer_value": "1299.50 EUR"}),
        ("Last chance", {"offer_ends": "31 December"}),
        ("Nur für kurze Zeit", {"offer_ends": "31. Dezember"}),
        ("Dernière chance", {"offer_ends": "31 décembre"}),
        ("Offer ends today", {"offer_ends": "today"}),
        ("Nur noch heute", {"offer_ends": "heute, 18 Uhr"}),
        ("Jusqu'à dimanche", {"offer_ends": "dimanche 3 mai"}),
        ("Free shipping", {"offer_value": "free shipping"}),
        ("Kostenlos für Sie", {"offer_value": "kostenlos ab 50 EUR"}),
        ("Cadeau gratuit", {"offer_value": "un cadeau gratuit"}),
        ("Half price today", {"offer_value": "half price"}),
        ("Use code SUMMER25", {"offer_code": "SUMMER25"}),
    ],
)
async def test_a_subject_claims_only_what_is_offered(
    alpha: TenantScope, subject: str, honest: dict[str, str]
) -> None:
    """Washington CEMA, RCW 19.190.020(1)(b): no false or misleading subject line."""
    message = await outgoing(alpha)
    assert rules(alpha, message, subject=subject) == "subject"
    assert rules(alpha, message, subject=subject, **honest) == ""


@pytest.mark.parametrize(
    "subject", ["Re: your order", "Fwd: news", "AW: Ihre Frage", "TR: bonjour", " "]
)
async def test_a_subject_answers_nothing(alpha: TenantScope, subject: str) -> None:
    """CAN-SPAM 15 USC 7704(a)(2): no deceptive subject heading."""
    assert rules(alpha, await outgoing(alpha), subject=subject) == "subject"


@pytest.mark.parametrize(
    "subject", ["Sugar-free recipes", "Feel free to write", "A free afternoon of"]
)
async def test_what_is_no_promise(alpha: TenantScope, subject: str) -> None:
    expected = "subject" if subject.startswith("A free") else ""
    assert rules(alpha, await outgoing(alpha), subject=subject) == expected


@pytest.mark.parametrize(
    ("body", "honest"),
    [
        ("You save 30 % now.", {"offer_value": "30 %"}),
        ("For only 19,99 €.", {"price": "19.99 EUR"}),
        ("For only $1,299.", {"price": 1299}),
        ("With the code WELCOME10 at the till.", {"offer_code": "WELCOME10"}),
        ("Type ABCD-EFGH at the till.", {"offer_code": "ABCD-EFGH"}),
        (
            "See https://elsewhere.example.net/x for more.",
            {"link": "https://elsewhere.example.net/x"},
        ),
        ("100 % off everything.", {"offer_value": "100 %"}),
    ],
)
async def test_what_the_body_claims_stands_in_a_slot(
    alpha: TenantScope, body: str, honest: dict[str, Any]
) -> None:
    """UWG s. 5, UCPD Art. 6(1)(d): no price or advantage that does not exist."""
    message = await outgoing(alpha)
    assert rules(alpha, message, body=body) == "claims"
    assert rules(alpha, message, body=body, **honest) == ""


async def test_links_lead_to_us_or_to_the_shop(alpha: TenantScope) -> None:
    """Phishing by our own mail: GDPR Art. 32."""
    message = await outgoing(alpha)
    shop = alpha.tenant.sender.email.partition("@")[2]
    foreign = '<a href="https://evil.example.net/">here</a>'
    assert rules(alpha, message, end=foreign) == "claims"
    assert rules(alpha, message, end=f'<a href="https://www.{shop}/new">here</a>') == ""
    assert (
        rules(alpha, message, end=f'<a href="https://{shop}.evil.example.net/">x</a>') == "claims"
    )


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("counted", [True, False])
async def test_links_of_a_template_are_judged_as_it_wrote_them(
    alpha: TenantScope, shared: bool, counted: bool
) -> None:
    """Rewritten or not, they fill slots: those bear nothing out."""
    shop = alpha.tenant.sender.email.partition("@")[2]
    for wrote, rule in (
        ("https://evil.example.net/", "claims"),
        (f"https://{shop}.evil.example.net/{{{{ first_name }}}}", "claims"),
        (f"https://{shop}/new", ""),
        ("{{ product_url }}", ""),
    ):
        to = "http://mail.test/t/alpha/tracking/c/x" if counted else wrote
        message = mail(
            alpha,
            await outgoing(alpha),
            end='<a href="{{ link_1 }}">here</a>',
            shared=shared,
            link_1=to,
            product_url="https://elsewhere.example.net/",
        )
        made = msgspec.structs.replace(message.rendered, links={"link_1": wrote})
        verdict = judge(alpha, msgspec.structs.replace(message, rendered=made))
        assert verdict.rule == (f"compliance.{rule}" if rule else ""), (wrote, verdict)
        frame._frames.clear()


async def test_nothing_is_held_against_values_that_nobody_knows(alpha: TenantScope) -> None:
    message = mail(alpha, await outgoing(alpha), subject="20 % off, last chance")
    assert message.rendered is not None
    bare = msgspec.structs.replace(message.rendered, slots={}, shared=None)
    assert judge(alpha, msgspec.structs.replace(message, rendered=bare)).outcome == "allowed"


async def test_a_transactional_mail_does_not_advertise(alpha: TenantScope) -> None:
    """CAN-SPAM 16 CFR 316.3: the primary purpose of a mail."""
    message = msgspec.structs.replace(await outgoing(alpha), transactional=True)
    assert rules(alpha, message, body="Please confirm your subscription to our news.") == ""
    assert rules(alpha, message, body="Please confirm, and look at the sale.") == "promotion"
    assert rules(alpha, message, body=TOLD, **OFFER) == "promotion"
    assert (
        rules(alpha, message, body="Bitte bestätigen, {{ first_name }}.", first_name="Sale") == ""
    )


@pytest.mark.parametrize(
    ("body", "topic"),
    [
        ("Help for your diabetes.", "health"),
        ("Bei Ihrer Schwangerschaft.", "health"),
        ("Pour votre maladie.", "health"),
        ("Ask your parents to buy it.", "minors"),
        ("Frag deine Eltern.", "minors"),
        ("Demande à tes parents.", "minors"),
        ("Vote for change.", "politics"),
        ("Mitten im Wahlkampf.", "politics"),
        ("Votez pour nous.", "politics"),
        ("A gift for Muslims.", "religion"),
        ("Für gläubige Katholiken.", "religion"),
        ("Pour les catholiques.", "religion"),
    ],
)
async def test_sensitive_words_are_for_a_person_to_look_at(
    core: Core, body: str, topic: str
) -> None:
    """GDPR Art. 9; UCPD Annex I no. 28 for what is said to children."""
    async with core.tenant_scope("alpha") as ctx:
        message = await outgoing(ctx)
        assert rules(ctx, message, body=body) == "sensitive"
        assert "for a person to look at" in judge(ctx, mail(ctx, message, body=body)).reason
        await ctx.db.execute(
            "INSERT INTO tenancy_plugin (tenant_id, plugin, settings) VALUES ('alpha', "
            """'compliance', $1::jsonb) ON CONFLICT (tenant_id, plugin)
            DO UPDATE SET settings = excluded.settings""",
            f'{{"sensitive_topics": ["{topic}"]}}',
        )
    async with core.tenant_scope("alpha") as ctx:
        assert rules(ctx, message, body=body) == ""


async def test_what_is_shown_is_what_the_header_says(alpha: TenantScope) -> None:
    """RFC 8058; CAN-SPAM 15 USC 7704(a)(3), (5)."""
    message, other = await outgoing(alpha), await outgoing(alpha, email="b@example.com")
    good = mail(alpha, other).rendered
    assert good is not None
    assert judge(alpha, msgspec.structs.replace(message, rendered=good)).rule.endswith(
        "unsubscribe"
    )
    assert rules(alpha, message, unsubscribe_url=good.slots["unsubscribe_url"]) == "visible_link"
    assert rules(alpha, message, postal_address="Elsewhere 1") == "postal_address"


async def test_a_frame_without_link_or_address_stops_all_its_mails(alpha: TenantScope) -> None:
    """CAN-SPAM 15 USC 7704(a)(5); CASL s. 6(2): seen, not only sent."""
    made = mail(alpha, await outgoing(alpha)).rendered
    assert made is not None and made.shared is not None
    shop, link = frame.shop_of(alpha), str(made.slots["unsubscribe_url"])
    hidden = made.shared.html.replace("<a href", '<a style="display:none" href')
    for part, value, rule in (
        ("html", hidden, "visible_link"),
        ("text", "Hello", "visible_link"),
        ("html", made.shared.html.replace("<span>", "<span>-</span><!--") + "-->", ""),
    ):
        shared = msgspec.structs.replace(made.shared, key=value, **{part: value})
        found = frame.frame_of(shop, _filled(made, shared), link).fault
        assert (found[0] if found else "") == rule


def _filled(made: Any, shared: Any) -> Any:
    def put(text: str) -> str:
        for mark, (slot, _) in shared.marks.items():
            text = text.replace(mark, str(made.slots[slot]))
        return text

    return msgspec.structs.replace(
        made,
        shared=shared,
        subject=put(shared.subject),
        html=put(shared.html),
        text=put(shared.text),
    )


async def test_a_mail_that_is_not_its_frame_is_judged_by_itself(alpha: TenantScope) -> None:
    """GDPR Art. 5(2): what was checked is what goes out."""
    message = mail(alpha, await outgoing(alpha))
    made = message.rendered
    assert made is not None
    assert judge(alpha, message).outcome == "allowed"
    later = made.html.replace("Unsubscribe</a>", "</a>")
    changed = msgspec.structs.replace(message, rendered=msgspec.structs.replace(made, html=later))
    assert judge(alpha, changed).rule == "compliance.visible_link"
    extra = made.html.replace("</body>", "<p>90 % off</p></body>")
    changed = msgspec.structs.replace(message, rendered=msgspec.structs.replace(made, html=extra))
    assert judge(alpha, changed).rule == "compliance.claims"


async def test_a_frame_is_judged_once_for_each_shop(alpha: TenantScope) -> None:
    frame._frames.clear()
    batch = await add_messages(alpha, await add_campaign(alpha), await add_customers(alpha, 3))
    made = [mail(alpha, message) for message in batch]
    verdicts = await compliance_rules(alpha, "handover", made)
    assert [verdict.outcome for verdict in verdicts] == ["allowed"] * 3
    assert len(frame._frames) == 1
    one = made[0].rendered
    assert one is not None
    bravo = replace(frame.shop_of(alpha), tenant="bravo")
    frame.frame_of(bravo, one, str(one.slots["unsubscribe_url"]))
    assert {shop.tenant for shop, _ in frame._frames} == {"alpha", "bravo"}
