"""What a post may hold, and what becomes of it: links, pictures, folds, citations, mentions."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.conf import LazySettings
from django.utils.translation import override

from apps.accounts.models import User
from apps.common.text import displayable
from apps.discussions import housekeeping, post_markdown, services
from apps.discussions.citations import Cited, Kind
from apps.discussions.errors import BadPost
from apps.discussions.limits import (
    MAX_CITATIONS,
    MAX_FORMULAS,
    MAX_LIST_DEPTH,
    MAX_MENTIONS,
    MAX_PICTURES,
    MAX_TABLE_CELLS,
    MAX_TEXT_LENGTH,
    MAX_TITLE_LENGTH,
)
from apps.discussions.models import Post, State, Thread
from apps.discussions.post_markdown import CITATION_MARKER, FOLD_MARKER, RenderedPost, render_post
from apps.questions import tex
from tests.discussions.conftest import reply, start

RUN = UUID("4f2a0000-0000-4000-8000-00000000beef")
SHA = "ab" * 32
REL = 'rel="nofollow ugc noopener"'


def html(text: str) -> str:
    return render_post(text).html


def messages(text: str) -> list[str]:
    return [message for message, _offset in render_post(text).faults]


def fault(post: RenderedPost) -> tuple[str, int]:
    assert len(post.faults) == 1, post.faults
    return post.faults[0]


# ---------------------------------------------------------------- as the bank


def test_markdown_tex_and_code_are_rendered_as_in_the_bank() -> None:
    page = html("Let $\\eta_1$ and *this*:\n\n```python\nx = 1\n```\n\n| a |\n|:-:|\n| `b` |")
    assert "katex" in page and "<em>this</em>" in page and '<div class="code">' in page
    assert '<th class="align-center">a</th>' in page and "<code>b</code>" in page
    assert not messages("Let $\\eta_1$ and 2 * 3, or 2 ** 3, and __init__")


def test_braces_are_text_in_posts() -> None:
    assert html("{{verdicts}} {{n}}") == "<p>{{verdicts}} {{n}}</p>"


@pytest.mark.parametrize("text", ["$5 and $10", "$5-$10", "\\$x\\$", "it costs 5$"])
def test_sums_of_money_are_no_formulas(text: str) -> None:
    assert "katex" not in html(text)


def test_a_backslash_takes_a_sign_its_meaning() -> None:
    text = f"\\`a\\` \\@ola \\[run:{RUN}] \\*b\\*"
    post = render_post(text)
    assert post.html == f"<p>`a` @ola [run:{RUN}] *b*</p>"
    assert (post.citations, post.mentions, post.faults) == ([], [], [])


def test_headings_are_strong_lines() -> None:
    assert html("# One *two*\n\ntext") == ("<p><strong>One <em>two</em></strong></p>\n<p>text</p>")


def test_a_fence_in_one_line_takes_nothing_after_it() -> None:
    assert html("```a``` and\nmore") == "<p><code>a</code> and\nmore</p>"


def test_text_by_indentation_is_no_code() -> None:
    assert html("a\n\n    b $x$").startswith("<p>a</p>\n<p>b <span")


# ---------------------------------------------------------------- links


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("[a](https://example.org/x)", "https://example.org/x"),
        ("[a](/labs/adam?x=1#y)", "/labs/adam?x=1#y"),
        ("[a](#post-3)", "#post-3"),
        ("[a][b]\n\n[b]: http://example.org", "http://example.org"),
        ("[a](https://example.org/$x$/`y`/_z_)", "https://example.org/$x$/%60y%60/_z_"),
        ("<mailto:a@example.org>", "mailto:a@example.org"),
        ("<a@example.org>", "mailto:a@example.org"),
        ("<https://example.org/a)>", "https://example.org/a)"),
        ("https://example.org/a_b_c?d=*e*&f=$g$", "https://example.org/a_b_c?d=*e*&amp;f=$g$"),
        ("（见https://example.org/a，谢谢）", "https://example.org/a"),
        ("see (https://example.org/a_(b)).", "https://example.org/a_(b)"),
        ("**https://example.org/a**!", "https://example.org/a"),
    ],
)
def test_a_link_says_that_nobody_vouches_for_it(text: str, href: str) -> None:
    page = html(text)
    assert f'<a href="{href}" {REL}>' in page
    assert page.count("<a ") == 1


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "data:text/html,x", "ftp://example.org", "//example.org/x"),
        *("relative/path", "http:example.org", "https://user:word@example.org/", "mailto:"),
    ],
)
def test_other_addresses_are_text_and_their_author_is_told(address: str) -> None:
    post = render_post(f"x [words]({address})")
    assert "<a " not in post.html and "words" in post.html
    message, offset = fault(post)
    assert "is no link" in message and "https://" in message and offset == 10


def test_links_that_lead_off_the_site_are_listed(settings: LazySettings) -> None:
    text = f"[a](https://example.org/) {settings.SITE_URL}/runs [b](/labs) https://example.org/"
    assert render_post(f"{text} <a@example.org>").links == [
        "https://example.org/",
        "mailto:a@example.org",
    ]


def test_an_address_in_the_words_of_a_link_is_not_linked_again() -> None:
    page = html("[https://other.example @ola](https://example.org)")
    assert page == f'<p><a href="https://example.org" {REL}>https://other.example @ola</a></p>'


# ---------------------------------------------------------------- pictures


def test_an_uploaded_picture_is_shown() -> None:
    post = render_post(f"![a *curve*](/pictures/{SHA}.png)")
    assert post.html == f'<p><img src="/pictures/{SHA}.png" alt="a curve" loading="lazy"></p>'
    assert (post.pictures, post.faults) == ([SHA], [])


def test_a_picture_without_words_gets_one() -> None:
    assert 'alt="picture"' in html(f"![](/pictures/{SHA}.webp)")
    assert not messages(f"![ ](/pictures/{SHA}.webp)")
    with override("zh-hans"):
        assert 'alt=""' not in html(f"![](/pictures/{SHA}.webp)")


def test_a_picture_of_another_site_becomes_a_link() -> None:
    post = render_post("![words](https://example.org/x.png) ![](https://example.org/y.png)")
    assert "<img" not in post.html and not post.pictures
    assert f'<a href="https://example.org/x.png" {REL}>words</a>' in post.html
    assert f'<a href="https://example.org/y.png" {REL}>https://example.org/y.png</a>' in post.html
    assert "Upload it" in post.faults[0][0]


def test_a_picture_in_a_link_is_a_picture_or_words() -> None:
    uploaded, foreign = f"![a](/pictures/{SHA}.png)", "![b](https://example.org/b.png)"
    page = html(f"[{uploaded} {foreign}](https://example.org)")
    assert page.count("<a ") == 1 and page.count("<img ") == 1 and " b</a>" in page


def test_a_post_shows_so_many_pictures() -> None:
    text = "\n".join(f"![p{n}](/pictures/{n:064x}.png)" for n in range(MAX_PICTURES + 1))
    post = render_post(text)
    assert len(post.pictures) == post.html.count("<img ") == MAX_PICTURES
    assert f'<a href="/pictures/{MAX_PICTURES:064x}.png"' in post.html
    assert str(MAX_PICTURES) in fault(post)[0]


# ---------------------------------------------------------------- quotes and folds


def test_lines_with_the_sign_are_one_fold_with_all_that_a_post_may_hold() -> None:
    page = html(">! It is $x$:\n>!\n>! ```\n>! > y\n>! ```\n>! - z\n\nafter")
    assert page.startswith('<details class="spoiler"><summary><!--gradus:fold:--></summary><p>It')
    inside, _end, after = page.partition("</details>")
    assert "katex" in inside and "<li>z</li>" in inside and "&gt; y" in inside
    assert after == "<p>after</p>"


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ("[question:adam-step] It", "question:adam-step"),
        ("[lab:dead-relu] It", "lab:dead-relu"),
        ("[claim:dead-relu.lr-kills] It", "claim:dead-relu.lr-kills"),
        ("[question:adam-step]\n>! It", "question:adam-step"),
        ("It [question:adam-step]", ""),
    ],
)
def test_a_fold_names_what_it_gives_away(first: str, name: str) -> None:
    post = render_post(f">! {first}")
    assert [match["gives_away"] for match in FOLD_MARKER.finditer(post.html)] == [name]
    assert "It" in post.html and not post.faults
    assert ("question:" in post.html.partition("</summary>")[2]) == (not name)


def test_a_fold_may_begin_with_a_citation() -> None:
    post = render_post(f">! [claim:dead-relu.lr-kills@{RUN}] shows it")
    assert len(post.citations) == 1 and "<!--gradus:fold:-->" in post.html and not post.faults


@pytest.mark.parametrize("name", ["[question:]", "[question:Ä]", "[claim:a]", "[lab:a b]"])
def test_a_name_of_nothing_stays_and_its_author_is_told(name: str) -> None:
    post = render_post(f"a\n\n>! {name} b")
    assert f"{name} b" in post.html
    message, offset = post.faults[0]
    assert "[question:slug]" in message and offset == 6


def test_folds_do_not_nest() -> None:
    post = render_post(">! a\n>! >! b\n>! > >! c")
    assert post.html.count("<details") == 1
    assert all(word in post.html for word in ("a", "b", "c"))
    assert "another one" in post.faults[0][0]


def test_a_fold_in_a_quote_is_folded() -> None:
    page = html("> before\n> >! hidden\n\nafter")
    assert page.index("<blockquote>") < page.index("<details") < page.index("hidden")
    assert page.endswith("</details></blockquote><p>after</p>")


def test_what_is_quoted_too_deep_stays_and_stays_folded() -> None:
    post = render_post("> > > > > > a\n\n> > > > > >! b")
    assert post.html.count("<blockquote>") == 8
    assert post.html.count("<details") == 1 and "b" in post.html.partition("<details")[2]
    assert all("at most 4 deep" in message for message, _offset in post.faults)


def test_code_in_a_quote_is_code() -> None:
    page = html("> said:\n> ```python\n> x = '>! y'\n> ```\n> so")
    assert page.count("<blockquote>") == 1 and '<div class="code">' in page
    assert "<details" not in page and page.endswith("<p>so</p>\n</blockquote>")


def test_signs_in_a_fence_begin_nothing() -> None:
    page = html("```\n> a\n>! b\n```\n> c")
    assert page.count("<blockquote>") == 1 and "<details" not in page


def test_a_fold_that_would_be_none_is_told() -> None:
    assert "must begin its line" in messages("- >! a")[0]


def test_faults_lie_where_their_author_wrote_them() -> None:
    text = "a\n\n> quote\n> > and [run:x] in it"
    message, offset = fault(render_post(text))
    assert text[offset:].startswith("[run:x]") and "cites nothing" in message


# ---------------------------------------------------------------- citations


def test_citations_leave_markers_of_their_own_between_paragraphs() -> None:
    post = render_post(
        f"Look at [run:{RUN}], where it stalls.\n\n[claim:dead-relu.lr-kills@{RUN}]\n\n"
        f"- [point:{RUN}/lr%200.1/share%2Fdead/300]"
    )
    assert post.html == (
        "<p>Look at, </p><!--gradus:citation-0--><p> where it stalls.</p>\n"
        "<!--gradus:citation-1-->\n<ul>\n<li><!--gradus:citation-2--></li>\n</ul>"
    )
    assert post.citations == [
        Cited(Kind.RUN, RUN),
        Cited(Kind.CLAIM, RUN, claim="dead-relu.lr-kills"),
        Cited(Kind.POINT, RUN, arm="lr 0.1", series="share/dead", step="300"),
    ]
    assert not post.faults


def test_chinese_punctuation_stays_with_its_sentence() -> None:
    page = html(f"见[run:{RUN}]。之后")
    assert page == "<p>见。</p><!--gradus:citation-0--><p>之后</p>"


def test_a_citation_in_emphasis_leaves_it_whole() -> None:
    page = html(f"**a *b [run:{RUN}] c* d**")
    assert page == (
        "<p><strong>a <em>b </em></strong></p><!--gradus:citation-0-->"
        "<p><strong><em> c</em> d</strong></p>"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"`[run:{RUN}]`",
        f"```\n[run:{RUN}]\n```",
        f"$[run:{RUN}]$",
        f"[a [run:{RUN}] b](https://example.org)",
        f"[a](https://example.org/[run:{RUN}])",
        f"[a](/labs '[run:{RUN}]')",
        f"[run:{RUN}](https://example.org)",
        f"![[run:{RUN}]](/pictures/{SHA}.png)",
    ],
)
def test_in_code_formulas_and_links_nothing_is_cited(text: str) -> None:
    post = render_post(text)
    assert not post.citations and not CITATION_MARKER.search(post.html)
    assert str(RUN) in post.html


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("[run:4f2a]", "[run:RUN]"),
        ("[claim:dead-relu.lr-kills]", "[claim:lab.claim@RUN]"),
        (f"[point:{RUN}/a/b]", "[point:RUN/arm/series/step]"),
        (f"[point:{RUN}/a/b/nan]", "[point:RUN/arm/series/step]"),
    ],
)
def test_what_is_nearly_a_citation_stays_and_its_author_is_told(text: str, right: str) -> None:
    post = render_post(f"see {text}.")
    assert post.html == f"<p>see {text}.</p>" and not post.citations
    message, offset = fault(post)
    assert right in message and offset == 4


def test_a_post_shows_so_many_citations_and_links_the_rest() -> None:
    text = "\n\n".join(f"[run:{UUID(int=n)}]" for n in range(MAX_CITATIONS + 1))
    post = render_post(text)
    assert len(post.citations) == len(CITATION_MARKER.findall(post.html)) == MAX_CITATIONS
    last = UUID(int=MAX_CITATIONS)
    assert f'<a href="/runs/{last}" {REL}>[run:{last}]</a>' in post.html
    assert str(MAX_CITATIONS) in fault(post)[0] and not post.links


def test_a_text_that_looks_like_a_marker_is_none() -> None:
    post = render_post("<!--gradus:citation-0--> [a](/b '<!--gradus:citation-0-->')")
    assert not CITATION_MARKER.search(post.html) and "&lt;!--gradus" in post.html


# ---------------------------------------------------------------- mentions


def test_people_are_mentioned_once_each() -> None:
    post = render_post("@ola and @Ola, 谢谢@sam_1的帮助 (@mei)")
    assert post.mentions == ["ola", "sam_1", "mei"]
    assert post.html.count('<span class="mention">@') == 4


@pytest.mark.parametrize(
    "text",
    [
        *("a@example.org", "<a@example.org>", "x@ola", "@@ola", "@ola@example.org", "@a", "é@ola"),
        *("`@ola`", "$@ola$", "https://example.org/@ola", "[@ola](/x)", "[x](/@ola)"),
        *("@" + "a" * 31, "@olaé", "/@ola", "```\n@ola\n```"),
    ],
)
def test_what_only_looks_like_a_mention_is_none(text: str) -> None:
    post = render_post(text)
    assert not post.mentions and "mention" not in post.html


def test_the_first_people_are_notified() -> None:
    post = render_post(" ".join(f"@person{n}" for n in range(MAX_MENTIONS + 2)))
    assert post.mentions == [f"person{n}" for n in range(MAX_MENTIONS)]
    assert str(MAX_MENTIONS) in post.faults[0][0]


# ---------------------------------------------------------------- bounds


def test_formulas_beyond_the_bounds_show_their_tex() -> None:
    post = render_post("$y$ " * (MAX_FORMULAS + 5))
    assert post.html.count('<span class="katex">') == MAX_FORMULAS
    assert post.html.count('<code class="tex-source">y</code>') == 5
    assert str(MAX_FORMULAS) in fault(post)[0]


def test_formulas_beyond_the_bounds_have_no_lines_of_their_own() -> None:
    post = render_post("$$y$$ " * (MAX_FORMULAS + 5) + "$" * 500)
    assert post.html.count('<span class="katex-display">') == MAX_FORMULAS
    assert "tex-source display" not in post.html


def test_the_formulas_of_a_text_share_a_time() -> None:
    budget = tex.Budget(
        formulas=9, chars=99_999, html_chars=999_999, seconds=0.1, formula_seconds=0.05
    )
    slow = "x^2+" * 1200 + "1"  # half a second each
    formulas = tex.render_formulas([(slow, True)] * 9 + [("x", False)], budget)
    assert all(formula.error for formula in formulas)
    assert sum(formula.is_over_budget for formula in formulas) >= 6
    assert not tex.render_formulas([("x", False)])[0].error


def test_large_formulas_leave_no_room_for_more() -> None:
    budget = tex.Budget(formulas=9, chars=9_999, html_chars=1_000, seconds=5, formula_seconds=1)
    first, second = tex.render_formulas([("x^2 + y^2 = z^2", False), ("x", False)], budget)
    assert not first.error and second.is_over_budget and "tex-source" in second.html


def test_lists_that_are_too_deep_are_shown_as_they_were_written() -> None:
    deepest = "".join("  " * n + f"- a{n}\n" for n in range(MAX_LIST_DEPTH))
    assert html(deepest).count("<ul>") == MAX_LIST_DEPTH and not messages(deepest)
    deeper = deepest + "  " * MAX_LIST_DEPTH + f"- @ola [run:{RUN}]"
    post = render_post(deeper)
    assert "<ul>" not in post.html and "- a0<br>" in post.html
    assert post.mentions == ["ola"] and len(post.citations) == 1
    assert str(MAX_LIST_DEPTH) in fault(post)[0]


def test_tables_have_so_many_cells() -> None:
    columns = 40
    rows = MAX_TABLE_CELLS // columns - 2
    table = "|" + "a|" * columns + "\n|" + "-|" * columns + "\n" + "|b|\n" * rows
    assert "<table>" in html(table) and not messages(table)
    post = render_post(f"{table}\n|c|\n|-|\n{'|d|' * columns}\n")
    assert post.html.count("<table>") == 1 and "|c|" in post.html
    assert str(MAX_TABLE_CELLS) in fault(post)[0]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("text", ["", " \r\n\t", "\u200b\u3164\u2800", "\u202e", "[a]: /b"])
def test_a_post_that_shows_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadPost) as refused:
        services.posts.rendered(text)
    assert refused.value.extra == {"field": "text"}


def test_a_post_has_so_many_characters_as_a_browser_counts_them() -> None:
    services.posts.rendered(("学" * 39 + "\r\n") * (MAX_TEXT_LENGTH // 40))
    with pytest.raises(BadPost, match="at most 20000 characters; this one has 20002"):
        services.posts.rendered("😀" * (MAX_TEXT_LENGTH // 2 + 1))


@pytest.mark.parametrize(
    ("title", "stored"),
    [
        (" Why  does\n it stall? ", "Why does it stall?"),
        ("损失为何", "损失为何"),
        ("Why \u202edoes\u200b it\x00\x1b stall?", "Why does it stall?"),
        (
            "Why does it sta\u0301\u0301\u0301\u0301\u0301\u0301ll",
            "Why does it sta" + "\u0301" * 4 + "ll",
        ),
        ("x" * MAX_TITLE_LENGTH, "x" * MAX_TITLE_LENGTH),
    ],
)
def test_a_title_is_stored_as_it_can_be_shown(title: str, stored: str) -> None:
    assert services.posts.stored_title(title) == stored


@pytest.mark.parametrize(
    "title", ["", "  ", "\u3164" * 20, "Help", "学习率", "x" * (MAX_TITLE_LENGTH + 1), "a" * 10**6]
)
def test_a_title_that_says_nothing_or_too_much_is_refused(title: str) -> None:
    with pytest.raises(BadPost) as refused:
        services.posts.stored_title(title)
    assert refused.value.extra == {"field": "title"}


def test_nothing_of_a_thread_is_stored_if_its_title_or_text_is_refused(mei: User) -> None:
    for field, value in (("title", "Help"), ("text", " "), ("text", "a" * 20_001)):
        with pytest.raises(BadPost):
            start(mei, None, **{field: value})
    assert not Thread.objects.exists() and not Post.objects.exists()


def test_a_post_is_stored_without_what_would_change_other_text(thread: Thread, ola: User) -> None:
    post = reply(ola, thread, "a\u202eb\u200b c" + "\u0301" * 9)
    assert post.text == "ab c" + "\u0301" * 4
    assert displayable(post.text) == post.text


# ---------------------------------------------------------------- rendered again


def test_posts_of_an_older_version_are_rendered_again(thread: Thread, ola: User) -> None:
    post, other = reply(ola, thread, f"$x$ [run:{RUN}]"), reply(ola, thread, "new")
    Post.objects.filter(pk=post.pk).update(html="old", html_version="0-older")
    post.citations.all().delete()
    assert housekeeping.rerender_old_posts() == 1
    post.refresh_from_db()
    assert post.html == render_post(post.text).html and post.edited_at is None
    assert post.html_version == post_markdown.version()
    assert [citation.cited for citation in post.citations.all()] == [RUN]
    assert housekeeping.rerender_old_posts() == 0
    assert not services.posts.rerender(post=other)


def test_an_edit_or_a_deletion_meanwhile_wins_over_rendering_again(
    thread: Thread, ola: User
) -> None:
    post = reply(ola, thread, "first")
    Post.objects.filter(pk=post.pk).update(html_version="0-older")
    read = Post.objects.get(pk=post.pk)
    edited = services.posts.edit_post(author=ola, post=post, text="second", edits=0)
    assert not services.posts.rerender(post=read)
    Post.objects.filter(pk=post.pk).update(html_version="0-older")
    services.posts.delete_post(author=ola, post=edited)
    assert not services.posts.rerender(post=edited)
    post.refresh_from_db()
    assert (post.state, post.html) == (State.DELETED, "")


def test_a_round_is_bounded_and_one_failure_holds_up_no_other_post(
    thread: Thread, ola: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = [reply(ola, thread, f"post {n}") for n in range(4)]
    Post.objects.update(html_version="0-older")
    render = post_markdown.render_post

    def failing(text: str) -> RenderedPost:
        if text == "post 0":
            raise RuntimeError("a bug")
        return render(text)

    monkeypatch.setattr(post_markdown, "render_post", failing)
    monkeypatch.setattr(housekeeping, "MAX_POSTS", 3)
    assert housekeeping.rerender_old_posts() == 2
    assert housekeeping.rerender_old_posts() == 2
    posts[0].refresh_from_db()
    assert posts[0].html_version == "0-older"


def test_a_chinese_post_is_rendered_again_in_chinese(thread: Thread, ola: User) -> None:
    post = reply(ola, thread, f"![](/pictures/{SHA}.png)", language="zh")
    languages: list[str] = []
    with override("zh-hans"):
        languages.append(html(post.text))
    Post.objects.filter(pk=post.pk).update(html="", html_version="0-older")
    assert services.posts.rerender(post=post)
    post.refresh_from_db()
    assert [post.html] == languages


@pytest.mark.parametrize(
    "formula",
    [
        "\\\\[20em]" * 10 + "x",
        "\\begin{matrix}" + "x\\\\" * 100 + "\\end{matrix}",
        "\\rule{1em}{20em}" + "\\\\x" * 100,
    ],
)
def test_a_formula_as_high_as_several_pages_shows_its_tex(formula: str) -> None:
    post = render_post(f"$${formula}$$")
    assert "tex-source" in post.html and fault(post)[0] == "TeX: it is higher than 100 lines"


def test_a_long_formula_of_one_line_is_not_high() -> None:
    assert not render_post("$$" + "x + " * 300 + "x$$").faults


def test_high_formulas_are_rendered_until_they_are_too_much_together() -> None:
    post = render_post("\n\n".join(["$$\\rule{1em}{20em}$$"] * 60))
    assert 50 <= post.html.count("katex-display") <= 52 and len(post.faults) == 1


def test_emphasis_is_as_deep_as_anybody_sees_and_a_block_in_it_repeats_no_more() -> None:
    text = "**" * 4_000 + f"a [run:{RUN}] b" * 20 + "**" * 4_000
    assert render_post(text).html.count("<strong>") <= 6 * 21
    assert html("***a***") == "<p><em><strong>a</strong></em></p>"


def test_a_post_of_more_lines_than_a_thousand_is_refused() -> None:
    services.posts.rendered("a\n" * 999 + "b")
    with pytest.raises(BadPost, match="at most 1000 lines; this one has 1001"):
        services.posts.rendered("a\r\n" * 1_000 + "b")
