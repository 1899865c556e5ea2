"""Leaves nothing to chance: whatever asks this machine for randomness is given what the seed says.

Not only what is drawn counts. A batch is compressed before it is sealed, so a key's random name in it makes it some
bytes longer or shorter, and on a narrow link every byte takes its time: by the second day that is another history.
What HPKE draws inside its library stays random: it is always as long, and nothing is compressed with it.
"""

import os
import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from hub_agent.builder import Builder
from hub_agent.noc import keyring
from hub_agent.noc.keyring import Keyring
from hub_agent.seal import Sealer
from tests.configs import make_keys

_KEY = 32


def seeded_keys(here: Path, rng: random.Random, own: Ed25519PrivateKey) -> Keyring:
    """Make the NOC's keys as ``make_keys`` does, the same ones for the same seed."""

    def like(kind: type[Ed25519PrivateKey | X25519PrivateKey]) -> SimpleNamespace:
        return SimpleNamespace(generate=lambda: kind.from_private_bytes(rng.randbytes(_KEY)))

    with (
        mock.patch.object(keyring, "Ed25519PrivateKey", like(Ed25519PrivateKey)),
        mock.patch.object(keyring, "X25519PrivateKey", like(X25519PrivateKey)),
    ):
        return make_keys(here, own=own)


def _elsewhere(start: Callable[[Builder, str], dict[str, Any]]) -> Callable[[Builder, str], dict[str, Any]]:
    """Let a hub begin with a digest of its configuration in which no path of this machine is."""
    digest = sha256(b"a home").hexdigest()
    return lambda builder, after: start(builder, after) | {"config": digest}


@contextmanager
def seeded(rng: random.Random) -> Iterator[None]:
    """Draw inside from this alone."""
    with (
        mock.patch.object(os, "urandom", rng.randbytes),
        mock.patch.object(Sealer.__init__, "__defaults__", (rng.randbytes,)),
        mock.patch.object(secrets, "token_hex", lambda size: rng.randbytes(size).hex()),
        mock.patch.object(secrets, "randbits", rng.getrandbits),
        mock.patch.object(Builder, "start", _elsewhere(Builder.start)),
    ):
        yield
