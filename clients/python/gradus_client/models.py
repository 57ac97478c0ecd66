"""What the API answers, by the names of its description (docs/openapi.json). What a newer site
answers besides is ignored, and a choice that it adds is a string like any other.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec


class Model(msgspec.Struct, kw_only=True, frozen=True):
    """A part of an answer."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as it came: names, numbers, strings."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


# ---------------------------------------------------------------- account


class Me(Model, kw_only=True, frozen=True):
    """Whose token it is."""

    id: str
    handle: str
    email: str
    language: str
    theme: str
    time_zone: str
    joined_at: datetime


class Token(Model, kw_only=True, frozen=True):
    """A token of yours, without itself."""

    id: str
    name: str
    beginning: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    is_this: bool


class Device(Model, kw_only=True, frozen=True):
    """A program that has begun to be signed in (RFC 8628)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class DeviceToken(Model, kw_only=True, frozen=True):
    """The token of a program that was approved."""

    access_token: str
    token_type: str
    name: str
    scopes: list[str]
    expires_at: datetime


# ---------------------------------------------------------------- questions


class QuestionSummary(Model, kw_only=True, frozen=True):
    """A question in a list."""

    id: str
    topic: str
    kinds: list[str]
    difficulty: int
    title: str
    title_html: str
    url: str


class QuestionOption(Model, kw_only=True, frozen=True):
    """An option of a part."""

    key: str
    html: str


class QuestionPart(Model, kw_only=True, frozen=True):
    """What a question asks for and checks."""

    name: str
    kind: str
    html: str
    unit: str
    precision: str
    takes_several: bool
    options: list[QuestionOption]
    step_count: int
    hint_count: int


class QuestionDetail(QuestionSummary, kw_only=True, frozen=True):
    """A question, without its answer."""

    statement: str
    statement_html: str
    seed: int
    values: dict[str, float]
    starter_code: str
    parts: list[QuestionPart]
    hint_count: int
    point_count: int
    revision_number: int
    lab_ids: list[str]
    is_bookmarked: bool
    open_attempt_id: str | None


class QuestionNote(Model, kw_only=True, frozen=True):
    """Your note on a question."""

    question_id: str
    note: str
    updated_at: datetime | None


class BookmarkedQuestion(Model, kw_only=True, frozen=True):
    """A bookmark."""

    question_id: str
    created_at: datetime


class ReportedMistake(Model, kw_only=True, frozen=True):
    """A mistake that you have reported."""

    id: str
    question_id: str
    about: str
    state: str
    created_at: datetime


# ---------------------------------------------------------------- attempts


class GivenAnswer(Model, kw_only=True, frozen=True):
    """An answer that was given."""

    place: int
    entered: dict[str, Any]
    outcome: str
    confidence: int | None
    rating: int | None
    created_at: datetime


class Answerable(Model, kw_only=True, frozen=True):
    """What is answered: a part, a step, or the written answer."""

    outcome: str
    feedback: str
    note: str
    is_done: bool
    right_answer: str
    given_answers: list[GivenAnswer]


class AttemptOption(Model, kw_only=True, frozen=True):
    """An option, with its reason once it is revealed."""

    key: str
    html: str
    is_chosen: bool
    reason_html: str


class AttemptStep(Answerable, kw_only=True, frozen=True):
    """A step of a derivation that is open."""

    name: str
    html: str
    symbols: list[str]


class AttemptPart(Answerable, kw_only=True, frozen=True):
    """A part, and what was answered."""

    name: str
    kind: str
    html: str
    unit: str
    precision: str
    takes_several: bool
    options: list[AttemptOption]
    step_count: int
    hint_count: int
    open_steps: list[AttemptStep]
    open_hints_html: list[str]


class AttemptFollowUp(Model, kw_only=True, frozen=True):
    """A further question, and its answer."""

    question_html: str
    answer_html: str


class AttemptQuote(Model, kw_only=True, frozen=True):
    """A verdict that a reference answer quotes."""

    claim: str
    statement: str
    run_id: str
    is_own: bool
    is_folded: bool
    outcome: str
    sentence: str


class ReferenceAnswer(Model, kw_only=True, frozen=True):
    """What a good answer says."""

    short_answer_html: str
    answer_html: str
    reference_code: str
    points_html: list[str]
    mistakes_html: list[str]
    follow_ups: list[AttemptFollowUp]
    verdict_quotes: list[AttemptQuote]


class AttemptSummary(Model, kw_only=True, frozen=True):
    """An attempt in a list."""

    id: str
    question_id: str
    number: int
    revision_number: int
    day: date
    is_revealed: bool
    is_over: bool
    started_at: datetime
    revealed_at: datetime | None


class AttemptDetail(AttemptSummary, kw_only=True, frozen=True):
    """An attempt: what is asked, what was answered, and once it is revealed the reference
    answer.
    """

    title: str
    statement: str
    statement_html: str
    seed: int
    values: dict[str, float]
    starter_code: str
    hint_count: int
    point_count: int
    parts: list[AttemptPart]
    written: Answerable
    open_hints_html: list[str]
    reference_answer: ReferenceAnswer | None
    ticked: list[int]
    rating: int | None
    due_at: datetime | None
    next_review_id: str


# ---------------------------------------------------------------- cards and reviews


class CardSummary(Model, kw_only=True, frozen=True):
    """A question in your reviews."""

    question_id: str
    state: str
    due_at: datetime
    is_suspended: bool
    stability_days: float | None
    last_review_at: datetime | None


class SessionDetail(Model, kw_only=True, frozen=True):
    """A review session."""

    id: str
    day: date
    started_at: datetime
    card_count: int
    done_count: int
    recalled_count: int
    seconds: float
    current_question_id: str | None


class ReviewSummary(Model, kw_only=True, frozen=True):
    """A rating that was given."""

    id: str
    question_id: str
    rating: int
    graded_by: str
    given_at: datetime
    day: date
    seconds: float
    is_undone: bool


# ---------------------------------------------------------------- plan, today, statistics


class StudyPlan(Model, kw_only=True, frozen=True):
    """What you aim at."""

    interview: date | None
    minutes: int
    retention: int
    two_buttons: bool


class DayStep(Model, kw_only=True, frozen=True):
    """One thing to do today."""

    step_kind: str
    title: str
    note: str
    minutes: int
    is_done: bool
    is_now: bool
    url: str


class DayPlan(Model, kw_only=True, frozen=True):
    """Today."""

    day: date
    headline: str
    due_count: int
    due_tomorrow_count: int
    backlog_count: int
    minutes_left: int
    days_left: int | None
    day_steps: list[DayStep]
    suggested_question_id: str | None


class StudiedDay(Model, kw_only=True, frozen=True):
    """What was done on a day."""

    day: date
    review_count: int
    recall_count: int
    recalled_count: int
    seconds: float


class RecallWeek(Model, kw_only=True, frozen=True):
    """How much was recalled in a week."""

    day: date
    recall_count: int
    recalled_count: int


class TopicMastery(Model, kw_only=True, frozen=True):
    """How much of a topic you recall."""

    topic: str
    title: str
    card_count: int
    question_count: int  # of the topic
    recall: float | None  # of the cards; None where there are none
    coverage: float  # of the topic's questions, the share you would recall
    coverage_at_interview: float | None


class ConfidenceBin(Model, kw_only=True, frozen=True):
    """How often you were right when you were so sure."""

    confidence: int
    right_count: int
    answer_count: int
    interval_low: float
    interval_high: float


class Calibration(Model, kw_only=True, frozen=True):
    """How sure against how right."""

    bins: list[ConfidenceBin]
    brier_score: float | None
    overconfidence: float | None


class Statistics(Model, kw_only=True, frozen=True):
    """What you have studied."""

    studied_days: list[StudiedDay]
    recall_weeks: list[RecallWeek]
    topics: list[TopicMastery]
    question_calibration: Calibration
    lab_calibration: Calibration


# ---------------------------------------------------------------- labs


class LabSummary(Model, kw_only=True, frozen=True):
    """A lab in a list."""

    id: str
    title: str
    question: str
    topic: str
    lab_kind: str
    queue: str
    expected_seconds: float | None
    verdict_access: str


class LabSetting(Model, kw_only=True, frozen=True):
    """What may be set, and to what."""

    name: str
    title: str
    value_type: str
    default: Any
    choices: list[Any] | None
    minimum: float | None
    maximum: float | None


class LabClaim(Model, kw_only=True, frozen=True):
    """What a lab decides."""

    name: str
    statement: str


class LabOutcome(Model, kw_only=True, frozen=True):
    """What may be predicted."""

    outcome: str
    title: str


class LabArm(Model, kw_only=True, frozen=True):
    """What may be sketched."""

    name: str
    title: str


class LabDetail(LabSummary, kw_only=True, frozen=True):
    """A lab."""

    shows: str
    model: str
    dataset: str
    code_hash: str
    lab_settings: list[LabSetting]
    claims: list[LabClaim]
    predicted_claim: str
    outcomes: list[LabOutcome]
    confidences: list[int]
    sketched_arms: list[LabArm]
    sketch_low: float
    sketch_high: float
    waiting_runs: int
    running_runs: int


class LabSource(Model, kw_only=True, frozen=True):
    """The code of a lab."""

    code_hash: str
    code: str


# ---------------------------------------------------------------- runs


class RunVerdict(Model, kw_only=True, frozen=True):
    """What a run says of a claim."""

    claim: str
    statement: str
    outcome: str
    sentence: str
    effect: float | None
    interval_low: float | None
    interval_high: float | None
    finite_replicates: int
    diverged_replicates: int


class RunPrediction(Model, kw_only=True, frozen=True):
    """What was predicted, and how it did."""

    claim: str
    outcome: str
    confidence: int
    sketch: dict[str, float]
    was_right: bool | None
    brier_score: float | None
    not_counted: str


class RunPlace(Model, kw_only=True, frozen=True):
    """Where a run is in its queue."""

    runs_ahead: int
    earliest_seconds: float | None
    latest_seconds: float | None
    seconds: float | None  # until a worker takes it, about
    reason: str
    reason_code: str


class RunReproduction(Model, kw_only=True, frozen=True):
    """How a run compares with the one that it repeats."""

    other_id: str
    is_identical: bool
    differing_series: list[str]


class RunSummary(Model, kw_only=True, frozen=True):
    """A run in a list."""

    id: str
    lab_id: str
    owner: str
    state: str
    queue: str
    settings: dict[str, Any]
    is_default: bool
    replicates: int
    seed: int
    is_shared: bool
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    points_done: int
    points_expected: int
    is_folded: bool
    verdicts: list[RunVerdict]
    prediction: RunPrediction | None
    url: str


class RunDetail(RunSummary, kw_only=True, frozen=True):
    """A run."""

    place: RunPlace | None
    last_batch: int
    code_hash: str
    work_seconds: float | None
    device: dict[str, Any]
    versions: dict[str, Any]
    summary: dict[str, Any]
    error: str
    is_thinned: bool
    reproduction: RunReproduction | None


class RunSource(Model, kw_only=True, frozen=True):
    """The code that measured a run."""

    code_hash: str
    code: str


class Comparison(Model, kw_only=True, frozen=True):
    """Runs of one lab beside each other."""

    differing_settings: list[str]
    runs: list[RunSummary]


class UnreadRun(Model, kw_only=True, frozen=True):
    """A run of yours whose verdict you have not read."""

    run_id: str
    lab_id: str
    created_at: datetime


# ---------------------------------------------------------------- points


class Curve(Model, kw_only=True, frozen=True):
    """Points of an arm and a series. A value that is no number is None; without a spread between
    replicates `low` and `high` are empty.
    """

    step: list[float | None]
    arm: str
    series: str
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]


class PointBatch(Model, kw_only=True, frozen=True):
    """Points as they were reported; or a reset, which discards those after the batch
    `keep_until`.
    """

    number: int
    keep_until: int | None
    curve: Curve | None


class Batches(Model, kw_only=True, frozen=True):
    """Some batches of a run."""

    batches: list[PointBatch]
    last_batch: int
    state: str


class RunPoints(Model, kw_only=True, frozen=True):
    """The curves of a run, thinned to what a screen shows."""

    last_batch: int
    state: str
    is_thinned: bool
    curves: list[Curve]


# ---------------------------------------------------------------- the ledger


class LedgerClaim(Model, kw_only=True, frozen=True):
    """A claim, and what runs say of it."""

    name: str
    lab_id: str
    topic: str
    statement: str
    verdict: str
    sentence: str
    effect: float | None
    interval_low: float | None
    interval_high: float | None
    recorded_run_id: str | None
    learners_runs: dict[str, int]


# ---------------------------------------------------------------- the forecast


class CoverageOnADay(Model, kw_only=True, frozen=True):
    """Of some questions, the share you would recall on a day."""

    question_count: int
    coverage: float
    coverage_low: float  # of a 95 % band: by chance alone
    coverage_high: float
    coverage_with_more: float


class TopicForecast(CoverageOnADay, kw_only=True, frozen=True):
    """Of a topic's questions."""

    topic: str
    title: str


