"""DICOM objects of LungGlass, read by others' programs: makes series, and holds what highdicom and pydicom read of their objects
against the lines of the command and the pixels of the slices.

    python objects.py make SLICE.dcm FOLDER
    python objects.py check FOLDER LINES.jsonl SUMMARY.json OBJECTS
    python objects.py volume LESION_MASKS VOLUME FOLDER
    python objects.py masks DRAWN.npz MASKS SEGMENTATION.dcm
"""

import csv
import json
import sys
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from PIL import Image

# Where rows and columns of the file run to, and what makes them of a slice whose front is up and whose right is at the left.
WAYS = {
    "plain": ([1, 0, 0, 0, 1, 0], lambda pixels: pixels),
    "half": ([-1, 0, 0, 0, -1, 0], lambda pixels: pixels[::-1, ::-1]),
    "quarter": ([0, 1, 0, -1, 0, 0], lambda pixels: pixels.T[::-1]),
}
NAMES = {"plain": ("ISO_IR 100", "M\u00fcller^J\u00f6rg"), "half": ("ISO_IR 192", "\u5c71\u7530^\u592a\u90ce"), "quarter": ("ISO_IR 100", "Roe^Jane")}
PATIENT = "SECRET-77"
SLICES = 3


def make(source: Path, folder: Path) -> None:
    """A series a way, of slices that differ."""
    pixels = pydicom.dcmread(source).pixel_array
    for way, (orientation, stored) in WAYS.items():
        (folder / way).mkdir(parents=True)
        study, series, frame = (pydicom.uid.generate_uid(entropy_srcs=[way, what]) for what in ("study", "series", "frame"))
        for number in range(SLICES):
            slice_ = pydicom.dcmread(source)
            slice_.SpecificCharacterSet, slice_.PatientName = NAMES[way]
            slice_.PatientID, slice_.PatientBirthDate, slice_.PatientSex = PATIENT, "19500102", "F"
            slice_.StudyDate, slice_.StudyTime, slice_.StudyID = "20200304", "111213.5", "S1"
            slice_.AccessionNumber, slice_.ReferringPhysicianName = "ACC9", "Doc^Tor"
            slice_.Modality, slice_.InstanceNumber, slice_.SliceThickness = "CT", number + 1, 2.5
            slice_.StudyInstanceUID, slice_.SeriesInstanceUID, slice_.FrameOfReferenceUID = study, series, frame
            slice_.SOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[way, str(number)])
            slice_.file_meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID
            slice_.ImageOrientationPatient = orientation
            slice_.ImagePositionPatient = [-160.25, -159.5, -2.5 * number]
            shifted = np.roll(pixels, 3 * number, axis=1)
            slice_.PixelData = np.ascontiguousarray(stored(shifted)).astype("<i2").tobytes()
            slice_.save_as(folder / way / f"{number}.dcm")


def check(folder: Path, lines: Path, summary: Path, objects: Path) -> None:
    """Fails where an object says something else than lines and slices."""
    readings = {}
    for line in lines.read_text().splitlines():
        reading = json.loads(line)
        readings[Path(reading["file"])] = reading
    studies = {study["ordinal"]: study for study in json.loads(summary.read_text())["studies"]}
    lungs = {}
    for at, way in enumerate(sorted(WAYS), start=1):
        slices = {}
        for path in sorted((folder / way).iterdir()):
            slice_ = pydicom.dcmread(path)
            slices[slice_.SOPInstanceUID] = (slice_, readings[path])
        segmentation = highdicom.seg.segread(objects / f"series-{at}-seg.dcm")
        check_report(highdicom.sr.srread(objects / f"series-{at}-sr.dcm"), segmentation, slices, studies[at])
        lungs[way] = check_segmentation(segmentation, slices)
    for way, (_, stored) in WAYS.items():
        for plain, found in zip(lungs["plain"], lungs[way]):
            assert np.count_nonzero(stored(plain) != found) <= 2, f"the lungs of {way} lie elsewhere"


