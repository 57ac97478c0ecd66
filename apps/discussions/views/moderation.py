"""Pages about moderation: the flag of a post, the queue, the log, who is muted, and the appeal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.errors import BadRequest
from apps.common.listing import chosen_filters, filter_words, page_of
from apps.common.redirects import next_path
from apps.discussions import moderation_presenters as presenters
from apps.discussions import services
from apps.discussions.limits import QUEUE_PER_PAGE
from apps.discussions.models import Appeal, Flag, Language, ModerationAction, Post, State, Thread
from apps.discussions.moderation_forms import (
    AppealForm,
    DecisionForm,
    FlagForm,
    PersonActionForm,
    PostActionForm,
    ThreadActionForm,
)
from apps.discussions.selectors import is_folded, readable_post
from apps.discussions.selectors import moderation as selectors
from apps.discussions.subjects import find_subject
from apps.discussions.views.thread_page import giving_text_back, signed_in
from apps.experiments.reader import reader_of

QUEUE_FILTERS = ("show", "reason", "language")
LOG_FILTERS = ("person", "kind")
LOG_PER_PAGE = 30
moderators_only = permission_required("discussions.moderate", raise_exception=True)


# ---------------------------------------------------------------- what everybody may


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def flag(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    with giving_text_back(request):
        post = readable_post(request.user, pk, number)
    form = FlagForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        services.flags.flag(flagger=signed_in(request), post=post, **form.cleaned_data)
        messages.success(request, _("Thank you. A moderator will read it."))
        return redirect(post)
    is_own = post.author_id == request.user.pk
    context = {
        "post": post,
        # it may give the answer away
        "html": "" if is_folded(request.user, post.thread) else _post_html(request, post),
        "form": form,
        "is_own": is_own,
        "can_be_flagged": post.state == State.PUBLISHED and not is_own,
    }
    return render(request, "discussions/flag.html", context, status=_status(form))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def appeal(request: HttpRequest, pk: int) -> HttpResponse:
    """Show somebody what a moderator did with what is theirs, and take their one reply. Notices of
    every kind of action lead here.
    """
    action = selectors.action_about(signed_in(request), pk)
    earlier = getattr(action, "appeal", None)
    post = action.own_post
    form = AppealForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        services.appeals.appeal(
            person=signed_in(request), action=action, text=form.cleaned_data["text"]
        )
        messages.success(request, _("Thank you. A moderator reads your reply."))
        return redirect("discussions:appeal", pk=pk)
    context = {
        "action": action,
        "what": presenters.what_was_done(action),
        "appeal": earlier,
        "post": post,
        "html": _post_html(request, post) if post else "",
        "form": form,
        "is_in_force": selectors.is_in_force(action),
        "is_appealable": action.kind in selectors.APPEALABLE,
    }
    return render(request, "discussions/appeal.html", context, status=_status(form))


def _post_html(request: HttpRequest, post: Post) -> SafeString:
    """Return a post as its reader sees it, for a page of its own."""
    return presenters.post_html(post, reader_of(request), request.path)


def _status(form: FlagForm | AppealForm) -> int:
    return 422 if form.errors else 200


# ---------------------------------------------------------------- what moderators see


@require_safe
@login_required
@moderators_only
def queue(request: HttpRequest) -> HttpResponse:
    chosen = chosen_filters(request, QUEUE_FILTERS)
    of_all = {name: chosen[name] for name in ("reason", "language")}
    waiting = selectors.waiting(**of_all)
    count = waiting.of(chosen["show"])
    page = page_of(request, selectors.queue(**chosen), QUEUE_PER_PAGE, count=count)
    kinds = [
        (selectors.FLAGGED, _("flagged")),
        (selectors.PENDING, _("awaiting approval")),
        (selectors.APPEALED, _("appeals")),
    ]
    context = {
        "page": page,
        "items": presenters.queue_items(page, reader_of(request), request.get_full_path()),
        "waiting": waiting,
        "chosen": chosen,
        "filtered": filter_words(
            chosen, show=kinds, reason=Flag.Reason.choices, language=Language.choices
        ),
        "kinds": kinds,
        "reasons": Flag.Reason.choices,
        "languages": Language.choices,
    }
    return render(request, "discussions/moderation.html", context, status=page.status)


@require_safe
@login_required
@moderators_only
def log(request: HttpRequest) -> HttpResponse:
    chosen = chosen_filters(request, LOG_FILTERS)
    page = page_of(request, selectors.log(**chosen), LOG_PER_PAGE)
    context = {
        "page": page,
        "chosen": chosen,
        "filtered": filter_words(chosen, kind=ModerationAction.Kind.choices),
        "kinds": ModerationAction.Kind.choices,
    }
    return render(request, "discussions/moderation_log.html", context, status=page.status)


@require_safe
@login_required
@moderators_only
def mutes(request: HttpRequest) -> HttpResponse:
    page = page_of(request, selectors.current_mutes(), LOG_PER_PAGE)
    context = {"page": page}
    return render(request, "discussions/moderation_mutes.html", context, status=page.status)


# ---------------------------------------------------------------- what moderators do


@login_required
@moderators_only
@require_http_methods(["GET", "HEAD", "POST"])
def post(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Show one post with all that can be done about it, and do it."""
    post = _post(request, pk, number)
    if request.method != "POST":
        item = presenters.post_item(post, reader_of(request), request.path)
        actions = post.actions.select_related("moderator", "person", "appeal")[:LOG_PER_PAGE]
        context = {
            "item": item,
            "post": post,
            "actions": actions,
            "mute_days": presenters.mute_choices(),
        }
        return render(request, "discussions/moderation_post.html", context)
    form = PostActionForm.read(request.POST)
    do = {
        "hide": services.moderation.hide,
        "restore": services.moderation.restore,
        "approve": services.moderation.approve,
        "reject": services.moderation.reject,
        "dismiss": services.moderation.dismiss,
    }[form.cleaned_data["action"]]
    reason = form.reason(language=_language(post.author, post))
    return _done(request, do(moderator=signed_in(request), post=post, reason=reason))


