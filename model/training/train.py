"""Trains the tail on the views of views.py; leaves `network.pt`, `log.csv` and `held.csv`, what it says of the slices held out.

Tasks: COVID-19 or not; ground glass and consolidation cell by cell, drawn by a radiologist or painted; of a LUNA16 slice
clear and painted, the painted one is to have the higher logit; and two views of one slice are to say the same. Slices are
drawn by SHARES, so that no hospital and no class of it outweighs another. The schedule is fixed, nothing is chosen on
what is held out, and the network kept is the moving average of the weights after the last step (`trained.pt`), mixed with the
weights that training went on from.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import math
import time
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

import arguments
import start
from network import ConvNorm, Outputs, Tail, style_mixed

RATE, DECAY, AVERAGE, SMOOTHING = 3e-4, 1e-2, 0.995, 0.05
# Slices of a step; each is seen in two views.
BATCH = 16
# Slices of 100 by split and label.
SHARES = {
    ("covid-ct", 1): 15, ("covid-ct", 0): 15, ("sars", 1): 18, ("sars", 0): 18, ("source", 1): 5, ("source", 0): 7,
    ("slice", 1): 8, ("slice", 0): 3, ("luna_fit", 0): 11,
}
# What a label counts: LUNA16 is one more hospital without COVID-19, and slices of COVID-19 volumes without a lesion have no label.
WEIGHTS = {("luna_fit", 0): 0.5, ("slice", 0): 0.0}
# Weights of the tasks beside the first.
OPACITY, RANK, SAME = 1.0, 0.3, 0.5
FOLDS = 4
# The layers of the tail that network 0.4.0 lacks.
NEW = ("coarse", "fine", "fine_point", "opacity")
# Steps between two lines of the log.
LOGGED = 100
LAYOUT = torch.channels_last


class Rows(NamedTuple):
    """The slices of a folder of views: path, split, group, source str [N]; label int [N]; trained bool [N]."""

    path: np.ndarray
    label: np.ndarray
    split: np.ndarray
    group: np.ndarray
    source: np.ndarray
    trained: np.ndarray


def rows_of(folder: Path) -> Rows:
    held = np.load(folder / "rows.npz")
    return Rows(*(held[name] for name in Rows._fields))


class Views(NamedTuple):
    """What views.py keeps of slices, memory-mapped: as views.Seen, [N,...] as they are or [N,2,...] of a round."""

    features: np.ndarray
    lung: np.ndarray
    fine: np.ndarray
    target: np.ndarray

    def take(self, rows: np.ndarray) -> list[Tensor]:
        """float32 tensors of the rows; two views of a slice follow each other in the first dimension."""
        parts = [torch.from_numpy(np.ascontiguousarray(part[rows])) for part in self]
        parts = [part.flatten(0, 1) if part.dim() == 5 else part for part in parts]
        return [parts[0].float(), *(part.float() / 255 for part in parts[1:])]


def views_of(folder: Path, name: str) -> Views:
    return Views(*(np.load(folder / f"{name}-{part}.npy", mmap_mode="r") for part in Views._fields))


def collection(rows: Rows) -> np.ndarray:
    """str [N]: the split, or covid-ct for its training and validation slices."""
    return np.where(np.isin(rows.split, ("train", "val")), "covid-ct", rows.split)


def fold_of(rows: Rows) -> np.ndarray:
    """int [N]: the fold by source where there are several (`source`, `slice`), else by group; -1 for slices of no fold.

    COVID-CT's training slices are in none: the network that training goes on from knew their labels.
    """
    names = np.where(np.isin(rows.split, ("source", "slice")), rows.source, rows.group)
    fold = np.full(len(names), -1)
    for split in ("val", "sars", "source", "slice"):
        for label in (1, 0):
            # The largest first, each to the fold with fewest slices so far.
            own = (rows.split == split) & (fold < 0)
            found, counts = np.unique(names[own & (rows.label == label)], return_counts=True)
            filled = np.array([((fold == k) & (rows.split == split)).sum() for k in range(FOLDS)])
            order = sorted(zip(-counts, (hashlib.sha256(name.encode()).hexdigest() for name in found), found))
            for _, _, name in order:
                best = int(filled.argmin())
                members = own & (names == name)
                fold[members] = best
                filled[best] += members.sum()
    return fold


def held_out(rows: Rows, name: str) -> np.ndarray:
    """bool [N] of what `name` holds out: none, sars, sources (small sources and volumes), validation, or fold-K."""
    if name == "none":
        return np.zeros(len(rows.label), bool)
    if name == "sources":
        return np.isin(rows.split, ("source", "slice"))
    if name == "validation":
        return rows.split == "val"
    if name.startswith("fold-"):
        return fold_of(rows) == int(name.removeprefix("fold-"))
    return rows.split == name


def opacity_loss(said: Tensor, target: Tensor, fine: Tensor) -> Tensor:
    """Cross-entropy and soft Dice of opacity logits [N,2,h,w] against shares of the cell [N,2,h,w] with `fine` [N,1,h,w] of lung."""
    truth = (target / (fine + 1e-3)).clamp(0, 1)
    entropy = functional.binary_cross_entropy_with_logits(said, truth, reduction="none")
    entropy = (entropy * fine).sum((1, 2, 3)) / (2 * fine.sum((1, 2, 3)) + 1)
    probability = torch.sigmoid(said) * fine
    overlap = (probability * truth).sum((0, 2, 3))
    dice = (2 * overlap + 1) / (probability.sum((0, 2, 3)) + (truth * fine).sum((0, 2, 3)) + 1)
    return entropy.mean() + 0.5 * (1 - dice).mean()


def same_loss(outputs: Outputs) -> Tensor:
    """How far two views, every second row, are from saying the same: of the score, and of the opacity's shares."""
    score = torch.sigmoid(outputs.logit)
    return functional.mse_loss(score[::2], score[1::2]) * 4


