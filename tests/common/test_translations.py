"""Every message of the site has a Chinese translation."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from django.conf import settings
from django.core.management import CommandError, call_command

from apps.common.management.commands.assets import compile_words
from apps.common.translations import collect, read, untranslated, update

PO = settings.LOCALE_PATHS[0] / "zh_Hans" / "LC_MESSAGES" / "django.po"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}|</?\w+>")


def catalogue() -> list[Message]:
    return [message for message in read(PO, "zh_Hans") if message.id]


def test_every_message_is_translated() -> None:
    messages = read(PO, "zh_Hans")
    messages.update(collect(settings.ROOT), no_fuzzy_matching=True)
    assert [message.id for message in untranslated(messages)] == []


def test_every_message_is_used() -> None:
    used = {message.id for message in collect(settings.ROOT) if message.id}
    assert [message.id for message in catalogue() if message.id not in used] == []


def test_a_translation_has_the_same_placeholders() -> None:
    for message in catalogue():
        english = message.id if isinstance(message.id, tuple) else (message.id,)
        chinese = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in filter(None, chinese):
            assert sorted(PLACEHOLDER.findall(text)) == sorted(PLACEHOLDER.findall(english[-1])), (
                english,
                text,
            )


def test_chinese_is_punctuated_as_chinese() -> None:
    """Half-width commas, colons and question marks do not stand between Han characters."""
    odd = re.compile(r"[\u4e00-\u9fff][,;:?!]|[,;:?!][\u4e00-\u9fff]")
    for message in catalogue():
        for text in message.string if isinstance(message.string, tuple) else (message.string,):
            assert not odd.search(text), text


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        '{% load i18n %}\n  {% translate "Hello" %}{# no #}\n'
        "{% blocktranslate count n=n %}{{ n }} run{% plural %}{{ n }} runs{% endblocktranslate %}"
    )
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "views.py").write_text(
        'from x import gettext as _\n_("Bye")\nprint("not a word")\n'
    )
    return tmp_path


def test_words_are_read_from_templates_and_code(site: Path) -> None:
    assert {message.id for message in collect(site) if message.id} == {
        "Hello",
        "Bye",
        ("%(n)s run", "%(n)s runs"),
    }


def test_an_update_adds_the_new_drops_the_gone_and_keeps_what_is_translated(site: Path) -> None:
    po = site / "locale" / "django.po"
    update(po, "zh_Hans", site)
    po.write_text(
        po.read_text().replace('msgid "Hello"\nmsgstr ""', 'msgid "Hello"\nmsgstr "你好"')
    )
    (site / "apps" / "views.py").write_text('_("Welcome")')
    left = update(po, "zh_Hans", site)
    assert {message.id for message in untranslated(left)} == {
        "Welcome",
        ("%(n)s run", "%(n)s runs"),
    }
    again = po.read_text()
    assert "Bye" not in again and "你好" in again
    update(po, "zh_Hans", site)
    assert po.read_text() == again


def test_the_check_names_what_waits_and_writes_nothing(settings: object, site: Path) -> None:
    po = site / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    update(po, "zh_Hans", site)
    before = po.read_text()
    settings.ROOT, settings.LOCALE_PATHS = site, [site / "locale"]  # type: ignore[attr-defined]
    out = io.StringIO()
    with pytest.raises(CommandError, match="3 messages"):
        call_command("messages", "--check", stdout=out)
    assert "zh_Hans: 'Hello'" in out.getvalue() and po.read_text() == before


def test_a_broken_catalogue_is_said_with_its_place(tmp_path: Path) -> None:
    po = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True)
    po.write_text("nonsense\n")
    with pytest.raises(CommandError, match=r"django\.po"):
        compile_words(tmp_path)
