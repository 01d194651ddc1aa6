"""The network: a segmenter that finds the lungs, a normalisation that leaves nothing else, a classifier on what is left.

The classifier is EfficientNet-Lite2, less a block, cut behind its last layer at 14 x 14 cells (Tan and Le 2019, arXiv 1905.11946,
and the Lite variants of github tensorflow/tpu), for one gray channel. It has two parts: a trunk that keeps its weights, and a tail
that is trained. The segmenter is a U-Net (Ronneberger et al. 2015, arXiv 1505.04597) of separable convolutions.

This module knows layers and their weights. It must not know files of images, labels
or the exported format.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# Width and height of the input, of what the segmenter looks at, and of the lungs as the classifier sees them.
SIZE, GLANCE, CLOSE = 336, 112, 224
# Cells of the classifier are 16 pixels wide; the map over the whole slice has the segmenter's cells.
STRIDE, MAP_CELLS = 16, GLANCE // 2
# Levels and ends of the frame are taken in whole steps of these, so that runtimes whose sums differ in the last digits cut out
# and stretch exactly alike.
LEVEL_STEPS, FRAME_STEPS = 128, 1024
# Ground glass and consolidation, and the channels of the layer that finds them in the trunk's features.
OPACITIES, FINE = 2, 32
# Mean and deviation of the channels that the gate judges by: the segmenter's at G/4, G/8 and G/16.
FAMILIAR = 2 * (32 + 64 + 64)
# Added to a variance before its root, and to a share of pixels before it divides; a power of 2, like all constants of the
# graph a value of the f16 grid.
TINY = 2**-13
# Kernel, stride, expansion, channels and repeats of each stage: Lite2's, less a block of the fourth, so that the whole stays under
# 450 M multiply-adds.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 3),
    (5, 2, 6, 48, 3),
    (3, 2, 6, 88, 3),
    (5, 1, 6, 120, 4),
)
EXPANSION = 6
# How much more the darker parts of the lungs weigh in the level that becomes 0.
DARKNESS = 1.5
# The lungs' frame reaches so many deviations of their pixels to both sides, across and upwards, and is never narrower than this.
REACH_X, REACH_Y, NARROWEST = 2.0, 2.25, 0.125
# The smallest span of gray between lung and tissue that is stretched, in input values.
SPAN = 0.1875
# What a cell without opacity weighs beside one with it, which weighs 1 more.
HEALTHY = 0.125
# What lung at an edge counts for in the map.
EDGE = 2**-5
# Added to a cell's lung before the map divides by it.
SPECK = 2**-20
# The stages that keep their weights: they see edges and textures, and cost most of a step.
FROZEN = 3
TRUNK = sum(stage[-1] for stage in STAGES[:FROZEN])
# Both parameters of the Beta distribution of the share in style_mixed; small: nearly all of one slice's style.
STYLE = 0.1


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Padding (before, after) of TensorFlow's SAME for inputs divisible by `stride`."""
    total = kernel - stride
    return total // 2, total - total // 2


class Pointwise(torch.autograd.Function):
    """A 1x1 convolution of x [N,C,H,W], channels last, and ReLU6 unless `linear`, whose products are of bfloat16: on processors with units for these several
    times as fast, in training exact enough."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, linear: bool) -> Tensor:
        count, channels, height, width = x.shape
        flat, short = x.permute(0, 2, 3, 1).reshape(-1, channels).bfloat16(), weight.flatten(1).bfloat16()
        y = (flat @ short.t()).float().add_(bias)
        if not linear:
            y.clamp_(0, 6)
        ctx.linear = linear
        ctx.save_for_backward(flat, short, None if linear else y)
        return y.view(count, height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        flat, short, y = ctx.saved_tensors
        count, outputs, height, width = gradient.shape
        exact = gradient.permute(0, 2, 3, 1).reshape(-1, outputs)
        if not ctx.linear:
            exact = torch.ops.aten.hardtanh_backward(exact, y, 0, 6)
        rough = exact.bfloat16()
        x = (rough @ short).float().view(count, height, width, -1).permute(0, 3, 1, 2)
        return x, (rough.t() @ flat).float()[:, :, None, None], exact.sum(0), None


class ConvNorm(nn.Module):
    """Convolution with its batch norm folded in and, unless `linear`, ReLU6: [N,C,H,W] -> [N,K,H/stride,W/stride]."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, linear: bool = False):
        super().__init__()
        self.padding = same_padding(kernel, stride)
        before, after = self.padding
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, before if before == after else 0, groups=groups)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        before, after = self.padding
        if before != after:
            x = functional.pad(x, (before, after, before, after))
        if self.training and self.conv.kernel_size == (1, 1):
            return Pointwise.apply(x, self.conv.weight, self.conv.bias, self.linear)
        x = self.conv(x)
        return x if self.linear else functional.relu6(x, inplace=True)


class Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise, project 1x1; the input is added where shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, drop: float):
        super().__init__()
        hidden = inputs * expansion
        self.expand = ConvNorm(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = ConvNorm(hidden, hidden, kernel, stride, groups=hidden)
        self.project = ConvNorm(hidden, outputs, 1, linear=True)
        self.residual = stride == 1 and inputs == outputs
        self.drop = drop

    def layers(self) -> dict[str, ConvNorm]:
        """The block's layers by name, in order."""
        layers = {"expand": self.expand, "depthwise": self.depthwise, "project": self.project}
        return {name: layer for name, layer in layers.items() if layer is not None}

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.layers().values():
            y = layer(y)
        if not self.residual:
            return y
        if self.training and self.drop > 0:
            # Stochastic depth (Huang et al. 2016, arXiv 1603.09382), one draw a sample.
            keep = torch.rand(len(x), 1, 1, 1, dtype=x.dtype, device=x.device) >= self.drop
            y = y * keep / (1 - self.drop)
        return x + y


class Separable(nn.Module):
    """Depthwise k x k, then 1x1: [N,C,H,W] -> [N,K,H/stride,W/stride]."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1):
        super().__init__()
        self.depthwise = ConvNorm(inputs, inputs, kernel, stride, groups=inputs)
        self.point = ConvNorm(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.point(self.depthwise(x))


def doubled(x: Tensor) -> Tensor:
    """Each cell four times: [N,C,H,W] -> [N,C,2H,2W]."""
    return functional.interpolate(x, scale_factor=2, mode="nearest")


class Segmenter(nn.Module):
    """[N,1,G,G] -> logits of lung [N,16,G/2,G/2]; channel 4r + c is pixel (r, c) of a cell's 4 x 4. G is a multiple of 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 16, 3, 2)
        self.fine = Separable(16, 16, 3)
        self.down1 = ConvNorm(16, 32, 3, 2)
        self.middle = Separable(32, 32, 3)
        self.down2 = ConvNorm(32, 64, 3, 2)
        self.coarse = nn.Sequential(Separable(64, 64, 5), Separable(64, 64, 5))
        self.deep = nn.Sequential(Separable(64, 96, 5, 2), Separable(96, 96, 5), Separable(96, 64, 5))
        self.coarse_up = Separable(64, 32, 3)
        self.middle_up = Separable(32, 16, 3)
        self.fine_up = Separable(16, 16, 3)
        self.out = nn.Conv2d(16, 16, 1)

    def exported(self) -> dict[str, nn.Module]:
        """The layers by the names that export.py gives them."""
        layers = {name: layer for name, layer in self.named_children() if isinstance(layer, ConvNorm)} | {"logit": self.out}
        for name, part in self.named_children():
            several = {name: part} if isinstance(part, Separable) else {}
            if isinstance(part, nn.Sequential):
                several = {f"{name}{index}": layer for index, layer in enumerate(part)}
            for inner, layer in several.items():
                layers |= {f"{inner}.depthwise": layer.depthwise, f"{inner}.point": layer.point}
        return layers

    def encoded(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features at G/2 (16 channels), G/4 (32), G/8 (64) and G/16 (64)."""
        fine = self.fine(self.stem(x))
        middle = self.middle(self.down1(fine))
        coarse = self.coarse(self.down2(middle))
        return fine, middle, coarse, self.deep(coarse)

    def decoded(self, fine: Tensor, middle: Tensor, coarse: Tensor, deep: Tensor) -> Tensor:
        coarse = self.coarse_up(coarse + doubled(deep))
        middle = self.middle_up(middle + doubled(coarse))
        return self.out(self.fine_up(fine + doubled(middle)))

    def forward(self, x: Tensor) -> Tensor:
        return self.decoded(*self.encoded(x))


class Frame(NamedTuple):
    """Where the lungs are, as shares of the slice's height and width; each [N]."""

    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor


class Focused(NamedTuple):
    """What the classifier is given of N slices.

    seen [N,1,C,C]: the lungs, filling the picture; lung [N,1,C/16,C/16]: the share of each cell that is lung;
    share [N,1,G/2,G/2]: the same over the whole slice; frame: where the picture was cut out.
    """

    seen: Tensor
    lung: Tensor
    share: Tensor
    frame: Frame


class Focus(nn.Module):
    """Leaves the lungs alone, in one normalised window and filling the picture: x [N,1,S,S] -> Focused.

    0 stands for the darker parts of the lungs and 1 for the tissue around them; brighter is clipped, and so is what the
    segmenter takes for no lung. Hardly anything of display window, border, crop, table or marking is left for the classifier to learn.
    Cutting out is differentiable resampling (Jaderberg et al. 2015, arXiv 1506.02025), here two products with matrices.
    """

    def __init__(self) -> None:
        super().__init__()
        self.segmenter = Segmenter()

    def lungs(self, x: Tensor) -> Tensor:
        """The share of each cell that is lung, [N,1,G/2,G/2]."""
        return torch.sigmoid(self.segmenter(glance(x))).mean(1, keepdim=True)

    def forward(self, x: Tensor, size: int = CLOSE) -> Focused:
        share = self.lungs(x)
        gray = functional.avg_pool2d(x, x.shape[-1] // share.shape[-1])
        # The ring of tissue within two cells of the lungs.
        ring = functional.max_pool2d(share, 5, 1, 2) * (1 - share)
        bright = snapped(weighted(gray, ring, 1.0), LEVEL_STEPS)
        mean = weighted(gray, share, -1.0)
        deviation = torch.sqrt(weighted((gray - mean) ** 2, share, 1.0) + TINY)
        # Lung weighs the more the darker it is, so that large opacities do not pass for lung.
        emphasis = torch.exp(((mean - gray) / deviation * DARKNESS).clamp(-3, 3))
        dark = snapped(weighted(gray, share * emphasis, -1.0), LEVEL_STEPS)
        span = functional.relu(bright - dark - SPAN) + SPAN
        level = ((x - dark) / span).clamp(-0.25, 1)
        frame = frame_of(share)
        mask = cut(share, frame, size)
        seen = (1 + mask * (cut(level, frame, size) - 1)) * 2 - 1
        return Focused(seen, functional.avg_pool2d(mask, STRIDE), share, frame)


def snapped(x: Tensor, steps: int) -> Tensor:
    """The nearest whole number of 1 / steps."""
    return torch.floor(x * steps + 0.5) / steps


def glance(x: Tensor) -> Tensor:
    """What the segmenter looks at: [N,1,S,S] -> [N,1,G,G]."""
    return functional.avg_pool2d(x, x.shape[-1] // GLANCE)


def frame_of(share: Tensor) -> Frame:
    """The lungs' centre and so many deviations to each side, cut to the slice; share of lung [N,1,h,w]."""

    def ends(line: Tensor, reach: float) -> tuple[Tensor, Tensor]:
        place = (torch.arange(line.shape[1], device=line.device) + 0.5) / line.shape[1]
        total = line.mean(1) + TINY
        centre = ((line * place).mean(1) + TINY / 2) / total
        deviation = torch.sqrt(((line * (place - centre[:, None]) ** 2).mean(1) + TINY / 4) / total)
        half = functional.relu(deviation * reach - NARROWEST) + NARROWEST
        ends = (centre - half).clamp(min=0), (centre + half).clamp(max=1)
        return snapped(ends[0], FRAME_STEPS), snapped(ends[1], FRAME_STEPS)

    return Frame(*ends(share[:, 0].mean(2), REACH_Y), *ends(share[:, 0].mean(1), REACH_X))


def cut(x: Tensor, frame: Frame, size: int) -> Tensor:
    """The frame of x [N,C,H,W], interpolated linearly to [N,C,size,size]."""

    def taps(start: Tensor, end: Tensor, pixels: int) -> Tensor:
        """[N,size,pixels]: how much each pixel counts for each place."""
        place = start[:, None] + (end - start)[:, None] * ((torch.arange(size, device=x.device) + 0.5) / size)
        centre = (torch.arange(pixels, device=x.device) + 0.5) / pixels
        # Within half a pixel of the border, the border's pixel counts alone.
        place = place.clamp(0.5 / pixels, 1 - 0.5 / pixels)
        return functional.relu(1 - (place[:, :, None] - centre).abs() * pixels)

    rows = taps(frame.top, frame.bottom, x.shape[2])[:, None]
    columns = taps(frame.left, frame.right, x.shape[3])[:, None]
    return rows @ x @ columns.transpose(2, 3)


def overlap(start: Tensor, end: Tensor, count: int) -> Tensor:
    """[N,count,MAP_CELLS]: the part of each cell of the slice that lies in each of `count` cells of the frame from start to end [N]."""
    step = ((end - start) / count * MAP_CELLS)[:, None, None]
    low = (start * MAP_CELLS)[:, None, None] + step * torch.arange(count)[:, None]
    edge = torch.arange(MAP_CELLS)
    return functional.relu(torch.minimum(low + step, edge + 1) - torch.maximum(low, edge))


def laid(cells: Tensor, frame: Frame) -> Tensor:
    """The frame's cells [N,C,h,w] over the whole slice, [N,C,G/2,G/2]: each cell of the slice has the mean of what lies in it."""
    rows = overlap(frame.top, frame.bottom, cells.shape[2])[:, None]
    columns = overlap(frame.left, frame.right, cells.shape[3])[:, None]
    return rows.transpose(2, 3) @ cells @ columns


def spread(cells: Tensor, share: Tensor, frame: Frame) -> Tensor:
    """The frame's cells [N,h,w] over the whole slice, [N,G/2,G/2]: each divided among the lung that it holds. The mean stays.

    share [N,1,G/2,G/2] as Focus gives it. Lung with lung on all sides takes nearly everything, so that what walls and vessels
    blur into is not shown as their own.
    """
    inner = (1 - functional.max_pool2d(1 - share, 3, 1, 1) + share * EDGE)[:, 0]
    rows = overlap(frame.top, frame.bottom, cells.shape[1])
    columns = overlap(frame.left, frame.right, cells.shape[2])
    held = rows @ inner @ columns.transpose(1, 2)
    density = rows.transpose(1, 2) @ (cells / (held + SPECK)) @ columns
    return density * inner * (MAP_CELLS**2 / (cells.shape[1] * cells.shape[2]))


def weighted(x: Tensor, weight: Tensor, default: float) -> Tensor:
    """The weighted mean of x over space, [N,1,1,1]; `default` where hardly anything weighs."""
    return ((x * weight).mean((2, 3), keepdim=True) + TINY * default) / (weight.mean((2, 3), keepdim=True) + TINY)


class Outputs(NamedTuple):
    """What the network says of N slices.

    logit [N]; weight and evidence [N,h,w]: what each cell counts, 1 on average, and what it says; emphasis [N,h,w]: the logit
    by which a cell weighs more than healthy lung; opacity [N,2,2h,2w]: logits of ground glass and consolidation.
    """

    logit: Tensor
    weight: Tensor
    evidence: Tensor
    emphasis: Tensor
    opacity: Tensor


def blocks_of(drop_path: float) -> list[Block]:
    """All blocks, for an input of 32 channels; stochastic depth grows to `drop_path`."""
    channels, blocks = 32, []
    total = sum(stage[-1] for stage in STAGES)
    for kernel, stride, expansion, outputs, repeats in STAGES:
        for index in range(repeats):
            blocks.append(Block(channels, outputs, kernel, stride if index == 0 else 1, expansion, drop_path * len(blocks) / total))
            channels = outputs
    return blocks


class Trunk(nn.Module):
    """The first stages, which are not trained further: seen [N,1,C,C] -> features [N,48,C/8,C/8]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 32, 3, 2)
        self.blocks = nn.ModuleList(blocks_of(0)[:TRUNK])

    def exported(self) -> dict[str, nn.Module]:
        """The layers by the names that export.py gives them."""
        return {"stem": self.stem} | block_layers(self.blocks, 0)

    def forward(self, seen: Tensor) -> Tensor:
        x = self.stem(seen)
        for block in self.blocks:
            x = block(x)
        return x


def block_layers(blocks: nn.ModuleList, first: int) -> dict[str, nn.Module]:
    """The layers of blocks, the first of which is number `first`, by the names that export.py gives them."""
    return {f"block{first + index}.{name}": layer for index, block in enumerate(blocks) for name, layer in block.layers().items()}


class Tail(nn.Module):
    """The last stages and what they say: features [N,48,C/8,C/8] and lung [N,1,C/16,C/16] -> Outputs.

    Each cell gives its evidence for COVID-19. The logit is the mean of the evidence over the lungs, in which a cell weighs by
    the lung that it holds and by its emphasis. Ground glass and consolidation are told on cells of half the width, from
    the trunk's features and the last layer's.
    """

    def __init__(self, drop_path: float = 0.1, dropout: float = 0.2):
        super().__init__()
        early, channels = STAGES[FROZEN - 1][3], STAGES[-1][3]
        self.blocks = nn.ModuleList(blocks_of(drop_path)[TRUNK:])
        self.head = ConvNorm(channels, channels * EXPANSION, 1)
        self.dropout = nn.Dropout2d(dropout)
        # Evidence and emphasis.
        self.cells = nn.Conv2d(channels * EXPANSION, 2, 1)
        # What cells say of their surroundings, what the trunk's finer cells show, and what both are.
        self.coarse = ConvNorm(channels * EXPANSION, FINE, 1, linear=True)
        self.fine = ConvNorm(early, early, 3, groups=early)
        self.fine_point = ConvNorm(early, FINE, 1, linear=True)
        self.opacity = nn.Conv2d(FINE, OPACITIES, 1)
        for layer in (self.cells, self.opacity):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def exported(self) -> dict[str, nn.Module]:
        """The layers by the names that export.py gives them."""
        heads = {"head": self.head, "cells": self.cells, "opacity.coarse": self.coarse}
        fine = {"opacity.fine": self.fine, "opacity.point": self.fine_point, "opacity.cells": self.opacity}
        return block_layers(self.blocks, TRUNK) | heads | fine

    def forward(self, features: Tensor, lung: Tensor) -> Outputs:
        x = features
        for block in self.blocks:
            x = block(x)
        head = self.dropout(self.head(x))
        evidence, emphasis = self.cells(head).unbind(1)
        opacity = self.opacity(functional.relu6(self.fine_point(self.fine(features)) + doubled(self.coarse(head))))
        weight = lung[:, 0] * (HEALTHY + torch.sigmoid(emphasis))
        weight = weight / (weight.mean((1, 2), keepdim=True) + TINY)
        return Outputs((weight * evidence).mean((1, 2)), weight, evidence, emphasis, opacity)


class Network(nn.Module):
    """The whole, as it is exported: x [N,1,S,S] -> Outputs."""

    def __init__(self, focus: Focus, trunk: Trunk, tail: Tail):
        super().__init__()
        self.focus, self.trunk, self.tail = focus, trunk, tail

    def forward(self, x: Tensor) -> Outputs:
        focused = self.focus(x)
        return self.tail(self.trunk(focused.seen), focused.lung)

    def familiar(self, x: Tensor) -> Tensor:
        """What the gate judges by, [N,FAMILIAR]: the segmenter looks at the whole picture, the classifier at lungs only."""
        _, *features = self.focus.segmenter.encoded(glance(x))
        return torch.cat([moments(part) for part in features], dim=1)


def moments(x: Tensor) -> Tensor:
    """Mean and deviation over space: [N,C,H,W] -> [N,2C]."""
    mean = x.mean((2, 3))
    variance = (x * x).mean((2, 3)) - mean * mean
    return torch.cat([mean, torch.sqrt(variance.clamp(min=0) + TINY)], dim=1)


def style_mixed(x: Tensor, share: float) -> Tensor:
    """x [N,C,H,W], in a `share` of the calls with the channels' mean and deviation between those of two slices.

    They hold what a scanner and a kernel leave in a picture (MixStyle, Zhou et al. 2021, arXiv 2104.02008).
    """
    if torch.rand(()) >= share:
        return x
    part = torch.distributions.Beta(STYLE, STYLE).sample((len(x), 1, 1, 1)).to(x.device)
    mean = x.mean((2, 3), keepdim=True).detach()
    deviation = torch.sqrt(x.var((2, 3), keepdim=True) + 1e-6).detach()
    other = torch.randperm(len(x), device=x.device)
    plain = (x - mean) / deviation
    return plain * torch.lerp(deviation[other], deviation, part) + torch.lerp(mean[other], mean, part)
