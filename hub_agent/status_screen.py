"""The screen of ``hub-agent status``: the hub's state in plain words.

Owns: wording and layout. Never: asks the hub, or judges.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_CHECKS: Final = {
    "ok": "checked and sound",
    "unfinished": "sound as far as there was time to check",
    "damaged": "DAMAGED and replaced: look at the card",
    "none": "new",
}


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s ago"


def _lately(name: str, seconds: Mapping[str, float | None], *quantiles: str) -> str:
    """Spell figures of the last minute; empty where there are none."""
    known = [f"{one} {value * 1e3:.0f} ms" for one in quantiles if (value := seconds[one]) is not None]
    return f"{name} {', '.join(known)}" if known else ""


def lines(state: Mapping[str, Any]) -> Iterator[str]:
    """Give the lines for a status answer, as ``docs/wire.md`` describes the heartbeat."""
    uplink, delivery, storage = state["uplink"], state["delivery"], state["storage"]
    way = "connected" if uplink["up"] else f"DOWN ({uplink['why'] or 'not yet connected'})"
    yield f"NOC       {way} for {uplink['for_s']:.0f} s; last confirmation {_seconds(delivery['last_confirmed_age_s'])}"
    if delivery["form"] == "clear":
        yield "readings  leave in the CLEAR: this site has no NOC, and the broker reads them"
    waiting = ", ".join(
        f"{row['items']} {name}" + ("" if row["oldest_s"] is None else f" (oldest {row['oldest_s']:.0f} s)")
        for name, row in delivery["waiting"].items()
        if row["items"]
    )
    yield f"waiting   {waiting or 'nothing'}"
    for name, latency in delivery["latency_s"].items():
        if latency["p50"] is not None:
            yield f"latency   {name}: p50 {latency['p50'] * 1e3:.0f} ms, p99 {latency['p99'] * 1e3:.0f} ms"
    yield f"clock     {state['clock']}"
    written = storage["written_today_bytes"]
    today = "" if written is None else f", {written / 2**20:.1f} MiB written today"
    yield f"storage   {storage['bytes'] / 2**20:.1f} MiB, {storage['last_seq']} batches so far{today}"
    yield f"          write-ahead log {storage['wal_bytes'] / 2**10:.0f} KiB; at the start {_CHECKS[storage['check']]}"
    recent = (
        _lately("broker", uplink["round_trip_s"], "p50", "p95"),
        _lately("commit", storage["commit_s"], "p95", "max"),
        _lately("loop late", state["process"]["loop_lag_s"], "p95", "max"),
    )
    yield "lately    " + ("; ".join(filter(None, recent)) or "nothing measured yet")
    yield "host      " + ", ".join(_host(state["host"]))
    alarms = state["alarms"]["by_priority"]
    if state["security_events"]:
        yield f"security  {state['security_events']} messages or devices since the start that should not have come"
    yield "alarms    " + (", ".join(f"{n} {name}" for name, n in alarms.items() if n) or "none")
    for name, device in state["devices"].items():
        battery = "" if device["battery_percent"] is None else f", battery {device['battery_percent']} %"
        why = f" ({device['why']})" if device["why"] and device["state"] != "connected" else ""
        yield (
            f"device    {name}: {device['state']}{why}, {device['readings']} readings, "
            f"last {_seconds(device['last_reading_age_s'])}{battery}"
        )


def _host(host: Mapping[str, Any]) -> Iterator[str]:
    if host["under_voltage"]:
        yield "UNDER-VOLTAGE: the power supply is too weak"
    if host["throttled"]:
        yield "THROTTLED: too hot, or too little power"
    if host["temperature_c"] is not None:
        yield f"{host['temperature_c']:.0f} °C"
    if host["memory_available_bytes"] is not None:
        yield f"{host['memory_available_bytes'] / 2**20:.0f} MiB memory free"
    if host["disk_free_bytes"] is not None:
        yield f"{host['disk_free_bytes'] / 2**30:.1f} GiB disk free"
    yield f"load {host['load_1m']:.2f}"
