//! Several slices: functional groups, concatenations, the order and the stacks of a series, and what is set aside.

use super::*;
use lungglass::aside::Aside;
use lungglass::decode::File as Opened;
use lungglass::place::{Mark, Spot};
use lungglass::study::{Beside, Item, Order, Study, studies};

const STRUCTURED_REPORT: &str = "1.2.840.10008.5.1.4.1.1.88.11";
pub(super) const ENHANCED_CT: &str = "1.2.840.10008.5.1.4.1.1.2.1";
pub(super) const SERIES: Tag = [0x0020, 0x000E];
const VISIT: Tag = [0x0020, 0x000D];
const INSTANCE: Tag = [0x0008, 0x0018];
const NUMBER: Tag = [0x0020, 0x0013];
const ACQUISITION: Tag = [0x0020, 0x0012];
pub(super) const POSITION: Tag = [0x0020, 0x0032];
const LOCATION: Tag = [0x0020, 0x1041];
const IMAGE_TYPE: Tag = [0x0008, 0x0008];
pub(super) const FRAMES: Tag = [0x0028, 0x0008];
pub(super) const PER_FRAME: Tag = [0x5200, 0x9230];
const PLANE_POSITION: Tag = [0x0020, 0x9113];
const PLANE_ORIENTATION: Tag = [0x0020, 0x9116];
const FRAME_TYPE: [Tag; 2] = [[0x0018, 0x9329], [0x0008, 0x9007]];

