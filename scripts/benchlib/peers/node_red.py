"""Node-RED with a queue before the link that waits in a file while there is none."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from hub_agent.demo.broker import free_port
from scripts.benchlib.peers import gateways, setup
from scripts.benchlib.peers.broker import Broker
from scripts.benchlib.peers.candidate import Ground, Rig
from scripts.benchlib.peers.feed import TOPIC, MqttFeed

_OUT: Final = "hospital"

_SETTINGS: Final = """
module.exports = {
    flowFile: "flows.json",
    uiHost: "127.0.0.1",
    uiPort: PORT,
    httpAdminRoot: false,
    telemetry: { enabled: false },
    mqttReconnectTime: 1000,
    contextStorage: { default: { module: "memory" }, disk: { module: "localfilesystem", config: { flushInterval: 1 } } }
}
"""

_SWITCH: Final = "return {topic: 'control', payload: msg.status.fill === 'green' ? 'open' : 'queue'}"
"""Opens the gate while the node that publishes says that it is connected."""


def _broker(name: str, port: int) -> dict[str, Any]:
    return {
        "id": f"broker-{name}",
        "type": "mqtt-broker",
        "broker": "127.0.0.1",
        "port": str(port),
        "clientid": f"node-red-{name}",
        "autoConnect": True,
        "usetls": False,
        "protocolVersion": "4",
        "keepalive": "5",
        "cleansession": False,
    }


def _gate() -> dict[str, Any]:
    words = ("toggle", "trigger", "flush", "reset", "peek", "drop", "status", "default")
    return {
        "id": "gate",
        "type": "q-gate",
        "z": "tab",
        "controlTopic": "control",
        "openCmd": "open",
        "closeCmd": "close",
        "queueCmd": "queue",
        **{f"{word}Cmd": word for word in words},
        "defaultState": "queueing",
        "maxQueueLength": 0,
        "keepNewest": False,
        "qToggle": False,
        "persist": True,
        "storeName": "disk",
        "wires": [[_OUT]],
    }


def _flows(devices: int, uplink: int) -> list[dict[str, Any]]:
    return [
        {"id": "tab", "type": "tab", "label": "store and forward"},
        _broker("devices", devices),
        _broker(_OUT, uplink),
        {
            "id": "in",
            "type": "mqtt in",
            "z": "tab",
            "topic": f"{TOPIC}/#",
            "qos": "1",
            "datatype": "utf8",
            "broker": "broker-devices",
            "inputs": 0,
            "wires": [["gate"]],
        },
        _gate(),
        {
            "id": _OUT,
            "type": "mqtt out",
            "z": "tab",
            "topic": "",
            "qos": "1",
            "retain": "false",
            "broker": f"broker-{_OUT}",
            "wires": [],
        },
        {"id": "link", "type": "status", "z": "tab", "scope": [_OUT], "wires": [["switch"]]},
        {"id": "switch", "type": "function", "z": "tab", "func": _SWITCH, "outputs": 1, "wires": [["gate"]]},
    ]


class NodeRed:
    """Node-RED."""

    name = "Node-RED"
    settings = (
        "`mqtt in` → queue gate → `mqtt out`, QoS 1 and kept sessions on both sides; the gate queues, without a limit,"
        " while `mqtt out` is not connected (which by itself throws away what it is given then), in a file context that"
        " is written every second (the default is 30)"
    )

    def version(self) -> str:
        """Install it where it is not."""
        setup.node_red()
        return f"{' with '.join(setup.NODE_RED)}, Node.js {setup.version(['node', '--version'])}".replace("@", " ")

    @contextmanager
    def rigged(self, ground: Ground) -> Iterator[Rig]:
        """Write its flow; run the broker that the devices publish to."""
        home = ground.here / "node-red"
        home.mkdir()
        devices = Broker(ground.here, "devices")
        (home / "flows.json").write_text(json.dumps(_flows(devices.port, ground.uplink_port)), encoding="utf-8")
        (home / "settings.js").write_text(_SETTINGS.replace("PORT", str(free_port())), encoding="utf-8")
        try:
            yield Rig(
                [str(setup.node_red()), "-u", str(home)],
                home,
                lambda: MqttFeed(devices.port),
                gateways.subscriber(ground.far_port, f"{TOPIC}/#"),
                gateways.numbers,
            )
        finally:
            devices.close()