def check_patient(found: pydicom.Dataset, slice_: pydicom.Dataset) -> None:
    for keyword in (
        "SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate",
        "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
    ):  # fmt: skip
        assert found[keyword].value == slice_[keyword].value, keyword
    assert found.SeriesInstanceUID != slice_.SeriesInstanceUID
    assert str(found.PatientName) in [name for _, name in NAMES.values()]


def check_segments(content: highdicom.sr.MeasurementReport, segmentation: highdicom.seg.Segmentation, study: dict) -> None:
    """A group a segment, which it refers to by object and number."""
    groups = content.get_volumetric_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == [
        segmentation.get_segment_description(number).tracking_id for number in segmentation.segment_numbers
    ]
    for number, group in zip(segmentation.segment_numbers, groups):
        description = segmentation.get_segment_description(number)
        assert group.tracking_uid == description.tracking_uid
        assert group.finding_type == description.segmented_property_type
        (image,) = [item for item in group.referenced_segment if item.ValueType == "IMAGE"]
        (reference,) = image.ReferencedSOPSequence
        assert reference.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        assert reference.ReferencedSegmentNumber == number
        values = {measurement.name.value: measurement.value for measurement in group.get_measurements()}
        lungs = study["extent"]["lungs"]
        expected = {"Lungs": ("118565006", lungs["volume_ml"]), "Ground glass": ("ground-volume", 100 * lungs["ground_glass"]), "Consolidation": ("consol-volume", 100 * lungs["consolidation"])}
        code, value = expected[group.tracking_identifier]
        assert values.keys() == {code} and np.isclose(values[code], value, rtol=1e-6, atol=1e-8), (values, expected)


def check_report(
    report: highdicom.sr.Comprehensive3DSR, segmentation: highdicom.seg.Segmentation, slices: dict, study: dict
) -> None:
    check_patient(report, next(iter(slices.values()))[0])
    content = report.content
    assert isinstance(content, highdicom.sr.MeasurementReport)
    check_segments(content, segmentation, study)
    groups = content.get_image_measurement_groups()
    assert len(groups) == 1 + len(slices), len(groups)
    numbers = lambda group: {measurement.name.value: measurement.value for measurement in group.get_measurements()}
    shares = {"opacity": "share", "ground-glass": "ground_glass", "consolidation": "consolidation"}
    found = {}
    for group in groups:
        texts = {item.name.value: item.value for item in group[0].ContentSequence if item.ValueType == "TEXT"}
        assert texts["111001"] and texts["111003"], "the algorithm has a name and a version"
        if group.tracking_identifier == "series":
            check_study(group, study, len(slices))
            continue
        (image,) = [item for item in group[0].ContentSequence if item.ValueType == "IMAGE"]
        found[image.referenced_sop_instance_uid] = group
    assert found.keys() == slices.keys()
    for uid, (_, reading) in slices.items():
        values = numbers(found[uid])
        assert np.isclose(values["score"], reading["score"], rtol=1e-6)
        for code, key in shares.items():
            assert np.isclose(values[code], 100 * reading["opacity"][key], rtol=1e-6, atol=1e-8), code
        (verdict,) = [item.value.value for item in found[uid].get_qualitative_evaluations()]
        assert verdict == VERDICTS[reading["verdict"]]
        parameters = [item.value for item in found[uid][0].ContentSequence if item.name.value == "111002"]
        assert any(reading["model"]["sha256"] in text for text in parameters)


VERDICTS = {"positive": "10828004", "negative": "260385009", "uncertain": "82334004"}


