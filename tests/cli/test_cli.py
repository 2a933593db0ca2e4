"""The command line where nothing is computed: help, lists, the schema, corpora; and how user errors are reported."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ferbench import FerbenchError, __version__
from ferbench.cli.main import main, make_parser
from ferbench.cli.options import print_json, print_sentences
from ferbench.registry.contracts import KINDS
from ferbench.registry.plugins import load_plugins

HEAVY = {"torch", "torchvision", "timm", "cv2", "pandas", "sklearn", "numpy", "matplotlib", "scipy"}
FILE = "dataset: ck+\npreprocessing: [[gray]]\nprotocol: thesis\nbackbone: vgg16\nloss: cross-entropy\naggregator: mean\n"


def list_commands(parser: argparse.ArgumentParser, path: str = "") -> dict[str, bool]:
    """Every command below a parser, and whether it runs something itself instead of having subcommands."""
    groups = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    commands = {path: not groups} if path else {}
    for name, subparser in (item for group in groups for item in group.items()):
        commands |= list_commands(subparser, f"{path} {name}".strip())
    return commands


COMMANDS = list_commands(make_parser())


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FERBENCH_DATA", raising=False)

    def run_command(command: str):
        code = main(shlex.split(command))
        return code, *capsys.readouterr()

    return run_command


def test_commands_come_from_the_parser():
    assert {"run", "store", "store gc", "corpus extract"} <= COMMANDS.keys()
    assert COMMANDS["store gc"]
    assert not COMMANDS["store"]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(capsys, command):
    with pytest.raises(SystemExit, match="0"):
        main([*command.split(), "--help"])
    text = capsys.readouterr().out
    assert text.startswith(f"usage: ferbench {command}".strip())
    assert ("--debug" in text) == COMMANDS.get(command, False)
    if command:
        assert "Exit codes: 0 success, 1 some rows, files or plugins failed, 2 user error" in " ".join(text.split())


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert re.search(rf"^    {command.split()[0]} +\w", text, re.MULTILINE), command


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"ferbench {__version__}\n"


@pytest.mark.parametrize("arguments", ["['--help']", "['plugins']", "['run', '--help']", "['corpus', 'list']", "['schema']"])
def test_quick_commands_import_nothing_heavy(arguments):
    program = (
        "import sys\nfrom ferbench.cli.main import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit:\n    pass\n"
        "print('imported', *{name.partition('.')[0] for name in sys.modules})"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(process.stdout.splitlines()[-1].split())
    assert {"imported", "ferbench", "argparse"} <= imported
    assert imported & HEAVY == set()


def test_plugins(call):
    code, out, err = call("plugins --format json")
    listed = json.loads(out)
    assert (code, err) == (0, "")
    assert {(e["kind"], e["name"]) for e in listed} == set(load_plugins().entries)
    assert all(set(e) == {"kind", "name", "plugin", "summary"} and e["summary"] for e in listed)
    code, table, _ = call("plugins")
    assert [line for line in table.splitlines() if not line.startswith(" ")] == [kind.plural for kind in KINDS.values()]
    assert all(any(line.split()[:1] == [e["name"]] for line in table.splitlines()) for e in listed)


def test_plugins_of_a_file(call, toy_plugin):
    _, out, _ = call(f"plugins --format json --plugin {toy_plugin}")
    assert {e["name"] for e in json.loads(out) if e["plugin"] == str(toy_plugin)} >= {"toy", "toy-net", "invert", "broken"}


@pytest.mark.parametrize("width", [20, 40, 60, 100])
def test_lists_fit_the_terminal(call, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    for command in ("plugins", "corpus list", "benchmarks"):
        text = call(command)[1]
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
        assert ("london" if command == "benchmarks" else "ravdess") in text.split()


def test_sentences_are_wrapped_between_words_on_a_terminal_only(capsys, monkeypatch):
    line = "  skipped 1,234 clips, without a label: " + "/a-long-path" * 4 + ", 5,678"
    print_sentences([line])
    assert capsys.readouterr().out == f"{line}\n"
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_sentences([line, ""])
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(map(str.strip, lines)).strip() == line.strip()
    assert [text for text in lines if len(text) > 20] == ["    " + "/a-long-path" * 4 + ","]


def test_corpus_list(call, tmp_path, monkeypatch):
    (tmp_path / "data" / "mug").mkdir(parents=True)
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / "data"))
    code, out, _ = call("corpus list --format json")
    listed = {e["name"]: e for e in json.loads(out)}
    assert code == 0
    assert set(listed) == {entry.name for entry in load_plugins().entries_of("dataset")}
    assert listed["mug"]["found"] == str(tmp_path / "data" / "mug")
    assert listed["ck+"]["found"] == ""
    assert all(e["access"] and e["citation"] and e["license"] and e["classes"] for e in listed.values())


def test_corpus_check(call, data, toy_plugin):
    code, out, err = call(f"corpus check toy {data / 'toy'} --plugin {toy_plugin} --format json")
    corpus = json.loads(out)
    assert (code, err) == (0, "")
    assert (corpus["corpus"], corpus["people"], corpus["clips"], corpus["standin"]) == (
        "toy",
        9,
        {"dark": 9, "light": 9, "stripes": 9},
        None,
    )
    (data / "toy/p00/bored/take").mkdir(parents=True)
    code, out, _ = call(f"corpus check toy {data / 'toy'} --plugin {toy_plugin}")
    assert code == 0
    assert "toy: 27 clips of 9 people" in out
    assert "skipped 1, unknown label: p00/bored/take" in out


def test_corpus_standin(call, tmp_path, toy_plugin):
    code, out, _ = call(f"corpus standin toy new --people 2 --seed 3 --plugin {toy_plugin}")
    assert (code, out.strip()) == (0, "new: stand-in of toy, 2 people, seed 3")
    assert (tmp_path / "new/p01/light/take0/0.png").is_file()
    code, out, _ = call(f"corpus check toy new --plugin {toy_plugin}")
    assert "stand-in of toy, 2 people, seed 3" in out


def test_schema(call):
    code, out, err = call("schema")
    assert (code, err) == (0, "")
    assert json.loads(out)["title"] == "ferbench benchmark"


@pytest.fixture
def call_among_mistakes(call, tmp_path):
    """Call commands in a folder of files with mistakes."""
    (tmp_path / "b.yaml").write_text(FILE)
    (tmp_path / "misspelled.yaml").write_text(FILE.replace("vgg16", "vgg61"))
    (tmp_path / "syntax.yaml").write_text("dataset: [ck+\n")
    (tmp_path / "broken.py").write_text("import ferbench\nimport no_such_package\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("")
    return call


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run absent.yaml", "no file absent.yaml"),
        ("run .", ". cannot be read"),
        ("run misspelled.yaml", "misspelled.yaml:4: unknown backbone 'vgg61'; did you mean 'vgg16'?"),
        ("run syntax.yaml", "syntax.yaml:2: not valid YAML"),
        ("run b.yaml", "b.yaml:1: the corpus ck+ was not found"),
        ("run b.yaml --set recipe.rl=1", "--set recipe.rl=1: unknown path 'recipe.rl'; did you mean 'recipe.lr'"),
        ("run b.yaml --only backbone=timm", "--only backbone=timm: unknown backbone 'timm'; known: vgg16"),
        ("run b.yaml --plugin absent.py", "--plugin: no plugin file"),
        ("run b.yaml --plugin broken.py", "broken.py:2: the plugin cannot be imported: ModuleNotFoundError"),
        ("plugins --plugin broken.py", "broken.py:2: the plugin cannot be imported"),
        ("schema --plugin broken.py", "broken.py:2: the plugin cannot be imported"),
        ("leaderboard", "there is no store at ferbench-store"),
        ("leaderboard b.yaml --store full", "full is not a store: it holds file"),
        ("corpus check mugg", "unknown dataset 'mugg'; did you mean 'mug'?"),
        ("corpus check mug", "the corpus mug was not found"),
        ("corpus check mug absent", "the corpus mug was not found at"),
        ("corpus check mug full", "full: the corpus mug is not in the layout that is read: expected "),
        ("corpus doctor mugg", "unknown dataset 'mugg'; did you mean 'mug'?"),
        ("corpus doctor mug", "the corpus mug was not found"),
        ("corpus doctor mug full", "full: the corpus mug is not in the layout that is read: expected "),
        ("corpus standin mugg new", "unknown dataset 'mugg'; did you mean 'mug'?"),
        ("corpus standin london new", "no plugin renders a stand-in for the corpus london"),
        ("corpus standin mug full", "full is not empty"),
        ("corpus standin mug b.yaml", "b.yaml is not empty"),
        ("corpus standin mug new --people 0", "--people: people is 0: expected at least 1"),
        ("store list --store absent", "there is no store at absent"),
        ("store verify --store absent", "there is no store at absent"),
        ("store gc --store absent", "there is no store at absent"),
        ("run b.yaml --dry-run --format latex", "a plan cannot be printed as latex"),
    ],
)
def test_user_errors(call_among_mistakes, tmp_path, command, message):
    before = {path.name for path in tmp_path.iterdir()}
    code, out, err = call_among_mistakes(command)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.startswith("error: ")
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 2
    assert {path.name for path in tmp_path.iterdir()} - before <= {"ferbench-store"}


@pytest.mark.parametrize(
    "command",
    ["", "rn", "run", "corpus", "run b.yaml --frmat json", "run b.yaml --format xml", "plan b.yaml --device foo", "corpus standin mug"],
)
def test_usage_errors(capsys, command):
    with pytest.raises(SystemExit, match="2"):
        main(command.split())
    text = capsys.readouterr().err
    assert text.startswith("usage: ferbench")
    assert "error:" in text


def test_debug_raises_the_error(call_among_mistakes):
    with pytest.raises(FerbenchError, match="unknown backbone"):
        call_among_mistakes("run misspelled.yaml --debug")


def test_store_is_named_by_the_environment(call, tmp_path, monkeypatch):
    monkeypatch.setenv("FERBENCH_STORE", str(tmp_path / "elsewhere"))
    assert str(tmp_path / "elsewhere") in call("leaderboard")[2]
    assert "here" in call("leaderboard --store here")[2]


def test_a_process_exits_with_the_code(tmp_path):
    process = subprocess.run([sys.executable, "-m", "ferbench", "run", "absent.yaml"], capture_output=True, text=True, cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr.splitlines()[0] == "error: no file absent.yaml"


def test_closed_stdout_is_not_an_error():
    entry = Path(sys.executable).with_name("ferbench")
    program = [str(entry)] if entry.exists() else [sys.executable, "-m", "ferbench"]
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as out:
        process = subprocess.run([*program, "schema"], stdout=out, stderr=subprocess.PIPE, text=True)
    assert (process.returncode, process.stderr) == (0, "")


ESCAPES = "\x1b[31m\x07\x9b"


def test_names_cannot_steer_the_terminal(call, tmp_path, monkeypatch):
    """A name may hold escape sequences, which would change the terminal's title, colors or contents."""
    for command in ("run 'X.yaml'", "run quick --plugin 'X.py'", "corpus extract 'X' t", "leaderboard --store 'X'", "run 'X'"):
        code, out, err = call(command.replace("X", ESCAPES))
        assert code == 2, command
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", out + err), command
        assert r"\x1b[31m\x07\x9b" in err.replace(r"\\", "\\"), command
    (tmp_path / f"toy{ESCAPES}/toy").mkdir(parents=True)
    monkeypatch.setenv("FERBENCH_DATA", f"toy{ESCAPES}")
    plugin = Path(__file__).parents[1] / "toy.py"
    assert r"toy\x1b[31m\x07\x9b/toy" in call(f"corpus list --plugin {plugin}")[1]
    code, out, err = call(f"corpus list --plugin {plugin} --format json")
    assert r"toy\x1b[31m\x07\x9b/toy" in [corpus["found"] for corpus in json.loads(out)]


