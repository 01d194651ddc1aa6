"""DICOM objects of LungGlass, read by others' programs: makes series, and holds what highdicom and pydicom read of their objects
against the lines of the command and the pixels of the slices.

    python objects.py make SLICE.dcm FOLDER
    python objects.py check FOLDER LINES.jsonl SUMMARY.json OBJECTS
"""

import json
import sys
from pathlib import Path

import highdicom
import numpy as np
import pydicom

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
        check_report(highdicom.sr.srread(objects / f"series-{at}-sr.dcm"), slices, studies[at])
        lungs[way] = check_segmentation(highdicom.seg.segread(objects / f"series-{at}-seg.dcm"), slices)
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


def check_report(report: highdicom.sr.Comprehensive3DSR, slices: dict, study: dict) -> None:
    check_patient(report, next(iter(slices.values()))[0])
    content = report.content
    assert isinstance(content, highdicom.sr.MeasurementReport)
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
    sites = {"lungs": "39607008", "right": "3341006", "left": "44029006", "upper": "281392002", "lower": "281394001"}
    shares = {"opacity-volume": "share", "ground-volume": "ground_glass", "consol-volume": "consolidation"}
    for part, site in sites.items():
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


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*map(Path, sys.argv[2:]))
