"""What a learner will recall on a day to come, studying so many minutes a day until then. Pure.

Each day the cards that are due come first, those that fell due earliest before the others, as many
as the minutes allow; what time is left goes to new questions, of the weakest topic first. A card is
recalled with the chance that FSRS gives it, and then rated Good; what is not recalled is relearned
on the same day, which takes a second review. `forecast` computes the expected recall without
chance: a review that may go either way divides a card into two shares, each with its own memory
and due day. `simulate` plays the same days once, with dice; a test compares the two.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from fsrs.scheduler import DEFAULT_PARAMETERS as W

from apps.progress.memory import DECAY, EASY, FACTOR, GOOD, recall

MAX_DAYS = 366  # ahead; a later day is forecast as if it were this one
MAX_GROUPS = 500  # of more cards those with about the same memory are counted together
# of a card: less than that is not divided off; of more than MAX_FINE_CARDS the second
MAX_FINE_CARDS, MIN_SHARES = 400, (0.04, 0.08)
NORMAL_95 = 1.96
MIN_STABILITY = 0.001
GROWTH, SAME_DAY = math.exp(W[8]), math.exp(W[17] * W[18])
INITIAL_DIFFICULTY = {rating: W[4] - math.exp(W[5] * (rating - 1)) + 1 for rating in (GOOD, EASY)}


@dataclass(frozen=True)
class Known:
    """A card as it is today."""

    topic: int  # an index
    stability: float  # days
    difficulty: float  # 1 to 10
    elapsed: int  # days since its last review
    is_forgotten: bool = False  # its chance is 0 until it is reviewed
    is_suspended: bool = False  # it is never reviewed


@dataclass(frozen=True)
class Pace:
    """How a learner studies until the day."""

    days: int  # until then; 0: it is today
    minutes: float  # a day
    minutes_today: float  # that are left of them today
    seconds_a_card: float
    minutes_a_question: float  # a new one
    retention: float  # chance of recall at which a card falls due


@dataclass(frozen=True)
class Expected:
    """How many of some questions will be recalled: the mean, and its 95 % band."""

    questions: int
    mean: float  # of questions
    variance: float

    @property
    def fraction(self) -> float:
        return self.mean / self.questions if self.questions else 0.0

    @property
    def band(self) -> tuple[float, float]:
        """The lower and the upper end, as fractions: by chance alone, as the model has it."""
        if not self.questions:
            return 0.0, 0.0
        half = NORMAL_95 * math.sqrt(self.variance)
        low, high = self.mean - half, self.mean + half
        return max(0.0, low / self.questions), min(1.0, high / self.questions)

    def __add__(self, other: Expected) -> Expected:
        return Expected(
            self.questions + other.questions,
            self.mean + other.mean,
            self.variance + other.variance,
        )


# ---------------------------------------------------------------- memory, without a date


@dataclass(frozen=True)
class Trace:
    """The memory of a card, and the day of its last review (0: today)."""

    stability: float
    difficulty: float
    day: int
    is_forgotten: bool = False

    def chance(self, day: int) -> float:
        return 0.0 if self.is_forgotten else recall(self.stability, max(0, day - self.day))

    def due(self, retention: float) -> int:
        """Return the day on which it falls due: at least one after its last review."""
        interval = self.stability / FACTOR * (retention ** (1 / DECAY) - 1)
        return self.day + (0 if self.is_forgotten else max(1, round(interval)))

    def recalled(self, day: int) -> Trace:
        """Return the memory after a review that was rated Good."""
        growth = (
            GROWTH
            * (11 - self.difficulty)
            * self.stability ** -W[9]
            * (math.exp((1 - recall(self.stability, max(0, day - self.day))) * W[10]) - 1)
        )
        return Trace(self.stability * (1 + growth), _reverted(self.difficulty), day)

    def relearned(self, day: int) -> Trace:
        """Return the memory after a review that was rated Again, and Good some minutes later."""
        chance = recall(self.stability, max(0, day - self.day))
        forgotten = min(
            W[11]
            * self.difficulty ** -W[12]
            * ((self.stability + 1) ** W[13] - 1)
            * math.exp((1 - chance) * W[14]),
            self.stability / SAME_DAY,
        )
        stability = max(forgotten, MIN_STABILITY)
        difficulty = _reverted(self.difficulty + (10 - self.difficulty) * 2 * W[6] / 9)
        stability *= max(1.0, SAME_DAY * stability ** -W[19])
        return Trace(stability, _reverted(difficulty), day)


def _reverted(difficulty: float) -> float:
    return min(max(W[7] * INITIAL_DIFFICULTY[EASY] + (1 - W[7]) * difficulty, 1.0), 10.0)


def _learned(day: int) -> Trace:
    """Return the memory of a new question that was rated Good."""
    return Trace(W[GOOD - 1], min(max(INITIAL_DIFFICULTY[GOOD], 1.0), 10.0), day)


# ---------------------------------------------------------------- the days until then


@dataclass
class Group:
    """Questions of a topic with the same memory at first: one, or many counted together."""

    topic: int
    copies: int
    mean: float = 0.0  # chance of recall on the day, summed over its shares


@dataclass(frozen=True, order=True)
class Share:
    """What part of a group is due on a day, with its memory."""

    due: int
    place: int  # among all of them: the older first
    group: Group = field(compare=False)
    weight: float = field(compare=False)  # 0 to the copies of its group
    trace: Trace = field(compare=False)


class Chance:
    """Reviews go both ways, each with its chance."""

    def __init__(self, min_share: float = MIN_SHARES[0]) -> None:
        self.min_share = min_share

    def groups_of(self, copies: int) -> list[int]:
        """Return the sizes of the groups that so many equal questions are counted in."""
        return [copies]

    def part(self, weight: float, fraction: float) -> float:
        """Return how much of a share is reviewed where the time suffices for a fraction of it."""
        return weight * fraction

    def outcomes(self, share: Share, weight: float, day: int) -> list[tuple[float, Trace]]:
        """Return the memories after a review, each with its weight."""
        chance = share.trace.chance(day)
        recalled, relearned = share.trace.recalled(day), share.trace.relearned(day)
        if chance == 0:
            return [(weight, relearned)]
        if min(chance, 1 - chance) * weight < self.min_share * share.group.copies:
            return [(weight, _mixed(recalled, relearned, chance))]
        return [(weight * chance, recalled), (weight * (1 - chance), relearned)]

    def recalls(self, trace: Trace, day: int) -> float:
        return trace.chance(day)


class Dice(Chance):
    """Reviews go one way."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.rng = rng

    def groups_of(self, copies: int) -> list[int]:
        return [1] * copies

    def part(self, weight: float, fraction: float) -> float:
        return weight if self.rng.random() < fraction else 0.0

    def outcomes(self, share: Share, weight: float, day: int) -> list[tuple[float, Trace]]:
        is_recalled = self.rng.random() < share.trace.chance(day)
        return [(weight, share.trace.recalled(day) if is_recalled else share.trace.relearned(day))]

    def recalls(self, trace: Trace, day: int) -> float:
        return float(self.rng.random() < trace.chance(day))