def check_study(group: highdicom.sr.MeasurementsAndQualitativeEvaluations, study: dict, slices: int) -> None:
    values, parts = {}, {}
    for measurement in group.get_measurements():
        sites = [site.value.value for site in measurement.finding_sites]
        (parts if sites else values)[(measurement.name.value, *sites)] = measurement.value
    assert values[("judged",)] == slices == study["counts"]["judged"]
    assert np.isclose(values[("score",)], study["score"], rtol=1e-6)
    assert [item.value.value for item in group.get_qualitative_evaluations()] == [VERDICTS[study["verdict"]]]
    volumes = {site: value for (name, *sites), value in parts.items() if name == "118565006" for site in sites}
    sites = {"lungs": "39607008", "right": "3341006", "left": "44029006", "upper": "281392002", "lower": "281394001"}
    shares = {"opacity-volume": "share", "ground-volume": "ground_glass", "consol-volume": "consolidation"}
    for part, site in sites.items():
        said = study["extent"][part]
        assert (site in volumes) == (said is not None), part
        # Slices of 2.5 mm; the number is in millilitres.
        assert said is None or np.isclose(volumes[site], said["volume_ml"], rtol=1e-6), part
        for code, key in shares.items():
            found, said = parts.get((code, site)), study["extent"][part]
            assert (found is None) == (said is None), (part, code)
            assert found is None or np.isclose(found, 100 * said[key], rtol=1e-6, atol=1e-8), (part, code)


def check_segmentation(object_: highdicom.seg.Segmentation, slices: dict) -> list:
    """The lungs of each slice, as they lie in its file."""
    check_patient(object_, next(iter(slices.values()))[0])
    first = next(iter(slices.values()))[0]
    assert object_.FrameOfReferenceUID == first.FrameOfReferenceUID
    labels = [object_.get_segment_description(number).segment_label for number in object_.segment_numbers]
    assert labels[0] == "Lungs", labels
    masks = object_.get_pixels_by_source_instance(
        source_sop_instance_uids=list(slices), ignore_spatial_locations=True, assert_missing_frames_are_empty=True
    )
    for frame in object_.PerFrameFunctionalGroupsSequence:
        uid = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert frame.PlanePositionSequence[0].ImagePositionPatient == slices[uid][0].ImagePositionPatient
    shared = object_.SharedFunctionalGroupsSequence[0]
    assert shared.PlaneOrientationSequence[0].ImageOrientationPatient == first.ImageOrientationPatient
    assert shared.PixelMeasuresSequence[0].PixelSpacing == first.PixelSpacing
    lungs = [masks[at, :, :, 0].astype(bool) for at in range(len(slices))]
    for lung, (slice_, _) in zip(lungs, slices.values()):
        air = (slice_.pixel_array > -950) & (slice_.pixel_array < -500)
        assert np.count_nonzero(lung & air) > 0.66 * np.count_nonzero(lung) > 10_000, "lungs are mostly air"
    for segment in range(1, masks.shape[3]):
        assert not np.any(masks[..., segment].astype(bool) & ~masks[..., 0].astype(bool)), "opacity lies in the lungs"
    return lungs


# Millimetres from pixel to pixel and from slice to slice: the pictures of volumes do not tell theirs.
SPACING, DEPTH = 0.8, 5.0
SEGMENTS = ("Lungs", "Ground glass", "Consolidation")


