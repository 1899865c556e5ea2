"""The network between hub and NOC breaks in every way: nothing is lost or comes twice, and what is fresh is in time."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

import pytest
import pytest_asyncio

from hub_agent.demo.broker import find_mosquitto
from tests.faults import brokers, clocks, wires
from tests.faults.stage import Play, Scenario, playing

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(600)]

SCENARIOS: Final[tuple[Scenario, ...]] = (  # long ones first: they are played side by side
    wires.half_open,
    wires.packets_dropped,
    wires.slow_with_a_backlog,
    wires.cut,
    clocks.stepped_while_buffering,
    wires.flapping,
    brokers.full,
    brokers.restarted,
    brokers.without_its_sessions,
    brokers.acl_withdrawn,
    brokers.noc_killed,
    brokers.certificate_of_a_stranger,
    wires.name_not_resolved,
    clocks.booted_in_1970,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plays(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[Scenario, Play]]:
    """Play those that this run asks for."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    items = [item for item in request.session.items if item.getparent(pytest.Module) is request.node]
    wanted = [item.callspec.params["scenario"] for item in items if isinstance(item, pytest.Function)]
    chosen = [scenario for scenario in SCENARIOS if scenario in wanted]
    async with playing(chosen, tmp_path_factory.mktemp("network")) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_all_is_charted_once_and_in_time(scenario: Scenario, plays: Mapping[Scenario, Play]) -> None:
    wrong = await plays[scenario]
    if wrong is not None:
        raise wrong
