//! What stored values mean: tables of Hounsfield units, and pixels that are floating-point numbers.

use super::*;

const FLOATS: (Tag, &str) = ([0x7FE0, 0x0008], "OF");
const DOUBLES: (Tag, &str) = ([0x7FE0, 0x0009], "OD");
const FLOAT_PADDING: Tag = [0x0028, 0x0122];

/// A Modality LUT Sequence of one item: number of entries, first stored value and bits of an entry; what the entries are; and they.
fn table(descriptor: [u16; 3], unit: &[u8], vr: &'static str, entries: impl Iterator<Item = i16>) -> Vec<u8> {
    let mut elements = Vec::new();
    let descriptor: Vec<u8> = descriptor.into_iter().flat_map(u16::to_le_bytes).collect();
    put(&mut elements, [0x0028, 0x3002], "US", &descriptor);
    put(&mut elements, [0x0028, 0x3004], "LO", unit);
    put(&mut elements, [0x0028, 0x3006], vr, &entries.flat_map(i16::to_le_bytes).collect::<Vec<_>>());
    let mut item = vec![0xFE, 0xFF, 0x00, 0xE0];
    item.extend((elements.len() as u32).to_le_bytes());
    item.extend(elements);
    item
}

/// The base slice in 12 bits, and what each of its values means.
fn twelve_bits() -> (File, Vec<i32>) {
    let units: Vec<i32> = base().into_iter().map(|unit| unit.clamp(-1024, 3071)).collect();
    let file = File { stored: 12, others: Vec::new(), ..File::unsigned(units.iter().map(|unit| unit + 1024)) };
    (file, units)
}

/// An original of numbers of 4 or 8 bytes, in Hounsfield units as they are.
fn of_bytes(pixels: (Tag, &'static str), bytes: Vec<u8>) -> File {
    let halves = bytes.as_chunks::<2>().0.iter().map(|half| u16::from_le_bytes(*half));
    let allocated = if pixels == FLOATS { 32 } else { 64 };
    File { allocated, stored: allocated, pixels, values: halves.collect(), ..File::original([]) }
}

fn of_floats(values: &[f32]) -> File {
    of_bytes(FLOATS, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_table_gives_the_hounsfield_units_that_it_holds() {
    let whole = [4096, 0, 16];
    // Unsigned entries of 64,512 are no Hounsfield units: they are -1024, and that is said.
    for (unit, vr, notes) in [(&b"HU"[..], "SS", 0), (b"US", "SS", 0), (b"HU", "OW", 1)] {
        // A scale beside it does not count.
        for others in [Vec::new(), scale("2", "-5000")] {
            let (file, expected) = twelve_bits();
            let lut = table(whole, unit, vr, (0..4096).map(|stored| stored - 1024));
            let slice = File { others, ..file }.with(MODALITY_LUT, "SQ", &lut).slice().unwrap();
            assert_eq!(slice.origin.notes.len(), notes, "{vr}: {:?}", slice.origin.notes);
            assert!(units(slice) == expected, "{vr}");
        }
    }
    // Values beside the table mean what its ends do.
    let (file, expected) = twelve_bits();
    let lut = table([1024, 512, 16], b"HU", "SS", (512..1536).map(|stored| stored - 1024));
    let slice = file.with(MODALITY_LUT, "SQ", &lut).slice().unwrap();
    assert!(units(slice).into_iter().eq(expected.into_iter().map(|unit| unit.clamp(-512, 511))));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_table_of_something_else_or_of_too_little_is_named() {
    let error = |lut: Vec<u8>| twelve_bits().0.with(MODALITY_LUT, "SQ", &lut).slice().map(|_| ()).unwrap_err();
    let other = error(table([4096, 0, 16], b"OD", "OW", 0..4096));
    assert_eq!(other.code(), "unsupported");
    assert!(other.to_string().contains("not Hounsfield units (OD)"), "{other}");
    let cut = error(table([4096, 0, 16], b"HU", "SS", 0..100));
    assert_eq!(cut.code(), "unreadable");
    assert!(cut.to_string().contains("its Modality LUT holds 100 of 4096 entries"), "{cut}");
    assert!(error(item([0x0028, 0x3004], "LO", b"HU")).to_string().contains("no descriptor"));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn pixels_of_floating_point_numbers_are_read() {
    let expected = base();
    let singles: Vec<f32> = expected.iter().map(|unit| *unit as f32).collect();
    let doubles = expected.iter().flat_map(|unit| f64::from(*unit).to_le_bytes()).collect();
    for file in [of_floats(&singles), of_bytes(DOUBLES, doubles)] {
        let slice = file.slice().unwrap();
        assert_eq!(slice.origin.notes, [""; 0]);
        assert!(units(slice) == expected);
    }
    // Slope and intercept count, and what is padding or no number is air.
    let mut scaled: Vec<f32> = expected.iter().map(|unit| (unit + 1000) as f32 / 1000.0).collect();
    (scaled[0], scaled[1]) = (f32::NAN, -7.5);
    let file = File { others: scale("1000", "-1000"), ..of_floats(&scaled) };
    let slice = file.with(FLOAT_PADDING, "FL", &(-7.5f32).to_le_bytes()).slice().unwrap();
    assert_eq!(slice.origin.notes.len(), 1, "{:?}", slice.origin.notes);
    let Pixels::Hu(found) = slice.pixels else { panic!("it has no Hounsfield units") };
    assert!(found[0] <= -1000.0 && found[1] <= -1000.0, "{} {}", found[0], found[1]);
    assert!(found.iter().zip(&expected).skip(2).all(|(found, unit)| (found - *unit as f32).abs() < 1e-3));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn floating_point_numbers_without_a_scale_or_an_end_are_named() {
    let numbers = |value: f32| vec![value; SIDE * SIDE];
    let error = |file: File| file.slice().map(|_| ()).unwrap_err().to_string();
    assert!(error(of_floats(&numbers(f32::INFINITY))).contains("infinity"));
    assert!(error(of_floats(&numbers(0.0)[1..])).contains("1048572 of 1048576 bytes of pixel data"));
    let unscaled = File { others: Vec::new(), ..of_floats(&numbers(0.5)) };
    assert!(unscaled.slice().unwrap().origin.unscaled);
}
