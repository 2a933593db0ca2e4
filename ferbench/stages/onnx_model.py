"""A trained row as one ONNX file: crops of a clip -> the scores of its frames under each fold."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ferbench.api.errors import FerbenchError
from ferbench.plan.models import Classifier
from ferbench.stages.images import normalize
from ferbench.stages.parts import EstimatorPart, NetworkPart, SystemPart
from ferbench.stages.trained import Chain, TrainedChain

OPSET = 18
ANSI = re.compile(r"\x1b\[[0-9;]*m")  # colors in messages of torch
TOLERANCE = 1e-4  # of scores, between torch and ONNX Runtime
HINT = "choose a row whose backbone is a network of torch, with its own head, logistic regression, or as a finished system"


def write_onnx(chains: Sequence[Chain], crops: NDArray[np.uint8]) -> tuple[bytes, dict[str, Tensor]]:
    """Write chains as ONNX, and return it with their weights; `crops` [T,H,W] or [T,H,W,3] of a clip are an example.

    Raises FerbenchError if a chain cannot be written, or if the file gives other scores.
    """
    model = FoldScores([make_scorer(chain) for chain in chains]).eval()
    example = torch.from_numpy(np.ascontiguousarray(np.concatenate([crops, crops])[:2]))
    reasons = []
    for uses_new_exporter in (True, False):
        try:
            content = _export(model, example, uses_new_exporter=uses_new_exporter)
            difference = max(_compare(model, content, frames) for frames in (example, _shift(example), example[:1]))
        except Exception as error:  # exporters raise all kinds of errors, and ONNX Runtime refuses some of what they write
            reasons.append(ANSI.sub("", str(error)).strip().partition("\n")[0][:160] or type(error).__name__)
            continue
        if difference < TOLERANCE:
            return content, {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        gap = f"differ by {difference:.2g}" if difference < float("inf") else "do not depend on the crops"
        reasons.append(f"ONNX Runtime gives scores that {gap}: not all of it is computed by torch")
    raise FerbenchError(f"the row cannot be written as ONNX ({'; '.join(dict.fromkeys(reasons))})", hint=HINT)


def make_scorer(chain: Chain) -> nn.Module:
    """The module of a chain: crops [T,...] -> scores [T,C+K], or [1,C+K] of the whole clip; raises FerbenchError for other kinds."""
    if not isinstance(chain, TrainedChain):
        raise FerbenchError("a fusion cannot be exported", hint="export its members one by one")
    classifier, part = chain.classifier, chain.part
    if chain.frozen is not None and (classifier.frozen is None or classifier.frozen.reads != "frames"):
        raise FerbenchError(f"{classifier.backbone.title} cannot be exported: it is no network that reads images", hint=HINT)
    match part:
        case NetworkPart():
            head: nn.Module = part.learner.network.float()
        case SystemPart():
            head = part.build((len(classifier.classes) + len(classifier.others),)) if part.build else nn.Identity()
        case EstimatorPart():
            head = _make_linear(part, classifier)
        case _:
            raise FerbenchError(f"{classifier.backbone.title} cannot be exported: its trained part is of an unknown kind", hint=HINT)
    return Scorer(classifier, chain.frozen, head.cpu(), is_linear=isinstance(part, EstimatorPart))


class FoldScores(nn.Module):
    """Crops [T,...] -> scores [F,T,C+K] of each fold."""

    def __init__(self, scorers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.folds = nn.ModuleList(scorers)

    def forward(self, crops: Tensor) -> Tensor:
        """Run all folds."""
        return torch.stack([fold(crops) for fold in self.folds])


class Scorer(nn.Module):
    """Normalization, the frozen part and the trained part of one fold, as scores."""

    def __init__(self, classifier: Classifier, frozen: nn.Module | None, head: nn.Module, *, is_linear: bool) -> None:
        super().__init__()
        self.declared, self.reads_clips = classifier.backbone.input(), classifier.reads_clips
        self.frozen, self.head = (frozen.cpu() if frozen is not None else nn.Identity()), head
        self.is_linear = is_linear

    def forward(self, crops: Tensor) -> Tensor:
        """[T,H,W] or [T,H,W,3] -> [T,C+K] or [1,C+K]."""
        features = self.frozen(normalize(crops, self.declared))
        if self.is_linear:
            features = features.flatten(1)
        if not self.reads_clips:
            outputs = self.head(features)
        else:
            outputs = self.head(features[None], torch.ones_like(features[None, ..., :1].flatten(2)[..., 0], dtype=torch.bool))
        logits = outputs[0] if isinstance(outputs, tuple) else outputs
        return logits.softmax(1)


def _make_linear(part: EstimatorPart, classifier: Classifier) -> nn.Module:
    """Standardization and logistic regression as one layer, in double precision, as scikit-learn computes them."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    steps = [step for _, step in part.estimator.steps] if isinstance(part.estimator, Pipeline) else [part.estimator]
    *scalers, last = steps
    if not isinstance(last, LogisticRegression) or not all(type(scaler) is StandardScaler for scaler in scalers):
        kind = " + ".join(type(step).__name__ for step in steps)
        raise FerbenchError(f"{classifier.backbone.title} cannot be exported: its classifier is {kind}", hint=HINT)
    mean = sum((scaler.mean_ for scaler in scalers), np.zeros(last.n_features_in_))
    scale = np.prod([scaler.scale_ for scaler in scalers], axis=0) if scalers else np.ones(last.n_features_in_)
    weight, bias = last.coef_ / scale, last.intercept_ - (last.coef_ / scale) @ mean
    if len(weight) == 1:  # two classes: the probability of the second is the sigmoid
        weight, bias = np.concatenate([weight * 0, weight]), np.concatenate([bias * 0, bias])
    rows = np.zeros((len(classifier.classes), weight.shape[1])), np.full(len(classifier.classes), -100.0)
    rows[0][last.classes_], rows[1][last.classes_] = weight, bias  # a class without training items scores 0
    return DoubleLinear(torch.from_numpy(rows[0]), torch.from_numpy(rows[1]))


