from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from app.retrievers.waves import Steps, Wave, Within, adrive, drive

PATIENCE = 5.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.fixture
def lane() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def queued(lane: ThreadPoolExecutor, release: Event) -> Future[str]:
    """A future that waits for its turn until `release`; one that runs already could not be cancelled anyway."""
    lane.submit(release.wait, PATIENCE)
    return lane.submit(str, "vector")


def both(make: Any, seconds: float = PATIENCE) -> tuple[Any, Any]:
    return drive(make(), seconds), asyncio.run(adrive(make(), seconds))


def fails() -> None:
    raise ValueError("no")


def test_sync_and_async_give_the_same(pool: ThreadPoolExecutor) -> None:
    def steps() -> Steps[list[Any]]:
        first = yield [pool.submit(time.sleep, 0.02), pool.submit(int, "7"), pool.submit(fails)]
        second = yield [pool.submit(int, "8")]
        third = yield []
        return [first[:2], type(first[2]), second, third]

    assert both(steps) == ([[None, 7], ValueError, [8], []],) * 2


def test_a_retrieval_without_waves_just_returns() -> None:
    def steps() -> Generator[Wave, list[Any], str]:
        return "done"
        yield []

    assert both(steps) == ("done", "done")


def test_what_the_steps_raise_reaches_the_caller(pool: ThreadPoolExecutor) -> None:
    def steps() -> Steps[None]:
        yield [pool.submit(int, "1")]
        raise KeyError("from the steps")

    with pytest.raises(KeyError):
        drive(steps(), PATIENCE)
    with pytest.raises(KeyError):
        asyncio.run(adrive(steps(), PATIENCE))


def test_a_late_future_is_a_timeout_in_its_place_and_is_not_cancelled(
    pool: ThreadPoolExecutor, lane: ThreadPoolExecutor
) -> None:
    colours: tuple[Callable[[Steps[Any]], Any], ...] = (
        lambda steps: drive(steps, 0.05),
        lambda steps: asyncio.run(adrive(steps, 0.05)),
    )
    for colour in colours:
        release = Event()
        late = queued(lane, release)

        def steps(late: Future[Any] = late) -> Steps[list[Any]]:
            return (yield [pool.submit(int, "1"), late])

        one, two = colour(steps())
        assert one == 1
        assert isinstance(two, TimeoutError)
        assert not late.cancelled()
        release.set()
        assert late.result(PATIENCE) == "vector"


def test_a_cancelled_future_is_a_failure_in_its_place() -> None:
    """So ends a question's future when the models are closed under it."""

    def steps() -> Steps[list[Any]]:
        gone: Future[Any] = Future()
        gone.cancel()
        return (yield [gone])

    start = time.perf_counter()
    [sync], [other] = both(steps)
    assert isinstance(sync, CancelledError)
    assert isinstance(other, CancelledError)
    assert time.perf_counter() - start < PATIENCE / 2, "nobody waits for what will not come"


def test_cancelling_one_asker_leaves_the_shared_future_to_the_other(lane: ThreadPoolExecutor) -> None:
    release = Event()
    shared = queued(lane, release)

    def steps() -> Steps[Any]:
        [value] = yield [shared]
        return value

    async def scene() -> Any:
        leaves = asyncio.create_task(adrive(steps(), PATIENCE))
        stays = asyncio.create_task(adrive(steps(), PATIENCE))
        await asyncio.sleep(0.02)
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        assert not shared.cancelled()
        release.set()
        return await stays

    assert asyncio.run(scene()) == "vector"


def test_waiting_does_not_block_the_loop(pool: ThreadPoolExecutor) -> None:
    release = Event()

    def steps() -> Steps[Any]:
        return (yield [pool.submit(release.wait, PATIENCE)])

    async def scene() -> Any:
        waiting = asyncio.create_task(adrive(steps(), PATIENCE))
        await asyncio.sleep(0.01)
        release.set()  # only a loop that is free comes here before PATIENCE is over
        return await waiting

    start = time.monotonic()
    assert asyncio.run(scene()) == [True]
    assert time.monotonic() - start < PATIENCE / 2


def test_the_futures_of_a_wave_run_side_by_side(pool: ThreadPoolExecutor) -> None:
    def steps() -> Steps[list[Any]]:
        met = [Event(), Event()]

        def meet(mine: int) -> bool:
            met[mine].set()
            return met[1 - mine].wait(PATIENCE)

        return (yield [pool.submit(meet, 0), pool.submit(meet, 1)])

    assert both(steps) == ([True, True], [True, True])


def test_a_wave_may_have_a_limit_of_its_own(pool: ThreadPoolExecutor) -> None:
    release = Event()

    def steps() -> Steps[list[Any]]:
        brief = yield Within(0.05, [pool.submit(release.wait, PATIENCE), pool.submit(int, "7")])
        patient = yield [pool.submit(time.sleep, 0.2)]
        return [type(brief[0]), brief[1], patient]

    start = time.perf_counter()
    assert both(steps) == ([TimeoutError, 7, [None]],) * 2
    release.set()
    assert time.perf_counter() - start < PATIENCE


def test_futures_that_end_one_after_the_other_are_all_waited_for(pool: ThreadPoolExecutor) -> None:
    def steps() -> Steps[list[Any]]:
        ready: Future[Any] = Future()
        ready.set_result("at once")
        return (yield [ready, *(pool.submit(time.sleep, n / 50) for n in range(4))])

    assert both(steps) == (["at once", None, None, None, None],) * 2


def test_a_loop_that_is_closed_meanwhile_is_no_trouble_to_a_late_future(lane: ThreadPoolExecutor) -> None:
    release = Event()
    late = queued(lane, release)

    def steps() -> Steps[Any]:
        return (yield [late])

    [outcome] = asyncio.run(adrive(steps(), 0.01))
    assert isinstance(outcome, TimeoutError)
    release.set()
    assert late.result(PATIENCE) == "vector"