def test_json_holds_no_control_characters(capsys):
    text = "\x1b[31m\x9b\x7f\n\u202e\u00e9"
    print_json([text])
    out = capsys.readouterr().out
    assert json.loads(out) == [text]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)


def test_arguments_in_usage_errors_are_escaped(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["plugins", ESCAPES])
    assert r"unrecognized arguments: \x1b[31m\x07\x9b" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run ~nosuch/b.yaml", "no file ~nosuch/b.yaml"),
        ("why ~nosuch/b.yaml", "no file ~nosuch/b.yaml"),
        ("leaderboard --store ~nosuch/x", "there is no store at ~nosuch/x"),
        ("corpus extract ~nosuch/a b", "no folder ~nosuch/a"),
        ("corpus check mug ~nosuch/a", "the corpus mug was not found at ~nosuch/a"),
        ("run b.yaml --plugin ~nosuch/p.py", "no plugin file"),
        ("run b.yaml --no-rehearsal --set dataset.ck+.root=~nosuch/a", "the corpus ck+ was not found at ~nosuch/a"),
        ("run b.yaml --plugin loop.py", "no plugin file"),
    ],
)
def test_homes_and_links_that_lead_nowhere(call_among_mistakes, tmp_path, command, message):
    (tmp_path / "loop.py").symlink_to("loop.py")
    code, out, err = call_among_mistakes(command)
    assert (code, out) == (2, "")
    assert message in err


