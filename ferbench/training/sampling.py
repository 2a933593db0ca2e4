"""Which training items (frames or clips) an epoch sees, in which order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def draw_order(y: Tensor, scheme: str | None, generator: torch.Generator) -> Tensor:
    """Draw items [M] from the class indices y [N]: each once in random order, or by class (see Recipe.sampling)."""
    if scheme is None:
        return torch.randperm(len(y), generator=generator)
    rows = [torch.nonzero(y == c).flatten() for c in y.unique()]
    counts = [len(of_class) for of_class in rows]
    per_class = {"oversample": max(counts), "undersample": min(counts), "balanced": -(-len(y) // len(rows))}[scheme]
    samples = torch.stack([_draw(of_class, per_class, generator) for of_class in rows])  # [K,per_class]
    if scheme == "balanced":
        return torch.cat([column[torch.randperm(len(rows), generator=generator)] for column in samples.T])
    return samples.flatten()[torch.randperm(samples.numel(), generator=generator)]


def split_batches(order: Tensor, size: int) -> Sequence[Tensor]:
    """Split into batches of `size` items; a last batch of one joins the one before, since batch normalization needs two."""
    batches = order.split(size)
    return (*batches[:-2], torch.cat(batches[-2:])) if len(batches) > 1 and len(batches[-1]) == 1 < size else batches


def _draw(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` of the rows; no row is drawn again before all others have been drawn."""
    rounds = [rows[torch.randperm(len(rows), generator=generator)] for _ in range(-(-count // len(rows)))]
    return torch.cat(rounds)[:count]
