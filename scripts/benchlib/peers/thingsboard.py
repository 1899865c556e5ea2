"""ThingsBoard IoT Gateway with its SQLite storage."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from scripts.benchlib.peers import gateways, setup
from scripts.benchlib.peers.broker import Broker
from scripts.benchlib.peers.candidate import Ground, Rig
from scripts.benchlib.peers.feed import TOPIC, MqttFeed, body

_TELEMETRY: Final = "v1/gateway/telemetry"
_ASKS: Final = "v1/devices/me/rpc/request/"
_ANSWERS: Final = "v1/devices/me/rpc/response/"
_NO_LIMITS: Final = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}
_RUN: Final = "import sys; sys.argv = ['gateway']; from thingsboard_gateway.tb_gateway import daemon; daemon()"
_ENOUGH: Final = {"filename": "./logs/gateway.log", "class": "logging.FileHandler", "formatter": "line"}


class Server:
    """Answers the gateway's one question, what its limits are, as a ThingsBoard server without limits does."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "thingsboard")
        self._client.on_connect = lambda client, *_: client.subscribe(f"{_ASKS}+", qos=1)
        self._client.on_message = self._answer
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _answer(self, client: paho.Client, _data: Any, asked: paho.MQTTMessage) -> None:  # noqa: ANN401 - paho's
        client.publish(_ANSWERS + asked.topic.removeprefix(_ASKS), json.dumps(_NO_LIMITS), qos=1)

    def close(self) -> None:
        """Go."""
        self._client.disconnect()
        self._client.loop_stop()


def _gateway(uplink: int) -> dict[str, Any]:
    return {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": uplink,
            "remoteShell": False,
            "remoteConfiguration": False,
            "statistics": {"enable": False},
            "deviceFiltering": {"enable": False},
            "maxPayloadSizeBytes": 8196,
            "minPackSendDelayMS": 50,
            "minPackSizeToSend": 500,
            "checkConnectorsConfigurationInSeconds": 60,
            "handleDeviceRenaming": True,
            "security": {"type": "accessToken", "accessToken": "bench"},
            "qos": 1,
            "reportStrategy": {"type": "ON_RECEIVED"},
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
        },
        "storage": {
            "type": "sqlite",
            "data_file_path": "./data/",
            "messages_ttl_check_in_hours": 1,
            "messages_ttl_in_days": 7,
            "max_read_records_count": 1000,
        },
        "grpc": {"enabled": False},
        "connectors": [{"type": "mqtt", "name": "devices", "configuration": "mqtt.json"}],
    }


def _connector(port: int) -> dict[str, Any]:
    series = [
        {"type": "string" if isinstance(value, str) else "double", "key": key, "value": f"${{{key}}}"}
        for key, value in json.loads(body(0)).items()
        if key not in {"device", "ts"}
    ]
    converter = {
        "type": "json",
        "deviceInfo": {
            "deviceNameExpressionSource": "message",
            "deviceNameExpression": "${device}",
            "deviceProfileExpressionSource": "constant",
            "deviceProfileExpression": "default",
        },
        "sendDataOnlyOnChange": False,
        "timeout": 60000,
        "attributes": [],
        "timeseries": [one | {"tsField": "${ts}"} for one in series],
    }
    broker = {
        "host": "127.0.0.1",
        "port": port,
        "clientId": "gateway",
        "version": 5,
        "maxMessageNumberPerWorker": 10,
        "maxNumberOfWorkers": 100,
        "cleanSession": False,
        "cleanStart": False,
        "sessionExpiryInterval": 3600,
        "security": {"type": "anonymous"},
    }
    mapping = [{"topicFilter": f"{TOPIC}/#", "subscriptionQos": 1, "converter": converter}]
    return {"broker": broker, "mapping": mapping, "requestsMapping": {}}


def _write(place: Path, name: str, content: object) -> None:
    (place / name).write_text(json.dumps(content), encoding="utf-8")


class ThingsBoard:
    """ThingsBoard IoT Gateway."""

    name = "ThingsBoard Gateway"
    settings = (
        "storage `sqlite` (its most careful one; the default is memory), QoS 1, a kept session towards the devices'"
        " broker, everything else as shipped; a stub answers its question for the server's limits with none"
    )

    def version(self) -> str:
        """Install it where it is not."""
        setup.thingsboard()
        return setup.THINGSBOARD.replace("==", " ")

    @contextmanager
    def rigged(self, ground: Ground) -> Iterator[Rig]:
        """Write its configuration; run the broker that the devices publish to, and the server's answer."""
        config = ground.here / "config"
        for place in (config, ground.here / "logs", ground.here / "data"):
            place.mkdir()
        devices, server = Broker(ground.here, "devices"), Server(ground.far_port)
        _write(config, "tb_gateway.json", _gateway(ground.uplink_port))
        _write(config, "mqtt.json", _connector(devices.port))
        _write(config, "connected_devices.json", {})
        _write(config, "list.json", [])
        _write(config, "logs.json", _logs())
        try:
            yield Rig(
                [str(setup.thingsboard()), "-c", _RUN],
                ground.here,
                lambda: MqttFeed(devices.port),
                gateways.subscriber(ground.far_port, _TELEMETRY),
                gateways.numbers,
                environment={"TB_GW_CONFIG_DIR": f"{config}/"},
            )
        finally:
            server.close()
            devices.close()


def _logs() -> dict[str, Any]:
    """Let it log as little as it may: errors, to one file."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"file": _ENOUGH},
        "root": {"level": "ERROR", "handlers": ["file"]},
    }
