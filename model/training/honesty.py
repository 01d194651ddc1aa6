"""Where the score comes from: alterations that must not change it, lungs alone and all but the lungs, the map's peak,
painted lesions on slices of hospitals that no label came from.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.nn import functional

import data
import lesions
from data import Arrays
from network import SIZE

Alteration = Callable[[Image.Image], Image.Image]
# The alterations that keep all that a reader could see.
ENCODINGS = ("jpeg q50", "jpeg q75", "jpeg q95", "png", "gray 8 bit", "gray 16 bit", "half size", "three quarters", "1.5 times", "double size")


def gray(picture: Image.Image) -> Image.Image:
    """8-bit gray, alpha over black."""
    rgba = picture.convert("RGBA")
    black = Image.new("RGBA", rgba.size, (0, 0, 0, 255))
    return Image.alpha_composite(black, rgba).convert("L")


def resized(factor: float) -> Alteration:
    def alter(picture: Image.Image) -> Image.Image:
        width, height = (max(1, round(side * factor)) for side in picture.size)
        return picture.convert("RGBA").resize((width, height), Image.Resampling.BICUBIC)

    return alter


def cropped(share: float) -> Alteration:
    """Cuts `share` of the width and height off each side."""

    def alter(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        x, y = round(width * share), round(height * share)
        return picture.crop((x, y, width - x, height - y))

    return alter


def framed(share: float, level: int) -> Alteration:
    """Puts an even margin of `share` of the width and height around it."""

    def alter(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        x, y = round(width * share), round(height * share)
        return ImageOps.expand(gray(picture), (x, y, x, y), level)

    return alter


def windowed(low: float, high: float, gamma: float = 1.0) -> Alteration:
    """Another display window: `low` and `high` of the gray range become black and white."""

    def alter(picture: Image.Image) -> Image.Image:
        levels = np.asarray(gray(picture), dtype=np.float64) / 255
        return Image.fromarray(np.rint(((levels - low) / (high - low)).clip(0, 1) ** gamma * 255).astype(np.uint8))

    return alter


def sixteen(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(gray(picture), dtype=np.uint16) * 257)


def no_colour(picture: Image.Image) -> Image.Image:
    """Coloured pixels, which are markings, become the median of their surroundings."""
    rgb = np.asarray(picture.convert("RGB"), dtype=np.int16)
    plain = np.asarray(gray(picture)).copy()
    coloured = np.ptp(rgb, axis=2) > 40
    for y, x in zip(*np.nonzero(coloured)):
        ys, xs = slice(max(0, y - 6), y + 7), slice(max(0, x - 6), x + 7)
        around = plain[ys, xs][~coloured[ys, xs]]
        if len(around):
            plain[y, x] = np.median(around)
    return Image.fromarray(plain)


# Name, change, file name's suffix and how Pillow writes it.
ALTERATIONS: dict[str, tuple[Alteration, str, dict]] = {
    "jpeg q50": (lambda picture: gray(picture), ".jpg", {"quality": 50}),
    "jpeg q75": (lambda picture: gray(picture), ".jpg", {"quality": 75}),
    "jpeg q95": (lambda picture: gray(picture), ".jpg", {"quality": 95}),
    "png": (lambda picture: picture.convert("RGBA"), ".png", {}),
    "gray 8 bit": (gray, ".png", {}),
    "gray 16 bit": (sixteen, ".png", {}),
    "half size": (resized(0.5), ".png", {}),
    "three quarters": (resized(0.75), ".png", {}),
    "1.5 times": (resized(1.5), ".png", {}),
    "double size": (resized(2), ".png", {}),
    "border cut 3 %": (cropped(0.03), ".png", {}),
    "border cut 6 %": (cropped(0.06), ".png", {}),
    "white border 5 %": (framed(0.05, 255), ".png", {}),
    "black border 10 %": (framed(0.1, 0), ".png", {}),
    "white border 5 %, jpeg q75": (framed(0.05, 255), ".jpg", {"quality": 75}),
    "window narrower": (windowed(0.1, 0.85), ".png", {}),
    "window saturated": (windowed(0.0, 0.7), ".png", {}),
    "window wider": (windowed(-0.15, 1.15), ".png", {}),
    "gamma 0.8": (windowed(0, 1, 0.8), ".png", {}),
    "gamma 1.25": (windowed(0, 1, 1.25), ".png", {}),
    "colour removed": (no_colour, ".png", {}),
}


def altered(arrays: Arrays, command: Path, folder: Path) -> dict[str, Arrays]:
    """The slices after each of ALTERATIONS, in the same order, read from altered files by `lungglass preprocess`."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.csv"
    with open(manifest, "w", newline="") as file:
        writer = csv.DictWriter(file, data.COLUMNS, lineterminator="\n")
        writer.writeheader()
        for number, source in enumerate(arrays.path):
            with Image.open(source) as picture:
                picture.load()
            for name, (alter, suffix, options) in ALTERATIONS.items():
                path = pictures / f"{number:03}-{name.replace(' ', '-').replace('%', 'percent')}{suffix}"
                alter(picture).save(path, **options)
                row = dict.fromkeys(data.COLUMNS, "")
                row.update(path=path, label=arrays.label[number], split=name, group=arrays.group[number], clean=1)
                writer.writerow(row)
    out = folder / "arrays"
    subprocess.run(
        [command, "preprocess", "--manifest", manifest, "--size", str(SIZE), "--out", out], check=True, capture_output=True
    )
    changed = data.load(manifest, out)
    parts = {name: changed.of(name) for name in ALTERATIONS}
    for name, part in parts.items():
        if len(part.label) != len(arrays.label):
            raise ValueError(f"{len(arrays.label) - len(part.label)} pictures altered by \"{name}\" could not be read")
    return parts


