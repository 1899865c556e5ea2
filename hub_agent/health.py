"""What the hub says of itself: the retained status and the heartbeat.

Owns: the clear JSON of ``up/status`` and ``up/health``, as ``docs/wire.md`` describes it.
Never: lets a vital sign, a device's name or identity, or a patient's into what the broker sees.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from hub_agent.alarms.book import AlarmBook
from hub_agent.alarms.limits import Priority
from hub_agent.clock import Clock
from hub_agent.devices.runner import DeviceState
from hub_agent.forwarder import Forwarder
from hub_agent.intake import Intake
from hub_agent.latency import Latency
from hub_agent.machine import Machine
from hub_agent.model import ReadingClass
from hub_agent.outbox.outbox import Outbox

BEAT_S: Final = 10.0
"""Between two heartbeats."""
BRIEF_BEATS: Final = 5
"""As many heartbeats may be brief between two whole ones."""
EDGES_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0)
"""Upper edges of the delivery histogram's buckets."""

RELEASE: Final = version("hub-agent")


def status(
    hub_id: str, state: str, session: str, boot: str, since: str, kids: Sequence[str], certificate_until: str | None
) -> bytes:
    """Make the retained status: with state ``online`` the birth message, with ``offline`` also the Will.

    Args:
        hub_id: whose.
        state: ``online`` or ``offline``.
        session: the nonce of this process's life.
        boot: of the machine.
        since: when this state began, ISO 8601.
        kids: names of the NOC's keys that this hub trusts.
        certificate_until: when the hub's certificate ends, ISO 8601; None where it has none.
    """
    return _json(
        {
            "v": 1,
            "hub": hub_id,
            "state": state,
            "session": session,
            "boot": boot,
            "since": since,
            "release": RELEASE,
            "keys": list(kids),
            "certificate_until": certificate_until,
        }
    )


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


@dataclass(slots=True)
class Uplink:
    """What is known of the way to the broker.

    Attributes:
        connected_s: monotonic time since when it is up; None while it is down.
        down_s: monotonic time since when it is down.
        connects: how often it came up.
        why: the reason why it went down the last time.
    """

    down_s: float
    connected_s: float | None = None
    connects: int = 0
    why: str = ""


