//! DICOM objects of a series: what they say, where their masks lie, whom they name, and why there are none.

use super::*;
use lungglass::aside::Aside;
use lungglass::decode::File as Opened;
use lungglass::identity::{Identity, Lack};
use lungglass::objects::{Gathered, Kind, Maker, Named};
use lungglass::study::{Item, studies};

const INSTANCE: Tag = [0x0008, 0x0018];
const NAME: Tag = [0x0010, 0x0010];
const PATIENT: Tag = [0x0010, 0x0020];
const VISIT: Tag = [0x0020, 0x000D];
const SERIES: Tag = [0x0020, 0x000E];
const POSITION: Tag = [0x0020, 0x0032];
const FRAME_OF_REFERENCE: Tag = [0x0020, 0x0052];
const SPACING: Tag = [0x0028, 0x0030];
const LOSSY: [Tag; 3] = [[0x0028, 0x2110], [0x0028, 0x2112], [0x0028, 0x2114]];
const CONTENT: Tag = [0x0040, 0xA730];
const NUMBER_OF_FRAMES: Tag = [0x0028, 0x0008];
const ROWS: Tag = [0x0028, 0x0010];
const COLUMNS: Tag = [0x0028, 0x0011];
const BURNED_IN: Tag = [0x0028, 0x0301];
const SEGMENTS: Tag = [0x0062, 0x0002];

/// A slice with all that objects refer to, which differs from the others by its number.
fn slice(number: u8, values: impl IntoIterator<Item = i32>) -> File {
    let text = |tag, vr, text: String| (tag, vr, text.into_bytes());
    let mut file = File::original(values);
    file.others.extend([
        text(INSTANCE, "UI", format!("1.2.3.{number}")),
        // As JIS X 0208 has it, with the escapes that switch to it.
        ([0x0008, 0x0005], "CS", b"\\ISO 2022 IR 87".to_vec()),
        (NAME, "PN", PATIENT_NAME.to_vec()),
        text(PATIENT, "LO", "SECRET-77".to_string()),
        text(VISIT, "UI", "1.2.30".to_string()),
        text(SERIES, "UI", "1.2.31".to_string()),
        text(FRAME_OF_REFERENCE, "UI", "1.2.32".to_string()),
        text(POSITION, "DS", format!("-180.5\\-179.25\\{}", -2.5 * f64::from(number))),
        text(ORIENTATION, "DS", "1\\0\\0\\0\\1\\0".to_string()),
        text(SPACING, "DS", "0.7\\0.7".to_string()),
    ]);
    file
}

const PATIENT_NAME: &[u8] = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B";

fn with(mut file: File, tag: Tag, value: &str) -> File {
    file.others.iter_mut().filter(|other| other.0 == tag).for_each(|other| other.2 = value.as_bytes().to_vec());
    file
}

fn without(mut file: File, tag: Tag) -> File {
    file.others.retain(|other| other.0 != tag);
    file
}

/// What is said of files, and their objects or why there are none.
fn made(files: &[Vec<u8>], kind: Kind) -> (Vec<Reading>, Result<Vec<Vec<u8>>, Lack>) {
    let classifier = classifier();
    let (mut gathered, mut readings) = (Gathered::default(), Vec::new());
    for bytes in files {
        let slice = Opened::open(bytes.clone(), Limits::default()).unwrap().slices().next().unwrap();
        let reading = classifier.read_pending(&slice, "slice");
        gathered.add(&reading, Named::of(&slice));
        readings.push(reading);
    }
    let items: Vec<_> = readings.iter().map(|reading| Item::new(reading, None, b"test")).collect();
    let [study] = &studies(&items, &[], classifier.model.study.as_ref())[..] else { panic!("it is one study") };
    let maker = Maker {
        model: &classifier.model,
        device: classifier.device,
        program: "0",
        date: "20261130".to_string(),
        time: "120000".to_string(),
        entropy: [7; 32],
        kinds: &[kind],
    };
    let objects = gathered.series(study).and_then(|series| {
        let write = |object: &lungglass::objects::Object| {
            let mut bytes = Vec::new();
            object.write(&mut bytes).unwrap();
            bytes
        };
        Ok(maker.objects(kind, &series)?.iter().map(write).collect())
    });
    (readings, objects)
}

