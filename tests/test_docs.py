"""The examples of README and CONTRIBUTING work, and the docs name every hook, component and parameter."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import site
import subprocess
import venv
from pathlib import Path

import pytest

from ferbench.cli.main import main
from ferbench.registry.hookspecs import register_aggregators
from ferbench.registry.parameters import parameter_hints
from ferbench.registry.plugins import load_plugins

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def code_block(name: str) -> str:
    """The code of that file in CONTRIBUTING."""
    return re.search(rf"```\w+ {re.escape(name)}\n(.*?)```", CONTRIBUTING, re.DOTALL)[1]


def test_plugin_in_one_file(data, benchmark_file, toy_plugin, tmp_path, capsys):
    plugin = tmp_path / "power_mean.py"
    plugin.write_text(code_block("power_mean.py"))
    assert len(plugin.read_text().splitlines()) <= 15
    arguments = ["run", str(benchmark_file), "--plugin", str(toy_plugin), "--plugin", str(plugin), "--store", str(tmp_path / "runs")]
    assert main([*arguments, "--format", "json", "--quiet"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["labels"]["aggregator"] for row in rows] == ["majority", "mean", "power-mean"]


@pytest.mark.slow
def test_installed_plugin_is_found_through_its_entry_point(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    for name in ("pyproject.toml", "ferbench_first_frame.py"):
        (package / name).write_text(code_block(name))
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    # The packages that the tests run with, ferbench among them, are seen from there; the plugin is installed in the venv itself.
    current = next(Path(p) for p in site.getsitepackages() if Path(p).name == "site-packages")
    packages = next((environment / "lib").glob("python*/site-packages"))
    (packages / "tests.pth").write_text(f"import site; site.addsitedir({str(current)!r})\n")
    python = environment / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", package], check=True, cwd=tmp_path)
    shutil.rmtree(package)
    listed = subprocess.run(
        [python, "-m", "ferbench", "plugins", "--format", "json"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    found = [entry for entry in json.loads(listed.stdout) if entry["name"] == "first-frame"]
    assert found == [
        {"kind": "aggregator", "name": "first-frame", "plugin": "first-frame", "summary": "The scores of the clip's first frame."}
    ]
    assert "first-frame" not in {entry.name for entry in load_plugins().entries_of("aggregator")}  # this environment is left as it was


def test_every_hook_is_documented_with_its_signature():
    from ferbench.registry import hookspecs

    hooks = [name for name in vars(hookspecs) if name.startswith("register_")]
    assert register_aggregators.__name__ in hooks
    for hook in hooks:
        assert f"`{hook}(register)`" in CONTRIBUTING


def test_readme_commands_exist():
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^make ([a-z-]+)", readme, re.MULTILINE)
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets)
    commands = {line.split()[1] for line in readme.splitlines() if line.strip().startswith(("ferbench ", ".venv/bin/ferbench "))}
    assert commands
    for command in commands:
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *[f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md"))]])
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        assert target.startswith("https://") or ((ROOT / page).parent / target).exists(), target


def test_every_component_and_its_parameters_are_documented():
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    entries = load_plugins().entries.values()
    assert len(entries) > 20
    names = {entry.name for entry in entries}
    assert {name for name in names if not re.search(rf"`{re.escape(name)}[`:]", pages)} == set()
    parameters = {name for entry in entries for name in parameter_hints(entry.component)}
    assert {name for name in parameters if not re.search(rf"`[^`]*\b{name}\b[^`]*`", pages)} == set()


def test_every_optimizer_and_schedule_is_documented():
    from typing import get_args, get_type_hints

    from ferbench.api.recipe import Recipe, Schedule

    page = (ROOT / "docs/benchmarks.md").read_text()
    kinds = [*get_args(get_type_hints(Recipe)["optimizer"]), *get_args(get_type_hints(Schedule)["kind"])]
    assert {"adam", "step"} <= set(kinds)
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()


def test_rescoring_of_the_docs_can_be_read(tmp_path):
    from ferbench.benchmark.rescoring import load_rescoring

    text = re.search(r"```yaml again\.yaml\n(.*?)```", (ROOT / "docs" / "statistics.md").read_text(), re.DOTALL)[1]
    (tmp_path / "again.yaml").write_text(text)
    rescoring = load_rescoring(tmp_path / "again.yaml")
    assert rescoring.benchmark == "quick"
    assert list(rescoring.aggregators) == ["mean", "majority", "trimmed-mean"]
    assert [window.label for window in rescoring.windows] == ["all", "last 3", "every 2"]
    assert list(rescoring.merge) == ["negative"]


def test_commands_of_the_docs_can_be_parsed():
    from ferbench.cli.main import make_parser

    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "prediction.md").read_text(), re.DOTALL)
    lines = re.findall(r"^ferbench (.+?)(?:\s+#.*)?$", "\n".join(blocks), re.MULTILINE)
    assert len(lines) > 3
    for line in lines:
        make_parser().parse_args(shlex.split(line))


def test_statistics_of_the_docs_exist():
    from ferbench.cli.main import make_parser
    from ferbench.execution.choices import CHOICES
    from ferbench.report.exports import FIGURES

    text = (ROOT / "docs" / "statistics.md").read_text()
    assert [choice for choice in CHOICES if f"| `{choice}` |" not in text] == []
    documented = set(re.findall(r"`(\w+)`", text[text.index("## Metrics") :]))
    assert set(FIGURES) - {"validation_war", "coverage_frames", "coverage_clips"} <= documented
    for line in re.findall(r"^ferbench (.+?)(?:\s+#.*)?$", text, re.MULTILINE):
        make_parser().parse_args(shlex.split(line))
