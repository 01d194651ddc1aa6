"""Fits the gate: what is no axial chest-CT slice, and whose lungs cannot be seen.

Two Gaussians, over picture statistics and over the network's embedding, refuse only what is further off than every slice that they
were fitted to (squared Mahalanobis distance: Mahalanobis 1936; over features of a network: Lee et al. 2018, arXiv 1807.03888).
Beside them a logistic regression tells chest slices from the foreign pictures of foreign.py, whose limit is set on slices
of groups that it did not see. The share of the lungs' pixels that are plain black tells windows in which lungs hold nothing.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import Arrays

# What each collection counts in the fit.
COLLECTIONS = {"train": 2.0, "val": 1.0, "sars": 1.0, "source": 1.0, "slice": 1.0, "luna_fit": 1.0}
# Collections that set limits beside those of the fit.
LIMITING = (*COLLECTIONS, "luna_held")
# Share of the off-diagonal covariance that is dropped.
SHRINKAGE = 0.1
# Either Gaussian's limit stands this much above the furthest slice.
MARGIN = 1.1
# A LUNA16 slice, or one of a whole volume, with less lung is no chest slice.
LUNG = 0.03
# The least share of lung is this part of that of the labelled slice with least, but for one in a hundred.
LUNG_QUANTILE, LUNG_PART = 0.01, 0.25
# Strength of the regression's prior, folds by group, and the share of any collection's slices that it may refuse.
STRENGTH, FOLDS, LOST = 1.0, 5, 0.01
# Of a lung whose window shows it plain black at least this share of pixels is black.
BLACK = 0.95


def shows_lungs(arrays: Arrays) -> np.ndarray:
    """bool [N]: enough lung to count as a chest slice; many slices of volumes lie above or below the lungs."""
    return arrays.lung > LUNG


def collection_weights(arrays: Arrays) -> np.ndarray:
    """[N], sum 1: the weight of each slice in the fit, 0 for slices outside it."""
    weights = np.zeros(len(arrays.label))
    for split, share in COLLECTIONS.items():
        own = (arrays.split == split) & arrays.clean & shows_lungs(arrays)
        weights[own] = share / max(own.sum(), 1)
    return weights / weights.sum()


def kept_for_limits(arrays: Arrays) -> np.ndarray:
    """bool [N]: the slices that set the limits."""
    return np.isin(arrays.split, LIMITING) & arrays.clean & shows_lungs(arrays)


def fit_statistics(arrays: Arrays) -> dict:
    """[gate.statistics] of model.toml: names, mean [K], precision [K,K] and limit."""
    weights = collection_weights(arrays)
    mean = weights @ arrays.statistics
    centred = arrays.statistics - mean
    covariance = (centred * weights[:, None]).T @ centred
    variance = np.diag(np.diag(covariance))
    precision = np.linalg.inv((1 - SHRINKAGE) * covariance + SHRINKAGE * variance)
    section = {"names": arrays.names, "mean": mean.tolist(), "precision": precision.tolist()}
    distances = statistics_distance(section, arrays.statistics)
    section["limit"] = float(distances[kept_for_limits(arrays)].max() * MARGIN)
    return section


def statistics_distance(section: dict, statistics: np.ndarray) -> np.ndarray:
    """Squared Mahalanobis distance [N] of statistics [N,K]."""
    off = statistics - np.array(section["mean"])
    return np.einsum("ni,ij,nj->n", off, np.array(section["precision"]), off)


def fit_embedding(arrays: Arrays, embedding: np.ndarray) -> dict:
    """[gate.embedding] of model.toml for embeddings [N,D] of all slices: mean [D], std [D] and limit."""
    weights = collection_weights(arrays)
    mean = weights @ embedding
    std = np.sqrt(weights @ (embedding - mean) ** 2)
    section = {"mean": mean.tolist(), "std": std.tolist()}
    distances = embedding_distance(section, embedding)
    section["limit"] = float(distances[kept_for_limits(arrays)].max() * MARGIN)
    return section


def embedding_distance(section: dict, embedding: np.ndarray) -> np.ndarray:
    """Sum of squared deviations [N], in standard deviations, of embeddings [N,D]."""
    return (((embedding - np.array(section["mean"])) / np.array(section["std"])) ** 2).sum(1)


def least_lung(arrays: Arrays) -> float:
    """[gate] least_lung, from the labelled training and validation slices."""
    labelled = arrays.clean & np.isin(arrays.split, ("train", "val"))
    return float(np.quantile(arrays.lung[labelled], LUNG_QUANTILE) * LUNG_PART)


def fold_of(groups: np.ndarray) -> np.ndarray:
    """int [N]: the fold of each group."""
    return np.array([int(hashlib.sha256(group.encode()).hexdigest(), 16) % FOLDS for group in groups])


def fit_foreign(arrays: Arrays, embedding: np.ndarray, foreign: Arrays, foreign_embedding: np.ndarray) -> tuple[dict, dict]:
    """[gate.foreign] of model.toml: weights [K + D] of statistics and embedding, and bias; above 0 a picture is refused.

    And of each collection and kind of picture the share that is refused in folds by group.
    """
    chest = kept_for_limits(arrays)
    x = np.concatenate([np.concatenate([arrays.statistics, embedding], 1)[chest], np.concatenate([foreign.statistics, foreign_embedding], 1)])
    truth = np.r_[np.zeros(chest.sum()), np.ones(len(foreign.label))]
    # Collections and kinds count alike, whatever their numbers.
    names = np.r_[arrays.split[chest], np.array([f"foreign {name}" for name in foreign.collection])]
    places = np.where(np.isin(arrays.split[chest], ("source", "slice")), arrays.source[chest], arrays.group[chest])
    fold = fold_of(np.r_[places, foreign.group])
    kinds, place, counts = np.unique(names, return_inverse=True, return_counts=True)
    weight = 1 / counts[place]
    for side in (0, 1):
        weight[truth == side] *= len(truth) / 2 / weight[truth == side].sum()

    def fitted(rows: np.ndarray):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
        return model.fit(x[rows], truth[rows], logisticregression__sample_weight=weight[rows])

    said = np.zeros(len(truth))
    for number in range(FOLDS):
        said[fold == number] = fitted(fold != number).decision_function(x[fold == number])
    limit = max(np.quantile(said[names == name], 1 - LOST) for name in kinds if not name.startswith("foreign"))
    unseen = {name.replace(" ", "_"): round(float((said[names == name] > limit).mean()), 4) for name in kinds}
    scaler, regression = fitted(np.ones(len(truth), bool)).named_steps.values()
    weights = regression.coef_[0] / scaler.scale_
    section = {"weights": weights.tolist(), "bias": float(regression.intercept_[0] - weights @ scaler.mean_ - limit)}
    return section, unseen


def foreign_score(section: dict, statistics: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    """[N]: above 0 for what is no chest slice; statistics [N,K], embedding [N,D]."""
    return np.concatenate([statistics, embedding], 1) @ np.array(section["weights"]) + section["bias"]


def black_share(inputs: np.ndarray, lung: np.ndarray) -> np.ndarray:
    """[N]: the share of the lungs that is plain black; inputs [N,1,S,S], lung [N,h,w]."""
    count, size = len(lung), lung.shape[1]
    black = (inputs[:, 0] * 128 + 127 < 3).reshape(count, size, -1, size, inputs.shape[-1] // size).mean((2, 4))
    return (black * lung).sum((1, 2)) / (lung.sum((1, 2)) + 1e-9)


def fit(arrays: Arrays, embedding: np.ndarray, foreign: Arrays, foreign_embedding: np.ndarray) -> tuple[dict, dict]:
    """[gate] of model.toml, for slices and foreign pictures with their embeddings [N,D], and what it refuses of groups not seen."""
    section, unseen = fit_foreign(arrays, embedding, foreign, foreign_embedding)
    fitted = {
        "least_lung": least_lung(arrays),
        "most_black": BLACK,
        "statistics": fit_statistics(arrays),
        "embedding": fit_embedding(arrays, embedding),
        "foreign": section,
    }
    return fitted, unseen


class Refused(NamedTuple):
    """bool [N] each: refused by the statistics, for want of lung, for lungs that are black, by the embedding, as foreign."""

    statistics: np.ndarray
    lung: np.ndarray
    black: np.ndarray
    embedding: np.ndarray
    foreign: np.ndarray

    @property
    def any(self) -> np.ndarray:
        return self.statistics | self.lung | self.black | self.embedding | self.foreign


def refused(gate: dict, statistics: np.ndarray, lung: np.ndarray, black: np.ndarray, embedding: np.ndarray) -> Refused:
    """What the gate says of statistics [N,K], shares of lung [N], of black lung [N], and embeddings [N,D]."""
    return Refused(
        statistics_distance(gate["statistics"], statistics) > gate["statistics"]["limit"],
        lung < gate["least_lung"],
        (black > gate["most_black"]) & (lung >= gate["least_lung"]),
        embedding_distance(gate["embedding"], embedding) > gate["embedding"]["limit"],
        foreign_score(gate["foreign"], statistics, embedding) > 0,
    )
