"""Fine-tunes the network on train_clean and leaves `last.pt`, `network.pt` and `log.csv` in a folder.

Nothing is chosen on the test: the schedule is fixed, the network kept is the moving average of the
weights after the last epoch, and validation is only written to the log. A run that was stopped goes
on from `last.pt`.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

import augment
import data
from network import SIZE, Network, pretrained

RATE = 4e-4
DECAY = 1e-2
BATCH = 32
SMOOTHING = 0.05
AVERAGE = 0.99
# Epochs between two looks at validation, which are only logged.
VALIDATE_EVERY = 4


def size_of(epoch: int, epochs: int) -> int:
    """Views of the first half have 192 pixels instead of 224 and cost less (Tan and Le 2021, arXiv 2104.00298)."""
    return 192 if epoch < epochs / 2 else SIZE


def rate_of(progress: float) -> float:
    """Learning rate at `progress` in 0..1: linear warm-up over 5 %, then cosine to zero."""
    warm = 0.05
    if progress < warm:
        return RATE * progress / warm
    return RATE * 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))


def logits_of(network: Network, inputs: np.ndarray) -> np.ndarray:
    """Logits [N] of inputs [N,1,S,S], without augmentation."""
    network.eval()
    with torch.inference_mode():
        parts = [network(torch.from_numpy(inputs[i : i + BATCH])) for i in range(0, len(inputs), BATCH)]
    return torch.cat(parts).numpy()


@torch.no_grad()
def average(mean: Network, network: Network, keep: float) -> None:
    """Moves `mean` towards `network`: weights by 1 - keep, batch-norm statistics alike."""
    state = network.state_dict()
    for name, value in mean.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(state[name], 1 - keep)
        else:
            value.copy_(state[name])


class Run:
    """The state of one training run, with its checkpoint in `folder`."""

    def __init__(self, folder: Path, seed: int, epochs: int):
        self.folder, self.epochs = folder, epochs
        torch.manual_seed(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.network = pretrained().to(memory_format=torch.channels_last)
        self.mean = deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=RATE, weight_decay=DECAY)
        self.epoch = 0
        folder.mkdir(parents=True, exist_ok=True)

    def save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "generator": self.generator.get_state(),
            "random": torch.get_rng_state(),
        }
        part = self.folder / "last.part"
        torch.save(state, part)
        part.replace(self.folder / "last.pt")

    def resume(self) -> None:
        path = self.folder / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["random"])

    def train_epoch(self, inputs: Tensor, target: Tensor) -> float:
        """One pass over inputs [N,1,H,W] with targets [N] in 0..1; returns the mean loss."""
        size = size_of(self.epoch, self.epochs)
        order = torch.randperm(len(inputs), generator=self.generator)
        batches = [part for part in order.split(BATCH) if len(part) > 1]
        self.network.train()
        total = 0.0
        for index, rows in enumerate(batches):
            progress = (self.epoch + index / len(batches)) / self.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = rate_of(progress)
            x = augment.view(inputs[rows], size, self.generator)
            x, y = augment.mixup(x, target[rows] * (1 - SMOOTHING) + SMOOTHING / 2, self.generator)
            loss = functional.binary_cross_entropy_with_logits(
                self.network(x.contiguous(memory_format=torch.channels_last)), y
            )
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            step = self.epoch * len(batches) + index
            average(self.mean, self.network, min(AVERAGE, (1 + step) / (10 + step)))
            total += loss.item() * len(rows)
        self.epoch += 1
        return total / len(inputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--views", type=Path, required=True, help="arrays at 256, the source of random views")
    parser.add_argument("--arrays", type=Path, required=True, help="arrays at 224, for validation")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=28)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    train = data.load(options.manifest, options.views).of("train", clean=True)
    val = data.load(options.manifest, options.arrays).of("val", clean=True)
    inputs = torch.from_numpy(train.inputs)
    target = torch.from_numpy(train.label).float()

    run = Run(options.out, options.seed, options.epochs)
    run.resume()
    while run.epoch < run.epochs:
        start = time.monotonic()
        loss = run.train_epoch(inputs, target)
        seconds = time.monotonic() - start
        auc = ""
        if run.epoch % VALIDATE_EVERY == 0 or run.epoch == run.epochs:
            auc = round(float(roc_auc_score(val.label, logits_of(run.mean, val.inputs))), 4)
        row = [run.epoch, round(loss, 4), auc, round(seconds, 1)]
        with open(options.out / "log.csv", "a", newline="") as file:
            csv.writer(file).writerow(row)
        print("epoch {}: loss {}, validation AUC {}, {} s".format(*row), flush=True)
        run.save()
    torch.save(run.mean.state_dict(), options.out / "network.pt")


if __name__ == "__main__":
    main()
