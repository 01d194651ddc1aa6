"""Fine-tunes the pre-trained classifier on labelled slices; leaves `last.pt`, `network.pt`, `held.csv`,
`elsewhere.csv` and `log.csv`.

Tasks: COVID-19 or not; the findings of the captions, in which a finding not mentioned is nearly without weight; painted lesions
on LUNA16 slices, cell by cell; and of each such pair the painted slice is to have the higher logit, so that the network's
origin cannot do the work of lesions. Nothing is chosen on the test: the schedule is fixed, the network kept is the
moving average of the weights after the last epoch. With `--fold K` the run trains on all audited training and validation
slices but those of fold K, which it writes to `held.csv`; else on train_clean, and val_clean is held. `elsewhere.csv` has the
volumes with lung masks, of COVID-19 patients of other hospitals, and LUNA16 series, none of which it was trained on.
A run that was stopped goes on from `last.pt`.
"""

from __future__ import annotations

import argparse
import csv
import time
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn import functional

import augment
import data
import gate
import lesions
import pretrain
from network import BACKBONES, CLOSE, SIZE, STRIDE, Focus, Frame, Outputs, cut
from run import SAVED, VIEWS, Run, answer, focused, load_focus, logits_of

# LUNA16 slices beside a batch, each once clear and once painted.
PAIRS = 4
SMOOTHING = 0.05
# Weights of the tasks beside the first.
FINDINGS_WEIGHT, PAINT_WEIGHT, RANK_WEIGHT = 0.3, 0.3, 0.3
# Weight of "absent" for a finding that a caption of a COVID-19 slice, or of another slice, does not mention.
UNMENTIONED = (0.1, 0.3)