/// An item of a sequence that holds these elements.
pub(super) fn items(elements: &[(Tag, &str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    elements.iter().for_each(|(tag, vr, value)| put(&mut bytes, *tag, vr, value));
    [&[0xFE, 0xFF, 0x00, 0xE0][..], &(bytes.len() as u32).to_le_bytes(), &bytes].concat()
}

pub(super) fn sequence(tag: Tag, elements: &[(Tag, &'static str, Vec<u8>)]) -> (Tag, &'static str, Vec<u8>) {
    (tag, "SQ", items(elements))
}

pub(super) fn text(tag: Tag, vr: &'static str, value: &str) -> (Tag, &'static str, Vec<u8>) {
    (tag, vr, value.as_bytes().to_vec())
}

pub(super) fn at(z: &str) -> (Tag, &'static str, Vec<u8>) {
    sequence(PLANE_POSITION, &[text(POSITION, "DS", &format!("0\\0\\{z}"))])
}

/// What is said of the file named `name`, as hosts that hold files together hear it.
pub(super) fn items_of(files: &[(&str, Vec<u8>)]) -> Vec<Item> {
    let classifier = classifier();
    let mut items = Vec::new();
    for (name, bytes) in files {
        match Opened::recognise(bytes.clone(), Limits::default()) {
            Ok(file) => items
                .extend(file.slices().map(|slice| Item::new(&classifier.read_pending(&slice, name), None, b"test"))),
            Err(unopened) => {
                let slice = lungglass::decode::Pending::unopened(*unopened);
                items.push(Item::new(&classifier.read_pending(&slice, name), None, b"test"));
            }
        }
    }
    items
}

/// The names of a study's slices, in their order; of frames the number behind.
fn named(study: &Study, items: &[Item]) -> Vec<String> {
    let name = |at: &usize| {
        let frame = items[*at].frame.map(|frame| format!(" {frame}")).unwrap_or_default();
        format!("{}{frame}", items[*at].file)
    };
    study.slices.iter().map(name).collect()
}

/// A slice of a series, with these elements.
fn slice_of(series: &str, elements: &[(Tag, &'static str, &str)]) -> File {
    let mut file = File::original(filled(-1024)).with(SERIES, "UI", series.as_bytes());
    file.others.extend(elements.iter().map(|(tag, vr, value)| text(*tag, vr, value)));
    file
}

pub(super) fn position(z: i32) -> String {
    format!("0\\0\\{z}")
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn functional_groups_say_of_each_frame_what_it_is() {
    let plain = units(File::original(filled(-1024)).slice().unwrap());
    let turned: Vec<i32> = plain.iter().rev().copied().collect();
    // As they are, from 0 on; by halves; upside down.
    let values = plain.iter().map(|value| value + 1024);
    let halves = plain.iter().map(|value| value.div_euclid(2) + 1024);
    let frames = values.clone().chain(halves).chain(turned.iter().map(|value| value + 1024)).chain(values);
    let shared = items(&[
        sequence(TRANSFORMATION, &[text(INTERCEPT, "DS", "-1024"), text(SLOPE, "DS", "1"), text(UNIT, "LO", "HU")]),
        sequence(PLANE_ORIENTATION, &[text(ORIENTATION, "DS", "1\\0\\0\\0\\1\\0")]),
    ]);
    let own = [
        items(&[at("5")]),
        items(&[at("-12,5"), sequence(TRANSFORMATION, &[text(INTERCEPT, "DS", "-2048"), text(SLOPE, "DS", "2")])]),
        items(&[at("0"), sequence(PLANE_ORIENTATION, &[text(ORIENTATION, "DS", "-1\\0\\0\\0\\-1\\0")])]),
        items(&[sequence(FRAME_TYPE[0], &[text(FRAME_TYPE[1], "CS", "ORIGINAL\\PRIMARY\\LOCALIZER")])]),
    ];
    for top in [Vec::new(), scale("1", "0"), scale("3", "7")] {
        let file = File { sop_class: ENHANCED_CT, signed: false, others: top, ..File::original(frames.clone()) }
            .with(SERIES, "UI", b"1.2.3")
            .with(FRAMES, "IS", b"4")
            .with(POSITION, "DS", b"0\\0\\999")
            .with(FUNCTIONAL_GROUPS, "SQ", &shared)
            .with(PER_FRAME, "SQ", &own.concat());
        let image = Image::open(file.bytes(), Limits::default()).unwrap();
        let read = |frame| image.slice(frame).unwrap();
        assert!(units(read(0)) == plain && units(read(2)) == plain);
        assert!(units(read(1)).iter().zip(&plain).all(|(found, value)| *found == value.div_euclid(2) * 2));
        assert_eq!(
            (0..4).map(|frame| image.place(frame).height).collect::<Vec<_>>(),
            [Some(5.0), Some(-12.5), Some(0.0), None]
        );
        assert_eq!((read(0).origin.notes.len(), read(1).origin.notes.len()), (0, 1));
        assert!(read(3).origin.localizer && !read(2).origin.localizer);
        let found = items_of(&[("ct", file.bytes())]);
        let [study] = &studies(&found, &[], None)[..] else { panic!("it is one study") };
        assert_eq!(
            (study.order, named(study, &found)),
            (Order::Position, ["ct 0", "ct 2", "ct 1"].map(String::from).to_vec())
        );
        assert_eq!(study.set_aside, [(Aside::Localizer, 1)].into());
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_frame_without_hounsfield_units_costs_no_other() {
    let unit = |unit: &str| {
        items(&[sequence(
            TRANSFORMATION,
            &[text(INTERCEPT, "DS", "0"), text(SLOPE, "DS", "1"), text(UNIT, "LO", unit)],
        )])
    };
    let file = |second: &str| {
        File { others: Vec::new(), ..File::original(vec![0; 2 * SIDE * SIDE]) }.with(FRAMES, "IS", b"2 ").with(
            PER_FRAME,
            "SQ",
            &[unit("Z_EFF"), unit(second)].concat(),
        )
    };
    let image = Image::open(file("HU").bytes(), Limits::default()).unwrap();
    let error = image.slice(0).map(|slice| slice.width).unwrap_err();
    assert!(error.code() == "unsupported" && error.to_string().contains("Z_EFF"), "{error}");
    assert!(matches!(image.slice(1).unwrap().pixels, Pixels::Hu(_)));
    assert_eq!(file("Z_EFF").slice().map(|slice| slice.width).unwrap_err().code(), "unsupported");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn the_parts_of_a_concatenation_are_one_series() {
    let part = |number: u16, before: u32| {
        File::original(filled(-1024).into_iter().chain(filled(-1024)))
            .with(FRAMES, "IS", b"2 ")
            .with([0x0020, 0x9161], "UI", b"1.2.9")
            .with([0x0020, 0x9162], "US", &number.to_le_bytes())
            .with([0x0020, 0x9228], "UL", &before.to_le_bytes())
            .bytes()
    };
    let found = items_of(&[("second", part(2, 2)), ("first", part(1, 0))]);
    let [study] = &studies(&found, &[], None)[..] else { panic!("it is one study") };
    assert_eq!(study.order, Order::Number);
    assert_eq!(named(study, &found), ["first 0", "first 1", "second 0", "second 1"]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn one_slice_without_a_position_comes_last() {
    let placed = |z| slice_of("1.9", &[(POSITION, "DS", &position(z))]).bytes();
    let capture = File::capture(8, vec![7; SIDE * SIDE]).with(SERIES, "UI", b"1.9").with(NUMBER, "IS", b"1 ");
    let found = items_of(&[("report", capture.bytes()), ("0", placed(0)), ("15", placed(15)), ("5", placed(5))]);
    let [study] = &studies(&found, &[], None)[..] else { panic!("it is one study") };
    assert_eq!(
        (study.order, named(study, &found)),
        (Order::Position, ["15", "5", "0", "report"].map(String::from).to_vec())
    );
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn the_location_orders_where_there_is_no_position() {
    let located = |at: &str| slice_of("1.9.1", &[(LOCATION, "DS", at)]).bytes();
    let found =
        items_of(&[("-10", located("-10")), ("0", located("0 ")), ("-15", located("-15,0")), ("-5", located("-5"))]);
    let study = &studies(&found, &[], None)[0];
    assert_eq!(
        (study.order, named(study, &found)),
        (Order::Location, ["0", "-5", "-10", "-15"].map(String::from).to_vec())
    );
    // Where both are known of others, it says where a slice without a position lies.
    let both = |z: i32, at: &str| slice_of("1.9.2", &[(POSITION, "DS", &position(z)), (LOCATION, "DS", at)]).bytes();
    let lost = slice_of("1.9.2", &[(LOCATION, "DS", "93")]).bytes();
    let found = items_of(&[("10", both(10, "90")), ("0", both(0, "100")), ("7", lost), ("5", both(5, "95"))]);
    let study = &studies(&found, &[], None)[0];
    assert_eq!(
        (study.order, named(study, &found)),
        (Order::Position, ["10", "7", "5", "0"].map(String::from).to_vec())
    );
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_decimal_comma_is_a_point_and_said_so() {
    let plain = units(File::original(filled(-1024)).slice().unwrap());
    let read = |slope, intercept| File {
        others: scale(slope, intercept),
        ..File::unsigned(plain.iter().map(|value| value + 1024))
    };
    let slice = read("1,0 ", "-1024,0").slice().unwrap();
    assert_eq!(slice.origin.notes.len(), 1);
    assert!(units(slice) == plain);
    let placed = read("1 ", "-1024").with(POSITION, "DS", b"-125,5\\ -1,25\\-42,125").bytes();
    assert_eq!(Image::open(placed, Limits::default()).unwrap().place(0).height, Some(-42.125));
    assert!(read("1 ", "-1024").slice().unwrap().origin.notes.is_empty());
    // It may be a thousand and more.
    let error = read("1 ", "-1,024").slice().map(|slice| slice.width).unwrap_err();
    assert!(error.to_string().contains("rescale intercept"), "{error}");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn stacks_of_a_series_are_told_apart_by_what_differs() {
    let index: Tag = [0x0020, 0x9128];
    for (tag, vr, values, name) in [
        (ACQUISITION, "IS", ["2", "10"], ["acquisition 2", "acquisition 10"]),
        ([0x0018, 0x0086], "IS", ["1", "2"], ["echo 1", "echo 2"]),
        ([0x0020, 0x0100], "IS", ["1", "2"], ["time 1", "time 2"]),
        (index, "UL", ["\u{1}\0\0\0", "\u{2}\0\0\0"], ["time 1", "time 2"]),
        ([0x0018, 0x1210], "SH", ["B70f", "B30f"], ["kernel B70f", "kernel B30f"]),
        ([0x0018, 0x0050], "DS", ["1.25", "5"], ["1.25 mm", "5 mm"]),
        (
            IMAGE_TYPE,
            "CS",
            ["ORIGINAL\\PRIMARY\\AXIAL", "DERIVED\\SECONDARY\\AVERAGE"],
            ["image type ORIGINAL PRIMARY AXIAL", "image type DERIVED SECONDARY AVERAGE"],
        ),
    ] {
        let slice =
            |value: &'static str, z| slice_of("1.8", &[(POSITION, "DS", &position(z)), (tag, vr, value)]).bytes();
        let files = [
            ("a0", slice(values[0], 0)),
            ("b0", slice(values[1], 0)),
            ("b5", slice(values[1], 5)),
            ("a5", slice(values[0], 5)),
        ];
        let found = items_of(&files);
        let [study] = &studies(&found, &[], None)[..] else { panic!("it is one study") };
        assert_eq!(study.stacks.iter().map(|stack| stack.name.as_deref().unwrap()).collect::<Vec<_>>(), name);
        assert_eq!(
            (study.order, named(study, &found)),
            (Order::Position, ["a5", "a0", "b5", "b0"].map(String::from).to_vec())
        );
        assert_eq!((&study.stacks[1].slices, study.stacks[1].counts.slices), (&vec![3, 4], 2));
        assert!(study.repeated.is_empty(), "the same pixels at the same place, and another stack");
    }
    // The turns of a table, one behind the other, are one stack, and so are slices that alone lack what the others have.
    let turn = |z: i32, number: &'static str| {
        slice_of("1.8", &[(POSITION, "DS", &position(z)), (ACQUISITION, "IS", number)]).bytes()
    };
    let unknown = slice_of("1.8", &[(POSITION, "DS", &position(30))]).bytes();
    let found = items_of(&[("0", turn(0, "1")), ("10", turn(10, "2")), ("20", turn(20, "3")), ("30", unknown)]);
    let study = &studies(&found, &[], None)[0];
    assert_eq!((study.stacks.len(), study.stacks[0].name.as_deref()), (1, None));
    assert_eq!(named(study, &found), ["30", "20", "10", "0"]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn the_same_slice_counts_once() {
    let slice = |instance: &'static str, z: i32| {
        slice_of("1.8.1", &[(INSTANCE, "UI", instance), (POSITION, "DS", &position(z))]).bytes()
    };
    let mut cut = slice("1.1", 5);
    cut.truncate(cut.len() - 2);
    let mut other = slice("1.1", -5);
    let middle = other.len() - SIDE * SIDE;
    other[middle] ^= 1;
    let files = [
        ("cut", cut),
        ("5", slice("1.1", 5)),
        ("0", slice("1.2", 0)),
        ("5 again", slice("1.1", 5)),
        ("5 under another name", slice("1.9", 5)),
        // One name for all slices says nothing, at one place neither.
        ("-5", slice("1.1", -5)),
        ("other pixels", other),
    ];
    let found = items_of(&files);
    let [study] = &studies(&found, &[], None)[..] else { panic!("it is one study") };
    assert_eq!(named(study, &found), ["5", "0", "-5", "other pixels"]);
    assert_eq!((study.counts.slices, study.counts.judged, study.counts.unreadable), (4, 4, 0));
    let again: Vec<_> = study.repeated.iter().map(|repeat| (found[repeat.item].file.as_str(), repeat.slice)).collect();
    assert_eq!(again, [("cut", 1), ("5 again", 1), ("5 under another name", 1)]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn two_patients_or_two_visits_are_no_one_series() {
    const PATIENT: Tag = [0x0010, 0x0020];
    let slice = |z: i32, more: &[(Tag, &'static str, &str)]| {
        let at = position(z);
        slice_of("1.8.2", &[&[(POSITION, "DS", &at[..])], more].concat()).bytes()
    };
    let files = [
        ("nobody", slice(20, &[])),
        ("a", slice(0, &[(PATIENT, "LO", "a")])),
        ("b", slice(5, &[(PATIENT, "LO", "b")])),
        ("a again", slice(10, &[(PATIENT, "LO", "a ")])),
        ("a later", slice(15, &[(PATIENT, "LO", "a"), (VISIT, "UI", "1.9")])),
        ("a later yet", slice(25, &[(PATIENT, "LO", "a"), (VISIT, "UI", "1.10")])),
    ];
    let found = items_of(&files);
    let studies: Vec<Vec<String>> = studies(&found, &[], None).iter().map(|study| named(study, &found)).collect();
    // A slice that names no visit belongs to the first that is named.
    assert_eq!(studies, [vec!["nobody", "a later", "a again", "a"], vec!["b"], vec!["a later yet"]]);
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_cannot_be_opened_stays_in_its_series() {
    let slice = |z: i32| slice_of("1.9.4", &[(POSITION, "DS", &position(z))]).bytes();
    let mut cut = slice(5);
    cut.truncate(cut.len() / 2);
    let found = items_of(&[("0", slice(0)), ("5", cut), ("10", slice(10))]);
    let [study] = &studies(&found, &[], None)[..] else { panic!("it is one study") };
    assert_eq!(named(study, &found), ["10", "5", "0"]);
    assert_eq!((study.counts.judged, study.counts.unreadable), (2, 1));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_is_no_slice_is_set_aside_by_its_kind() {
    let colours = |file: File, image_type: &'static str| {
        let samples = [0x0028, 0x0002];
        file.with(IMAGE_TYPE, "CS", image_type.as_bytes()).with(samples, "US", &3u16.to_le_bytes())
    };
    let coloured = || File { photometric: "RGB ", values: vec![0; 3 * SIDE * SIDE], ..File::capture(8, [0]) };
    let unpictured = |sop_class| File { sop_class, pixels: ([0x0009, 0x0010], "OW"), ..File::capture(8, [0]) };
    let files = [
        (colours(coloured(), "DERIVED\\SECONDARY\\OTHER\\DOSE"), Aside::DoseSheet),
        (colours(coloured(), "DERIVED\\SECONDARY"), Aside::ScreenCapture),
        (unpictured(STRUCTURED_REPORT), Aside::StructuredReport),
        (unpictured("1.2.840.10008.5.1.4.1.1.88.59"), Aside::KeyObjects),
        (unpictured("1.2.840.10008.5.1.4.1.1.11.1"), Aside::PresentationState),
        (unpictured("1.2.840.10008.1.3.10"), Aside::Directory),
    ];
    let slice = slice_of("1.3", &[(VISIT, "UI", "1.3.9"), (POSITION, "DS", &position(0))]).bytes();
    let items = items_of(&[("slice", slice)]);
    let mut beside = Vec::new();
    for (file, kind) in files {
        let bytes = file.with(VISIT, "UI", b"1.3.9").bytes();
        let Err(unopened) = Opened::recognise(bytes, Limits::default()) else { panic!("{kind:?} is no slice") };
        assert_eq!(unopened.aside, Some(kind));
        beside.push(Beside { kind, place: Spot::of(&unopened.place, b"test"), container: None, intake: None });
    }
    let [study] = &studies(&items, &beside, None)[..] else { panic!("it is one study") };
    assert_eq!((study.counts.slices, study.set_aside.len()), (1, 6));
    // Nothing of the header but the marks, and those in no other words than a code's.
    let named = slice_of("1.3", &[([0x0018, 0x1210], "SH", "Doe^John 1970")]).bytes();
    let kernel = Image::open(named, Limits::default()).unwrap().place(0).marks[&Mark::Kernel].clone();
    assert!(kernel.starts_with('#') && !kernel.contains("Doe"), "{kernel}");
}
