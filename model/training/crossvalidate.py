"""Compares configurations of train.py on hospitals that they did not see; prints and writes their figures.

Each configuration NAME=OPTIONS is run once for each thing that is held out: `sars` is a hospital left out whole, `sources` all
small sources and the volumes, `fold-K` a fourth of all of them by group and source. Of the first configuration and each other
the difference is given with its 95 % interval over groups. Options after `--` go to all. A run that is done, by its folder,
is not run again.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

import arguments
import train
from operating import group_draws
from settings import Held, held_out

DRAWS, SEED = 1000, 7
# The hospitals whose AUCs are averaged; volumes of COVID-19 patients have no negatives of their own.
JUDGED = ("val", "sars", "source")


def run(name: str, words: list[str], hold: str, out: Path) -> Path:
    """Runs a configuration that holds `hold` out, unless that is done; gives its held.csv."""
    folder = out / f"{name}-{hold}"
    if not (folder / "held.csv").exists():
        train.train(train.parser().parse_args([*words, "--hold", hold, "--out", str(folder)]))
    return folder / "held.csv"


def aucs(held: Held, rows: np.ndarray) -> dict[str, float]:
    """AUC of each hospital among the rows, where both classes are."""
    found = {}
    for hospital in JUDGED:
        own = rows[held.hospital[rows] == hospital]
        if len(own) and 0 < held.label[own].mean() < 1:
            found[hospital] = float(roc_auc_score(held.label[own], held.logit[own]))
    return found


def difference(one: Held, other: Held) -> list[float]:
    """95 % interval over groups of how much the mean of the hospitals' AUCs differs: other less one, of the same slices."""
    order = {path: row for row, path in enumerate(other.path)}
    other = Held(*(part[[order[path] for path in one.path]] for part in other))
    gaps = []
    for rows in group_draws(one.group, DRAWS, SEED):
        before, after = aucs(one, rows), aucs(other, rows)
        gaps.append(np.mean([after[name] - before[name] for name in before if name in after]))
    return [round(float(end), 4) for end in np.nanpercentile(gaps, [2.5, 97.5])]


def main() -> None:
    given = sys.argv[1:]
    split = given.index("--") if "--" in given else len(given)
    parser = arguments.parser(__doc__, out="folder for the runs")
    parser.add_argument("--hold", nargs="+", default=["sars", "sources"])
    parser.add_argument("configurations", nargs="+", metavar="NAME=OPTIONS")
    options = parser.parse_args(given[:split])
    found, first = {}, None
    for configuration in options.configurations:
        name, _, words = configuration.partition("=")
        files = [run(name, [*given[split + 1 :], *shlex.split(words)], hold, options.out) for hold in options.hold]
        held = held_out(files)
        each = aucs(held, np.arange(len(held.label)))
        found[name] = {hospital: round(auc, 4) for hospital, auc in each.items()} | {"mean": round(float(np.mean(list(each.values()))), 4)}
        if first is None:
            first = held
        else:
            found[name]["less the first"] = difference(first, held)
        print(name, json.dumps(found[name]), flush=True)
    (options.out / "figures.json").write_text(json.dumps({"configurations": options.configurations, "figures": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
