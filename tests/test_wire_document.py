"""``docs/wire.md`` says what is: its vectors, a reader written from it alone, and the words of the code in it."""

import ast
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hub_agent import mqtt, opening, wire
from hub_agent.commands.ops import OPS
from hub_agent.commands.refusal import Refusal
from hub_agent.envelope import open_confirmation
from hub_agent.model import Absent, Quality
from hub_agent.seal import SUITES
from tests.broker import NOC, Broker
from tests.noc.ends import NOC_KEY, event, open_hub, reading
from tests.wire_vectors import VECTORS, make, spelled

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "wire.md").read_text()
READER = Path(__file__).parent / "wire_reader.py"
GOLDEN: dict[str, Any] = json.loads(VECTORS.read_text())


async def read(here: Path, keys: dict[str, Any], payloads: Sequence[bytes]) -> tuple[int, list[Any], str]:
    """Let the reader, a process of its own, open an epoch record and batches."""
    files = {here / f"payload-{number}": payload for number, payload in enumerate(payloads)}
    for file, content in ({here / "keys.json": json.dumps(keys).encode()} | files).items():
        file.write_bytes(content)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(READER), str(here / "keys.json"), *map(str, files)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, said = await process.communicate()
    return process.returncode or 0, [json.loads(line) for line in output.splitlines()], said.decode()


def golden_keys(*kids: str) -> dict[str, Any]:
    recipients = GOLDEN["keys"]["recipients"]
    return {"hub": GOLDEN["keys"]["ed25519"]["hub"]["public"], "recipients": {kid: recipients[kid] for kid in kids}}


def golden_payloads() -> list[bytes]:
    return [bytes.fromhex(GOLDEN["epoch"]["record"]), *(bytes.fromhex(b["batch"]) for b in GOLDEN["batches"])]


def test_vectors_are_what_the_code_makes() -> None:
    assert make(VECTORS.read_text()) == VECTORS.read_text()


def test_vectors_made_from_nothing_have_the_same_bodies() -> None:
    fresh = json.loads(make(None))
    assert [b["body"] for b in fresh["batches"]] == [b["body"] for b in GOLDEN["batches"]]
    assert fresh["epoch"]["record"] != GOLDEN["epoch"]["record"]


@pytest.mark.parametrize("kid", ["noc-x", "noc-pq"])
async def test_the_reader_reads_the_vectors(kid: str, tmp_path: Path) -> None:
    code, printed, said = await read(tmp_path, golden_keys(kid), golden_payloads())
    assert (code, said) == (0, "")
    for batch in GOLDEN["batches"]:
        header, printed = printed[0], printed[1:]
        assert {name: header[name] for name in ("seq", "class", "link", "digest")} == {
            name: batch[name] for name in ("seq", "class", "link", "digest")
        }
        assert header["items"] == len(batch["items"])
        assert printed[: len(batch["items"])] == batch["items"]
        printed = printed[len(batch["items"]) :]
    assert printed == []


async def test_the_reader_refuses_what_was_changed(tmp_path: Path) -> None:
    record, batch = golden_payloads()[:2]
    changed = batch[:-1] + bytes([batch[-1] ^ 1])
    code, printed, said = await read(tmp_path, golden_keys("noc-x"), [record, changed])
    assert (code, printed, said) == (1, [], "a signature does not hold\n")


@pytest.mark.broker
async def test_the_reader_reads_what_a_live_hub_published(broker: Broker, tmp_path: Path) -> None:
    items: list[wire.Item] = [reading("97"), reading("96.50"), event("start", release="0", session="ab")]
    async with (
        mqtt.connect(broker.profile(NOC, ["hubs/v1/+/up/#"])) as capture,
        open_hub(tmp_path) as hub,
        asyncio.TaskGroup() as tasks,
    ):
        await hub.commit(items)
        task = tasks.create_task(hub.run(broker))
        captured = [await capture.inbox.get(), await capture.inbox.get()]
        task.cancel()
    assert [message.topic for message in captured] == ["hubs/v1/hub-1/up/keys", "hubs/v1/hub-1/up/live"]
    keys = {
        "hub": hub.identity.public_key().public_bytes_raw().hex(),
        "recipients": {"noc-1": {"private": NOC_KEY.private_bytes_raw().hex()}},
    }
    code, printed, said = await read(tmp_path, keys, [message.payload for message in captured])
    assert (code, said) == (0, "")
    stamped = wire.decode(wire.encode(items))  # the wire carries milliseconds
    assert sorted(map(json.dumps, printed[1:])) == sorted(json.dumps(spelled(item)) for item in stamped)


def test_the_reader_knows_nothing_of_the_product() -> None:
    imported = set()
    for node in ast.walk(ast.parse(READER.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"cbor2", "cryptography"}


def test_the_golden_confirmation_is_what_a_hub_accepts() -> None:
    golden = GOLDEN["confirmation"]
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(GOLDEN["keys"]["ed25519"]["confirm"]["public"]))
    word = open_confirmation(bytes.fromhex(golden["message"]), [key])
    assert (word.hub_id, word.wall_ns) == (GOLDEN["hub_id"], golden["wall_ns"])
    assert [[epoch.hex(), *numbers] for epoch, *numbers in word.confirmed] == golden["confirmed"]
    assert [epoch.hex() for epoch in word.wanted] == golden["wanted"]
    assert [[epoch.hex(), *what] for epoch, *what in word.refused] == golden["refused"]


@pytest.mark.parametrize(
    "word",
    [
        *Refusal,
        *Absent,
        *OPS,
        *SUITES,
        *(f"{bit} `{flag.name.lower()}`" for bit, flag in enumerate(Quality) if flag.name),
        *(opening.NO_KEY, opening.BAD_SEAL, opening.BAD_BODY, "stranger", "foreign", "forged", "malformed"),
        *("clone", "fork", "gap"),
    ],
)
def test_the_document_names(word: str) -> None:
    assert (word if "`" in word else f"`{word}`") in DOCUMENT
