"""Measures the exported network with its settings, prints the whole table and writes [metrics] of model.toml and its figures.

Three kinds of slices are told apart: those of the official test, which nothing was trained or chosen on; those that runs of
the same recipe held out (folds, or a hospital left out whole), judged by these runs; and those of training, of which
nothing is claimed. Every slice counts, as in `lungglass validate`: one that the gate refuses is a wrong decision, and in
the AUC a refused positive ranks below every accepted slice, a refused negative above. Intervals are
percentiles of 2000 group-bootstrap draws.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import arguments
import data
import gate
import honesty
import plots
import settings as model_settings
from data import Arrays
from export import Said, Session
from network import Frame, cut
from operating import group_draws, sigmoid
from settings import Held, held_out

DRAWS = 2000
SEED = 30
# Shares of slices with COVID-19 for which PPV and NPV are given.
PREVALENCES = (0.01, 0.05, 0.2, 0.5)
# Bins of the calibration error and the reliability plot, as in `lungglass validate`.
BINS = 10
# The opacities, which are also those findings of the captions with enough positives on the test for an AUC.
JUDGED = ("ground_glass", "consolidation")
# The volumes with lung masks that the segmenter was not trained on.
UNSEEN = ("4", "6")
# How the tables of [metrics] begin that are of runs, and not of the exported file.
OF_RUNS = ("folds", "left_out", "opacity", "study_")
# What a picture's size, brightness and colour tell without its content.
SHORTCUTS = ("mean", "white", "colour", "aspect")


def ratio(part: np.ndarray, whole: np.ndarray) -> float:
    return float((part & whole).sum() / whole.sum()) if whole.any() else float("nan")


def auc(label: np.ndarray, ranking: np.ndarray) -> float:
    return float(roc_auc_score(label, ranking)) if 0 < label.mean() < 1 else float("nan")


def figures(label: np.ndarray, ranking: np.ndarray, positive: np.ndarray) -> dict[str, float]:
    """Metrics of labels, ranking scores and decisions [N]."""
    truth, decision = label == 1, positive
    hits = (truth & decision).sum()
    errors = (truth != decision).sum()
    return {
        "auc": auc(label, ranking),
        "f1": float(2 * hits / max(2 * hits + errors, 1)),
        "accuracy": float((truth == decision).mean()),
        "sensitivity": ratio(decision, truth),
        "specificity": ratio(~decision, ~truth),
    }


def intervals(measure: Callable[[np.ndarray], dict[str, float]], groups: np.ndarray) -> dict[str, list[float]]:
    """95 % interval of each figure that `measure` makes of row indices."""
    draws = [measure(rows) for rows in group_draws(groups, DRAWS, SEED)]
    return {
        name: np.nanpercentile([draw[name] for draw in draws], [2.5, 97.5]).round(4).tolist() for name in draws[0]
    }


@dataclass
class Readings:
    """What the whole pipeline says of N slices: `said` by the network, score [N] in 0..1, decision bool [N], refused by what."""

    said: Said
    score: np.ndarray
    decision: np.ndarray
    refused: gate.Refused
    uncertain: np.ndarray

    @property
    def verdict(self) -> np.ndarray:
        """[N]: 0 negative, 1 positive, 2 uncertain, 3 refused."""
        verdict = self.decision.astype(int)
        verdict[self.uncertain] = 2
        verdict[self.refused.any] = 3
        return verdict


class Reader:
    """The exported network with the settings of its model.toml."""

    def __init__(self, onnx: Path, settings: dict):
        self.session = Session(onnx)
        self.settings = settings

    def judge(self, inputs: np.ndarray, statistics: np.ndarray) -> Readings:
        """Reads inputs [N,1,S,S] with their pictures' statistics [N,K]."""
        said = self.session.run(inputs)
        score = sigmoid(said.logit.astype(np.float64) / self.settings["output"]["temperature"])
        lung, embedding = said.lung.mean((1, 2)).astype(np.float64), said.embedding.astype(np.float64)
        refused = gate.refused(self.settings["gate"], statistics, lung, gate.black_share(inputs, said.lung), embedding)
        low, high = self.settings["class"][0]["uncertain"]
        decision = score >= self.settings["class"][0]["threshold"]
        return Readings(said, score, decision, refused, (low <= score) & (score <= high) & ~refused.any)

    def read(self, arrays: Arrays) -> Readings:
        return self.judge(arrays.inputs, arrays.statistics)