class Health:
    """Gathers the figures of all parts into one heartbeat.

    Args:
        hub_id: whose.
        session: the nonce of this process's life.
        clock: stamps.
        outbox: backlog and chain.
        forwarder: latency.
        intake: what came in.
        devices: states by alias.
        book: the alarms.
        uplink: the way to the broker.
        oldest_s: by class, how long the oldest unconfirmed batch has waited; kept up to date by its owner.
        machine: what the hub runs on, and what goes to its card.
        lag: how late the event loop was, since the last whole heartbeat.
        security_events: counts them, since the start.
    """

    def __init__(
        self,
        hub_id: str,
        session: str,
        clock: Clock,
        outbox: Outbox,
        forwarder: Forwarder,
        intake: Intake,
        devices: Mapping[str, DeviceState],
        book: AlarmBook,
        uplink: Uplink,
        oldest_s: Mapping[ReadingClass, float],
        machine: Machine,
        lag: Latency,
        security_events: Callable[[], int],
    ) -> None:
        self._hub_id = hub_id
        self._session = session
        self._clock = clock
        self._outbox = outbox
        self._forwarder = forwarder
        self._intake = intake
        self._devices = devices
        self._book = book
        self._uplink = uplink
        self._oldest_s = oldest_s
        self._machine = machine
        self._lag = lag
        self._security_events = security_events
        self._beats = 0
        self._brief = 0
        self._news: object = None

    def beat(self) -> bytes:
        """Make the next heartbeat: brief, unless there is news or the last whole one is a minute old.

        A whole one of eight devices is 3 kB; six a minute would be a third of all that a quiet hub sends.
        """
        self._beats += 1
        snapshot = self.snapshot()
        power = snapshot["host"]["under_voltage"], snapshot["host"]["throttled"]
        news = self._uplink.connects, snapshot["alarms"], power, [state.state for state in self._devices.values()]
        if self._brief < BRIEF_BEATS and news == self._news:
            self._brief += 1
            shown = self._in_brief(snapshot)
        else:
            self._brief, self._news = 0, news
            shown = self._whole(snapshot)
            for lately in (self._lag, self._forwarder.figures.round_trip, self._outbox.card.commits):
                lately.clear()
        return _json({"v": 1, "hub": self._hub_id, "seq": self._beats, **shown})

    def _in_brief(self, snapshot: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what tells that nothing is lost, and what changes by itself."""
        waiting = {name: lane for name, lane in snapshot["delivery"]["waiting"].items() if lane["batches"]}
        kept = {name: snapshot[name] for name in ("session", "at", "clock")}
        storage = {name: snapshot["storage"][name] for name in ("bytes", "fill", "journal", "last_seq", "chain")}
        return {**kept, "storage": storage, "delivery": {"waiting": waiting}}

    def _whole(self, snapshot: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out what names a device or quotes one.

        Devices stand in the order of the configuration, without their aliases and without why they are not there: that
        sentence may name a port or a driver. The command ``status`` brings both, sealed.
        """
        devices = [
            {name: value for name, value in device.items() if name != "why"} for device in snapshot["devices"].values()
        ]
        return {**snapshot, "devices": devices}

    def snapshot(self) -> dict[str, Any]:
        """Give all figures by name: what ``hub-agent status`` shows, and what heartbeats are cut from."""
        stamp = self._clock.stamp()
        now_s = stamp.monotonic_ns / 1e9
        return {
            "session": self._session,
            "release": RELEASE,
            "boot": stamp.boot,
            "at": self._clock.now().isoformat(timespec="milliseconds"),
            "monotonic_s": round(now_s, 3),
            "clock": stamp.clock.value,
            "uplink": self._uplink_figures(now_s),
            "delivery": self._delivery(now_s),
            "intake": {
                "received": self._intake.counts.received,
                "stored": self._intake.counts.stored,
                "repeated": self._intake.counts.repeated,
            },
            "storage": {
                **self._outbox.card.figures(),
                "fill": round(self._outbox.fill, 3),
                "journal": self._outbox.journal.hex(),
                "last_seq": self._outbox.last_seq,
                "chain": self._outbox.chain.hex(),
                "written_today_bytes": self._machine.wear.today_bytes(stamp),
            },
            "devices": {name: _device(state, now_s) for name, state in self._devices.items()},
            "alarms": _alarms(self._book),
            "security_events": self._security_events(),
            "process": {**self._machine.process(), "loop_lag_s": self._lag.spread()},
            "host": self._machine.host(),
        }

    def _uplink_figures(self, now_s: float) -> dict[str, Any]:
        up = self._uplink.connected_s
        return {
            "up": up is not None,
            "for_s": round(now_s - (self._uplink.down_s if up is None else up), 1),
            "connects": self._uplink.connects,
            "why": self._uplink.why,
            "round_trip_s": self._forwarder.figures.round_trip.spread(),
        }

    def _delivery(self, now_s: float) -> dict[str, Any]:
        figures, lanes = self._forwarder.figures, self._forwarder.lanes
        waiting = self._outbox.tallies
        last_s = figures.last_confirmed_s
        return {
            "form": self._forwarder.form.name,
            "latency_s": {cls.name.lower(): figures.latency[cls].summary() for cls in ReadingClass},
            "histogram": {
                "edges_s": list(EDGES_S),
                **{cls.name.lower(): figures.latency[cls].below(EDGES_S) for cls in ReadingClass},
            },
            "waiting": {
                cls.name.lower(): {
                    "batches": waiting[cls].batches,
                    "items": waiting[cls].items,
                    "numbers": waiting[cls].numbers,
                    "oldest_s": self._oldest_s.get(cls) if waiting[cls].batches else None,
                }
                for cls in ReadingClass
            },
            "in_flight": len(lanes.flights),
            "confirmed": figures.confirmed,
            "resent": figures.resent,
            "refused": figures.refused,
            "last_confirmed_age_s": None if last_s is None else round(now_s - last_s, 1),
        }


def _alarms(book: AlarmBook) -> dict[str, Any]:
    """Count the alarms that are not over: no value, no device."""
    priorities = Counter(alarm.condition.priority for alarm in book.alarms())
    return {
        "live": priorities.total(),
        "by_priority": {one.name.lower(): priorities[one] for one in sorted(Priority, reverse=True)},
        "limits_revision": book.revision,
    }


def _device(state: DeviceState, now_s: float) -> dict[str, Any]:
    age_s = None if state.last_reading_s is None else round(now_s - state.last_reading_s, 1)
    return {
        "state": state.state,
        "for_s": round(now_s - state.since_s, 1),
        "readings": state.readings,
        "last_reading_age_s": age_s,
        "rejected": state.rejected,
        "connections": state.connections,
        "drops": state.drops,
        "rssi_dbm": state.rssi_dbm,
        "battery_percent": state.battery_percent,
        "why": state.why,
        "warnings": dict(state.warnings),
    }
