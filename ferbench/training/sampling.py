"""Which training items (frames or clips) an epoch sees, in which order."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def order(y: Tensor, how: str | None, generator: torch.Generator) -> Tensor:
    """Items [M] of those with class indices y [N]: each once in random order, or drawn by class (see Recipe.sampling)."""
    if how is None:
        return torch.randperm(len(y), generator=generator)
    rows = [torch.nonzero(y == c).flatten() for c in y.unique()]
    counts = [len(each) for each in rows]
    drawn = {"oversample": max(counts), "undersample": min(counts), "balanced": -(-len(y) // len(rows))}[how]
    each = torch.stack([_drawn(of_class, drawn, generator) for of_class in rows])  # [K,drawn]
    if how == "balanced":
        return torch.cat([column[torch.randperm(len(rows), generator=generator)] for column in each.T])
    return each.flatten()[torch.randperm(each.numel(), generator=generator)]


def together(order: Tensor, size: int) -> Sequence[Tensor]:
    """Groups of so many; a last one of one alone, which has no variance to normalise by, joins those before it."""
    groups = order.split(size)
    return (*groups[:-2], torch.cat(groups[-2:])) if len(groups) > 1 and len(groups[-1]) == 1 < size else groups


def _drawn(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """So many of the rows, none again before all others were."""
    rounds = [rows[torch.randperm(len(rows), generator=generator)] for _ in range(-(-count // len(rows)))]
    return torch.cat(rounds)[:count]
