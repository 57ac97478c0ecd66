"""2,000 threads with 200,000 posts, and what belongs to them: for `benchmarks/threads.py`.

Texts are put together of a few hundred pieces, which the real renderer has rendered and the
database has indexed; a post is one or two pieces and a line of its own. What the services count is
counted here by the same rules, in SQL.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
django.setup()

from django.contrib.auth.models import Group  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.accounts.services import restore_roles  # noqa: E402
from apps.common import clock  # noqa: E402
from apps.discussions import citations, post_markdown, search_words, services  # noqa: E402
from apps.discussions.models import Post, Thread  # noqa: E402
from apps.experiments import lab_config  # noqa: E402
from apps.experiments.models import Batch, Claim, OpenedVerdict, Run, Verdict  # noqa: E402
from apps.questions.models import Question  # noqa: E402

THREADS, POSTS, PEOPLE = 2_000, 200_000, 2_500
RUNS = 12  # shared ones, besides those that are recorded
LONG, FOLLOWERS = 500, 2_000  # posts of the first thread, and who follows it
ALONE = 300  # threads without a reply
RARE = {"en": "quokka", "zh": "鸭嘴兽"}  # a word of one piece each
SEED = 7

ENGLISH = (
    "loss gradient step rate warm-up batch norm weight decay layer head attention mask token seed "
    "replicate width depth dropout optimizer momentum variance bias label noise curve plateau epoch"
    " schedule clip logit softmax entropy prior posterior sample interval claim verdict run lab "
    "initialization residual kernel cache shard precision overflow underflow memory bandwidth"
)
FILLER = (
    "the a of with without because when after before while it that this does not seems to grow "
    "shrink stall diverge converge match differ repeat measure compare expect observe explain"
)
CHINESE = (
    "梯度 损失 学习率 批归一化 权重衰减 注意力 掩码 随机种子 宽度 深度 随机失活 优化器 动量 "
    "方差 偏差 标签 噪声 曲线 平台期 轮次 裁剪 先验 后验 采样 区间 结论 实验 初始化 残差 缓存"
)
JOINTS = "会 不会 因为 所以 如果 那么 在 之后 之前 比 更 仍然 没有 看到 说明 可能 需要"
SYLLABLES = "ba co de fi gu ha ki lo me na po ru sa ti vo wex yan zor"


# ---------------------------------------------------------------- texts


class Writer:
    """Writes texts, the same ones each time."""

    def __init__(self) -> None:
        self.chance = random.Random(SEED)
        self.chinese, self.joints, self.fillers = CHINESE.split(), JOINTS.split(), FILLER.split()
        syllables = SYLLABLES.split()
        names = ["".join(self.chance.choices(syllables, k=3)) for _ in range(3_000)]
        self.words = [*ENGLISH.split(), *names]
        self.weights = [1 / (place + 5) for place in range(len(self.words))]

    def sentence(self, language: str) -> str:
        if language == "zh":
            parts = [
                self.chance.choice(self.chinese) + self.chance.choice(self.joints)
                for _ in range(self.chance.randint(4, 9))
            ]
            return "".join(parts) + self.chance.choice(self.chinese) + "。"
        count = self.chance.randint(6, 12)
        nouns = self.chance.choices(self.words, self.weights, k=count)
        words = [word for noun in nouns for word in (self.chance.choice(self.fillers), noun)]
        return " ".join(words).capitalize() + "."

    def title(self, language: str) -> str:
        if language == "zh":
            cause, effect = self.chance.choices(self.chinese, k=2)
            return f"为什么{cause}会影响{effect}？"
        first, second, third = self.chance.choices(self.words, self.weights, k=3)
        return f"Why does the {first} of a {second} change the {third}?"

    def paragraphs(self, language: str, count: int) -> str:
        joint = "" if language == "zh" else " "
        return "\n\n".join(
            joint.join(self.sentence(language) for _ in range(self.chance.randint(1, 4)))
            for _ in range(count)
        )


FORMULA = "With $\\eta = {n} \\cdot 10^{{-3}}$:\n\n$$\\frac{{1}}{{n}}\\sum_{{i=1}}^{{{n}}} w_i^2$$"
CODE = (
    "```python\nfor step in range({n}):\n    loss = model(batch).mean()\n    loss.backward()\n```"
)
TABLE = "| width | loss |\n| --- | --- |\n| {n} | 0.3 |\n| 64 | 0.2 |"
FOLD = ">! It has to do with step {n}.\n>! And with $x^{{{n}}}$."
LIST = "- first {n}\n- then `norm`\n- **then** the rest"
EXTRAS = (FORMULA, CODE, TABLE, FOLD, LIST)


def texts(writer: Writer, cited: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield language, text, and whether it begins a post (as what cites a run does)."""
    for n in range(240):
        language = "zh" if n % 3 == 2 else "en"
        text = writer.paragraphs(language, 1 + n % 3)
        if n % 4 == 0:
            text += "\n\n" + EXTRAS[n // 4 % len(EXTRAS)].format(n=n + 2)
        cites = n % 12 in (3, 5)  # one of each language
        if cites:
            text += "\n\n" + cited[n // 12 % len(cited)]
        if n in (10, 11):
            text += f"\n\n{RARE[language]}"
        yield language, text, cites


def citations_of(run: Run, place: int) -> list[str]:
    claims = run.version.words["order"]["claims"]
    return [
        citations.cite_run(run),
        citations.cite_claim(claims[place % len(claims)], run),
        citations.cite_point(run, "relu 0.3", "dead", 0),
    ]


# ---------------------------------------------------------------- tables


def execute(sql: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def make_people() -> None:
    restore_roles()
    for handle in ("ada", "eve"):
        User.objects.get(handle=handle).groups.add(Group.objects.get(name="moderator"))
    User.objects.bulk_create(
        User(
            email=f"person-{n}@example.org",
            canonical_email=f"person-{n}@example.org",
            handle=f"person-{n}",
            password="!",
        )
        for n in range(PEOPLE)
    )


def make_runs() -> None:
    """Store runs like the recorded one, at other settings, which people have shared."""
    recorded = Run.objects.get(version__lab="dead-relu")
    batches, verdicts = list(recorded.batches.all()), list(recorded.verdicts.all())
    for number, owner in enumerate(User.objects.filter(handle__startswith="person-")[:RUNS]):
        run = Run.objects.get(pk=recorded.pk)
        run.pk, run._state.adding, run.owner, run.at_defaults = uuid.uuid4(), True, owner, False
        run.config = {**run.config, "depth": 2 + number}
        run.config_hash = lab_config.config_hash(run.config)
        run.save(force_insert=True)
        for row in (*batches, *verdicts):
            row.pk, row.run = None, run
        Batch.objects.bulk_create(batches)
        Verdict.objects.bulk_create(verdicts)


def make_pieces(writer: Writer) -> None:
    """Render the pieces, and index them, as posts of a thread that goes again."""
    runs = Run.objects.filter(shared=True, version__lab="dead-relu")
    runs = runs.select_related("version__words_row")
    cited = [form for place, run in enumerate(runs) for form in citations_of(run, place)]
    writer.chance.shuffle(cited)
    thread = Thread.objects.create(title="Pieces", about="general", language="en", key="pieces")
    pieces = list(texts(writer, cited))
    htmls = [post_markdown.render_post(text) for _language, text, _cites in pieces]
    Post.objects.bulk_create(
        Post(
            thread=thread,
            number=number,
            key=str(number),
            language=language,
            text=text,
            html=html.html,
            edits=int(cites),
            search=search_words.vector(text),
        )
        for number, ((language, text, cites), html) in enumerate(zip(pieces, htmls, strict=True))
    )
    execute(
        """
        CREATE TEMP TABLE piece AS
        SELECT row_number() OVER (PARTITION BY language, edits ORDER BY number) - 1 AS place,
               count(*) OVER (PARTITION BY language, edits) AS pieces,
               number, language, text, html, search, edits = 1 AS cites
        FROM discussions_post;
        CREATE UNIQUE INDEX ON piece (language, cites, place);
        CREATE TEMP TABLE piece_citation (piece int, position int, kind text, run_id uuid,
                                          claim text, arm text, series text, step text);
        """
    )
    rows = [
        [number, at, one.kind, one.run, one.claim, one.arm, one.series, one.step]
        for number, html in enumerate(htmls)
        for at, one in enumerate(html.citations)
    ]
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * 8)
        cursor.executemany(f"INSERT INTO piece_citation VALUES ({marks})", rows)
    thread.delete()


def sizes() -> list[int]:
    """Return how many posts each thread has: a few have very many, most have dozens."""
    weights = [(place + 20) ** -0.8 for place in range(THREADS - ALONE - 1)]
    left = POSTS - LONG - ALONE
    many = [max(2, round(left * weight / sum(weights))) for weight in weights]
    many[0] += left - sum(many)
    return [LONG, *many, *[1] * ALONE]


def make_threads(writer: Writer) -> None:
    """Store the threads: the first by mei, about a lab; each with how many posts it gets."""
    people = list(User.objects.filter(handle__startswith="person-").values_list("pk", flat=True))
    mei = User.objects.get(handle="mei").pk
    subjects = list(subjects_of())
    counts = sizes()
    rows, now = [], clock.now()
    for n, count in enumerate(counts):
        language = "zh" if n % 3 == 2 else "en"
        about = {"about": "lab", "lab_id": "dead-relu"} if n == 0 else subjects[n % len(subjects)]
        rows.append(
            Thread(
                title=writer.title(language),
                language=language,
                author_id=mei if n % 40 == 0 else writer.chance.choice(people),
                key=f"large-{n}",
                created_at=now - timedelta(days=30 + n * 370 / THREADS, minutes=n),
                last_number=count,
                **about,
            )
        )
    for start in range(0, len(rows), 500):
        for row in rows[start : start + 500]:
            row.search = search_words.vector(row.title)
        Thread.objects.bulk_create(rows[start : start + 500])


def subjects_of() -> Iterator[dict[str, Any]]:
    for question in Question.objects.offered().order_by("slug")[:40]:
        yield {"about": "question", "question_id": question.pk}
        yield {"about": "general"}
    for claim in Claim.objects.offered().order_by("name"):
        yield {"about": "claim", "claim": claim.name}
    for run in Run.objects.filter(shared=True):
        yield {"about": "run", "run_id": run.pk}
        yield {"about": "lab", "lab_id": run.version.lab_id}


# of a table while it is filled: they are made again at the end
INDEXES = ("posts_by_fingerprint", "posts_by_html_version")
# `h` is a number that looks drawn, for each post
FILL_POSTS = """
    SET LOCAL work_mem = '256MB';
    CREATE TEMP TABLE person AS
        SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM accounts_user
        WHERE handle LIKE 'person-%%';
    CREATE UNIQUE INDEX ON person (place);
    ANALYZE person; ANALYZE piece;
    CREATE TEMP TABLE planned AS
    SELECT nextval(pg_get_serial_sequence('discussions_post', 'id')) AS id, drawn.*,
        CASE WHEN number = 1 OR h %% 29 = 0 THEN began
             WHEN is_long AND h %% 31 = 1 OR h %% 101 = 1 THEN %(mei)s
             ELSE person.id END AS author_id,
        CASE WHEN number = 1 OR h %% 200 > 5 THEN 'published' WHEN h %% 200 < 3 THEN 'hidden'
             WHEN h %% 200 = 3 THEN 'pending' ELSE 'deleted' END AS state
    FROM (SELECT t.id AS thread_id, n AS number, t.language, t.author_id AS began,
                 abs(hashint8(t.id * 10007 + n)) AS h,
                 t.created_at + (n - 1) * (gradus_now() - t.created_at - interval '1 hour')
                     / (t.last_number + t.id %% 50) AS at,
                 t.key = 'large-0' AS is_long
          FROM discussions_thread t, generate_series(1, t.last_number) n
          WHERE t.key LIKE 'large-%%') drawn
    JOIN person ON place = (sqrt(h %% 1000003 / 1000003.0) * %(people)s)::int %% %(people)s;
    CREATE TEMP TABLE vote AS
    SELECT planned.id AS post_id, person.id AS user_id,
           CASE WHEN (h + k) %% 9 = 0 THEN -1 ELSE 1 END AS value, at
    FROM planned, generate_series(0, h %% 8 - 5) k
    JOIN person ON true
    WHERE state = 'published' AND place = (h + k * 7) %% %(people)s
        AND person.id IS DISTINCT FROM planned.author_id
    UNION ALL SELECT id, %(mei)s, 1, at FROM planned
    WHERE state = 'published' AND author_id IS DISTINCT FROM %(mei)s AND h %% 50 = 0;
    CREATE TEMP TABLE score AS SELECT post_id, sum(value) AS score FROM vote GROUP BY post_id;
    CREATE UNIQUE INDEX ON score (post_id);
    ANALYZE planned; ANALYZE vote; ANALYZE score;
    INSERT INTO discussions_post (id, thread_id, number, author_id, key, state, language, text,
        html, html_version, created_at, published_at, edited_at, edits, score, search)
    SELECT p.id, p.thread_id, p.number, p.author_id, 'large-' || p.thread_id || '-' || p.number,
        p.state, p.language,
        CASE WHEN p.state = 'deleted' THEN '' ELSE
            a.text || coalesce(E'\\n\\n' || b.text, '') || E'\\n\\nTurn ' || h END,
        CASE WHEN p.state = 'deleted' THEN '' ELSE
            a.html || coalesce(b.html, '') || '<p>Turn ' || h || '</p>' END,
        CASE WHEN p.state = 'deleted' THEN '' ELSE %(version)s END,
        p.at, CASE WHEN p.state <> 'pending' THEN p.at END,
        CASE WHEN h %% 37 = 0 THEN p.at + interval '10 minutes' END,
        CASE WHEN h %% 37 = 0 THEN 1 ELSE 0 END, coalesce(score.score, 0),
        CASE WHEN p.state = 'published'
             THEN a.search || coalesce(b.search, '') || to_tsvector('english', 'Turn ' || h) END
    FROM planned p
    LEFT JOIN score ON score.post_id = p.id
    JOIN piece a ON a.language = p.language AND a.cites = (h %% 15 = 0)
        AND a.place = h / 16 %% CASE WHEN p.language = 'zh' THEN
            CASE WHEN h %% 15 = 0 THEN %(zh_cites)s ELSE %(zh)s END
            ELSE CASE WHEN h %% 15 = 0 THEN %(en_cites)s ELSE %(en)s END END
    LEFT JOIN piece b ON h %% 3 > 0 AND b.language = p.language AND NOT b.cites
        AND b.place = h / 4096 %% CASE WHEN p.language = 'zh' THEN %(zh)s ELSE %(en)s END;
    INSERT INTO discussions_vote (post_id, user_id, value, created_at)
    SELECT post_id, user_id, value, at FROM vote ON CONFLICT DO NOTHING;
"""
# ANALYZE: statistics that were gathered while a table was filled say that it is empty
FILL_REST = """
    SET LOCAL work_mem = '256MB';
    ANALYZE discussions_thread; ANALYZE discussions_post; ANALYZE discussions_vote;
    INSERT INTO discussions_citation (post_id, position, kind, run_id, cited, claim, arm, series,
                                      step)
    SELECT post.id, c.position, c.kind, c.run_id, c.run_id, c.claim, c.arm, c.series, c.step
    FROM planned p JOIN discussions_post post USING (id)
    JOIN piece a ON a.cites AND a.language = p.language AND a.place = h / 16 %%
        CASE WHEN p.language = 'zh' THEN %(zh_cites)s ELSE %(en_cites)s END
    JOIN piece_citation c ON c.piece = a.number WHERE h %% 15 = 0 AND post.state <> 'deleted';
    INSERT INTO discussions_postrevision (post_id, number, text, written_at)
    SELECT id, 0, left(text, 200), created_at FROM discussions_post
    WHERE edits = 1 AND state <> 'deleted';
    INSERT INTO discussions_follow (thread_id, user_id, is_muted, created_at)
    SELECT thread_id, author_id, abs(hashint8(thread_id + author_id)) %% 20 = 0, min(created_at)
    FROM discussions_post WHERE author_id IS NOT NULL GROUP BY thread_id, author_id;
    INSERT INTO discussions_follow (thread_id, user_id, is_muted, created_at)
    SELECT t.id, person.id, false, gradus_now()
    FROM discussions_thread t, person
    WHERE t.key = 'large-0' AND place < %(followers)s ON CONFLICT DO NOTHING;
    UPDATE discussions_thread t SET
        replies = counts.replies, last_post_at = coalesce(counts.last, t.created_at),
        score = counts.score
    FROM (SELECT thread_id, count(*) FILTER (WHERE number > 1 AND state = 'published') AS replies,
                 max(created_at) FILTER (WHERE state = 'published') AS last,
                 max(score) FILTER (WHERE number = 1) AS score
          FROM discussions_post GROUP BY thread_id) counts
    WHERE counts.thread_id = t.id;
    UPDATE discussions_thread t SET accepted_id = post.id, accepted_by_id = t.author_id,
        accepted_at = post.created_at + interval '1 hour'
    FROM discussions_post post
    WHERE t.about = 'question' AND post.thread_id = t.id AND post.number = 2 + t.id %% 3
        AND post.state = 'published' AND t.id %% 5 < 3;
    UPDATE discussions_thread SET locked_at = gradus_now() WHERE id %% 90 = 0;
    -- some threads wait, or are hidden, with their first posts
    UPDATE discussions_post SET state = CASE WHEN thread_id %% 2 = 0 THEN 'hidden' ELSE 'pending'
        END, search = NULL
    WHERE number = 1 AND state = 'published' AND thread_id %% 67 < 1;
    UPDATE discussions_thread t SET state = post.state, search = NULL FROM discussions_post post
    WHERE post.thread_id = t.id AND number = 1 AND post.state IN ('hidden', 'pending');
"""
FILL_MODERATION = """
    ANALYZE discussions_thread; ANALYZE discussions_post; ANALYZE discussions_follow;
    INSERT INTO discussions_moderationaction (kind, moderator_id, thread_id, post_id, person_id,
                                              reason, at, details)
    SELECT 'hide', CASE WHEN id %% 2 = 0 THEN %(ada)s ELSE %(eve)s END, thread_id, id, author_id,
           'It is an advertisement.', created_at + interval '1 day', '{}'
    FROM discussions_post WHERE state = 'hidden' ORDER BY created_at;
    INSERT INTO discussions_moderationaction (kind, moderator_id, thread_id, post_id, person_id,
                                              reason, at, details)
    SELECT 'lock', %(ada)s, id, NULL, author_id, 'It goes nowhere.', locked_at, '{}'
    FROM discussions_thread WHERE locked_at IS NOT NULL;
    INSERT INTO discussions_moderationaction (kind, moderator_id, person_id, reason, at, details)
    SELECT 'mute', %(eve)s, id, 'Again and again.', gradus_now(), '{}' FROM person WHERE place < 60;
    INSERT INTO discussions_mute (person_id, action_id, started_at, ends_at)
    SELECT person_id, id, at, at + interval '7 days' FROM discussions_moderationaction
    WHERE kind = 'mute';
    ANALYZE discussions_moderationaction;
    INSERT INTO discussions_appeal (action_id, person_id, text, created_at, outcome, answer)
    SELECT id, person_id, 'It quotes a paper.', at + interval '1 hour', 'open', ''
    FROM discussions_moderationaction WHERE kind = 'hide' ORDER BY id DESC LIMIT 300;
    INSERT INTO discussions_appeal (action_id, person_id, text, created_at, outcome, answer,
                                    decided_by_id, decided_at)
    SELECT id, person_id, 'It quotes a paper.', at, 'upheld', 'It does not.', %(ada)s, at
    FROM discussions_moderationaction WHERE kind = 'hide' ORDER BY id LIMIT 400
    ON CONFLICT DO NOTHING;
    INSERT INTO discussions_flag (post_id, flagger_id, reason, text, created_at)
    SELECT post.id, person.id, (ARRAY['spam', 'rude', 'spoiler', 'other'])[1 + post.id %% 4],
           'See for yourself.', post.created_at + interval '2 hours'
    FROM (SELECT * FROM discussions_post WHERE state = 'published'
          ORDER BY abs(hashint8(id)) LIMIT 800) post
    JOIN person ON person.place < 1 + post.id %% 6;
    INSERT INTO discussions_flag (post_id, flagger_id, reason, text, created_at, action_id)
    SELECT action.post_id, person.id, 'spam', '', action.at, action.id
    FROM discussions_moderationaction action JOIN person ON person.place = action.id %% 2000
    WHERE action.post_id IS NOT NULL;
"""
FILL_NOTICES = """
    INSERT INTO notices_notice (person_id, kind, subject, title, path, actor_id, count, details,
                                created_at, updated_at, read_at)
    SELECT follow.user_id, 'followed', 'thread:' || t.id, t.title, '/threads/' || t.id,
           t.author_id, 1 + follow.id %% 4, '{}', t.last_post_at, t.last_post_at,
           CASE WHEN follow.id %% 3 > 0 THEN t.last_post_at + interval '1 day' END
    FROM discussions_follow follow JOIN discussions_thread t ON t.id = follow.thread_id
    WHERE NOT follow.is_muted;
"""


def make_posts() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT language, cites, count(*) FROM piece GROUP BY 1, 2")
        pieces = {f"{name}{'_cites' if cites else ''}": n for name, cites, n in cursor.fetchall()}
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(%s)", [list(INDEXES)]
        )
        definitions = dict(cursor.fetchall())
        for name in definitions:
            cursor.execute(f"DROP INDEX {name}")
    values = {
        "version": post_markdown.version(),
        "people": PEOPLE,
        "followers": FOLLOWERS,
        **{handle: User.objects.get(handle=handle).pk for handle in ("mei", "ada", "eve")},
        **pieces,
    }
    for sql in (FILL_POSTS, FILL_REST, FILL_MODERATION, FILL_NOTICES):
        with transaction.atomic():
            execute(sql, **values)
    with transaction.atomic():
        execute("SET LOCAL maintenance_work_mem = '256MB'")
        for definition in definitions.values():
            execute(definition)
    services.thread_words.gather(Thread.objects.values_list("pk", flat=True))


def open_verdicts(handle: str) -> None:
    """Let a person read every verdict that is shared."""
    user = User.objects.get(handle=handle)
    runs = Run.objects.filter(shared=True).select_related("version")
    OpenedVerdict.objects.bulk_create(
        [OpenedVerdict(user=user, version=r.version, config_hash=r.config_hash) for r in runs],
        ignore_conflicts=True,
    )


def fill() -> None:
    execute("SET synchronous_commit = off; SET statement_timeout = 0")
    writer = Writer()
    steps: tuple[Callable[[], None], ...] = (
        make_people,
        make_runs,
        lambda: make_pieces(writer),
        lambda: make_threads(writer),
        make_posts,
        lambda: open_verdicts("mei"),
        lambda: execute("VACUUM ANALYZE"),
    )
    for step in steps:
        start = time.perf_counter()
        step()
        print(f"{time.perf_counter() - start:.1f} s", file=sys.stderr)


# ---------------------------------------------------------------- what pages and services ask


def count_queries(asked: list[tuple[str, str]]) -> Iterator[int]:
    """Yield how often pages ask the database, each given by a handle (empty: a visitor) and an
    address; the second time they are read.
    """
    clients: dict[str, Client] = {}
    for handle, path in asked:
        if handle not in clients:
            clients[handle] = Client(SERVER_NAME="127.0.0.1")
            if handle:
                backend = "django.contrib.auth.backends.ModelBackend"
                clients[handle].force_login(User.objects.get(handle=handle), backend=backend)
        is_fragment = path.startswith("/threads/panel")
        headers = {"hx-request": "true"} if is_fragment else {}
        clients[handle].get(path, headers=headers)
        with CaptureQueriesContext(connection) as queries:
            answer = clients[handle].get(path, headers=headers)
        assert answer.status_code in (200, 302), f"{path}: {answer.status_code}"
        yield len(queries)


def writes() -> dict[str, tuple[int, float]]:
    """Return for each thing that one does in the long thread the number of statements, and the
    milliseconds of the second time.
    """
    thread = Thread.objects.get(key="large-0")
    mei, ada = (User.objects.get(handle=handle) for handle in ("mei", "ada"))
    posts = list(thread.posts.published().filter(number__gt=50).exclude(author=mei)[:8])

    def reply() -> None:
        key = uuid.uuid4().hex
        services.posts.reply(
            author=ada, thread=thread, text=f"Because of {key}.", language="en", key=key
        )

    deeds: dict[str, Callable[[], Any]] = {
        "reply": reply,
        "vote": lambda: services.votes.vote(user=mei, post=posts.pop(), value=1),
        "hide": lambda: services.moderation.hide(
            moderator=ada, post=posts.pop(), reason="It is an advertisement."
        ),
    }
    figures = {}
    for name, deed in deeds.items():
        deed()
        start = time.perf_counter()
        deed()
        seconds = time.perf_counter() - start
        with CaptureQueriesContext(connection) as queries:
            deed()
        figures[name] = (len(queries), 1000 * seconds)
    return figures


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["fill"]:
            fill()
        case ["queries", asked]:
            print(json.dumps(list(count_queries([tuple(row) for row in json.loads(asked)]))))
        case ["writes"]:
            print(json.dumps(writes()))
