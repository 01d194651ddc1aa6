//! How large the pixels of a slice are as it is shown, whichever way its file stores it: what is measured on it is in millimetres.

use super::*;

const SPACING: Tag = [0x0028, 0x0030];
const ASPECT: Tag = [0x0028, 0x0034];

/// A slice of 60 columns and 50 rows; its columns, its rows and millimetres from column to column and from row to row as it is shown.
fn shown(spacing: &str, orientation: &str) -> (usize, usize, Option<[f64; 2]>) {
    let file = File::original((0..3000).map(|at| at % 1000)).sized(60, 50).with(SPACING, "DS", &even(spacing));
    let slice = match orientation {
        "" => file,
        cosines => file.with(ORIENTATION, "DS", &even(cosines)),
    }
    .slice()
    .unwrap();
    (slice.width, slice.height, slice.origin.spacing)
}

fn even(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(2), b' ');
    bytes
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_slice_has_the_millimetres_of_its_header_whichever_way_it_is_stored() {
    // Rows that run to a side, then rows that run to the front or the back: columns and rows change places, and their sizes too.
    for (sides, spacing) in [
        (["1\\0\\0\\0\\1\\0", "-1\\0\\0\\0\\1\\0", "1\\0\\0\\0\\-1\\0", "-1\\0\\0\\0\\-1\\0"], [0.703, 0.7]),
        (["0\\1\\0\\1\\0\\0", "0\\1\\0\\-1\\0\\0", "0\\-1\\0\\1\\0\\0", "0\\-1\\0\\-1\\0\\0"], [0.7, 0.703]),
    ] {
        for cosines in sides {
            let (width, height, found) = shown("0.7\\0.703", cosines);
            let expected = if spacing[0] > 0.7 { (60, 50) } else { (50, 60) };
            assert_eq!(((width, height), found), (expected, Some(spacing)), "{cosines}");
        }
    }
    // Stored as it is: a coronal one, and one that says nothing.
    for cosines in ["1\\0\\0\\0\\0\\-1", "", "0\\0\\0\\0\\0\\0"] {
        assert_eq!(shown("0.7\\0.703", cosines), (60, 50, Some([0.703, 0.7])), "{cosines}");
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn pixels_that_were_made_square_have_the_millimetres_of_what_they_became() {
    assert_eq!(shown("1.4\\0.7", ""), (60, 100, Some([0.7, 0.7])));
    assert_eq!(shown("1.4\\0.7", "0\\1\\0\\1\\0\\0"), (100, 60, Some([0.7, 0.7])));
    // As near to square as whole pixels can be: 60 columns of 1 mm over 50 rows of 0.7 mm become 86 columns.
    let (width, height, found) = shown("0.7\\1", "");
    assert_eq!((width, height), (86, 50));
    assert_eq!(found, Some([60.0 / 86.0, 0.7]));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_cannot_be_believed_is_no_scale() {
    for spacing in [
        "0\\0",
        "-0.7\\-0.7",
        "0.7",
        "0.7\\0.7\\0.7",
        "a\\b",
        "nan\\nan",
        "inf\\inf",
        "1e-9\\1e-9",
        "1000\\1000",
        "0.001\\0.7",
        "",
    ] {
        assert_eq!(shown(spacing, "").2, None, "{spacing}");
    }
    // The shape of a pixel says nothing of its size.
    let by_shape = File::original(0..3000).sized(60, 50).with(ASPECT, "IS", b"2\\1 ").slice().unwrap();
    assert_eq!((by_shape.width, by_shape.height, by_shape.origin.spacing), (60, 100, None));
    let by_letters = File::original(0..3000).sized(60, 50).with(SPACING, "DS", b"0.7\\0.703 ");
    let by_letters = by_letters.with(PATIENT_ORIENTATION, "CS", b"P\\L ").slice().unwrap();
    assert_eq!(by_letters.origin.spacing, Some([0.7, 0.703]));
}
