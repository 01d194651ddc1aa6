"""Makes random views of all training slices and keeps what the frozen part of the network gives for them.

Segmenter, window, frame and trunk keep their weights, so a view has to go through them once and not in every run: what
train.py learns from are the trunk's features. A round draws one crop of each slice and shows it twice: a labelled slice in two
windows, resolutions and kernels; a LUNA16 slice clear and, in the same window, with lesions painted into it.
`rows.npz` has the slices, `plain.npz` the features of the slices as they are, `round-K-*.npy` the views.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper
from torch import Tensor
from torch.nn import functional

import arguments
import augment
import data
import lesions
from network import CLOSE, SIZE, STRIDE, TRUNK, Frame, cut

BATCH = 32
# Cells of the opacity, and pixels of the cut-out picture in each.
FINE = 2 * CLOSE // STRIDE
TRAINED = ("train", "val", "sars", "source", "slice", "luna_fit")
# Slices that are judged but never trained on.
JUDGED = (*TRAINED, "luna_held")


class Seen(NamedTuple):
    """What the frozen part gives of N slices: features [N,48,28,28], lung [N,1,14,14], fine [N,1,28,28] (the share of each
    opacity cell that is lung), target [N,2,28,28] (the shares that are ground glass and consolidation)."""

    features: Tensor
    lung: Tensor
    fine: Tensor
    target: Tensor


def known_of(arrays: data.Arrays) -> dict[str, np.ndarray]:
    """By an image's name in lesion-masks: lungs, ground glass and consolidation [3,H,W], from -1 to 1, cut as the image was."""
    found = {}
    images, lungs, drawn = (arrays.of(split) for split in ("slice", "lungs", "lesions"))
    names = [[Path(path).stem for path in part.path] for part in (images, lungs, drawn)]
    if not names[0] == names[1] == names[2]:
        raise ValueError("slices and masks do not pair")
    frame = Frame(*torch.from_numpy(images.inside.T.astype(np.float32)))
    level = torch.from_numpy(drawn.inputs * 128 + 127)
    whole = torch.from_numpy(lungs.inputs) > 0, (level > 64) & (level < 191), level >= 191
    masks = cut(torch.cat([part.float() for part in whole], 1), frame, drawn.inputs.shape[-1])
    for path, mask in zip(images.path, masks.numpy()):
        found[path] = mask * 2 - 1
    return found


class Front:
    """Segmenter, window, frame and trunk of an exported file, which stay as they are; ONNX Runtime is the quickest to run them."""

    OUTPUTS = ("lung", "lung.close", f"block{TRUNK - 1}.add", *(f"frame.{way}.{end}" for way in ("down", "across") for end in ("start", "end")))

    def __init__(self, path: Path, threads: int):
        model = onnx.load(path)
        for name in self.OUTPUTS[1:]:
            model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def lungs(self, inputs: np.ndarray) -> Tensor:
        """The lungs of inputs [N,1,H,W] as shares of cells, [N,1,56,56]."""
        parts = []
        for i in range(0, len(inputs), BATCH):
            fitted = functional.interpolate(torch.from_numpy(inputs[i : i + BATCH]), size=(SIZE, SIZE), mode="bilinear", antialias=True)
            parts.append(torch.from_numpy(self.session.run(["lung"], {"slice": fitted.numpy()})[0]))
        return torch.cat(parts)

    def look(self, x: Tensor, cover: Tensor | None) -> Seen:
        """What is seen of x [N,1,S,S] where `cover` [N,2,S,S] is opaque; without it nothing is known."""
        share, lung, features, *ends = map(torch.from_numpy, self.session.run(self.OUTPUTS, {"slice": x.numpy()}))
        frame = Frame(*(end.flatten() for end in ends))

        def fine(part: Tensor) -> Tensor:
            return functional.avg_pool2d(cut(part, frame, 4 * FINE), 4)

        target = torch.zeros(len(x), 2, FINE, FINE) if cover is None else fine(cover)
        return Seen(features, lung, fine(share), target)


def dark_of(x: Tensor, lung: Tensor) -> Tensor:
    """The level [N] in 0..1 of the darker part of the lungs of x [N,1,H,W]."""
    gray = ((x * 128 + 127) / 255).clamp(0, 1)
    return lesions.quantile(gray, lung > 0.5, torch.full((len(x),), 0.3)).view(-1).clamp(max=0.5)