def test_a_data_folder_of_nobody_holds_no_corpus(call, monkeypatch):
    monkeypatch.setenv("FERBENCH_DATA", "~nosuch/data")
    code, out, err = call("corpus list --format json")
    assert (code, err) == (0, "warning: FERBENCH_DATA: there is no folder ~nosuch/data\n")
    assert {corpus["found"] for corpus in json.loads(out)} == {""}


def test_a_plugin_cannot_end_a_command_with_success(call, tmp_path, monkeypatch):
    """sys.exit(0) used to end a run with 0 and without a row."""
    monkeypatch.setattr("ferbench.benchmark.grid.load_benchmark", lambda *args, **options: sys.exit(0))
    code, out, err = call("run quick")
    assert (code, out, err) == (2, "", "error: a plugin ended the command: SystemExit: 0\n")


@pytest.mark.parametrize("command", ["run", "plan", "run --quiet"])
def test_a_typing_error_in_a_folder_is_named_before_the_rehearsal(call, tmp_path, monkeypatch, command):
    """It used to be hidden by the rehearsal, which runs on stand-ins."""
    (tmp_path / "b.yaml").write_text(FILE.replace("ck+", "toy").replace("gray", "invert") + "rehearsal: {people: 3}\n")
    monkeypatch.setenv("FERBENCH_DATA", "dtaa")
    toy = Path(__file__).parents[1] / "toy.py"
    options = "--set 'protocol={kfold: {k: 3, classes: [dark, light, stripes]}}' --set backbone=toy-net --set 'recipe={epochs: 1}'"
    code, _, err = call(f"{command} b.yaml --plugin {toy} {options} --set dataset.toy.root=tpyo --device cpu")
    assert code == 0, err
    assert "warning: root of the corpus toy: there is no folder tpyo" in err
    assert "warning: FERBENCH_DATA: there is no folder dtaa" in err
    assert "warning: FERBENCH_DATA: there is no folder dtaa" in call("corpus list")[2]


