"""The manifest of all pictures, and the arrays that the shipped preprocessing makes of it.

Pictures are never opened here: `lungglass preprocess` reads them, so that the network is trained
and judged on exactly the values that it gets in the browser. The data's folder is named by the
environment variable LUNGGLASS_DATA.
"""

from __future__ import annotations

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import arguments

COLUMNS = ("path", "label", "split", "group", "clean", "collection", "source", "findings")
# The lesion labels of covid-ct/lesions.csv.
FINDINGS = ("ground_glass", "consolidation", "crazy_paving", "air_bronchogram", "septal_thickening")
# Folders of ood that hold renderings of a real chest-CT slice.
REFERENCES = ("chest-ct-reference", "formats")
# One LUNA16 series in ten is kept from the gate's fit.
HELD_SHARE = 0.1
# A slice of a COVID-19 volume counts as positive where more than this share of its lungs is opaque.
LESION = 0.01


def covid_ct_rows(root: Path) -> list[dict]:
    """COVID-CT by its official split; `clean` is 1 for the audited lists without leaks and doubtful labels."""
    with open(root / "covid-ct" / "audit.csv", newline="") as file:
        audit = {row["file"]: row for row in csv.DictReader(file)}
    with open(root / "covid-ct" / "lesions.csv", newline="") as file:
        lesions = {row["file"]: row for row in csv.DictReader(file)}
    rows = []
    for split in ("train", "val", "test"):
        for label, kind, folder in ((1, "covid", "CT_COVID"), (0, "noncovid", "CT_NonCOVID")):
            clean = set(read_list(root, f"{split}_clean_{kind}"))
            for name in read_list(root, f"{split}_{kind}"):
                rows.append(
                    {
                        "path": root / "covid-ct" / folder / name,
                        "label": label,
                        "split": split,
                        "group": audit[name]["group_id"],
                        "source": audit[name]["doi"].replace(" ", "") or audit[name]["group_id"],
                        "clean": int(name in clean),
                        "collection": "covid-ct",
                        "findings": " ".join(finding for finding in FINDINGS if lesions.get(name, {}).get(finding) == "1"),
                    }
                )
    return rows


