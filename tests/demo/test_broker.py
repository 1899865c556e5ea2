"""The demo's broker: the port that is held for it, on a real kernel."""

import socket
from contextlib import closing

import pytest

from hub_agent.demo.broker import HOST, held_port


def test_a_held_port_refuses_until_a_server_comes_and_after_it_has_gone() -> None:
    with held_port() as port:
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((HOST, port))
            with socket.create_server((HOST, port)), closing(socket.create_connection((HOST, port))):
                pass


def test_a_held_port_is_nobody_elses() -> None:
    with held_port() as port, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))
