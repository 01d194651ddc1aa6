"""Random views of input batches: geometry, display window, resolution, noise, holes, mixup.

All functions take and give float tensors [N,1,H,W] of input values (gray - 127) / 128 and draw from
a torch.Generator on the tensors' device, so that a run is repeatable. The display window is varied because in COVID-CT it
tells the classes apart by itself; resolution and blur because file format and size do.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

# Samples that lose resolution together.
NEIGHBOURS = 8
# The steps of gray JPEG at quality 50, by frequency downwards and across (ITU-T T.81, table K.1).
JPEG_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def uniform(generator: Generator, count: int, low: float, high: float) -> Tensor:
    """[count] draws from [low, high)."""
    return low + (high - low) * torch.rand(count, generator=generator, device=generator.device)


def chosen(generator: Generator, count: int, share: float) -> Tensor:
    """bool [count,1,1,1], true for about `share` of the samples."""
    return (uniform(generator, count, 0, 1) < share).view(-1, 1, 1, 1)


def crop(x: Tensor, size: int, generator: Generator, smallest: float = 0.72, stretched: float = 0.1) -> Tensor:
    """Random crop, stretch, rotation and mirror image, sampled to [N,C,size,size]; outside is black, which is -1.

    The crop holds `smallest` to 1.05 of each side, the stretch is up to exp(`stretched`), the rotation up to 15 degrees.
    """
    count = len(x)
    scale = uniform(generator, count, smallest, 1.05)
    stretch = torch.exp(uniform(generator, count, -stretched, stretched))
    angle = uniform(generator, count, -math.pi / 12, math.pi / 12)
    mirror = torch.where(uniform(generator, count, 0, 1) < 0.5, -1.0, 1.0)
    slack = (1.05 - scale).clamp(min=0)
    shift_x = slack * uniform(generator, count, -1, 1)
    shift_y = slack * uniform(generator, count, -1, 1)
    width, height = scale * stretch, scale / stretch
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack(
        [mirror * width * cos, -height * sin, shift_x, mirror * width * sin, height * cos, shift_y], dim=1
    ).view(count, 2, 3)
    grid = functional.affine_grid(theta, [*x.shape[:2], size, size], align_corners=False)
    # Shifted so that zero padding means black.
    return functional.grid_sample(x + 1, grid, align_corners=False) - 1


def window(x: Tensor, generator: Generator, soft: float = 0.0) -> Tensor:
    """A random display window over the gray range with a random gamma, or brightness and contrast.

    Half of the samples get a window: its lower end lies in 0 to 0.2 of the range, the upper in 0.55 to 1.05,
    gamma in 0.7 to 1.4. A share `soft` of those gets one in which lungs are nearly black, as in a mediastinal window: its
    lower end lies in 0.2 to 0.5; and as many one in which all is dark, as in a bone window: its upper end lies in 1.05 to 2.5.
    """
    count = len(x)
    gray = ((x * 128 + 127) / 255).clamp(0, 1)
    low = uniform(generator, count, 0, 0.2).view(-1, 1, 1, 1)
    high = uniform(generator, count, 0.55, 1.05).view(-1, 1, 1, 1)
    if soft > 0:
        low = torch.where(chosen(generator, count, soft), uniform(generator, count, 0.2, 0.5).view(-1, 1, 1, 1), low)
        high = torch.where(chosen(generator, count, soft), uniform(generator, count, 1.05, 2.5).view(-1, 1, 1, 1), high)
    gamma = torch.exp(uniform(generator, count, math.log(0.7), math.log(1.4))).view(-1, 1, 1, 1)
    windowed = ((gray - low) / (high - low)).clamp(0, 1) ** gamma
    contrast = uniform(generator, count, 0.75, 1.25).view(-1, 1, 1, 1)
    offset = uniform(generator, count, -0.12, 0.12).view(-1, 1, 1, 1)
    shaded = ((gray - 0.5) * contrast + 0.5 + offset).clamp(0, 1)
    gray = torch.where(chosen(generator, count, 0.5), windowed, shaded)
    return (gray * 255 - 127) / 128


def soften(x: Tensor, generator: Generator, share: float = 0.3) -> Tensor:
    """A `share` of the samples loses resolution, as small figures have: shrunk to 0.2 to 0.9 of the size, half of these
    saved as JPEG of quality 30 to 95, and stretched back. Neighbours in a batch share a size."""
    size = x.shape[-1]
    parts = list(x.split(NEIGHBOURS))
    for index, part in enumerate(parts):
        soft, saved, scale, quality = uniform(generator, 4, 0, 1).tolist()
        if soft >= share:
            continue
        small = int(size * (0.2 + 0.7 * scale))
        part = functional.interpolate(part, size=(small, small), mode="bilinear", antialias=True)
        if saved < 0.5:
            part = resaved(part, int(30 + 65 * quality))
        parts[index] = functional.interpolate(part, size=(size, size), mode="bicubic")
    return torch.cat(parts)


def resaved(x: Tensor, quality: int) -> Tensor:
    """The pictures [N,1,H,W] after being saved as gray JPEG: each block's cosine transform in whole steps (ITU-T T.81)."""
    height, width = x.shape[-2:]
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    steps = (torch.tensor(JPEG_STEPS, device=x.device) * scale).round().clamp(1, 255)
    place = torch.arange(8, device=x.device)
    cosines = torch.cos(math.pi / 8 * (place + 0.5) * place[:, None]) / 2
    cosines[0] /= math.sqrt(2)
    gray = (x * 128 + 127).round().clamp(0, 255) - 128
    gray = functional.pad(gray, (0, -width % 8, 0, -height % 8), mode="replicate")
    blocks = gray.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)
    saved = ((cosines @ blocks @ cosines.T) / steps).round() * steps
    blocks = (cosines.T @ saved @ cosines + 128).round().clamp(0, 255)
    gray = blocks.transpose(3, 4).flatten(4, 5).flatten(2, 3)[..., :height, :width]
    return (gray - 127) / 128