def _mixed(first: Trace, second: Trace, weight: float) -> Trace:
    stability = first.stability**weight * second.stability ** (1 - weight)
    difficulty = weight * first.difficulty + (1 - weight) * second.difficulty
    return Trace(stability, difficulty, first.day)


def forecast(
    cards: Sequence[Known], unmet: Sequence[int], order: Sequence[int], pace: Pace
) -> list[Expected]:
    """Return what is recalled of each topic on the day.

    Args:
        unmet: by topic, how many of its questions have no card.
        order: topics in the order in which new questions are begun.
    """
    chance = Chance(MIN_SHARES[len(cards) + sum(unmet) > MAX_FINE_CARDS])
    groups = _studied(_grouped(cards), unmet, order, pace, chance)
    expected = [Expected(count, 0.0, 0.0) for count in unmet]
    for group in groups:
        of_one = min(1.0, group.mean / group.copies)
        variance = group.copies * of_one * (1 - of_one)
        expected[group.topic] += Expected(0, group.copies * of_one, variance)
    for card in cards:
        expected[card.topic] += Expected(1, 0.0, 0.0)
    return expected


def simulate(
    cards: Sequence[Known], unmet: Sequence[int], order: Sequence[int], pace: Pace, rng: Random
) -> list[int]:
    """Return how many questions of each topic one simulated learner recalls on the day."""
    counted = [(card, 1) for card in cards]
    recalled = Counter[int]()
    for group in _studied(counted, unmet, order, pace, Dice(rng)):
        recalled[group.topic] += round(group.mean)
    return [recalled[topic] for topic in range(len(unmet))]