def split_metrics(arrays: Arrays, readings: Readings) -> dict:
    """One [metrics.*] table of a labelled split."""
    label, refused = arrays.label, readings.refused.any
    ranking = np.where(refused, np.where(label == 1, -1.0, 2.0), readings.score)
    positive = np.where(refused, label == 0, readings.decision)
    uncertain = readings.uncertain
    whole = figures(label, ranking, positive)
    ci95 = intervals(lambda rows: figures(label[rows], ranking[rows], positive[rows]), arrays.group)
    return {
        "n": len(label),
        "groups": len(np.unique(arrays.group)),
        **refusals(readings),
        "uncertain": int(uncertain.sum()),
        "uncertain_accuracy": round(ratio(positive == (label == 1), uncertain), 4),
        "auc_without_gate": round(auc(label, readings.score), 4),
        **{name: round(value, 4) for name, value in whole.items()},
        "ece": round(calibration_error(label[~refused], readings.score[~refused]), 4),
        "ci95": ci95,
        "ppv_and_npv": predictive_values(whole["sensitivity"], whole["specificity"]),
    }


def refusals(readings: Readings) -> dict:
    refused = readings.refused
    return {
        "refused": int(refused.any.sum()),
        "refused_by_statistics": int(refused.statistics.sum()),
        "refused_for_want_of_lung": int(refused.lung.sum()),
        "refused_for_black_lungs": int(refused.black.sum()),
        "refused_by_embedding": int(refused.embedding.sum()),
        "refused_as_foreign": int(refused.foreign.sum()),
    }


def calibration_error(label: np.ndarray, score: np.ndarray) -> float:
    """The mean gap between score and share of positives in BINS bins of equal width (Naeini et al. 2015)."""
    bins = np.minimum((score * BINS).astype(int), BINS - 1)
    gaps = [abs(score[bins == k].sum() - label[bins == k].sum()) for k in range(BINS)]
    return float(sum(gaps) / len(label))


def predictive_values(sensitivity: float, specificity: float) -> dict:
    """[PPV, NPV] by the share of slices with COVID-19, by Bayes' rule."""
    table = {}
    for share in PREVALENCES:
        found, alarms = sensitivity * share, (1 - specificity) * (1 - share)
        missed, cleared = (1 - sensitivity) * share, specificity * (1 - share)
        ppv, npv = found / max(found + alarms, 1e-9), cleared / max(cleared + missed, 1e-9)
        table[f"at_{share:.0%}".replace("%", "_percent")] = [round(ppv, 4), round(npv, 4)]
    return table


def caption_metrics(arrays: Arrays, readings: Readings) -> dict:
    """AUC of each opacity's share against what captions name, among all slices and among the COVID-19 slices alone."""
    table = {}
    share = opacity_shares(readings.said)
    for place, name in enumerate(JUDGED):
        truth, said = arrays.findings[:, data.FINDINGS.index(name)].astype(int), share[:, place]
        covid = arrays.label == 1
        table[name] = {
            "mentioned": int(truth.sum()),
            "auc": round(auc(truth, said), 4),
            "auc_among_covid": round(auc(truth[covid], said[covid]), 4),
            "ci95": intervals(lambda rows: {"auc": auc(truth[rows], said[rows])}, arrays.group),
        }
    return table


def opacity_shares(said: Said) -> np.ndarray:
    """[N,2]: the shares of the lungs that are ground glass and consolidation."""
    return (said.opacity * said.lung[:, None]).sum((2, 3)) / (said.lung.sum((1, 2)) + 1e-9)[:, None]


def held_metrics(held: Held, settings: dict, before: dict[str, float] | None = None) -> dict:
    """AUC, sensitivity and specificity of slices held out, by the runs that held them out; the gate takes no part.

    With `before`, logits of a former network by path: its AUC and the difference's interval over groups.
    """
    score = sigmoid(held.logit / settings["output"]["temperature"])
    positive = score >= settings["class"][0]["threshold"]

    def measure(rows: np.ndarray) -> dict[str, float]:
        found = figures(held.label[rows], score[rows], positive[rows])
        if before:
            found["auc_gained"] = found["auc"] - auc(held.label[rows], former[rows])
        # What a class is missing for stays out of the table.
        found = {name: value for name, value in found.items() if not np.isnan(value)} if len(np.unique(held.label)) < 2 else found
        return found

    if before:
        former = np.array([before[path] for path in held.path])
    everything = np.arange(len(held.label))
    table = {"n": len(held.label), "positives": int(held.label.sum()), "groups": len(np.unique(held.group))}
    table |= {name: round(value, 4) for name, value in measure(everything).items()}
    return table | {"ci95": intervals(measure, held.group)}


