"""How long a slice of JPEG 2000 takes to decode, against OpenJPEG, in turn: least and median of all slices, in ms.

    python speed.py --command ../../target/release/lungglass [--slice ../../www/samples/lidc-slice.dcm] [--rounds 5]

Python with pydicom, pylibjpeg-openjpeg and pyjpegls.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import openjpeg
import pydicom
from openjpeg.utils import encode_array
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID

ROOT = Path(__file__).parents[2]
COPIES = 12
KINDS = {"lossless": ("1.2.840.10008.1.2.4.90", {}), "lossy": ("1.2.840.10008.1.2.4.91", {"compression_ratios": [10]})}


def compressed(slice_: Path, syntax: str, ways: dict) -> pydicom.Dataset:
    data = pydicom.dcmread(slice_)
    codestream = encode_array(data.pixel_array, bits_stored=data.BitsStored, photometric_interpretation=2, **ways)
    data.PixelData = encapsulate([codestream + b"\0" * (len(codestream) % 2)])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = UID(syntax)
    return data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--command", type=Path, default=ROOT / "target/release/lungglass")
    parser.add_argument("--slice", type=Path, default=ROOT / "www/samples/lidc-slice.dcm")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for kind, (syntax, ways) in KINDS.items():
        data = compressed(arguments.slice, syntax, ways)
        codestream = next(generate_frames(data.PixelData, number_of_frames=1))
        ours, theirs = [], []
        with tempfile.TemporaryDirectory() as folder:
            for copy in range(COPIES):
                data.save_as(Path(folder, f"{copy}.dcm"))
            for _ in range(arguments.rounds):
                told = subprocess.run(
                    [arguments.command, "classify", "--json", folder], check=True, capture_output=True, text=True,
                    env={"RAYON_NUM_THREADS": "1"},
                ).stdout
                ours += [json.loads(line)["ms"]["decode"] for line in told.splitlines()]
                for _ in range(COPIES):
                    start = time.perf_counter()
                    openjpeg.decode(codestream)
                    theirs.append(1e3 * (time.perf_counter() - start))
        for name, times in (("LungGlass", ours), ("OpenJPEG", theirs)):
            print(f"{kind:9} {name:9} {min(times):6.1f} {statistics.median(times):6.1f}")
        print(f"{kind:9} ratio     {min(ours) / min(theirs):6.2f} {statistics.median(ours) / statistics.median(theirs):6.2f}")


if __name__ == "__main__":
    main()
