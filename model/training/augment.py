"""Random views of input batches: geometry, kernel, display window, noise, resolution.

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


def window(x: Tensor, generator: Generator, dark: Tensor | None = None, soft: float = 0.0) -> Tensor:
    """A random display window over the gray range with a random gamma, or brightness and contrast.

    Three in four samples get a window in which the lungs can be seen: with `dark` [N], the lungs' level in 0..1, it begins at up
    to 0.85 of that level and ends 0.25 to 1.1 of the range above it, so that soft tissue, vessels and dense opacities may all be
    saturated; without it, it begins at 0 to 0.2 and ends at 0.55 to 1.05. Gamma lies in 0.7 to 1.4. A share `soft` of the
    windows shows lungs nearly black, as a mediastinal one does, and as many show all dark, as a bone window does.
    """
    count = len(x)
    gray = ((x * 128 + 127) / 255).clamp(0, 1)

    def draw(low: float, high: float) -> Tensor:
        return uniform(generator, count, low, high).view(-1, 1, 1, 1)

    if dark is None:
        low, high = draw(0, 0.2), draw(0.55, 1.05)
    else:
        level = dark.view(-1, 1, 1, 1)
        low = torch.minimum(level * draw(-0.4, 0.85), level - 0.01)
        high = level + draw(math.log(0.25), math.log(1.1)).exp()
    if soft > 0:
        low = torch.where(chosen(generator, count, soft), draw(0.2, 0.5), low)
        high = torch.where(chosen(generator, count, soft), draw(1.05, 2.5), high)
    gamma = draw(math.log(0.7), math.log(1.4)).exp()
    windowed = ((gray - low) / (high - low)).clamp(0, 1) ** gamma
    shaded = ((gray - 0.5) * draw(0.75, 1.25) + 0.5 + draw(-0.12, 0.12)).clamp(0, 1)
    gray = torch.where(chosen(generator, count, 0.75), windowed, shaded)
    return (gray * 255 - 127) / 128


def kernel(x: Tensor, generator: Generator) -> Tensor:
    """A third of the samples is sharpened and a sixth blurred, as scanners' kernels do."""
    count = len(x)
    near = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    amount = uniform(generator, count, 0.3, 1.5).view(-1, 1, 1, 1)
    blurred = chosen(generator, count, 1 / 6)
    amount = torch.where(blurred, -amount.clamp(max=1), amount) * (blurred | chosen(generator, count, 0.4))
    return (x + amount * (x - near)).clamp(-127 / 128, 1)


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


def shade(x: Tensor, generator: Generator, dark: Tensor | None = None, softened: float = 0.4) -> Tensor:
    """Kernel, window, noise and resolution (a share of `softened`) of a batch [N,1,H,W]; values stay in the range of real inputs."""
    x = noise(window(kernel(x, generator), generator, dark), generator)
    return soften(x.clamp(-127 / 128, 1), generator, softened).clamp(-127 / 128, 1)
