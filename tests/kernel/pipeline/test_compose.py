"""Words are data: nothing a customer or a merchant writes becomes markup, code or a header."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.contracts.campaigns import Copy
from kernel.contracts.errors import InvalidInput
from kernel.pipeline import approvals, compose, messages, run
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

COPY = Copy(
    subject="Hello {{ first_name }}", body="Dear {{ first_name }},\n\nwelcome.", button="See"
)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("subject", "Hi {{ nobody }}"),
        ("body", "{% for x in range(9) %}x{% endfor %}"),
        ("body", "{{ first_name|upper }}"),
        ("body", "{{ ''.__class__ }}"),
        ("heading", "{# quiet #}"),
        ("link", "javascript:alert(1)"),
        ("link", 'https://x"onclick=evil'),
        ("subject", "two\nlines"),
        ("body", "   "),
    ],
)
def test_copy_that_cannot_be_used_is_refused_with_its_field(field: str, text: str) -> None:
    assert list(compose.check_copy(msgspec.structs.replace(COPY, **{field: text}))) == [field]


def test_good_copy_has_no_problems() -> None:
    assert compose.check_copy(COPY) == {}
    assert compose.check_copy(msgspec.structs.replace(COPY, body="1 < 2 & {x}, 50 %")) == {}


async def rendered(core: Core, copy: Copy, **fields: str) -> tuple[str, str, str]:
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, 1, created_at=ctx.now - timedelta(days=2), **fields)
    [campaign_id] = await run.propose_due(core, "alpha")
    await run.advance(core, "alpha")
    async with core.tenant_scope("alpha") as ctx:
        [message] = await messages.page(ctx, campaign_id)
        await approvals.edit(ctx, campaign_id, message.variant, copy)
        mail = await messages.preview(ctx, message.id)
    return mail.subject, mail.html, mail.text


async def test_hostile_names_stay_text(core: Core) -> None:
    name = "<script>alert(1)</script>\r\nBcc: all {{ 7*7 }}"
    subject, html, text = await rendered(core, COPY, first_name=name)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "\n" not in subject
    assert "\r" not in subject
    assert "{{ 7*7 }}" in subject + text  # shown, not computed


async def test_words_of_the_merchant_are_shown_not_obeyed(core: Core) -> None:
    copy = msgspec.structs.replace(COPY, body="<b>bold</b> [[link]] [[end]] {odd}\n\n1 < 2")
    _, html, text = await rendered(core, copy)
    assert "<b>bold" not in html
    assert "&lt;b&gt;bold&lt;/b&gt; [[link]] [[end]] {odd}" in html
    assert "<b>bold</b> [[link]] [[end]] {odd}" in text


async def test_a_mail_is_whole(core: Core) -> None:
    subject, html, text = await rendered(core, COPY, first_name="")
    assert subject == "Hello there"
    for part in (html, text):
        assert "Hauptstr. 1, 10115 Berlin" in part
        assert re.search(r"http://mail.test/t/alpha/compliance/u/\S+", part)
    assert html.startswith("<!doctype html>")
    assert len(html) < 90_000


async def test_an_edit_with_a_problem_changes_nothing(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, 1, created_at=ctx.now - timedelta(days=2))
    [campaign_id] = await run.propose_due(core, "alpha")
    await run.advance(core, "alpha")
    async with core.tenant_scope("alpha") as ctx:
        [message] = await messages.page(ctx, campaign_id)
        bad = msgspec.structs.replace(COPY, subject="{{ nobody }}")
        with pytest.raises(InvalidInput, match="Unknown slot"):
            await approvals.edit(ctx, campaign_id, message.variant, bad)
        assert (await messages.preview(ctx, message.id)).subject != "{{ nobody }}"
