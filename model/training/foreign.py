"""Makes pictures that are no axial chest-CT slice, for the gate to learn from: `foreign.csv` and the pictures.

Real ones are few (the shared foreign pictures and DICOM files), so each is also cropped, turned and shown in other windows. The
volumes with masks, cut and summed along other axes, give coronal and sagittal slices and what an X-ray would show; ellipses
drawn at random give phantoms and drawings of a chest. Chest slices with shuffled tiles, inverted or enlarged stand for
pictures that have the gray levels and textures of one but not its layout, and slices in a window that begins above most of their
lungs for chest slices that cannot be judged. A picture's group is its kind, or the slice that it was made of.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageFilter

import arguments
import data

SEED = 11
# Pictures of each kind, and copies of each real foreign picture.
EACH, COPIES = 60, 10
# Real slices that are altered until they are none, and slices whose lungs are made black, of each collection.
ALTERED = 60
DARKENED = {"train": 50, "sars": 60, "source": 40, "luna_fit": 50}


def window(levels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Levels in 0..1 stretched between two of their quantiles, at times inverted."""
    low, high = np.quantile(levels, [random.uniform(0, 0.1), random.uniform(0.9, 1)])
    levels = ((levels - low) / max(high - low, 1e-3)).clip(0, 1) ** np.exp(random.uniform(-0.5, 0.5))
    return 1 - levels if random.random() < 0.15 else levels


def picture(levels: np.ndarray, height: int, width: int) -> Image.Image:
    """Levels in 0..1 as a gray picture of the size."""
    return Image.fromarray((levels * 255).round().astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)


def volumes(arrays: data.Arrays) -> list[np.ndarray]:
    """The volumes with lesion masks, [slices,H,W] in 0..1, from head to feet as far as their numbers tell."""
    slices = arrays.of("slice")
    stacks = []
    for volume in np.unique(slices.group):
        own = np.flatnonzero(slices.group == volume)
        order = np.argsort([int(Path(path).stem.split("_z")[1]) for path in slices.path[own]])
        stacks.append((slices.inputs[own[order], 0][::-1] * 128 + 127).clip(0, 255) / 255)
    return stacks


def reformatted(stacks: list[np.ndarray], random: np.random.Generator) -> Image.Image:
    """A coronal or sagittal slice of a volume."""
    stack = stacks[random.integers(len(stacks))]
    axis = random.integers(1, 3)
    at = int(stack.shape[axis] * random.uniform(0.25, 0.75))
    return picture(window(stack.take(at, axis), random), int(random.uniform(250, 420)), int(random.uniform(280, 460)))


def projected(stacks: list[np.ndarray], random: np.random.Generator) -> Image.Image:
    """What an X-ray of a volume would show, from the front or the side."""
    stack = stacks[random.integers(len(stacks))]
    axis = 1 if random.random() < 0.7 else 2
    # The body stands out from the table and the air around it.
    thick = (stack**random.uniform(0.7, 1.5)).mean(axis)
    shown = window(thick, random)
    if random.random() < 0.5:
        shown = (shown + 0.15 * np.sin(np.arange(shown.shape[1]) * random.uniform(0.1, 0.4))).clip(0, 1)
    return picture(shown, int(random.uniform(300, 520)), int(random.uniform(280, 520)))


def drawn(random: np.random.Generator, filled: bool) -> Image.Image:
    """Ellipses: a phantom (`filled`: inserts in an even disc), or a drawing of a chest with even lungs."""
    size = int(random.uniform(200, 512))
    shown = Image.new("L", (size, size), int(random.choice([0, 255, random.uniform(0, 60)])))
    draw = ImageDraw.Draw(shown)

    def ellipse(x: float, y: float, a: float, b: float, level: float, line: int = 0) -> None:
        box = [size * (x - a), size * (y - b), size * (x + a), size * (y + b)]
        draw.ellipse(box, fill=None if line else int(level), outline=int(level), width=max(line, 1))

    body = random.uniform(90, 230)
    wide, tall = random.uniform(0.35, 0.48), random.uniform(0.3, 0.47)
    outlined = not filled and random.random() < 0.4
    ellipse(0.5, 0.5, wide, tall, body, line=int(random.uniform(1, 6)) if outlined else 0)
    if filled:
        for _ in range(random.integers(1, 14)):
            turn, off = random.uniform(0, 2 * np.pi), random.uniform(0, 0.3)
            radius = random.uniform(0.01, 0.1)
            ellipse(0.5 + off * np.cos(turn), 0.5 + off * np.sin(turn), radius, radius, random.uniform(0, 255))
    else:
        lung = random.uniform(0, 120)
        for side in (-1, 1):
            a, b = random.uniform(0.1, 0.17), random.uniform(0.15, 0.3)
            ellipse(0.5 + side * random.uniform(0.16, 0.24), random.uniform(0.45, 0.55), a, b, lung, line=3 if outlined else 0)
        ellipse(0.5, 0.5 + tall * 0.7, 0.04, 0.05, 255)
        for _ in range(random.integers(0, 12)):
            ellipse(random.uniform(0.2, 0.8), random.uniform(0.3, 0.7), 0.02, 0.015, random.uniform(100, 255))
    levels = np.asarray(shown.filter(ImageFilter.GaussianBlur(random.uniform(0, 2)))) / 255
    noisy = levels + random.uniform(0, 0.06) * random.standard_normal(levels.shape) * (random.random() < 0.6)
    return picture(noisy.clip(0, 1), size, size)