def _trace(card: Known) -> Trace:
    return Trace(card.stability, card.difficulty, -card.elapsed, card.is_forgotten)


def _grouped(cards: Sequence[Known]) -> list[tuple[Known, int]]:
    """Return cards, each with how many have about its memory."""
    if len(cards) <= MAX_GROUPS:
        return [(card, 1) for card in cards]
    alike: dict[tuple[int, ...], list[Known]] = {}
    for card in cards:
        key = (
            card.topic,
            round(2 * math.log(card.stability)),
            round(3 * math.log(card.elapsed + 1)),
            round(card.difficulty / 3),
            card.is_forgotten,
            card.is_suspended,
        )
        alike.setdefault(key, []).append(card)
    return [(rows[len(rows) // 2], len(rows)) for rows in alike.values()]


def _studied(
    counted: Iterable[tuple[Known, int]],
    unmet: Sequence[int],
    order: Sequence[int],
    pace: Pace,
    chance: Chance,
) -> list[Group]:
    """Return the questions with a card on the day, after all that was studied until then."""
    groups, heap = list[Group](), list[Share]()
    place = 0

    def push(group: Group, weight: float, trace: Trace, due: int | None = None) -> None:
        nonlocal place
        place += 1
        day_due = trace.due(pace.retention) if due is None else due
        heapq.heappush(heap, Share(day_due, place, group, weight, trace))

    last, spare, left_to_meet = min(pace.days, MAX_DAYS), 0.0, list(unmet)
    for card, copies in counted:
        groups.append(Group(card.topic, copies))
        push(groups[-1], copies, _trace(card), last if card.is_suspended else None)
    for day in range(last):
        seconds = 60 * (pace.minutes if day else pace.minutes_today)
        while heap and heap[0].due <= day and seconds > 0:
            share = heapq.heappop(heap)
            after = chance.outcomes(share, share.weight, day)
            recalled = share.weight * share.trace.chance(day)
            cost = (2 * share.weight - recalled) * pace.seconds_a_card
            reviewed = chance.part(share.weight, min(1.0, seconds / cost)) / share.weight
            seconds -= cost
            if reviewed < 1:
                push(share.group, share.weight * (1 - reviewed), share.trace, share.due)
            if reviewed > 0:
                for weight, trace in after:
                    push(share.group, weight * reviewed, trace)
        spare += max(0.0, seconds) / 60
        for topic in order:
            begun = min(left_to_meet[topic], int(spare / pace.minutes_a_question))
            if begun:
                left_to_meet[topic] -= begun
                spare -= begun * pace.minutes_a_question
                for copies in chance.groups_of(begun):
                    groups.append(Group(topic, copies))
                    push(groups[-1], copies, _learned(day))
        spare = min(spare, pace.minutes_a_question)
    for share in heap:
        share.group.mean += share.weight * chance.recalls(share.trace, last)
    return groups
