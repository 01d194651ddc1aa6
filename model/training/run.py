"""What the runs of training share: the schedule, the moving average, the checkpoint, and what a classifier is given."""

from __future__ import annotations

import math
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

from network import CLOSE, Classifier, Focus, Focused, Frame, Outputs, cut, pretrained, slim

RATE = 4e-4
DECAY = 1e-2
BATCH = 32
AVERAGE = 0.99
# Epochs between two checkpoints.
SAVED = 5
# The order of tensors' values that is the fastest.
LAYOUT = torch.channels_last
# What the classifier is given: the whole picture, the lungs, or the lungs in their normalised window.
VIEWS = ("whole", "lungs", "normalised")


def placed(network: nn.Module, device: str) -> nn.Module:
    return network.to(device, memory_format=LAYOUT)


def answer(network: Classifier, seen: Tensor, lung: Tensor) -> Outputs:
    """What the classifier says of what focused() gives; on a GPU in bfloat16, which with LAYOUT trains 1.5 times as fast."""
    with torch.autocast(seen.device.type, torch.bfloat16, enabled=seen.is_cuda):
        said = network(seen.contiguous(memory_format=LAYOUT), lung)
    return Outputs(*(part.float() for part in said))


def weights(path: Path) -> dict[str, Tensor]:
    """A state dict that was saved on any device."""
    return torch.load(path, map_location="cpu", weights_only=True)


def load_focus(path: Path, device: str = "cpu") -> Focus:
    """A Focus with the weights of segment.py, which are not trained further."""
    focus = Focus()
    focus.segmenter.load_state_dict(weights(path))
    return placed(focus, device).eval().requires_grad_(False)


def focused(focus: Focus, x: Tensor, size: int = CLOSE, view: str = "normalised") -> Focused:
    """What the classifier is given of x [N,1,S,S], at size x size pixels."""
    with torch.no_grad():
        seen, lung, share, frame = focus(x, size)
        if view == "lungs":
            seen = 1 + cut(share, frame, size) * (cut(x, frame, size) - 1)
        if view == "whole":
            seen = functional.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
            lung, share = torch.ones_like(lung), torch.ones_like(share)
            frame = Frame(*(torch.full((len(x),), end, device=x.device) for end in (0.0, 1.0, 0.0, 1.0)))
    return Focused(seen, lung, share, frame)


def rate_of(progress: float) -> float:
    """Learning rate at `progress` in 0..1: linear warm-up over 5 %, then cosine to zero."""
    warm = 0.05
    if progress < warm:
        return RATE * progress / warm
    return RATE * 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))


def logits_of(
    network: Classifier, focus: Focus, inputs: np.ndarray, view: str = "normalised", close: int = CLOSE
) -> np.ndarray:
    """Logits [N] of inputs [N,1,S,S], without augmentation."""
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        given = (focused(focus, part.to(device), close, view) for part in torch.from_numpy(inputs).split(BATCH))
        return torch.cat([answer(network, part.seen, part.lung).logit for part in given]).cpu().numpy()


@torch.no_grad()
def average(mean: nn.Module, network: nn.Module, keep: float) -> None:
    """Moves `mean` towards `network`: weights by 1 - keep, batch-norm statistics alike."""
    pairs = list(zip(mean.state_dict().values(), network.state_dict().values()))
    moved = [pair for pair in pairs if pair[0].dtype.is_floating_point]
    get_ema_multi_avg_fn(keep)([old for old, _ in moved], [new for _, new in moved], None)
    for old, new in pairs:
        if not old.dtype.is_floating_point:
            old.copy_(new)


class Run:
    """The state of one training run, with its checkpoint in `folder`."""

    def __init__(
        self, folder: Path, seed: int, epochs: int, rate: float = RATE, device: str = "cpu", **network: str | float
    ):
        self.folder, self.epochs, self.rate, self.device = folder, epochs, rate, device
        torch.manual_seed(seed)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.network = placed(pretrained(**network), device)
        self.mean = deepcopy(self.network)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=rate, weight_decay=DECAY)
        self.epoch = self.steps = 0
        folder.mkdir(parents=True, exist_ok=True)

    def start_from(self, path: Path) -> None:
        """Takes the weights of a network.pt, for a slim network those of the whole one."""
        state = weights(path)
        if len(state) > len(self.network.state_dict()):
            state = slim(state)
        for network in (self.network, self.mean):
            network.load_state_dict(state)

    def rows(self, count: int) -> list[Tensor]:
        """The batches of one pass over `count` slices: their places, in random order."""
        order = torch.randperm(count, generator=self.generator, device=self.device)
        return [part for part in order.split(BATCH) if len(part) > 1]

    def freeze(self) -> None:
        """Keeps the first blocks and their statistics as they are; called after each `network.train()`."""
        for part in (self.network.stem, *self.network.blocks[: self.network.early]):
            part.eval().requires_grad_(False)

    def set_rate(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate_of(progress) * self.rate / RATE

    def step(self, loss: Tensor) -> None:
        """One step of the optimiser and of the moving average."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        average(self.mean, self.network, min(AVERAGE, (1 + self.steps) / (10 + self.steps)))
        self.steps += 1

    def save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "steps": self.steps,
            "generator": self.generator.get_state(),
            "random": torch.get_rng_state(),
        }
        if torch.device(self.device).type == "cuda":
            # Dropout and stochastic depth draw from the card's own.
            state["random_cuda"] = torch.cuda.get_rng_state(self.device)
        part = self.folder / "last.part"
        torch.save(state, part)
        part.replace(self.folder / "last.pt")

    def resume(self) -> None:
        path = self.folder / "last.pt"
        if not path.exists():
            return
        state = weights(path)
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.steps = state["epoch"], state["steps"]
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["random"])
        if "random_cuda" in state and torch.device(self.device).type == "cuda":
            torch.cuda.set_rng_state(state["random_cuda"], self.device)
        self.forget_later()

    def forget_later(self) -> None:
        """Takes the epochs out of log.csv that are run again."""
        log = self.folder / "log.csv"
        if log.exists():
            log.write_text("".join(log.read_text().splitlines(keepends=True)[: self.epoch]))
