"""LungGlass from Python: the pipeline of the command, on the processor of this machine. For research and education, not a medical device.

    classifier = lungglass.Classifier()                 # or Classifier("mine/"): a model folder, or what `lungglass pack` wrote
    reading = classifier.read("slice.dcm")              # one slice: verdict, score, refusal, source
    readings = classifier.read_all("study/", "a.zip")   # every slice of files, folders and archives
    table = classifier.validate("test.csv")             # columns path,label,split,group; a pandas.DataFrame
    table.attrs["metrics"]["auc"]                       # with its interval
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Union

from ._error import Error
from ._lungglass import Session, validate as _validate

if TYPE_CHECKING:
    import pandas

__all__ = ["Classifier", "Error"]

PathLike = Union[str, "os.PathLike[str]"]
Reading = Dict[str, Any]


class Classifier:
    """A network that is ready to read: the one that ships, or that of a model folder, a packed model or an ONNX file.

    It reads on all cores, and lets other threads of Python go on meanwhile.
    """

    def __init__(self, model: Optional[PathLike] = None, *, operating_point: Optional[PathLike] = None) -> None:
        """`operating_point` is the settings file that `lungglass accept` wrote for a site: verdicts are by it.

        Raises Error with the code "model" for what is no model or has a fault, for samples that a folder says otherwise, for a settings
        file that does not fit, and where this machine computes wrongly; `lungglass check` names all faults of a folder.
        """
        self._options = [("--model", model), ("--operating-point", operating_point)]
        self._session = Session(model, operating_point)

    @property
    def model(self) -> Dict[str, Any]:
        """Name, version and SHA-256 of the network; `operating_point` where it reads by one."""
        return json.loads(self._session.model())

    def read(self, path: PathLike) -> Reading:
        """The reading of a file of one slice: the object that `lungglass classify --json` prints.

        A slice that is refused is a reading too, with its `refusal`. Raises Error with the code of what is wrong with a file that
        cannot be read, and with "argument" for one of several slices, or of none.
        """
        readings = self.read_all(path)
        if len(readings) != 1:
            raise Error("argument", f"{os.fspath(path)}: it holds {len(readings)} slices; read_all gives all of them")
        error = readings[0]["error"]
        if error:
            raise Error(error["code"], f"{os.fspath(path)}: {error['message']}")
        return readings[0]

    def read_all(self, *paths: PathLike) -> List[Reading]:
        """The readings of all slices of files, folders and ZIP archives, in order. One that cannot be read has the verdict "error" and its
        `error`, and stops nothing; files of folders and archives that are no image are left out.
        """
        return [json.loads(line) for line in self._session.read(list(paths))]

    def validate(
        self,
        manifest: PathLike,
        *,
        split: Optional[str] = None,
        unit: str = "slice",
        label_is: Optional[str] = None,
        thresholds: Sequence[float] = (),
        specificities: Sequence[float] = (),
        subgroups: Sequence[str] = (),
        out: Optional[PathLike] = None,
    ) -> pandas.DataFrame:
        """Judges the network on labelled slices as `lungglass validate` does, and gives the rows of predictions.csv.

        `manifest` is a CSV with the columns path,label,split,group. `split` takes its rows of one split; `unit` is "slice", "group" or
        "study"; `label_is` is the class that label 1 stands for, of a network that tells several. `thresholds`, `specificities` and
        `subgroups` ask for more measures. `out` is the folder that keeps predictions.csv, metrics.json and report.html. The measures are in
        `.attrs["metrics"]`. A row that cannot be read has the verdict "error" and counts as wrong. What the command warns of
        comes on the standard error of the process. Needs pandas.

        Raises Error with the code "validate" for a manifest with a fault, and with "argument" for what `lungglass validate` does not take.
        """
        import pandas

        options = [
            ("--manifest", manifest), ("--unit", unit), *self._options, ("--split", split), ("--class", label_is),
            *[("--threshold", value) for value in thresholds], *[("--at-specificity", value) for value in specificities],
            *[("--subgroup", value) for value in subgroups],
        ]  # fmt: skip
        words = [f"{name}={os.fspath(value) if isinstance(value, os.PathLike) else value}" for name, value in options if value is not None]
        with tempfile.TemporaryDirectory() as desk:
            folder = Path(desk) / "validation" if out is None else Path(out)
            _validate([*words, f"--out={os.fspath(folder)}"])
            # What is empty is missing; a group that is called NA is one.
            table = pandas.read_csv(
                folder / "predictions.csv", dtype={"path": str, "split": str, "group": str}, keep_default_na=False, na_values=[""]
            )
            table.attrs["metrics"] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return table
