"""Fills a site with threads, posts, notices and moderation in every state, through the services
that people use. Needs the runs of `gallery`.

Noa moderates, and so does Uma, who decides what Noa may not; Ren is muted; Eve is new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from io import BytesIO
from uuid import UUID, uuid4

from django.contrib.auth.models import Group
from django.core.files.base import ContentFile

from apps.accounts.models import User
from apps.accounts.services import restore_roles
from apps.common.clock import now
from apps.discussions import services
from apps.discussions.models import ModerationAction, Post, Thread
from apps.discussions.subjects import GENERAL, find_subject
from apps.experiments.models import Run
from apps.experiments.services import set_run_visibility
from apps.notices.models import Kind
from apps.notices.unsubscribe_tokens import token_for

LONG_THREAD = 500  # posts
NO_RUN = "4f2a0000-0000-4000-8000-00000000beef"
QUESTION = """The answer of this question says that a dead unit never comes back. But with momentum
the bias still moves after the last gradient, so **couldn't it drift back** by itself?

With $b_{t+1} = b_t - \\eta m_t$ and $m_t = \\beta m_{t-1}$ it moves by
$\\eta\\beta/(1-\\beta)\\,m_0$ in all. This is what I ran:

```python
optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
for images, labels in loader:
    loss = cross_entropy(net(images), labels)
    loss.backward()
```

| rate | dead at the end | networks |
| ---: | ---: | ---: |
| 0.01 | 0.4% | 16 |
| 1.0 | 61% | 16 |

> A unit that is off for every image gets no gradient.

