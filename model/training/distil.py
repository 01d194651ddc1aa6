"""Distils several fine-tuned classifiers into one and leaves what train.py leaves.

The teachers see a crop as it is, the student the same crop in another window, resolution and noise, and learns their mean
(Hinton et al. 2015, arXiv 1503.02531): the score, mixed with the label where there is one, the findings and the cells.
So it learns what they agree on, and that none of these changes may move it. LUNA16 slices take part without labels, half of
them painted: they show the student other scanners. `--pairs` keeps the teachers' own task on them as well.

What a teacher was trained on it knows by heart, and says little more of it than the label. `--crossed` asks of each slice
teachers that saw nothing of its fold: where a slice does not show what its label says, they do not pretend that it does.
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
import pretrain
import train
from network import BACKBONES, CLOSE, SIZE, Classifier, Focus, Frame, Outputs, cut, restored
from run import SAVED, Run, answer, focused, load_focus, logits_of, placed, weights

RATE = 1.5e-4
# Unlabelled slices of an epoch, drawn anew each time.
UNLABELLED = 160
# The label's part in the target of a labelled slice.
LABEL = 0.4


def load(path: Path, device: str) -> Classifier:
    return placed(restored(weights(path)), device).eval()


# The teachers to ask of slices of each fold; where all are asked of every slice, of fold 0.
Teachers = dict[int, list[Classifier]]


def unseen(folders: list[Path], options: argparse.Namespace) -> Teachers:
    """Of each fold to train on the teachers that did not see it, nor the fold held out: without-K or without-J-K in a folder."""
    folds = [fold for fold in range(data.FOLDS) if fold != options.fold]
    names = {fold: "-".join(str(end) for end in sorted({fold, options.fold} - {None})) for fold in folds}
    return {
        fold: [load(folder / f"without-{name}" / "network.pt", options.device) for folder in folders]
        for fold, name in names.items()
    }


@torch.inference_mode()
def taught(teachers: Teachers, focus: Focus, x: Tensor, fold: Tensor) -> Outputs:
    """The mean outputs on x [N,1,S,S] of the teachers of each slice's fold [N]."""
    given, found = focused(focus, x), []
    order = torch.argsort(fold, stable=True)
    counts = torch.bincount(fold, minlength=data.FOLDS).tolist()
    for asked, rows in zip(range(data.FOLDS), order.split(counts)):
        if len(rows):
            said = [answer(teacher, given.seen[rows], given.lung[rows]) for teacher in teachers[asked]]
            found.append([torch.stack(parts).mean(0) for parts in zip(*said)])
    back = torch.argsort(order)
    return Outputs(*(torch.cat(parts)[back].clone() for parts in zip(*found)))


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


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--views", type=Path, required=True, help="arrays at 384, the source of random views")
    parser.add_argument("--arrays", type=Path, required=True, help="arrays at 336, for the held slices")
    parser.add_argument("--lungs", type=Path, required=True, help="network.pt of segment.py")
    teachers = parser.add_mutually_exclusive_group(required=True)
    teachers.add_argument("--teachers", type=Path, nargs="+", help="network.pt of each; all are asked of every slice")
    teachers.add_argument("--crossed", type=Path, nargs="+", help="folders of teachers by what they did not see: without-K, with --fold without-J-K")
    parser.add_argument("--start", type=Path, required=True, help="network.pt to start from: a teacher's, say")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--backbone", choices=BACKBONES, default="lite0", help="the student's; --start has the same, or lite2 for lite2-slim")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--softened", type=float, default=0.75, help="share of the samples seen at a lower resolution")
    parser.add_argument("--pairs", type=int, default=0, help="LUNA16 slices beside a batch, each once clear and once painted")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fold", type=int, help="hold this fold out, as the teachers did")
    parser.set_defaults(without=[])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=2)
    return parser


def distil(options: argparse.Namespace) -> None:
    """One run, as the options say."""
    torch.set_num_threads(options.threads)
    device = options.device
    focus = load_focus(options.lungs, device)
    given = train.material(options)
    slices, luna = train.slices_of(given.fit, device), train.luna_pairs(given.luna, focus, device)
    held = given.held

    run = Run(options.out, options.seed, options.epochs, RATE, device, backbone=options.backbone)
    if options.crossed:
        teachers = unseen(options.crossed, options)
    else:
        teachers = {0: [load(path, device) for path in options.teachers]}
    folds = torch.tensor(list(teachers), device=device)
    fold = torch.from_numpy(given.fold if options.crossed else np.zeros_like(given.fold)).to(device)
    run.start_from(options.start)
    run.resume()
    together = np.mean([logits_of(teacher, focus, held.inputs) for asked in teachers.values() for teacher in asked], axis=0)
    print(f"held-out AUC of the teachers' mean: {roc_auc_score(held.label, together):.4f}", flush=True)
    while run.epoch < run.epochs:
        start = time.monotonic()
        batches = run.rows(len(slices.label))
        order = torch.randperm(len(luna), generator=run.generator, device=device)
        beside = order[:UNLABELLED].chunk(len(batches))
        run.network.train()
        run.freeze()
        total = 0.0
        for index, (rows, others) in enumerate(zip(batches, beside)):
            run.set_rate((run.epoch + index / len(batches)) / run.epochs)
            x = crop(slices.inputs[rows], luna[others], run.generator)
            # No teacher knows what a slice without a label is: each fold's are asked in turn.
            in_turn = folds[torch.arange(len(others), device=device) % len(folds)]
            known = taught(teachers, focus, x, torch.cat([fold[rows], in_turn]))
            seen, cover = augment.shade(x, run.generator, options.softened), None
            if options.pairs:
                drawn = torch.randint(len(luna), (options.pairs,), generator=run.generator, device=device)
                views, cover = train.pair_view(luna[drawn], SIZE, run.generator, options.softened)
                seen = torch.cat([seen, views])
            look = focused(focus, seen)
            label = torch.cat([slices.label[rows], torch.full((len(others),), -1.0, device=device)])
            said, count = answer(run.network, look.seen, look.lung), len(x)
            loss = loss_of(Outputs(*(part[:count] for part in said)), known, label)
            if cover is not None:
                frame = Frame(*(end[count:] for end in look.frame))
                painted = Outputs(*(part[count:] for part in said))
                loss = loss + train.pairs_loss(painted, look.lung[count:], pretrain.cells_of(cut(cover, frame, CLOSE)))
            run.step(loss)
            total += float(loss.detach())
        run.epoch += 1
        auc = ""
        if run.epoch % 5 == 0 or run.epoch == run.epochs:
            auc = round(float(roc_auc_score(held.label, logits_of(run.mean, focus, held.inputs))), 4)
        row = [run.epoch, round(total / len(batches), 4), auc, round(time.monotonic() - start, 1)]
        with open(options.out / "log.csv", "a", newline="") as file:
            csv.writer(file).writerow(row)
        print("epoch {}: loss {}, held-out AUC {}, {} s".format(*row), flush=True)
        if run.epoch % SAVED == 0 or run.epoch == run.epochs:
            run.save()
    torch.save(run.mean.state_dict(), options.out / "network.pt")
    train.write_logits(run, focus, given, "normalised", CLOSE)


if __name__ == "__main__":
    distil(parser().parse_args())