BYTES = os.fsdecode(b"b\xff")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run X.yaml", r"no file b\xff.yaml"),
        ("leaderboard --store X", r"the name of the folder b\xff is not in UTF-8"),
        ("corpus check toy X --plugin toy.py", r"the name of the folder b\xff is not in UTF-8"),
        ("run quick --plugin X.py", r"b\xff.py is not a Python file"),
        ("run quick --set backbone=X", "the character #xdcff is not allowed"),
        ("run quick --only backbone=X", r"unknown backbone 'b\udcff'"),
        ("corpus extract toy X", "no video below toy"),
    ],
)
def test_names_that_are_not_in_utf8(call, tmp_path, command, message):
    toy = Path(__file__).parents[1] / "toy.py"
    for name in ("toy.py", f"{BYTES}.py"):
        (tmp_path / name).write_text(toy.read_text())
    (tmp_path / "toy").mkdir()
    (tmp_path / BYTES / "p0/dark/take0").mkdir(parents=True)
    code, out, err = call(command.replace("X", BYTES))
    assert (code, out) == (2, "")
    assert message in err


def test_clips_with_names_that_are_not_in_utf8_are_left_out(call, data, toy_plugin):
    (data / "toy/p00/dark/take0").rename(data / f"toy/p00/dark/{BYTES}")
    (data / "toy/p00/light/take0/0.png").rename(data / f"toy/p00/light/take0/{BYTES}.png")
    (data / f"toy/p00/{BYTES}/take0").mkdir(parents=True)
    code, out, _ = call(f"corpus check toy {data}/toy --plugin {toy_plugin}")
    assert code == 0
    assert r"skipped 2, a name is not in UTF-8: rename the file or its folder: p00/dark/b\xff, p00/light/take0" in out
    assert r"skipped 1, unknown label: p00/b\xff/take0" in out
    assert "toy: 25 clips of 9 people" in out


def test_videos_with_names_that_are_not_in_utf8_are_reported(call, tmp_path):
    """OpenCV crashes if it is given such a name."""
    (tmp_path / "videos").mkdir()
    (tmp_path / f"videos/{BYTES}.avi").write_bytes(b"a video")
    code, out, _ = call("corpus extract videos frames --format json")
    assert (code, json.loads(out)[0]["video"]) == (1, r"b\xff.avi")
    assert json.loads(out)[0]["problem"] == r"b\xff.avi: a name is not in UTF-8: rename the file or its folder"
