"""Threads and their posts, what posts cite, votes, who follows, and what moderators did.

Nothing that people wrote is destroyed but by themselves: a hidden post keeps its text, a deleted
one its place. What moderators do is a log that is only added to (a trigger, migration 0002).
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import MD5, Lower
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.common.clock import Clock
from apps.discussions.limits import (
    MAX_KEY_LENGTH,
    MAX_REASON_LENGTH,
    MAX_TEXT_LENGTH,
    MAX_TITLE_LENGTH,
)
from apps.experiments.models import Lab, Run
from apps.questions.limits import MAX_CLAIM_LENGTH
from apps.questions.models import Question

USER_MODEL = settings.AUTH_USER_MODEL


class Language(models.TextChoices):
    ENGLISH = "en", "English"
    CHINESE = "zh", "中文"


class State(models.TextChoices):
    """Of a thread and of a post. Only what is published is read by everybody."""

    PUBLISHED = "published", pgettext_lazy("post", "published")
    PENDING = "pending", pgettext_lazy("post", "awaits approval")
    HIDDEN = "hidden", pgettext_lazy("post", "hidden by a moderator")
    DELETED = "deleted", pgettext_lazy("post", "deleted by its author")


# ---------------------------------------------------------------- threads and posts


class ThreadQuerySet(models.QuerySet["Thread"]):
    def published(self) -> ThreadQuerySet:
        return self.filter(state=State.PUBLISHED)


class Thread(models.Model):
    """A discussion about a question, a lab, a run, a claim, or nothing in particular. Its first
    post is what its author asks or says.
    """

    class About(models.TextChoices):
        QUESTION = "question", _("question")
        LAB = "lab", _("lab")
        RUN = "run", _("run")
        CLAIM = "claim", _("claim")
        GENERAL = "general", pgettext_lazy("thread", "in general")

    title = models.CharField(max_length=MAX_TITLE_LENGTH)
    about = models.CharField(max_length=16, choices=About)
    # of these at most the one that `about` names; NULL: it is gone
    question = models.ForeignKey(Question, models.SET_NULL, null=True, related_name="threads")
    lab = models.ForeignKey(Lab, models.SET_NULL, null=True, related_name="threads")
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="threads")
    claim = models.CharField(max_length=MAX_CLAIM_LENGTH, blank=True)  # lab.claim
    language = models.CharField(max_length=8, choices=Language)
    author = models.ForeignKey(USER_MODEL, models.SET_NULL, null=True, related_name="threads")
    key = models.CharField(max_length=MAX_KEY_LENGTH)  # idempotency key, unique with the author
    state = models.CharField(max_length=16, choices=State, default=State.PUBLISHED)
    locked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Clock())
    # of the published posts after the first: how many, and when the newest came
    replies = models.PositiveIntegerField(default=0)
    last_post_at = models.DateTimeField(db_default=Clock())
    last_number = models.PositiveIntegerField(default=0)  # of its posts, whatever their state
    score = models.IntegerField(default=0)  # of its first post, for the order "best"
    accepted = models.ForeignKey("Post", models.SET_NULL, null=True, related_name="+")
    accepted_by = models.ForeignKey(USER_MODEL, models.SET_NULL, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    search = SearchVectorField(null=True)  # of the title: `search_words.vector`

    objects = ThreadQuerySet.as_manager()

    class Meta:
        verbose_name = _("thread")
        verbose_name_plural = _("threads")
        default_permissions = ("view",)
        permissions = [
            ("moderate", "Can hide, restore, lock and move threads and posts, and mute people")
        ]
        ordering = ["-last_post_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["author", "key"], name="a_key_makes_one_thread"),
            models.CheckConstraint(
                condition=(Q(about="question") | Q(question=None))
                & (Q(about="lab") | Q(lab=None))
                & (Q(about="run") | Q(run=None))
                & (Q(about="claim") ^ Q(claim="")),
                name="a_thread_is_about_one_thing",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-last_post_at", "-id"], name="threads_by_activity"),
            models.Index(fields=["state", "-created_at", "-id"], name="threads_by_age"),
            models.Index(fields=["state", "-score", "-id"], name="threads_by_score"),
            models.Index(
                fields=["-last_post_at", "-id"],
                condition=Q(state="published", replies=0, accepted=None),
                name="threads_unanswered",
            ),
            models.Index(fields=["claim"], condition=~Q(claim=""), name="threads_by_claim"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("discussions:thread", args=[self.pk])

    @property
    def is_locked(self) -> bool:
        return self.locked_at is not None

    @property
    def is_answered(self) -> bool:
        return self.accepted_id is not None


def fingerprint(text: Combinable) -> MD5:
    """Return the expression by which texts are compared (brakes): case, spaces and characters that
    nobody sees do not count.
    """
    unseen = Value("[\\s\\u00ad\\u200b-\\u200f\\u2060\\ufeff]+")
    options = (Value(""), Value("g"))
    seen = Func(text, unseen, *options, function="regexp_replace", output_field=TextField())
    return MD5(Lower(seen))


class PostQuerySet(models.QuerySet["Post"]):
    def published(self) -> PostQuerySet:
        return self.filter(state=State.PUBLISHED)

    def rendered_otherwise(self, version: str) -> PostQuerySet:
        """Posts whose HTML is of another version; two ranges, which an index finds at once. A
        deleted post has none.
        """
        return self.filter(
            Q(html_version__gt="", html_version__lt=version) | Q(html_version__gt=version)
        )


class Post(models.Model):
    """One contribution to a thread, numbered within it from 1. The text is Markdown with TeX; its
    HTML has a marker for each citation, which is filled in for each reader (`embeds`).
    """

    thread = models.ForeignKey(Thread, models.CASCADE, related_name="posts")
    number = models.PositiveIntegerField()
    author = models.ForeignKey(USER_MODEL, models.SET_NULL, null=True, related_name="posts")
    key = models.CharField(max_length=MAX_KEY_LENGTH)  # idempotency key, unique with the author
    state = models.CharField(max_length=16, choices=State, default=State.PUBLISHED)
    language = models.CharField(max_length=8, choices=Language)
    text = models.TextField(max_length=MAX_TEXT_LENGTH, blank=True)  # empty: deleted
    html = models.TextField(blank=True)
    html_version = models.CharField(max_length=32, blank=True)  # `post_markdown.version`
    created_at = models.DateTimeField(db_default=Clock())
    # when it could first be read; NULL: never yet. What is approved again is not announced again
    published_at = models.DateTimeField(null=True, db_default=Clock())
    edited_at = models.DateTimeField(null=True)  # NULL: never
    edits = models.PositiveIntegerField(default=0)  # counted, so that of two at once one is refused
    score = models.IntegerField(default=0)  # sum of its votes; pages show no less than 0
    search = SearchVectorField(null=True)  # `search_words.vector`; NULL unless it is published

    objects = PostQuerySet.as_manager()

    class Meta:
        verbose_name = _("post")
        verbose_name_plural = _("posts")
        default_permissions = ("view",)
        ordering = ["thread", "number"]
        constraints = [
            models.UniqueConstraint(fields=["thread", "number"], name="posts_are_numbered"),
            models.UniqueConstraint(fields=["author", "key"], name="a_key_makes_one_post"),
            models.CheckConstraint(
                condition=~Q(state="deleted") | Q(text="", html="", search=None),
                name="nothing_is_left_of_a_deleted_post",
            ),
        ]
        indexes = [
            models.Index(fields=["author", "-created_at"], name="posts_of_a_person"),
            models.Index(
                fields=["created_at"], condition=Q(state="pending"), name="posts_that_wait"
            ),
            models.Index(fields=["html_version"], name="posts_by_html_version"),
            models.Index(fingerprint(F("text")), name="posts_by_fingerprint"),
            models.Index(
                fields=["author"], condition=Q(state="hidden"), name="hidden_posts_of_a_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.thread_id}.{self.number}"

    def get_absolute_url(self) -> str:
        """Return its permalink, which finds the page of the thread that has it."""
        return reverse("discussions:post", args=[self.thread_id, self.number])

    @cached_property
    def address(self) -> str:
        """Its permalink, looked up once: what one may do with a post is below it (`urls`), and a
        page has nine such addresses for each of thirty posts.
        """
        return self.get_absolute_url()

    @property
    def anchor(self) -> str:
        return f"post-{self.number}"

    @property
    def shown_score(self) -> int:
        return max(self.score, 0)


class ThreadWords(models.Model):
    """What a search finds a thread by: every word of its title and of its published posts, once
    and without places. A table of its own, since each change of an indexed row indexes all its
    words again, and a thread's counters change with every vote.
    """

    thread = models.OneToOneField(Thread, models.CASCADE, primary_key=True, related_name="words")
    search = SearchVectorField()

    class Meta:
        verbose_name = _("words of a thread")
        verbose_name_plural = _("words of threads")
        default_permissions = ()
        indexes = [GinIndex(fields=["search"], name="threads_by_words")]

    def __str__(self) -> str:
        return str(self.thread_id)


class PostRevision(models.Model):
    """What a post said before an edit. Deleted with the post's text."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()  # from 0, the text as it was first posted
    text = models.TextField(max_length=MAX_TEXT_LENGTH)
    written_at = models.DateTimeField()
    # of the post when this was replaced: what was hidden then, or waited, stays so
    state = models.CharField(
        max_length=16, choices=State, default=State.PUBLISHED, db_default=State.PUBLISHED.value
    )

    class Meta:
        verbose_name = _("earlier text of a post")
        verbose_name_plural = _("earlier texts of posts")
        default_permissions = ("view",)
        ordering = ["post", "number"]
        constraints = [
            models.UniqueConstraint(fields=["post", "number"], name="post_revisions_are_numbered")
        ]

    def __str__(self) -> str:
        return f"{self.post_id} #{self.number}"


