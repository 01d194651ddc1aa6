"""Files of many shapes in every codec that others read too, as they are and damaged, with what others' decoders make of each: OpenJPEG,
OpenJPH, libjxl, CharLS, libjpeg (of Richter and of the IJG), libtiff, zlib and pydicom's own. `tests/differential.rs` holds LungGlass
against them.

    python make.py FOLDER [--files 3000] [--seed 1] [--only jpeg_2000_ways]

Python with numpy, pydicom, pylibjpeg (libjpeg, openjpeg), pyjpegls, imagecodecs and Pillow; DCMTK's dcmcjpeg and OpenJPEG's opj_compress. A decoder that dies or takes
more than five seconds has read nothing.
"""

import argparse
import io
import os
import signal
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import imagecodecs
import jpeg_ls
import numpy as np
import openjpeg
import pydicom
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

SECONDS = 5
# Hounsfield units from air to soft tissue.
UNITS = 1000
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
# Copies of each file that are damaged.
DAMAGED = 3


def content(rng: np.random.Generator, bits: int, signed: bool) -> np.ndarray:
    """A slice of some size: noise, a gradient, an ellipse, few values, or one value alone."""
    height, width = (int(side) for side in rng.integers(1, rng.choice([9, 40, 150]), size=2))
    y, x = np.mgrid[0:height, 0:width]
    most = (1 << bits) - 1
    kind = rng.integers(5)
    if kind == 0:
        values = rng.integers(0, most + 1, size=(height, width))
    elif kind == 1:
        values = (x * most // max(width, 1) + y) % (most + 1)
    elif kind == 2:
        inside = ((x - width / 2) / (width / 2.5 + 1)) ** 2 + ((y - height / 2) / (height / 2.5 + 1)) ** 2 < 1
        values = np.where(inside, most // 2, most // 20) + rng.integers(0, max(most // 60, 1) + 1, size=(height, width))
    elif kind == 3:
        values = rng.choice(rng.integers(0, most + 1, size=3), size=(height, width))
    else:
        values = np.full((height, width), int(rng.integers(0, most + 1)))
    values = np.clip(values, 0, most)
    return (values - (1 << (bits - 1)) if signed else values).astype(np.int64)


def dataset(values: np.ndarray, bits: int, signed: bool, syntax: str) -> Dataset:
    """A CT image whose Hounsfield units are its stored values times a slope."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(syntax)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CT
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "2.25.1"
    data.Modality, data.PhotometricInterpretation, data.SamplesPerPixel = "CT", "MONOCHROME2", 1
    data.Rows, data.Columns = values.shape
    data.BitsAllocated = 8 if bits <= 8 else 16
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, int(signed)
    # Eight bits or fewer are Hounsfield units where the scale reaches from air to bone.
    data.RescaleIntercept, data.RescaleSlope = "0", "8" if bits <= 8 else "1"
    return data


def stored(values: np.ndarray, data: Dataset) -> np.ndarray:
    kind = ("i" if data.PixelRepresentation else "u") + str(data.BitsAllocated // 8)
    return values.astype(np.dtype("<" + kind))


def saved(data: Dataset) -> bytes:
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


# Transfer syntaxes that pydicom does not write, and those of the same length that it does.
WRITTEN_AS = {"1.2.840.10008.1.2.4.110": "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.8.1": "1.2.840.10008.1.2.1.98"}


def compressed(data: Dataset, codestream: bytes) -> bytes:
    data.PixelData = encapsulate([codestream + b"\0" * (len(codestream) % 2)])
    data["PixelData"].VR = "OB"
    syntax = str(data.file_meta.TransferSyntaxUID)
    written = WRITTEN_AS.get(syntax, syntax)
    data.file_meta.TransferSyntaxUID = UID(written)
    return saved(data).replace(written.encode(), syntax.ljust(len(written), "\0").encode(), 1)


def native(rng: np.random.Generator) -> bytes:
    bits, signed = int(rng.choice([8, 10, 12, 16])), bool(rng.integers(2))
    syntax = str(rng.choice([EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]))
    values = content(rng, bits, signed)
    data = dataset(values, bits, signed, syntax)
    raw = stored(values, data)
    # What else the unused bits hold.
    if bits in (10, 12) and rng.integers(2):
        noise = rng.integers(0, 1 << (16 - bits), size=values.shape) << bits
        raw = ((raw.astype(np.int64) & ((1 << bits) - 1)) | noise).astype("<u2")
    data.PixelData = raw.astype(raw.dtype.newbyteorder(">" if syntax.endswith("1.2.2") else "<")).tobytes()
    data.PixelData += b"\0" * (len(data.PixelData) % 2)
    data["PixelData"].VR = "OW" if data.BitsAllocated == 16 else "OB"
    return saved(data)


def rle(rng: np.random.Generator) -> bytes:
    bits = int(rng.choice([8, 12, 16]))
    values = content(rng, bits, False)
    data = dataset(values, bits, False, EXPLICIT)
    data.PixelData = stored(values, data).tobytes()
    data.PixelData += b"\0" * (len(data.PixelData) % 2)
    data["PixelData"].VR = "OW"
    data.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    return saved(data)


def jpeg_ls_(rng: np.random.Generator) -> bytes:
    bits, near = int(rng.integers(2, 17)), int(rng.choice([0, 0, 0, 1, 3]))
    near = min(near, (1 << bits) // 2 - 1)
    values = content(rng, bits, False)
    data = dataset(values, bits, False, "1.2.840.10008.1.2.4.80" if near == 0 else "1.2.840.10008.1.2.4.81")
    codestream = jpeg_ls.encode_array(stored(values, data), lossy_error=near)
    return compressed(data, bytes(codestream))


def jpeg_2000(rng: np.random.Generator) -> bytes:
    bits, signed, lossy = int(rng.choice([8, 10, 12, 16])), bool(rng.integers(2)), bool(rng.integers(4) == 0)
    values = content(rng, bits, signed)
    data = dataset(values, bits, signed, "1.2.840.10008.1.2.4.91" if lossy else "1.2.840.10008.1.2.4.90")
    ways = {"signal_noise_ratios": [60]} if lossy else {}
    codestream = encode_array(stored(values, data), bits_stored=bits, photometric_interpretation=2, **ways)
    return compressed(data, codestream)


def jpeg_2000_ways(rng: np.random.Generator) -> bytes:
    """Whatever OpenJPEG's own program can be told: resolutions, blocks, precincts, tiles, orders, layers, modes of the block coder."""
    bits, signed, lossy = int(rng.choice([8, 10, 12, 16])), bool(rng.integers(2)), bool(rng.integers(3) == 0)
    values = content(rng, bits, signed)
    data = dataset(values, bits, signed, "1.2.840.10008.1.2.4.91" if lossy else "1.2.840.10008.1.2.4.90")
    height, width = values.shape
    resolutions = int(rng.integers(1, 7))
    ways = ["-n", str(resolutions), "-p", str(rng.choice(["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"]))]
    ways += ["-b", str(rng.choice(["16,16", "32,32", "64,64", "32,64", "1024,4", "4,1024", "16,256"]))]
    ways += ["-M", str(int(rng.integers(64)))] if rng.integers(2) else []
    ways += ["-c", str(rng.choice(["[32,32]", "[64,128],[64,64]", "[128,128],[32,32],[64,64]"]))] if rng.integers(3) == 0 else []
    ways += ["-t", str(rng.choice(["64,64", "33,47", "128,40"]))] if rng.integers(3) == 0 else []
    ways += [way for way in ("-SOP", "-EPH", "-PLT", "-TLM") if rng.integers(4) == 0]
    ways += ["-TP", str(rng.choice(["R", "L"]))] if rng.integers(4) == 0 else []
    layers = str(rng.choice(["20,8,3", "5", "30,12"] if lossy else ["20,8,3,1", "40,1", "1"]))
    ways += ["-r", layers]
    ways += ["-I"] if lossy and rng.integers(2) else []
    # Where orders share packets, and in parts of a tile, OpenJPEG's program writes packets twice or leaves them out.
    if "-TP" not in ways and rng.integers(6) == 0 and resolutions > 2:
        every = layers.count(",") + 1
        ways += ["-POC", f"T1=0,0,{every},2,1,RLCP/T1=2,0,{every},{resolutions},1,LRCP"]
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder, "plain.rawl"), Path(folder, "packed.j2k")
        plain.write_bytes(stored(values, data).tobytes())
        kind = f"{width},{height},1,{bits},{'s' if signed else 'u'}"
        subprocess.run(["opj_compress", "-i", plain, "-o", packed, "-F", kind, *ways], check=True, capture_output=True)
        return compressed(data, packed.read_bytes())


def high_throughput(rng: np.random.Generator) -> bytes:
    bits, signed = int(rng.choice([8, 10, 12, 16])), bool(rng.integers(2))
    values = content(rng, bits, signed)
    data = dataset(values, bits, signed, "1.2.840.10008.1.2.4.201")
    return compressed(data, imagecodecs.htj2k_encode(stored(values, data), reversible=True))


def jpeg_xl(rng: np.random.Generator) -> bytes:
    bits = int(rng.choice([8, 16]))
    values = content(rng, bits, False)
    data = dataset(values, bits, False, "1.2.840.10008.1.2.4.110")
    return compressed(data, imagecodecs.jpegxl_encode(stored(values, data), lossless=True, effort=int(rng.integers(1, 8))))


def dcmtk(rng: np.random.Generator) -> bytes:
    """JPEG lossless with one of its predictors, baseline and extended, by DCMTK."""
    ways = [["+e1"], *(["+el", "+sv", str(predictor)] for predictor in range(1, 8)), ["+eb", "+q", "90"], ["+ee", "+q", "95"]]
    way = ways[rng.integers(len(ways))]
    bits = 8 if way[0] == "+eb" else 12 if way[0] == "+ee" else int(rng.choice([8, 12, 16]))
    values = content(rng, bits, False)
    data = dataset(values, bits, False, EXPLICIT)
    data.PixelData = stored(values, data).tobytes()
    data.PixelData += b"\0" * (len(data.PixelData) % 2)
    data["PixelData"].VR = "OW" if data.BitsAllocated == 16 else "OB"
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder, "plain.dcm"), Path(folder, "packed.dcm")
        plain.write_bytes(saved(data))
        subprocess.run(["dcmcjpeg", *way, "+un", plain, packed], check=True, capture_output=True)
        return packed.read_bytes()


