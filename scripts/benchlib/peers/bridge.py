"""A mosquitto on the hub that bridges to the hospital's broker: the simplest store-and-forward there is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hub_agent.demo.broker import free_port
from scripts.benchlib.peers import gateways
from scripts.benchlib.peers.broker import mosquitto, until_listening
from scripts.benchlib.peers.candidate import Ground, Rig
from scripts.benchlib.peers.feed import TOPIC, MqttFeed
from scripts.benchlib.peers.setup import version

_CONFIG: Final = """
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {here}/
autosave_interval 1
max_queued_messages 0
max_inflight_messages 100
set_tcp_nodelay true
log_type error

connection hospital
address 127.0.0.1:{uplink}
clientid hub
topic {topic}/# out 1
cleansession false
restart_timeout 1 5
"""


class MosquittoBridge:
    """mosquitto's bridge."""

    name = "mosquitto bridge"
    settings = (
        "QoS 1, `cleansession false`, no limit to the queue, `persistence true` with `autosave_interval 1`: all that"
        " waits is written once a second (the default is 1,800 s; `autosave_on_changes` would write all of it for every"
        " single message, which no backlog allows)"
    )

    def version(self) -> str:
        """Find it."""
        return version([mosquitto(), "-h"])

    @contextmanager
    def rigged(self, ground: Ground) -> Iterator[Rig]:
        """Write its configuration."""
        port = free_port()
        config = ground.here / "bridge.conf"
        user = "user root\n" if ground.here.owner() == "root" else ""  # it would drop root's rights to the directory
        text = _CONFIG.format(port=port, here=ground.here, uplink=ground.uplink_port, topic=TOPIC)
        config.write_text(user + text, encoding="utf-8")

        def feed() -> MqttFeed:
            until_listening(port)
            return MqttFeed(port)

        yield Rig(
            [mosquitto(), "-c", str(config)],
            ground.here,
            feed,
            gateways.subscriber(ground.far_port, f"{TOPIC}/#"),
            gateways.numbers,
        )
