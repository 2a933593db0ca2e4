"""Whether a PNG or JPEG file is complete: decoders may return half an image of a truncated file without an error.

No library does this: Pillow's `verify` accepts PNG files without their end and rejects those with a damaged comment, and it can check JPEG
files only by decoding them a second time, while it holds the interpreter lock.
"""

from __future__ import annotations

import zlib

PNG, JPEG, JPEG_END = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"\xff\xd9"
SCAN = 0xDA  # the marker before a JPEG's pixels


def find_damage(data: bytes) -> str:
    """What is wrong with the content of an image file; empty if nothing is, or if it is neither PNG nor JPEG."""
    if data.startswith(PNG) and not _png_is_whole(data):
        return "truncated or damaged PNG"
    if data.startswith(JPEG) and not _jpeg_is_whole(data):
        return "truncated JPEG"
    return ""


def _png_is_whole(data: bytes) -> bool:
    """Whether the critical chunks up to IEND have the right checksums; what follows IEND does not matter."""
    at = len(PNG)
    while at + 12 <= len(data):  # length, kind, content, checksum
        end = at + 8 + int.from_bytes(data[at : at + 4])
        kind, checksum = data[at + 4 : at + 8], int.from_bytes(data[end : end + 4])
        is_critical = kind[:1].isupper()
        if is_critical and zlib.crc32(data[at + 4 : end]) != checksum:
            return False
        if kind == b"IEND":
            return True
        at = end + 4
    return False


def _jpeg_is_whole(data: bytes) -> bool:
    """Whether an end-of-image marker follows the first scan; the marker of a thumbnail in the header does not count."""
    at = len(JPEG)
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != SCAN:
        is_padding = data[at + 1] == 0xFF
        at += 1 if is_padding else 2 + int.from_bytes(data[at + 2 : at + 4])
    return data.find(JPEG_END, at) >= 0
