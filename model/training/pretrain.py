"""Pre-trains the classifier to find painted lesions, without labels; leaves `network.pt`, `last.pt` and `log.csv`.

Half of the views get lesions (lesions.py). Each cell of the map tells how much of its lung is opaque, and by what. On
LUNA16 slices, which are older than COVID-19, cells without paint count as clear; on training slices, whose own lesions are
unknown, only painted cells count. A run that was stopped goes on from `last.pt`.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

import augment
import data
import gate
import lesions
from network import BACKBONES, SIZE, STRIDE, Focus, Outputs, cut
from run import BATCH, Run, answer, focused, load_focus

# What the classifier sees has fewer pixels than in fine-tuning, and costs less.
CLOSE = 192


def lungs_of(focus: Focus, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Of inputs [N,1,H,W]: the share of pixels that are lung, [N], and the lungs as a mask from -1 to 1, [N,1,H,W]."""
    shares, masks = [], []
    with torch.inference_mode():
        device = next(focus.parameters()).device
        for part in inputs.split(BATCH):
            part = part.to(device)
            # Any size will do for the segmenter that its picture divides.
            fitted = functional.interpolate(part, size=(SIZE, SIZE), mode="bilinear", antialias=True)
            lung = focus.lungs(fitted)
            shares.append(lung.mean((1, 2, 3)))
            masks.append(functional.interpolate(lung, size=part.shape[-2:], mode="bilinear") * 2 - 1)
    return torch.cat(shares), torch.cat(masks)


def painted_view(x: Tensor, size: int, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random view of gray and mask [N,2,H,W], lesions on `share` of it: input [N,1,size,size], cover [N,3,size,size]."""
    x = augment.crop(x, size, generator)
    gray, lung = (x[:, :1] + 1) / 2, ((x[:, 1:] + 1) / 2).clamp(0, 1)
    gray, cover = lesions.paint(gray, lung, share, generator)
    return augment.shade(gray * 2 - 1, generator), cover


def painted_loss(outputs: Outputs, lung: Tensor, cover: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of each cell's opacity and painted findings.

    lung [N,1,h,w] and cover [N,3,h,w]: shares of the cell; known [N]: 1 where cells without paint are clear, else 0.
    """
    held = lung + 1e-3
    covered = (cover / held).clamp(0, 1)
    total = (covered[:, :1] + covered[:, 1:2]).clamp(0, 1)
    said = torch.cat([outputs.opacity[:, None], outputs.finding_cells[:, : cover.shape[1]]], dim=1)
    truth = torch.cat([total, covered], dim=1)
    weight = lung * torch.where(known.view(-1, 1, 1, 1) > 0, torch.ones_like(total), total)
    loss = functional.binary_cross_entropy_with_logits(said, truth, reduction="none")
    return (loss * weight).sum() / (weight.sum() * said.shape[1] + 1)


def cells_of(x: Tensor) -> Tensor:
    """Means over the classifier's cells."""
    return functional.avg_pool2d(x, STRIDE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--views", type=Path, required=True, help="arrays at 384, the source of random views")
    parser.add_argument("--lungs", type=Path, required=True, help="network.pt of segment.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backbone", choices=BACKBONES, default="lite0")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    torch.set_num_threads(2)
    device = options.device
    focus = load_focus(options.lungs, device)
    views = data.load(options.manifest, options.views)
    luna, own = views.of("luna_fit"), views.of("train", clean=True)
    inputs = torch.from_numpy(np.concatenate([luna.inputs, own.inputs])).to(device)
    known = torch.cat([torch.ones(len(luna.inputs)), torch.zeros(len(own.inputs))]).to(device)
    share, masks = lungs_of(focus, inputs)
    kept = share > gate.LUNG
    pairs, known = torch.cat([inputs, masks], dim=1)[kept], known[kept]

    held = torch.from_numpy(views.of("luna_held").inputs).to(device)
    share, masks = lungs_of(focus, held)
    held = torch.cat([held, masks], dim=1)[share > gate.LUNG]

    run = Run(options.out, options.seed, options.epochs, device=device, backbone=options.backbone)
    run.resume()
    while run.epoch < run.epochs:
        start = time.monotonic()
        batches = run.rows(len(pairs))
        run.network.train()
        total = 0.0
        for index, rows in enumerate(batches):
            run.set_rate((run.epoch + index / len(batches)) / run.epochs)
            x, cover = painted_view(pairs[rows], SIZE, 0.6, run.generator)
            given = focused(focus, x, CLOSE)
            covered = cells_of(cut(cover, given.frame, CLOSE))
            loss = painted_loss(answer(run.network, given.seen, given.lung), given.lung, covered, known[rows])
            run.step(loss)
            total += float(loss.detach())
        run.epoch += 1
        row = [run.epoch, round(total / len(batches), 4), round(found(run.mean, focus, held), 4)]
        row.append(round(time.monotonic() - start, 1))
        with open(options.out / "log.csv", "a", newline="") as file:
            csv.writer(file).writerow(row)
        print("epoch {}: loss {}, AUC of opaque cells on held-out series {}, {} s".format(*row), flush=True)
        run.save()
        torch.save(run.mean.state_dict(), options.out / "network.pt")


def found(network: torch.nn.Module, focus: Focus, pairs: Tensor) -> float:
    """AUC of the cells' opacity on painted views of slices never seen, among cells that are mostly lung."""
    generator = torch.Generator(pairs.device).manual_seed(7)
    network.eval()
    truth, said = [], []
    with torch.inference_mode():
        for part in pairs.split(BATCH):
            x, cover = painted_view(part, SIZE, 0.6, generator)
            given = focused(focus, x, CLOSE)
            lung = given.lung[:, 0]
            total = cells_of(cut(cover, given.frame, CLOSE))[:, :2].sum(1)
            inside = lung > 0.5
            truth.append((total / (lung + 1e-3))[inside] > 0.5)
            said.append(answer(network, given.seen, given.lung).opacity[inside])
    return float(roc_auc_score(torch.cat(truth).cpu(), torch.cat(said).cpu()))


if __name__ == "__main__":
    main()
