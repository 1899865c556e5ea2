"""paho's network loop on asyncio's event loop.

Owns: when paho reads, writes and looks at its keepalive. Never: knows what is sent.
"""

import asyncio
import ssl
from typing import Any, Final

import paho.mqtt.client as paho

from hub_agent.errors import DeliveryError

_TURN_S: Final = 1.0


class Pump:
    """Drives a connected client from the event loop until it is closed."""

    def __init__(self, client: paho.Client, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to read, and to write what waits.

        Raises:
            DeliveryError: the connection is gone already.
        """
        connection = self._client.socket()
        if connection is None:
            raise DeliveryError("the broker hung up at once")
        self._client.on_socket_register_write = lambda _c, _u, s: self._loop.add_writer(s, self._client.loop_write)
        self._client.on_socket_unregister_write = self._unwatch
        self._client.on_socket_close = lambda _c, _u, s: self._forget(s)
        self._loop.add_reader(connection, self._read)
        self._turn()
        if self._client.want_write():
            self._client.loop_write()

    def _read(self) -> None:
        """Read until nothing is left: what TLS has decrypted already, the event loop cannot see."""
        self._client.loop_read()
        while isinstance(connection := self._client.socket(), ssl.SSLSocket) and connection.pending():
            self._client.loop_read()

    def _turn(self) -> None:
        """Let paho keep the connection alive, and find it dead."""
        self._timer = self._loop.call_later(_TURN_S, self._turn)
        self._client.loop_misc()

    def _unwatch(self, _client: object, _data: object, connection: Any) -> None:  # noqa: ANN401 - as below
        self._loop.remove_writer(connection)

    def _forget(self, connection: Any) -> None:  # noqa: ANN401 - a socket, or TLS over one
        self._loop.remove_reader(connection)
        self._loop.remove_writer(connection)

    def stop(self) -> None:
        """Say goodbye, as far as the socket takes it at once, and close."""
        if self._timer is not None:
            self._timer.cancel()
        self._client.disconnect()
        self._client.loop_write()
        connection = self._client.socket()
        if connection is not None:  # it took nothing: the link is dead
            self._forget(connection)
            connection.close()