class Citation(models.Model):
    """Evidence in a post: a run, what a run says of a claim, or one point of a curve."""

    class Kind(models.TextChoices):
        RUN = "run", _("run")
        CLAIM = "claim", _("verdict")
        POINT = "point", _("point of a curve")

    post = models.ForeignKey(Post, models.CASCADE, related_name="citations")
    position = models.PositiveSmallIntegerField()  # from 0, as its marker in the HTML has it
    kind = models.CharField(max_length=8, choices=Kind)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="citations")
    cited = models.UUIDField()  # the run's key as it was written; the run may be gone
    claim = models.CharField(max_length=MAX_CLAIM_LENGTH, blank=True)
    # of a point; `step` as it was written, since steps are numbers of any size
    arm = models.CharField(max_length=200, blank=True)
    series = models.CharField(max_length=200, blank=True)
    step = models.CharField(max_length=40, blank=True)

    class Meta:
        verbose_name = _("citation")
        verbose_name_plural = _("citations")
        default_permissions = ("view",)
        ordering = ["post", "position"]
        constraints = [
            models.UniqueConstraint(fields=["post", "position"], name="citations_have_places")
        ]

    def __str__(self) -> str:
        return f"{self.post_id}: {self.kind} {self.cited}"


class Vote(models.Model):
    """One person's vote on a post: up or down."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="votes")
    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="votes")
    value = models.SmallIntegerField()
    created_at = models.DateTimeField(db_default=Clock())

    class Meta:
        verbose_name = _("vote")
        verbose_name_plural = _("votes")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["post", "user"], name="one_vote_each"),
            models.CheckConstraint(condition=Q(value__in=[1, -1]), name="a_vote_is_up_or_down"),
        ]

    def __str__(self) -> str:
        return f"{self.post_id}: {self.value:+}"


class Follow(models.Model):
    """Whether a person hears of new posts in a thread. Who writes in it follows it, until they mute
    it.
    """

    thread = models.ForeignKey(Thread, models.CASCADE, related_name="follows")
    user = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="follows")
    is_muted = models.BooleanField(default=False)  # nothing of the thread is notified, mentions too
    created_at = models.DateTimeField(db_default=Clock())

    class Meta:
        verbose_name = _("follower of a thread")
        verbose_name_plural = _("followers of threads")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["thread", "user"], name="a_thread_is_followed_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.thread_id}"


# ---------------------------------------------------------------- pictures


class Picture(models.Model):
    """An uploaded picture, re-encoded without metadata; the file is named by the hash of what is
    in it. Pictures that no post shows are deleted after a day.
    """

    class Format(models.TextChoices):
        PNG = "png", "PNG"
        JPEG = "jpeg", "JPEG"
        WEBP = "webp", "WebP"

    sha256 = models.CharField(max_length=64, primary_key=True)  # of the file as it is stored
    owner = models.ForeignKey(USER_MODEL, models.SET_NULL, null=True, related_name="pictures")
    format = models.CharField(max_length=8, choices=Format)
    size_bytes = models.PositiveIntegerField()
    width = models.PositiveIntegerField()  # px
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Clock())
    posts = models.ManyToManyField(Post, related_name="pictures")  # that show it
    unused_since = models.DateTimeField(null=True, db_default=Clock())  # NULL: a post shows it
    # a post has shown it, and none does any more: its author took it away, so nobody else sees it
    is_withdrawn = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        default_permissions = ("view",)
        indexes = [
            models.Index(
                fields=["unused_since"],
                condition=Q(unused_since__isnull=False),
                name="pictures_no_post_shows",
            ),
            models.Index(fields=["owner", "created_at"], name="pictures_of_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]}.{self.format}"


# ---------------------------------------------------------------- moderation


class Flag(models.Model):
    """Somebody's word to the moderators that a post is not as it should be."""

    class Reason(models.TextChoices):
        SPAM = "spam", _("Spam or advertising")
        RUDE = "rude", _("Rude or harassing")
        SPOILER = "spoiler", _("Gives an answer away without a fold")
        OFF_TOPIC = "off-topic", _("Belongs elsewhere")
        OTHER = "other", _("Something else")

    post = models.ForeignKey(Post, models.CASCADE, related_name="flags")
    flagger = models.ForeignKey(USER_MODEL, models.SET_NULL, null=True, related_name="flags")
    reason = models.CharField(max_length=16, choices=Reason)
    text = models.TextField(max_length=MAX_REASON_LENGTH, blank=True)
    created_at = models.DateTimeField(db_default=Clock())
    # what was done about it; NULL: it waits
    action = models.ForeignKey("ModerationAction", models.SET_NULL, null=True, related_name="flags")

    class Meta:
        verbose_name = _("flag")
        verbose_name_plural = _("flags")
        default_permissions = ("view",)
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["post", "flagger"],
                condition=Q(action=None),
                name="one_waiting_flag_of_a_person",
            )
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(action=None), name="flags_that_wait")
        ]

    def __str__(self) -> str:
        return f"{self.post_id}: {self.reason}"


