"""The command lines of this folder: what several commands take stands here once, in one set of words."""

import argparse
from pathlib import Path

SHARED: dict[str, dict] = {
    "manifest": {"help": "manifest.csv of data.py"},
    "arrays": {"help": "what `lungglass preprocess --size 336` made of it"},
    "onnx": {"help": "exported file of the network"},
    "start": {"help": "exported file that training goes on from"},
    "command": {"help": "the `lungglass` command"},
    "folds": {"nargs": "+", "help": "held.csv of the runs that held folds out"},
}


def parser(description: str | None, *shared: str, out: str | None = None) -> argparse.ArgumentParser:
    """A parser with the `shared` paths, all required, and with --out where `out` says what it is."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in shared:
        made.add_argument(f"--{name}", type=Path, required=True, **SHARED[name])
    if out is not None:
        made.add_argument("--out", type=Path, required=True, help=out)
    return made
