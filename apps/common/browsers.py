"""What a browser says that it is (`User-Agent`), in short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

# what browsers call themselves, in an order in which the first is right: most pretend to be others
BROWSERS = {
    "Edg/": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iOS",
    "iPad": "iOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}
MAX_SHOWN_AGENT_CHARS = 40  # of a program that is no browser we know


def browser_name(agent: str) -> str:
    """Return browser and system, such as `Firefox, Linux`; of a program that is no browser we know
    the beginning of what it says; empty if it says nothing.
    """
    names = [*_first(BROWSERS, agent), *_first(SYSTEMS, agent)]
    return ", ".join(names) if names else agent[:MAX_SHOWN_AGENT_CHARS]


def _first(names: Mapping[str, str], agent: str) -> Iterator[str]:
    yield from [name for sign, name in names.items() if sign in agent][:1]
