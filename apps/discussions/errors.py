"""What the rules of discussions refuse, each with what would be right."""

from __future__ import annotations

from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.common.errors import Refused
from apps.discussions.limits import (
    MAX_PICTURE_BYTES,
    MAX_PICTURE_BYTES_A_DAY,
    MAX_PICTURE_PIXELS,
)


class ThreadGone(Refused):
    """The thread or the post was deleted or hidden meanwhile."""

    code = "thread-gone"
    status = 410

    def __init__(self) -> None:
        super().__init__(_("This post is no longer there. Nothing was saved."))


class ThreadLocked(Refused):
    """A moderator has locked the thread."""

    code = "thread-locked"

    def __init__(self) -> None:
        super().__init__(_("This thread is locked: it can be read, but nobody can reply any more."))


class ThreadFull(Refused):
    """The thread has as many posts as one may have."""

    code = "thread-full"

    def __init__(self) -> None:
        super().__init__(_("This thread is full. Start a new one, and link to this."))


class BadPost(Refused):
    """A post's text or a thread's title is empty, too short or too long. `extra["field"]` says
    which: `text` or `title`.
    """

    code = "bad-post"
    status = 422

    def __init__(self, message: str, field: str = "text") -> None:
        super().__init__(message, field=field)


class EditConflict(Refused):
    """The post was edited elsewhere since it was opened. `extra["text"]` is its present text."""

    code = "edit-conflict"

    def __init__(self, text: str) -> None:
        super().__init__(
            _("This post was edited elsewhere since you opened it. Compare both, then save again."),
            text=text,
        )


class NotYours(Refused):
    """Only somebody else may do this."""

    code = "not-yours"
    status = 403


class OwnPost(Refused):
    """One does not vote on, or flag, one's own post."""

    code = "own-post"
    status = 403

    def __init__(self) -> None:
        super().__init__(_("This is your own post."))


class RunsNotShared(Refused):
    """A post cites runs of its author that nobody else may see. `extra["runs"]` has their keys."""

    code = "runs-not-shared"

    def __init__(self, runs: list[str]) -> None:
        message = ngettext(
            "This post cites %(n)d run of yours that nobody else can see. Nothing was posted yet: "
            "agree to share it, or take it out of the text.",
            "This post cites %(n)d runs of yours that nobody else can see. Nothing was posted yet: "
            "agree to share them, or take them out of the text.",
            len(runs),
        )
        super().__init__(message % {"n": len(runs)}, runs=runs)


class PictureTooLarge(Refused):
    """An uploaded picture has too many bytes."""

    code = "picture-too-large"
    status = 413

    def __init__(self) -> None:
        text = _(
            "This picture is too large: at most %(n)s MB. Make it smaller, or save it as JPEG or "
            "WebP, and add that."
        )
        super().__init__(text % {"n": MAX_PICTURE_BYTES >> 20})


class TooManyPixels(Refused):
    """An uploaded picture has too many pixels."""

    code = "too-many-pixels"
    status = 422

    def __init__(self) -> None:
        text = _(
            "This picture has too many pixels: at most %(n)s million, such as 4000 by 4000. Make "
            "it smaller, and add that."
        )
        super().__init__(text % {"n": MAX_PICTURE_PIXELS // 1_000_000})


class NotAPicture(Refused):
    """An uploaded file is no picture of a format that is read."""

    code = "not-a-picture"
    status = 422

    def __init__(self) -> None:
        super().__init__(_("This file is not a picture in PNG, JPEG, WebP or GIF."))


class PictureDamaged(Refused):
    """An uploaded picture cannot be decoded."""

    code = "picture-damaged"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            _("This picture is damaged or incomplete. Save it again, and add the new file.")
        )


class TooManyPictures(Refused):
    """A person has stored as many bytes of pictures within a day as one may."""

    code = "too-many-pictures"
    status = 429

    def __init__(self, seconds: int) -> None:
        text = _("You have added %(n)s MB of pictures within a day, which is the most one may add.")
        super().__init__(text % {"n": MAX_PICTURE_BYTES_A_DAY >> 20})
        self.seconds = seconds


class PicturesAway(Refused):
    """The storage of pictures does not answer, or too many are being decoded."""

    code = "pictures-away"
    status = 503
    seconds = 10

    def __init__(self) -> None:
        super().__init__(
            _("Pictures cannot be read or stored right now. What you wrote is not affected.")
        )


# ---------------------------------------------------------------- brakes


class Muted(Refused):
    """A moderator has taken from the person, for a time, that they may write."""

    code = "muted"
    status = 403
    page_words = gettext_lazy("Reply to this decision")
    title = gettext_lazy("You cannot write at the moment")

    def __init__(self, *, until: datetime, reason: str, seconds: int, page: str) -> None:
        text = _(
            "You can read, but not write, until %(until)s. The reason: %(reason)s Your text was "
            "not saved; copy it if you need it."
        )
        day = date_format(localtime(until), "Y-m-d H:i")
        super().__init__(text % {"until": day, "reason": reason}, page=page)
        self.seconds = seconds


class TooManyPosts(Refused):
    """So many posts in so short a time are nobody's writing, or more than a new account may."""

    code = "too-many-posts"
    status = 429

    def __init__(self, message: str, *, seconds: int) -> None:
        super().__init__(message)
        self.seconds = seconds


class DuplicatePost(Refused):
    """The person has posted the same text lately. `extra["page"]` is where."""

    code = "duplicate-post"
    page_words = gettext_lazy("Show that post")

    def __init__(self, *, page: str) -> None:
        text = _("You have posted this text already. Link to that post instead of repeating it.")
        super().__init__(text, page=page)


class TooManyFlags(Refused):
    """A person has as many flags waiting as one may have."""

    code = "too-many-flags"
    status = 429

    def __init__(self, count: int) -> None:
        text = _("%(n)s of your flags still wait. Thank you; let the moderators read those first.")
        super().__init__(text % {"n": count})


# ---------------------------------------------------------------- moderation


class NotAModerator(Refused):
    """It takes the permission to moderate."""

    code = "not-a-moderator"
    status = 403
    title = gettext_lazy("You don't have access to this page")

    def __init__(self) -> None:
        super().__init__(_("Only moderators may do this. Nothing was changed."))


class BeyondModerator(Refused):
    """It concerns the moderator themselves, or somebody who may do more than they."""

    code = "beyond-moderator"
    status = 403
    title = gettext_lazy("Somebody else must decide this")


class PrivateRun(Refused):
    """A thread cannot be moved to be about a run that nobody but its owner can see."""

    code = "private-run"

    def __init__(self) -> None:
        super().__init__(
            _("Nobody else can see this run. Share it first, or move the thread elsewhere.")
        )


class AlreadyModerated(Refused):
    """Another moderator was quicker, or the author has acted: there is nothing left to do."""

    code = "already-moderated"


class ReasonMissing(Refused):
    """A moderator's action without a reason."""

    code = "reason-missing"
    status = 422

    def __init__(self) -> None:
        super().__init__(_("Say why: whom it concerns reads the reason. Nothing was changed."))


class CannotAppeal(Refused):
    """There is no appeal against this, or not any more."""

    code = "cannot-appeal"


class AlreadyAppealed(Refused):
    """One reply to an action is all there is."""

    code = "already-appealed"

    def __init__(self) -> None:
        super().__init__(_("You have replied to this already. A moderator reads your reply."))
