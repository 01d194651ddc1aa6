//! Archives as other programs write them: what is in front of them, what their entries are called, and what else packs slices.

use std::collections::HashSet;
use std::io::Write;

use crate::volumes::{check_slices, detached};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use lungglass::decode::{File, Limits, Pending};
use lungglass::error::Error;
use lungglass::slice::Pixels;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;

pub(super) const PICTURE: &[u8] = include_bytes!("../cases/lidc-lung-window/input.png");

/// An entry of a ZIP archive: its name, and its extra fields.
pub(super) type Named<'a> = (&'a [u8], Vec<u8>);

/// A ZIP archive whose entries are [`PICTURE`]. Its offsets count from the end of `uncounted`, which may be followed by a `marker`.
pub(super) fn zip(uncounted: &[u8], marker: &[u8], entries: &[Named], flags: u16) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(PICTURE).unwrap();
    let packed = encoder.finish().unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(PICTURE);
    let (mut file, mut directory) = ([uncounted, marker].concat(), Vec::new());
    for (name, extra) in entries {
        let offset = (file.len() - uncounted.len()) as u32;
        let mut common = Vec::new();
        for short in [20, flags, 8, 0, 33] {
            common.extend(u16::to_le_bytes(short));
        }
        for long in [crc.sum(), packed.len() as u32, PICTURE.len() as u32] {
            common.extend(long.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend((extra.len() as u16).to_le_bytes());
        file.extend([b"PK\x03\x04", &common[..], name, extra, &packed].concat());
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 10], &offset.to_le_bytes(), name, extra].concat());
    }
    let offset = (file.len() - uncounted.len()) as u32;
    let count = (entries.len() as u16).to_le_bytes();
    let (length, offset) = ((directory.len() as u32).to_le_bytes(), offset.to_le_bytes());
    file.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &count, &count, &length, &offset, &[0; 2]].concat());
    file
}

