"""What a person typed, in plain characters: full-width digits and signs, typographic minus and
times, raised digits.
"""

from __future__ import annotations

import re
import unicodedata

SIGNS = str.maketrans(
    {
        "−": "-",
        "–": "-",
        "×": "*",
        "·": "*",
        "⋅": "*",
        "∗": "*",
        "÷": "/",
        "∕": "/",
        "⁄": "/",
        "٫": ".",
        "π": "pi",
        "√": "sqrt",
    }
)
RAISED = re.compile(r"[⁰¹²³⁴-⁹⁺⁻]+")


def plain(text: str, longest: int, fraction: str = " {} ") -> str:
    """Return at most one character more than `longest` of what was meant, without spaces at its
    ends; `10⁵` becomes `10^5`.

    Args:
        fraction: what a sign such as `½` becomes, with `1/2` in the braces. The spaces keep `2½`
            from being 21/2.
    """
    raised = RAISED.sub(
        lambda run: "^" + unicodedata.normalize("NFKC", run[0]), text[: longest + 1]
    )
    spread = "".join(
        fraction.format(c) if unicodedata.decomposition(c).startswith("<fraction>") else c
        for c in raised
    )
    return unicodedata.normalize("NFKC", spread).translate(SIGNS).strip()[: longest + 1]
