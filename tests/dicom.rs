//! The samples of tests/dicom on whichever runtime this is built for: native, or wasm in a browser. One slice in every transfer
//! syntax that is read; `expected.toml` says what pydicom makes of each file.

mod samples;

use include_dir::{Dir, include_dir};
use lungglass::decode::{Image, Limits};
use lungglass::slice::Pixels;
use samples::{Expected, Lossy};
use sha2::{Digest, Sha256};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test as test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

static SAMPLES: Dir = include_dir!("$CARGO_MANIFEST_DIR/tests/dicom");

fn bytes(name: &str) -> Vec<u8> {
    SAMPLES.get_file(name).unwrap_or_else(|| panic!("there is no {name}")).contents().to_vec()
}

/// The values of all frames, one behind the other.
fn values(name: &str) -> Vec<f32> {
    let image = Image::open(bytes(name), Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let frame = |frame| match image.slice(frame).unwrap_or_else(|error| panic!("{name}: {error}")).pixels {
        Pixels::Hu(values) => values,
        _ => panic!("{name} has no Hounsfield units"),
    };
    (0..image.frames()).flat_map(frame).collect()
}

#[test]
fn every_transfer_syntax_gives_the_hounsfield_units_that_pydicom_decodes() {
    let expected: Expected = toml::from_str(std::str::from_utf8(&bytes("expected.toml")).unwrap()).unwrap();
    for (name, expected) in &expected.exact {
        let hash =
            values(name).iter().fold(Sha256::new(), |hash, value| hash.chain_update((*value as i32).to_le_bytes()));
        let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, *expected, "{name}");
    }
    for (name, Lossy { decoded, tolerance }) in &expected.lossy {
        let (found, decoded) = (values(name), values(decoded));
        assert_eq!(found.len(), decoded.len(), "{name}");
        let distance = found.iter().zip(&decoded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(distance <= *tolerance, "{name} is {distance} HU off");
    }
    let listed = expected.exact.len() + expected.lossy.len() + expected.lossy.len();
    let files = SAMPLES.files().filter(|file| file.path().extension().is_some_and(|extension| extension == "dcm"));
    assert_eq!(files.count(), listed, "every sample stands in expected.toml");
}
