"""A tenant's colours, made readable: a brand may choose any, a page needs contrast.

Contrast is that of WCAG 2.2: (L1 + .05) / (L2 + .05) of relative luminances; 4.5 for text, 3 for
what is no text.
"""

from __future__ import annotations

from functools import lru_cache

Rgb = tuple[float, float, float]

PAPER = {"light": "#ffffff", "dark": "#1b1d20"}
"""The ground of cards in `admin.css`; links and marks in the brand's colour lie on it."""


@lru_cache(maxsize=256)
def stylesheet(colour: str, accent: str) -> str:
    """CSS that sets the brand's custom properties for light and dark.

    Args:
        colour: #rrggbb of the brand.
        accent: #rrggbb of its second colour.
    """
    light = _properties(colour, accent, "light")
    dark = _properties(colour, accent, "dark")
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def _properties(colour: str, accent: str, scheme: str) -> str:
    paper = PAPER[scheme]
    fill = readable(colour, paper, 3)
    values = {
        "brand": fill,
        "on-brand": best_on(fill),
        "brand-ink": readable(colour, paper, 4.5),
        "accent": readable(accent, paper, 3),
    }
    return " ".join(f"--{name}: {value};" for name, value in values.items())


def readable(colour: str, ground: str, contrast: float) -> str:
    """`colour`, moved towards black or white until it stands out from `ground` by `contrast`."""
    rgb = _parse(colour)
    towards = 0.0 if _luminance(_parse(ground)) > 0.4 else 1.0
    for step in range(51):
        share = step / 50
        r, g, b = (channel + (towards - channel) * share for channel in rgb)
        mixed = _format((r, g, b))
        if ratio(mixed, ground) >= contrast:
            return mixed
    return "#000000" if towards == 0 else "#ffffff"


def best_on(fill: str) -> str:
    """White text where it reads well on `fill`, else black: one of them always does."""
    if ratio("#ffffff", fill) >= 4.5:
        return "#ffffff"
    return "#000000"


def ratio(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    light, dark = sorted((_luminance(_parse(one)), _luminance(_parse(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _parse(colour: str) -> Rgb:
    r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return r, g, b


def _format(rgb: Rgb) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in rgb)


def _luminance(rgb: Rgb) -> float:
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