def read_list(root: Path, name: str) -> list[str]:
    """File names of one list of covid-ct/split."""
    lines = (root / "covid-ct" / "split" / f"{name}.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip()]


def luna_rows(root: Path) -> list[dict]:
    """luna-256, split by series into `luna_fit` and `luna_held` by a hash of the series' UID."""
    rows = []
    for path in sorted((root / "luna-256").glob("*.png")):
        series = path.name.split(".mhd")[0]
        draw = int(hashlib.sha256(series.encode()).hexdigest()[:8], 16) / 2**32
        split = "luna_held" if draw < HELD_SHARE else "luna_fit"
        rows.append(
            {"path": path, "label": 0, "split": split, "group": series, "clean": 1, "collection": "luna-256", "source": "", "findings": ""}
        )
    return rows


def ood_rows(root: Path) -> list[dict]:
    """Pictures that are no axial chest-CT slice (`ood`), and a real slice in several guises (`reference`)."""
    rows = []
    for path in sorted((root / "ood").glob("*/*")):
        folder = path.parent.name
        if folder == "broken":
            continue
        split = "reference" if folder in REFERENCES else "ood"
        rows.append({"path": path, "label": 0, "split": split, "group": path.name, "clean": 1, "collection": folder, "source": "", "findings": ""})
    return rows


def mask_rows(root: Path) -> list[dict]:
    """lung-masks-256: slices (`lung`) and their masks (`mask`), grouped by volume. Every patient has COVID-19: no labels."""
    rows = []
    for split, folder in (("lung", "images"), ("mask", "masks")):
        for path in sorted((root / "lung-masks-256" / folder).glob("*.png")):
            volume = path.name.split("_")[0]
            rows.append(
                {"path": path, "label": 0, "split": split, "group": volume, "clean": 1, "collection": "lung-masks-256", "source": "", "findings": ""}
            )
    return rows


def row_of(path: Path, split: str, group: str, collection: str, label: int = 0, source: str = "") -> dict:
    """A row of the manifest for a picture outside COVID-CT."""
    return {
        "path": path, "label": label, "split": split, "group": group, "clean": 1,
        "collection": collection, "source": source, "findings": "",
    }


def sars_rows(root: Path) -> list[dict]:
    """SARS-CoV-2-CT (`sars`): both classes from the same hospitals, grouped by look."""
    folder = root / "sars-cov-2-ct"
    with open(folder / "slices.csv", newline="") as file:
        return [
            row_of(folder / row["file"], "sars", row["group"], "sars-cov-2-ct", int(row["label"]), "sars-cov-2-ct")
            for row in csv.DictReader(file)
        ]


def source_rows(root: Path) -> list[dict]:
    """Slices of many small sources (`source`), and chest slices whose window hides the lungs (`hidden`)."""
    folder = root / "sources"
    with open(folder / "slices.csv", newline="") as file:
        rows = [
            row_of(folder / row["file"], "source", row["group"], row["file"].split("/")[0], int(row["label"]), row["source"])
            for row in csv.DictReader(file)
        ]
    return rows + [row_of(path, "hidden", path.stem, "hidden-lungs") for path in sorted((folder / "hidden-lungs").glob("*.webp"))]


def lesion_rows(root: Path) -> list[dict]:
    """lesion-masks: slices (`slice`, label 1 where over LESION of the lung is opaque) with lungs and lesions, grouped by volume."""
    folder = root / "lesion-masks"
    rows = []
    with open(folder / "slices.csv", newline="") as file:
        for row in csv.DictReader(file):
            stem = Path(row["file"]).stem
            label, volume = int(float(row["lesion_of_lung"]) > LESION), f"volume{row['volume']}"
            rows.append(row_of(folder / "images" / row["file"], "slice", volume, "lesion-masks", label, volume))
            rows.append(row_of(folder / "lungs" / f"{stem}.png", "lungs", volume, "lesion-masks"))
            rows.append(row_of(folder / "lesions" / f"{stem}.png", "lesions", volume, "lesion-masks"))
    return rows


def other_rows(root: Path) -> list[dict]:
    """DICOM files that are no axial chest CT with lungs (`not_chest`)."""
    names = [*sorted((root / "dicom" / "not-chest-ct").glob("*.dcm")), *sorted((root / "dicom" / "transfer-syntaxes-neck-ct").glob("*original.dcm"))]
    return [row_of(path, "not_chest", path.name, "dicom") for path in names]


def write_manifest(out: Path) -> None:
    """Writes the manifest that `lungglass preprocess` reads; paths are absolute."""
    root = Path(os.environ["LUNGGLASS_DATA"]).resolve()
    rows = covid_ct_rows(root) + luna_rows(root) + ood_rows(root) + mask_rows(root)
    rows += sars_rows(root) + source_rows(root) + lesion_rows(root) + other_rows(root)
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{out}: {len(rows)} pictures")


@dataclass
class Arrays:
    """Rows of the manifest with what the preprocessing made of them, in the same order.

    inputs: float32 [N,1,S,S], (gray - 127) / 128, memory-mapped.
    label: int [N], 1 = COVID-19. split, group, path, collection: str [N]. source: str [N], the paper (DOI) or, unknown, the group.
    findings: bool [N,5], FINDINGS that the caption mentions; one not mentioned is unknown, not absent. clean: bool [N].
    extent: float64 [N,2], width and height of the picture in pixels.
    inside: float64 [N,4], where the input was cut out of it: top, bottom, left, right, as shares of its height and width.
    statistics: float64 [N,K], the gate's picture statistics; names: their K names.
    lung: float64 [N], the share of lung that a network finds, once one has looked.
    """

    inputs: np.ndarray
    label: np.ndarray
    split: np.ndarray
    group: np.ndarray
    path: np.ndarray
    collection: np.ndarray
    source: np.ndarray
    findings: np.ndarray
    clean: np.ndarray
    extent: np.ndarray
    inside: np.ndarray
    statistics: np.ndarray
    names: list[str]
    lung: np.ndarray | None = None

    def take(self, mask: np.ndarray) -> Arrays:
        """The rows where `mask` holds; the inputs are copied into memory."""
        columns = ("label", "split", "group", "path", "collection", "source", "findings", "clean", "extent", "inside", "statistics")
        return Arrays(
            inputs=np.ascontiguousarray(self.inputs[mask]),
            names=self.names,
            lung=None if self.lung is None else self.lung[mask],
            **{name: getattr(self, name)[mask] for name in columns},
        )

    def of(self, split: str, clean: bool = False) -> Arrays:
        """The rows of one split; only the audited ones if `clean`."""
        mask = self.split == split
        return self.take(mask & self.clean if clean else mask)


def load(manifest: Path, folder: Path) -> Arrays:
    """Joins the manifest with inputs.npy and index.csv of `lungglass preprocess --out folder`.

    Raises ValueError when a picture of a labelled split is missing.
    """
    with open(manifest, newline="") as file:
        wanted = {row["path"]: row for row in csv.DictReader(file)}
    with open(folder / "index.csv", newline="") as file:
        index = list(csv.DictReader(file))
    rows = [wanted[entry["path"]] for entry in index]
    missing = wanted.keys() - {entry["path"] for entry in index}
    lost = [path for path in missing if wanted[path]["split"] in ("train", "val", "test")]
    if lost:
        raise ValueError(f"{len(lost)} labelled pictures could not be read, first {lost[0]}")
    names = [name for name in index[0] if name.startswith("stat_")]
    inputs = np.load(folder / "inputs.npy", mmap_mode="r")
    order = [int(entry["row"]) for entry in index]
    if order != list(range(len(inputs))):
        raise ValueError("index.csv and inputs.npy disagree")
    text = {name: np.array([row[name] for row in rows]) for name in COLUMNS}
    return Arrays(
        inputs=inputs,
        label=text["label"].astype(int),
        split=text["split"],
        group=text["group"],
        path=text["path"],
        collection=text["collection"],
        source=text["source"],
        findings=np.array([[finding in words.split() for finding in FINDINGS] for words in text["findings"]]),
        clean=text["clean"] == "1",
        extent=np.array([[float(entry["width"]), float(entry["height"])] for entry in index]),
        inside=np.array([inside_of(entry) for entry in index]),
        statistics=np.array([[float(entry[name]) for name in names] for entry in index]),
        names=[name.removeprefix("stat_") for name in names],
    )


def inside_of(entry: dict) -> list[float]:
    """What a row of index.csv says of the picture's even margins, as Arrays has it."""
    width, height, left, top, across, down = (
        int(entry[name]) for name in ("width", "height", "left", "top", "inside_width", "inside_height")
    )
    return [top / height, (top + down) / height, left / width, (left + across) / width]


def main() -> None:
    parser = arguments.parser("Writes the manifest of all pictures in LUNGGLASS_DATA.", out="manifest.csv")
    write_manifest(parser.parse_args().out)


if __name__ == "__main__":
    main()
