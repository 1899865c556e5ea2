import asyncio

from hub_agent.simulate.pace import RealPace, VirtualPace


async def test_sleepers_wake_in_the_order_of_time_each_at_its_own_instant() -> None:
    pace = VirtualPace()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *at_s: float) -> None:
        for instant in at_s:
            await pace.sleep_until(instant)
            woken.append((name, pace.now_s()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("late", 2.0, 2.5))
        tasks.create_task(sleeper("early", 0.5, 1.0, 2.25))
        await pace.advance(1.0)
        assert woken == [("early", 0.5), ("early", 1.0)]
        await pace.advance(2.0)

    assert woken[2:] == [("late", 2.0), ("early", 2.25), ("late", 2.5)]
    assert pace.now_s() == 3.0


async def test_a_sleeper_that_gave_up_does_not_stop_time() -> None:
    pace = VirtualPace()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(pace.sleep_until(1.0))
        await pace.advance(0.5)
        task.cancel()
        await pace.advance(1.0)
    assert task.cancelled()
    assert pace.now_s() == 1.5


async def test_the_past_is_over() -> None:
    pace = VirtualPace()
    await pace.advance(5.0)
    await pace.sleep_until(1.0)
    assert pace.now_s() == 5.0


async def test_the_real_pace_goes_as_the_loop_does() -> None:
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    pace = RealPace()
    await pace.sleep_until(0.01)
    assert 0.009 <= pace.now_s() <= loop.time() - began_s
    before = pace.now_s()
    await pace.sleep_until(0.0)
    assert pace.now_s() >= before