def copied(levels: np.ndarray, random: np.random.Generator) -> Image.Image:
    """A crop of a real foreign picture [S,S], in another window, at times turned or mirrored."""
    height, width = levels.shape
    share = random.uniform(0.7, 1)
    tall, broad = int(height * share), int(width * random.uniform(0.7, 1))
    top, left = random.integers(height - tall + 1), random.integers(width - broad + 1)
    part = levels[top : top + tall, left : left + broad]
    if random.random() < 0.5:
        part = part[:, ::-1]
    if random.random() < 0.2:
        part = np.rot90(part, random.integers(1, 4))
    return picture(window(part, random), int(random.uniform(200, 420)), int(random.uniform(200, 420)))


def altered(levels: np.ndarray, kind: str, random: np.random.Generator) -> Image.Image:
    """A chest slice [S,S] that is none any more: tiles shuffled, inverted, or a part of it enlarged."""
    size = len(levels)
    if kind == "shuffled":
        count = int(random.choice([2, 3, 4, 6]))
        tile = size // count
        tiles = [levels[y * tile : (y + 1) * tile, x * tile : (x + 1) * tile] for y in range(count) for x in range(count)]
        order = random.permutation(len(tiles))
        levels = np.block([[tiles[order[y * count + x]] for x in range(count)] for y in range(count)])
    elif kind == "inverted":
        levels = 1 - levels
    else:
        part = int(size * random.uniform(0.15, 0.3))
        top, left = random.integers(size - part, size=2)
        levels = levels[top : top + part, left : left + part]
    return picture(levels, size, size)


def darkened(levels: np.ndarray, lung: np.ndarray, random: np.random.Generator) -> Image.Image:
    """A chest slice [S,S] with shares of lung [h,w] in a window that begins above most of the lungs' levels, as a soft-tissue one does."""
    size = len(levels)
    share = np.kron(lung, np.ones((size // len(lung),) * 2))
    low = np.quantile(levels[share > 0.7], random.uniform(0.6, 0.9))
    high = max(np.quantile(levels[share < 0.05], 0.9), low + 0.15)
    return picture(((levels - low) / (high - low)).clip(0, 1), size, size)


def main() -> None:
    parser = arguments.parser(__doc__, "manifest", "arrays", "start", out="folder for foreign.csv and the pictures")
    options = parser.parse_args()

    random = np.random.default_rng(SEED)
    arrays = data.load(options.manifest, options.arrays)
    options.out.mkdir(parents=True, exist_ok=True)
    made: list[tuple[str, Image.Image]] = []
    stacks = volumes(arrays)
    made += [("reformatted", reformatted(stacks, random)) for _ in range(EACH)]
    made += [("projected", projected(stacks, random)) for _ in range(2 * EACH)]
    made += [("phantom", drawn(random, filled=True)) for _ in range(EACH)]
    made += [("drawing", drawn(random, filled=False)) for _ in range(EACH)]
    real = np.flatnonzero(np.isin(arrays.split, ("ood", "not_chest", "hidden")))
    for row in real:
        levels = (arrays.inputs[row, 0] * 128 + 127).clip(0, 255) / 255
        # Slices of `hidden` are many already.
        for _ in range(1 if arrays.split[row] == "hidden" else COPIES):
            made.append((f"{arrays.split[row]} {Path(arrays.path[row]).stem}", copied(levels, random)))
    chest = np.flatnonzero(arrays.clean & np.isin(arrays.split, ("train", "sars", "source")))
    for kind in ("shuffled", "inverted", "enlarged"):
        for row in random.choice(chest, ALTERED, replace=False):
            made.append((kind, altered((arrays.inputs[row, 0] * 128 + 127).clip(0, 255) / 255, kind, random)))
    session = onnxruntime.InferenceSession(str(options.start), providers=["CPUExecutionProvider"])
    for split, count in DARKENED.items():
        rows = random.permutation(np.flatnonzero(arrays.clean & (arrays.split == split)))
        for row in rows[: 2 * count]:
            lung = session.run(["lung"], {"slice": arrays.inputs[row : row + 1]})[0][0, 0]
            # Slices above or below the lungs have nothing to hide.
            if count > 0 and (lung > 0.7).mean() > 0.05:
                levels = (arrays.inputs[row, 0] * 128 + 127).clip(0, 255) / 255
                made.append((f"darkened {arrays.group[row]}", darkened(levels, lung, random)))
                count -= 1
    with open(options.out / "foreign.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, data.COLUMNS, lineterminator="\n")
        writer.writeheader()
        for number, (kind, shown) in enumerate(made):
            path = (options.out / f"{number:04}.png").resolve()
            shown.save(path)
            writer.writerow(data.row_of(path, "foreign", kind, kind.split(" ")[0]))
    print(f"{options.out}: {len(made)} pictures")


if __name__ == "__main__":
    main()
