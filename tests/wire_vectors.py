"""The golden vectors of ``docs/wire.md``: fixed keys, every kind of payload, made by the product's own code.

HPKE is randomised and deflate has more than one right answer, so a sealed key or a squeezed body that is already in the
file is kept as long as it opens to what it should; everything else must come out byte for byte the same.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub_agent import seal, wire
from hub_agent.commands.claims import Claims
from hub_agent.envelope import (
    FIRST_LINK,
    SIGN_BATCH,
    Confirmation,
    Ranges,
    digest,
    parse_batch,
    parse_epoch,
    sign_confirmation,
)
from hub_agent.errors import SealError
from hub_agent.model import (
    Absent,
    ClockState,
    Code,
    DeviceTime,
    Measurement,
    Quality,
    Reading,
    ReadingClass,
    ReceivedReading,
    Samples,
    Stamp,
)
from hub_agent.noc.signing import RoleKey, sign
from hub_agent.nomenclature import (
    DIASTOLIC,
    MEAN_PRESSURE,
    PLETH,
    PULSE_RATE_NIBP,
    PULSE_RATE_OXIMETER,
    SPO2,
    SYSTOLIC,
    TEMPERATURE,
)
from hub_agent.trust import Role
from hub_agent.wire import Event, Item
from tests.opening import open_batch

VECTORS: Final = Path(__file__).parent / "vectors" / "wire.json"

HUB_ID: Final = "hub-0001"
JOURNAL: Final = bytes(range(16))
WALL_NS: Final = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
BOOT: Final = "00112233445566aa"


def fixed(name: str, length: int = 32) -> bytes:
    """Give bytes that anybody can make from a name: SHAKE-256 of it."""
    return hashlib.shake_256(f"hub-agent wire vectors: {name}".encode()).digest(length)


IDENTITY: Final = Ed25519PrivateKey.from_private_bytes(fixed("hub"))
CONFIRM: Final = Ed25519PrivateKey.from_private_bytes(fixed("confirm"))
CLINICIAN: Final = Ed25519PrivateKey.from_private_bytes(fixed("clinician"))
SECURITY: Final = Ed25519PrivateKey.from_private_bytes(fixed("security"))
MLKEM: Final = MLKEM768PrivateKey.from_seed_bytes(fixed("mlkem", 64))
HYBRID_X: Final = X25519PrivateKey.from_private_bytes(fixed("hybrid"))
CLASSIC_X: Final = X25519PrivateKey.from_private_bytes(fixed("x25519"))
DATA_KEY: Final = fixed("data key")
EPOCH: Final = fixed("epoch", 8)

RAW: Final = {
    "noc-pq": (
        seal.HYBRID,
        fixed("mlkem", 64) + HYBRID_X.private_bytes_raw(),
        MLKEM.public_key().public_bytes_raw() + HYBRID_X.public_key().public_bytes_raw(),
    ),
    "noc-x": (seal.CLASSIC, CLASSIC_X.private_bytes_raw(), CLASSIC_X.public_key().public_bytes_raw()),
}
"""kid → suite, private key, public key, as bytes."""

Old = Mapping[str, Any]


def stamp(after_ms: int, *, synced: bool = True, off_ms: int = 0) -> Stamp:
    """Stamp an instant ``after_ms`` after 2026 began; ``off_ms``: how wrong the wall clock is."""
    wall_ns = WALL_NS + (after_ms + off_ms) * 1_000_000
    state = ClockState.SYNCED if synced else ClockState.UNSYNCED
    return Stamp(BOOT, (60_000 + after_ms) * 1_000_000, wall_ns, state)


def value(code: int, unit: str, text: str) -> Measurement:
    """Make a measurement with a value."""
    return Measurement(Code(code), unit, Decimal(text))


def oximeter(after_ms: int, spo2: str, pulse: str) -> ReceivedReading:
    """Make a live reading."""
    measurements = (value(SPO2, "%", spo2), value(PULSE_RATE_OXIMETER, "/min", pulse))
    return ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, measurements), stamp(after_ms))


def _small() -> list[Item]:
    return [oximeter(0, "97", "61.5")]


def _columns() -> list[Item]:
    items: list[Item] = [oximeter(second * 1000 + second % 3, str(97 - second % 4), "61.5") for second in range(12)]
    searching = (
        Measurement(SPO2, "%", None, Absent.NOT_A_NUMBER),
        Measurement(PULSE_RATE_OXIMETER, "/min", None, Absent.NOT_A_NUMBER),
    )
    quality = Quality.SEARCHING | Quality.SENSOR_OFF
    items.append(ReceivedReading("oximeter", Reading(ReadingClass.CONTINUOUS, searching, quality), stamp(12_000)))
    items.append(oximeter(13_000, "96.0", "0"))
    return items


def _stored() -> list[Item]:
    pressure = Reading(
        ReadingClass.EPISODIC,
        (
            value(SYSTOLIC, "mm[Hg]", "121"),
            value(DIASTOLIC, "mm[Hg]", "79"),
            Measurement(MEAN_PRESSURE, "mm[Hg]", None, Absent.UNKNOWN),
            value(PULSE_RATE_NIBP, "/min", "64"),
        ),
        Quality.IRREGULAR_PULSE,
        DeviceTime(datetime(2025, 12, 31, 23, 58, 7)),  # noqa: DTZ001 - a device's clock
        record=17,
        stored=True,
        user=1,
    )
    fever = Reading(
        ReadingClass.EPISODIC,
        (value(TEMPERATURE, "Cel", "36.40"),),
        measured=DeviceTime(datetime(2026, 1, 1, 1, 0), 60),  # noqa: DTZ001 - a device's clock
    )
    return [
        ReceivedReading("cuff", pressure, stamp(20_000), fixed("name", 16).hex()),
        ReceivedReading("thermometer", fever, stamp(20_500, synced=False, off_ms=-1_700_000_000_000)),
    ]


def _waveform() -> list[Item]:
    block = Samples(PLETH, "1", Decimal("0.02"), Decimal("0.5"), (0, 12, 31, None, -7, 128))
    return [ReceivedReading("oximeter", Reading(ReadingClass.WAVEFORM, (), samples=(block,)), stamp(30_000))]


def _events() -> list[Item]:
    alarm = {
        "id": fixed("alarm", 16).hex(),
        "condition": "limit_low",
        "kind": "physiological",
        "priority": "high",
        "presence": "on",
        "escalated": False,
        "device": "oximeter",
        "measure": SPO2,
        "value": "84",
        "unit": "%",
        "limit": "88",
        "revision": 3,
    }
    at = stamp(40_000)
    return [
        Event("alarm", at, alarm),
        Event("time", at, {"boot": at.boot, "monotonic_ns": at.monotonic_ns, "wall_ns": at.wall_ns}),
        Event("rejected", stamp(40_250), {"device": "cuff", "reason": "checksum", "bytes": b"\x00\xff"}),
    ]


def _rewritten() -> list[Item]:
    return [oximeter(50_000 + second * 1000, str(95 + second % 2), "62.0") for second in range(3)]


BATCHES: Final[Sequence[tuple[str, ReadingClass, Callable[[], list[Item]]]]] = (
    ("one reading, not compressed", ReadingClass.CONTINUOUS, _small),
    ("columns of differences, an absent value, another exponent", ReadingClass.CONTINUOUS, _columns),
    ("stored and dated records, an unset clock", ReadingClass.EPISODIC, _stored),
    ("a waveform", ReadingClass.WAVEFORM, _waveform),
    ("events", ReadingClass.ALARM, _events),
    ("three batches rewritten into one, which covers them", ReadingClass.CONTINUOUS, _rewritten),
)
COVERS: Final[Mapping[int, Ranges]] = {5: ((6, 7), (9, 9))}
"""Position in ``BATCHES`` → the numbers that it covers; its own follows them."""


def spelled(item: Item) -> dict[str, Any]:
    """Spell an item as a reader should print it (docs/wire.md §12)."""
    place = {
        "wall_ms": item.stamp.wall_ns // 1_000_000,
        "monotonic_ms": item.stamp.monotonic_ns // 1_000_000,
        "synced": item.stamp.clock is ClockState.SYNCED,
    }
    if isinstance(item, Event):
        fields = {name: f.hex() if isinstance(f, bytes) else f for name, f in item.fields.items()}
        return {"kind": item.kind, **place, "fields": fields}
    reading = item.reading
    found: dict[str, Any] = {"device": item.device, "class": int(reading.cls), **place}
    found["measurements"] = [
        [m.code, m.unit, None, m.absent] if m.value is None else [m.code, m.unit, str(m.value)]
        for m in reading.measurements
    ]
    measured = reading.measured
    extra = {
        "quality": [str(flag.name).lower() for flag in reading.quality],
        "stored": reading.stored,
        "user": reading.user,
        "name": item.name,
        "device_time": measured and [measured.local.isoformat(), measured.offset_min],
        "record": reading.record,
        "samples": [[b.code, b.unit, str(b.period_s), str(b.scale), list(b.data)] for b in reading.samples],
    }
    return found | {name: part for name, part in extra.items() if part not in (None, [], "", False)}


def _sealer(nonces: Sequence[bytes]) -> seal.Sealer:
    """Make a sealer whose randomness is fixed: the epoch's id, its data key, then the nonces."""
    drawn = iter([EPOCH, DATA_KEY, *nonces])
    recipients = [seal.Recipient(kid, suite, seal.public_key(suite, raw)) for kid, (suite, _, raw) in RAW.items()]
    return seal.Sealer(HUB_ID, JOURNAL, IDENTITY, recipients, lambda _length: next(drawn))