def full_size(lung: np.ndarray) -> np.ndarray:
    """Shares of lung [N,h,w] pixel by pixel, [N,1,S,S]."""
    shares = torch.from_numpy(lung)[:, None]
    return functional.interpolate(shares, size=(SIZE, SIZE), mode="bilinear").numpy()


def occluded(inputs: np.ndarray, lung: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs [N,1,S,S] with lung [N,h,w]: the lungs alone, and all but the lungs, which are filled evenly."""
    inside = functional.max_pool2d(torch.from_numpy(full_size(lung)), 13, 1, 6).numpy() > 0.5
    dark = np.array([np.quantile(x[m], 0.1) if m.any() else -1 for x, m in zip(inputs, inside)], dtype=np.float32)
    dark = dark[:, None, None, None]
    return {
        "lungs alone": np.where(inside, inputs, 1).astype(np.float32),
        "all but the lungs, these dark": np.where(inside, dark, inputs).astype(np.float32),
        "all but the lungs, these gray": np.where(inside, 0, inputs).astype(np.float32),
    }


def peaks_in(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """bool [N]: the centre of the highest cell of maps [N,h,w] lies in masks [N,S,S], bool."""
    count, height, width = maps.shape
    best = maps.reshape(count, -1).argmax(1)
    scale = masks.shape[1] // height
    y, x = best // width * scale + scale // 2, best % width * scale + scale // 2
    return masks[np.arange(count), y, x]


def painted(inputs: np.ndarray, lung: np.ndarray, seed: int) -> np.ndarray:
    """Inputs [N,1,S,S] with lesions painted into their lungs, [N,h,w]."""
    generator = torch.Generator().manual_seed(seed)
    x = (torch.from_numpy(inputs) + 1) / 2
    mask = (torch.from_numpy(full_size(lung)) > 0.5).float()
    return (lesions.paint(x, mask, 1.0, generator)[0] * 2 - 1).clamp(-127 / 128, 1).numpy()


def brightened(inputs: np.ndarray) -> np.ndarray:
    """Inputs [N,1,S,S] in a bright, narrow window: from black to white in half of the range, so that soft tissue is all white."""
    gray = ((inputs * 128 + 127) / 255).clip(0, 1)
    return ((gray / 0.5).clip(0, 1) * 255 - 127).astype(np.float32) / 128
