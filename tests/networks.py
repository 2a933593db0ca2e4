"""Builds the network that a backbone trains, as one module that returns logits."""

from __future__ import annotations

from torch import nn


class Logits(nn.Module):
    """Body and classifier of an EmbeddingNetwork."""

    def __init__(self, body, classifier):
        super().__init__()
        self.body, self.classifier = body, classifier

    def forward(self, *inputs):
        return self.classifier(self.body(*inputs))


def build(backbone, shape, classes):
    parts = backbone.trainable(classes).build(tuple(shape))
    return Logits(*parts) if isinstance(parts, tuple) else parts