def _kept_record(made: bytes, old: Old | None) -> bytes:
    """Keep an old epoch record that differs from the made one by HPKE's randomness alone."""
    if old is None:
        return made
    record = bytes.fromhex(old["epoch"]["record"])
    keys = {kid: seal.private_key(suite, raw) for kid, (suite, raw, _) in RAW.items()}
    try:
        parsed = parse_epoch(record)
        opened = {seal.open_epoch(parsed, IDENTITY.public_key(), {kid: key}) for kid, key in keys.items()}
    except SealError:
        return made
    sealed = cbor2.loads(parsed.recipients_bytes)
    alike = parsed.header_bytes == parse_epoch(made).header_bytes and opened == {DATA_KEY}
    return record if alike and [entry[0] for entry in sealed] == list(RAW) else made


def _kept_batch(made: bytes, body: bytes, old: bytes | None) -> bytes:
    """Keep an old batch that differs from the made one by deflate's freedom alone."""
    if old is None:
        return made
    try:
        was, now = parse_batch(old), parse_batch(made)
        opened = open_batch(was, IDENTITY.public_key(), AESGCM(DATA_KEY))
    except SealError:
        return made
    alike = was.header_bytes == now.header_bytes and was.sealed[:12] == now.sealed[:12] and opened == body
    return old if alike and was.signature == IDENTITY.sign(SIGN_BATCH + was.header_bytes + was.sealed) else made


