"""Judges the study's reading: one score and one opaque share of the lungs for the slices of a patient.

Slices are read by `lungglass classify`, whose --summary has the study's reading. The volumes were trained on, so the figures that are
written come from the runs of train.py that held the slices out: their logits and shares take the place of the command's, and the gate
stays the command's. Each study is judged by the threshold that all others choose. [study] and [metrics.study...] of model.toml are written.

Without --folds nothing is written: it is printed what the network that ships says of these studies, which it was trained on, by the threshold
of model.toml.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

import arguments
import settings as model_settings
from operating import UNCERTAIN, balanced_cut, group_draws, hospital_weights, sigmoid

HIGHEST = 0.2
OTHERS = (0.05, 0.1, 0.3, 0.5, 1.0)
# A study of fewer slices is no volume.
LEAST_SLICES = 8
DRAWS = 2000
KINDS = ("ground_glass", "consolidation")


class Study(NamedTuple):
    """A patient's slices: label int, number of slices given, of the judged ones the log-odds shipped and held out, both [N]; opaque shares
    of the lungs' volume, ground glass and consolidation, as the command says them, held out, and drawn, [2] each; None without drawings. What
    was held out is None without folds; then `drawn` is that of both kinds, [1]."""

    name: str
    label: int
    slices: int
    shipped: np.ndarray
    held: np.ndarray | None
    said: np.ndarray | None
    said_held: np.ndarray | None
    drawn: np.ndarray | None


def aggregate(odds: np.ndarray, highest: float = HIGHEST) -> float:
    """The mean of the highest log-odds, as src/study/score.rs takes it."""
    number = int(np.clip(np.ceil(len(odds) * highest - 1e-4), 1, len(odds)))
    return float(np.sort(odds)[::-1][:number].mean())


def auc(score: np.ndarray, label: np.ndarray) -> float:
    pairs = score[label == 1][:, None] - score[label == 0]
    return float(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def wilson(part: int, whole: int) -> list[float]:
    """95 % interval of a share (Wilson 1927)."""
    z = 1.959963984540054
    middle, width = part + z * z / 2, z * np.sqrt(part * (whole - part) / whole + z * z / 4)
    return [round(float((middle + sign * width) / (whole + z * z)), 4) for sign in (-1, 1)]


def known(root: Path) -> dict[str, tuple[int, list[Path]]]:
    """Label and files of each study: six volumes with drawn lesions, and the patients of the small sources."""
    studies: dict[str, tuple[int, list[Path]]] = {}
    with open(root / "lesion-masks/slices.csv", newline="") as file:
        for row in csv.DictReader(file):
            studies.setdefault(f"volume{row['volume']}", (1, []))[1].append(root / "lesion-masks/images" / row["file"])
    with open(root / "sources/slices.csv", newline="") as file:
        for row in csv.DictReader(file):
            studies.setdefault(row["group"], (int(row["label"]), []))[1].append(root / "sources" / row["file"])
    return studies


def key_of(path: Path) -> str:
    """A slice by the last parts of its path, wherever the data lay."""
    return "/".join(path.parts[-2:])


def drawn_slices(root: Path) -> dict[str, tuple[float, float]]:
    """Of each drawn slice the share that is lung, and the share of that which is opaque."""
    with open(root / "lesion-masks/slices.csv", newline="") as file:
        return {f"images/{row['file']}": (float(row["lung_share"]), float(row["lesion_of_lung"])) for row in csv.DictReader(file)}


def read(command: Path, name: str, label: int, files: list[Path], held: dict[str, dict] | None, lungs: dict[str, tuple[float, float]], temperature: float) -> Study:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / name
        place.mkdir()
        for path in files:
            (place / path.name).symlink_to(path.resolve())
        lines = subprocess.run(
            [command, "classify", place, "--json", "--summary", Path(folder) / "summary.json"],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ).stdout.splitlines()
        readings = {Path(line["file"]).name: line for line in map(json.loads, lines)}
        found = json.loads((Path(folder) / "summary.json").read_text())["studies"]
    judged = [path for path in files if readings[path.name]["score"] is not None]
    shipped = np.array([readings[path.name]["logit"] / temperature for path in judged])
    # Some DICOM slices name a series, so that a patient may be several studies to the command.
    if len(found) == 1:
        assert abs(found[0]["score"] - sigmoid(aggregate(shipped))) < 1e-4, f"{name}: {found[0]['score']}"
    said, said_held, drawn = None, None, None
    if name.startswith("volume"):
        said = np.array([found[0]["opacity"][kind] for kind in KINDS])
        area, opaque = np.array([lungs[key_of(path)] for path in judged]).T
        drawn = np.array([(area * opaque).sum() / area.sum()])
    if held is None:
        return Study(name, label, len(files), shipped, None, said, None, drawn)
    rows = [held[key_of(path)] for path in judged]
    if name.startswith("volume"):
        said_held, drawn = (
            np.array([(area * [float(row[f"{prefix}{kind}"]) for row in rows]).sum() / area.sum() for kind in KINDS])
            for prefix in ("", "drawn_")
        )
    return Study(name, label, len(files), shipped, np.array([float(row["logit"]) for row in rows]) / temperature, said, said_held, drawn)


def left_one_out(odds: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Of each study the threshold that all others choose, [N]."""
    rows = np.arange(len(odds))
    return np.array([threshold_of(odds[rows != at], label[rows != at]) for at in rows])


