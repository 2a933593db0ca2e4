"""Texts from outside, such as names of files, labels and messages of plugins, made harmless to print."""

from __future__ import annotations

import re

# Control characters, which steer a terminal; marks that change the direction of text; surrogates.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
SURROGATES = re.compile(r"[\ud800-\udfff]")  # bytes of a name that is not UTF-8
BREAKS = str.maketrans({"\n": r"\n", "\t": r"\t"})
UNDECODED = range(0xDC80, 0xDD00)  # stand for the bytes 0x80 to 0xff


def escape_controls(text: str) -> str:
    r"""Write control characters as \x1b and the like; line breaks and tabs stay."""
    return CONTROLS.sub(lambda match: _escape(match[0]), text)


def escape_line(text: str) -> str:
    r"""Write control characters as \x1b and the like, line breaks and tabs too."""
    return escape_controls(text).translate(BREAKS)


def write_yaml(value: object) -> str:
    """Write a plain value on one line, as it may stand in a benchmark."""
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("...").strip()


def is_unicode(text: str) -> bool:
    """Whether a text can be encoded; the name of a file may hold bytes that are not UTF-8."""
    return text.isascii() or not SURROGATES.search(text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if code in UNDECODED else ascii(character)[1:-1]
