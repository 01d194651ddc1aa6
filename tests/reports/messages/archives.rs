//! Archives, files that are packed by themselves, and what is no image at all.

use lungglass::decode::{Image, Limits};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

use super::{hold, hold_within, put};
use crate::archives::{PICTURE, gzip, plain, tar, zip};

const AGAIN: &str = "export the slice again from its source";

fn place(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn zip_archives() {
    let whole = zip(b"", b"", &plain(&[b"a.png"]), 0);
    let record = place(&whole, b"PK\x01\x02");
    let number = |at: usize, value: u32| put(&whole, record + at, &value.to_le_bytes());
    let two = zip(b"", b"", &plain(&[b"a.png", b"b.png"]), 0);
    let second = two.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let size = PICTURE.len() as u32;
    let packed = u32::from_le_bytes(whole[record + 20..record + 24].try_into().unwrap());
    let zip = |reason: &str| format!("the ZIP data cannot be read: {reason}; {AGAIN}");
    let limited = |what: &str, value: u64, limit: u64| {
        format!("{what} is {value}, more than the limit of {limit}; export it smaller")
    };
    let (few, small) = (Limits { entries: 1, ..Limits::default() }, Limits { expanded: 1000, ..Limits::default() });
    let short = Limits { entry: 1000, ..Limits::default() };
    let usual = Limits::default;
    let give = "give it one with PNG, JPEG, BMP, GIF, TIFF, WebP, NIfTI, MetaImage, NRRD or DICOM files";
    let cases = [
        (zip("*"), whole[..whole.len() - 10].to_vec(), usual()),
        (zip("an entry is longer than its directory says"), number(24, size - 1), usual()),
        (zip("an entry is not what its directory says"), number(16, 7), usual()),
        (zip("an entry is damaged (*)"), number(20, packed - 1000), usual()),
        (zip("its entries share their bytes"), put(&two, second + 20, &(two.len() as u32).to_le_bytes()), usual()),
        (
            "an encrypted entry is not supported; unpack the archive with its password first".to_string(),
            put(&whole, record + 8, &[1]),
            usual(),
        ),
        (
            "the compression method * of an entry is not supported; unpack the archive first".to_string(),
            put(&whole, record + 10, &[93]),
            usual(),
        ),
        (limited("the number of entries", 2, 1), two.clone(), few),
        (limited("the size of all entries in bytes", size.into(), 1000), whole.clone(), small),
        (limited("the size of the entry in bytes", size.into(), 1000), whole.clone(), short),
        (
            format!("this archive holds no image that LungGlass knows, only one other file; {give}"),
            tar(&[(b"notes.txt", b'0', b"notes")]),
            usual(),
        ),
        (
            format!("this archive holds no image that LungGlass knows, only 2 other files; {give}"),
            tar(&[(b"notes.txt", b'0', b"notes"), (b"more.txt", b'0', b"notes")]),
            usual(),
        ),
        (format!("this archive holds no file; {give}"), [&b"PK\x05\x06"[..], &[0; 18]].concat(), usual()),
    ];
    hold_within(cases.iter().map(|(message, bytes, limits)| (message.as_str(), bytes.clone(), *limits)));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn tar_archives_and_packed_files() {
    let whole = tar(&[(b"a.png", b'0', PICTURE), (b"b.png", b'0', PICTURE)]);
    let second = 512 + PICTURE.len().next_multiple_of(512);
    // A header whose sum is right for a size that is none.
    let mut strange = whole.clone();
    strange[124..136].copy_from_slice(b"many bytes!!");
    strange[148..156].fill(b' ');
    let sum: u32 = strange[..512].iter().map(|byte| u32::from(*byte)).sum();
    strange[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let packed = gzip(PICTURE);
    let tar = |reason: &str| format!("the tar data cannot be read: {reason}; {AGAIN}");
    let limited = |what: &str, value: usize, limit: u64| {
        format!("{what} is {value}, more than the limit of {limit}; export it smaller")
    };
    let usual = Limits::default;
    let cases = [
        (tar("a header is damaged, and what follows it is lost"), put(&whole, second, b"X"), usual()),
        (tar("the size of an entry is no number"), strange, usual()),
        (tar("the archive ends within this entry"), whole[..second + 600].to_vec(), usual()),
        (limited("the number of entries", 2, 1), whole.clone(), Limits { entries: 1, ..usual() }),
        (
            limited("the size of the entry in bytes", PICTURE.len(), 1000),
            whole.clone(),
            Limits { entry: 1000, ..usual() },
        ),
        (format!("the gzip data cannot be read: *; {AGAIN}"), packed[..packed.len() / 2].to_vec(), usual()),
        (
            format!("the gzip data cannot be read: it has more than 65536 members; {AGAIN}"),
            gzip(b"").repeat(65_537),
            usual(),
        ),
        (
            "what the gzip file holds, in bytes, is more than the limit of 1000; export it smaller".to_string(),
            packed.clone(),
            Limits { entry: 1000, ..usual() },
        ),
        (limited("the file's size in bytes", PICTURE.len(), 1000), PICTURE.to_vec(), Limits { bytes: 1000, ..usual() }),
    ];
    hold_within(cases.iter().map(|(message, bytes, limits)| (message.as_str(), bytes.clone(), *limits)));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn archives_where_an_image_must_be() {
    for (archive, what) in [
        (zip(b"", b"", &plain(&[b"a.png"]), 0), "a ZIP archive in this place"),
        (tar(&[(b"a.png", b'0', PICTURE)]), "a tar archive in this place"),
    ] {
        let error = Image::open(archive, Limits::default()).err().unwrap();
        assert_eq!(error.to_string(), format!("{what} is not supported; unpack it first"));
    }
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn what_is_known_by_name_alone() {
    let start = |bytes: &[u8]| [bytes, &[7; 600]].concat();
    hold([
        ("a 7z archive is not supported; unpack it first", start(b"7z\xBC\xAF\x27\x1C")),
        ("a RAR archive is not supported; unpack it first", start(b"Rar!\x1A\x07")),
        ("an xz file is not supported; unpack it first", start(b"\xFD7zXZ\0")),
        ("a bzip2 file is not supported; unpack it first", start(b"BZh")),
        ("a Zstandard file is not supported; unpack it first", start(b"\x28\xB5\x2F\xFD")),
        ("a cabinet archive is not supported; unpack it first", start(b"MSCF\0\0\0\0")),
        (
            "this is not an image that LungGlass knows; give it a PNG, JPEG, BMP, GIF, TIFF, WebP, NIfTI, MetaImage, NRRD or DICOM file, or a ZIP archive of them",
            b"a letter".to_vec(),
        ),
    ]);
}
