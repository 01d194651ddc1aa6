"""The wheel against the command: the same slices, the same answers. command/tests/wheel.rs builds and installs the wheel, and runs this as

    LUNGGLASS_COMMAND=target/release/lungglass python -m unittest discover python/tests
"""

import csv
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import lungglass

ROOT = Path(__file__).resolve().parents[2]
COMMAND = os.environ["LUNGGLASS_COMMAND"]
CASES = ROOT / "tests/cases"
SLICE = CASES / "lidc-lung-window/input.png"
FRAMES = ROOT / "tests/dicom/native-s16-multi.dcm"
TEXTURES = ROOT / "examples/textures"
# What is no number, and what is not missing.
GROUPS = ["007", "NA"]


def told(*arguments):
    """The lines of `lungglass classify --json`, without what differs from run to run."""
    lines = subprocess.run([COMMAND, "classify", "--json", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return [steady(json.loads(line)) for line in lines.decode().splitlines()]


def steady(reading):
    return {key: value for key, value in reading.items() if key != "ms"}


class Reading(unittest.TestCase):
    def test_a_slice_is_read_as_the_command_reads_it(self):
        classifier = lungglass.Classifier()
        reading = classifier.read(SLICE)
        self.assertEqual([steady(reading)], told(SLICE))
        self.assertEqual(classifier.model, {key: reading["model"][key] for key in ("name", "version", "sha256")})

    def test_folders_and_frames_are_walked_as_the_command_walks_them(self):
        readings = lungglass.Classifier().read_all(CASES, str(FRAMES))
        self.assertGreater(len(readings), 10)
        self.assertEqual([steady(reading) for reading in readings], told(CASES, FRAMES))

    def test_a_model_folder_tells_its_classes(self):
        classifier = lungglass.Classifier(TEXTURES)
        for kind in ("stripes", "dots"):
            expected = json.loads((TEXTURES / f"samples/{kind}.json").read_text())
            reading = classifier.read(TEXTURES / f"samples/{kind}.png")
            self.assertEqual(reading["class"], expected["class"])
            for name, score in expected["classes"].items():
                self.assertAlmostEqual(reading["classes"][name], score, delta=0.02)

    def test_what_cannot_be_read_is_an_exception_with_its_code(self):
        classifier = lungglass.Classifier()
        for path, code in ((ROOT / "README.md", "not_an_image"), (ROOT / "none.png", "io"), (FRAMES, "argument")):
            with self.assertRaises(lungglass.Error) as caught:
                classifier.read(path)
            self.assertEqual(caught.exception.code, code)
            self.assertIn(path.name, str(caught.exception))
        with self.assertRaises(lungglass.Error) as caught:
            lungglass.Classifier(ROOT / "tests/models/faults/key")
        self.assertEqual(caught.exception.code, "model")
        self.assertIn("treshold", str(caught.exception))
        self.assertEqual(classifier.read_all(ROOT / "README.md")[0]["error"]["code"], "not_an_image")
        with self.assertRaises(lungglass.Error) as caught:
            lungglass.Classifier(operating_point=ROOT / "model/model.toml")
        self.assertEqual(caught.exception.code, "model")

    def test_a_dash_is_the_name_of_a_file(self):
        before = Path.cwd()
        with tempfile.TemporaryDirectory() as desk:
            (Path(desk) / "-").write_bytes(SLICE.read_bytes())
            os.chdir(desk)
            try:
                self.assertEqual(lungglass.Classifier().read("-")["file"], "./-")
            finally:
                os.chdir(before)

    def test_other_threads_go_on_meanwhile(self):
        classifier = lungglass.Classifier()
        classifier.read(SLICE)
        moments, done = [], threading.Event()

        def tick():
            while not done.wait(0.002):
                moments.append(time.monotonic())

        thread = threading.Thread(target=tick)
        thread.start()
        start = time.monotonic()
        classifier.read_all(*[SLICE] * 20)
        end = time.monotonic()
        done.set()
        thread.join()
        # With Python's lock held there would be none, but for one at either end.
        self.assertGreater(sum(start < moment < end for moment in moments), 5)


class Validation(unittest.TestCase):
    def test_rows_and_measures_are_those_of_the_command(self):
        try:
            import pandas
        except ImportError:
            self.skipTest("pandas is not installed")
        rows = [(SLICE, 0), (CASES / "photo-cat/input.png", 1), (ROOT / "README.md", 1), (CASES / "lidc-explicit-le/input.dcm", 0)]
        with tempfile.TemporaryDirectory() as desk:
            manifest = Path(desk) / "manifest.csv"
            with open(manifest, "w", newline="") as file:
                csv.writer(file).writerows([("path", "label", "split", "group"), *[(path, label, "test", GROUPS[label]) for path, label in rows]])
            out = Path(desk) / "own"
            table = lungglass.Classifier().validate(manifest, out=out)
            subprocess.run([COMMAND, "validate", "--manifest", manifest, "--out", Path(desk) / "other"], stderr=subprocess.DEVNULL)
            self.assertEqual((out / "predictions.csv").read_bytes(), (Path(desk) / "other/predictions.csv").read_bytes())
            self.assertIsInstance(table, pandas.DataFrame)
            self.assertEqual(list(table["path"]), [str(path) for path, _ in rows])
            self.assertEqual(list(table["group"]), [GROUPS[label] for _, label in rows])
            self.assertTrue(table["score"].isna().any() and table["score"].notna().any())
            measured = table.attrs["metrics"]
            other = json.loads((Path(desk) / "other/metrics.json").read_text())
            self.assertEqual({**measured, "images_per_second": None}, {**other, "images_per_second": None})
            self.assertIn(f"lungglass validate --manifest={manifest}", (out / "report.html").read_text())
            at_all = lungglass.Classifier().validate(manifest, thresholds=[0.25], specificities=[0.5]).attrs["metrics"]
            self.assertNotEqual({**at_all, "images_per_second": None}, {**measured, "images_per_second": None})
            with self.assertRaises(lungglass.Error) as caught:
                lungglass.Classifier().validate(Path(desk) / "none.csv")
            self.assertEqual(caught.exception.code, "validate")
            with self.assertRaises(lungglass.Error) as caught:
                lungglass.Classifier().validate(manifest, unit="patient")
            self.assertEqual(caught.exception.code, "argument")

    def test_classes_have_a_column_each(self):
        try:
            import pandas  # noqa: F401
        except ImportError:
            self.skipTest("pandas is not installed")
        with tempfile.TemporaryDirectory() as desk:
            manifest = Path(desk) / "manifest.csv"
            with open(manifest, "w", newline="") as file:
                samples = [(TEXTURES / f"samples/{kind}.png", kind, "test", kind) for kind in ("stripes", "dots")]
                csv.writer(file).writerows([("path", "label", "split", "group"), *samples])
            table = lungglass.Classifier(TEXTURES).validate(manifest, split="test")
        self.assertEqual(list(table["class"]), ["stripes", "dots"])
        self.assertTrue((table["score_stripes"] > 0.5).tolist() == [True, False])
        self.assertEqual(table.attrs["metrics"]["accuracy"]["value"], 1.0)


if __name__ == "__main__":
    unittest.main()
