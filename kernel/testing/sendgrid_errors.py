"""How SendGrid refuses: `{"errors": [{"message", "field", "help"}]}` with a status."""

from __future__ import annotations

from kernel.testing.fake_http import Answer, json_answer

_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"

MESSAGES = {
    400: "Bad Request",
    401: "The provided authorization grant is invalid, expired, or revoked",
    403: "access forbidden",
    404: "Not Found",
    405: "method not allowed",
    413: "Payload Too Large",
    429: "too many requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class Refused(Exception):
    """A request that SendGrid refuses.

    Args:
        status: of HTTP.
        errors: message and field of each; without any, the usual sentence of the status.
    """

    def __init__(self, status: int, *errors: tuple[str, str | None]) -> None:
        self.status = status
        self.errors = errors or ((MESSAGES.get(status, "error"), None),)
        super().__init__(f"{status}: {self.errors[0][0]}")

    def answer(self) -> Answer:
        """What goes back."""
        return json_answer(
            {
                "errors": [
                    {
                        "message": message,
                        "field": field,
                        "help": f"{_HELP}#message.{field.split('.')[0]}" if field else None,
                    }
                    for message, field in self.errors
                ]
            },
            self.status,
        )
