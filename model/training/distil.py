"""Distils several fine-tuned networks into one and leaves `network.pt` and `log.csv` in a folder.

The student starts from one of the teachers and learns, on the same random views, the mean of their logits
(Hinton et al. 2015, arXiv 1503.02531; consistent views: Beyer et al. 2022, arXiv 2106.05237), half of
it mixed with the label where there is one. LUNA16 slices take part without labels: they show the student
other scanners, and what the teachers agree on there.
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
import train
from network import SIZE, Network

RATE = 1.5e-4
# Unlabelled slices of an epoch, drawn anew each time.
UNLABELLED = 200


def load(path: Path) -> Network:
    network = Network()
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.to(memory_format=torch.channels_last)


@torch.inference_mode()
def taught(teachers: list[Network], x: Tensor) -> Tensor:
    """The probability [N] of the teachers' mean logit on a view [N,1,S,S]."""
    return torch.sigmoid(torch.stack([teacher(x) for teacher in teachers]).mean(0))


def targets(soft: Tensor, label: Tensor) -> Tensor:
    """Half the teachers' word and half the label's where there is one; -1 stands for none."""
    return torch.where(label < 0, soft, (soft + label) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--views", type=Path, required=True, help="arrays at 256, the source of random views")
    parser.add_argument("--arrays", type=Path, required=True, help="arrays at 224, for validation")
    parser.add_argument("--teachers", type=Path, nargs="+", required=True, help="network.pt of each; the last is the start")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    torch.set_num_threads(2)
    views = data.load(options.manifest, options.views)
    labelled, luna = views.of("train", clean=True), views.take(views.split == "luna_fit")
    val = data.load(options.manifest, options.arrays).of("val", clean=True)
    inputs = torch.from_numpy(np.concatenate([labelled.inputs, luna.inputs]))
    label = torch.cat([torch.from_numpy(labelled.label).float(), torch.full((len(luna.inputs),), -1.0)])

    run = train.Run(options.out, options.seed, options.epochs)
    teachers = [load(path).eval() for path in options.teachers]
    for network in (run.network, run.mean):
        network.load_state_dict(teachers[-1].state_dict())
    while run.epoch < run.epochs:
        start = time.monotonic()
        extra = len(labelled.inputs) + torch.randperm(len(luna.inputs), generator=run.generator)[:UNLABELLED]
        rows = torch.cat([torch.arange(len(labelled.inputs)), extra])
        rows = rows[torch.randperm(len(rows), generator=run.generator)]
        batches = [part for part in rows.split(train.BATCH) if len(part) > 1]
        run.network.train()
        for index, batch in enumerate(batches):
            progress = (run.epoch + index / len(batches)) / run.epochs
            for group in run.optimizer.param_groups:
                group["lr"] = train.rate_of(progress) * RATE / train.RATE
            x = augment.view(inputs[batch], SIZE, run.generator).contiguous(memory_format=torch.channels_last)
            target = targets(taught(teachers, x), label[batch])
            loss = functional.binary_cross_entropy_with_logits(run.network(x), target.clone())
            run.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            run.optimizer.step()
            train.average(run.mean, run.network, 0.98)
        run.epoch += 1
        auc = roc_auc_score(val.label, train.logits_of(run.mean, val.inputs))
        row = [run.epoch, round(loss.item(), 4), round(float(auc), 4), round(time.monotonic() - start, 1)]
        with open(options.out / "log.csv", "a", newline="") as file:
            csv.writer(file).writerow(row)
        print("epoch {}: last loss {}, validation AUC {}, {} s".format(*row), flush=True)
    torch.save(run.mean.state_dict(), options.out / "network.pt")


if __name__ == "__main__":
    main()
