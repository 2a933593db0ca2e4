import re
from pathlib import Path

import pytest
import yaml

from ferbench import Clip
from ferbench.benchmark.grid import load_benchmark
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Place, Spec, make_specs

DOCS = Path(__file__).parents[3] / "docs"


def entries(page, kind):
    """Every component in the page's YAML blocks, as it is written there."""
    for block in re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL):
        tree = yaml.safe_load(block)[kind]
        yield from make_specs(kind, tree if isinstance(tree, list) else [step for steps in tree.values() for step in steps], Place())


@pytest.mark.parametrize(
    ("page", "key", "kind"), [("preprocessing.md", "preprocessing", "preprocessor"), ("protocols.md", "protocol", "protocol")]
)
def test_the_yaml_of_a_page_is_valid_and_the_page_describes_every_component(page, key, kind):
    catalog = load_plugins()
    assert [catalog.build(kind, spec) for spec in entries(page, key)]
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [entry.name for entry in catalog.entries_of(kind) if f"`{entry.name}" not in text] == []


def test_examples_with_a_dataset_are_benchmarks(tmp_path):
    blocks = re.findall(r"```yaml\n(dataset.*?)```", (DOCS / "protocols.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        steps = "" if "preprocessing" in block else "preprocessing: [[gray, {resize: {size: 32}}]]\n"
        (tmp_path / "page.yaml").write_text(f"name: page\n{block}{steps}backbone: lbp\nloss: cross-entropy\naggregator: mean\n")
        assert load_benchmark(tmp_path / "page.yaml").size == 1


def test_the_protocol_of_the_page_splits(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "protocols.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "by_sex.py").write_text(code)
    protocol = load_plugins([tmp_path / "by_sex.py"]).build("protocol", Spec("by-sex"))
    clips = [Clip(f"c{number}", f"p{number}", "anger", facts={"sex": ("female", "male")[number % 3 == 0]}) for number in range(30)]
    (fold,) = protocol.folds(clips)
    assert set(fold.test) == {f"c{number}" for number in range(0, 30, 3)}
    assert (len(fold.train), len(fold.validation)) == (18, 2)