def threshold_of(odds: np.ndarray, label: np.ndarray) -> float:
    """As that of slices is chosen; both classes weigh alike."""
    return balanced_cut(odds, label, hospital_weights(np.zeros(len(odds)), label))


def figures(studies: list[Study], cuts: np.ndarray) -> dict:
    """AUC, and sensitivity and specificity by `cuts`, a threshold a study, of logits held out."""
    label = np.array([study.label for study in studies])
    odds = np.array([aggregate(study.held) for study in studies])
    draws = []
    for rows in group_draws(np.arange(len(label)), DRAWS, seed=1):
        if 0 < label[rows].sum() < len(rows):
            draws.append(auc(odds[rows], label[rows]))
    parts = {"sensitivity": (odds >= cuts)[label == 1], "specificity": (odds < cuts)[label == 0]}
    table = {
        "n": len(label), "positives": int(label.sum()), "auc": round(auc(odds, label), 4),
        **{name: round(float(part.mean()), 4) for name, part in parts.items()},
        "ci95": {
            "auc": [round(float(end), 4) for end in np.quantile(draws, (0.025, 0.975))],
            **{name: wilson(int(part.sum()), len(part)) for name, part in parts.items()},
        },
    }
    wrong = [study.name for study, value, cut in zip(studies, odds, cuts) if (value >= cut) != (study.label == 1)]
    print(f"{len(label)} studies: AUC {table['auc']}, sensitivity {table['sensitivity']}, specificity {table['specificity']}; wrong: {wrong}")
    for share in OTHERS:
        other = np.array([aggregate(study.held, share) for study in studies])
        print(f"  highest {share}: AUC {auc(other, label):.4f}")
    return table


def opacity(studies: list[Study]) -> dict:
    """Errors of the opaque share of the lungs' volume, in shares."""
    drawn = np.array([study.drawn for study in studies])
    table = {"n": len(studies)}
    for name, said in (("held", [study.said_held for study in studies]), ("shipped", [study.said for study in studies])):
        gap = np.array(said).sum(1) - drawn.sum(1)
        each = np.abs(np.array(said) - drawn).mean(0)
        print(f"{name}: said {np.array(said).sum(1).round(4)}, drawn {drawn.sum(1).round(4)}")
        if name == "held":
            table |= {
                "mean_error": round(float(np.abs(gap).mean()), 4), "greatest_error": round(float(np.abs(gap).max()), 4),
                "bias": round(float(gap.mean()), 4),
                "mean_error_ground_glass": round(float(each[0]), 4), "mean_error_consolidation": round(float(each[1]), 4),
            }
        else:
            table["mean_error_trained_on"] = round(float(np.abs(gap).mean()), 4)
    return table