class RecallForecast(Model, kw_only=True, frozen=True):
    """What you will recall on the day of your interview, studying as planned."""

    day: date
    is_interview_day: bool
    minutes: int
    more_minutes: int
    all_topics: CoverageOnADay
    topics: list[TopicForecast]


class Forecast(Model, kw_only=True, frozen=True):
    """The forecast; None while you have too few reviews."""

    missing_review_count: int
    recall_forecast: RecallForecast | None


# ---------------------------------------------------------------- threads


class ThreadSummary(Model, kw_only=True, frozen=True):
    """A thread in a list."""

    id: str
    title: str
    about_kind: str
    about: str
    about_title: str
    language: str
    author: str | None
    state: str
    is_locked: bool
    is_answered: bool
    reply_count: int
    score: int
    created_at: datetime
    last_post_at: datetime
    url: str


class Participant(Model, kw_only=True, frozen=True):
    """Who wrote in a thread."""

    handle: str
    post_count: int
    first_number: int


class ThreadDetail(ThreadSummary, kw_only=True, frozen=True):
    """A thread, without its posts."""

    is_folded: bool
    accepted_number: int | None
    accepted_by: str | None
    follow_state: str
    follower_count: int
    participants: list[Participant]
    has_more_participants: bool


class CitedEvidence(Model, kw_only=True, frozen=True):
    """A run, a verdict or a point that a post cites, as far as you may see it."""

    place: int
    citation_state: str
    citation_kind: str | None
    run_id: str | None
    lab_id: str | None
    claim: str
    statement: str
    verdict_of_run: RunVerdict | None
    cited_point: dict[str, Any] | None


