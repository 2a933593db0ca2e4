"""`ferbench weights`: lists model files, and fetches them."""

from __future__ import annotations

import hashlib
import json

import pytest

from ferbench.cli.main import main

CONTENT = b"a network"
PLUGIN = f"""\
import ferbench

DIGEST = {hashlib.sha256(CONTENT).hexdigest()!r}
TOY = ferbench.ModelFile("toy-model", "toy.bin", DIGEST, {len(CONTENT)}, "toys", "CC0", "nobody", "toy-net")

@ferbench.hookimpl
def register_models(register):
    register(TOY)
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run `ferbench weights` with a plugin that registers a model; returns the exit code and the output."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FERBENCH_PLUGINS", "")
    monkeypatch.setenv("COLUMNS", "120")
    plugin = tmp_path / "toys.py"

    def run(*arguments: str, text: str = PLUGIN) -> tuple[int, str, str]:
        plugin.write_text(text)
        code = main(["weights", *arguments, "--plugin", str(plugin)])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def test_a_model_is_listed_with_its_training_data_and_license(call, tmp_path):
    code, out, _ = call()
    assert code == 0
    assert out.splitlines()[1].split() == ["toy-model", "no", "0.0", "MB", "CC0", "toys", "·", "toy-net"]
    (tmp_path / "data" / "models").mkdir(parents=True)
    (tmp_path / "data" / "models" / "any name").write_bytes(CONTENT)
    (described,) = json.loads(call("list", "--format", "json")[1])
    assert (described["name"], described["trained_on"], described["size"]) == ("toy-model", "toys", len(CONTENT))
    assert described["path"] == str(tmp_path / "data" / "models" / "any name")


def test_a_model_that_is_present_is_not_fetched(call, tmp_path):
    (tmp_path / "data" / "models").mkdir(parents=True)
    (tmp_path / "data" / "models" / "toy.bin").write_bytes(CONTENT)
    code, out, _ = call("get", "toy-model")
    assert code == 0
    assert out.startswith(f"toy-model: already at {tmp_path / 'data' / 'models' / 'toy.bin'}")
    assert "trained on toys; license CC0" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["get"], "no model is named"),
        (["get", "toy-mode"], "did you mean 'toy-model'?"),
        (["get", "toy-model"], "the model toy-model cannot be fetched"),
        (["list", "toy-model"], "list takes no names"),
    ],
)
def test_mistakes(call, arguments, problem):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert problem in err


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (PLUGIN.replace("register(TOY)", 'register("toy")'), "'toy' is not a ferbench.ModelFile"),
        (PLUGIN.replace("register(TOY)", "register(TOY)\n    register(ferbench.ModelFile('toy-model', 'b', DIGEST, 1, '', '', '', ''))"),
         "two plugins register the model 'toy-model'"),
    ],
)  # fmt: skip
def test_what_is_no_model_or_another_one_of_its_name_is_refused(call, text, problem):
    code, _, err = call(text=text)
    assert code == 2
    assert problem in err
    assert "toys.py:" in err
