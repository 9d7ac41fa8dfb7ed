"""A genuine post of SendGrid verifies; nothing that differs from it by a byte does."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from plugins.sendgrid.signature import public_key, signed

# The public test vector of sendgrid-python (test/unit/test_eventwebhook.py): a key, a signature and the
# bytes that SendGrid really signed, with the line break at their end.
KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw"
    "+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)
OTHER_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo"
    "7aNDthvj+y7GjUuFDb/R1NGe1OPzpA=="
)
SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
TIMESTAMP = "1600112502"
BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)


def test_the_genuine_post_verifies() -> None:
    assert signed(KEY, SIGNATURE, TIMESTAMP, BODY)


@pytest.mark.parametrize(
    "key",
    [f"-----BEGIN PUBLIC KEY-----\n{KEY}\n-----END PUBLIC KEY-----\n", f" {KEY[:64]}\n{KEY[64:]} "],
)
def test_the_key_may_be_pasted_with_its_frame_or_broken_into_lines(key: str) -> None:
    assert signed(key, SIGNATURE, TIMESTAMP, BODY)


def test_nothing_else_verifies() -> None:
    other = "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH3j/0="
    assert not signed(OTHER_KEY, SIGNATURE, TIMESTAMP, BODY)
    assert not signed(KEY, other, TIMESTAMP, BODY)
    assert not signed(KEY, SIGNATURE, "1600112503", BODY)
    assert not signed(KEY, SIGNATURE, TIMESTAMP, BODY.rstrip()), "the line break is part of it"
    assert not signed("", SIGNATURE, TIMESTAMP, BODY)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_byte_may_differ(place: int, by: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= by
    assert not signed(KEY, SIGNATURE, TIMESTAMP, bytes(changed))


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200), st.binary(max_size=50))
def test_any_header_is_answered_with_no(key: str, signature: str, time: str, body: bytes) -> None:
    assert not signed(key, signature, time, body)
    assert not signed(KEY, signature, time, body)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1()])
def test_only_keys_of_the_curve_sendgrid_signs_with(curve: ec.EllipticCurve) -> None:
    der = (
        ec.generate_private_key(curve)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert public_key(base64.b64encode(der).decode()) is None
    assert public_key(KEY) is not None