@require_POST
@login_required
@moderators_only
def thread(request: HttpRequest, pk: int) -> HttpResponse:
    """Lock, unlock or move a thread."""
    thread = get_object_or_404(Thread.objects.select_related("author"), pk=pk)
    form = ThreadActionForm.read(request.POST)
    action = form.cleaned_data["action"]
    number = form.cleaned_data["post"]
    more: dict[str, Any] = {
        "moderator": signed_in(request),
        "thread": thread,
        "reason": form.reason(language=_language(thread.author, thread)),
    }
    if action == "unlock":
        return _done(request, services.moderation.unlock(**more))
    more["post"] = _post(request, pk, number) if number else None
    if action == "lock":
        return _done(request, services.moderation.lock(**more))
    subject = find_subject(form.cleaned_data["subject"].strip(), signed_in(request))
    if subject is None:
        raise BadRequest(
            _(
                "There is no such subject. Write question:…, lab:…, run:… or claim:… as an address "
                "names it, or general."
            )
        )
    return _done(request, services.moderation.move(subject=subject, **more))


@require_POST
@login_required
@moderators_only
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """Mute a person for some days, or lift their mutes."""
    person = get_object_or_404(User, pk=pk)
    form = PersonActionForm.read(request.POST)
    chosen = form.cleaned_data
    thread, number = chosen["thread"], chosen["post"]
    post = _post(request, thread, number) if thread and number else None
    more: dict[str, Any] = {
        "moderator": signed_in(request),
        "person": person,
        "reason": form.reason(language=_language(person, post)),
    }
    if chosen["action"] == "unmute":
        return _done(request, services.moderation.unmute(**more))
    until = now() + timedelta(days=int(chosen["days"]))
    return _done(request, services.moderation.mute(until=until, post=post, **more))


@require_POST
@login_required
@moderators_only
def decision(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide an appeal."""
    appeals = Appeal.objects.select_related("action__post", "action__person", "person")
    appeal = get_object_or_404(appeals, pk=pk)
    form = DecisionForm.read(request.POST)
    services.appeals.decide(
        moderator=signed_in(request),
        appeal=appeal,
        is_reversed=form.cleaned_data["outcome"] == Appeal.Outcome.REVERSED,
        answer=form.reason(language=_language(appeal.person, appeal.action.post)),
    )
    messages.success(request, _("Decided. Whoever appealed reads your answer."))
    return redirect(next_path(request, reverse("discussions:moderation")))


def _post(request: HttpRequest, pk: int, number: int) -> Post:
    """Return a post in any state. Raises Http404: there is none."""
    post = Post.objects.filter(thread=pk, number=number).values_list("pk", flat=True).first()
    posts = selectors.posts_to_decide([post], signed_in(request)) if post else {}
    if not posts:
        raise Http404("No such post.")
    return next(iter(posts.values()))


def _language(person: User | None, of: Post | Thread | None) -> str:
    """Return the language in which a reason is written: of whom it concerns."""
    return (person.language if person else "") or (of.language if of else "") or "en"


def _done(request: HttpRequest, action: ModerationAction) -> HttpResponse:
    text = _("Done: %(what)s. Whom it concerns reads the reason.")
    messages.success(request, text % {"what": action.get_kind_display()})
    return redirect(next_path(request, reverse("discussions:moderation")))
