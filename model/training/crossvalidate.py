"""Grouped five-fold cross-validation of one configuration of train.py, by source; prints and writes its figures.

No source (paper or, unknown, group) is on both sides, so each fold is judged on sources never seen: leave-sources-out. The
folds run two at a time on one core each. Options after `--` go to train.py. A fold that is done is not run again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

import data

HERE = Path(__file__).parent


def run_fold(fold: int, folder: Path, options: list[str]) -> None:
    if (folder / "held.csv").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(HERE / "train.py"), "--fold", str(fold), "--out", str(folder), "--threads", "1", *options]
    with open(folder / "output.txt", "a") as output:
        subprocess.run(command, check=True, stdout=output, stderr=output, env={**os.environ, "OMP_NUM_THREADS": "1"})


def figures(folders: list[Path]) -> dict:
    """AUC of each fold, their mean, and of all held slices together: logits first centred by each fold's median."""
    aucs, labels, logits = [], [], []
    for folder in folders:
        with open(folder / "held.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        label = np.array([int(row["label"]) for row in rows])
        logit = np.array([float(row["logit"]) for row in rows])
        aucs.append(float(roc_auc_score(label, logit)))
        labels.append(label)
        logits.append(logit - np.median(logit))
    together = float(roc_auc_score(np.concatenate(labels), np.concatenate(logits)))
    return {"folds": [round(auc, 4) for auc in aucs], "mean": round(float(np.mean(aucs)), 4), "together": round(together, 4)}


def main() -> None:
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments[:split])
    passed = arguments[split + 1 :]

    folders = [options.out / f"fold{fold}" for fold in range(data.FOLDS)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda fold: run_fold(fold, folders[fold], passed), range(data.FOLDS)))
    found = {**figures(folders), "options": passed}
    (options.out / "figures.json").write_text(json.dumps(found, indent=2) + "\n")
    print(found)


if __name__ == "__main__":
    main()