def volume(data: Path, number: Path, folder: Path) -> None:
    """A volume of lesion-masks, from its pictures, as a series of single frames and as one enhanced CT, the feet first."""
    with open(data / "slices.csv", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["volume"] == str(number)]
    levels = np.stack([np.asarray(Image.open(data / "images" / name).convert("L")) for name in names])
    # Its window is that of the network.
    values = (levels.astype(np.int32) * 1500 // 255 - 1350).astype("<i2")
    (folder / "single").mkdir(parents=True)
    (folder / "enhanced").mkdir()
    for at, pixels in enumerate(values):
        slice_ = header("single", highdicom.UID(), pydicom.uid.CTImageStorage, pixels.shape)
        slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        slice_.ImagePositionPatient, slice_.ImageOrientationPatient = [-140, -140, DEPTH * at], [1, 0, 0, 0, 1, 0]
        slice_.PixelSpacing, slice_.SliceThickness = [SPACING, SPACING], DEPTH
        slice_.InstanceNumber, slice_.RescaleSlope, slice_.RescaleIntercept = len(values) - at, 1, 0
        slice_.PixelData = pixels.tobytes()
        slice_.save_as(folder / "single" / f"{at:03}.dcm", enforce_file_format=True)
    whole = header("enhanced", highdicom.UID(), "1.2.840.10008.5.1.4.1.1.2.1", values.shape[1:])
    whole.ImageType, whole.NumberOfFrames, whole.InstanceNumber = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], len(values), 1
    whole.SharedFunctionalGroupsSequence = [group(
        PixelMeasuresSequence={"PixelSpacing": [SPACING, SPACING], "SliceThickness": DEPTH},
        PlaneOrientationSequence={"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
        PixelValueTransformationSequence={"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "HU"},
    )]
    whole.PerFrameFunctionalGroupsSequence = [
        group(FrameContentSequence={"StackID": "1", "InStackPositionNumber": at + 1}, PlanePositionSequence={"ImagePositionPatient": [-140, -140, DEPTH * at]})
        for at in range(len(values))
    ]
    whole.PixelData = values.tobytes()
    whole.save_as(folder / "enhanced" / "volume.dcm", enforce_file_format=True)
    drawn = np.stack([np.asarray(Image.open(data / "lungs" / Path(name).with_suffix(".png")).convert("1")) for name in names])
    np.savez_compressed(folder / "drawn.npz", lungs=drawn)


def header(series: str, instance: str, of: str, size: tuple[int, int]) -> pydicom.Dataset:
    """All of an image but what tells its frames apart, and its pixels."""
    found = pydicom.Dataset()
    found.file_meta = pydicom.dataset.FileMetaDataset()
    found.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    found.SOPClassUID = found.file_meta.MediaStorageSOPClassUID = of
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = instance
    found.Modality, found.PatientName, found.PatientID = "CT", "Volume^Drawn", PATIENT
    found.PatientBirthDate, found.PatientSex, found.StudyDate, found.StudyTime = "", "", "20200304", "111213"
    found.StudyID, found.AccessionNumber, found.ReferringPhysicianName = "", "", ""
    found.StudyInstanceUID = pydicom.uid.generate_uid(entropy_srcs=["volume"])
    found.SeriesInstanceUID, found.FrameOfReferenceUID = (pydicom.uid.generate_uid(entropy_srcs=[series, what]) for what in ("s", "f"))
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.Rows, found.Columns = size
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 16, 16, 15, 1
    return found


def group(**sequences: dict) -> pydicom.Dataset:
    """A functional group of sequences with an item each."""
    found = pydicom.Dataset()
    for name, values in sequences.items():
        item = pydicom.Dataset()
        item.update(values)
        setattr(found, name, [item])
    return found


def masks(drawn: Path, ours: Path, path: Path) -> None:
    """Fails where the segmentation has another pixel than LungGlass's maps, [slices, segments, rows, columns] of bytes, slices from the feet
    on; says how the lungs compare with those that a radiologist drew."""
    object_ = highdicom.seg.segread(path)
    expected = np.fromfile(ours, np.uint8).reshape(-1, len(SEGMENTS), object_.Rows, object_.Columns)
    found = np.zeros_like(expected)
    numbers = {number: SEGMENTS.index(object_.get_segment_description(number).segment_label) for number in object_.segment_numbers}
    frames = object_.pixel_array.reshape(-1, object_.Rows, object_.Columns)
    for frame, pixels in zip(object_.PerFrameFunctionalGroupsSequence, frames):
        at = round(float(frame.PlanePositionSequence[0].ImagePositionPatient[2]) / DEPTH)
        found[at, numbers[frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber]] = pixels
    assert found[:, 0].sum() > 0
    assert np.array_equal(found, expected), f"{np.count_nonzero(found != expected)} pixels differ"
    lungs = np.load(drawn)["lungs"]
    said = np.stack([np.asarray(Image.fromarray(255 * lung).resize(lungs.shape[:0:-1], Image.NEAREST)) > 0 for lung in found[:, 0]])
    dice = 2 * np.count_nonzero(said & lungs) / (np.count_nonzero(said) + np.count_nonzero(lungs))
    print(f"Dice of the lungs {dice:.3f}")
    assert dice > 0.9, dice


if __name__ == "__main__":
    {"make": make, "check": check, "volume": volume, "masks": masks}[sys.argv[1]](*map(Path, sys.argv[2:]))