def pair_view(x: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Gray and mask [N,2,H,W] -> inputs [2N,1,size,size], clear then painted under the same view, and cover [2N,3,size,size]."""
    x = augment.crop(x, size, generator)
    gray, lung = (x[:, :1] + 1) / 2, ((x[:, 1:] + 1) / 2).clamp(0, 1)
    painted, cover = lesions.paint(gray, lung, 1.0, generator)
    state = generator.get_state()
    clear = augment.shade(gray * 2 - 1, generator)
    generator.set_state(state)
    painted = augment.shade(painted * 2 - 1, generator)
    return torch.cat([clear, painted]), torch.cat([torch.zeros_like(cover), cover])


def findings_loss(said: Tensor, truth: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of findings [N,5], where one not mentioned weighs UNMENTIONED; label [N], 1 = COVID-19."""
    covid, other = UNMENTIONED
    absent = (covid * label + other * (1 - label)).view(-1, 1)
    weight = truth + (1 - truth) * absent
    return (functional.binary_cross_entropy_with_logits(said, truth, reduction="none") * weight).mean()


def labelled_loss(outputs: Outputs, target: Tensor, label: Tensor, findings: Tensor) -> Tensor:
    """COVID-19 and findings; the first len(target) rows of `outputs` are the labelled slices."""
    count = len(target)
    loss = functional.binary_cross_entropy_with_logits(outputs.logit[:count], target)
    return loss + FINDINGS_WEIGHT * findings_loss(outputs.findings[:count], findings, label)


def pairs_loss(outputs: Outputs, lung: Tensor, cover: Tensor) -> Tensor:
    """Painted lesions cell by cell, and the higher logit for the painted; clear slices come first, then the same painted."""
    loss = PAINT_WEIGHT * pretrain.painted_loss(outputs, lung, cover, torch.ones(len(lung), device=lung.device))
    clear, painted = outputs.logit.chunk(2)
    return loss + RANK_WEIGHT * functional.softplus(clear - painted).mean()


class Slices(NamedTuple):
    """Labelled slices: inputs [N,1,H,W], label [N], findings [N,5]."""

    inputs: Tensor
    label: Tensor
    findings: Tensor


def slices_of(arrays: data.Arrays, device: str) -> Slices:
    columns = (arrays.inputs, arrays.label, arrays.findings)
    return Slices(*(torch.from_numpy(column).float().to(device) for column in columns))


def luna_pairs(luna: data.Arrays, focus: Focus, device: str) -> Tensor:
    """Gray and mask [N,2,H,W] of the LUNA16 slices that show enough lung."""
    inputs = torch.from_numpy(luna.inputs).to(device)
    share, masks = pretrain.lungs_of(focus, inputs)
    return torch.cat([inputs, masks], dim=1)[share > gate.LUNG]


class Material(NamedTuple):
    """What a run is made from: slices to train on, slices held out, LUNA16 slices, slices of other hospitals, and the fold [N] of
    each slice to train on."""

    fit: data.Arrays
    held: data.Arrays
    luna: data.Arrays
    elsewhere: data.Arrays
    fold: np.ndarray


@lru_cache
def read(manifest: Path, views: Path, arrays: Path) -> tuple[data.Arrays, data.Arrays, data.Arrays, data.Arrays]:
    """The audited training and validation slices as the source of views and as they are, LUNA16, and other hospitals."""
    views, arrays = data.load(manifest, views), data.load(manifest, arrays)
    usable = [part.clean & np.isin(part.split, ("train", "val")) for part in (views, arrays)]
    elsewhere = np.isin(arrays.split, ("lung", "luna_held"))
    return views.take(usable[0]), arrays.take(usable[1]), views.of("luna_fit"), arrays.take(elsewhere)


def material(options: argparse.Namespace) -> Material:
    """As --fold and --without say: without the first train_clean to train on and val_clean held out."""
    views, arrays, luna, elsewhere = read(options.manifest, options.views, options.arrays)
    fold = data.folds(arrays)
    if options.fold is None:
        fit, held = views.split == "train", arrays.split == "val"
    else:
        fit, held = fold != options.fold, fold == options.fold
    fit &= ~np.isin(fold, options.without)
    return Material(views.take(fit), arrays.take(held), luna, elsewhere, fold[fit])


def write_logits(run: Run, focus: Focus, material: Material, view: str, close: int) -> None:
    """What the run's network says of the slices held out (`held.csv`) and of other hospitals' (`elsewhere.csv`)."""
    for name, part in (("held", material.held), ("elsewhere", material.elsewhere)):
        logits = logits_of(run.mean, focus, part.inputs, view, close)
        # The volumes with masks are of patients with COVID-19.
        label = np.where(part.split == "lung", 1, part.label)
        path = run.folder / f"{name}.csv"
        with open(path.with_suffix(".part"), "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "group", "logit"])
            writer.writerows(zip(part.path, label, part.group, logits))
        path.with_suffix(".part").replace(path)


def train_epoch(run: Run, focus: Focus, slices: Slices, luna: Tensor | None, options: argparse.Namespace) -> float:
    """One pass over the slices; returns the mean loss."""
    batches = run.rows(len(slices.inputs))
    # The first half of the epochs sees fewer pixels.
    close = options.close if run.epoch >= run.epochs / 2 else options.close * 6 // 7 // STRIDE * STRIDE
    run.network.train()
    if not options.thaw:
        run.freeze()
    total = 0.0
    for index, rows in enumerate(batches):
        run.set_rate((run.epoch + index / len(batches)) / run.epochs)
        x, cover = augment.view(slices.inputs[rows], SIZE, run.generator), None
        if luna is not None:
            drawn = torch.randint(len(luna), (PAIRS,), generator=run.generator, device=run.device)
            beside, cover = pair_view(luna[drawn], SIZE, run.generator)
            x = torch.cat([x, beside])
        given = focused(focus, x, close, options.view)
        count = len(rows)
        target = slices.label[rows] * (1 - SMOOTHING) + SMOOTHING / 2
        mixed = [given.seen[:count], given.lung[:count], target, slices.label[rows], slices.findings[rows]]
        first, held, target, label, findings = augment.mixup(mixed, run.generator)
        seen, lung = torch.cat([first, given.seen[count:]]), torch.cat([held, given.lung[count:]])
        outputs = answer(run.network, seen, lung)
        loss = labelled_loss(outputs, target, label, findings)
        if cover is not None:
            frame = Frame(*(end[count:] for end in given.frame))
            pairs = Outputs(*(part[count:] for part in outputs))
            loss = loss + pairs_loss(pairs, lung[count:], pretrain.cells_of(cut(cover, frame, close)))
        run.step(loss)
        total += float(loss.detach()) * count
    run.epoch += 1
    return total / len(slices.inputs)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--views", type=Path, required=True, help="arrays at 384, the source of random views")
    parser.add_argument("--arrays", type=Path, required=True, help="arrays at 336, for the held slices")
    parser.add_argument("--lungs", type=Path, required=True, help="network.pt of segment.py")
    parser.add_argument("--start", type=Path, help="network.pt of pretrain.py; without it from ImageNet")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fold", type=int, help="hold this fold out of training and validation slices")
    parser.add_argument("--without", type=int, nargs="*", default=[], help="do not train on these folds either")
    parser.add_argument("--view", choices=VIEWS, default="normalised")
    parser.add_argument("--no-paint", action="store_true", help="without the tasks on painted LUNA16 slices")
    parser.add_argument("--backbone", choices=BACKBONES, default="lite0")
    parser.add_argument("--close", type=int, default=CLOSE, help="width of what the classifier sees")
    parser.add_argument("--style", type=float, default=0.0, help="share of the batches whose styles are mixed")
    parser.add_argument("--thaw", action="store_true", help="train the first blocks too")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=2)
    return parser


def train(options: argparse.Namespace) -> None:
    """One run, as the options say."""
    torch.set_num_threads(options.threads)
    device, view, close = options.device, options.view, options.close
    focus = load_focus(options.lungs, device)
    given = material(options)
    slices = slices_of(given.fit, device)
    luna = None if options.no_paint else luna_pairs(given.luna, focus, device)

    run = Run(options.out, options.seed, options.epochs, device=device, backbone=options.backbone, style=options.style)
    if options.start:
        run.start_from(options.start)
    run.resume()
    while run.epoch < run.epochs:
        start = time.monotonic()
        loss = train_epoch(run, focus, slices, luna, options)
        seconds = time.monotonic() - start
        auc = ""
        if run.epoch % 5 == 0 or run.epoch == run.epochs:
            logits = logits_of(run.mean, focus, given.held.inputs, view, close)
            auc = round(float(roc_auc_score(given.held.label, logits)), 4)
        row = [run.epoch, round(loss, 4), auc, round(seconds, 1)]
        with open(options.out / "log.csv", "a", newline="") as file:
            csv.writer(file).writerow(row)
        print("epoch {}: loss {}, held-out AUC {}, {} s".format(*row), flush=True)
        if run.epoch % SAVED == 0 or run.epoch == run.epochs:
            run.save()
    torch.save(run.mean.state_dict(), options.out / "network.pt")
    write_logits(run, focus, given, view, close)


if __name__ == "__main__":
    train(parser().parse_args())
