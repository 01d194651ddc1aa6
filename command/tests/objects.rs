//! `classify --dicom-out`: what it writes, what it says, whom nothing but the objects names, and what others' programs read.
#![cfg(not(target_arch = "wasm32"))]

mod repository;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use repository::scratch;

/// A slice of a series, with no name and no frame of reference.
const SLICE: &str = "tests/cases/lidc-explicit-le/input.dcm";
const PICTURE: &str = "tests/cases/lidc-lung-window/input.png";
/// Whom the series of tests/objects/objects.py name.
const SECRETS: [&str; 4] = ["SECRET-77", "ller", "Roe", "ACC9"];

fn lungglass(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lungglass")).args(arguments).current_dir(repository::path("")).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_can_be_written_is_written_and_what_cannot_is_said() {
    let folder = scratch("written");
    let out = folder.join("out");
    let [out_text, copy] = [&out, &folder.join("copy.dcm")].map(|path| path.to_str().unwrap().to_string());
    fs::copy(repository::path(SLICE), &copy).unwrap();
    let output = lungglass(&["classify", "--dicom-out", &out_text, &copy, PICTURE]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = stderr(&output);
    let wrote =
        format!("series 1: wrote series-1-sr.dcm, series-1-sc-1.dcm to {out_text}; no seg: no Frame of Reference");
    assert!(told.contains(&wrote), "{told}");
    assert!(told.contains("single pictures: no DICOM objects: its files are no DICOM"), "{told}");
    assert_eq!(names(&out), ["series-1-sc-1.dcm", "series-1-sr.dcm"]);
    // What is there stays.
    let before = fs::read(out.join("series-1-sr.dcm")).unwrap();
    let again = lungglass(&["classify", "--dicom-out", &out_text, &copy]);
    assert_eq!((again.status.code(), again.stdout.len()), (Some(1), 0));
    assert!(stderr(&again).contains(".dcm of an earlier run"), "{}", stderr(&again));
    assert_eq!(fs::read(out.join("series-1-sr.dcm")).unwrap(), before);
    // Objects that are read are set aside.
    let read = lungglass(&["classify", "--json", &out_text]);
    assert!(read.stdout.is_empty() && stderr(&read).contains("1 structured report"), "{}", stderr(&read));
    for wrong in [&["--objects", "sr"][..], &["--dicom-out", "x", "--objects", "pdf"]] {
        assert_eq!(lungglass(&[&["classify", SLICE], wrong].concat()).status.code(), Some(1));
    }
}

#[test]
fn of_a_volume_without_a_patient_there_are_no_objects_and_that_is_said() {
    let folder = scratch("volumes");
    let out = folder.join("out");
    for volume in ["nifti-1-lps.nii.gz", "nifti-2-big-endian-sar.nii", "metaimage-zlib-rai.mha", "nrrd-gzip-asl.nrrd"] {
        let path = repository::path(&format!("tests/volumes/{volume}"));
        let output = lungglass(&["classify", "--dicom-out", out.to_str().unwrap(), path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let wanted = format!("{volume}: no DICOM objects: its files are no DICOM, and name no patient and no study");
        assert!(stderr(&output).contains(&wanted), "{}", stderr(&output));
        assert_eq!(names(&out), [""; 0]);
    }
}

/// Says, past the harness, which keeps what a passing test prints to itself, that a test did not run; `cargo xtask test` counts these lines.
fn skip(test: &str, why: &str) {
    let _ = writeln!(io::stdout(), "\nSKIPPED {test}: {why}");
}

/// A Python with highdicom, which `LUNGGLASS_PYTHON` names; `cargo xtask test` gets one.
fn python() -> Option<String> {
    let python = std::env::var("LUNGGLASS_PYTHON").unwrap_or_else(|_| "python3".to_string());
    let there = Command::new(&python).args(["-c", "import highdicom"]).output();
    there.is_ok_and(|output| output.status.success()).then_some(python)
}

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    found.is_ok()
}

fn script(python: &str, arguments: &[&Path]) {
    let output =
        Command::new(python).arg(repository::path("tests/objects/objects.py")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
}

/// Three series, which lie in three ways, the lines of their slices, their summary and their objects.
fn objects(python: &str, folder: &Path) -> [PathBuf; 4] {
    let [series, lines, summary, out] = ["series", "lines.jsonl", "summary.json", "out"].map(|name| folder.join(name));
    script(python, &[Path::new("make"), &repository::path(SLICE), &series]);
    let [given, written, target] = [&series, &summary, &out].map(|path| path.to_str().unwrap());
    let output = lungglass(&["classify", "--json", given, "--summary", written, "--dicom-out", target]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
    assert!(!SECRETS.iter().any(|secret| told.contains(secret)), "{told}");
    fs::write(&lines, &output.stdout).unwrap();
    [series, lines, summary, out]
}

#[test]
fn highdicom_reads_what_the_lines_say() {
    const TEST: &str = "highdicom_reads_what_the_lines_say";
    let Some(python) = python() else { return skip(TEST, "no Python with highdicom; LUNGGLASS_PYTHON names one") };
    let folder = scratch(TEST);
    let [series, lines, summary, out] = objects(&python, &folder);
    assert!(names(&out).iter().all(|name| !SECRETS.iter().any(|secret| name.contains(secret))));
    script(&python, &[Path::new("check"), &series, &lines, &summary, &out]);
}

#[test]
fn cornerstone_loads_the_segmentation_onto_its_slices() {
    const TEST: &str = "cornerstone_loads_the_segmentation_onto_its_slices";
    let Some(python) = python() else { return skip(TEST, "no Python with highdicom; LUNGGLASS_PYTHON names one") };
    let home = repository::path("tests/objects");
    if !is_there("node") || !home.join("node_modules/@cornerstonejs/adapters").is_dir() {
        return skip(TEST, "no Node.js or no adapters: npm ci --ignore-scripts in tests/objects");
    }
    let [series, _, _, out] = objects(&python, &scratch(TEST));
    // Studies are numbered in the order of their folders.
    for (number, way) in (1..).zip(["half", "plain", "quarter"]) {
        let segmentation = out.join(format!("series-{number}-seg.dcm"));
        let mut node = Command::new("node");
        node.arg(home.join("cornerstone.mjs")).args([&series.join(way), &segmentation]);
        let output = node.output().unwrap();
        assert!(output.status.success(), "{way}: {}", stderr(&output));
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("segments on 3 slices"), "{told}");
    }
}

#[test]
fn validators_find_no_error() {
    const TEST: &str = "validators_find_no_error";
    let Some(python) = python() else { return skip(TEST, "no Python with highdicom; LUNGGLASS_PYTHON names one") };
    if !is_there("dciodvfy") || !is_there("dsrdump") {
        return skip(TEST, "no dciodvfy or no dsrdump: install Debian's dicom3tools and dcmtk");
    }
    let [_, _, _, out] = objects(&python, &scratch(TEST));
    for name in names(&out) {
        let path = out.join(&name);
        let found = Command::new("dciodvfy").arg(&path).output().unwrap();
        let said = stderr(&found) + &String::from_utf8_lossy(&found.stdout);
        assert!(!said.contains("Error"), "{name}: {said}");
        if name.contains("-sr") {
            let dump = Command::new("dsrdump").arg("+Pc").arg(&path).output().unwrap();
            let text = String::from_utf8_lossy(&dump.stdout);
            assert!(dump.status.success() && text.contains("Imaging Measurement Report"), "{}{text}", stderr(&dump));
            assert!(!stderr(&dump).lines().any(|line| line.starts_with("E:")), "{name}: {}", stderr(&dump));
        }
    }
}

/// A drawn volume as a series of single frames and as one enhanced CT; as NIfTI it has no patient, and so no objects.
#[test]
fn objects_of_a_real_volume_hold_the_masks_of_its_maps() {
    const TEST: &str = "objects_of_a_real_volume_hold_the_masks_of_its_maps";
    const VOLUME: &str = "4";
    let Some(python) = python() else { return skip(TEST, "no Python with highdicom; LUNGGLASS_PYTHON names one") };
    let Some(data) = std::env::var_os("LUNGGLASS_DATA").map(|data| PathBuf::from(data).join("lesion-masks")) else {
        return skip(TEST, "LUNGGLASS_DATA is not set");
    };
    let folder = scratch(TEST);
    let volume = folder.join("volume");
    script(&python, &[Path::new("volume"), &data, Path::new(VOLUME), &volume]);
    let mut extents = Vec::new();
    for kind in ["single", "enhanced"] {
        let [out, summary, ours] = ["out", "summary.json", "masks"].map(|name| folder.join(format!("{kind}-{name}")));
        let given = volume.join(kind);
        let [given_text, out_text, summary_text] = [&given, &out, &summary].map(|path| path.to_str().unwrap());
        let output = lungglass(&["classify", "--json", given_text, "--summary", summary_text, "--dicom-out", out_text]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        fs::write(&ours, masks(&given)).unwrap();
        let segmentation = out.join("series-1-seg.dcm");
        script(&python, &[Path::new("masks"), &volume.join("drawn.npz"), &ours, &segmentation]);
        if is_there("dciodvfy") {
            let found = Command::new("dciodvfy").arg(&segmentation).output().unwrap();
            let said = stderr(&found) + &String::from_utf8_lossy(&found.stdout);
            assert!(!said.contains("Error"), "{kind}: {said}");
        }
        let summary: serde_json::Value = serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap();
        extents.push(summary["studies"][0]["extent"]["lungs"].clone());
    }
    let number = |at: usize, key: &str| extents[at][key].as_f64().unwrap();
    for key in ["share", "volume_ml"] {
        assert!((number(0, key) / number(1, key) - 1.0).abs() < 1e-4, "{extents:?}");
    }
    // Lungs of an adult, in pixels that were taken to be as large as an adult's.
    assert!((1000.0..9000.0).contains(&number(0, "volume_ml")), "{extents:?}");
}

/// Which pixels of each slice of a folder's files belong to each segment, by the maps of the network, a byte each.
fn masks(folder: &Path) -> Vec<u8> {
    use lungglass::classifier::Classifier;
    use lungglass::decode::{File, Limits};

    let classifier = Classifier::built_in("test", || 0.0).unwrap();
    let mut masks = Vec::new();
    for name in names(folder) {
        let file = File::open(fs::read(folder.join(name)).unwrap(), Limits::default()).unwrap();
        for slice in file.slices() {
            let reading = classifier.read_pending(&slice, "slice");
            let [width, height] = reading.shown.unwrap();
            let (lung, maps) = (reading.lung.unwrap(), reading.opacity_maps.unwrap());
            for (segment, map) in [&lung, &maps.ground_glass, &maps.consolidation].into_iter().enumerate() {
                masks.extend((0..width * height).map(|at| {
                    let centre = |at: usize, of: usize| (at as f64 + 0.5) / of as f64;
                    let (across, down) = (centre(at % width, width), centre(at / width, height));
                    let is_lung = segment == 0 || lung.at(across, down) >= 0.5;
                    u8::from(reading.score.is_some() && is_lung && map.at(across, down) >= 0.5)
                }));
            }
        }
    }
    masks
}

/// An Orthanc that stores below a folder; it ends with the test.
struct Orthanc {
    program: Child,
    port: u16,
}

impl Orthanc {
    fn start(folder: &Path) -> Orthanc {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (port, dicom) = (free(), free());
        let store = folder.join("orthanc");
        let settings = serde_json::json!({
            "StorageDirectory": store, "IndexDirectory": store, "HttpPort": port, "DicomPort": dicom, "Plugins": [],
            "RemoteAccessAllowed": false, "AuthenticationEnabled": false, "HttpServerEnabled": true,
        });
        let path = folder.join("orthanc.json");
        fs::write(&path, settings.to_string()).unwrap();
        let mut command = Command::new("Orthanc");
        let program =
            command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let orthanc = Orthanc { program, port };
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return orthanc;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("Orthanc does not answer");
    }

    /// The body of an answer.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n").unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[..head]).into_owned();
        assert!(status.lines().next().unwrap().contains(" 200 "), "{status}");
        answer[head + 4..].to_vec()
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn orthanc_stores_objects_beside_their_slices_and_gives_them_back() {
    const TEST: &str = "orthanc_stores_objects_beside_their_slices_and_gives_them_back";
    let Some(python) = python() else { return skip(TEST, "no Python with highdicom; LUNGGLASS_PYTHON names one") };
    if !is_there("Orthanc") {
        return skip(TEST, "no Orthanc: install Debian's orthanc");
    }
    let folder = scratch(TEST);
    let [series, _, _, out] = objects(&python, &folder);
    let orthanc = Orthanc::start(&folder);
    let store = |path: &Path| -> (String, String) {
        let bytes = fs::read(path).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&orthanc.ask("POST", "/instances", &bytes)).unwrap();
        let text = |key: &str| told[key].as_str().unwrap().to_string();
        assert_eq!(text("Status"), "Success", "{}", path.display());
        assert!(orthanc.ask("GET", &format!("/instances/{}/file", text("ID")), b"") == bytes, "{}", path.display());
        (text("ParentPatient"), text("ParentStudy"))
    };
    // Studies are numbered in the order of their folders.
    for (number, way) in (1..).zip(["half", "plain", "quarter"]) {
        let of_slice = store(&series.join(way).join("0.dcm"));
        for name in names(&out).iter().filter(|name| name.starts_with(&format!("series-{number}-"))) {
            assert_eq!(store(&out.join(name)), of_slice, "{name} is put beside its slices");
        }
    }
}
