"""The tour names seven files that exist, and every link in the documentation leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def test_the_tour_names_seven_files() -> None:
    text = (ROOT / "docs/tour.md").read_text(encoding="utf-8")
    files = re.findall(r"^\d+\. \[`([^`]+)`\]\(\.\./([^)]+)\)", text, re.MULTILINE)
    assert len(files) == 7
    assert all(shown == link and (ROOT / link).is_file() for shown, link in files), files


def test_links_in_the_documentation_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    pages += (ROOT / "plugins").rglob("README.md")
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken
