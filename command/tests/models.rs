//! Model folders as their authors write them, in tests/models: those without fault give what ONNX Runtime and Pillow give, and of the others
//! every fault is told in the words that stand in their expected.txt.
#![cfg(not(target_arch = "wasm32"))]

mod repository;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lungglass::classifier::{NETWORK, SETTINGS};
use lungglass::package::Package;
use repository::scratch;

fn lungglass(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lungglass")).args(arguments).output().unwrap()
}

fn folders(below: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository::path("tests/models").join(below)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The network that ships with other weights under its own name: as if the machine computed otherwise.
#[test]
fn a_machine_that_computes_wrongly_reads_nothing() {
    let folder = scratch("wrong-machine");
    let mut network = NETWORK.to_vec();
    // The signs of the last thousand weights, which are on the f16 grid.
    network.iter_mut().rev().step_by(2).take(1000).for_each(|byte| *byte ^= 0x80);
    let package = Package { settings: SETTINGS, card: "", network: &network }.to_bytes().unwrap();
    let [wrong, slice] = [folder.join("wrong.lungglass"), repository::path("tests/cases/luna-1/input.png")];
    fs::write(&wrong, package).unwrap();
    let [wrong, slice] = [wrong.to_str().unwrap(), slice.to_str().unwrap()];
    let output = lungglass(&["classify", "--json", "--model", wrong, slice]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("(self_test): this machine computes wrongly"), "{}", text(&output.stderr));
    // A folder's samples are asked too, whose network has no stored reading.
    let sample = repository::path("tests/models/faults/sample");
    let output = lungglass(&["classify", "--model", sample.to_str().unwrap(), slice]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("or this machine computes wrongly"), "{}", text(&output.stderr));
}

/// Every fault is a line, and there is no other.
#[test]
fn each_fault_is_told_in_its_words() {
    let folders = folders("faults");
    assert!(folders.len() >= 20);
    for folder in folders {
        let output = lungglass(&["check", folder.to_str().unwrap()]);
        let (told, name) = (text(&output.stdout), folder.display());
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        let faults: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("fault: ")).collect();
        let expected = fs::read_to_string(folder.join("expected.txt")).unwrap();
        for line in expected.lines() {
            assert!(faults.iter().any(|fault| fault.starts_with(line)), "{name}: no \"{line}\" in {told}");
        }
        assert!(faults.iter().all(|fault| expected.lines().any(|line| fault.starts_with(line))), "{name}: {told}");
        let has_sample = folder.join("samples").is_dir();
        assert!(!has_sample || !told.contains("note: there is no sample"), "{name}: {told}");
        let packed =
            lungglass(&["pack", folder.to_str().unwrap(), "-o", scratch("faulty").join("x").to_str().unwrap()]);
        assert_eq!(packed.status.code(), Some(1), "{name}");
        // Whoever packs first is told all that `check` would tell.
        let refusal = text(&packed.stderr);
        for line in told.lines().filter(|line| line.starts_with("fault: ") || line.starts_with("note: ")) {
            assert!(refusal.lines().any(|told| told == line), "{name}: no \"{line}\" in {refusal}");
        }
    }
}

/// The samples were computed by others, from the file to the score: `check` holds them.
#[test]
fn folders_without_fault_give_what_others_compute() {
    for folder in folders("whole").into_iter().chain([repository::path("examples/textures")]) {
        let output = lungglass(&["check", "--json", folder.to_str().unwrap()]);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["faults"].as_array().map(Vec::len), Some(0), "{}: {told}", folder.display());
        assert_eq!(output.status.code(), Some(0));
        assert!(told["network"]["samples"].as_u64() >= Some(1), "{told}");
        assert_eq!(told["network"]["runs"], "page and command");
    }
    let shipped = lungglass(&["check", repository::path("model").to_str().unwrap()]);
    assert_eq!(shipped.status.code(), Some(0), "{}", text(&shipped.stdout));
}