def noise(x: Tensor, generator: Generator) -> Tensor:
    """Gaussian noise of up to 8 gray levels on half of the samples."""
    count = len(x)
    amount = uniform(generator, count, 0, 8 / 128).view(-1, 1, 1, 1) * chosen(generator, count, 0.5)
    return x + amount * torch.randn(x.shape, generator=generator, device=x.device)


def cutout(x: Tensor, generator: Generator) -> Tensor:
    """A gray rectangle of 0.1 to 0.35 of each side on half of the samples (DeVries and Taylor 2017, arXiv 1708.04552)."""
    count, size = len(x), x.shape[-1]
    axis = torch.arange(size, device=x.device).view(1, -1)

    def span() -> Tensor:
        length = uniform(generator, count, 0.1, 0.35) * size
        start = uniform(generator, count, 0, 1) * (size - length)
        return (axis >= start.view(-1, 1)) & (axis < (start + length).view(-1, 1))

    hole = (span()[:, :, None] & span()[:, None, :])[:, None] & chosen(generator, count, 0.5)
    fill = uniform(generator, count, -1, 1).view(-1, 1, 1, 1)
    return torch.where(hole, fill, x)


def mixup(tensors: list[Tensor], generator: Generator) -> list[Tensor]:
    """Half of the batches are blended with a shuffled copy (Zhang et al. 2018, arXiv 1710.09412).

    The share of the copy is uniform in 0 to 0.3; all tensors [N,...] are blended alike.
    """
    if uniform(generator, 1, 0, 1).item() < 0.5:
        return tensors
    count = len(tensors[0])
    order = torch.randperm(count, generator=generator, device=generator.device)
    share = uniform(generator, count, 0, 0.3)
    blended = []
    for x in tensors:
        part = share.view(-1, *[1] * (x.dim() - 1))
        blended.append((1 - part) * x + part * x[order])
    return blended


def shade(x: Tensor, generator: Generator, softened: float = 0.3) -> Tensor:
    """Window, resolution (a share of `softened`), noise and hole for a batch [N,1,H,W]; values stay in the range of real inputs."""
    x = noise(soften(window(x, generator), generator, softened), generator)
    return cutout(x.clamp(-127 / 128, 1), generator)


def view(x: Tensor, size: int, generator: Generator) -> Tensor:
    """One random view of a batch [N,1,H,W] at [N,1,size,size]."""
    return shade(crop(x, size, generator), generator)
