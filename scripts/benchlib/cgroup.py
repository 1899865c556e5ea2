"""A small board's share of this machine: a cgroup with a part of one core and 256 MB. Needs root.

Owns: the cgroup. Never: looks into it; ``/proc`` tells.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_TOP: Final = Path("/sys/fs/cgroup")
PERIOD_US: Final = 20_000


@contextmanager
def share(of_core: float, memory_bytes: int) -> Iterator[list[str] | None]:
    """Make a cgroup; give the words that run a command in it, or None where that cannot be done here."""
    quota = round(PERIOD_US * of_core)
    name = f"hub-bench-{os.getpid()}"
    if (_TOP / "cgroup.controllers").exists():
        settings = {_TOP / name: {"cpu.max": f"{quota} {PERIOD_US}", "memory.max": str(memory_bytes)}}
    else:
        settings = {
            _TOP / "cpu" / name: {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(quota)},
            _TOP / "memory" / name: {"memory.limit_in_bytes": str(memory_bytes)},
        }
    try:
        for directory, values in settings.items():
            directory.mkdir(exist_ok=True)
            for key, value in values.items():
                (directory / key).write_text(value, encoding="ascii")
    except OSError:
        _remove(settings)
        yield None
        return
    enter = "; ".join(f"echo $$ > {directory}/cgroup.procs" for directory in settings)
    try:
        yield ["sh", "-c", f'{enter}; exec "$@"', "sh"]
    finally:
        _remove(settings)


def _remove(directories: dict[Path, dict[str, str]]) -> None:
    for directory in directories:
        with suppress(OSError):
            directory.rmdir()