class ModerationAction(models.Model):
    """One thing that a moderator did, with the reason that its author sees. Only added to."""

    class Kind(models.TextChoices):
        HIDE = "hide", pgettext_lazy("moderation", "hidden")
        RESTORE = "restore", _("restored")
        APPROVE = "approve", _("approved")
        REJECT = "reject", _("not approved")
        LOCK = "lock", _("locked")
        UNLOCK = "unlock", _("unlocked")
        MOVE = "move", _("moved")
        MUTE = "mute", _("muted")
        UNMUTE = "unmute", _("unmuted")
        DISMISS = "dismiss", _("flags dismissed")

    kind = models.CharField(max_length=16, choices=Kind)
    # NULL: a rule of the site, or the account is gone
    moderator = models.ForeignKey(USER_MODEL, models.SET_NULL, null=True, related_name="+")
    thread = models.ForeignKey(Thread, models.SET_NULL, null=True, related_name="actions")
    post = models.ForeignKey(Post, models.SET_NULL, null=True, related_name="actions")
    # whose thread or post it was, or who was muted; who may appeal
    person = models.ForeignKey(USER_MODEL, models.SET_NULL, null=True, related_name="+")
    reason = models.TextField(max_length=MAX_REASON_LENGTH)
    at = models.DateTimeField(db_default=Clock())
    details = models.JSONField(default=dict)  # of a move: from and to; of a mute: until when

    class Meta:
        verbose_name = _("moderation action")
        verbose_name_plural = _("moderation log")
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [models.Index(fields=["person", "-id"], name="moderation_of_a_person")]

    def __str__(self) -> str:
        return f"{self.kind} {self.post_id or self.thread_id or self.person_id}"

    @property
    def own_post(self) -> Post | None:
        """The post, if it is of whom the action concerns: a thread is locked, or a person muted,
        for the sake of a post that may be somebody else's.
        """
        return self.post if self.post and self.post.author_id == self.person_id else None


