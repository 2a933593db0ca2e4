import subprocess
import sys

import pytest

from ferbench import FerbenchError
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Spec

NAMES = {
    ("basics", "preprocessor"): {
        "last", "apex", "uniform", "viola-jones", "crop", "gray", "equalize", "resize", "rotate", "mirror", "swap-channels",
    },
    ("basics", "loss"): {"cross-entropy", "weighted-cross-entropy", "focal", "center"},
    ("basics", "aggregator"): {
        "majority", "mean", "median", "max", "product", "trimmed-mean", "confidence", "rising", "last-frame",
    },
    ("basics", "protocol"): {"kfold", "modulo", "loso", "holdout", "fixed", "cross-corpus"},
    ("thesis", "preprocessor"): {"second-half"},
    ("thesis", "backbone"): {"vgg16", "vgg16-reduced"},
    ("thesis", "protocol"): {"thesis"},
}  # fmt: skip


@pytest.mark.parametrize(("plugin", "kind"), NAMES)
def test_each_hook_registers_its_components(plugin, kind):
    entries = [entry for entry in load_plugins().entries_of(kind) if entry.plugin == f"ferbench-{plugin}"]
    assert {entry.name for entry in entries} == NAMES[plugin, kind]
    assert all(entry.summary.endswith(".") for entry in entries)


@pytest.mark.parametrize(
    ("kind", "name", "parameter", "value"),
    [
        ("preprocessor", "viola-jones", "scale_factor", 1.0),
        ("preprocessor", "viola-jones", "min_size", 0),
        ("preprocessor", "crop", "margin", -0.1),
        ("preprocessor", "equalize", "range", "half"),
        ("preprocessor", "resize", "size", 0),
        ("preprocessor", "last", "frames", 0),
        ("loss", "weighted-cross-entropy", "beta", 1.0),
        ("loss", "weighted-cross-entropy", "weights", "rarest"),
        ("protocol", "thesis", "validation", 0),
        ("protocol", "kfold", "k", 1),
        ("protocol", "kfold", "validation", 1.0),
    ],
)
def test_the_error_states_a_value_out_of_range(kind, name, parameter, value):
    with pytest.raises(FerbenchError, match=rf"{name}: {parameter} is {value!r}: expected"):
        load_plugins().build(kind, Spec(name, {parameter: value}))


def test_importing_the_plugin_loads_nothing_heavy():
    code = "import sys, ferbench_thesis; print({'torch', 'torchvision', 'cv2', 'sklearn', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
