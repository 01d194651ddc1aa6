"""Turns logits into scores and scores into verdicts: temperature, threshold and uncertain band.

Everything here is chosen on slices of groups and sources that the network which speaks of them has not seen (train.py, fold-K),
weighted so that each hospital counts alike, and in it each class. Logits, labels and weights are [N]; groups are [N] names of
slices that belong together and are drawn together.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

# Share of the slices inside the uncertain band.
UNCERTAIN = 0.125
CHOSEN = (
    "On slices of groups and sources held out by folds, each hospital and each class in it of equal weight: temperature by least "
    "negative log-likelihood; threshold where a logistic regression on the logit gives one half; uncertain are the logits as near to "
    f"the threshold as the nearest {UNCERTAIN:.1%} of the slices."
)


def sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def group_draws(groups: np.ndarray, draws: int, seed: int) -> list[np.ndarray]:
    """Row indices of each bootstrap draw: as many groups as there are, with replacement (Efron 1979)."""
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    generator = np.random.default_rng(seed)
    picks = generator.integers(len(members), size=(draws, len(members)))
    return [np.concatenate([members[i] for i in pick]) for pick in picks]


def hospital_weights(hospital: np.ndarray, label: np.ndarray) -> np.ndarray:
    """[N], mean 1: each hospital weighs alike, and in it each class that it has."""
    weight = np.zeros(len(label))
    for name in np.unique(hospital):
        for kind in (0, 1):
            own = (hospital == name) & (label == kind)
            if own.any():
                weight[own] = 1 / own.sum() / len(np.unique(label[hospital == name]))
    return weight / weight.mean()


def fit_temperature(logit: np.ndarray, label: np.ndarray, weight: np.ndarray) -> float:
    """The temperature of least negative log-likelihood (Guo et al. 2017, arXiv 1706.04599)."""

    def loss(log_temperature: float) -> float:
        z = logit / np.exp(log_temperature)
        return float(np.mean(weight * (np.logaddexp(0, z) - label * z)))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def balanced_cut(logit: np.ndarray, label: np.ndarray, weight: np.ndarray) -> float:
    """The logit at which a logistic regression whose classes weigh alike is undecided: every slice has a say in it."""
    share = {kind: weight[label == kind].sum() for kind in (0, 1)}
    even = weight / np.where(label == 1, share[1], share[0])
    regression = LogisticRegression(C=np.inf).fit(logit[:, None], label, sample_weight=even * len(label))
    return float(-regression.intercept_[0] / regression.coef_[0, 0])


def weighted_quantile(values: np.ndarray, weight: np.ndarray, share: float) -> float:
    """The value below which `share` of the weight lies."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][np.searchsorted(reached, share)])


def operating_point(logit: np.ndarray, label: np.ndarray, weight: np.ndarray) -> tuple[dict, dict]:
    """The temperature of [output] and the point of [[class]] of model.toml."""
    temperature = fit_temperature(logit, label, weight)
    cut = balanced_cut(logit, label, weight)
    reach = weighted_quantile(np.abs(logit - cut), weight, UNCERTAIN)
    low, threshold, high = sigmoid(np.array([cut - reach, cut, cut + reach]) / temperature)
    point = {"threshold": float(threshold), "uncertain": [float(low), float(high)], "chosen": CHOSEN}
    return {"temperature": temperature}, point
