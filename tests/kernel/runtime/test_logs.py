"""Logs hold tenant, plugin and campaign, and nobody's personal data."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from kernel.runtime.logs import HIDDEN, configure_logs, hide
from kernel.runtime.settings import load_settings

SECRETS = ("jane@shop.example", "hunter22", "sk-live-0123456789")


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def configure(tmp_path: Path, kind: str) -> None:
    environ = {"MAILWRIGHT_DATA_DIR": str(tmp_path), "MAILWRIGHT_LOG_FORMAT": kind}
    configure_logs(load_settings(environ))


def speak() -> None:
    log = structlog.get_logger("kernel.test")
    with structlog.contextvars.bound_contextvars(tenant="alpha", plugin="winback", campaign="c1"):
        log.info("sent to jane@shop.example", to="jane@shop.example", count=3, api_key=SECRETS[2])
        log.info("nested", rows=[{"email": "jane@shop.example", "text": "ask jane@shop.example"}])
        log.info("url", url="postgresql://app:hunter22@db/x", link="/u?e=jane%40shop.example")
        logging.getLogger("litestar").warning("failed for %s", "jane@shop.example")
        logging.getLogger("arq.jobs").error("Authorization: Bearer sk-live-0123456789")
        try:
            raise ValueError("no customer jane@shop.example")
        except ValueError:
            log.exception("broke")


@pytest.mark.parametrize("kind", ["json", "console"])
def test_no_personal_data_in_any_line(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(tmp_path, kind)
    speak()
    out = capsys.readouterr().err
    for secret in SECRETS:
        assert secret not in out
    assert "jane" not in out
    assert "broke" in out and "ValueError" in out and HIDDEN in out


def test_json_lines_carry_who_the_work_was_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(tmp_path, "json")
    speak()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 6
    for line in lines:
        assert (line["tenant"], line["plugin"], line["campaign"]) == ("alpha", "winback", "c1")
        assert re.match(r"\d{4}-\d\d-\d\dT", line["timestamp"])
    assert lines[0]["count"] == 3
    assert lines[3]["logger"] == "litestar" and lines[3]["level"] == "warning"


def test_what_is_harmless_stays() -> None:
    kept = {"count": 3, "ratio": 0.5, "ok": True, "nothing": None, "stage": "decide", "key": "a:1"}
    assert hide(kept) == kept
    assert hide({1: "x"}) == {"1": "x"}
