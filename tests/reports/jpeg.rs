//! JPEG files that are no pictures of 8 bits: lossless, and of 12 bits.

use super::*;

/// The JPEG in a DICOM file.
fn within(file: &[u8]) -> Vec<u8> {
    let start = file.windows(3).position(|bytes| bytes == [0xFF, 0xD8, 0xFF]).unwrap();
    file[start..].to_vec()
}

fn read(bytes: Vec<u8>) -> Result<Slice, Error> {
    Image::open(bytes, Limits::default())?.slice(0)
}

/// Of 12 bits, and lossless with 11 bits in 16.
const FILES: [&[u8]; 2] =
    [include_bytes!("../dicom/jpeg-extended.dcm"), include_bytes!("../dicom/jpeg-lossless-4.dcm")];

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn lossless_and_twelve_bit_jpeg_are_pictures_too() {
    let units_of = |file: &[u8]| units(Image::open(file.to_vec(), Limits::default()).unwrap().slice(0).unwrap());
    let slice = read(within(FILES[0])).unwrap();
    assert_eq!((slice.origin.format, slice.origin.notes.len()), ("JPEG", 0), "{:?}", slice.origin.notes);
    let Pixels::Gray(levels) = slice.pixels else { panic!("it is no picture") };
    // The intercept of the DICOM file, and the greatest number of 12 bits.
    let level = |unit: i32| ((unit + 2023) as f32 / 4095.0 * 255.0).round() as u8;
    assert!(levels.into_iter().eq(units_of(FILES[0]).into_iter().map(level)));
    // These are Hounsfield units above air.
    let slice = read(within(FILES[1])).unwrap();
    assert!(slice.origin.notes[0].starts_with("its values use 11 of 16 bits"), "{:?}", slice.origin.notes);
    assert_eq!(units(slice), units_of(FILES[1]));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn those_that_are_not_read_are_named() {
    let lossless = within(FILES[1]);
    let frame = lossless.windows(2).position(|marker| marker == [0xFF, 0xC3]).unwrap();
    let with = |at: usize, value: u8| {
        let mut bytes = lossless.clone();
        bytes[frame + at] = value;
        read(bytes).map(|_| ()).unwrap_err()
    };
    let coloured = with(9, 3);
    assert_eq!(coloured.code(), "unsupported");
    assert!(coloured.to_string().contains("JPEG of 3 colour components"), "{coloured}");
    let differential = with(1, 0xC7);
    assert_eq!(differential.code(), "unsupported");
    assert!(differential.to_string().contains("process SOF7 with 16 bits"), "{differential}");
    let error = read(lossless[..lossless.len() / 2].to_vec()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("it ends before the image does"), "{error}");
}
