"""Sentences that moderators give as reasons, in both languages, so that an author reads theirs."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.common.text import join_sentences

# by the value that a form sends; the first five are those of flags (`models.Flag.Reason`)
TAKEN_AWAY: Mapping[str, Promise | str] = {
    "spam": _("It advertises something, or has nothing to do with what is discussed here."),
    "rude": _("It attacks a person. Criticise what was said, not who said it."),
    "spoiler": _("It gives an answer away. Put such parts into a fold that begins with >!."),
    "off-topic": _("It belongs elsewhere: please ask in a thread about that subject."),
    "other": _("It breaks the rules of these discussions."),
    "duplicate": _("The same was posted before."),
    "unsourced": _("It states as measured what no run or source shows."),
}
LEFT: Mapping[str, Promise | str] = {
    "fine": _("We have read it, and it keeps to the rules."),
    "corrected": _("It was corrected meanwhile."),
    "mistake": _("It was a mistake of ours. We are sorry."),
}
UPHELD: Mapping[str, Promise | str] = {
    "stands": _("We have looked at it again, and the decision stands."),
}
KINDS = {"taken": TAKEN_AWAY, "left": LEFT, "upheld": UPHELD}
ALL = {**TAKEN_AWAY, **LEFT, **UPHELD}
LANGUAGES = {"en": "en", "zh": "zh-hans"}  # of posts, as pages call them


def written(name: str, words: str, *, language: str) -> str:
    """Return a reason: the prepared sentence `name`, if there is one, and a moderator's own words.

    Args:
        language: in which whom it concerns reads, as an account or a post has it.
    """
    with translation.override(LANGUAGES.get(language, language) or "en"):
        return join_sentences(str(ALL.get(name, "")), words.strip())
