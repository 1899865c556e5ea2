"""Opens a batch and prints what is in it: written from ``docs/wire.md`` alone, as a check of that document.

It imports nothing of hub_agent: Python's library, cbor2 and cryptography. Numbers in brackets are the sections.

    python wire_reader.py KEYS EPOCH_RECORD BATCH...

``KEYS`` is a JSON file: ``{"hub": Ed25519 public key, "recipients": {kid: {"private": key}}}``, in hexadecimal. The
others are files with one MQTT payload each. One JSON object a line: an object for each batch's header, then its items.
Ends with 1 and a word on standard error when something does not hold.
"""

# ruff: noqa: T201 - a command prints

import base64
import hashlib
import json
import sys
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

INFLATED_MAX = 16 * 1024 * 1024

# the preset dictionary of [4]
PRESET = base64.b64decode(
    "oWFlg4RpdGVjaG5pY2FsAACiZGNvZGVgY3doeWCEZWFsYXJtAACsYmlkYGljb25kaXRpb25qbGltaXRfaGlnaGRraW5kaXRlY2hu"
    "aWNhbGhwcmlvcml0eWZtZWRpdW1ocHJlc2VuY2VnbGF0Y2hlZGllc2NhbGF0ZWT0ZmRldmljZWBnbWVhc3VyZRoAAkgaZXZhbHVl"
    "bGFja25vd2xlZGdlZGR1bml0ZC9taW5lbGltaXT2aHJldmlzaW9uAIRlYWxhcm0AAKxiaWRgaWNvbmRpdGlvbmlsaW1pdF9sb3dk"
    "a2luZG1waHlzaW9sb2dpY2FsaHByaW9yaXR5ZGhpZ2hocHJlc2VuY2Vib25pZXNjYWxhdGVk9GZkZXZpY2Vob3hpbWV0ZXJnbWVh"
    "c3VyZRoAAku4ZXZhbHVlYjg0ZHVuaXRhJWVsaW1pdGI5MGhyZXZpc2lvbgCnYWRrdGhlcm1vbWV0ZXJhawFhYwBhbYGDGgACS1xj"
    "Q2VsIGF1AWF0gQBhdoGBGQFopmFkZGN1ZmZhawFhYwBhbYSDGgACSgVmbW1bSGddAIMaAAJKBmZtbVtIZ10AgxoAAkoHZm1tW0hn"
    "XQCDGgACSCpkL21pbgBhdIEAYXaEgRh4gRhQgRhdgRhGpmFkZXN0cmFwYWsCYWMAYW2CgxoAAkGCZC9taW4AgxoAAj8oYm1zJmF0"
    "gQBhdoGBGEamYWRob3hpbWV0ZXJhawJhYwBhbYKDGgACS7hhJQCDGgACSBpkL21pbgBhdIEAYXaCgRhhgRhG"
)

# [6], bits from the least
QUALITY = [
    "invalid",
    "questionable",
    "early",
    "artefact",
    "weak_signal",
    "low_perfusion",
    "sensor_off",
    "sensor_fault",
    "searching",
    "calibrating",
    "demo",
    "test",
    "low_battery",
    "device_alarm",
    "irregular_pulse",
    "body_movement",
    "cuff_loose",
    "bad_position",
    "clock_not_set",
    "implausible",
    "incomplete",
    "out_of_range",
]


def open_sealed(suite: str, private: bytes, sealed: bytes, info: bytes) -> bytes:
    """[3] HPKE, base mode, single shot, no associated data."""
    if suite == "X25519":
        x25519 = X25519PrivateKey.from_private_bytes(private)
        return hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM).decrypt(
            sealed, x25519, info=info
        )
    if suite != "MLKEM768_X25519":
        raise ValueError(f"suite {suite} is not known")
    key = hpke.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(private[:64]), X25519PrivateKey.from_private_bytes(private[64:])
    )
    hybrid = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    return hybrid.decrypt(sealed, key, info=info)


def read_epoch(record: bytes, hub: Ed25519PublicKey, recipients: dict[str, Any]) -> tuple[bytes, bytes]:
    """[3] Give the epoch's id and its data key."""
    header, sealed_to, signature = cbor2.loads(record)
    hub.verify(signature, b"hub-agent epoch v1\0" + header + sealed_to)
    version, _hub_id, _journal, epoch, _wall_ns = cbor2.loads(header)
    if version != 1:
        raise ValueError(f"version {version}")
    for kid, suite, sealed in cbor2.loads(sealed_to):
        if kid in recipients:
            info = cbor2.dumps(["hub-agent epoch key v1", header, kid, suite])
            return epoch, open_sealed(suite, bytes.fromhex(recipients[kid]["private"]), sealed, info)
    raise ValueError("sealed to nobody whose key is here")


