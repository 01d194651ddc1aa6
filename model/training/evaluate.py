"""Measures the exported network with its settings and writes [metrics] of model.toml.

Every slice counts, as in `lungglass validate`: one that the gate refuses is a wrong decision, and in
the AUC a refused positive ranks below every accepted slice, a refused negative above. Intervals are
percentiles of 2000 group-bootstrap draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import data
import gate
import settings as model_settings
from data import Arrays
from export import Session
from operating import group_draws, sigmoid

DRAWS = 2000
SEED = 30
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


class Reader:
    """The exported network with the settings of its model.toml."""

    def __init__(self, onnx: Path, settings: dict):
        self.session = Session(onnx)
        self.settings = settings

    def read(self, arrays: Arrays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores [N], refused by the statistics [N] and by the embedding [N]."""
        logit, _, embedding = self.session.run(arrays.inputs)
        score = sigmoid(logit.astype(np.float64) / self.settings["calibration"]["temperature"])
        return score, *gate.refused(self.settings["gate"], arrays.statistics, embedding.astype(np.float64))

    def metrics(self, arrays: Arrays) -> dict:
        """One [metrics.*] table."""
        score, by_statistics, by_embedding = self.read(arrays)
        label, refused = arrays.label, by_statistics | by_embedding
        ranking = np.where(refused, np.where(label == 1, -1.0, 2.0), score)
        positive = np.where(refused, label == 0, score >= self.settings["operating_point"]["threshold"])
        low, high = self.settings["operating_point"]["uncertain"]
        uncertain = (low <= score) & (score <= high) & ~refused
        whole = figures(label, ranking, positive)
        ci95 = intervals(lambda rows: figures(label[rows], ranking[rows], positive[rows]), arrays.group)
        return {
            "n": len(label),
            "groups": len(np.unique(arrays.group)),
            "refused": int(refused.sum()),
            "refused_by_statistics": int(by_statistics.sum()),
            "refused_by_embedding": int(by_embedding.sum()),
            "uncertain": int(uncertain.sum()),
            "uncertain_accuracy": round(ratio(positive == (label == 1), uncertain), 4),
            "auc_without_gate": round(auc(label, score), 4),
            **{name: round(value, 4) for name, value in whole.items()},
            "ci95": ci95,
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


def shortcut_features(arrays: Arrays) -> np.ndarray:
    columns = [arrays.names.index(name) for name in SHORTCUTS]
    size = np.log(arrays.extent)
    return np.concatenate([arrays.statistics[:, columns], size], axis=1)


def shortcut_auc(train: Arrays, test: Arrays) -> dict:
    """What a logistic regression tells of the test without seeing a picture's content."""
    regression = make_pipeline(StandardScaler(), LogisticRegression())
    regression.fit(shortcut_features(train), train.label)
    score = regression.decision_function(shortcut_features(test))
    ci95 = intervals(lambda rows: {"auc": auc(test.label[rows], score[rows])}, test.group)
    return {"auc": round(auc(test.label, score), 4), "ci95": ci95}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--arrays", type=Path, required=True, help="arrays at 224")
    parser.add_argument("--onnx", type=Path, required=True)
    parser.add_argument("--settings", type=Path, required=True, help="model.toml, which gets its [metrics]")
    parser.add_argument("--test", action="store_true", help="open the test split too, once everything is fixed")
    options = parser.parse_args()

    arrays = data.load(options.manifest, options.arrays)
    settings = model_settings.read(options.settings)
    reader = Reader(options.onnx, settings)
    val = arrays.of("val", clean=True)
    metrics = {"validation": reader.metrics(val)}
    if options.test:
        test, train = arrays.of("test"), arrays.of("train", clean=True)
        test_clean = test.take(test.clean)
        metrics["test"] = reader.metrics(test)
        metrics["test_clean"] = reader.metrics(test_clean)
        metrics["shortcut_test"] = shortcut_auc(train, test)
        metrics["shortcut_test_clean"] = shortcut_auc(train, test_clean)
    for split in ("luna_held", "reference", "ood"):
        part = arrays.of(split)
        _, by_statistics, by_embedding = reader.read(part)
        refused = by_statistics | by_embedding
        metrics[f"gate_{split}"] = {
            "n": len(refused),
            "refused": int(refused.sum()),
            "refused_by_statistics": int(by_statistics.sum()),
            "refused_by_embedding": int(by_embedding.sum()),
        }
        unexpected = ~refused if split == "ood" else refused
        for path in part.path[unexpected]:
            print(f"{split}, {'accepted' if split == 'ood' else 'refused'}: {Path(path).name}")
    metrics["gate_altered_validation"] = {"n": len(val.label)}
    for name, inputs in altered(val.inputs).items():
        embedding = reader.session.run(inputs)[2].astype(np.float64)
        distance = gate.embedding_distance(settings["gate"]["embedding"], embedding)
        metrics["gate_altered_validation"][f"{name}_refused_by_embedding"] = int(
            (distance > settings["gate"]["embedding"]["limit"]).sum()
        )
    settings["metrics"] = metrics
    model_settings.write(options.settings, settings)
    for name, section in metrics.items():
        print(name, section)


if __name__ == "__main__":
    main()
