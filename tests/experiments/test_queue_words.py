"""What is said of a run that waits: facts from what workers do, and words from facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils.translation import override

from apps.experiments import queue_words
from apps.experiments.queue_estimate import (
    PREPARING_SECONDS,
    ConnectedWorker,
    Place,
    Reason,
    RunningRun,
    place,
    time_left,
)
from apps.experiments.scheduling import BENCH_PATIENCE_SECONDS, WaitingRun, Work

R = Reason
AT = datetime(2026, 11, 29, 10, 32, tzinfo=UTC)
WORDS: list[tuple[Place, str, str]] = [
    (
        Place(R.STARTING, 0, 0.0, 0.0),
        "A worker is free; the run will start in a moment.",
        "有空闲的计算节点，马上开始。",
    ),
    (
        Place(R.PREPARING, 0, 1.0, 10.0),
        "A worker is connected and still loading PyTorch. "
        "It takes the run as soon as it is ready, usually within seconds.",
        "计算节点已连接，正在加载 PyTorch；就绪后立即开始，通常只需几秒。",
    ),
    (
        Place(R.QUEUE, 0, 8.0, 8.0),
        "All workers are busy; it starts when one of the runs on them ends. "
        "Estimated wait: about 8 s.",
        "所有计算节点都在忙；其中一个运行结束后就会开始。预计等待：约 8 秒。",
    ),
    (
        Place(R.QUEUE, 2, 15.2, 31.0),
        "2 runs go first. Estimated wait: 20 s to 40 s.",
        "前面有 2 个运行。预计等待：20 秒 到 40 秒。",
    ),
    (
        Place(R.QUEUE, 1, 0.0, 12.0),
        "1 run goes first. Estimated wait: at most 15 s.",
        "前面有 1 个运行。预计等待：最多 15 秒。",
    ),
    (
        Place(R.FAIR_SHARE, 3, 20.0, 40.0, passed_by=1),
        "3 runs go first. "
        "1 of them was queued later: first come people who have fewer runs running, then "
        "those who have used less computing time lately. "
        "Estimated wait: 20 s to 40 s.",
        "前面有 3 个运行。"
        "其中 1 个排队更晚：先轮到正在进行的运行较少的人，再轮到近来用时较少的人。"
        "预计等待：20 秒 到 40 秒。",
    ),
    (
        Place(R.SLOTS, 1, 8.0, 8.0, running=2),
        "2 runs of the same person are running, which is the limit; this one starts when "
        "one of them ends. "
        "Estimated wait: about 8 s.",
        "同一个人有 2 个运行正在进行，已达上限；有一个结束后，这个运行才会开始。"
        "预计等待：约 8 秒。",
    ),
    (
        Place(R.BENCH, 0, 34.0, 39.0, benches_running=1),
        "A benchmark is running; it needs the machine to itself. Estimated wait: about 40 s.",
        "有基准测试正在进行，它需要独占机器。预计等待：约 40 秒。",
    ),
    (
        Place(R.BENCH, 1, 40.0, 40.0, benches_ahead=1),
        "1 benchmark goes first; it needs the machine to itself. Estimated wait: about 40 s.",
        "前面有 1 个基准测试，需要独占机器。预计等待：约 40 秒。",
    ),
    (
        Place(R.BENCH, 3, 61.0, 130.0, benches_ahead=2, benches_running=1),
        "A benchmark is running; it needs the machine to itself. "
        "2 benchmarks go first; each needs the machine to itself. "
        "1 other run goes first. "
        "Estimated wait: 70 s to 3 min.",
        "有基准测试正在进行，它需要独占机器。"
        "前面有 2 个基准测试，需要独占机器。"
        "前面另有 1 个运行。"
        "预计等待：70 秒 到 3 分钟。",
    ),
    (
        Place(R.ALONE, 0, 30.0, 30.0, running=2),
        "This is a benchmark, which needs the machine to itself. "
        "It starts when the 2 runs that are running now have ended. "
        "Estimated wait: about 30 s.",
        "这是基准测试，需要独占机器；正在进行的 2 个运行结束后就会开始。预计等待：约 30 秒。",
    ),
    (
        Place(R.OTHER_CODE),
        "The connected workers have a different version of this lab. "
        "The run starts as soon as one has this version.",
        "已连接的计算节点上是另一版本的实验；有节点更新到此版本后就会开始。",
    ),
    (
        Place(R.NO_WORKER),
        "No worker is connected at the moment. The run starts as soon as one is.",
        "目前没有连接的计算节点；连接后就会开始。",
    ),
    (
        Place(R.NO_WORKER, 2, since=AT),
        "No worker has been connected since 2026-11-29 10:32. The run starts as soon as one is.",
        "自 2026-11-29 10:32 起没有已连接的计算节点；有节点连接后就会开始。",
    ),
    (
        Place(R.SITE_AWAY, since=AT),
        "The site was away until 2026-11-29 10:32, and its workers are reconnecting. "
        "The run starts as soon as one has.",
        "网站在 2026-11-29 10:32 之前无法访问，计算节点正在重新连接；有节点连上后就会开始。",
    ),
    (
        Place(R.LEASED, 0, 0.0, 0.0),
        "A worker has taken the run, and the lab is starting.",
        "计算节点已接手，实验正在启动。",
    ),
    (
        Place(R.CANCELLING),
        "Stop requested. The run shows as stopped once the worker has finished.",
        "已请求停止。计算节点停下后，运行才会显示为“已停止”。",
    ),
]


@pytest.mark.parametrize(("facts", "english", "chinese"), WORDS, ids=lambda value: str(value)[:40])
def test_facts_become_words(facts: Place, english: str, chinese: str) -> None:
    with override("en"):
        assert queue_words.reason(facts) == english
    with override("zh-hans"):
        assert queue_words.reason(facts) == chinese


def test_every_reason_has_words() -> None:
    assert {facts.reason for facts, _english, _chinese in WORDS} == set(Reason)
    assert {key.removesuffix("-ahead") for key in queue_words.briefs()} == set(Reason)


# ---------------------------------------------------------------- what workers do


CODES = {"labs": "a", "bench": "b"}
USUAL = {
    Work("labs"): (8.0, 8.0),
    Work("labs", "of depth 8", 16): (60.0, 60.0),
    Work("bench"): (40.0, 40.0),
}
WORKER = ConnectedWorker(frozenset({"labs", "bench"}), frozenset(CODES.values()), 1)


def waits(run: str, owner: int = 1, queue: str = "labs", waited: float = 5.0) -> WaitingRun:
    return WaitingRun(run, owner, queue, waited, queue, CODES[queue])


def runs(queue: str = "labs", left: float = 8.0, owner: int = 9) -> RunningRun:
    return RunningRun(owner, queue, (left, left))


def stand(run: WaitingRun, *before: WaitingRun, workers: Any = (WORKER,), after: Any = ()) -> Place:
    queues: dict[str, list[WaitingRun]] = {"labs": [], "bench": []}
    for one in (*before, run, *after):
        queues[one.queue].append(one)
    return place(run, queues, workers, USUAL, max_running=2)


ME, BENCHMARK = waits("me"), waits("benchmark", 2, "bench")
BUSY, AT_BENCH = replace(WORKER, running=(runs(),)), replace(WORKER, running=(runs("bench", 30.0),))
DEEP = replace(waits("deep", 2, waited=9.0), config_hash="of depth 8", replicates=16)
TWO = replace(WORKER, slots=2, running=(runs(),))


@pytest.mark.parametrize(
    ("facts", "reason", "ahead", "seconds"),
    [
        (stand(ME), "starting", 0, 0.0),
        (stand(ME, workers=[replace(WORKER, ready_in=PREPARING_SECONDS)]), "preparing", 0, 5.5),
        (stand(ME, workers=[BUSY]), "queue", 0, 8.0),
        (stand(ME, workers=[TWO]), "starting", 0, 0.0),
        (stand(ME, waits("other", 2, waited=9.0), workers=[BUSY]), "queue", 1, 16.0),
        (stand(ME, DEEP, workers=[BUSY]), "queue", 1, 68.0),
        (stand(ME, waits("other", 2, waited=1.0), workers=[BUSY]), "fair-share", 1, 16.0),
        (stand(ME, workers=[AT_BENCH]), "bench", 0, 35.5),
        (stand(ME, workers=[AT_BENCH, WORKER]), "starting", 0, 0.0),
        (stand(ME, BENCHMARK, workers=[BUSY]), "bench", 1, 53.5),
        (stand(ME, BENCHMARK, workers=[TWO]), "starting", 0, 0.0),
        (
            stand(ME, replace(BENCHMARK, waited=BENCH_PATIENCE_SECONDS + 1), workers=[TWO]),
            "bench",
            1,
            53.5,
        ),
        (stand(BENCHMARK, workers=[BUSY]), "alone", 0, 8.0),
        (stand(BENCHMARK, workers=[TWO]), "alone", 0, 8.0),
        (stand(BENCHMARK, after=[ME]), "starting", 0, 0.0),
        (stand(BENCHMARK, waits("first", 3, "bench"), workers=[BUSY]), "bench", 1, 53.5),
        (stand(ME, workers=[replace(TWO, slots=3, running=(runs(owner=1),) * 2)]), "slots", 0, 8.0),
        (stand(ME, workers=[replace(BUSY, codes=frozenset("x")), WORKER]), "starting", 0, 0.0),
    ],
)
def test_what_workers_do_becomes_facts(
    facts: Place, reason: str, ahead: int, seconds: float
) -> None:
    assert (facts.reason, facts.ahead, facts.seconds) == (reason, ahead, pytest.approx(seconds))


def test_a_run_takes_what_is_left_at_its_pace_else_what_its_lab_usually_takes() -> None:
    assert time_left(6.0, 30, 40, (10.0, 20.0)) == (2.0, 2.0)
    assert time_left(6.0, 0, 40, (10.0, 20.0)) == (4.0, 14.0)
    assert time_left(60.0, 0, 0, (10.0, 20.0)) == (0.0, 1.0)


def test_an_estimate_goes_down_in_steps() -> None:
    assert len({queue_words.rounded(second / 10) for second in range(1200)}) <= 22
    assert [queue_words.rounded(s) for s in (0, 0.1, 8, 11, 31, 89, 91)] == [
        0.0, 2.0, 8.0, 15.0, 40.0, 90.0, 120.0,
    ]  # fmt: skip