fn bytes(files: impl IntoIterator<Item = File>) -> Vec<Vec<u8>> {
    files.into_iter().map(|file| file.bytes()).collect()
}

/// The value of an element, outside of all sequences; lengths are known in what LungGlass writes.
fn value(object: &[u8], tag: Tag) -> Option<Vec<u8>> {
    let mut at = 132;
    while at < object.len() {
        let half = |at: usize| u16::from_le_bytes([object[at], object[at + 1]]);
        let is_long = [&b"OB"[..], b"OW", b"SQ", b"UT"].contains(&&object[at + 4..at + 6]);
        let (start, length) = match is_long {
            true => (at + 12, u32::from_le_bytes(object[at + 8..at + 12].try_into().unwrap()) as usize),
            false => (at + 8, usize::from(half(at + 6))),
        };
        if [half(at), half(at + 2)] == tag {
            return Some(object[start..start + length].to_vec());
        }
        at = start + length;
    }
    assert_eq!(at, object.len(), "elements end where the file ends");
    None
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The pixels of a frame of a segmentation.
fn frame(object: &[u8], frame: usize, pixels: usize) -> Vec<bool> {
    let bits = value(object, PIXELS).unwrap();
    (frame * pixels..(frame + 1) * pixels).map(|at| bits[at / 8] >> (at % 8) & 1 == 1).collect()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_report_says_scores_and_names_whom_its_series_names() {
    let files = bytes([slice(1, filled(-1024)), slice(2, filled(-1000))]);
    let (readings, objects) = made(&files, Kind::Report);
    let [report] = &objects.unwrap()[..] else { panic!("it is one report") };
    assert_eq!(value(report, NAME).unwrap().trim_ascii_end(), PATIENT_NAME);
    assert_eq!(value(report, PATIENT).unwrap(), b"SECRET-77 ");
    assert_eq!(value(report, VISIT).unwrap(), b"1.2.30");
    assert_ne!(value(report, SERIES).unwrap(), b"1.2.31", "it is put into a series of its own");
    let content = value(report, CONTENT).unwrap();
    for reading in &readings {
        assert!(holds(&content, reading.score.unwrap().to_string().as_bytes()));
        assert!(holds(&content, reading.model.sha256.as_bytes()));
    }
    assert!(holds(&content, b"1.2.3.1") && holds(&content, b"1.2.3.2"), "it refers to its slices");
    // Who reads it with LungGlass is told what it is.
    let opened = Opened::recognise(report.clone(), Limits::default());
    assert_eq!(opened.err().and_then(|unopened| unopened.aside), Some(Aside::StructuredReport));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn equal_bytes_of_chance_make_equal_objects_and_no_text_tells_whom_they_name() {
    let files = bytes([slice(1, filled(-1024))]);
    let once = made(&files, Kind::Report).1.unwrap();
    assert!(once == made(&files, Kind::Report).1.unwrap());
    let image = Image::open(files[0].clone(), Limits::default()).unwrap();
    let (identity, instance): (Identity, _) = image.identity().unwrap().unwrap();
    assert_eq!(format!("{identity:?} {instance:?}"), "Identity(..) Instance(..)");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn masks_lie_where_their_slices_store_what_they_show() {
    const LAST: usize = SIDE - 1;
    let values = filled(-1024);
    let segmented = |file: File| {
        let (mut readings, objects) = made(&bytes([file]), Kind::Segmentation);
        (readings.remove(0), objects.unwrap().remove(0))
    };
    let (reading, plain) = segmented(slice(1, values.clone()));
    let lungs = frame(&plain, 0, SIDE * SIDE);
    // Most of what is lung is air, and all that is not lies within it or at its border.
    let air = |at: usize| (-950..-500).contains(&values[at]);
    let of_lungs = lungs.iter().filter(|is_lung| **is_lung).count();
    let both = (0..SIDE * SIDE).filter(|at| lungs[*at] && air(*at)).count();
    assert!(of_lungs > 20_000 && both * 3 > of_lungs * 2, "{both} of {of_lungs} pixels are air");
    let lung = reading.lung.unwrap();
    for (at, share) in lung.values.iter().enumerate() {
        // The pixel at the centre of a cell has about its value.
        let centre = |cell: usize, cells: usize| (2 * cell + 1) * SIDE / (2 * cells);
        let (x, y) = (centre(at % lung.width, lung.width), centre(at / lung.width, lung.height));
        if (share - 0.5).abs() > 0.2 {
            assert_eq!(lungs[y * SIDE + x], *share > 0.5, "cell {at}");
        }
    }
    let ways: [(&str, Stored); 8] = [
        ("-1\\0\\0\\0\\1\\0", |x, y| (LAST - x, y)),
        ("1\\0\\0\\0\\-1\\0", |x, y| (x, LAST - y)),
        ("-1\\0\\0\\0\\-1\\0", |x, y| (LAST - x, LAST - y)),
        ("0\\1\\0\\1\\0\\0", |x, y| (y, x)),
        ("0\\1\\0\\-1\\0\\0", |x, y| (LAST - y, x)),
        ("0\\-1\\0\\1\\0\\0", |x, y| (y, LAST - x)),
        ("0\\-1\\0\\-1\\0\\0", |x, y| (LAST - y, LAST - x)),
        ("-1\\0\\0\\0\\0.9063\\0.4226", |x, y| (LAST - x, y)),
    ];
    for (cosines, stored) in ways {
        let place = |at: usize| {
            let (x, y) = stored(at % SIDE, at / SIDE);
            y * SIDE + x
        };
        let file = with(slice(1, (0..SIDE * SIDE).map(|at| values[place(at)])), ORIENTATION, cosines);
        let (_, object) = segmented(file);
        let found = frame(&object, 0, SIDE * SIDE);
        let off = (0..SIDE * SIDE).filter(|at| found[*at] != lungs[place(*at)]).count();
        // A pixel whose value is the least that counts may be rounded to either side.
        assert!(off <= 2, "{cosines}: {off} pixels lie elsewhere");
    }
    // Half of the rows, of pixels that are twice as high as wide.
    let half = (0..SIDE * SIDE / 2).map(|at| values[at / SIDE * 2 * SIDE + at % SIDE]);
    let file = with(slice(1, half).sized(SIDE, SIDE / 2), SPACING, "1.4\\0.7");
    let (_, object) = segmented(file);
    assert_eq!(value(&object, ROWS).unwrap(), (SIDE as u16 / 2).to_le_bytes());
    let found = frame(&object, 0, SIDE * SIDE / 2);
    let off = (0..found.len()).filter(|at| found[*at] != lungs[at / SIDE * 2 * SIDE + at % SIDE]).count();
    assert!(off * 50 < of_lungs, "{off} pixels lie elsewhere");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_segmentation_has_frames_of_what_was_seen_and_judged() {
    let below = vec![-1024; SIDE * SIDE];
    let files = bytes([slice(1, filled(-1024)), slice(2, below), slice(3, filled(-1000))]);
    let (readings, objects) = made(&files, Kind::Segmentation);
    assert!(readings[1].score.is_none(), "air alone is not judged");
    let object = objects.unwrap().remove(0);
    let frames: usize = String::from_utf8(value(&object, NUMBER_OF_FRAMES).unwrap()).unwrap().trim().parse().unwrap();
    let length = value(&object, PIXELS).unwrap().len();
    assert_eq!(length, frames * SIDE * SIDE / 8);
    assert!((0..frames).all(|at| frame(&object, at, SIDE * SIDE).contains(&true)), "no frame is empty");
    assert!(!holds(&object, b"1.2.3.2"), "what was not judged is not segmented");
    assert!(holds(&value(&object, SEGMENTS).unwrap(), b"Lungs "));
    assert_eq!(value(&object, FRAME_OF_REFERENCE).unwrap(), b"1.2.32");
    assert_eq!(value(&object, LOSSY[0]).unwrap(), b"00");
    let aside = Opened::recognise(object, Limits::default());
    let kind = aside.map_or_else(|unopened| unopened.aside, |file| file.aside().map(|aside| aside.kind));
    assert_eq!(kind, Some(Aside::Segmentation));
    // Pixels that lost something say so, and all of what the standard asks for then.
    let [is_lossy, ratio, method] = LOSSY;
    let lossy = slice(1, filled(-1024)).with(is_lossy, "CS", b"01").with(ratio, "DS", b"12.5").with(
        method,
        "CS",
        b"ISO_10918_1 ",
    );
    let object = made(&bytes([lossy]), Kind::Segmentation).1.unwrap().remove(0);
    let found = LOSSY.map(|tag| value(&object, tag).unwrap());
    assert_eq!(found, [b"01".to_vec(), b"12.5".to_vec(), b"ISO_10918_1 ".to_vec()]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn the_highest_slices_are_captured_beside_their_maps() {
    let shifted = |by: usize| {
        let values = filled(-1024);
        (0..SIDE * SIDE).map(move |at| values[at / SIDE * SIDE + (at + by) % SIDE])
    };
    let files = bytes((0..5).map(|number| slice(number, shifted(7 * usize::from(number)))));
    let (readings, objects) = made(&files, Kind::Captures);
    let objects = objects.unwrap();
    let mut scores: Vec<f32> = readings.iter().map(|reading| reading.score.unwrap()).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(objects.len(), 3);
    for (object, score) in objects.iter().zip(scores) {
        let (at, reading) = readings.iter().enumerate().find(|(_, reading)| reading.score == Some(score)).unwrap();
        assert!(holds(object, format!("1.2.3.{at}").as_bytes()), "it refers to its slice");
        assert_eq!(value(object, BURNED_IN).unwrap(), b"YES ");
        let [rows, columns] = [ROWS, COLUMNS].map(|tag| value(object, tag).unwrap());
        let [rows, columns] = [rows, columns].map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
        assert!(columns == 2 * SIDE && rows > SIDE);
        let pixels = value(object, PIXELS).unwrap();
        assert_eq!(pixels.len(), rows * columns * 3);
        // At the left the slice as it is, but for a letter at each side; at the right it has colour where the map has.
        let picture = reading.picture.as_ref().unwrap();
        let level = |x: usize, y: usize| &pixels[(y * columns + x) * 3..][..3];
        assert!((0..SIDE * SIDE / 3).all(|at| level(at % SIDE, at / SIDE) == [picture.gray[at]; 3]));
        let is_colour = |rgb: &[u8]| rgb[0] != rgb[1];
        assert!((0..SIDE * SIDE).any(|at| is_colour(level(SIDE + at % SIDE, at / SIDE))));
        let below = pixels[SIDE * columns * 3..].iter().filter(|level| **level == 255).count();
        assert!(below > 5_000, "something is written below it");
        let read = Opened::recognise(object.clone(), Limits::default()).err().and_then(|unopened| unopened.aside);
        assert_eq!(read, Some(Aside::ScreenCapture));
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn where_there_can_be_no_object_it_is_said_why() {
    let lung = || slice(1, filled(-1024));
    let why = |files: Vec<Vec<u8>>, kind| made(&files, kind).1.err().map(|lack| lack.to_string()).unwrap_or_default();
    for (files, expected) in [
        (bytes([without(lung(), VISIT)]), "no Study Instance UID"),
        (bytes([without(lung(), INSTANCE)]), "no SOP Instance UID"),
        (bytes([with(lung(), VISIT, "Mueller^Georg")]), "no Study Instance UID"),
        (vec![include_bytes!("../cases/lidc-lung-window/input.png").to_vec()], "no DICOM"),
        (bytes([slice(1, vec![-1024; SIDE * SIDE])]), "none of its slices was judged"),
        (bytes([lung(), with(slice(2, filled(-1000)), NAME, "OTHER")]), "several patients"),
    ] {
        for kind in [Kind::Report, Kind::Segmentation, Kind::Captures] {
            let found = why(files.clone(), kind);
            assert!(found.contains(expected) && !found.contains("OTHER"), "{found} instead of {expected}");
        }
    }
    for (files, expected) in [
        (bytes([without(lung(), FRAME_OF_REFERENCE)]), "no Frame of Reference UID"),
        (bytes([without(lung(), POSITION)]), "where they lie in the patient"),
        (bytes([without(lung(), SPACING)]), "where they lie in the patient"),
    ] {
        assert!(why(files.clone(), Kind::Segmentation).contains(expected));
        assert_eq!(why(files, Kind::Report), "", "a report needs no place in the patient");
    }
}