def read_batch(batch: bytes, hub: Ed25519PublicKey, data_keys: dict[bytes, bytes]) -> tuple[dict[str, Any], bytes]:
    """[4] Give the header, spelled for printing, and the body."""
    header, sealed, signature = cbor2.loads(batch)
    hub.verify(signature, b"hub-agent batch v1\0" + header + sealed)
    version, hub_id, journal, seq, covers, cls, items, epoch, link, coding = cbor2.loads(header)
    if version != 1:
        raise ValueError(f"version {version}")
    content = AESGCM(data_keys[epoch]).decrypt(sealed[:12], sealed[12:], header)
    if coding == 1:
        inflater = zlib.decompressobj(-15, zdict=PRESET)
        content = inflater.decompress(content, INFLATED_MAX)
        if not inflater.eof:
            raise ValueError("inflates beyond 16 MiB, or is cut short")
    found = {
        "hub": hub_id,
        "journal": journal.hex(),
        "seq": seq,
        "covers": covers,
        "class": cls,
        "items": items,
        "link": link.hex(),
        "digest": hashlib.sha256(batch).digest()[:16].hex(),
    }
    return found, content


def undo_differences(column: list[int]) -> Iterator[int]:
    """[6]."""
    number = 0
    for difference in column:
        number += difference
        yield number


def place(clock: list[Any], at_ms: int) -> dict[str, Any]:
    """[6] Clock entries."""
    _boot, monotonic_ms, wall_ms, synced = clock
    return {"wall_ms": wall_ms + at_ms, "monotonic_ms": monotonic_ms + at_ms, "synced": synced}


def read_group(group: dict[str, Any], clocks: list[Any]) -> Iterator[dict[str, Any]]:
    """[6] Groups."""
    times = list(undo_differences(group["t"]))
    columns = [list(undo_differences(column)) for column in group["v"]]
    for row, at_ms in enumerate(times):
        measurements = []
        numbers = (column[row] for column in columns)
        for code, unit, what in group["m"]:
            if isinstance(what, str):
                measurements.append([code, unit, None, what])
            else:
                measurements.append([code, unit, str(Decimal(next(numbers)).scaleb(what))])
        found = {"device": group["d"], "class": group["k"], **place(clocks[group["c"]], at_ms)}
        found["measurements"] = measurements
        flags = [name for bit, name in enumerate(QUALITY) if group.get("q", 0) >> bit & 1]
        extra = {
            "quality": flags,
            "stored": group.get("b", False),
            "user": group.get("u"),
            "name": (group["i"][row] or b"").hex() if "i" in group else None,
            "device_time": group["w"][row] if "w" in group else None,
            "record": group["s"][row] if "s" in group else None,
            "samples": group["x"][row] if "x" in group else None,
        }
        yield found | {key: value for key, value in extra.items() if value not in (None, [], "", False)}


def read_body(body: bytes) -> Iterator[dict[str, Any]]:
    """[6] and [7]: readings, group by group, then events."""
    content = cbor2.loads(body)
    clocks = content["c"]
    for group in content.get("r", []):
        yield from read_group(group, clocks)
    for kind, clock, at_ms, fields in content.get("e", []):
        shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
        yield {"kind": kind, **place(clocks[clock], at_ms), "fields": shown}


def main(keys_path: str, *payloads: str) -> int:
    """Read the first payload as an epoch record, the others as batches."""
    keys = json.loads(Path(keys_path).read_text())
    hub = Ed25519PublicKey.from_public_bytes(bytes.fromhex(keys["hub"]))
    try:
        epoch, data_key = read_epoch(Path(payloads[0]).read_bytes(), hub, keys["recipients"])
        for payload in payloads[1:]:
            header, body = read_batch(Path(payload).read_bytes(), hub, {epoch: data_key})
            print(json.dumps(header))
            for item in read_body(body):
                print(json.dumps(item))
    except InvalidSignature:
        print("a signature does not hold", file=sys.stderr)
        return 1
    except (InvalidTag, ValueError, KeyError) as error:
        print(f"does not open: {error!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
