"""Whether the models of the settings exist and can do what we ask of them: on the health board if not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic

from kernel.sdk import InvalidConfig, Unavailable, enqueue
from plugins.claude import client
from plugins.claude.manifest import MANIFEST, ClaudeSettings

if TYPE_CHECKING:
    from anthropic.types import ModelInfo

    from kernel.sdk import Context

GOOD = "ready"


async def run(ctx: Context, payload: dict[str, Any]) -> None:
    """Ask the Models API about each model of the settings and keep what it says.

    Raises:
        InvalidConfig: a model that cannot be used, so that it stands on the health board.
        Unavailable: the API does not answer.
    """
    settings = ctx.settings(ClaudeSettings)
    if not client.key(ctx.tenant.id):
        return
    said: dict[str, tuple[bool, str]] = {}
    async with client.open_client(settings, ctx.tenant.id) as api:
        for name in sorted({settings.model_decide, settings.model_write}):
            try:
                said[name] = judge(await api.models.retrieve(name))
            except anthropic.NotFoundError:
                said[name] = False, "there is no such model, or not for this key"
            except anthropic.AnthropicError as error:
                reason = client.failure(error, settings.timeout).reason
                raise Unavailable(
                    f"The models could not be checked: {reason}.",
                    f"Check {client.key_variable(ctx.tenant.id)} and the way to the API.",
                ) from error
    async with ctx.transaction() as tx:
        for name, (good, words) in said.items():
            await tx.db.execute(
                """INSERT INTO claude_model (tenant_id, name, good, said, checked_at)
                   VALUES ($1, $2, $3, $4, now())
                   ON CONFLICT (tenant_id, name) DO UPDATE SET good = excluded.good,
                     said = excluded.said, checked_at = excluded.checked_at""",
                tx.tenant.id,
                name,
                good,
                words,
            )
    bad = {name: words for name, (good, words) in said.items() if not good}
    if bad:
        raise InvalidConfig(
            "Claude cannot be used as it is set: "
            + "; ".join(f"{name}: {words}" for name, words in bad.items())
            + ".",
            "Choose other models in the settings of the plugin `claude`.",
        )


async def see_to(ctx: Context, settings: ClaudeSettings) -> None:
    """Have the models checked where one was never checked as it is set now, or not since yesterday: after
    a start, and after other models were chosen.
    """
    names = {settings.model_decide, settings.model_write}
    checked = await ctx.db.fetchval(
        """SELECT count(*) FROM claude_model
           WHERE tenant_id = $1 AND name = ANY($2) AND checked_at > now() - interval '25 hours'""",
        ctx.tenant.id,
        sorted(names),
    )
    if checked < len(names):
        await enqueue(ctx, f"{MANIFEST.name}.models", key="models")


def judge(model: ModelInfo) -> tuple[bool, str]:
    """Whether a model will do, and what to say of it."""
    if model.lifecycle == "retired":
        return False, "it was retired"
    able = model.capabilities
    if able is not None and not able.structured_outputs.supported:
        return False, "it knows no structured outputs"
    if able is not None and not able.batch.supported:
        return False, "it answers no batches"
    if model.lifecycle == "deprecated":
        until = getattr(model, "retires_at", None)
        return True, f"ready, until {until:%Y-%m-%d}" if until else "ready, but to be retired"
    return True, GOOD
