"""The command: ``scripts/bench [AREA…] [--quick] [--json] [--write]``, or with ``--peers`` instead of areas."""

import argparse
import json
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Final

from hub_agent import logs
from scripts.benchlib import documents, machine
from scripts.benchlib.area import Effort, Measure

AREAS: Final = (
    "decode",
    "store",
    "deliver",
    "latency",
    "drain",
    "flash",
    "wire",
    "footprint",
    "radio",
    "fleet",
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures the hub against its limits; every area in under ten minutes."
    )
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}; without any: all")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, for a look")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    parser.add_argument(
        "--write", action="store_true", help="put the tables into docs/performance.md and docs/scale.md"
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="instead of areas, measure what one would take in place of the hub; sets it up; ten minutes",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.areas) - set(AREAS)
    if unknown:
        parser.error(f"no such area: {', '.join(sorted(unknown))}; there are {', '.join(AREAS)}")
    if arguments.peers and arguments.areas:
        parser.error("--peers goes without areas")
    return arguments


def main() -> int:
    """Measure the areas and print their tables."""
    arguments = _arguments()
    logs.configure("critical", "json")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed daemon finds its bytecode, and so must these
    names = ["peers"] if arguments.peers else arguments.areas or list(AREAS)
    tables = []
    if not arguments.json:
        print(f"{machine.describe()}\n")
    for name in names:
        measure: Measure = import_module(f"scripts.benchlib.{name}").measure
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=machine.scratch()) as scratch:
            began = time.perf_counter()
            table = measure(Effort(Path(scratch), arguments.quick))
        tables.append(table)
        if arguments.write:
            documents.insert(name, f"{machine.describe()}\n\n{table.markdown()}")
        if not arguments.json:
            print(table.markdown(), flush=True)
            print(f"({name}: {time.perf_counter() - began:.0f} s)\n", file=sys.stderr)
    if arguments.json:
        print(json.dumps({"machine": machine.describe(), "tables": [table.plain() for table in tables]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
