"""What archives refuse, with what would be right."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.archives.limits import MAX_EXPORTS_A_DAY, MAX_UPLOAD_BYTES, MB
from apps.common.errors import Refused


class ArchiveUnderway(Refused):
    """The person's archive is being made already."""

    code = "archive-underway"

    def __init__(self) -> None:
        super().__init__(_("Your archive is being made already. This page shows how far it is."))


class TooManyArchives(Refused):
    """The person has had as many archives made today as one may. The next one after `seconds`."""

    code = "too-many-archives"
    status = 429

    def __init__(self, seconds: int) -> None:
        text = _(
            "You can have %(n)s archives made within a day. Download one that is ready, or wait."
        )
        super().__init__(text % {"n": MAX_EXPORTS_A_DAY})
        self.seconds = seconds


class ArchiveGone(Refused):
    """The file of an archive is not there any more."""

    code = "archive-gone"
    status = 410

    def __init__(self) -> None:
        super().__init__(_("This archive has been deleted, or its time is over. Make a new one."))


class ArchivesAway(Refused):
    """The folder of archives cannot be read or written now."""

    code = "archives-away"
    status = 503
    seconds = 60

    def __init__(self) -> None:
        super().__init__(_("Archives cannot be stored or read now. Try again in a minute."))


class ArchiveTooLarge(Refused):
    """A file that is uploaded has more bytes than an import may."""

    code = "archive-too-large"
    status = 413

    def __init__(self) -> None:
        text = _("A file can have up to %(n)s MB. In Anki, export one deck, or leave media out.")
        super().__init__(text % {"n": MAX_UPLOAD_BYTES // MB})


class ImportUnderway(Refused):
    """A file of the person is being read, or waits for them to decide."""

    code = "import-underway"

    def __init__(self) -> None:
        super().__init__(_("A file of yours is being read, or waits for you to decide about it."))


class ImportOver(Refused):
    """An import was decided already."""

    code = "import-over"

    def __init__(self) -> None:
        super().__init__(_("This import is over, or its file was deleted. Choose the file again."))


class BadArchive(Exception):
    """An uploaded file cannot be imported. Found out in the background, so that it is no answer to
    a request: a reason is stored, and shown to its owner with what would be right.
    """

    NO_ZIP, DAMAGED, TOO_MANY_FILES = "no-zip", "damaged", "too-many-files"
    TOO_LARGE, TOO_MANY_ROWS, TOO_MUCH_WORK = "too-large", "too-many-rows", "too-much-work"
    UNKNOWN, NEWER, NO_JSON = "unknown", "newer", "no-json"
    SENTENCES: ClassVar[dict[str, Any]] = {
        NO_ZIP: gettext_lazy(
            "This is neither an Anki package (.apkg) nor an archive of Gradus (.zip). Choose one "
            "of them."
        ),
        DAMAGED: gettext_lazy("This file is damaged or not whole. Export it once more."),
        TOO_MANY_FILES: gettext_lazy(
            "There are too many files in it. In Anki, export it without media."
        ),
        TOO_LARGE: gettext_lazy(
            "Unpacked, it has more than %(n)s MB. In Anki, export one deck, or leave media out."
        ),
        TOO_MANY_ROWS: gettext_lazy(
            "It has more than %(n)s notes, cards or reviews. In Anki, export one deck."
        ),
        TOO_MUCH_WORK: gettext_lazy("It takes too much work to read. In Anki, export one deck."),
        UNKNOWN: gettext_lazy(
            "It has neither a collection of Anki nor gradus.json. Choose an .apkg of Anki, or an "
            "archive that Gradus made."
        ),
        NEWER: gettext_lazy(
            "It was made by a newer version of Gradus or Anki than this site can read."
        ),
        NO_JSON: gettext_lazy("Its gradus.json is not as Gradus writes it. Export it once more."),
    }

    def __init__(self, reason: str, **values: Any) -> None:
        super().__init__(reason)
        self.reason, self.values = reason, values
