"""Trains a small network that tells four made textures apart, and writes the model folder that this file lies in.

    python train.py

Needs torch, onnx, numpy and Pillow. It shows the whole way to a model folder: training with the preprocessing that model.toml describes,
temperature and thresholds from slices held out, export, and samples that hold preprocessing to that of training.
"""

import json
import tomllib
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import nn

HERE = Path(__file__).parent
CLASSES = ("stripes", "checks", "dots", "noise")
SIDE = 64
MEAN, STD = 0.5, 0.25


def texture(kind: str, random: numpy.random.Generator) -> Image.Image:
    """A gray picture of a texture, of any size from 80 to 240 pixels, turned and scaled at random, with noise over it."""
    width, height = random.integers(80, 240, 2)
    y, x = numpy.mgrid[:height, :width].astype(float)
    angle, period = random.uniform(0, numpy.pi), random.uniform(0.08, 0.16) * min(width, height)
    across = (x * numpy.cos(angle) + y * numpy.sin(angle)) * 2 * numpy.pi / period
    along = (y * numpy.cos(angle) - x * numpy.sin(angle)) * 2 * numpy.pi / period
    shift = random.uniform(0, 2 * numpy.pi, 2)
    if kind == "stripes":
        values = numpy.sin(across + shift[0])
    elif kind == "checks":
        values = numpy.sign(numpy.sin(across + shift[0]) * numpy.sin(along + shift[1]))
    elif kind == "dots":
        values = numpy.where(numpy.cos(across + shift[0]) + numpy.cos(along + shift[1]) > 1.0, 1.0, -1.0)
    else:
        coarse = Image.fromarray(random.normal(0, 1, (12, 12)).astype(numpy.float32))
        values = numpy.asarray(coarse.resize((int(width), int(height)), Image.Resampling.BICUBIC))
        values = values / values.std()
    level, contrast = random.uniform(90, 165), random.uniform(30, 80)
    values = level + contrast * values * random.choice([-1, 1]) + random.normal(0, random.uniform(2, 20), values.shape)
    return Image.fromarray(numpy.clip(values, 0, 255).astype(numpy.uint8))


def prepared(picture: Image.Image) -> numpy.ndarray:
    """The network's input of a picture [1, SIDE, SIDE], as [input] of model.toml says."""
    least = min(picture.size)
    scaled = picture.resize((SIDE * picture.width // least, SIDE * picture.height // least), Image.Resampling.BILINEAR)
    left, top = round((scaled.width - SIDE) / 2), round((scaled.height - SIDE) / 2)
    values = numpy.asarray(scaled.crop((left, top, left + SIDE, top + SIDE)), numpy.float32) / 255
    return ((values - MEAN) / STD)[None]


def made(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """So many inputs of each class [N, 1, SIDE, SIDE], and their classes [N]."""
    random = numpy.random.default_rng(seed)
    inputs = [prepared(texture(kind, random)) for kind in CLASSES for _ in range(count)]
    return torch.tensor(numpy.stack(inputs)), torch.arange(len(CLASSES)).repeat_interleave(count)


class Network(nn.Module):
    """Three convolutions and a map for each class, whose mean is the class's value."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(layer for inside, outside in ((1, 16), (16, 32), (32, 32))
              for layer in (nn.Conv2d(inside, outside, 3, stride=2, padding=1), nn.BatchNorm2d(outside), nn.ReLU()))
        )
        self.head = nn.Conv2d(32, len(CLASSES), 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        evidence = self.head(self.features(x))
        return evidence.mean((2, 3)), evidence


def main() -> None:
    torch.manual_seed(1)
    inputs, labels = made(400, seed=1)
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for epoch in range(12):
        for at in torch.randperm(len(labels)).split(64):
            loss = nn.functional.cross_entropy(network(inputs[at])[0], labels[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        held, truth = made(200, seed=2)
        values = network(held)[0]
        accuracy = float((values.argmax(1) == truth).float().mean())
        temperatures = torch.linspace(0.3, 3, 28)
        losses = [nn.functional.cross_entropy(values / temperature, truth) for temperature in temperatures]
        temperature = round(float(temperatures[int(torch.stack(losses).argmin())]), 2)
    print(f"accuracy on {len(truth)} pictures held out: {accuracy:.4f}, temperature {temperature}")
    torch.onnx.export(
        network, (torch.zeros(1, 1, SIDE, SIDE),), HERE / "model.onnx", input_names=["picture"], output_names=["scores", "map"],
        dynamic_axes={name: {0: "N"} for name in ("picture", "scores", "map")}, opset_version=17, dynamo=False,
    )
    settings = (HERE / "model.toml").read_text()
    before = tomllib.loads(settings)["output"]["temperature"]
    settings = settings.replace(f"temperature = {before}", f"temperature = {temperature}")
    before = tomllib.loads(settings)["metrics"]["held_out"]["accuracy"]
    (HERE / "model.toml").write_text(settings.replace(f"accuracy = {before}", f"accuracy = {accuracy:.4f}"))
    random = numpy.random.default_rng(3)
    (HERE / "samples").mkdir(exist_ok=True)
    for kind in CLASSES:
        picture = texture(kind, random)
        picture.save(HERE / "samples" / f"{kind}.png")
        with torch.no_grad():
            scores = (network(torch.tensor(prepared(picture))[None])[0] / temperature).softmax(1)[0]
        answer = {"class": kind, "classes": {name: round(float(score), 5) for name, score in zip(CLASSES, scores)}}
        (HERE / "samples" / f"{kind}.json").write_text(json.dumps(answer, indent=2) + "\n")


if __name__ == "__main__":
    main()
