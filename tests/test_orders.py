"""Of the actor's class alone; `test_training_on_ray.py` has it among processes."""

import asyncio
from typing import Any

from flywheel.cluster.orders import News, Orders


async def took(orders: Orders, *, done: int, rank: int = 0) -> Any:
    """What is taken at once; "waits" if nothing is."""
    try:
        return await asyncio.wait_for(orders.take(done, rank), timeout=0.01)
    except TimeoutError:
        return "waits"


def test_each_worker_takes_an_order_once():
    async def story() -> None:
        orders = Orders()
        assert await took(orders, done=0) == "waits"
        await orders.give("first")
        assert await took(orders, done=0) == (1, "first")
        assert await took(orders, done=0, rank=1) == (1, "first")
        assert await took(orders, done=1, rank=1) == "waits"
        await orders.finish("an outcome")
        await orders.give("second")
        assert await took(orders, done=1) == (2, "second")

    asyncio.run(story())


def test_who_waits_hears_of_an_order_and_of_the_end():
    async def story() -> None:
        orders = Orders()
        waiting = asyncio.create_task(orders.take(0, 0))
        await asyncio.sleep(0)
        await orders.give("first")
        assert await waiting == (1, "first")
        waiting = asyncio.create_task(orders.take(1, 0))
        await asyncio.sleep(0)
        await orders.close()
        assert await waiting is None

    asyncio.run(story())


def test_a_worker_that_starts_again_goes_on_with_what_is_not_carried_out():
    async def story() -> None:
        orders = Orders()
        await orders.give("first")
        assert await took(orders, done=0) == (1, "first")
        assert await took(orders, done=0) == (1, "first")
        assert await orders.starts() == 2
        await orders.finish("an outcome")
        assert await took(orders, done=0) == "waits"

    asyncio.run(story())


def test_what_is_withdrawn_is_taken_only_by_those_who_are_waited_for():
    async def story() -> None:
        orders = Orders()
        await orders.give("first")
        assert await orders.say(0, 100, {})
        await orders.withdraw()
        assert await took(orders, done=0) == "waits"
        await orders.give("second")
        assert await took(orders, done=0) == (2, "second")
        await orders.withdraw()
        assert await took(orders, done=0, rank=1) == (2, "second")
        assert not await orders.say(50, 100, {})

    asyncio.run(story())


def test_the_news_are_those_of_the_newest_order():
    async def story() -> None:
        orders = Orders()
        await orders.give("first")
        assert await orders.news(0) == News(progress=None, told=[], outcome=None)
        await orders.say(50, 100, {"loss": 1.0})
        await orders.say(100, 100, {"loss": 0.5})
        for message in ("one", "two", "three"):
            await orders.tell(message)
        await orders.finish("an outcome")
        assert await orders.news(2) == News(progress=(100, 100, {"loss": 0.5}), told=["three"], outcome="an outcome")
        await orders.give("second")
        assert await orders.news(0) == News(progress=None, told=[], outcome=None)

    asyncio.run(story())
