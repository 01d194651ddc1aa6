"""Grouped five-fold cross-validation of configurations of train.py or distil.py, by source; prints and writes their figures.

No source (paper or, unknown, group) is on both sides, so each fold is judged on sources never seen: leave-sources-out. A
configuration is NAME=OPTIONS with options of train.py, or NAME=distil OPTIONS with those of distil.py, in which {fold} stands
for the fold. Options after `--` go to all. A run that is done, by its name, is not run again; with other options under that
name it is an error.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import shlex
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

import data
import distil
import train


def parsed(configuration: str, common: list[str], fold: int, seed: int, out: Path) -> argparse.Namespace:
    """The options of one run, which goes to the folder `out`."""
    words = [*common, *shlex.split(configuration.replace("{fold}", str(fold)))]
    is_student = "distil" in words
    words = [word for word in words if word != "distil"]
    own = ["--fold", str(fold), "--seed", str(seed), "--out", str(out), "--threads", "1"]
    options = (distil.parser() if is_student else train.parser()).parse_args([*words, *own])
    options.work = distil.distil if is_student else train.train
    return options


def run(options: argparse.Namespace) -> None:
    told = json.dumps({name: str(value) for name, value in vars(options).items() if name != "work"}, indent=2)
    record = options.out / "options.json"
    if record.exists() and record.read_text() != told:
        raise ValueError(f"{options.out} holds a run with other options: see {record}")
    if (options.out / "elsewhere.csv").exists():
        return
    options.out.mkdir(parents=True, exist_ok=True)
    record.write_text(told)
    with open(options.out / "output.txt", "a") as output, contextlib.redirect_stdout(output):
        options.work(options)


def logits(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Labels and logits of a file of train.write_logits."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    return np.array([int(row["label"]) for row in rows]), np.array([float(row["logit"]) for row in rows])


def figures(folders: list[list[Path]]) -> dict:
    """Of folders [fold][seed]: AUC of each fold, the mean over its seeds; their mean; that of the seeds' mean logits; and the
    AUC of COVID-19 volumes against LUNA16, neither of which a classifier was trained on (the segmenter was, on four of six volumes)."""

    def aucs(name: str) -> tuple[list[float], list[float]]:
        each, together = [], []
        for seeds in folders:
            read = [logits(folder / name) for folder in seeds]
            label = read[0][0]
            each.append(float(np.mean([roc_auc_score(label, said) for _, said in read])))
            together.append(float(roc_auc_score(label, np.mean([said for _, said in read], axis=0))))
        return each, together

    (each, together), (elsewhere, _) = aucs("held.csv"), aucs("elsewhere.csv")
    return {
        "folds": [round(auc, 4) for auc in each],
        "mean": round(float(np.mean(each)), 4),
        "seeds together": round(float(np.mean(together)), 4),
        "elsewhere": round(float(np.mean(elsewhere)), 4),
    }


def main() -> None:
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("configurations", nargs="+", metavar="NAME=OPTIONS")
    options = parser.parse_args(arguments[:split])

    runs, folders = [], {}
    for configuration in options.configurations:
        name, _, words = configuration.partition("=")
        folders[name] = [
            [options.out / name / f"fold{fold}" / f"seed{seed}" for seed in range(1, options.seeds + 1)]
            for fold in range(data.FOLDS)
        ]
        for fold, seeds in enumerate(folders[name]):
            runs += [parsed(words, arguments[split + 1 :], fold, at + 1, out) for at, out in enumerate(seeds)]
    # Read once, before the processes part.
    train.read(runs[0].manifest, runs[0].views, runs[0].arrays)
    start = time.monotonic()
    found = {}
    with ProcessPoolExecutor(options.jobs, get_context("fork")) as pool:
        done = pool.map(run, runs)
        for name, own in folders.items():
            for _ in range(data.FOLDS * options.seeds):
                next(done)
            found[name] = figures(own)
            print(name, json.dumps(found[name]), flush=True)
    text = json.dumps({"configurations": options.configurations, "figures": found}, indent=2)
    (options.out / "figures.json").write_text(text + "\n")
    print(f"{len(runs)} runs in {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
