"""Squeezes the bodies of batches: raw deflate with a preset dictionary. Pure.

Owns: coding 1 of ``docs/wire.md`` §4, in both directions. Never: knows what a body says.

A body of a second is a few hundred bytes of keys, codes and units, and a few of news; deflate alone meets each of them
for the first time. The dictionary holds what bodies usually hold: an alarm shrinks from 191 to 73 bytes, a blood
pressure from 107 to 52, a second of eight oximeters from 171 to 128.
"""

import base64
import zlib
from typing import Final

from hub_agent.errors import SealError

PRESET: Final = base64.b64decode(
    "oWFlg4RpdGVjaG5pY2FsAACiZGNvZGVgY3doeWCEZWFsYXJtAACsYmlkYGljb25kaXRpb25qbGltaXRfaGlnaGRraW5kaXRlY2hu"
    "aWNhbGhwcmlvcml0eWZtZWRpdW1ocHJlc2VuY2VnbGF0Y2hlZGllc2NhbGF0ZWT0ZmRldmljZWBnbWVhc3VyZRoAAkgaZXZhbHVl"
    "bGFja25vd2xlZGdlZGR1bml0ZC9taW5lbGltaXT2aHJldmlzaW9uAIRlYWxhcm0AAKxiaWRgaWNvbmRpdGlvbmlsaW1pdF9sb3dk"
    "a2luZG1waHlzaW9sb2dpY2FsaHByaW9yaXR5ZGhpZ2hocHJlc2VuY2Vib25pZXNjYWxhdGVk9GZkZXZpY2Vob3hpbWV0ZXJnbWVh"
    "c3VyZRoAAku4ZXZhbHVlYjg0ZHVuaXRhJWVsaW1pdGI5MGhyZXZpc2lvbgCnYWRrdGhlcm1vbWV0ZXJhawFhYwBhbYGDGgACS1xj"
    "Q2VsIGF1AWF0gQBhdoGBGQFopmFkZGN1ZmZhawFhYwBhbYSDGgACSgVmbW1bSGddAIMaAAJKBmZtbVtIZ10AgxoAAkoHZm1tW0hn"
    "XQCDGgACSCpkL21pbgBhdIEAYXaEgRh4gRhQgRhdgRhGpmFkZXN0cmFwYWsCYWMAYW2CgxoAAkGCZC9taW4AgxoAAj8oYm1zJmF0"
    "gQBhdoGBGEamYWRob3hpbWV0ZXJhawJhYwBhbYKDGgACS7hhJQCDGgACSBpkL21pbgBhdIEAYXaCgRhhgRhG"
)
"""Never to change: what was squeezed with it waits in outboxes. Another dictionary would be another coding."""

_RAW: Final = -15
"""zlib's word for deflate without a frame, with the largest window."""


def squeeze(body: bytes) -> bytes:
    """Give a body in raw deflate (RFC 1951)."""
    squeezer = zlib.compressobj(6, zlib.DEFLATED, _RAW, zdict=PRESET)
    return squeezer.compress(body) + squeezer.flush()


def expand(data: bytes, limit: int) -> bytes:
    """Give the body back, at most ``limit`` bytes.

    Raises:
        SealError: it does not inflate, or to more.
    """
    expander = zlib.decompressobj(_RAW, zdict=PRESET)
    try:
        body = expander.decompress(data, limit)
    except zlib.error as error:
        raise SealError("batch: does not inflate") from error
    if expander.unconsumed_tail or not expander.eof:
        raise SealError("batch: inflates beyond the limit or is cut short")
    return body
