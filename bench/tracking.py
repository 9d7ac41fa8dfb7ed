"""Redirects a second, each with its hit recorded, beside a bare public route behind the same walls."""

from __future__ import annotations

import time

import httpx

from bench.support import bench_core, run, table
from kernel.sdk import MailLinks
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from kernel.web.app import create_app
from plugins.tracking import links

REQUESTS = 1500
PERSON = {"user-agent": "Mozilla/5.0 (Macintosh) Safari/605.1"}


async def main() -> None:
    """Two rows: the image of nobody (a page with 404, nothing read or written), and the redirect."""
    async with bench_core(["tracking", "welcome"]) as core:
        async with core.tenant_scope("bench") as ctx:
            ids = await add_customers(ctx, REQUESTS)
            batch = await add_messages(ctx, await add_campaign(ctx), ids, state="accepted")
            asked = [MailLinks(links={"link": "https://shop.example.com/"})] * REQUESTS
            made = await links.rewrite(ctx, batch, asked)
        urls = [one.links["link"] for one in made]
        bare = [url.rpartition("/c/")[0] + "/o/nothing.gif" for url in urls]
        transport = httpx.ASGITransport(app=create_app(core))  # type: ignore[arg-type]
        rows = []
        async with httpx.AsyncClient(transport=transport) as web:
            for name, some in (("bare route", bare), ("redirect and hit", urls)):
                begin = time.perf_counter()
                for url in some:
                    await web.get(url, headers=PERSON)
                rows.append((name, f"{REQUESTS / (time.perf_counter() - begin):,.0f}"))
        table(("what", "requests a second"), rows)


if __name__ == "__main__":
    run(main)