def two_views(x: Tensor, lung: Tensor, drawn: Tensor | None, luna: Tensor, front: Front, generator: torch.Generator) -> tuple[Seen, Seen]:
    """Two views of x [N,1,H,W] with lungs [N,1,h,w] and drawn lesions [N,2,H,W] (-1 to 1), if any; those of LUNA16 clear and painted."""
    lung = functional.interpolate(lung, size=x.shape[-2:], mode="bilinear")
    dark = dark_of(x, lung)
    stack = torch.cat([x, lung * 2 - 1, *([] if drawn is None else [drawn])], 1)
    stack = augment.crop(stack, SIZE, generator)
    gray, lung = (stack[:, :1] + 1) / 2, ((stack[:, 1:2] + 1) / 2).clamp(0, 1)
    cover = None if drawn is None else ((stack[:, 2:] + 1) / 2).clamp(0, 1)
    state = generator.get_state()
    first = augment.shade(gray * 2 - 1, generator, dark)
    if not luna.any():
        return front.look(first, cover), front.look(augment.shade(gray * 2 - 1, generator, dark), cover)
    # Painted first, then shown like the clear one.
    painted, strokes = lesions.paint(gray, lung, 1.0, generator)
    again = augment.shade(gray * 2 - 1, generator, dark)
    generator.set_state(state)
    painted = augment.shade(painted * 2 - 1, generator, dark)
    is_luna = luna.view(-1, 1, 1, 1)
    second = front.look(torch.where(is_luna, painted, again), torch.where(is_luna, strokes[:, :2], cover))
    return front.look(first, cover), second


def packed(seen: Seen) -> dict[str, np.ndarray]:
    """Seen as it is kept: features in f16, shares in steps of 1 / 255."""
    shares = {name: (getattr(seen, name) * 255).round().clamp(0, 255).to(torch.uint8).numpy() for name in ("lung", "fine", "target")}
    return {"features": seen.features.half().numpy()} | shares


def main() -> None:
    parser = arguments.parser(__doc__, "manifest", "arrays", "start", out="folder for the views")
    parser.add_argument("--views", type=Path, required=True, help="arrays at 384, the source of random views")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--first", type=int, default=0, help="the first round to make")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    front = Front(options.start, options.threads)
    if options.first == 0:
        write_plain(data.load(options.manifest, options.arrays), front, options.out)
    arrays = data.load(options.manifest, options.views)
    known = known_of(arrays)
    slices = arrays.take(trained(arrays))
    none = np.full((3, *slices.inputs.shape[-2:]), -1, dtype=np.float32)
    lungs = front.lungs(slices.inputs)
    for number in range(options.first, options.rounds):
        generator = torch.Generator().manual_seed(100 + number)
        begin, kept = time.monotonic(), {}
        for i in range(0, len(slices.label), BATCH):
            part = slice(i, i + BATCH)
            drawn = None
            if np.isin(slices.split[part], ("slice", "luna_fit")).any():
                drawn = torch.from_numpy(np.stack([known.get(path, none)[1:] for path in slices.path[part]]))
            luna = torch.from_numpy(slices.split[part] == "luna_fit")
            with torch.inference_mode():
                pair = two_views(torch.from_numpy(slices.inputs[part]), lungs[part], drawn, luna, front, generator)
            for index, seen in enumerate(pair):
                for name, values in packed(seen).items():
                    kept.setdefault(name, np.empty((len(slices.label), 2, *values.shape[1:]), values.dtype))[part, index] = values
        for name, values in kept.items():
            np.save(options.out / f"round-{number}-{name}.npy", values)
        (options.out / f"round-{number}").touch()
        print(f"round {number}: {time.monotonic() - begin:.0f} s", flush=True)


def trained(arrays: data.Arrays) -> np.ndarray:
    """bool [N]: the slices that may be trained on; LUNA16 and volumes' only where the segmenter's mask shows enough lung."""
    return np.isin(arrays.split, TRAINED) & arrays.clean


def write_plain(arrays: data.Arrays, front: Front, out: Path) -> None:
    """plain.npz and rows.npz of the slices as they are, those that are judged alone included."""
    known = known_of(arrays)
    judged = arrays.take(np.isin(arrays.split, JUDGED) & arrays.clean)
    none = np.full((3, *judged.inputs.shape[-2:]), -1, dtype=np.float32)
    parts = []
    with torch.inference_mode():
        for i in range(0, len(judged.label), BATCH):
            drawn = torch.from_numpy(np.stack([known.get(path, none) for path in judged.path[i : i + BATCH]]))
            x = torch.from_numpy(judged.inputs[i : i + BATCH])
            parts.append(packed(front.look(x, ((drawn[:, 1:] + 1) / 2).clamp(0, 1))))
    for name in parts[0]:
        np.save(out / f"plain-{name}.npy", np.concatenate([part[name] for part in parts]))
    columns = ("path", "label", "split", "group", "source")
    np.savez(out / "rows.npz", trained=trained(judged), **{name: getattr(judged, name) for name in columns})
    print(f"{len(judged.label)} slices as they are", flush=True)


if __name__ == "__main__":
    main()
