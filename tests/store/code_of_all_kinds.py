# A module that is only parsed: its digest must be equal under every version of Python.
"""Doc."""

from __future__ import annotations

import asyncio, os as system
from . import near
from ..far import (one,
    two as three)

NAME = u"é𝒳" 'b' "\N{DIGIT ONE}\x7f\u2028\U0001fae8\U000323af"
RAW = rb"\d" b"x"
NUMBERS = 0x1F + 10_000 + 1e999 + 1.5e-7 + 3j + 0.1 + -0.0 + True
LONG = 1 + 2 + \
    3
EMPTY, PLAIN = f"", f"plain"
MIXED = f"a{LONG}b{NAME!r:>{LONG}}c" "tail" f'{RAW!s}{{}}'
DEBUG = f"{LONG=}" f"{ LONG = !s:^10}" u"x" f"{LONG:{LONG}.{3}f}"
LINES = f'''{
    LONG
    :>4} text
{NAME:%Y-%m-%d}'''
NESTED = "head" f"{f'{LONG}'}" "" f"{NAME['a']}" rf"\d{LONG:\d}" f"{LONG!a}{(lambda x: x)(1)}"


def match_all(value):
    match value:
        case 0 | -1 | 1 + 2j:
            return "n"
        case None | True:
            return
        case [1, *rest] if rest:
            return rest
        case [*_] | 1j:
            pass
        case {"a": _, **_others}:
            pass
        case Point(x=0, y=y) as point:
            return point
        case str():
            ...
        case system.sep | _:
            raise ValueError from None


@decorate(1)
@near.other
class Thing(Base, metaclass=Meta, **options):
    """Doc."""

    field: int = 3
    """About the field."""
    other: dict[str, tuple[int, ...]] | None
    (parenthesized): "str" = ""

    async def run(self, a, /, b: int = 1, *args: *Types, c, d=None, **more) -> None:
        """Doc."""
        async with self as s, s:
            async for x in y: await x
        return [i async for i in z if i if i > 1]

    def generate(self):
        global G
        x = yield from (y := self)
        del x[1:2, ::3, ...], x.y
        a, *b = *x, 1
        a[*b] = f(*b, **{**x, 'k': 1})
        while (n := n - 1): continue
        else: x @= ~y
        with (open(a) as first, open(b)): assert x, "message"
        try: yield
        except* (OSError, ValueError) as group: raise
        else: pass
        finally: self.done = lambda *a, k=1, **kw: (a, k)
        return not x if a < b <= c is not d in e else {1, *x}