def run_metrics(folds: list[Path], left_out: list[str], settings: dict, before: dict[str, float] | None) -> dict:
    """What runs of the recipe say of slices that they held out; `left_out` are NAME=FILE. It does not depend on the exported file."""
    metrics = {}
    held = held_out(folds)
    for hospital in np.unique(held.hospital):
        # Volumes of COVID-19 patients have no negatives of their own.
        metrics[f"folds_{hospital}"] = held_metrics(take(held, held.hospital == hospital), settings, before)
    metrics["folds"] = held_metrics(held, settings, before)
    for entry in left_out:
        name, _, path = entry.partition("=")
        whole = held_out([Path(path)])
        for hospital in np.unique(whole.hospital):
            metrics[f"left_out_{name}_{hospital}"] = held_metrics(take(whole, whole.hospital == hospital), settings, before)
    metrics["opacity"] = opacity_metrics(folds)
    return metrics


def take(held: Held, rows: np.ndarray) -> Held:
    return Held(*(part[rows] for part in held))


def opacity_metrics(paths: list[Path]) -> dict:
    """Mean error and bias of the opaque share of the lungs on the drawn slices that runs held out, without the Dice of their logs."""
    said, drawn = [], []
    for path in paths:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                if row["split"] == "slice":
                    said.append([float(row["ground_glass"]), float(row["consolidation"])])
                    drawn.append([float(row["drawn_ground_glass"]), float(row["drawn_consolidation"])])
    gap = np.array(said).sum(1) - np.array(drawn).sum(1)
    each = np.abs(np.array(said) - np.array(drawn)).mean(0)
    return {
        "n": len(gap), "mean_error": round(float(np.abs(gap).mean()), 4), "bias": round(float(gap.mean()), 4),
        "mean_error_ground_glass": round(float(each[0]), 4), "mean_error_consolidation": round(float(each[1]), 4),
    }


def key_of(name: str) -> str:
    """What an alteration of honesty.py is called in model.toml."""
    return name.replace(",", "").replace(" ", "_").replace("%", "percent").replace(".", "_")


def invariance(reader: Reader, arrays: Arrays, command: Path) -> dict:
    """How many of the slices change their decision or verdict under each alteration, and by how much the score moves."""
    before = reader.read(arrays)
    table, kept = {}, np.ones(len(arrays.label), dtype=bool)
    with tempfile.TemporaryDirectory() as folder:
        for name, part in honesty.altered(arrays, command, Path(folder)).items():
            after = reader.read(part)
            changed = after.decision != before.decision
            if name in honesty.ENCODINGS:
                kept &= ~changed
            table[key_of(name)] = {
                "decisions_changed": int(changed.sum()),
                "verdicts_changed": int((after.verdict != before.verdict).sum()),
                "mean_drift": round(float(np.abs(after.score - before.score).mean()), 4),
            }
    pairs = sum(table[key_of(name)]["decisions_changed"] for name in honesty.ENCODINGS)
    table["n"] = len(arrays.label)
    table["unchanged_by_an_encoding"] = round(1 - pairs / (len(honesty.ENCODINGS) * len(arrays.label)), 4)
    table["unchanged_by_every_encoding"] = round(float(kept.mean()), 4)
    return table


def occlusion(reader: Reader, arrays: Arrays) -> dict:
    """AUC without the gate of the lungs alone, and of all but the lungs."""
    said = reader.session.run(arrays.inputs)
    table = {}
    for name, inputs in honesty.occluded(arrays.inputs, said.lung).items():
        logit = reader.session.run(inputs).logit
        ci95 = intervals(lambda rows: {"auc": auc(arrays.label[rows], logit[rows])}, arrays.group)
        table[name.replace(",", "").replace(" ", "_")] = {"auc": round(auc(arrays.label, logit), 4), "ci95": ci95}
    return table