def _batches(epoch: seal.Epoch, sealer: seal.Sealer, old: Old | None) -> list[dict[str, Any]]:
    found = []
    link = FIRST_LINK
    for position, (about, cls, items_of) in enumerate(BATCHES):
        covers = COVERS.get(position, ())
        seq = covers[-1][1] + 1 if covers else position + 1
        link = fixed("link", 16) if covers else link  # of the batch before, which was rewritten
        items = items_of()
        body = wire.encode(items)
        before = bytes.fromhex(old["batches"][position]["batch"]) if old and position < len(old["batches"]) else None
        batch = _kept_batch(sealer.seal(epoch, seq, cls, len(items), link, body, covers=covers), body, before)
        header = parse_batch(batch).header
        found.append(
            {
                "about": about,
                "topic": f"hubs/v1/{HUB_ID}/up/{'alarm' if cls is ReadingClass.ALARM else 'live'}",
                "seq": seq,
                "covers": covers,
                "class": int(cls),
                "link": link.hex(),
                "coding": header.coding,
                "body": body.hex(),
                "batch": batch.hex(),
                "digest": digest(batch).hex(),
                "items": [spelled(item) for item in items],
            }
        )
        link = digest(batch)
    return found


def _confirmation() -> dict[str, Any]:
    word = Confirmation(HUB_ID, WALL_NS, ((EPOCH, 1, 4), (EPOCH, 7, 7)), (EPOCH,), ((EPOCH, 5, "bad_body"),))
    return {
        "wall_ns": word.wall_ns,
        "confirmed": [[epoch.hex(), first, last] for epoch, first, last in word.confirmed],
        "wanted": [EPOCH.hex()],
        "refused": [[epoch.hex(), seq, code] for epoch, seq, code in word.refused],
        "message": sign_confirmation(word, CONFIRM).hex(),
    }


def _commands() -> list[dict[str, Any]]:
    claims = Claims(
        iss=Role.CLINICIAN,
        aud=HUB_ID,
        jti="019b7600-0000-7000-8000-000000000001",
        iat=WALL_NS // 10**9,
        nbf=WALL_NS // 10**9,
        exp=WALL_NS // 10**9 + 900,
        ctr=WALL_NS // 10**6,
        op="limits.off",
        args={"measure": "MDC_PULS_OXIM_SAT_O2", "device": None, "for_s": 600},
        ver=1,
        reason="TICKET-17",
    )
    signers = [RoleKey("clinician-1", Role.CLINICIAN, CLINICIAN), RoleKey("security-1", Role.SECURITY, SECURITY)]
    return [
        {
            "about": about,
            "claims": claims.model_dump(mode="json", exclude={"nonce"}),
            "signers": [key.kid for key in keys],
            "message": sign(claims, keys).decode(),
        }
        for about, keys in (("one signature, compact", signers[:1]), ("two signatures, general JSON", signers))
    ]


def make(old_text: str | None) -> str:
    """Make the file, from the one before where there is one."""
    old: Old | None = None if old_text is None else json.loads(old_text)
    sealer = _sealer([fixed(f"nonce {number}", 12) for number in range(len(BATCHES))])
    epoch = sealer.open_epoch(WALL_NS)
    signing = {"hub": IDENTITY, "confirm": CONFIRM, "clinician-1": CLINICIAN, "security-1": SECURITY}
    content = {
        "about": "Golden vectors of docs/wire.md; made by scripts/make-wire-vectors. Byte strings in hexadecimal.",
        "hub_id": HUB_ID,
        "journal": JOURNAL.hex(),
        "keys": {
            "ed25519": {
                name: {"private": key.private_bytes_raw().hex(), "public": key.public_key().public_bytes_raw().hex()}
                for name, key in signing.items()
            },
            "recipients": {
                kid: {"suite": suite, "private": private.hex(), "public": public.hex()}
                for kid, (suite, private, public) in RAW.items()
            },
        },
        "epoch": {
            "epoch": EPOCH.hex(),
            "wall_ns": WALL_NS,
            "data_key": DATA_KEY.hex(),
            "record": _kept_record(epoch.record, old).hex(),
        },
        "batches": _batches(epoch, sealer, old),
        "confirmation": _confirmation(),
        "commands": _commands(),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
