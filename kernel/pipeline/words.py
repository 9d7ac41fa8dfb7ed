"""Decisions in words: what was known, what was possible, what was chosen and what was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kernel.contracts.decisions import Action, Advice, Change, Grant, Scalar

TRAITS = 4
"""How many traits are told: what models say of the customer, beside what they did."""
_TELLING = (
    "rfm.segment",
    "churn.probability",
    "churn.level",
    "intent.level",
    "winback.usual_gap_days",
)


def action(one: Action) -> str:
    """`not to send`, `to send, friendly tone, with 10 % off`."""
    if not one.send:
        other = f", in favour of {one.campaign_type}" if one.campaign_type else ""
        return f"not to send{other}"
    offer = f", with {off(one.offer)}" if one.offer else ""
    wait = f", not before {one.send_at:%Y-%m-%d %H:%M} UTC" if one.send_at else ""
    return f"to send, {one.tone or 'usual'} tone{offer}{wait}"


def off(offer: str) -> str:
    """`10 % off`, `5 off`; what is no offer, as it stands."""
    kind, _, value = offer.partition("/")
    return {"percent": f"{value} % off", "amount": f"{value} off"}.get(kind, offer)


def label(one: Action) -> str:
    """An action in a table: `not sent`, `friendly`, `friendly, 10 % off`; times are left out."""
    if not one.send:
        return "not sent"
    return (one.tone or "sent") + (f", {off(one.offer)}" if one.offer else "")


def known(features: Mapping[str, Scalar]) -> str:
    """The features that tell most, as one sentence."""
    get = features.get
    told = []
    if orders := get("orders_count"):
        told.append(
            f"{orders} order{'' if orders == 1 else 's'} for {get('total_spent') or 0:,.2f}"
        )
        gap = get("mean_gap_days")
        usual = f", usually every {_days(gap)}" if gap is not None else ""
        told.append(f"the last one {_ago(get('days_since_order'))}{usual}")
    else:
        told.append(f"no order since the customer became known {_ago(get('days_since_created'))}")
    if returns := get("returns_count"):
        told.append(f"{returns} return{'' if returns == 1 else 's'}")
    if (mail := get("days_since_mail")) is not None:
        told.append(f"the last mail {_ago(mail)}, {get('mails_30d') or 0} in 30 days")
        told.append(f"{get('clicks_90d') or 0} clicked in 90 days")
    else:
        told.append("no mail yet")
    if not get("is_subscriber"):
        told.append("not a subscriber")
    if planned := get("planned_type"):
        told.append(f"{planned} is planned for today")
    if others := get("other_types"):
        told.append(f"{str(others).replace(',', ', ')} could write today too")
    traits = {
        name.removeprefix("trait:"): v for name, v in features.items() if name[:6] == "trait:"
    }
    names = [name for name in _TELLING if name in traits]
    names += sorted(traits.keys() - set(names))
    told += [f"{name} {_value(traits[name])}" for name in names[:TRAITS]]
    return f"Known: {'; '.join(told)}."


def possible(actions: Sequence[Action]) -> str:
    """What could have been chosen, by tone."""
    tones: dict[str, list[str]] = {}
    for one in actions:
        if one.send:
            tones.setdefault(one.tone or "usual", []).append(one.offer)
    if not tones:
        return "Nothing could be sent."
    told = []
    for tone, offers in tones.items():
        given = [off(offer) for offer in offers if offer]
        if not given:
            told.append(tone)
        elif "" in offers:
            told.append(f"{tone} (alone or with {', '.join(given)})")
        else:
            told.append(f"{tone} (only with {', '.join(given)})")
    return f"Possible: not to send, or in one of the tones {'; '.join(told)}."


def change(one: Change) -> str:
    """What a guardrail changed: asked, allowed and why."""
    breach = " It was known to be forbidden." if one.breach else ""
    return (
        f"Guardrail {one.guardrail} ({one.plugin}): asked {action(one.asked)}; "
        f"allowed {action(one.allowed)}. {one.reason}{breach}"
    )


def grant(one: Grant) -> str:
    """What an offer was granted with."""
    until = f" until {one.expires_at:%Y-%m-%d %H:%M} UTC" if one.expires_at else ""
    return f"{one.plugin} granted {off(one.offer)}{until} and set {one.reserved:.2f} aside for it."


def advice(one: Advice) -> str:
    """What was asked of whom, and what it cost."""
    who = f"{one.plugin} asked {one.model}" if one.model else f"{one.plugin} was asked for advice"
    shared = f", shared among {one.shared:,} customers" if one.shared > 1 else ""
    cost = f" ({one.tokens:,} tokens, {one.cost_micros / 1e6:.6f} US dollars{shared})"
    silent = f", and got no answer: {one.fallback}" if one.fallback else ""
    return f"{who}{cost if one.tokens or one.cost_micros else ''}{silent}."


def _days(days: Scalar) -> str:
    whole = round(float(days or 0))
    return "1 day" if whole == 1 else f"{whole} days"


def _ago(days: Scalar) -> str:
    return "at an unknown time" if days is None else f"{_days(days)} ago"


def _value(value: Scalar) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
