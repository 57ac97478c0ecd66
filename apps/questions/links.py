"""Links in texts to pages that may not exist yet: a question, a lab, a claim of the ledger. A text
may link to them before they are written; until then a page shows the words alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

# as nh3 writes it: links are not nested
LINK = re.compile(r'<a href="(?P<href>/[^"]*)"[^>]*>(?P<words>.*?)</a>', re.DOTALL)
QUESTION, LAB, CLAIM = "question", "lab", "claim"


@dataclass(frozen=True)
class Target:
    """What a link leads to."""

    kind: str  # QUESTION, LAB or CLAIM
    name: str  # a slug, or lab.claim


FindMissing = Callable[[Collection[Target]], Collection[Target]]  # those that do not exist


def target_of(href: str) -> Target | None:
    """Return the question, lab or claim that a link of this site leads to; None for other pages."""
    try:
        parts = urlsplit(href)
    except ValueError:  # `//[`: no address
        return None
    match parts.path.strip("/").split("/"):
        case ["questions", slug]:
            return Target(QUESTION, unquote(slug))
        case ["labs", slug]:
            return Target(LAB, unquote(slug))
        case ["claims"] if parts.fragment:
            return Target(CLAIM, unquote(parts.fragment))
    return None


def targets(htmls: Iterable[str]) -> set[Target]:
    """Return what the links of some HTML lead to."""
    hrefs = (match["href"] for html in htmls for match in LINK.finditer(html))
    return {target for href in hrefs if (target := target_of(href))}


def resolved(html: str, missing: Collection[Target]) -> str:
    """Return HTML in which links to what is missing are their words alone, and links to a claim
    lead to the page of the ledger that has it: that of its lab's claims.
    """

    def link(match: re.Match[str]) -> str:
        target = target_of(match["href"])
        if target in missing:
            return match["words"]
        if target and target.kind == CLAIM:
            lab = quote(target.name.partition(".")[0])
            address = f'href="/claims?lab={lab}#{quote(target.name)}"'
            return match[0].replace(f'href="{match["href"]}"', address, 1)
        return match[0]

    return LINK.sub(link, html)
