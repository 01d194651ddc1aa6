"""Times model folders on the CPU against ONNX Runtime: one thread each, on one core, in turn. Prints a table in Markdown.

    python networks.py --out FOLDER --folders
    python speed.py FOLDER/*-classic --command ../../target/release/lungglass [--turns 5] [--rounds 10]

Needs numpy and onnxruntime. A turn is `rounds` passes of ours, each over the same picture after a warm-up (`lungglass bench`), and as many of
ONNX Runtime's; its time is the least of them, which other work on the machine moves least. The table has the median of the turns and of their
ratios, ours to theirs, and the least and the greatest ratio. Close what else runs.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path

import numpy
import onnxruntime

WARM_UP = 3


def ours(command: Path, folder: Path, rounds: int) -> float:
    """Milliseconds of a pass by the command."""
    told = subprocess.run(
        [command, "bench", "--model", folder, "--rounds", str(rounds), "--json"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout
    report = json.loads(told)
    assert report["device"] == "cpu", f"{folder.name} is run by {report['device']}"
    return next(part["least"] for part in report["parts"] if part["name"] == "network")


def opened(folder: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Symbolic lengths, such as that of a batch, are 1 in ours too.
    options.add_free_dimension_override_by_name("N", 1)
    return onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])


def theirs(session: onnxruntime.InferenceSession, rounds: int) -> float:
    """Milliseconds of a pass by ONNX Runtime."""
    [taken] = session.get_inputs()
    shape = [length if isinstance(length, int) else 1 for length in taken.shape]
    picture = {taken.name: numpy.random.default_rng(1).uniform(-2, 2, shape).astype(numpy.float32)}
    times = []
    for at in range(WARM_UP + rounds):
        start = time.perf_counter()
        session.run(None, picture)
        if at >= WARM_UP:
            times.append(1000 * (time.perf_counter() - start))
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--command", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"ONNX Runtime {onnxruntime.__version__}, {platform.machine()}, {options.turns} turns of {options.rounds} passes\n")
    print("| network | ours, ms | ONNX Runtime, ms | ratio | from | to |\n|---|---|---|---|---|---|")
    for folder in options.folders:
        session = opened(folder)
        turns = [(ours(options.command.resolve(), folder, options.rounds), theirs(session, options.rounds)) for _ in range(options.turns)]
        ratios = [own / other for own, other in turns]
        own, other = (statistics.median(times) for times in zip(*turns))
        ratio = statistics.median(ratios)
        name = folder.resolve().name
        print(f"| {name} | {own:.2f} | {other:.2f} | {ratio:.2f} | {min(ratios):.2f} | {max(ratios):.2f} |", flush=True)


if __name__ == "__main__":
    main()
