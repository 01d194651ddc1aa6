"""Writes common networks with random weights as PyTorch exports them, with what ONNX Runtime makes of a random picture.

    python networks.py --out FOLDER [--size 224] [--further] [--only NAME ...] [--folders]

Needs torch, torchvision, timm, onnx, onnxscript and onnxruntime. --further takes what else was tried in place of the nine that performance.md
times. A file is named after its network and its exporter, and holds input
and output as generate.py's do; `LUNGGLASS_NETWORKS=FOLDER` lets tests/onnxruntime.rs run them. With --folders each is a model folder, with a
sample that torchvision prepared; `LUNGGLASS_MODELS=FOLDER` lets command/tests/models.rs and tests/browser/network.test.mjs read with them.
"""

import argparse
import io
import json
import shutil
import warnings
from functools import partial
from pathlib import Path

import numpy
import onnx
import onnxruntime
import timm
import torch
import torchvision
from onnx import numpy_helper
from PIL import Image

PICTURE = Path(__file__).parent.parent / "models" / "whole" / "softmax" / "samples" / "photo-cat.png"
# As torchvision prepares pictures for these networks.
SHORTEST, MEAN, STD = 256, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

NETWORKS = {
    "mobilenet_v2": lambda: torchvision.models.mobilenet_v2(num_classes=4),
    "mobilenet_v3_small": lambda: torchvision.models.mobilenet_v3_small(num_classes=4),
    "efficientnet_b0": lambda: torchvision.models.efficientnet_b0(num_classes=4),
    "resnet18": lambda: torchvision.models.resnet18(num_classes=4),
    "densenet121": lambda: torchvision.models.densenet121(num_classes=4),
    "convnext_tiny": lambda: torchvision.models.convnext_tiny(num_classes=4),
    "shufflenet_v2": lambda: torchvision.models.shufflenet_v2_x1_0(num_classes=4),
    "vit_tiny": lambda: timm.create_model("vit_tiny_patch16_224", num_classes=4),
    "edgenext_xx_small": lambda: timm.create_model("edgenext_xx_small", num_classes=4),
}
# One of each family, by its name in torchvision or in timm. Those of timm that want another size than 224 are left out.
TORCHVISION = """resnet50 regnet_y_400mf squeezenet1_1 googlenet inception_v3 mnasnet0_5 mobilenet_v3_large
    efficientnet_b1 efficientnet_v2_s swin_t vgg11_bn"""
TIMM = """mobilenetv4_conv_small efficientnet_lite0 tf_efficientnet_b0 ghostnet_100 repvgg_a0 rexnet_100 hrnet_w18_small dpn68 dla34
    res2net50_26w_4s selecsls42b nfnet_l0 resnetv2_50x1_bit convnextv2_atto convmixer_768_32 mixer_s32_224
    resmlp_12_224 coatnet_nano_rw_224 poolformer_s12 mobilevit_xxs levit_128s tiny_vit_5m_224 deit_tiny_patch16_224 cait_xxs24_224
    fastvit_t8 efficientformer_l1 repghostnet_050 seresnext26d_32x4d ecaresnet26t pvt_v2_b0"""


def of_torchvision(name: str) -> torch.nn.Module:
    """A network of torchvision without the heads that only training has."""
    options = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return getattr(torchvision.models, name)(num_classes=4, **options)


FURTHER = {name: partial(of_torchvision, name) for name in TORCHVISION.split()}
FURTHER |= {name: partial(timm.create_model, name, num_classes=4) for name in TIMM.split()}


def spread(network: torch.nn.Module) -> torch.nn.Module:
    """The network with statistics and scales that are no longer those of a fresh one, so that no step of it is without effect."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.running_mean.uniform_(-0.2, 0.2)
            layer.running_var.uniform_(0.5, 1.5)
    for weights in network.parameters():
        # What is the same everywhere: scales of 1 and of nearly 0, biases of 0.
        if weights.max() == weights.min():
            low, high = (0.7, 1.3) if weights.max() > 0.5 else (0.05, 0.5)
            torch.nn.init.uniform_(weights, low, high)
    return network.eval()


def exported(network: torch.nn.Module, size: int, dynamo: bool) -> bytes:
    """The ONNX file for one picture [1, 3, size, size], without files beside it."""
    picture, held = torch.zeros(1, 3, size, size), io.BytesIO()
    options = {"input_names": ["x"], "output_names": ["scores"], "dynamo": dynamo, "opset_version": 18 if dynamo else 17}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (picture,), held, **options)
    return held.getvalue()


def with_values(file: bytes, size: int, random: numpy.random.Generator) -> bytes:
    """The file with a random input and what ONNX Runtime makes of it, as initializers that nothing takes."""
    picture = random.uniform(-2, 2, (1, 3, size, size)).astype(numpy.float32)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    scores = session.run(["scores"], {"x": picture})[0]
    assert numpy.isfinite(scores).all() and scores.std() > 1e-4, f"the scores {scores} tell nothing"
    model = onnx.load_model_from_string(file)
    for name, value in (("x", picture), ("scores", scores)):
        model.graph.initializer.append(numpy_helper.from_array(value, f"value of {name}"))
    return model.SerializeToString(deterministic=True)


def write_folder(place: Path, file: bytes, size: int) -> None:
    """A model folder of the network, with a picture and what torchvision and ONNX Runtime make of it."""
    (place / "samples").mkdir(parents=True, exist_ok=True)
    (place / "model.onnx").write_bytes(file)
    shutil.copy(PICTURE, place / "samples" / "photo-cat.png")
    prepared = torchvision.transforms.Compose([
        torchvision.transforms.Resize(SHORTEST * size // 224), torchvision.transforms.CenterCrop(size),
        torchvision.transforms.ToTensor(), torchvision.transforms.Normalize(MEAN, STD),
    ])(Image.open(PICTURE).convert("RGB"))
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    scores = torch.tensor(session.run(["scores"], {"x": prepared[None].numpy()})[0][0]).softmax(0)
    names = [f"class-{number}" for number in range(1, len(scores) + 1)]
    answer = {"classes": dict(zip(names, [round(float(score), 6) for score in scores])), "tolerance": 0.01}
    (place / "samples" / "photo-cat.json").write_text(json.dumps(answer, indent=2))
    classes = "".join(f'\n[[class]]\nid = "{name}"\n' for name in names)
    (place / "model.toml").write_text(
        f'schema = 2\nname = "{place.name}"\n\n[input]\nsize = [{size}, {size}]\nchannels = 3\nmean = {MEAN}\nstd = {STD}\n'
        f'resize = "center-crop"\nshortest = {SHORTEST * size // 224}\nmargins = "keep"\nmodality = []\n\n'
        f'[output]\nscores = "scores"\nactivation = "softmax"\n{classes}'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--further", action="store_true", help="the further networks in place of the nine")
    parser.add_argument("--only", nargs="*", choices=[*NETWORKS, *FURTHER])
    parser.add_argument("--folders", action="store_true", help="model folders in place of cases")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    known = NETWORKS | FURTHER
    names = options.only or (FURTHER if options.further else NETWORKS)
    for number, name in enumerate(known):
        if name not in names:
            continue
        torch.manual_seed(number)
        network = spread(known[name]())
        for exporter, dynamo in (("classic", False), ("dynamo", True)):
            file = exported(network, options.size, dynamo)
            if options.folders:
                write_folder(options.out / f"{name}-{exporter}", file, options.size)
            else:
                file = with_values(file, options.size, numpy.random.default_rng(number))
                (options.out / f"{name}-{exporter}.onnx").write_bytes(file)
            print(f"{name}-{exporter}: {len(file) / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