/// The model folders of tests/onnxruntime/networks.py, whose folder `LUNGGLASS_MODELS` names.
#[test]
fn common_networks_read_as_their_exporters_say() {
    let Some(folder) = std::env::var_os("LUNGGLASS_MODELS") else {
        let text = "SKIPPED common_networks_read_as_their_exporters_say: LUNGGLASS_MODELS names no folder";
        let _ = writeln!(std::io::stdout(), "\n{text}");
        return;
    };
    let mut checked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let output = lungglass(&["check", "--json", folder.to_str().unwrap()]);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["faults"], serde_json::json!([]), "{}", folder.display());
        let known = &told["network"];
        assert_eq!(
            (&known["runs"], &known["samples"]),
            (&"page and command".into(), &1.into()),
            "{}",
            folder.display()
        );
        checked += 1;
    }
    assert!(checked > 0);
}

/// The script that docs/performance.md has its ratios from.
#[test]
fn the_script_times_both_in_turn() {
    let Some(python) = std::env::var_os("LUNGGLASS_PYTHON") else {
        let text = "SKIPPED the_script_times_both_in_turn: LUNGGLASS_PYTHON names no Python with onnxruntime";
        let _ = writeln!(std::io::stdout(), "\n{text}");
        return;
    };
    let script = repository::path("tests/onnxruntime/speed.py");
    let output = Command::new(python)
        .arg(script)
        .args(folders("whole"))
        .args(["--turns", "2", "--rounds", "2", "--command", env!("CARGO_BIN_EXE_lungglass")])
        .output()
        .unwrap();
    let table = text(&output.stdout);
    assert!(output.status.success(), "{table}{}", text(&output.stderr));
    for folder in folders("whole") {
        let row = format!("| {} |", folder.file_name().unwrap().to_str().unwrap());
        let row =
            table.lines().find_map(|line| line.strip_prefix(&row)).unwrap_or_else(|| panic!("no {row} in {table}"));
        let cells: Vec<f64> = row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
        let [own, other, ratio, least, greatest] = cells[..] else { panic!("{row}") };
        assert!(own > 0.0 && other > 0.0 && least <= ratio && ratio <= greatest, "{row}");
    }
}