class DoubleLinear(nn.Module):
    """A layer in double precision: its weights may be large, and its inputs far from 0."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """[T,D] -> [T,C]."""
        return x.double() @ self.weight.T + self.bias


def _export(model: nn.Module, example: Tensor, *, uses_new_exporter: bool) -> bytes:
    names: dict[str, Any] = {"input_names": ["crops"], "output_names": ["scores"], "opset_version": OPSET}
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # they print whole graphs
        warnings.simplefilter("ignore")
        if uses_new_exporter:
            shapes = ({0: torch.export.Dim("frames", min=1, max=4096)},)
            program = torch.onnx.export(model, (example,), dynamo=True, dynamic_shapes=shapes, verbose=False, **names)
            assert program is not None
            return bytes(program.model_proto.SerializeToString())
        buffer: Any = io.BytesIO()  # which the annotation lacks
        torch.onnx.export(model, (example,), buffer, dynamo=False, dynamic_axes={"crops": {0: "frames"}, "scores": {1: "frames"}}, **names)
        return buffer.getvalue()


def _compare(model: nn.Module, content: bytes, crops: Tensor) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    if not session.get_inputs():  # exporters drop an input that nothing in torch reads
        return float("inf")
    (scores,) = session.run(None, {"crops": crops.numpy()})
    with torch.inference_mode():
        expected = model(crops).numpy()
    return float(np.abs(scores - expected).max()) if scores.shape == expected.shape else float("inf")


def _shift(crops: Tensor) -> Tensor:
    """Other crops."""
    return (crops.flip(-1 if crops.ndim == 3 else -2).int() + 40).clamp(0, 255).to(torch.uint8)
