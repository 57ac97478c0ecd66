"""The files of a lab that is still to be written: it loads, runs and passes the contracts, decides
nothing yet, and says TODO where code or words are missing. `docs/labs.md` explains them.

Their templates are in `skeletons/`: `<<name>>` in a line is replaced, and so is a whole line
`# <<name>>`.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from apps.experiments.lab_plans import USED, Claim, Plan, Setting

TEMPLATES = Path(__file__).with_name("skeletons")
COLUMNS = 100  # of code
EXAMPLES = {
    "training": [
        "For example, where 0.01 is the smallest difference that matters:",
        'gain = points.last("wide", "accuracy") - points.last("narrow", "accuracy")',
        "return decide(gain, holds=above(0.01), fails=below(0.01), possible=within(-1, 1))",
    ],
    "benchmark": [
        "For example:",
        'ratio = points.last("rival", "ratio")',
        "return decide_ratio(ratio, holds=above(1.2), fails=below(1.05))",
    ],
    "analytic": [
        "For example:",
        'slope = points.last("first", "highest slope")',
        "return exact(slope, holds=within(1 - 1e-8, 1 + 1e-8))",
    ],
}


def files(plan: Plan) -> dict[str, str]:
    """Return the text of each file of a lab, by its path in the project; the .toml, by which labs
    are found, is the last.
    """
    module = module_name(plan.slug)
    return {
        f"workers/labs/{module}.py": _code(plan),
        f"tests/workers/labs/test_{module}.py": _test(plan),
        f"docs/claims/{plan.slug}.md": _page(plan),
        f"workers/labs/{module}.toml": _words(plan),
    }


def module_name(slug: str) -> str:
    return slug.replace("-", "_")


def _filled(template: str, **texts: str) -> str:
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    for name, value in texts.items():
        text = text.replace(f"# <<{name}>>\n", value).replace(f"<<{name}>>", value)
    return text


def _code(plan: Plan) -> str:
    constant = USED[plan.kind].name
    return _filled(
        f"{plan.kind}.py.txt",
        shows="\n".join(textwrap.wrap(plan.shows.replace("\\", "\\\\"), COLUMNS)),
        config="".join(_config_line(setting) for setting in plan.settings),
        constants="" if plan.used else f"{constant.upper()} = {USED[plan.kind].default}\n",
        used=f"config.{constant}" if plan.used else constant.upper(),
        rules="\n\n".join(_rule(claim, plan.kind) for claim in plan.claims),
    )


def _config_line(setting: Setting) -> str:
    """Return the lines of a setting, with what it means beside them, or above where it is long."""
    opening = f"    {setting.name}: {setting.annotation} = "
    declaration = opening + _python(setting.default)
    if len(declaration) > COLUMNS:
        values = textwrap.wrap(_items(setting.default) + ",", COLUMNS - 8, break_long_words=False)
        declaration = "\n".join([f"{opening}(", *(f"        {line}" for line in values), "    )"])
    beside = f"{declaration}  # {setting.meaning}"
    if max(map(len, beside.splitlines())) <= COLUMNS:
        return f"{beside}\n"
    return "\n".join([*comment(setting.meaning, "    "), declaration, ""])


def _python(value: Any) -> str:
    """Return a value as Python; a list as a tuple."""
    if isinstance(value, list):
        return f"({_items(value)},)" if len(value) == 1 else f"({_items(value)})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _items(values: Iterable[Any]) -> str:
    return ", ".join(map(_python, values))


def _rule(claim: Claim, kind: str) -> str:
    lines = [
        f'@claim("{claim.slug}")',
        f"def {claim.function}(points: Points) -> Verdict:",
        '    """TODO: say when it holds, when it fails, and when it depends."""',
    ]
    remarks = [f"The catalogue: {claim.rule}"] if claim.rule else EXAMPLES[kind]
    lines += [line for text in remarks for line in comment(text, "    ")]
    return "\n".join([*lines, "    return UNDECIDED", ""])


def comment(text: str, indent: str = "") -> list[str]:
    """Return a text as the lines of a comment."""
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _test(plan: Plan) -> str:
    return _filled(
        f"test_{plan.kind}.py.txt",
        module=module_name(plan.slug),
        slug=plan.slug,
        quick=f"{plan.used.name}={_least(plan.used)}" if plan.used else "",
    )


def _page(plan: Plan) -> str:
    rows = [
        f"| `{claim.slug.partition('.')[2]}` | {_cell(claim.rule) or 'TODO'} | - | "
        f"{_cell(claim.expected) or 'TODO'} |"
        for claim in plan.claims
    ]
    return _filled("claims.md.txt", slug=plan.slug, rows="\n".join(rows))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# ---------------------------------------------------------------- words


def _words(plan: Plan) -> str:
    headline = plan.claims[0].slug
    return _filled(
        f"{plan.kind}.toml.txt",
        module=module_name(plan.slug),
        remarks="".join(f"# {text}\n" for text in plan.remarks),
        topic=toml(plan.topic),
        headline=toml(headline),
        to='to = "epochs"\n' if plan.used else "",
        quick=f"{{ {plan.used.name} = {_least(plan.used)} }}" if plan.used else "{}",
        seconds=f"{plan.seconds:g}",
        title_en=toml(plan.title[0]),
        title_zh=toml(plan.title[1]),
        shows=toml(plan.shows),
        data=toml(plan.data),
        settings="".join(_setting_table(setting) for setting in plan.settings),
        claims="\n".join(_claim_tables(claim, claim.slug == headline) for claim in plan.claims),
    )


def _least(setting: Setting) -> str:
    """Return the smallest value of a setting that its bounds allow, for the quick profile."""
    low = setting.bounds["range"][0]
    return toml(float(low) if setting.type == "float" else low)


def _setting_table(setting: Setting) -> str:
    ((bound, values),) = setting.bounds.items()
    remark = f" # TODO: the catalogue says “{setting.remark}”" if setting.remark else ""
    return (
        f"[config.{setting.name}]\n"
        f"type = {toml(setting.type)}\n"
        f"default = {toml(setting.default)}\n"
        f"{bound} = {toml(values)}{remark}\n"
        f"en = {toml(setting.meaning)}\n"
        f"zh = {toml(f'TODO：{setting.name} 的含义')}\n\n"
    )


def _claim_tables(claim: Claim, is_headline: bool) -> str:
    remarks = {
        "The rule of the catalogue": claim.rule,
        "How it is measured": claim.measured,
        "What is expected": claim.expected,
        "Where the catalogue read it": claim.sources,
    }
    name = toml(claim.slug)
    predictions = _filled("predictions.toml.txt", claim=name) if is_headline else ""
    return _filled(
        "claim.toml.txt",
        remarks="".join(f"# {heading}: {text}\n" for heading, text in remarks.items() if text),
        predictions=predictions,
        claim=name,
        statement=toml(claim.statement),
    )


def toml(value: Any) -> str:
    """Return a text, a number, a truth or a list of them as TOML."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