def masked(arrays: Arrays) -> Arrays:
    """The slices with lung masks; `inputs` has two channels: gray and the mask, both from -1 to 1."""
    slices, masks = arrays.of("lung"), arrays.of("mask")
    names = [[Path(path).name for path in part.path] for part in (slices, masks)]
    if names[0] != names[1]:
        raise ValueError("slices and masks do not pair")
    # The slice may have been cut out of its margins; the mask goes with it.
    frame = Frame(*torch.from_numpy(slices.inside.T.astype(np.float32)))
    mask = cut(torch.from_numpy(masks.inputs), frame, masks.inputs.shape[-1]).numpy()
    slices.inputs = np.concatenate([slices.inputs, np.where(mask > 0, 1, -1).astype(np.float32)], axis=1)
    return slices


def map_peaks(reader: Reader, arrays: Arrays) -> dict:
    """Where the map is highest on the slices of the volumes that the segmenter did not see."""
    slices = masked(arrays)
    slices = slices.take(np.isin(slices.group, UNSEEN))
    said = reader.session.run(np.ascontiguousarray(slices.inputs[:, :1]))
    masks = slices.inputs[:, 1] > 0
    inside = honesty.peaks_in(said.map, masks)
    found = honesty.full_size(said.lung)[:, 0] > 0.5
    dice = 2 * (found & masks).sum((1, 2)) / (found.sum((1, 2)) + masks.sum((1, 2)))
    return {"n": len(inside), "in_lungs": int(inside.sum()), "share": round(float(inside.mean()), 4), "dice": round(float(dice.mean()), 4)}


def screening(reader: Reader, arrays: Arrays) -> dict:
    """LUNA16 series never used: how many accepted slices are called positive, as they are and in a bright narrow window, and how the
    logit answers painted lesions."""
    readings = reader.read(arrays)
    accepted = ~readings.refused.any
    inputs, lung = arrays.inputs[accepted], readings.said.lung[accepted]
    clear, painted = readings.said.logit[accepted], reader.session.run(honesty.painted(inputs, lung, SEED)).logit
    truth = np.repeat([0, 1], len(clear))
    bright = reader.judge(honesty.brightened(inputs), arrays.statistics[accepted])
    return {
        "n": len(arrays.label),
        **refusals(readings),
        "called_positive": int((readings.decision & accepted).sum()),
        "called_positive_in_a_bright_window": int(bright.decision.sum()),
        "raised_by_painted_lesions": int((painted > clear).sum()),
        "painted_auc": round(auc(truth, np.concatenate([clear, painted])), 4),
    }


