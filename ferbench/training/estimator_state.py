"""The fitted state of scikit-learn classifiers as arrays and plain values, which hold no code.

Only what `fit` learned is stored. Classes and functions, such as the steps of a pipeline or the kernel of an SVM, come from the backbone,
which builds the classifier again; so nothing that is read from a file decides what is called. (pickle, joblib and skops name them in the
file.) Forests, trees and k-NN, whose state is no attribute of plain data, have functions of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble._forest import ForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import NODE_DTYPE, Tree

from ferbench.api.errors import FerbenchError

LEAF = -1
Plain = None | bool | int | float | str | Sequence["Plain"] | Mapping[str, "Plain"]


@dataclass
class EstimatorState:
    """Arrays and plain values by name; those of a step of a pipeline begin with its number."""

    arrays: dict[str, NDArray] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def part(self, prefix: str) -> EstimatorState:
        """The part whose names begin with the prefix, without it."""
        arrays, values = (
            {name.removeprefix(prefix): value for name, value in items.items() if name.startswith(prefix)}
            for items in (self.arrays, self.values)
        )
        return EstimatorState(arrays, values)

    def add(self, prefix: str, part: EstimatorState) -> None:
        """Add a part under a prefix."""
        self.arrays |= {f"{prefix}{name}": value for name, value in part.arrays.items()}
        self.values |= {f"{prefix}{name}": value for name, value in part.values.items()}


def read_state(estimator: object) -> EstimatorState:
    """The fitted state of a classifier; raises FerbenchError if it has an attribute that is neither an array of numbers nor plain data."""
    match estimator:
        case Pipeline():
            state = EstimatorState()
            for number, (_, step) in enumerate(estimator.steps):
                state.add(f"{number}/", read_state(step))
            return state
        case KNeighborsClassifier():
            return EstimatorState({"x": np.asarray(estimator._fit_X), "y": estimator.classes_[estimator._y]})
        case ForestClassifier():
            state = _read_attributes(estimator, without=("estimator_", "estimators_", "estimator", "estimator_params"))
            state.add("tree/", _read_attributes(estimator.estimators_[0], without=("tree_",)))
            state.arrays |= _read_trees([tree.tree_ for tree in estimator.estimators_])
            return state
        case DecisionTreeClassifier():
            state = _read_attributes(estimator, without=("tree_",))
            state.arrays |= _read_trees([estimator.tree_])
            return state
    return _read_attributes(estimator)


def restore_state(estimator: Any, state: EstimatorState) -> None:
    """Put a fitted state into a classifier that is built as the fitted one was; raises FerbenchError if it does not fit."""
    match estimator:
        case Pipeline():
            for number, (_, step) in enumerate(estimator.steps):
                restore_state(step, state.part(f"{number}/"))
        case KNeighborsClassifier():
            estimator.fit(state.arrays["x"], state.arrays["y"])
        case ForestClassifier():
            own = EstimatorState({name: value for name, value in state.arrays.items() if "/" not in name}, _without_parts(state.values))
            _restore_attributes(estimator, own)
            estimator.estimators_ = [_make_tree(estimator.estimator, state.part("tree/"), tree) for tree in _restore_trees(state)]
        case DecisionTreeClassifier():
            own = EstimatorState({name: value for name, value in state.arrays.items() if "/" not in name}, state.values)
            _restore_attributes(estimator, own)
            (estimator.tree_,) = _restore_trees(state)
        case _:
            _restore_attributes(estimator, state)


def _read_attributes(estimator: object, without: Sequence[str] = ()) -> EstimatorState:
    """The attributes that `fit` added."""
    state = EstimatorState()
    parameters = estimator.get_params(deep=False) if isinstance(estimator, BaseEstimator) else {}
    for name, value in vars(estimator).items():
        if name in parameters or name in without:
            continue
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            state.arrays[name] = value
        elif _is_plain(plain := value.item() if isinstance(value, np.generic) else value):
            state.values[name] = plain
        else:
            kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
            problem = f"the weights of {type(estimator).__name__} cannot be kept: its attribute {name} is {kind}"
            raise FerbenchError(problem, hint="expected arrays of numbers, numbers and text: choose another row, or another classifier")
    return state


def _restore_attributes(estimator: object, state: EstimatorState) -> None:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in state.values.items()}
    vars(estimator).update({name: np.array(value) for name, value in state.arrays.items()} | values)


def _without_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if "/" not in name}


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(item) for name, item in value.items())
    return value is None or type(value) in (bool, int, float, str)


def _make_tree(template: DecisionTreeClassifier, state: EstimatorState, tree: Tree) -> DecisionTreeClassifier:
    made: DecisionTreeClassifier = clone(template)
    _restore_attributes(made, state)
    made.tree_ = tree
    return made


def _read_trees(trees: Sequence[Tree]) -> dict[str, NDArray]:
    """The nodes of all trees, one after the other, field by field; `nodes/count` is the number of each tree's."""
    states = [tree.__getstate__() for tree in trees]
    nodes = np.concatenate([state["nodes"] for state in states])
    return {
        **{f"nodes/{name}": np.ascontiguousarray(nodes[name]) for name in NODE_DTYPE.names},
        "nodes/values": np.concatenate([state["values"] for state in states]),
        "nodes/count": np.array([state["node_count"] for state in states], np.int64),
        "nodes/depth": np.array([state["max_depth"] for state in states], np.int64),
        "nodes/shape": np.array([trees[0].n_features, trees[0].n_classes[0], trees[0].n_outputs], np.int64),
    }


def _restore_trees(state: EstimatorState) -> Iterator[Tree]:
    """Build the trees; raises FerbenchError if a node names a child or a feature that does not exist, which scikit-learn would read."""
    arrays = state.part("nodes/").arrays
    if missing := [name for name in NODE_DTYPE.names if name not in arrays]:
        raise FerbenchError(f"the stored trees lack {', '.join(missing)}, which this version of scikit-learn needs", hint="repeat the fit")
    nodes = np.zeros(len(arrays["feature"]), NODE_DTYPE)
    for name in NODE_DTYPE.names:
        nodes[name] = arrays[name]
    features, classes, outputs = map(int, arrays["shape"])
    ends = np.cumsum(arrays["count"])
    for start, end, depth in zip(ends - arrays["count"], ends, arrays["depth"], strict=True):
        own = np.ascontiguousarray(nodes[start:end])
        _check_nodes(own, features)
        tree = Tree(features, np.array([classes], np.intp), outputs)
        tree.__setstate__({"max_depth": int(depth), "node_count": len(own), "nodes": own, "values": arrays["values"][start:end].copy()})
        yield tree


def _check_nodes(nodes: NDArray, features: int) -> None:
    inner = nodes[nodes["left_child"] != LEAF]
    numbers = np.flatnonzero(nodes["left_child"] != LEAF)
    for side in ("left_child", "right_child"):
        if ((inner[side] <= numbers) | (inner[side] >= len(nodes))).any():
            raise FerbenchError("a stored tree has a node whose child does not exist", hint="`ferbench store verify` finds damaged entries")
    if ((inner["feature"] < 0) | (inner["feature"] >= features)).any():
        raise FerbenchError("a stored tree asks for a feature that does not exist", hint="`ferbench store verify` finds damaged entries")