That is what I doubt."""


def cited_in(text: str) -> list[UUID]:
    """Return the runs that a text names, for who agrees to share them."""
    return [UUID(pk) for pk in re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)]


class Threads:
    """People, and what they write."""

    def __init__(self) -> None:
        restore_roles()
        uma = User.objects.create_user("uma@example.org", "uma")
        self.people = {person.handle: person for person in User.objects.all()}
        for moderator in (self.people["noa"], uma):
            moderator.groups.add(Group.objects.get(name="moderator"))

    def person(self, handle: str) -> User:
        return User.objects.get(pk=self.people[handle].pk)

    def start(
        self, handle: str, title: str, text: str, about: str = GENERAL, language: str = "en"
    ) -> Thread:
        author = self.person(handle)
        subject = find_subject(about, author)
        assert subject is not None, about
        return services.threads.start_thread(
            author=author,
            subject=subject,
            title=title,
            text=text,
            language=language,
            key=uuid4().hex,
            share=cited_in(f"{text} {about}"),
        )

    def reply(self, handle: str, thread: Thread, text: str, language: str = "en") -> Post:
        return services.posts.reply(
            author=self.person(handle),
            thread=thread,
            text=text,
            language=language,
            key=uuid4().hex,
            share=cited_in(text),
        )

    def edit(self, post: Post, text: str) -> Post:
        post = Post.objects.get(pk=post.pk)
        assert post.author is not None
        return services.posts.edit_post(
            author=post.author, post=post, text=text, edits=post.edits, share=cited_in(text)
        )

    def vote(self, post: Post, value: int, *handles: str) -> None:
        for handle in handles:
            services.votes.vote(user=self.person(handle), post=post, value=value)

    def flag(self, post: Post, handle: str, reason: str, text: str = "") -> None:
        services.flags.flag(flagger=self.person(handle), post=post, reason=reason, text=text)

    def hide(self, post: Post, reason: str) -> ModerationAction:
        return services.moderation.hide(moderator=self.person("noa"), post=post, reason=reason)

    def appeal(self, action: ModerationAction, text: str, *, is_reversed: bool | None) -> None:
        """Appeal against an action; have Uma decide it, unless it stays open."""
        assert action.person is not None
        appeal = services.appeals.appeal(person=action.person, action=action, text=text)
        if is_reversed is not None:
            services.appeals.decide(
                moderator=self.people["uma"],
                appeal=appeal,
                is_reversed=is_reversed,
                answer="It was a mistake of ours. We are sorry."
                if is_reversed
                else "We have looked at it again, and the decision stands.",
            )


def fill(runs: Mapping[str, Run]) -> dict[str, str]:
    """Make threads, posts, notices and what moderators did; return their keys by name."""
    threads = Threads()
    keys = _answered(threads, runs)
    keys |= _hidden(threads)
    keys |= _others(threads, runs)
    keys["mail"] = token_for(threads.people["mei"].pk, [Kind.MENTION, Kind.MODERATION])
    keys["stopped-mail"] = token_for(threads.people["kay"].pk)
    return keys


def _answered(threads: Threads, runs: Mapping[str, Run]) -> dict[str, str]:
    """A thread with what posts may show; those who write in it are new no more."""
    asked = threads.start("mei", "Can a dead unit come back?", QUESTION, "question:relu-pros-cons")
    shared = runs["shared"].pk
    answer = threads.reply(
        "ola",
        asked,
        "It could, and on these networks it does not. The curve stays where it is:\n\n"
        f"[point:{shared}/relu%200.1/dead/3]\n\n"
        f"and the verdict over sixteen seeds says so:\n\n[claim:dead-relu.lr-kills@{shared}]\n\n"
        ">! Momentum moves the bias by at most $\\eta\\beta/(1-\\beta)\\,m_0$, which is less than\n"
        ">! the distance to the nearest image.\n",
    )
    threads.vote(answer, 1, "mei", "sam", "kay")
    threads.vote(Post.objects.get(thread=asked, number=1), 1, "ola", "sam")
    quoted = threads.reply(
        "sam",
        asked,
        "> It could, and on these networks it does not.\n\n"
        "@mei with **Adam** the same holds; see `weight_decay`, and "
        "[the lab](/labs/dead-relu).",
    )
    quoted = threads.edit(quoted, quoted.text.replace("**Adam**", "AdamW"))
    threads.edit(quoted, quoted.text + "\n\nAnd here is what I have drawn:" + _picture(threads))
    threads.vote(quoted, 1, "ola")
    threads.vote(threads.reply("kay", asked, "Thanks, that was my doubt, too."), 1, "mei")
    services.threads.accept(user=threads.people["mei"], post=answer, accepted=True)
    return {"thread-answered": str(asked.pk)}


def _picture(threads: Threads) -> str:
    from PIL import Image

    data = BytesIO()
    Image.linear_gradient("L").resize((360, 120)).save(data, "PNG")
    picture = services.pictures.store_picture(
        owner=threads.people["sam"], file=ContentFile(data.getvalue())
    )
    return f"\n\n![a gradient from dark to light](/pictures/{picture.sha256}.{picture.format})"


def _hidden(threads: Threads) -> dict[str, str]:
    """Posts that moderators have to do with: flagged, waiting, hidden, deleted; and appeals."""
    noa = threads.people["noa"]
    thread = threads.start("ola", "Is bfloat16 enough for layer norm?", "Somebody must have tried.")
    hidden = threads.reply("kay", thread, "Whoever asks this has **not** read the paper.")
    deleted = threads.reply("sam", thread, "Never mind.")
    services.posts.delete_post(author=threads.people["sam"], post=deleted)
    threads.flag(hidden, "ola", "rude", "There was no need for that.")
    keys = {"thread-hidden": str(thread.pk)}
    attack = "It attacks a person. Criticise what was said, not who said it."
    keys["appeal-blank"] = str(threads.hide(hidden, attack).pk)
    threads.reply("eve", thread, "There is a table at https://example.com/bfloat16 of this.")
    for name, is_reversed in (("open", None), ("upheld", False), ("reversed", True)):
        post = threads.reply("kay", thread, f"A remark that stands alone, {name} to discussion.")
        action = threads.hide(post, "It belongs elsewhere: please ask in a thread about that.")
        threads.appeal(action, "It answers the question above.", is_reversed=is_reversed)
        keys[f"appeal-{name}"] = str(action.pk)
    flagged = threads.reply(
        "ren", thread, "You are all **wrong**, and this is why: [run:" + NO_RUN + "]"
    )
    for handle, reason, text in (
        ("mei", "rude", "Look at the tone."),
        ("sam", "rude", ""),
        ("kay", "other", "It cites a run that nobody can see."),
    ):
        threads.flag(flagged, handle, reason, text)
    until = now() + timedelta(days=7)
    muted = services.moderation.mute(
        moderator=noa, person=threads.people["ren"], until=until, reason=attack
    )
    keys["appeal-mute"] = str(muted.pk)
    return keys


def _others(threads: Threads, runs: Mapping[str, Run]) -> dict[str, str]:
    noa = threads.people["noa"]
    withdrawn, private = runs["wrong"].pk, runs["queued"].pk
    cited = [f"[run:{runs['right'].pk}]", f"[claim:dead-relu.one-negative-kills@{withdrawn}]"]
    cited += [f"[run:{private}]", f"[run:{NO_RUN}]", f"[run:{runs['dead-relu'].pk}]"]
    embeds = threads.start(
        "mei",
        "Which of these runs contradict each other?",
        "I compare these runs:\n\n" + "\n\n".join(cited),
        "lab:dead-relu",
    )
    set_run_visibility(run=Run.objects.get(pk=withdrawn), shared=False)
    threads.flag(
        threads.reply("ola", embeds, f"This one says it all:\n\n[run:{runs['shared'].pk}]"),
        "sam",
        "spoiler",
    )
    locked = threads.start("noa", "How we moderate here: please read this first", "Be kind.")
    services.moderation.lock(moderator=noa, thread=locked, reason="It only announces something.")
    waiting = threads.start(
        "eve", "A paper that nobody cites", "See https://example.com/paper.pdf."
    )
    threads.start(
        "mei", "Why does the recorded run need sixteen seeds?", "Eight look enough.",
        f"run:{runs['dead-relu'].pk}",
    )  # fmt: skip
    threads.start(
        "ola", "学习率为 1 时为什么曲线会分开？", "两次运行的结果不同，图上看得很清楚。",
        "claim:dead-relu.lr-kills", "zh",
    )  # fmt: skip
    moved = threads.start("sam", "Dead units in a leaky network", "Are there any?")
    about = find_subject("lab:dead-relu", noa)
    assert about is not None
    services.moderation.move(
        moderator=noa, thread=moved, subject=about, reason="It is about that lab."
    )
    long = threads.start("noa", "What did you learn this week? An open thread", "Tell us.")
    _write_many(long, [threads.people[handle] for handle in ("sam", "mei", "ola", "kay")])
    watched = threads.start("noa", "A thread that is watched", "Wait for it.")
    return {
        "thread-embeds": str(embeds.pk),
        "thread-locked": str(locked.pk),
        "thread-held": str(waiting.pk),
        "thread-long": str(long.pk),
        "thread-watched": str(watched.pk),
    }


def _write_many(thread: Thread, authors: list[User]) -> None:
    """Store many posts at once, as their services would have."""
    Post.objects.bulk_create(
        Post(
            thread=thread,
            number=number,
            author=authors[number % len(authors)],
            key=uuid4().hex,
            language="en",
            text=f"Lesson {number}",
            html=f"<p>Lesson {number}: predict first, then run.</p>",
        )
        for number in range(2, LONG_THREAD + 1)
    )
    Thread.objects.filter(pk=thread.pk).update(last_number=LONG_THREAD, replies=LONG_THREAD - 1)