def deflated_frame(rng: np.random.Generator) -> bytes:
    bits = int(rng.choice([8, 16]))
    values = content(rng, bits, False)
    data = dataset(values, bits, False, "1.2.840.10008.1.2.8.1")
    return compressed(data, zlib.compress(stored(values, data).tobytes())[2:-4])


def picture(rng: np.random.Generator) -> bytes:
    image = Image.fromarray(content(rng, 8, False).astype(np.uint8))
    file = io.BytesIO()
    kind = str(rng.choice(["PNG", "GIF", "BMP", "TIFF", "WEBP", "JPEG"]))
    if kind == "PNG" and rng.integers(2):
        image = image.convert("1")
    ways = {"WEBP": {"lossless": True}, "JPEG": {"quality": 92, "progressive": bool(rng.integers(2))}}.get(kind, {})
    if kind == "TIFF":
        ways = {"compression": str(rng.choice(["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]))}
    image.save(file, kind, **ways)
    return file.getvalue()


MAKERS = [native, rle, jpeg_ls_, jpeg_2000, jpeg_2000_ways, high_throughput, jpeg_xl, dcmtk, deflated_frame, picture]


def damage(rng: np.random.Generator, file: bytes) -> bytes:
    """One to three bytes changed, most of them in what is coded."""
    damaged = bytearray(file)
    start = damaged.find(b"\xe0\x7f\x10\x00")
    for _ in range(rng.integers(1, 4)):
        low = start if start > 0 and rng.integers(4) else 0
        at = int(rng.integers(low, len(damaged)))
        damaged[at] = int(rng.integers(256)) if rng.integers(2) else damaged[at] ^ (1 << int(rng.integers(8)))
    return bytes(damaged)


def read(file: bytes) -> tuple[np.ndarray, float] | None:
    """What others make of a file, and how far another decoder may be from it; None where none of them reads it."""
    if file[128:132] != b"DICM":
        with Image.open(io.BytesIO(file)) as image:
            lossy = image.format == "JPEG"
            if image.mode not in ("L", "1", "P") or (image.format == "GIF" and image.tile[0].extents != (0, 0, *image.size)):
                # What a frame leaves of its screen is a matter of taste.
                return None
            # Whatever a palette has of colour is another's matter.
            return np.asarray(image.convert("L")).astype(np.float32), 1.0 if lossy else 0.0
    data = pydicom.dcmread(io.BytesIO(file))
    syntax = data.file_meta.TransferSyntaxUID
    if data.get("NumberOfFrames", 1) != 1 or data.SamplesPerPixel != 1 or data.PhotometricInterpretation != "MONOCHROME2":
        return None
    shape = (data.Rows, data.Columns)
    if syntax in ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.8.1"):
        codestream = next(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=1))
        if syntax.endswith("8.1"):
            raw = zlib.decompressobj(-15).decompress(codestream)
            values = np.frombuffer(raw[: shape[0] * shape[1] * data.BitsAllocated // 8], f"<u{data.BitsAllocated // 8}").reshape(shape)
        else:
            values = imagecodecs.jpegxl_decode(codestream) if syntax.endswith("110") else openjpeg.decode(codestream)
            if syntax.endswith("201") and not np.array_equal(values, imagecodecs.htj2k_decode(codestream)):
                # Of what is damaged the two make two things.
                return None
    else:
        values = data.pixel_array
    if values.shape != shape:
        return None
    if data.BitsStored <= 8 and 255 * abs(float(data.RescaleSlope)) < UNITS:
        # Gray levels, which LungGlass does not take for Hounsfield units.
        return None
    bits = int(data.BitsStored)
    if syntax.endswith("201"):
        least = -(1 << (bits - 1)) if data.PixelRepresentation else 0
        if values.min() < least or values.max() >= least + (1 << bits):
            # LungGlass clips samples beyond their bits, as T.800 G.1.2 proposes; these two leave them, and overflow in different ways.
            return None
    # Bits above the stored ones are none of the pixel, and the data set says whether there is a sign.
    values = values.astype(np.int64) & ((1 << bits) - 1)
    if data.PixelRepresentation:
        values = np.where(values >> (bits - 1), values - (1 << bits), values)
    slope, intercept = float(data.RescaleSlope), float(data.RescaleIntercept)
    lossy = syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91")
    # Where in its step a quantised value lies is the decoder's to choose.
    tolerance = abs(slope) * (4 if bits > 12 else 2) if lossy else 0.0
    return values.astype(np.float32) * np.float32(slope) + np.float32(intercept), tolerance


def apart(file: bytes, path: Path) -> None:
    """Reads in a process of its own, which may die."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(SECONDS)
        try:
            found = read(file)
            if found is not None:
                values, tolerance = found
                head = np.array([values.shape[1], values.shape[0]], "<u4").tobytes() + np.float32(tolerance).tobytes()
                path.write_bytes(head + values.astype("<f4").tobytes())
        except BaseException:
            pass
        os._exit(0)
    os.waitpid(child, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[maker.__name__ for maker in MAKERS], help="one kind of file")
    arguments = parser.parse_args()
    makers = [maker for maker in MAKERS if arguments.only in (None, maker.__name__)]
    arguments.folder.mkdir(parents=True)
    rng = np.random.default_rng(arguments.seed)
    number = 0
    while number < arguments.files:
        maker = makers[number // (1 + DAMAGED) % len(makers)]
        try:
            whole = maker(rng)
        except (RuntimeError, ValueError, subprocess.CalledProcessError):
            # Some encoders refuse some sizes: another slice is made.
            continue
        for copy in range(1 + DAMAGED):
            file = whole if copy == 0 else damage(rng, whole)
            name = f"{number:05}-{maker.__name__.strip('_')}" + ("-damaged" if copy else "")
            (arguments.folder / name).write_bytes(file)
            apart(file, arguments.folder / f"{name}.read")
            number += 1
    print(f"{number} files in {arguments.folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