class Appeal(models.Model):
    """The one reply of whom a moderator's action concerns."""

    class Outcome(models.TextChoices):
        OPEN = "open", pgettext_lazy("appeal", "open")
        UPHELD = "upheld", _("the action stands")
        REVERSED = "reversed", _("the action was reversed")

    action = models.OneToOneField(ModerationAction, models.CASCADE, related_name="appeal")
    person = models.ForeignKey(USER_MODEL, models.SET_NULL, null=True, related_name="+")
    text = models.TextField(max_length=MAX_REASON_LENGTH)
    created_at = models.DateTimeField(db_default=Clock())
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.OPEN)
    answer = models.TextField(max_length=MAX_REASON_LENGTH, blank=True)
    decided_by = models.ForeignKey(USER_MODEL, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        default_permissions = ("view",)
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome="open") ^ Q(decided_at__isnull=False),
                name="an_appeal_is_open_or_decided",
            )
        ]

    def __str__(self) -> str:
        return f"{self.action_id}: {self.outcome}"


class Mute(models.Model):
    """A time in which a person may read, but not write in threads."""

    person = models.ForeignKey(USER_MODEL, models.CASCADE, related_name="mutes")
    action = models.OneToOneField(ModerationAction, models.CASCADE, related_name="mute")
    started_at = models.DateTimeField(db_default=Clock())
    ends_at = models.DateTimeField()  # moved forward when it is lifted

    class Meta:
        verbose_name = _("mute")
        verbose_name_plural = _("mutes")
        default_permissions = ("view",)
        ordering = ["-ends_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gte=F("started_at")), name="a_mute_ends_after_it_starts"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person_id}"
