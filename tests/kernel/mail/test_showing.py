"""A preview shows one scheme, whatever the browser prefers."""

from __future__ import annotations

from kernel.mail.showing import shown

PAGE = (
    '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
    "<style>@media (prefers-color-scheme: dark) { a {} } @media (max-width: 480px) { b {} }"
    " @media screen and (prefers-color-scheme:light) { c {} }</style>"
)


def test_dark_and_light() -> None:
    dark, light = shown(PAGE, "dark"), shown(PAGE, "light")
    assert 'content="dark"' in dark and 'content="light"' in light
    assert "@media (min-width: 0px) { a" in dark and "screen and (max-width: 0px) { c" in dark
    assert "@media (max-width: 0px) { a" in light and "screen and (min-width: 0px) { c" in light
    assert "light dark" not in dark + light and "prefers" not in dark + light
    assert "@media (max-width: 480px) { b" in dark
