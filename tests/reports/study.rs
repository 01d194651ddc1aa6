//! The reading of a study as a whole: one score and one extent, whatever order, files and turns its slices come in.

use super::series::{ENHANCED_CT, FRAMES, PER_FRAME, POSITION, SERIES, at, items, items_of, position, sequence, text};
use super::*;
use lungglass::model::Model;
use lungglass::study::{Extent, Item, Order, Sides, Spacing, Study, studies};

const SLICES: i32 = 6;

/// The base slice with ground glass at the back of the lung left of the middle of the picture, the patient's right one.
fn ill() -> Vec<i32> {
    let dense = |(at, value): (usize, i32)| {
        let is_lung = (-980..-600).contains(&value);
        if is_lung && at % SIDE < SIDE / 2 && at / SIDE >= 280 { -300 } else { value }
    };
    filled(-1024).into_iter().enumerate().map(dense).collect()
}

/// Of slice `number` from the feet on: the upper half of them is ill.
fn values(number: i32) -> Vec<i32> {
    if number >= SLICES / 2 { ill() } else { filled(-1024) }
}

/// A series, from the feet on.
fn series(orientation: &str, turn: fn(Vec<i32>) -> Vec<i32>) -> Vec<(String, Vec<u8>)> {
    let file = |number: i32| {
        let height = position(number * 8);
        let file = File::original(turn(values(number))).with(SERIES, "UI", b"1.2.3");
        file.with(POSITION, "DS", height.as_bytes()).with(ORIENTATION, "DS", orientation.as_bytes()).bytes()
    };
    (0..SLICES).map(|number| (number.to_string(), file(number))).collect()
}

fn read(files: &[(String, Vec<u8>)]) -> Vec<Item> {
    items_of(&files.iter().map(|(name, bytes)| (&**name, bytes.clone())).collect::<Vec<_>>())
}

fn study_of(items: &[Item]) -> Study {
    let rule = Model::parse(lungglass::classifier::SETTINGS).unwrap().study;
    let mut found = studies(items, &[], rule.as_ref());
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// Opaque shares: right, left, upper, middle, lower.
fn shares(extent: &Extent) -> [f32; 5] {
    [extent.right, extent.left, extent.upper, extent.middle, extent.lower].map(|part| part.unwrap().opacity.share)
}

const AXIAL: &str = "1\\0\\0\\0\\1\\0";

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_study_says_where_the_lungs_are_opaque_in_whatever_order_its_slices_come() {
    let mut items = read(&series(AXIAL, |values| values));
    let study = study_of(&items);
    let extent = study.extent.unwrap();
    assert_eq!((study.order, extent.spacing, extent.sides), (Order::Position, Spacing::Positions, Sides::Header));
    let [right, left, upper, middle, lower] = shares(&extent);
    assert!(right > 0.05 && right > 3.0 * left, "right {right}, left {left}");
    assert!(upper > 0.05 && upper > 3.0 * lower, "upper {upper}, lower {lower}");
    assert!(lower < middle && middle < upper, "the middle third is half and half: {middle}");
    let each: f32 = [extent.right, extent.left].iter().flatten().map(|part| part.of_lungs * part.opacity.share).sum();
    assert!((each - extent.lungs.opacity.share).abs() < 1e-5);
    let score = study.score.unwrap();
    let most = items.iter().filter_map(|item| item.score).fold(0.0, f32::max);
    assert!((score - most).abs() < 1e-6, "the highest two of six are alike: {score}, {most}");
    items.rotate_left(2);
    items.swap(0, 4);
    let again = study_of(&items);
    assert_eq!((again.score, again.verdict, again.extent), (study.score, study.verdict, study.extent));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn the_right_lung_stays_the_right_one_however_its_slices_lie() {
    let expected = shares(&study_of(&read(&series(AXIAL, |values| values))).extent.unwrap());
    let mirror = |values: Vec<i32>| values.chunks(SIDE).flat_map(|row| row.iter().rev().copied()).collect::<Vec<_>>();
    let found = study_of(&read(&series("-1\\0\\0\\0\\1\\0", mirror))).extent.unwrap();
    // The normal points to the feet then, so that the head is where it was.
    assert_eq!(found.sides, Sides::Header);
    for (found, expected) in shares(&found).into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn frames_of_an_enhanced_ct_are_a_study_as_files_are() {
    let expected = study_of(&read(&series(AXIAL, |values| values)));
    let shared = items(&[
        sequence(TRANSFORMATION, &[text(INTERCEPT, "DS", "-1024"), text(SLOPE, "DS", "1"), text(UNIT, "LO", "HU")]),
        sequence([0x0020, 0x9116], &[text(ORIENTATION, "DS", AXIAL)]),
    ]);
    // From the middle to both ends.
    let order = [2, 3, 1, 4, 0, 5];
    let own: Vec<u8> = order.iter().flat_map(|number| items(&[at(&(number * 8).to_string())])).collect();
    let pixels = order.iter().flat_map(|number| values(*number)).map(|value| value + 1024);
    let file = File { sop_class: ENHANCED_CT, signed: false, others: Vec::new(), ..File::original(pixels) }
        .with(SERIES, "UI", b"1.2.3")
        .with(FRAMES, "IS", SLICES.to_string().as_bytes())
        .with(FUNCTIONAL_GROUPS, "SQ", &shared)
        .with(PER_FRAME, "SQ", &own);
    let found = study_of(&items_of(&[("ct", file.bytes())]));
    assert_eq!((found.score, found.extent), (expected.score, expected.extent));
}