pub(super) fn plain(names: &[&'static [u8]]) -> Vec<Named<'static>> {
    names.iter().map(|name| (*name, Vec::new())).collect()
}

fn slices(file: Vec<u8>) -> Result<Vec<Pending>, Error> {
    File::open(file, Limits::default()).map(|file| file.slices().collect())
}

fn levels(slice: &Pending) -> Vec<u8> {
    match slice.decode().unwrap().pixels {
        Pixels::Gray(levels) => levels,
        other => panic!("it is read as {other:?}"),
    }
}

/// What the entries are called; each of them is the picture.
fn names(file: Vec<u8>) -> Vec<String> {
    let picture = levels(&slices(PICTURE.to_vec()).unwrap()[0]);
    let each = slices(file).unwrap().into_iter().map(|slice| {
        assert!(levels(&slice) == picture);
        slice.entry.unwrap()
    });
    each.collect()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_zip_archive_may_have_any_bytes_in_front_and_behind() {
    let entries = plain(&[b"a/slice.png", b"b/slice.png"]);
    let inner = zip(b"", b"", &plain(&[b"other.png"]), 0);
    let script = b"#!/bin/sh\nexit\n".repeat(10);
    let programs = [&b"MZ\x90\0"[..], &[0; 5000]].concat();
    for (what, file) in [
        ("nothing", zip(b"", b"", &entries, 0)),
        ("PK00", zip(b"", b"PK00", &entries, 0)),
        ("PK78", zip(b"", b"PK\x07\x08", &entries, 0)),
        ("PK00, not counted", zip(b"PK00", b"", &entries, 0)),
        ("a script", zip(b"", &script, &entries, 0)),
        ("a script, not counted", zip(&script, b"", &entries, 0)),
        ("a program, not counted", zip(&programs, b"", &entries, 0)),
        ("another archive, not counted", zip(&inner, b"", &entries, 0)),
        ("itself, not counted", zip(&zip(b"", b"", &entries, 0), b"", &entries, 0)),
    ] {
        assert_eq!(names(file.clone()), ["a/slice.png", "b/slice.png"], "{what} in front");
        let padded = [file.clone(), vec![0; 512]].concat();
        assert_eq!(names(padded), ["a/slice.png", "b/slice.png"], "{what} in front, zeros behind");
        // A comment that looks like an end.
        for filling in [0xFF, 0] {
            let mut commented = file.clone();
            let length = commented.len();
            let comment = [&b"PK\x05\x06"[..], &[filling; 40]].concat();
            commented[length - 2] = comment.len() as u8;
            commented.extend(comment);
            assert_eq!(names(commented), ["a/slice.png", "b/slice.png"], "{what} in front, a comment behind");
        }
    }
    // An image is an image, whatever follows it.
    let both = zip(PICTURE, b"", &entries, 0);
    assert!(slices(both).unwrap()[0].entry.is_none());
    assert_eq!(
        slices(b"PK is how some texts begin, and PK\x05\x06 what some hold".to_vec()).err(),
        Some(Error::NotAnImage)
    );
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn names_are_read_in_their_encoding_and_never_become_one() {
    // Of the report: "患者/胸部.png" and "患者/腹部.png" in GBK.
    const CHEST: &[u8] = b"\xBB\xBC\xD5\xDF/\xD0\xD8\xB2\xBF.png";
    const BELLY: &[u8] = b"\xBB\xBC\xD5\xDF/\xB8\xB9\xB2\xBF.png";
    let gbk = names(zip(b"", b"", &plain(&[CHEST, BELLY]), 0));
    assert_eq!(gbk, ["╗╝╒▀/╨╪▓┐.png", "╗╝╒▀/╕╣▓┐.png"]);
    let dos = names(zip(b"", b"", &plain(&[b"M\x81ller/Lung\x821.png", b"M\x81ller/Lung\x941.png"]), 0));
    assert_eq!(dos, ["Müller/Lungé1.png", "Müller/Lungö1.png"]);
    let utf_8 = "患者/胸部.png".as_bytes();
    for flags in [0x800, 0] {
        assert_eq!(names(zip(b"", b"", &[(utf_8, Vec::new())], flags)), ["患者/胸部.png"], "{flags}");
    }
    // What says that it is UTF-8 and is not stays apart too.
    let lying = names(zip(b"", b"", &plain(&[b"\xFF.png", b"\xFE.png"]), 0x800));
    assert!(lying[0] != lying[1] && !lying.concat().contains('\u{FFFD}'), "{lying:?}");

    let field = |of: &[u8], text: &str| {
        let mut crc = flate2::Crc::new();
        crc.update(of);
        let length = (5 + text.len()) as u16;
        [b"\x75\x70", &length.to_le_bytes()[..], &[1], &crc.sum().to_le_bytes(), text.as_bytes()].concat()
    };
    assert_eq!(names(zip(b"", b"", &[(CHEST, field(CHEST, "患者/胸部.png"))], 0)), ["患者/胸部.png"]);
    // The field of a name that was changed since is not of this one.
    assert_eq!(names(zip(b"", b"", &[(b"new.png", field(b"old.png", "old.png"))], 0)), ["new.png"]);

    let folders = zip(b"", b"", &plain(&[b"Series 1\\slice.png", b"Series 1\\a\\slice.png"]), 0);
    assert_eq!(names(folders), ["Series 1/slice.png", "Series 1/a/slice.png"]);
    let twice = zip(b"", b"", &plain(&[b"a.png", b"a.png", b"./a.png", b"a (2).png"]), 0);
    assert_eq!(names(twice), ["a.png", "a (3).png", "a (4).png", "a (2).png"]);
}

/// A tar archive of these files; `kind` of each as its header has it.
pub(super) fn tar(files: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, kind, content) in files {
        let mut header = vec![0; 512];
        header[..name.len()].copy_from_slice(name);
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = *kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u64 = header.iter().map(|&byte| u64::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn tar_and_gzip_are_unpacked() {
    let long = format!("{}/slice.png", "very-long-folder/".repeat(12));
    let pax = |text: &str| {
        let record = |length: usize| format!("{length} {text}\n");
        let length = (text.len() + 3..).find(|&length| record(length).len() == length).unwrap();
        record(length).into_bytes()
    };
    let archive = tar(&[
        (b"BMP/", b'5', b""),
        (b"BMP/slice.png", b'0', PICTURE),
        (b"BMP/notes.txt", b'0', b"notes"),
        (b"BMP/link.png", b'2', b""),
        (b"././@LongLink", b'L', format!("{long}\0").as_bytes()),
        (b"very-long", b'0', PICTURE),
        (b"PaxHeaders/slice", b'x', &pax("path=\u{e9}/../lung\u{e9}.png")),
        (b"lung", b'0', PICTURE),
        (b"lung\xE9.png", 0, PICTURE),
        (b"lung\xE8.png", 0, PICTURE),
        (b"lung\xE8.png", 0, PICTURE),
        (b"packed.png.gz", b'0', &gzip(PICTURE)),
    ]);
    let long = long.replace("//", "/");
    let expected =
        ["BMP/slice.png", &long, "lungé.png", "lung\\xE9.png", "lung\\xE8.png", "lung\\xE8 (2).png", "packed.png.gz"];
    assert_eq!(names(archive.clone()), expected);
    assert_eq!(names(gzip(&archive)), expected);
    let none = slices(gzip(b"a log")).err();
    assert_eq!(none, Some(Error::NotAnImage));

    let found = slices(gzip(PICTURE)).unwrap();
    assert!(found.len() == 1 && found[0].entry.is_none() && found[0].decode().is_ok());
    // An archive that was cut off ends within an entry; the others are read.
    let cut = archive[..512 * 3 + PICTURE.len() + 600].to_vec();
    let cut =
        [&tar(&[(b"first.png", b'0', PICTURE)])[..PICTURE.len().next_multiple_of(512) + 512], &cut[512..]].concat();
    let cut = slices(cut[..cut.len() - PICTURE.len()].to_vec()).unwrap();
    assert_eq!(cut[0].entry.as_deref(), Some("first.png"));
    assert!(cut[0].decode().is_ok() && cut.len() == 2 && cut[1].decode().is_err());
    // What follows a damaged header is lost, what came before it is not.
    let mut damaged = tar(&[(b"a.png", b'0', PICTURE), (b"b.png", b'0', PICTURE)]);
    damaged[512 + PICTURE.len().next_multiple_of(512)] ^= 1;
    let damaged = slices(damaged).unwrap();
    assert_eq!(
        damaged.iter().map(|slice| slice.entry.as_deref().unwrap()).collect::<Vec<_>>(),
        ["a.png", "rest of the archive"]
    );
    assert!(damaged[0].decode().is_ok() && damaged[1].decode().unwrap_err().to_string().contains("header is damaged"));
    // A bomb is stopped at its limit.
    let bomb = gzip(&vec![0; 70 << 20]);
    assert_eq!(slices(bomb).err().map(|error| error.code()), Some("too_large"));
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn archives_that_are_not_read_are_named() {
    for (start, name) in [
        (&b"7z\xBC\xAF\x27\x1C\0\x04"[..], "a 7z archive"),
        (b"Rar!\x1A\x07\x01\0", "a RAR archive"),
        (b"\xFD7zXZ\0\0\x04", "an xz file"),
        (b"BZh91AY&SY", "a bzip2 file"),
        (b"\x28\xB5\x2F\xFD\x24", "a Zstandard file"),
    ] {
        let error = slices([start, &[7; 600]].concat()).err().unwrap();
        assert_eq!(error.code(), "unsupported");
        assert_eq!(error.to_string(), format!("{name} is not supported; unpack it first"));
    }
    let names: HashSet<String> = [zip(b"", b"", &plain(&[b"a.png"]), 0), tar(&[(b"a.png", b'0', PICTURE)])]
        .into_iter()
        .map(|file| {
            let error = lungglass::decode::Image::open(file, Limits::default()).err().unwrap();
            error.to_string()
        })
        .collect();
    assert!(names.iter().all(|text| text.contains("archive in this place")) && names.len() == 2, "{names:?}");
}

#[cfg_attr(not(target_arch = "wasm32"), test)]
#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
fn a_header_and_its_values_in_one_folder_are_one_volume() {
    let [header, values] = detached("scan.raw");
    let [escaping, _] = detached("../scan.raw");
    let archive = tar(&[
        (b"scan.raw", b'0', b"of no header"),
        (b"a/scan.raw", b'0', &values),
        (b"a/scan.mhd", b'0', &header),
        (b"b/scan.mhd", b'0', &header),
        (b"c/scan.mhd", b'0', &escaping),
        (b"own.mhd", b'0', &detached("own.mhd")[0]),
    ]);
    let file = File::open(archive, Limits::default()).unwrap().slices();
    assert_eq!((file.promised(), file.skipped()), (5, 1));
    let found: Vec<Pending> = file.collect();
    let entries: Vec<_> = found.iter().map(|slice| slice.entry.as_deref().unwrap()).collect();
    assert_eq!(entries, ["a/scan.mhd", "a/scan.mhd", "b/scan.mhd", "c/scan.mhd", "own.mhd"]);
    let whole: Vec<_> = found[..2].iter().map(|slice| slice.decode().unwrap()).collect();
    check_slices("an archive", &whole);
    for (slice, words) in
        found[2..].iter().zip(["\"scan.raw\", which is not beside it", "in another folder", "\"own.mhd\""])
    {
        let error = slice.decode().unwrap_err();
        assert!(error.code() == "unsupported" && error.to_string().contains(words), "{error}");
    }
}