class PostDetail(Model, kw_only=True, frozen=True):
    """A post. Folded, hidden or deleted, it has no text."""

    html: str | None
    cites: list[CitedEvidence]
    thread_id: str
    number: int
    author: str | None
    is_own: bool
    language: str
    state: str
    text: str | None
    is_folded: bool
    is_accepted: bool
    score: int
    own_vote: int
    created_at: datetime
    edited_at: datetime | None
    edit_count: int
    moderation_action_id: str | None
    url: str


class Vote(Model, kw_only=True, frozen=True):
    """Your vote on a post, and its score with it."""

    own_vote: int
    score: int


class Following(Model, kw_only=True, frozen=True):
    """Whether you follow a thread."""

    follow_state: str
    follower_count: int


# ---------------------------------------------------------------- notices


class NoticeOfPerson(Model, kw_only=True, frozen=True):
    """Something that happened, of which you are told."""

    id: str
    notice_kind: str
    subject: str
    sentence: str
    title: str
    reason: str
    actor: str | None
    event_count: int
    created_at: datetime
    updated_at: datetime
    read_at: datetime | None
    url: str


class UnreadNotices(Model, kw_only=True, frozen=True):
    """How many of your notices are unread."""

    unread_count: int
    has_more_unread: bool


class NoticeSetting(Model, kw_only=True, frozen=True):
    """How you hear of a kind of notice."""

    notice_kind: str
    title: str
    delivery: str
    default_delivery: str


# ---------------------------------------------------------------- archives


class ExportShown(Model, kw_only=True, frozen=True):
    """An archive of your data."""

    id: str
    state: str
    rows_done: int
    rows_expected: int
    size_bytes: int | None
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None
