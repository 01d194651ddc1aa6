"""Turns logits into scores and scores into verdicts: temperature, threshold and uncertain band.

Everything here is chosen on validation. Logits and labels are [N]; groups are [N] names of slices
that belong together and are drawn together.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

# Share of the validation slices inside the uncertain band.
UNCERTAIN = 0.125
CHOSEN = (
    "On the audited validation slices: temperature by least negative log-likelihood; threshold where a logistic regression on the logit, "
    "the classes of equal weight, gives one half; uncertain are the logits as near to the "
    f"threshold as the nearest {UNCERTAIN:.1%} of the slices."
)


def sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def group_draws(groups: np.ndarray, draws: int, seed: int) -> list[np.ndarray]:
    """Row indices of each bootstrap draw: as many groups as there are, with replacement (Efron 1979)."""
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    generator = np.random.default_rng(seed)
    picks = generator.integers(len(members), size=(draws, len(members)))
    return [np.concatenate([members[i] for i in pick]) for pick in picks]


def fit_temperature(logit: np.ndarray, label: np.ndarray) -> float:
    """The temperature of least negative log-likelihood (Guo et al. 2017, arXiv 1706.04599)."""

    def loss(log_temperature: float) -> float:
        z = logit / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, z) - label * z))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def balanced_cut(logit: np.ndarray, label: np.ndarray) -> float:
    """The logit at which a logistic regression whose classes weigh alike is undecided: every slice has a say in it."""
    regression = LogisticRegression(C=np.inf, class_weight="balanced").fit(logit[:, None], label)
    return float(-regression.intercept_[0] / regression.coef_[0, 0])


def operating_point(logit: np.ndarray, label: np.ndarray) -> tuple[dict, dict]:
    """[calibration] and [operating_point] of model.toml."""
    temperature = fit_temperature(logit, label)
    cut = balanced_cut(logit, label)
    reach = float(np.quantile(np.abs(logit - cut), UNCERTAIN))
    low, threshold, high = sigmoid(np.array([cut - reach, cut, cut + reach]) / temperature)
    point = {"threshold": float(threshold), "uncertain": [float(low), float(high)], "chosen": CHOSEN}
    return {"temperature": temperature}, point
