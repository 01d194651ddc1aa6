"""Fits the gate: one Gaussian over picture statistics, the least share of lung, one Gaussian over the network's embedding.

The Gaussians are fitted to train_clean and luna_fit, and refuse only what is further off than every slice of the fit and of
val_clean and luna_held, which the fit did not see. Squared Mahalanobis distance: Mahalanobis 1936; over features of a network: Lee et al.
2018 (arXiv 1807.03888). Nothing foreign is used for the fit or the limits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from data import Arrays

# Share of LUNA16 in the fit: one scanner protocol and one size, so it counts less than its number.
LUNA_SHARE = 0.25
# Share of the off-diagonal covariance that is dropped.
SHRINKAGE = 0.1
# Either limit stands this much above the furthest slice.
MARGIN = 1.1
# A LUNA16 slice with less lung is no chest slice.
LUNG = 0.03
# The least share of lung is this part of that of the labelled slice with least, but for one in a hundred.
LUNG_QUANTILE, LUNG_PART = 0.01, 0.25


def collection_weights(arrays: Arrays) -> np.ndarray:
    """[N], sum 1: the weight of each slice in the fit, 0 for slices outside it."""
    train = (arrays.split == "train") & arrays.clean
    luna = (arrays.split == "luna_fit") & shows_lungs(arrays)
    return (1 - LUNA_SHARE) * train / train.sum() + LUNA_SHARE * luna / luna.sum()


def shows_lungs(arrays: Arrays) -> np.ndarray:
    """bool [N]: enough lung to count as a chest slice; many LUNA16 slices lie below the lungs."""
    return arrays.lung > LUNG


def kept_for_limits(arrays: Arrays) -> np.ndarray:
    """bool [N]: the slices that set the limits."""
    return ((arrays.split == "val") & arrays.clean) | ((arrays.split == "luna_held") & shows_lungs(arrays))


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
    section["limit"] = float(distances[(weights > 0) | kept_for_limits(arrays)].max() * MARGIN)
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
    section["limit"] = float(distances[(weights > 0) | kept_for_limits(arrays)].max() * MARGIN)
    return section


def embedding_distance(section: dict, embedding: np.ndarray) -> np.ndarray:
    """Sum of squared deviations [N], in standard deviations, of embeddings [N,D]."""
    return (((embedding - np.array(section["mean"])) / np.array(section["std"])) ** 2).sum(1)


def least_lung(arrays: Arrays) -> float:
    """[gate] least_lung, from the labelled training and validation slices."""
    labelled = arrays.clean & np.isin(arrays.split, ("train", "val"))
    return float(np.quantile(arrays.lung[labelled], LUNG_QUANTILE) * LUNG_PART)


def fit(arrays: Arrays, embedding: np.ndarray) -> dict:
    """[gate] of model.toml, for slices and their embeddings [N,D]."""
    return {
        "least_lung": least_lung(arrays),
        "statistics": fit_statistics(arrays),
        "embedding": fit_embedding(arrays, embedding),
    }


class Refused(NamedTuple):
    """bool [N] each: refused by the statistics, for want of lung, by the embedding."""

    statistics: np.ndarray
    lung: np.ndarray
    embedding: np.ndarray

    @property
    def any(self) -> np.ndarray:
        return self.statistics | self.lung | self.embedding


def refused(gate: dict, statistics: np.ndarray, lung: np.ndarray, embedding: np.ndarray) -> Refused:
    """What the gate says of statistics [N,K], shares of lung [N] and embeddings [N,D]."""
    return Refused(
        statistics_distance(gate["statistics"], statistics) > gate["statistics"]["limit"],
        lung < gate["least_lung"],
        embedding_distance(gate["embedding"], embedding) > gate["embedding"]["limit"],
    )