def altered(inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Slices [N,1,S,S] made unlike chest CT: gray levels inverted, 16 tiles shuffled, the
    middle (a quarter of each side) enlarged."""
    count, _, size, _ = inputs.shape
    tile = size // 4
    tiles = inputs.reshape(count, 4, tile, 4, tile).swapaxes(2, 3).reshape(count, 16, tile, tile)
    order = np.random.default_rng(SEED).permutation(16)
    shuffled = tiles[:, order].reshape(count, 4, 4, tile, tile).swapaxes(2, 3).reshape(inputs.shape)
    start = (size - tile) // 2
    middle = inputs[:, :, start : start + tile, start : start + tile]
    return {"inverted": -inputs, "shuffled": shuffled, "enlarged": middle.repeat(4, axis=2).repeat(4, axis=3)}


def shortcut_features(arrays: Arrays, with_file: bool) -> np.ndarray:
    """Size, gray levels and colour [N,6]; with the file's format, mode and bytes a pixel [N,9]."""
    columns = [arrays.names.index(name) for name in SHORTCUTS]
    features = [arrays.statistics[:, columns], np.log(arrays.extent)]
    if with_file:
        with open(Path(os.environ["LUNGGLASS_DATA"]) / "covid-ct" / "audit.csv", newline="") as file:
            audit = {row["file"]: row for row in csv.DictReader(file)}
        rows = [audit[Path(path).name] for path in arrays.path]
        kinds = [[row["encoded_as"] == "JPEG", row["mode"] == "RGBA"] for row in rows]
        density = [[float(row["bytes"]) / (float(row["width"]) * float(row["height"]))] for row in rows]
        features += [np.array(kinds, dtype=float), np.array(density)]
    return np.concatenate(features, axis=1)


def shortcut_auc(train: Arrays, test: Arrays, with_file: bool) -> dict:
    """What a logistic regression tells of the test without seeing a picture's content."""
    regression = make_pipeline(StandardScaler(), LogisticRegression())
    regression.fit(shortcut_features(train, with_file), train.label)
    score = regression.decision_function(shortcut_features(test, with_file))
    ci95 = intervals(lambda rows: {"auc": auc(test.label[rows], score[rows])}, test.group)
    return {"auc": round(auc(test.label, score), 4), "ci95": ci95}


def main() -> None:
    parser = arguments.parser(__doc__, "manifest", "arrays", "onnx", "command")
    parser.add_argument("--settings", type=Path, required=True, help="model.toml, which gets its [metrics]")
    parser.add_argument("--folds", type=Path, nargs="+", help="held.csv of the runs that held folds out; without it the figures of runs stay")
    parser.add_argument("--left-out", nargs="+", default=[], metavar="NAME=FILE", help="held.csv of runs that left a hospital out")
    parser.add_argument("--before", type=Path, help="an exported file whose logits are held against those runs'")
    parser.add_argument("--test", action="store_true", help="open the test split too, once everything is fixed")
    options = parser.parse_args()

    arrays = data.load(options.manifest, options.arrays)
    settings = model_settings.read(options.settings)
    reader = Reader(options.onnx, settings)
    train, val = arrays.of("train", clean=True), arrays.of("val", clean=True)
    before = None
    if options.before:
        known = arrays.take(np.isin(arrays.split, ("val", "sars", "source", "slice")) & arrays.clean)
        before = dict(zip(known.path, logits_of(options.before, known.inputs)))
    if options.folds:
        metrics = run_metrics(options.folds, options.left_out, settings, before)
    else:
        metrics = {name: table for name, table in settings["metrics"].items() if name.startswith(OF_RUNS)}
    parts = {}
    if options.test:
        test = arrays.of("test")
        parts = {"test": test, "test_clean": test.take(test.clean)}
    readings = {name: reader.read(part) for name, part in parts.items()}
    metrics |= {name: split_metrics(part, readings[name]) for name, part in parts.items()}
    for name, part in parts.items():
        metrics[f"shortcut_{name}"] = shortcut_auc(train, part, with_file=False)
        metrics[f"shortcut_with_file_{name}"] = shortcut_auc(train, part, with_file=True)
    if options.test:
        metrics["captions"] = caption_metrics(parts["test"], readings["test"])
    last = parts.get("test", val)
    metrics["invariance"] = invariance(reader, last, options.command)
    metrics["occlusion"] = occlusion(reader, parts.get("test_clean", val))
    metrics["map_peak"] = map_peaks(reader, arrays)
    metrics["screening"] = screening(reader, arrays.of("luna_held"))
    for split in ("reference", "ood", "hidden", "not_chest"):
        part = arrays.of(split)
        gated = reader.read(part)
        metrics[f"gate_{split}"] = {"n": len(part.label), **refusals(gated)}
        unexpected = gated.refused.any if split == "reference" else ~gated.refused.any
        for path in part.path[unexpected]:
            print(f"{split}, {'refused' if split == 'reference' else 'accepted'}: {Path(path).name}")
    table = {"n": len(val.label)}
    for name, inputs in altered(val.inputs).items():
        changed = reader.judge(inputs, val.statistics).refused
        table[f"{name}_refused"] = int((changed.lung | changed.embedding | changed.foreign).sum())
    metrics["gate_altered_validation"] = table
    settings["metrics"] = metrics
    model_settings.write(options.settings, settings)
    for name, section in metrics.items():
        print(name, section)

    if options.test:
        folder = options.onnx.parent
        accepted = {name: ~reading.refused.any for name, reading in readings.items()}
        curves = {name: (part.label[accepted[name]], readings[name].score[accepted[name]]) for name, part in parts.items()}
        (folder / "roc.svg").write_text(plots.roc(curves))
        (folder / "reliability.svg").write_text(plots.reliability(curves, BINS))


def logits_of(path: Path, inputs: np.ndarray) -> np.ndarray:
    """Logits [N] of any exported file, whatever else it gives; inputs [N,1,S,S]."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    parts = [session.run(["logit"], {"slice": inputs[i : i + 32]})[0][:, 0] for i in range(0, len(inputs), 32)]
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