class Material(NamedTuple):
    """What a run learns from: the rounds of views and, for their slices [N], the score that each is to give, what that counts, whether
    opacity is known, whether it is of LUNA16, and the chance to be drawn."""

    rounds: list[Views]
    truth: np.ndarray
    weight: np.ndarray
    known: np.ndarray
    luna: np.ndarray
    chance: np.ndarray


def taught(rows: Rows, teacher: Tail, plain: Views, share: float) -> np.ndarray:
    """float32 [N]: the score that each slice is to give: its label, smoothed; of COVID-CT `share` of what the teacher says of the slice as
    it is, whatever becomes of it in a view."""
    truth = (rows.label * (1 - SMOOTHING) + SMOOTHING / 2).astype(np.float32)
    own = np.flatnonzero(collection(rows) == "covid-ct")
    if share > 0:
        logit = said_of(teacher, plain, own)[0]
        truth[own] += share * (1 / (1 + np.exp(-logit)) - truth[own])
    return truth


def material(folder: Path, rows: Rows, held: np.ndarray, truth: np.ndarray, factor: float = 1.0) -> Material:
    """The slices that are trained on and not held out, drawn by SHARES; `truth` [N] is the score that each is to give."""
    used = Rows(*(part[rows.trained] for part in rows))
    names, out = collection(used), held[rows.trained]
    weight, chance = np.ones(len(out), np.float32), np.zeros(len(out))
    for (name, label), share in SHARES.items():
        own = (names == name) & (used.label == label) & ~out
        if own.any():
            # A group of many look-alikes counts less than its number.
            groups, place, counts = np.unique(used.group[own], return_inverse=True, return_counts=True)
            each = 1 / np.sqrt(counts[place])
            chance[own] = share * (factor if name == "covid-ct" else 1) * each / each.sum()
            weight[own] = WEIGHTS.get((name, label), 1.0)
    count = len(list(folder.glob("round-?")))
    rounds = [views_of(folder, f"round-{number}") for number in range(count)]
    known = np.isin(used.split, ("slice", "luna_fit"))
    return Material(rounds, truth[rows.trained], weight, known, used.split == "luna_fit", chance / chance.sum())


def step_loss(tail: Tail, given: Material, views: Views, picked: np.ndarray, options: argparse.Namespace) -> Tensor:
    """The loss of one step on the slices `picked`."""
    features, lung, fine, target = views.take(picked)
    truth, weight = (torch.from_numpy(np.repeat(part[picked], 2)) for part in (given.truth, given.weight))
    luna, known = (torch.from_numpy(np.repeat(part[picked], 2)) for part in (given.luna, given.known))
    painted = luna.clone()
    painted[::2] = False
    weight = weight * ~painted
    if options.style > 0:
        features = style_mixed(features, options.style)
    outputs = tail(features.contiguous(memory_format=LAYOUT), lung)
    entropy = functional.binary_cross_entropy_with_logits(outputs.logit, truth, reduction="none")
    loss = (entropy * weight).sum() / (weight.sum() + 1e-6)
    if options.opacity > 0 and known.any():
        loss = loss + options.opacity * opacity_loss(outputs.opacity[known], target[known], fine[known])
    if luna.any():
        clear = outputs.logit[luna & ~painted]
        loss = loss + RANK * functional.softplus(clear - outputs.logit[painted]).mean()
    pairs = ~luna
    if options.same > 0 and pairs.any():
        said = Outputs(*(part[pairs] for part in outputs))
        loss = loss + options.same * same_loss(said)
    return loss


