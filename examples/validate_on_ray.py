"""Validates on a Ray cluster: a task for each shard, then one report of the whole.

    pip install ray
    python examples/validate_on_ray.py --manifest test.csv --out report/ --shards 8

Ray decides where and when a shard is read, and reads it again if a machine is lost. Manifest, slices, the folder for the
report and the command must be in the same place on every machine. What follows `--` goes to `lungglass validate`:
`-- --device wgpu --split test`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import ray

# `lungglass` ends with this when all was done, but some slices could not be read: the report names them.
SOME_UNREADABLE = 2


@ray.remote(max_retries=2)
def validate(command: list[str], part: int, of: int, folder: str) -> str:
    """Reads part `part` of `of`, and gives the folder with its report."""
    # Where a lost machine had read some slices already, they need not be read again.
    line = [*command, "--shard", f"{part}/{of}", "--out", folder, "--resume"]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode not in (0, SOME_UNREADABLE):
        raise RuntimeError(f"shard {part}/{of}: {done.stderr.strip()}")
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the report; the shards' own are below it")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--cpus", type=float, default=1, help="for each shard")
    parser.add_argument("--gpus", type=float, default=0, help="for each shard")
    parser.add_argument("--command", default="lungglass", help="the command, if it is not on the PATH")
    parser.add_argument("more", nargs="*", metavar="-- OPTIONS", help="for lungglass validate")
    arguments = parser.parse_args()

    # Joins the cluster that RAY_ADDRESS names, or starts one on this machine.
    ray.init(log_to_driver=False)
    out = arguments.out.resolve()
    command = [arguments.command, "validate", "--manifest", str(arguments.manifest.resolve()), *arguments.more]
    task = validate.options(num_cpus=arguments.cpus, num_gpus=arguments.gpus)
    parts = range(1, arguments.shards + 1)
    folders = ray.get([task.remote(command, part, arguments.shards, str(out / f"shard-{part}")) for part in parts])
    return subprocess.run([arguments.command, "merge", *folders, "--out", str(out)]).returncode


if __name__ == "__main__":
    sys.exit(main())
