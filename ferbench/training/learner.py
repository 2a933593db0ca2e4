"""A network with its loss and recipe, on one device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ferbench.api.recipe import Recipe
from ferbench.training.device import autocast
from ferbench.training.items import Items
from ferbench.training.streaming import read_batches


class BodyAndClassifier(nn.Module):
    """A body and a classifier as one network: items -> logits [B,C] and embeddings [B,D]."""

    def __init__(self, body: nn.Module, classifier: nn.Linear) -> None:
        super().__init__()
        self.body, self.classifier = body, classifier

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """`inputs` are what the body reads."""
        embedding = self.body(*inputs)
        return self.classifier(embedding), embedding


@dataclass(frozen=True)
class Learner:
    """Everything that training needs except the items.

    `prepare` turns a batch of frames into the input of the network. `frames_per_clip` is the number of frames that a training step sees of
    each clip, None: all. `loss` takes logits [B,C], target [B] and, if `reads_embedding`, embeddings [B,D].
    """

    network: nn.Module
    loss: Callable[..., Tensor]
    prepare: Callable[[Tensor], Tensor]
    recipe: Recipe
    device: torch.device
    frames_per_clip: int | None = None
    reads_embedding: bool = False

    def outputs(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, ...]:
        """Frames [B,...], or [B,T,...] of clips with a mask [B,T], -> the input of the loss: logits [B,C], maybe embeddings."""
        inputs = self.prepare(x) if mask is None else self.prepare(x.flatten(0, 1)).unflatten(0, mask.shape)
        with autocast(self.device):
            outputs = self.network(inputs) if mask is None else self.network(inputs, mask.to(self.device))
        logits, *embedding = outputs if isinstance(outputs, tuple) else (outputs,)
        return tuple(output.float() for output in (logits, *(embedding if self.reads_embedding else ())))

    @property
    def modules(self) -> dict[str, nn.Module]:
        """The network, and the loss if it has parameters or buffers of its own."""
        return {"network": self.network} | ({"loss": self.loss} if isinstance(self.loss, nn.Module) else {})

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The trained parameters of the network and of the loss."""
        return [p for module in self.modules.values() for p in module.parameters() if p.requires_grad]


def score_items(learner: Learner, items: Items) -> Tensor:
    """Compute the logits [M,C] of all items, on the CPU; all frames of a clip are read."""
    return compute_outputs(learner, items)[0]


@torch.inference_mode()
def compute_outputs(learner: Learner, items: Items) -> list[Tensor]:
    """Compute the input of the loss for all items, in their order, on the CPU: logits, and embeddings if it reads them."""
    learner.network.eval()
    batches = items.batches_to_score()
    rows = [items.rows(batch) for batch in batches]
    frames = read_batches(items.x, [batch_rows for batch_rows, _ in rows], learner.device)
    outputs = [[output.cpu() for output in learner.outputs(x, mask)] for (_, mask), x in zip(rows, frames, strict=True)]
    order = torch.cat(batches).argsort()
    return [torch.cat(values)[order] for values in zip(*outputs, strict=True)]