fn line(arguments: &[&str], picture: &Path) -> serde_json::Value {
    let output = lungglass(&[&["classify", "--json"], arguments, &[picture.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_packed_model_reads_as_its_folder_does() {
    let desk = scratch("packed");
    for folder in folders("whole") {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let (packed, again) = (desk.join(format!("{name}.lungglass")), desk.join("again.lungglass"));
        for out in [&packed, &again] {
            let output = lungglass(&["pack", folder.to_str().unwrap(), "-o", out.to_str().unwrap()]);
            assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
        }
        assert!(fs::read(&packed).unwrap() == fs::read(&again).unwrap(), "{name}: the same folder gives the same file");
        let picture = folder.join("samples/photo-cat.png");
        let (mut own, mut other) = (
            line(&["--model", folder.to_str().unwrap()], &picture),
            line(&["--model", packed.to_str().unwrap()], &picture),
        );
        assert_eq!(
            (&own["model"]["version"], other["model"]["version"].as_str().map(str::len)),
            (&"not packed".into(), Some(12))
        );
        for line in [&mut own, &mut other] {
            let line = line.as_object_mut().unwrap();
            line.remove("ms");
            line["model"].as_object_mut().unwrap().remove("version");
        }
        assert_eq!(own, other, "{name}");
        // A damaged file is none, and no other file is replaced.
        let mut bytes = fs::read(&packed).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&again, &bytes).unwrap();
        let damaged = lungglass(&["classify", "--model", again.to_str().unwrap(), picture.to_str().unwrap()]);
        assert_eq!(damaged.status.code(), Some(1));
        assert!(text(&damaged.stderr).contains("its hash is not that of its bytes"), "{}", text(&damaged.stderr));
    }
    let kept = desk.join("kept.txt");
    fs::write(&kept, "mine").unwrap();
    let folder = &folders("whole")[0];
    let refused = lungglass(&["pack", folder.to_str().unwrap(), "-o", kept.to_str().unwrap()]);
    assert_eq!((refused.status.code(), fs::read_to_string(&kept).unwrap()), (Some(1), "mine".to_string()));
}

#[test]
fn several_classes_are_named_in_every_format() {
    let folder = repository::path("tests/models/whole/softmax");
    let picture = folder.join("samples/photo-cat.png");
    let model = ["--model", folder.to_str().unwrap()];
    let json = line(&model, &picture);
    let classes = json["classes"].as_object().unwrap();
    let (id, score) = classes.iter().max_by(|a, b| a.1.as_f64().unwrap().total_cmp(&b.1.as_f64().unwrap())).unwrap();
    assert_eq!((json["class"].as_str(), &json["score"]), (Some(&id[..]), score));
    let verdict = if id == "normal" { "negative" } else { "positive" };
    assert_eq!(json["verdict"], verdict);

    let csv = text(&lungglass(&["classify", "--csv", model[0], model[1], picture.to_str().unwrap()]).stdout);
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][15..], ["class", "score_normal", "score_bacterial", "score_viral"]);
    assert_eq!((rows[1].len(), rows[1][15]), (19, &id[..]));
    let plain = text(&lungglass(&["classify", model[0], model[1], picture.to_str().unwrap()]).stdout);
    assert!(plain.contains(&format!(": {verdict} {id} score ")), "{plain}");

    // One class alone keeps the line as it was.
    let one = repository::path("tests/models/whole/one");
    let json = line(&["--model", one.to_str().unwrap()], &picture);
    assert!(json.get("classes").is_none() && json.get("class").is_none() && json["score"].is_f64(), "{json}");
    // What cannot be read has the key, and no scores.
    let broken = repository::path("tests/cases/bad-crc/input.png");
    let output = lungglass(&["classify", "--json", model[0], model[1], broken.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["classes"].is_null() && json.as_object().unwrap().contains_key("classes"), "{json}");
}

#[test]
fn hounsfield_units_need_a_window_and_modalities_are_held() {
    let slice = repository::path("tests/dicom/native-s16.dcm");
    let without = repository::path("tests/models/whole/softmax");
    let output = lungglass(&["classify", "--json", "--model", without.to_str().unwrap(), slice.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["error"]["code"]), (Some(2), &"unsupported".into()), "{json}");
    let with = repository::path("tests/models/whole/one");
    let json = line(&["--model", with.to_str().unwrap()], &slice);
    assert!(json["score"].is_f64() && json["source"]["window"]["width"] == 1500.0, "{json}");
}

/// Explicit VR Little Endian: 8 bits a sample, pixel by pixel.
fn in_dicom(picture: &image::RgbImage) -> Vec<u8> {
    let mut bytes = [&[0; 128][..], b"DICM"].concat();
    let mut element = |group: u16, number: u16, vr: &str, value: &[u8]| {
        bytes.extend([group.to_le_bytes(), number.to_le_bytes()].concat());
        bytes.extend(vr.as_bytes());
        match vr {
            "OB" => bytes.extend([&[0; 2][..], &(value.len() as u32).to_le_bytes()].concat()),
            _ => bytes.extend((value.len() as u16).to_le_bytes()),
        }
        bytes.extend(value);
    };
    let short = |number: u32| (number as u16).to_le_bytes();
    element(0x0002, 0x0010, "UI", b"1.2.840.10008.1.2.1\0");
    element(0x0008, 0x0060, "CS", b"XC");
    element(0x0028, 0x0002, "US", &short(3));
    element(0x0028, 0x0004, "CS", b"RGB ");
    element(0x0028, 0x0006, "US", &short(0));
    element(0x0028, 0x0010, "US", &short(picture.height()));
    element(0x0028, 0x0011, "US", &short(picture.width()));
    for (number, value) in [(0x0100, 8), (0x0101, 8), (0x0102, 7), (0x0103, 0)] {
        element(0x0028, number, "US", &short(value));
    }
    element(0x7FE0, 0x0010, "OB", picture.as_raw());
    bytes
}

#[test]
fn a_network_of_three_channels_reads_the_colours_of_dicom() {
    let folder = repository::path("tests/models/whole/softmax");
    let picture = folder.join("samples/photo-cat.png");
    let dicom = scratch("colours").join("photo.dcm");
    let mut pixels = image::open(&picture).unwrap().to_rgb8();
    // DICOM has an even number of bytes.
    if pixels.as_raw().len() % 2 == 1 {
        pixels = image::imageops::crop_imm(&pixels, 0, 0, pixels.width() - 1, pixels.height()).to_image();
    }
    fs::write(&dicom, in_dicom(&pixels)).unwrap();
    let same = dicom.with_extension("png");
    pixels.save(&same).unwrap();
    let model = ["--model", folder.to_str().unwrap()];
    let [of_dicom, of_picture] = [&dicom, &same].map(|file| line(&model, file));
    assert_eq!(of_dicom["classes"], of_picture["classes"]);
    assert_eq!(of_dicom["source"]["modality"], "XC");
    // The same picture without its colours is another one for the network.
    let gray = dicom.with_file_name("gray.png");
    image::DynamicImage::from(pixels).to_luma8().save(&gray).unwrap();
    assert_ne!(line(&model, &gray)["classes"], of_picture["classes"]);
    // Ours takes one channel, and is given none of it.
    let output = lungglass(&["classify", "--json", dicom.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &json["error"]["code"]), (Some(2), &"unsupported".into()), "{json}");
    assert!(json["error"]["message"].as_str().unwrap().contains("(RGB, 3 samples a pixel)"), "{json}");
}

#[test]
fn what_init_writes_can_be_checked() {
    for name in ["softmax", "sigmoid", "one", "scores"] {
        let desk = scratch("init").join(name);
        fs::create_dir_all(&desk).unwrap();
        let network = desk.join("model.onnx");
        fs::copy(repository::path("tests/models/whole").join(name).join("model.onnx"), &network).unwrap();
        assert_eq!(lungglass(&["init", network.to_str().unwrap()]).status.code(), Some(0));
        let output = lungglass(&["check", desk.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stdout));
        let settings = fs::read_to_string(desk.join("model.toml")).unwrap();
        assert!(settings.contains(&format!("name = \"{name}\"")), "{settings}");
        assert_eq!(settings.contains("activation = \"none\""), name == "scores", "{settings}");
        let again = lungglass(&["init", network.to_str().unwrap()]);
        assert!(again.status.code() == Some(1) && fs::read_to_string(desk.join("model.toml")).unwrap() == settings);
    }
}

#[test]
fn one_of_several_classes_is_judged_against_all_others() {
    let desk = scratch("judged");
    let folder = repository::path("examples/textures");
    let mut manifest = "path,label,split,group\n".to_string();
    for kind in ["stripes", "checks", "dots", "noise"] {
        let path = folder.join(format!("samples/{kind}.png"));
        manifest += &format!("{},{},test,{kind}\n", path.display(), u8::from(kind == "dots"));
    }
    let (path, out) = (desk.join("manifest.csv"), desk.join("out"));
    fs::write(&path, manifest).unwrap();
    let validate = |more: &[&str]| {
        let arguments =
            ["validate", "--manifest", path.to_str().unwrap(), "--model", folder.to_str().unwrap(), "--out"];
        lungglass(&[&arguments[..], &[out.to_str().unwrap()], more].concat())
    };
    let unnamed = validate(&[]);
    assert_eq!(unnamed.status.code(), Some(1));
    let told = text(&unnamed.stderr);
    assert!(told.contains("the label is \"0\"; the classes are stripes, checks, dots, noise"), "{told}");
    let unknown = validate(&["--class", "dost"]);
    assert!(unknown.status.code() == Some(1) && text(&unknown.stderr).contains("tells no class 'dost'"));

    let judged = validate(&["--class", "dots"]);
    assert_eq!(judged.status.code(), Some(0), "{}", text(&judged.stderr));
    let metrics: serde_json::Value = serde_json::from_slice(&fs::read(out.join("metrics.json")).unwrap()).unwrap();
    assert_eq!((&metrics["n"], &metrics["positives"], &metrics["auc"]["value"]), (&4.into(), &1.into(), &1.0.into()));
    let predictions = fs::read_to_string(out.join("predictions.csv")).unwrap();
    for row in predictions.lines().skip(1) {
        let sample = Path::new(row.split(',').next().unwrap()).with_extension("json");
        let expected: serde_json::Value = serde_json::from_slice(&fs::read(sample).unwrap()).unwrap();
        let score: f64 = row.split(',').nth(5).unwrap().parse().unwrap();
        assert!((score - expected["classes"]["dots"].as_f64().unwrap()).abs() < 0.01, "{row}");
    }
}

#[test]
fn all_classes_are_judged_at_once_by_their_ids() {
    let desk = scratch("classes");
    let folder = repository::path("examples/textures");
    let mut manifest = "path,label,split,group\n".to_string();
    for (at, kind) in ["stripes", "checks", "dots", "noise"].iter().enumerate() {
        for group in ["a", "b"] {
            let copy = desk.join(format!("{kind}-{group}.png"));
            fs::copy(folder.join(format!("samples/{kind}.png")), &copy).unwrap();
            manifest += &format!("{},{kind},test,{group}{}\n", copy.display(), at);
        }
    }
    // A slice with another label than its texture, and one that is none.
    let wrong = desk.join("wrong.png");
    fs::copy(folder.join("samples/dots.png"), &wrong).unwrap();
    manifest += &format!("{},noise,test,\n", wrong.display());
    manifest += "missing.png,dots,test,\n";
    let (path, out) = (desk.join("manifest.csv"), desk.join("out"));
    fs::write(&path, manifest).unwrap();
    let output = lungglass(&[
        "validate",
        "--manifest",
        path.to_str().unwrap(),
        "--model",
        folder.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("missing.png"));
    let metrics: serde_json::Value = serde_json::from_slice(&fs::read(out.join("metrics.json")).unwrap()).unwrap();
    let counts = serde_json::json!([[2, 0, 0, 0, 0, 0], [0, 2, 0, 0, 0, 0], [0, 0, 2, 0, 0, 1], [0, 0, 1, 2, 0, 0]]);
    assert_eq!(metrics["confusion"]["counts"], counts);
    assert_eq!((&metrics["n"], &metrics["accuracy"]["value"]), (&10.into(), &0.8.into()));
    let auc = |at: usize| metrics["classes"][at]["auc"]["value"].as_f64().unwrap();
    // The missing slice stands above all others where it is none of the class: 14 of 16 pairs are ranked right.
    assert!(auc(0) == 0.875 && auc(1) == 0.875 && auc(2) < 0.875 && auc(3) < 0.875, "{metrics}");
    assert_eq!(metrics["classes"][3]["sensitivity"]["value"], 2.0 / 3.0);
    assert_eq!(metrics["classes"][0]["specificity"]["value"], 7.0 / 8.0);
    let mean = metrics["macro_auc"]["value"].as_f64().unwrap();
    assert!((mean - (0..4).map(auc).sum::<f64>() / 4.0).abs() < 1e-12);
    let rows = fs::read_to_string(out.join("predictions.csv")).unwrap();
    assert!(
        rows.starts_with("path,label,split,group,verdict,class,score_stripes,score_checks,score_dots,score_noise\n")
    );
    assert!(rows.ends_with("missing.png,dots,test,,error,,,,,\n"), "{rows}");
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("What each class was taken for"));

    // What would change nothing, and what would count twice, is no run.
    let refused = |more: &[&str]| {
        let arguments = ["validate", "--manifest", path.to_str().unwrap(), "--model", folder.to_str().unwrap()];
        let output = lungglass(&[&arguments[..], more, &["--out", desk.join("none").to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(1), "{more:?}");
        text(&output.stderr)
    };
    for more in [&["--shard", "1/2"][..], &["--resume"], &["--threshold", "0.5"], &["--subgroup", "group"]] {
        let told = refused(more);
        assert!(told.contains(more[0]) && told.contains("--class"), "{told}");
    }
    let rows = fs::read_to_string(&path).unwrap();
    // The same file, by another way to write it.
    fs::write(&path, format!("{rows}{},noise,test,\n", wrong.with_file_name("./wrong.png").display())).unwrap();
    let told = refused(&[]);
    assert!(told.contains("wrong.png is there twice"), "{told}");
}
