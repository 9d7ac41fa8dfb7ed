"""Requests to mail/send for the tests of the fake SendGrid."""

from __future__ import annotations

from typing import Any


def person(number: int, domain: str = "example.com", **fields: Any) -> dict[str, Any]:
    """A personalization with our ids."""
    return {
        "to": [{"email": f"a{number}@{domain}"}],
        "custom_args": {"ae_message": f"m{number}", "ae_tenant": "alpha"},
        "substitutions": {"-name-": f"Anna {number}"},
        **fields,
    }


def mail(*people: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A request to these, or to number 1."""
    return {
        "personalizations": list(people or [person(1)]),
        "from": {"email": "shop@shop.example", "name": "Shop"},
        "subject": "For -name-",
        "content": [
            {"type": "text/plain", "value": "Dear -name-"},
            {
                "type": "text/html",
                "value": '<p>Dear -name-</p><a href="https://shop.example/x">x</a>',
            },
        ],
        **fields,
    }
