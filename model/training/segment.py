"""Trains the segmenter on slices with lung masks and leaves `network.pt` and `log.csv` in a folder.

Volumes 4 and 6 are held out. Lesions are painted into the lungs, windows, crops and stretches are drawn widely: the
masks come from six volumes in one window, the slices to be read from hundreds of sources.
"""

from __future__ import annotations

import argparse
import csv
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

import augment
import data
import lesions
from network import SIZE, Frame, Segmenter, cut, glance
from run import average, placed

HELD = ("4", "6")
RATE = 3e-3
BATCH = 32


def masked(arrays: data.Arrays) -> data.Arrays:
    """The slices with masks; `inputs` has two channels: gray and the mask, both from -1 to 1."""
    slices, masks = arrays.of("lung"), arrays.of("mask")
    names = [[Path(path).name for path in part.path] for part in (slices, masks)]
    if names[0] != names[1]:
        raise ValueError("slices and masks do not pair")
    if not np.array_equal(masks.inside, np.tile([0.0, 1.0, 0.0, 1.0], (len(masks.inside), 1))):
        raise ValueError("a mask was taken for a slice with margins")
    # The slice may have been cut out of its margins; the mask goes with it.
    frame = Frame(*torch.from_numpy(slices.inside.T.astype(np.float32)))
    mask = cut(torch.from_numpy(masks.inputs), frame, masks.inputs.shape[-1]).numpy()
    slices.inputs = np.concatenate([slices.inputs, np.where(mask > 0, 1, -1).astype(np.float32)], axis=1)
    return slices


def view(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random view of gray and mask [N,2,H,W]: input [N,1,S,S] and mask [N,1,S,S] in 0..1."""
    x = augment.crop(x, SIZE, generator, smallest=0.5, stretched=0.3)
    gray, mask = (x[:, :1] + 1) / 2, ((x[:, 1:] + 1) / 2).clamp(0, 1)
    gray, _ = lesions.paint(gray, mask, 0.5, generator)
    x = augment.window(gray * 2 - 1, generator, soft=0.3)
    x = augment.noise(augment.soften(x, generator), generator)
    return augment.cutout(x.clamp(-127 / 128, 1), generator), mask


def loss_of(logit: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy and soft Dice (Milletari et al. 2016, arXiv 1606.04797) of logits [N,16,h,w] and mask [N,1,S,S]."""
    logit = functional.pixel_shuffle(logit, 4)
    mask = functional.interpolate(mask, size=logit.shape[-2:], mode="area")
    probability = torch.sigmoid(logit)
    overlap = (probability * mask).sum((1, 2, 3))
    dice = (2 * overlap + 1) / (probability.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)
    return functional.binary_cross_entropy_with_logits(logit, mask) + 1 - dice.mean()


def dice_of(network: Segmenter, x: Tensor) -> Tensor:
    """Dice [N] of gray and mask [N,2,S,S]."""
    network.eval()
    with torch.inference_mode():
        found = functional.pixel_shuffle(network(glance(x[:, :1])), 4) > 0
    mask = functional.interpolate((x[:, 1:] > 0).float(), size=found.shape[-2:], mode="area") > 0.5
    return 2 * (found & mask).sum((1, 2, 3)) / (found.sum((1, 2, 3)) + mask.sum((1, 2, 3)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--views", type=Path, required=True, help="arrays at 384, the source of random views")
    parser.add_argument("--arrays", type=Path, required=True, help="arrays at 336, for the held-out volumes")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    device = options.device
    torch.manual_seed(options.seed)
    generator = torch.Generator(device).manual_seed(options.seed)
    views, arrays = (masked(data.load(options.manifest, folder)) for folder in (options.views, options.arrays))
    held = np.isin(arrays.group, HELD)
    inputs, test = (torch.from_numpy(part).to(device) for part in (views.inputs[~held], arrays.inputs[held]))
    options.out.mkdir(parents=True, exist_ok=True)
    network = placed(Segmenter(), device)
    mean = deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=options.steps)
    start = time.monotonic()
    for step in range(options.steps):
        rows = torch.randint(len(inputs), (BATCH,), generator=generator, device=device)
        x, mask = view(inputs[rows], generator)
        network.train()
        loss = loss_of(network(glance(x)), mask)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        average(mean, network, min(0.99, (1 + step) / (10 + step)))
        if (step + 1) % 100 == 0:
            dice = dice_of(mean, test)
            row = [step + 1, *(round(float(value), 4) for value in (loss.detach(), dice.mean(), dice.quantile(0.05)))]
            row.append(round(time.monotonic() - start, 1))
            with open(options.out / "log.csv", "a", newline="") as file:
                csv.writer(file).writerow(row)
            print("step {}: loss {}, held-out Dice {}, its 5 % quantile {}, {} s".format(*row), flush=True)
            torch.save(mean.state_dict(), options.out / "network.pt")


if __name__ == "__main__":
    main()
