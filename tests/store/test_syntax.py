"""Digests of syntax: equal under all versions of Python, blind to comments and layout, and to nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ferbench.store import syntax
from ferbench.store.syntax import read_syntax

FIXTURE = Path(__file__).parent / "code_of_all_kinds.py"
DIGEST = "add922fd3b0dd10705246d048d360803"  # of the fixture; every stored crop is lost if it changes
PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from syntax import *; print(read_syntax(open(sys.argv[2], 'rb').read()).digest)"


def interpreters() -> dict[str, str]:
    """Every other Python from 3.11 on that is on this machine, by version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python3.{minor}") for minor in range(11, 20)] + [str(path) for path in pyenv.glob("3.*/bin/python")]
    versions = {}
    for path in filter(None, found):
        done = subprocess.run([path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
        if re.fullmatch(r"3\.1[1-9]", version := done.stdout.strip()):
            versions[version] = path
    return versions


def digest(text: str) -> str:
    return read_syntax(text.encode()).digest


def test_digest_is_known():
    assert read_syntax(FIXTURE.read_bytes()).digest == DIGEST


@pytest.mark.parametrize("version", [f"3.{minor}" for minor in range(11, 15)])
def test_digest_is_equal_under_every_version_of_python(version, tmp_path):
    path = interpreters().get(version)
    if path is None:
        pytest.skip(f"no Python {version} here")
    (tmp_path / "syntax.py").write_bytes(Path(str(syntax.__file__)).read_bytes())
    done = subprocess.run([path, "-S", "-c", PROGRAM, str(tmp_path), str(FIXTURE)], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (DIGEST, "")


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x = 1", "x=1 # one"),
        ("def f():\n  'doc'\n  return 1", "def f():\n\n    return 1"),
        ("def f():\n  'doc'", "def f(): pass"),
        ("class A:\n  x = 1\n  'about x'", "class A:\n  x = 1"),
        ("x = (1)", "x = 1"),
        ("x = 'a' 'b'", 'x = "ab"'),
        ("x = u'a'", "x = 'a'"),
        ("x = 'a' f'{y}' 'b'", "x = f'a{y}b'"),
        ("x = 0x10", "x = 16"),
        ("x = '\\u00e9'", "x = 'é'"),
        ("def f(): ...", "def f(): pass"),
    ],
)
def test_layout_does_not_count(one, two):
    assert digest(one) == digest(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 1", "x = '1'"),
        ("x = 'a'", "x = b'a'"),
        ("x = 0.1", "x = 0.10000000000000002"),
        ("x = None", "x = ..."),
        ("x = []", "x = ()"),
        ("f(a=1)", "f(1)"),
        ("f(*a)", "f(a)"),
        ("x = {**a}", "x = {a: None}"),
        ("x: int", "x: int = None"),
        ("def f(a): return a", "def f(a, /): return a"),
        ("def f(a=1, *, b): return a", "def f(a, *, b=1): return a"),
        ("def f(): return", "def f(): yield"),
        ("def f(): return 1", "async def f(): return 1"),
        ("a + b * c", "(a + b) * c"),
        ("a.b = 1", "b.a = 1"),
        ("x = f'{y}'", "x = f'{y!r}'"),
        ("x = f'{y}z'", "x = f'{y:z}'"),
        ("x = f'a{y}'", "x = f'{y}a'"),
        ("if x: pass\ny = 1", "if x: y = 1"),
        ("for x in y: f()\nelse: g()", "for x in y: f()\ng()"),
        ("from a import b", "from .a import b"),
        ("from a import b", "from a import b as c"),
        ("match x:\n  case None: y = 1", "match x:\n  case _: y = 1"),
        ("match x:\n  case [*_]: y = 1", "match x:\n  case []: y = 1"),
        ("@a\n@b\ndef f(): return 1", "@b\n@a\ndef f(): return 1"),
        ("class A(B): x = 1", "class A(metaclass=B): x = 1"),
        ("try: f()\nexcept A: g()", "try: f()\nexcept* A: g()"),
        ("x = '(Name'", "x = '(Name)'"),
    ],
)
def test_everything_else_counts(one, two):
    assert digest(one) != digest(two)


@pytest.mark.parametrize(
    "text", ["x = " + " + ".join(["1"] * 5000), f"x = 0x{'f' * 5000}", "x = '\\ud800'", "this is no Python", "x = '\\d'", "a\0b"]
)
@pytest.mark.filterwarnings("error")
def test_any_text_has_a_digest(text):
    assert len(digest(text)) == 32
    assert digest(text) != digest(text + "1")


def test_the_module_needs_only_the_standard_library():
    names = {node.module or "" for node in read_syntax(Path(str(syntax.__file__)).read_bytes()).imports if hasattr(node, "module")}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
