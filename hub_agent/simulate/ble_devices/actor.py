"""A virtual BLE device as fault scripts see it.

Owns: what each word of a script does to a device on the air. Never: waits; what takes time is done by the device.
"""

import inspect
from collections.abc import Callable
from datetime import timedelta

from hub_agent.errors import ConfigError
from hub_agent.simulate.ble_devices.peripheral import Peripheral
from hub_agent.simulate.physiology import Episode, Patient
from hub_agent.simulate.script import Step

_LOW_PERCENT = 8
_FULL_PERCENT = 100


class BleActor:
    """A device and its patient (an ``Actor``).

    Args:
        device: what the script happens to.
        patient: on whom it measures.
    """

    def __init__(self, device: Peripheral, patient: Patient) -> None:
        self._device = device
        self._patient = patient
        self._measure: Callable[[], object] | None = getattr(device, "measure", None)

    @property
    def verbs(self) -> frozenset[str]:
        """What can happen to it."""
        always = {"desaturate", "lose-bond", "low-battery", "nan", "out-of-range", "silent", "wrong-clock"}
        return frozenset(always | ({"measure"} if self._measure else set()))

    def act(self, step: Step) -> None:
        """Let it happen now."""
        device = self._device
        match step.verb:
            case "silent":
                (device.silent if step.on else device.well)()
            case "nan":
                (device.nan if step.on else device.well)()
            case "out-of-range":
                (device.out_of_range if step.on else device.in_range)()
            case "low-battery":
                device.set_battery(_LOW_PERCENT if step.on else _FULL_PERCENT)
            case "wrong-clock":
                by = timedelta(seconds=step.arg("by"))
                device.clock.set(device.clock.local() + (by if step.on else -by))
            case "lose-bond":
                device.later(device.lose_bond)
            case "desaturate":
                self._patient.desaturate(Episode(step.at_s, step.arg("to"), step.arg("over"), step.arg("for")))
            case "measure" if self._measure is not None:
                self._take(self._measure)
            case _:
                can = ", ".join(sorted(self.verbs))
                raise ConfigError(f"this device cannot {step.verb}", hint=f"it can: {can}")

    def _take(self, measure: Callable[[], object]) -> None:
        """Let it measure; a device that sends the result at once takes its time over it."""

        async def job() -> None:
            done = measure()
            if inspect.isawaitable(done):
                await done

        self._device.later(job)
