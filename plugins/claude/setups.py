"""What is equal in many questions: model, system blocks, schema. Stored once, by its digest.

Laid out for the prompt cache: first the policy, equal for everybody; then the shop, kept for an hour;
last, in the message, what differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kernel.sdk import Action, Frozen, canonical, digest
from plugins.claude.answers import ANSWERS, NONE, WAITS, tightened
from plugins.claude.facts import data_block
from plugins.claude.prompts import Prompt, prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context
    from plugins.claude.manifest import Price

MOST_DECIDED, MOST_WRITTEN = 600, 3000
"""The most tokens of an answer, thinking included."""
BYTES_A_TOKEN = 2.0
"""A low guess of how many bytes of our text make a token, so that what is set aside is enough."""
OVERHEAD = 500
"""Tokens that structured outputs add, at most."""


class Setup(Frozen):
    """The request without its messages."""

    kind: str
    prompt_hash: str
    policy: str
    params: dict[str, Any]
    pairs: tuple[tuple[str, str], ...] = ()
    """Tone and offer that go together in a mail; empty for copy."""

    @property
    def model(self) -> str:
        """The model that is asked."""
        return str(self.params["model"])

    @property
    def schema(self) -> dict[str, Any]:
        """What answers are bound to."""
        found: dict[str, Any] = self.params["output_config"]["format"]["schema"]
        return found


def knobs(model: str) -> tuple[dict[str, Any], str]:
    """How a model is told to think: parameters, and its effort ("" where it has none).

    Thinking costs more than all the rest of a decision, so it is off wherever a model lets us.
    Source: the models' pages at platform.claude.com, October 2026.
    """
    if model.startswith("claude-haiku-5"):
        return {"thinking": {"type": "disabled"}}, "low"
    if model.startswith("claude-sonnet-5"):
        return {"thinking": {"type": "between_tools"}}, "medium"
    if model.startswith(("claude-haiku-4", "claude-sonnet-4-5", "claude-opus-4-5")):
        return {}, ""
    return {}, "low"


def deciding(
    kind: str,
    model: str,
    shop: dict[str, Any],
    actions: Sequence[Action],
    others: Sequence[str],
) -> Setup:
    """The setup of decisions in one campaign.

    Args:
        kind: `customer` or `bucket`.
        model: of the settings.
        shop: what is told of shop and campaign.
        actions: the possible ones.
        others: campaign types that the customer could be left to.
    """
    sends = [action for action in actions if action.send]
    leaving = ("leave",) if others else ()
    choices = {
        "action": ("send", "wait", "skip", *leaving) if sends else ("skip", *leaving),
        "tone": sorted({action.tone for action in sends}) or [NONE],
        "offer": [NONE, *sorted({action.offer for action in sends if action.offer})],
        "wait_days": WAITS,
        "leave_to": others or (NONE,),
    }
    pairs = tuple((action.tone, action.offer or NONE) for action in sends)
    told = prompt("decide_customer" if kind == "customer" else "decide_bucket")
    return _setup(kind, told, model, shop, choices, pairs, MOST_DECIDED)


def writing(model: str, shop: dict[str, Any]) -> Setup:
    """The setup of writing for one shop."""
    return _setup("copy", prompt("write_copy"), model, shop, {}, (), MOST_WRITTEN)


def _setup(
    kind: str,
    told: Prompt,
    model: str,
    shop: dict[str, Any],
    choices: dict[str, Any],
    pairs: tuple[tuple[str, str], ...],
    most: int,
) -> Setup:
    thinking, effort = knobs(model)
    schema = tightened(ANSWERS[kind], choices)
    output: dict[str, Any] = {"format": {"type": "json_schema", "schema": schema}}
    if effort:
        output["effort"] = effort
    kept = {"type": "ephemeral", "ttl": "1h"}
    params = {
        "model": model,
        "max_tokens": most,
        "system": [
            {"type": "text", "text": told.text},
            {"type": "text", "text": data_block(shop), "cache_control": kept},
        ],
        "output_config": output,
        **thinking,
    }
    return Setup(kind=kind, prompt_hash=told.sha256, policy=told.policy, params=params, pairs=pairs)


def messages(facts: str, answer: str = "", wrong: str = "") -> list[dict[str, Any]]:
    """The messages of a question; with what was wrong about the last answer, if it was.

    Args:
        facts: the data block.
        answer: the last one.
        wrong: why it could not be used; empty the first time.
    """
    asked: list[dict[str, Any]] = [{"role": "user", "content": facts}]
    if not wrong:
        return asked
    again = f"Your answer could not be used: {wrong}. Answer again, complete and within the schema."
    if not answer.strip():
        return [{"role": "user", "content": f"{facts}\n{again}"}]
    return [
        *asked,
        {"role": "assistant", "content": answer.strip()},
        {"role": "user", "content": again},
    ]


def most_micros(setup: Setup, facts: str, price: Price, share: float = 1.0) -> int:
    """The most that one question may cost, in millionths of a US dollar.

    Args:
        setup: of the question.
        facts: the message.
        price: of the model.
        share: what is paid of it: less in a batch.
    """
    system = len(canonical(setup.params)) / BYTES_A_TOKEN
    # A repair sends its own answer back.
    said = len(facts.encode()) / BYTES_A_TOKEN + OVERHEAD + setup.params["max_tokens"]
    worst = system * max(price.cache_write, price.input) + said * price.input
    return round(share * (worst + setup.params["max_tokens"] * price.output)) + 1


async def keep(tx: Context, setup: Setup) -> str:
    """Store a setup; its digest."""
    name = digest(setup)
    await tx.db.execute(
        """INSERT INTO claude_setup (tenant_id, digest, content) VALUES ($1, $2, $3)
           ON CONFLICT (tenant_id, digest) DO UPDATE SET used_at = now()""",
        tx.tenant.id,
        name,
        canonical(setup).decode(),
    )
    return name


async def load(tx: Context, names: Sequence[str]) -> dict[str, Setup]:
    """The setups with these digests."""
    rows = await tx.db.fetch(
        "SELECT digest, content FROM claude_setup WHERE tenant_id = $1 AND digest = ANY($2)",
        tx.tenant.id,
        list(set(names)),
    )
    return {row["digest"]: msgspec.json.decode(row["content"], type=Setup) for row in rows}
