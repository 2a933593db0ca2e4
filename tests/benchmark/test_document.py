"""YAML with lines: what a value is read as, and where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferbench import FerbenchError
from ferbench.benchmark.document import Document, load_document, parse_value
from ferbench.registry.specs import Place


@pytest.fixture
def read(tmp_path):
    def call(text: str | bytes) -> Document:
        file = tmp_path / "b.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_document(file)

    return call


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E+2", 100.0),
        ("-.5e1", -5.0),
        ("2.e3", 2000.0),
        ("5", 5),
        ("0.5", 0.5),
        ("1e", "1e"),
        ("e-3", "e-3"),
        ("'1e-3'", "1e-3"),
        ("010", 10),
        ("0o10", 8),
        ("1_0", "1_0"),
        ("12:30", "12:30"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("~", None),
        ("2026-11-26", "2026-11-26"),
        (".5", 0.5),
        ("0x1f", 31),
        ("0b1", "0b1"),
        ("no", "no"),
        ("off", "off"),
        ("null", None),
        ("=", "="),
        ("-.inf", float("-inf")),
        ("!!str 3", "3"),
        ("{<<: {a: 1, b: 2}, b: 3}", {"a": 1, "b": 3}),
        ("{<<: [{a: 1}, {a: 2, b: 2}], c: 3}", {"a": 1, "b": 2, "c": 3}),
        ("{'<<': {a: 1}}", {"<<": {"a": 1}}),
        ("{3: a, true: b, ~: c, 2026-01-01: d}", {"3": "a", "true": "b", "~": "c", "2026-01-01": "d"}),
    ],
)
def test_values_are_those_of_yaml_1_2(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_lines_of_values(read):
    document = read("name: a\nbackbone:\n  # a comment\n  - vgg16:\n      hidden: 3\n  - timm\nseed: [0,\n  1]\n")
    lines = {
        ("name",): 1,
        ("backbone",): 2,
        ("backbone", 0): 4,
        ("backbone", 0, "vgg16"): 4,
        ("backbone", 0, "vgg16", "hidden"): 5,
        ("backbone", 1): 6,
        ("seed", 1): 8,
    }
    for at, line in lines.items():
        assert document.where(*at) == f"{document.name}:{line}"


def test_value_that_is_missing_is_placed_at_what_holds_it(read):
    document = read("a: 1\nb:\n  c: {d: 1}\n")
    assert document.where("b", "c", "e", "f") == f"{document.name}:3"
    assert document.where("x") == f"{document.name}:1"
    assert Document(Place("--set seed=x"), {"seed": "x"}).where("seed") == "--set seed=x"


def test_alias_is_read_where_it_points(read):
    document = read("a: &x {lr: 1}\nb: *x\n")
    assert document.data["b"] == {"lr": 1}
    assert document.where("b", "lr").endswith(":1")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\na: 2\n", 2, "the key 'a' is listed twice, first on line 1"),
        ("a:\n  b: {c: 1}\n  d: 2\n  b: 3\n", 4, "the key 'b' is listed twice, first on line 2"),
        ("a:\n\tb: 3\n", 2, "found character '\\t'"),
        ("a: b: c\n", 1, "mapping values are not allowed here"),
        ("a: [1, 2\nb: 3\n", 2, "expected ',' or ']'"),
        ("a: 'x\n", 2, "unexpected end"),
        ("a: *y\n", 1, "undefined alias 'y'"),
        ("a: 1\n---\nb: 2\n", 2, "but found another document"),
        ("a: !!python/object:os.system {}\n", 1, "could not determine a constructor"),
        ("a: 1\n? [b]\n: 2\n", 2, "a key is a list or a mapping: expected a name"),
        ("a: 1\nb: &x\n  <<: *x\n", 2, "an alias refers to a value that contains it"),
        ("a: 1\nb: {<<: 3}\n", 2, "expected a mapping, or a list of mappings, to merge"),
        ("a: &x {c: 1}\nb: {<<: *x, d: 1, d: 2}\n", 2, "the key 'd' is listed twice, first on line 2"),
        ("a:\n  !!set {b}\n", 2, "could not determine a constructor"),
        ("a: 1\nb: \x07\n", 2, "the character #x0007 is not allowed"),
        ("a: 1\nb: \0\n", 2, "the character #x0000 is not allowed"),
        ('a: 1\nb: "\\ud800"\n', 2, "surrogates not allowed"),
        ("a: 1\nb: " + "9" * 5000, 2, "(5,002 characters)"),
        ("a: 1\nb: " + "[" * 100_000, 2, "it is nested more than 50 levels deep"),
        ("".join(f"{'  ' * n}a:\n" for n in range(60)), 50, "it is nested more than 50 levels deep"),
        ("a: &x [*x]\n", 1, "an alias refers to a value that contains it"),
    ],
)
def test_bad_yaml_names_its_line(read, text, line, message):
    with pytest.raises(FerbenchError) as caught:
        read(text)
    assert caught.value.where.endswith(f"b.yaml:{line}")
    assert message in caught.value.message
    assert len(str(caught.value).splitlines()) <= 2


def test_what_has_no_line_names_the_file(read):
    with pytest.raises(FerbenchError, match=r"b\.yaml cannot be read: 'utf-8' codec") as caught:
        read(b"a: \xff\n")
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_file_that_cannot_be_read(tmp_path, name):
    with pytest.raises(FerbenchError, match=r"no file .*absent\.yaml|cannot be read"):
        load_document(tmp_path / name)


LISTS = ["a0: &a0 [x, x, x, x, x, x, x, x, x]", *[f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]]
MERGES = ["a0: &a0 {x: 1}", *[f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 10)]]


@pytest.mark.parametrize("lines", [LISTS, MERGES])
def test_aliases_cannot_grow_without_bound(read, lines):
    """Nine times nine aliases, nine times over, would be nine to the ninth values."""
    with pytest.raises(FerbenchError, match="it has more than 100,000 values, with those that aliases repeat"):
        read("\n".join(lines))


def test_chain_of_aliases_cannot_be_too_deep(read):
    lines = ["a0: &a0 [x]", *[f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60)]]
    with pytest.raises(FerbenchError, match="it is nested more than 50 levels deep"):
        read("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("&x [*x]", "an alias refers to a value that contains it"),
        ("[" * 100_000, "it is nested more than 50 levels deep"),
        ("{a: 1, a: 2}", "the key 'a' is listed twice"),
        ("\x07", "the character #x0007 is not allowed"),
        ("[", "expected the node content"),
    ],
)
def test_value_of_an_option_has_the_same_limits(text, message):
    with pytest.raises(FerbenchError, match=message) as caught:
        parse_value(text, "--set x")
    assert caught.value.where == "--set x"


def test_merged_value_has_the_line_that_it_is_written_in(read):
    document = read("a: &x\n  lr: 1\n  epochs: 2\nb:\n  <<: *x\n  epochs: 3\n")
    assert document.data["b"] == {"lr": 1, "epochs": 3}
    assert (document.where("b", "lr"), document.where("b", "epochs")) == (f"{document.name}:2", f"{document.name}:6")


def test_a_file_that_is_too_large_is_not_read(read):
    with pytest.raises(FerbenchError, match="is too large: expected a benchmark of at most 1,048,576 bytes"):
        read("a: " + "x" * 1_100_000)


def test_a_device_that_never_ends_is_too_large():
    with pytest.raises(FerbenchError, match="/dev/zero is too large"):
        load_document(Path("/dev/zero"))