def rate_of(progress: float) -> float:
    """Learning rate at `progress` in 0..1: linear warm-up over 5 %, then cosine to zero."""
    warm = 0.05
    return progress / warm if progress < warm else 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))


def said_of(tail: Tail, views: Views, rows: np.ndarray) -> tuple[np.ndarray, ...]:
    """Of slices as they are: logits [N]; opacity, its target [N,2,h,w] and the lung of each cell [N,1,h,w]."""
    parts = []
    tail.eval()
    with torch.inference_mode():
        for part in np.array_split(rows, max(1, len(rows) // 64)):
            features, lung, fine, target = views.take(part)
            outputs = tail(features.contiguous(memory_format=LAYOUT), lung)
            parts.append([value.numpy() for value in (outputs.logit, torch.sigmoid(outputs.opacity), target, fine)])
    return tuple(np.concatenate(part) for part in zip(*parts))


def shares(opacity: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """[N,2]: the share of the lungs that is ground glass, consolidation; opacity [N,2,h,w], fine [N,1,h,w]."""
    return (opacity * fine).sum((2, 3)) / (fine.sum((2, 3)) + 1e-6)


def figures(rows: Rows, held: np.ndarray, said: tuple[np.ndarray, ...]) -> dict[str, float]:
    """AUC of each split held out; Dice and mean error of the opaque share on drawn slices."""
    logit, opacity, target, fine = said
    found = {}
    for split in np.unique(rows.split[held]):
        own = rows.split[held] == split
        label = rows.label[held][own]
        if 0 < label.mean() < 1:
            found[f"auc {split}"] = roc_auc_score(label, logit[own])
    own = rows.split[held] == "slice"
    if own.any():
        found_, drawn = opacity[own], target[own] / (fine[own] + 1e-3)
        either, truth = np.clip(found_.sum(1), 0, 1) > 0.5, np.clip(drawn.sum(1), 0, 1) > 0.5
        lung = fine[own, 0] > 0.3
        found["dice"] = 2 * (either & truth & lung).sum() / ((either & lung).sum() + (truth & lung).sum() + 1e-6)
        gap = shares(found_, fine[own]).sum(1) - shares(np.clip(drawn, 0, 1), fine[own]).sum(1)
        found["share error"] = np.abs(gap).mean()
        found["share bias"] = gap.mean()
    return {name: round(float(value), 4) for name, value in found.items()}


def write_held(path: Path, rows: Rows, held: np.ndarray, said: tuple[np.ndarray, ...]) -> None:
    """held.csv: a row a slice held out, with its logit and the shares that are said and drawn."""
    logit, opacity, target, fine = said
    found, drawn = shares(opacity, fine), shares(target / (fine + 1e-3), fine)
    with open(path.with_suffix(".part"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split", "group", "logit", "ground_glass", "consolidation", "drawn_ground_glass", "drawn_consolidation"])
        writer.writerows(zip(rows.path[held], rows.label[held], rows.split[held], rows.group[held], logit, *found.T, *drawn.T))
    path.with_suffix(".part").replace(path)


def parser() -> argparse.ArgumentParser:
    parser = arguments.parser(__doc__, "start", out="folder for the run")
    parser.add_argument("--views", type=Path, required=True, help="folder of views.py")
    parser.add_argument("--hold", default="none", help="none, sars, sources, validation, luna_held or fold-K")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--opacity", type=float, default=OPACITY, help="weight of the opacity's task")
    parser.add_argument("--same", type=float, default=SAME, help="weight of two views saying the same")
    parser.add_argument("--covid-ct", type=float, default=1.0, help="factor of COVID-CT's shares")
    parser.add_argument("--teach", type=float, default=0.0, help="share of the start's score in what COVID-CT's slices are to give")
    parser.add_argument("--style", type=float, default=0.0, help="share of the steps whose styles are mixed")
    parser.add_argument("--keep", type=float, default=0.0, help="share of the start's weights that is mixed in at the end")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def fitted(options: argparse.Namespace, before: Tail, tail: Tail, rows: Rows, held: np.ndarray, plain: Views) -> Tail:
    """The moving average of the weights of `tail` after all steps, taught by `before`; what it says of `held` on the way is logged."""
    draw = np.random.default_rng(options.seed)
    given = material(options.views, rows, held, taught(rows, before, plain, options.teach), options.covid_ct)
    # The widest filters keep their weights: on a CPU their gradient takes half of a step.
    for layer in tail.modules():
        if isinstance(layer, ConvNorm) and layer.conv.groups > 1 and layer.conv.kernel_size == (5, 5):
            layer.requires_grad_(False)
    learned = [part for part in tail.parameters() if part.requires_grad]
    mean = deepcopy(tail)
    optimizer = torch.optim.AdamW(learned, lr=options.rate, weight_decay=DECAY)
    begin, total, found = time.monotonic(), 0.0, {}
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate_of(step / options.steps) * options.rate
        tail.train()
        picked = draw.choice(len(given.truth), BATCH, replace=False, p=given.chance)
        views = given.rounds[draw.integers(len(given.rounds))]
        loss = step_loss(tail, given, views, picked, options)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 5.0)
        optimizer.step()
        pairs = list(zip(mean.parameters(), tail.parameters()))
        get_ema_multi_avg_fn(min(AVERAGE, (1 + step) / (10 + step)))([old.data for old, _ in pairs], [new.data for _, new in pairs], None)
        total += float(loss.detach())
        if (step + 1) % LOGGED == 0:
            if held.any():
                found = figures(rows, held, said_of(mean, plain, np.flatnonzero(held)))
            row = [step + 1, round(total / LOGGED, 4), round(time.monotonic() - begin), *(f"{name} {value}" for name, value in found.items())]
            with open(options.out / "log.csv", "a", newline="") as file:
                csv.writer(file).writerow(row)
            print(options.out.name, *row, flush=True)
            total = 0.0
    return mean


def mixed(before: Tail, after: Tail, keep: float) -> Tail:
    """`after` with `keep` of the weights of `before` (Wortsman et al. 2022, arXiv 2109.01903), but for the layers that are new in it."""
    with torch.no_grad():
        for (name, old), new in zip(before.named_parameters(), after.parameters()):
            if name.partition(".")[0] not in NEW:
                new.lerp_(old, keep)
    return after


def levelled(tail: Tail, plain: Views, rows: np.ndarray) -> Tail:
    """The tail with the biases of its opacity such that over the drawn slices `rows`, as they are, it says as much as was drawn.

    Painted lesions are larger than real ones, so what learned from both expects too much.
    """
    with torch.no_grad():
        for kind in range(2):
            low, high = -4.0, 4.0
            begin = tail.opacity.bias[kind].clone()
            for _ in range(12):
                tail.opacity.bias[kind] = begin + (low + high) / 2
                _, opacity, target, fine = said_of(tail, plain, rows)
                more = (shares(opacity, fine) - shares(target / (fine + 1e-3), fine)).mean(0)[kind]
                low, high = (low, (low + high) / 2) if more > 0 else ((low + high) / 2, high)
    return tail


def train(options: argparse.Namespace) -> dict[str, float]:
    """One run, as the options say; gives its figures of what is held out. A run that was trained is only mixed and judged anew."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rows = rows_of(options.views)
    held = held_out(rows, options.hold)
    plain = views_of(options.views, "plain")
    before, tail = (start.load(options.start)[2].to(memory_format=LAYOUT) for _ in range(2))
    options.out.mkdir(parents=True, exist_ok=True)
    trained = options.out / "trained.pt"
    if trained.exists():
        tail.load_state_dict(torch.load(trained, weights_only=True))
    else:
        tail = fitted(options, before, tail, rows, held, plain)
        torch.save(tail.state_dict(), trained)
    tail = mixed(before, tail, options.keep)
    drawn = (rows.split == "slice") & rows.trained & ~held
    if drawn.any():
        tail = levelled(tail, plain, np.flatnonzero(drawn))
    torch.save(tail.state_dict(), options.out / "network.pt")
    if not held.any():
        return {}
    said = said_of(tail, plain, np.flatnonzero(held))
    write_held(options.out / "held.csv", rows, held, said)
    found = figures(rows, held, said)
    print(options.out.name, f"with {options.keep} of the start:", found, flush=True)
    return found


if __name__ == "__main__":
    train(parser().parse_args())
