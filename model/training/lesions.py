"""Synthetic lesions: opacities painted into the lungs of slices without COVID-19, and where they are.

They are the self-supervised task (after Yao et al. 2021, NormNet, DOI 10.1109/TMI.2021.3066161): a network that finds
them has learned what an opacity in a lung is on any scanner and in any display window, without a single label.

All functions take and give float tensors and draw from a torch.Generator.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional

from augment import chosen, uniform

# What is painted: the findings that a texture can stand for.
KINDS = ("ground_glass", "consolidation", "crazy_paving")
# Points of lung, one in 16 pixels; with no more of them nothing is painted.
ENOUGH = 32


def clouds(count: int, size: int, cells: int, generator: Generator) -> Tensor:
    """Smooth noise [N,1,size,size] of about unit deviation, whose hills are size / cells wide."""
    coarse = torch.randn(count, 1, cells, cells, generator=generator, device=generator.device)
    return functional.interpolate(coarse, size=(size, size), mode="bicubic") * 1.3


def near_wall(lung: Tensor) -> Tensor:
    """How near to the edge of the lungs a pixel is, 0 to 1: [N,1,H,W]. COVID-19 favours the periphery."""
    small = functional.avg_pool2d(lung, 4)
    core = functional.avg_pool2d(small, 9, 1, 4)
    return functional.interpolate((1 - core).clamp(0, 1), size=lung.shape[-2:], mode="bilinear")


def quantile(x: Tensor, inside: Tensor, share: Tensor) -> Tensor:
    """The value [N,1,1,1] below which `share` [N] of x [N,1,H,W] lies where `inside` holds, from every fourth row and column.

    Without enough inside it is out of reach.
    """
    x, inside = x[..., ::4, ::4].flatten(1), inside[..., ::4, ::4].flatten(1)
    held = inside.sum(1)
    # What is outside comes first.
    ordered = x.masked_fill(~inside, -torch.inf).sort(1).values
    place = x.shape[1] - held + (share * (held - 1).clamp(min=0)).long()
    found = ordered.gather(1, place.clamp(max=x.shape[1] - 1)[:, None])[:, 0]
    return torch.where(held > ENOUGH, found, 1e9).view(-1, 1, 1, 1)


def paint(x: Tensor, lung: Tensor, share: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Paints lesions on about `share` of x [N,1,H,W], gray in 0..1, with lung [N,1,H,W] in 0..1.

    Gives the painted slices and the cover [N,3,H,W] in 0..1 of each of KINDS.
    """
    count, _, size, _ = x.shape

    def draw(low: float, high: float) -> Tensor:
        return uniform(generator, count, low, high).view(-1, 1, 1, 1)

    cells = int(uniform(generator, 1, 4, 11).item())
    field = clouds(count, size, cells, generator) + 0.5 * clouds(count, size, 2 * cells, generator)
    field = field + draw(0, 2) * near_wall(lung) + 0.25 * clouds(count, size, size // 6, generator)
    # Lesions cover 1 to 60 % of the lungs.
    levels = quantile(field, lung > 0.5, 1 - 0.01 - 0.59 * uniform(generator, count, 0, 1) ** 2)
    levels = levels.masked_fill(~chosen(generator, count, share), 1e9)
    soft = torch.sigmoid((field - levels) * draw(3, 15)) * lung

    tissue = (x * (lung < 0.2)).flatten(1).topk(size * size // 8, dim=1).values.median(1).values.view(-1, 1, 1, 1)
    dense = chosen(generator, count, 0.35)
    paved = chosen(generator, count, 0.25) & ~dense
    core = torch.sigmoid((field - levels - draw(0.2, 0.8)) * 6) * lung * dense
    lines = torch.exp(-((clouds(count, size, size // 7, generator) / 0.35) ** 2))
    strength = draw(0.15, 0.5) * (1 + 0.25 * clouds(count, size, size // 5, generator)) + 0.25 * lines * paved
    veil = (soft * strength).clamp(0, 0.9)
    painted = x + veil * (tissue - x).clamp(min=0)
    painted = painted + core * draw(0.75, 0.95) * (tissue - painted).clamp(min=0)
    cover = torch.cat([soft * (1 - core), core, soft * paved * (1 - core)], dim=1)
    return painted, cover
