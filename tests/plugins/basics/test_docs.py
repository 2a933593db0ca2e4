import re
from pathlib import Path

import pytest
import yaml

from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Spec

DOCS = Path(__file__).parents[3] / "docs"


def entries(page, kind):
    """(name, parameters) of every component in the page's YAML blocks."""
    for block in re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL):
        tree = yaml.safe_load(block)[kind]
        for entry in tree if isinstance(tree, list) else [step for steps in tree.values() for step in steps]:
            yield (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))


@pytest.mark.parametrize(
    ("page", "key", "kind"), [("preprocessing.md", "preprocessing", "preprocessor"), ("protocols.md", "protocol", "protocol")]
)
def test_the_yaml_of_a_page_is_valid_and_the_page_describes_every_component(page, key, kind):
    catalog = load_plugins()
    assert [catalog.build(kind, Spec(name, parameters)) for name, parameters in entries(page, key)]
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [entry.name for entry in catalog.entries_of(kind) if f"`{entry.name}" not in text] == []
