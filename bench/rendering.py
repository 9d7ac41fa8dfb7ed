"""Mails a second, each made for one customer: slots by the plugins, links and signed tokens, three documents.

Method: `compose.render`, as dispatch calls it, for batches of 500 messages of a welcome campaign whose
words make a page of about 20 KB; compliance gives the footer and a signed token per mail, tracking
a signed link for each (one query a batch finds its address). Processor time of this process, without the
database's, the best of several rounds taken in turns.
Baselines of the same run: minijinja and jinja2 alone, which fill the very same three documents from slots
that are made already: no plugin, no token, no link, no customer read.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import time
from typing import TYPE_CHECKING, cast

import jinja2
import minijinja
import msgspec

from bench.support import bench_core, peak_mb, run, table
from kernel.pipeline import compose
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from kernel.tenancy.scope import TenantScope

PLUGINS = ("rules", "welcome", "compliance", "tracking")
BATCH = 500
ROUNDS = 12
PAGE = 20_000
TARGET = 8_000
DOCUMENTS = ("subject", "mail.html", "mail.txt")


async def main() -> None:
    """Print the table; `python -m bench.rendering profile`: what took the time."""
    async with bench_core(PLUGINS) as core, core.tenant_scope("bench") as ctx:
        ids = await add_customers(ctx, BATCH)
        batch = await add_messages(ctx, await add_campaign(ctx), ids)
        kind = cast("TenantScope", ctx).core.board.campaign_types["welcome"].value
        copy = kind.copies["professional"]
        [first] = await compose.render(ctx, {"v": copy}, [(batch[0], "v")])
        assert not isinstance(first, str) and first.rendered
        size = len(first.rendered.html)
        line = "A plain sentence about {{ shop_name }} and what is new. "
        paragraph = "\n\n" + line * 8
        more = max(0, PAGE - size) // len(paragraph)
        copy = msgspec.structs.replace(copy, body=copy.body + paragraph * more)
        copies = {"v": copy}
        pairs = [(message, "v") for message in batch]
        made = await compose.render(ctx, copies, pairs)
        mails = [one.rendered for one in made if not isinstance(one, str) and one.rendered]
        assert len(mails) == BATCH

        # The documents as they stand before they are filled, and what filled them.
        slots = [{name: str(value) for name, value in mail.slots.items()} for mail in mails]
        shared = mails[0].shared
        assert shared is not None
        sources = [shared.subject, shared.html, shared.text]
        for mark, (slot, _) in shared.marks.items():
            sources = [source.replace(mark, "{{ " + slot + " }}") for source in sources]
        templates = dict(zip(DOCUMENTS, sources, strict=True))
        rust = minijinja.Environment(templates=templates)
        python = jinja2.Environment(
            loader=jinja2.DictLoader(templates),
            autoescape=lambda name: bool(name and name.endswith(".html")),
        )
        parsed = [python.get_template(name) for name in DOCUMENTS]

        def bare_rust() -> None:
            for values in slots:
                for name in DOCUMENTS:
                    rust.render_template(name, **values)

        def bare_python() -> None:
            for values in slots:
                for template in parsed:
                    template.render(values)

        if sys.argv[1:] == ["profile"]:
            profile = cProfile.Profile()
            with profile:
                for _ in range(ROUNDS):
                    await compose.render(ctx, copies, pairs)
            pstats.Stats(profile).sort_stats("tottime").print_stats(22)
            return
        best = [float("inf")] * 3
        for _ in range(ROUNDS):
            for which in range(3):
                begun = time.process_time()
                if which == 0:
                    await compose.render(ctx, copies, pairs)
                else:
                    (bare_rust, bare_python)[which - 1]()
                best[which] = min(best[which], time.process_time() - begun)
    print(__doc__)
    rates = [BATCH / took for took in best]
    names = ("compose.render, the whole", "minijinja alone", "jinja2 alone")
    table(
        ("what", "mails a second", "microseconds a mail", "of minijinja"),
        [
            (name, f"{rate:,.0f}", f"{1e6 / rate:.1f}", f"{rate / rates[1]:.0%}")
            for name, rate in zip(names, rates, strict=True)
        ],
    )
    whole = len(mails[0].html)
    print(f"\npage {whole:,} bytes, text {len(mails[0].text):,}, peak {peak_mb():.0f} MB")
    print(f"target {TARGET:,} a second: {'met' if rates[0] >= TARGET else 'not met'}")


if __name__ == "__main__":
    run(main)
