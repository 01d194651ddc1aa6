"""Distils several fine-tuned classifiers into one and leaves `network.pt` and `log.csv` in a folder.

The teachers see a crop as it is, the student the same crop in another window, resolution and noise, and learns their mean
(Hinton et al. 2015, arXiv 1503.02531): the score, mixed with the label where there is one, the findings and the cells.
So it learns what they agree on, and that none of these changes may move it. LUNA16 slices take part without labels, half of
them painted: they show the student other scanners.
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
import lesions
import train
from network import SIZE, Classifier, Focus, Outputs
from run import BATCH, Run, focused, load_focus, logits_of

RATE = 1.5e-4
# Unlabelled slices of an epoch, drawn anew each time.
UNLABELLED = 160
# Share of the samples that the student sees at a lower resolution.
SOFTENED = 0.75
# The label's part in the target of a labelled slice.
LABEL = 0.4


def load(path: Path) -> Classifier:
    network = Classifier()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.to(memory_format=torch.channels_last).eval()


@torch.inference_mode()
def taught(teachers: list[Classifier], focus: Focus, x: Tensor) -> Outputs:
    """The teachers' mean outputs on x [N,1,S,S]."""
    given = focused(focus, x)
    said = [teacher(given.seen, given.lung) for teacher in teachers]
    return Outputs(*(torch.stack(parts).mean(0).clone() for parts in zip(*said)))


def target_of(logit: Tensor, label: Tensor) -> Tensor:
    """The teachers' probability and, where there is one, LABEL of the label [N]; -1 stands for none."""
    soft = torch.sigmoid(logit)
    return torch.where(label < 0, soft, (1 - LABEL) * soft + LABEL * label)


def loss_of(said: Outputs, taught: Outputs, label: Tensor) -> Tensor:
    entropy = functional.binary_cross_entropy_with_logits
    loss = entropy(said.logit, target_of(taught.logit, label))
    loss = loss + train.FINDINGS_WEIGHT * entropy(said.findings, torch.sigmoid(taught.findings))
    loss = loss + train.PAINT_WEIGHT * entropy(said.opacity, torch.sigmoid(taught.opacity))
    return loss + train.PAINT_WEIGHT * entropy(said.finding_cells, torch.sigmoid(taught.finding_cells))


def crop(slices: Tensor, pairs: Tensor, generator: torch.Generator) -> Tensor:
    """Crops [N,1,S,S] of labelled slices [K,1,H,W] and, after them, of gray and mask [L,2,H,W], half of these painted."""
    x = augment.crop(slices, SIZE, generator)
    if len(pairs) == 0:
        return x
    beside = augment.crop(pairs, SIZE, generator)
    gray, lung = (beside[:, :1] + 1) / 2, ((beside[:, 1:] + 1) / 2).clamp(0, 1)
    return torch.cat([x, lesions.paint(gray, lung, 0.5, generator)[0] * 2 - 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--views", type=Path, required=True, help="arrays at 384, the source of random views")
    parser.add_argument("--arrays", type=Path, required=True, help="arrays at 336, for validation")
    parser.add_argument("--lungs", type=Path, required=True, help="network.pt of segment.py")
    parser.add_argument("--teachers", type=Path, nargs="+", required=True, help="network.pt of each; the last is the start")
    parser.add_argument("--start", type=Path, help="network.pt to start from, instead of the last teacher's")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    torch.set_num_threads(2)
    focus = load_focus(options.lungs)
    views = data.load(options.manifest, options.views)
    slices, luna = train.slices_of(views.of("train", clean=True)), train.luna_pairs(views, focus)
    val = data.load(options.manifest, options.arrays).of("val", clean=True)

    run = Run(options.out, options.seed, options.epochs, RATE)
    teachers = [load(path) for path in options.teachers]
    run.start_from(options.start or options.teachers[-1])
    run.resume()
    together = np.mean([logits_of(teacher, focus, val.inputs) for teacher in teachers], axis=0)
    print(f"validation AUC of the teachers' mean: {roc_auc_score(val.label, together):.4f}", flush=True)
    while run.epoch < run.epochs:
        start = time.monotonic()
        order = torch.randperm(len(slices.label), generator=run.generator)
        batches = [part for part in order.split(BATCH) if len(part) > 1]
        beside = torch.randperm(len(luna), generator=run.generator)[:UNLABELLED].chunk(len(batches))
        run.network.train()
        run.freeze()
        total = 0.0
        for index, (rows, others) in enumerate(zip(batches, beside)):
            run.set_rate((run.epoch + index / len(batches)) / run.epochs)
            x = crop(slices.inputs[rows], luna[others], run.generator)
            answer = taught(teachers, focus, x)
            given = focused(focus, augment.shade(x, run.generator, SOFTENED))
            label = torch.cat([slices.label[rows], torch.full((len(others),), -1.0)])
            loss = loss_of(run.network(given.seen, given.lung), answer, label)
            run.step(loss)
            total += float(loss.detach())
        run.epoch += 1
        auc = roc_auc_score(val.label, logits_of(run.mean, focus, val.inputs))
        row = [run.epoch, round(total / len(batches), 4), round(float(auc), 4), round(time.monotonic() - start, 1)]
        with open(options.out / "log.csv", "a", newline="") as file:
            csv.writer(file).writerow(row)
        print("epoch {}: loss {}, validation AUC {}, {} s".format(*row), flush=True)
        run.save()
    torch.save(run.mean.state_dict(), options.out / "network.pt")


if __name__ == "__main__":
    main()
