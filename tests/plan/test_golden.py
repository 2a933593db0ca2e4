"""The outputs of the core's stages are those of their versions: whoever changes an output raises the version."""

from __future__ import annotations

import pytest
from golden.outputs import ROUNDING, STAGES, compute, find_difference, load

from ferbench.store.versions import VERSIONS

GOLDEN = load()


def test_every_version_has_golden_outputs():
    assert VERSIONS.keys() == STAGES.keys() == GOLDEN.keys()


@pytest.mark.parametrize("stage", STAGES)
def test_outputs_change_only_with_the_version(stage, tmp_path):
    stored = GOLDEN[stage]
    assert stored["version"] == VERSIONS[stage], f"the version of the {stage} was raised: run `make golden`, and commit what it writes"
    outputs = compute(stage, tmp_path)
    assert stored["outputs"].keys() == outputs.keys(), "cases were added or removed: run `make golden`"
    problem = find_difference(stored["outputs"], outputs, ROUNDING.get(stage, 0))
    advice = f"raise the number of {stage!r} in ferbench/store/versions.py, then run `make golden`"
    assert not problem, f"the output of the {stage} changed ({problem}): if you meant it, {advice}"