def tell_shipped(studies: list[Study], cut: float) -> None:
    """Prints what the network that ships says of all studies, and of those with drawings by how much its opaque share is off."""
    label = np.array([study.label for study in studies])
    odds = np.array([aggregate(study.shipped) for study in studies])
    print(f"the network that ships, which was trained on them: {len(label)} studies, AUC {auc(odds, label):.4f}, sensitivity "
          f"{(odds >= cut)[label == 1].mean():.4f}, specificity {(odds < cut)[label == 0].mean():.4f}")
    drawn = [study for study in studies if study.drawn is not None]
    gap = np.array([study.said.sum() - study.drawn.sum() for study in drawn])
    print(f"opaque share of {len(drawn)} drawn volumes: mean error {np.abs(gap).mean():.4f}, greatest {np.abs(gap).max():.4f}")


def main() -> None:
    parser = arguments.parser(__doc__, "command")
    parser.add_argument("--folds", type=Path, **arguments.SHARED["folds"])
    parser.add_argument("--settings", type=Path, required=True, help="model.toml, which gets its [study] and the metrics of studies")
    options = parser.parse_args()

    settings = model_settings.read(options.settings)
    root = Path(os.environ["LUNGGLASS_DATA"])
    held = {} if options.folds else None
    for path in options.folds or []:
        with open(path, newline="") as file:
            held |= {key_of(Path(row["path"])): row for row in csv.DictReader(file)}
    lungs = drawn_slices(root)
    temperature = settings["output"]["temperature"]
    command = options.command.resolve()
    studies = [read(command, name, *study, held, lungs, temperature) for name, study in known(root).items()]
    studies = [study for study in studies if len(study.shipped)]
    if held is None:
        threshold = settings["study"]["threshold"]
        tell_shipped(studies, float(np.log(threshold / (1 - threshold))))
        return
    label = np.array([study.label for study in studies])
    odds = np.array([aggregate(study.held) for study in studies])
    cut, cuts = threshold_of(odds, label), left_one_out(odds, label)
    half = float(np.quantile(np.abs(odds - cut), UNCERTAIN))
    threshold, low, high, first, last = (float(sigmoid(value)) for value in (cut, cut - half, cut + half, cuts.min(), cuts.max()))
    chosen = (
        f"On {len(studies)} patients' slices held out by folds, both classes of equal weight: threshold where a logistic regression on the mean of "
        f"the highest fifth gives one half ({first:.2f} to {last:.2f} with a patient left out); uncertain as for slices. A fifth, as shares from "
        f"{OTHERS[0]} to {OTHERS[-2]} rank the patients no better."
    )
    whole = np.array([study.slices >= LEAST_SLICES for study in studies])
    print(f"threshold {threshold:.3f}, uncertain {low:.3f} to {high:.3f}")
    volumes = figures([study for study in studies if study.slices >= LEAST_SLICES], cuts[whole])
    patients = figures(studies, cuts)
    tell_shipped(studies, cut)
    metrics = {
        "study_volumes": volumes, "study_patients": patients,
        "study_opacity": opacity([study for study in studies if study.drawn is not None]),
    }
    text = dict(settings)
    text["study"] = {"highest": HIGHEST, "threshold": threshold, "uncertain": [low, high], "chosen": chosen}
    # Before the gate, whose tables are long.
    order = [name for name in text if name != "study"]
    order.insert(order.index("gate"), "study")
    text["metrics"] = {name: table for name, table in text["metrics"].items() if not name.startswith("study_")} | metrics
    model_settings.write(options.settings, {name: text[name] for name in order})


if __name__ == "__main__":
    main()
