"""ROC and reliability as SVG files that need nothing else. Knows numbers and their names, not where they come from."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

Curves = dict[str, tuple[np.ndarray, np.ndarray]]

SIDE, MARGIN = 360, 56
# Okabe and Ito 2008: told apart in all common kinds of colour blindness, and by their dashes.
STYLES = (("#0072b2", ""), ("#d55e00", "7 4"), ("#009e73", "2 3"))


def point(x: float, y: float) -> tuple[float, float]:
    return round(MARGIN + x * SIDE, 1), round(MARGIN / 2 + (1 - y) * SIDE, 1)


def frame(title: str, across: str, upwards: str, body: list[str], legend: list[str]) -> str:
    """The axes from 0 to 1 around `body`, with one line of legend for each curve."""
    width, height = SIDE + 1.5 * MARGIN, SIDE + 2.2 * MARGIN + 18 * len(legend)
    (left, bottom), (right, top) = point(0, 0), point(1, 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" font-size="12">',
        f"<title>{title}</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" fill="none" stroke="#888"/>',
        f'<path d="M{left} {bottom}L{right} {top}" stroke="#bbb" fill="none"/>',
    ]
    for tick in np.linspace(0, 1, 6):
        x, y = point(tick, 0)[0], point(0, tick)[1]
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{tick:.1f}</text>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{tick:.1f}</text>')
    middle = (left + right) / 2
    parts.append(f'<text x="{middle}" y="{bottom + 34}" text-anchor="middle">{across}</text>')
    parts.append(f'<text transform="translate(14 {(top + bottom) / 2}) rotate(-90)" text-anchor="middle">{upwards}</text>')
    for index, (text, (colour, dashes)) in enumerate(zip(legend, STYLES)):
        y = bottom + 56 + 18 * index
        parts.append(f'<path d="M{left} {y - 4}h28" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>')
        parts.append(f'<text x="{left + 36}" y="{y}">{text}</text>')
    return "\n".join([*parts, *body, "</svg>"]) + "\n"


def line(points: list[tuple[float, float]], style: tuple[str, str]) -> str:
    colour, dashes = style
    path = "L".join(f"{x} {y}" for x, y in points)
    return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'


def roc(curves: Curves) -> str:
    """One curve for each name: labels and scores of the accepted slices."""
    body, legend = [], []
    for style, (name, (label, score)) in zip(STYLES, curves.items()):
        false, true, _ = roc_curve(label, score)
        body.append(line([point(x, y) for x, y in zip(false, true)], style))
        legend.append(f"{name.replace('_', ' ')}: AUC {roc_auc_score(label, score):.3f}, {len(label)} accepted slices")
    return frame("ROC", "1 - specificity", "sensitivity", body, legend)


def reliability(curves: Curves, bins: int) -> str:
    """The share of positives against the mean score in each bin of equal width; larger dots hold more slices."""
    body, legend = [], []
    for style, (name, (label, score)) in zip(STYLES, curves.items()):
        of = np.minimum((score * bins).astype(int), bins - 1)
        filled = [k for k in range(bins) if (of == k).any()]
        points = [point(score[of == k].mean(), label[of == k].mean()) for k in filled]
        body.append(line(points, style))
        for (x, y), k in zip(points, filled):
            radius = 2 + 12 * np.sqrt((of == k).mean())
            body.append(f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="{style[0]}" fill-opacity="0.35"/>')
        legend.append(f"{name.replace('_', ' ')}: {len(label)} accepted slices")
    return frame("Reliability", "score", "share with COVID-19", body, legend)
