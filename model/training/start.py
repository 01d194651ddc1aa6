"""The network that training goes on from: the weights of an exported file, back in PyTorch.

In an exported file batch norm is folded into the convolutions, and training goes on like that: no layer keeps statistics of
a batch, so what was trained is, but for the rounding to the f16 grid, what ships.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from network import ConvNorm, Focus, Trunk, Tail


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    """The weights of an exported file by name."""
    held = onnx.load(path).graph.initializer
    return {tensor.name: torch.from_numpy(np.array(numpy_helper.to_array(tensor))) for tensor in held}


def names_of(part: nn.Module, prefix: str) -> dict[str, nn.Module]:
    """The layers of a module that hold weights, by what export.py calls them."""
    return {f"{prefix}{name}": layer for name, layer in part.exported().items()}


def take(part: nn.Module, held: dict[str, torch.Tensor], prefix: str = "") -> None:
    """Gives a Segmenter, Trunk or Tail the weights that a file holds under its layers' names.

    Layers that the file lacks (the opacity of a file older than it) keep what they have.
    """
    for name, layer in names_of(part, prefix).items():
        if f"{name}.weight" not in held:
            continue
        convolution = layer.conv if isinstance(layer, ConvNorm) else layer
        weight, bias = held[f"{name}.weight"], held[f"{name}.bias"]
        rows = len(convolution.weight)
        with torch.no_grad():
            convolution.weight.copy_(weight[:rows])
            convolution.bias.copy_(bias[:rows])


def load(path: Path) -> tuple[Focus, Trunk, Tail]:
    """Focus, trunk and tail of an exported file."""
    held = weights_of(path)
    focus, trunk, tail = Focus(), Trunk(), Tail()
    take(focus.segmenter, held, "lungs.")
    take(trunk, held)
    take(tail, held)
    return focus.eval(), trunk.eval(), tail
