"""Hostile posts that nobody wrote: strategies of Hypothesis, for the renderer and for a browser."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.discussions.hostile_posts import HOSTILE_POSTS, RUN, SHA

PIECES = [
    *"ab \n\t*_~`$\\[](){}<>!#|-:;.,@&\"'/=0199中。，\u0301\u202e\u200d\ue000\ue001",
    *("\n\n", "```", "```python\n", "~~~\n", "$$", ">! ", "> ", "- ", "1. ", "  ", "    "),
    *("\n>! ", "\n> ", "\n- ", "\n|a|b|\n|-|-|\n", "**", "[a]: /b\n", "](/x)", "](javascript:1)"),
    *("https://e.org/", "<https://e.org>", "@ola", "&#x202e;", "&#xE000;", "&lt;", "<script>"),
    *("<!--gradus:citation-0-->", "\\frac", "\\href{x}{y}", "{{verdicts}}", "<img src=x>"),
    *(f"[run:{RUN}]", f"[claim:a.b@{RUN}]", f"[point:{RUN}/a/b/1]", "[run:x]"),
    *("[question:a] ", "![x](", "![", f"/pictures/{SHA}.png)", "\\", "'", ' "title")'),
]
posts = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)

# ---------------------------------------------------------------- hostile text in constructs

FRAGMENTS = [text for text in HOSTILE_POSTS.values() if 0 < len(text) < 200]
CONSTRUCTS = [
    *("**{}**", "*{}*", "~~{}~~", "`{}`", "$\\text{{{}}}$", "$${}$$", "```html\n{}\n```"),
    *("[{}](https://example.org)", "[a]({})", "[a](<{}>)", "[a](/labs '{}')", "[a]: {}\n\n[a]"),
    *(
        "<{}>",
        "![{}](/pictures/" + SHA + ".png)",
        "![a]({})",
        "@ola{}",
        "[run:{}]",
        "[run:" + RUN + "]{}",
    ),
    *(
        "[point:" + RUN + "/{}/b/1]",
        "|a|b|\n|-|-|\n|{}|c|",
        "# {}",
        "- {}\n  - {}",
        "1. {}",
        "&#x{};",
    ),
    *("https://example.org/{}", "\\{}", "$\\href{{{}}}{{x}}$", "$\\textcolor{{{}}}{{x}}$"),
]


def _prefixed(prefix: str) -> st.SearchStrategy[object]:
    return st.just(lambda text: "\n".join(prefix + line for line in text.split("\n")))


wrappers = st.one_of(
    st.sampled_from(CONSTRUCTS).map(lambda construct: lambda text: construct.replace("{}", text)),
    *map(_prefixed, ["> ", ">! ", ">! [question:x] ", "    ", "- ", "| "]),
)
hostile = st.recursive(
    st.sampled_from(FRAGMENTS),
    lambda inner: (
        st.builds(lambda wrap, text: wrap(text), wrappers, inner)
        | st.builds("{}{}{}".format, inner, st.sampled_from(["", " ", "\n", "\n\n"]), inner)
    ),
    max_leaves=6,
)
mixed = hostile.map(lambda text: text[:4_000])
