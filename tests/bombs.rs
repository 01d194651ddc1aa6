//! Files that claim far more than they hold. Each is refused with the error that says so, and without the memory that it asks for.
//! Native, and wasm in a browser. Every file is made here.

#[path = "fuzz/src/elements.rs"]
mod elements;
#[allow(dead_code)]
#[path = "fuzz/src/memory.rs"]
mod memory;

use std::io::Write;

use elements::{element, meta};
use flate2::write::{DeflateEncoder, ZlibEncoder};
use flate2::{Compression, Crc, FlushCompress};
use image::{DynamicImage, GrayImage, ImageFormat};
use lungglass::decode::{File, Limits};
use lungglass::error::{Error, Result};
use rawzip::{CompressionMethod, ZipArchiveWriter};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test as test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[global_allocator]
static ALLOCATOR: memory::Counted = memory::Counted;

/// Bytes that refusing a file may take beside its own.
const MAX_REFUSAL: usize = 32 << 20;
/// Bytes that reading one may take that is within the limits, beside its own.
#[cfg(not(target_arch = "wasm32"))]
const MAX_READING: usize = 512 << 20;

/// Reads all that a file holds, to the first error.
fn read(bytes: Vec<u8>, limits: Limits) -> Result<()> {
    File::open(bytes, limits)?.slices().try_for_each(|slice| slice.decode().map(drop))
}

fn refused(name: &str, bytes: Vec<u8>, code: &str) {
    let length = bytes.len();
    let (outcome, peak) = memory::peak(|| read(bytes, Limits::default()));
    let error = outcome.expect_err(name);
    assert_eq!(error.code(), code, "{name}: {error}");
    assert!(peak <= MAX_REFUSAL, "{name}: {peak} bytes for a file of {length}");
}

const SIDE: u32 = 60_000;

#[test]
fn pictures_of_sixty_thousand_pixels_a_side_are_refused() {
    // Every pixel is there: 3.6 gigabytes of zeros in a few megabytes.
    refused("PNG", png(SIDE, SIDE, 8, 0, zeros(u64::from(SIDE) * (u64::from(SIDE) + 1))), "too_large");
    refused("interlaced PNG", png(SIDE, SIDE, 8, 1, zeros(1 << 20)), "too_large");
    refused("PNG of one row", png(1 << 24, 1, 8, 0, zeros((1 << 24) + 1)), "too_large");
    refused("PNG beyond all sides", png(0x7FFF_FFFF, 0x7FFF_FFFF, 16, 0, zeros(1 << 20)), "too_large");

    let side = |length: u16| length.to_be_bytes();
    let [h1, h0] = side(SIDE as u16);
    for (name, process, bits) in
        [("JPEG", 0xC0, 8), ("progressive JPEG", 0xC2, 8), ("12-bit JPEG", 0xC1, 12), ("lossless JPEG", 0xC3, 16)]
    {
        let mut jpeg = encode(&GrayImage::new(8, 8).into(), ImageFormat::Jpeg);
        let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        (jpeg[frame + 1], jpeg[frame + 4]) = (process, bits);
        jpeg[frame + 5..frame + 9].copy_from_slice(&[h1, h0, h1, h0]);
        refused(name, jpeg, "too_large");
    }

    for (name, bits, samples) in [("TIFF", 8, 1), ("TIFF of floats", 32, 4)] {
        refused(name, tiff(SIDE, SIDE, bits, samples, &zlib(1 << 20)), "too_large");
    }
    let mut bmp = encode(&GrayImage::new(8, 8).into(), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&SIDE.to_le_bytes());
    bmp[22..26].copy_from_slice(&SIDE.to_le_bytes());
    refused("BMP", bmp.clone(), "too_large");
    // RLE: a few bytes would be all of it.
    bmp[30..34].copy_from_slice(&1u32.to_le_bytes());
    bmp[28..30].copy_from_slice(&8u16.to_le_bytes());
    refused("BMP by RLE", bmp, "too_large");

    let mut gif = encode(&DynamicImage::from(GrayImage::new(8, 8)).to_rgba8().into(), ImageFormat::Gif);
    let [l0, l1] = (SIDE as u16).to_le_bytes();
    gif[6..10].copy_from_slice(&[l0, l1, l0, l1]);
    refused("GIF", gif.clone(), "too_large");
    let frame = gif.windows(9).position(|part| part == [0x2C, 0, 0, 0, 0, 8, 0, 8, 0]).unwrap();
    gif[frame + 5..frame + 9].copy_from_slice(&[l0, l1, l0, l1]);
    refused("GIF with such a frame", gif, "too_large");

    // 16,383 a side is the most that lossless WebP can say; an extended header has 24.
    let mut webp = encode(&DynamicImage::from(GrayImage::new(8, 8)).to_rgba8().into(), ImageFormat::WebP);
    let stream = webp.windows(4).position(|part| part == b"VP8L").unwrap();
    webp[stream + 9..stream + 13].copy_from_slice(&(0x3FFEu32 | 0x3FFE << 14).to_le_bytes());
    refused("WebP", webp, "too_large");
    let mut extended = b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0".to_vec();
    for _ in 0..2 {
        extended.extend(&(SIDE - 1).to_le_bytes()[..3]);
    }
    extended.extend(b"VP8L\x08\0\0\0\x2F\xFF\xFF\xFF\x0F\0\0\0");
    let length = extended.len() as u32 - 8;
    extended[4..8].copy_from_slice(&length.to_le_bytes());
    let (outcome, peak) = memory::peak(|| read(extended, Limits::default()));
    assert!(outcome.is_err() && peak <= MAX_REFUSAL, "extended WebP: {outcome:?}, {peak} bytes");
}

/// What lies within a file says more than the file does, or again and again the same.
#[test]
fn what_is_nested_is_held_against_what_holds_it() {
    let jpeg = |components: u8, side: u16| {
        let gray = DynamicImage::from(GrayImage::new(8, 8));
        let image = if components == 1 { gray } else { gray.to_rgb8().into() };
        let mut bytes = encode(&image, ImageFormat::Jpeg);
        let frame = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        let [high, low] = side.to_be_bytes();
        bytes[frame + 5..frame + 9].copy_from_slice(&[high, low, high, low]);
        bytes
    };
    let of_jpeg = |side: u32, samples: u16, strip: &[u8]| {
        let photometric = if samples == 1 { 1 } else { 2 };
        let tags = [(258, 8), (259, 7), (262, photometric), (277, samples.into()), (278, side)];
        strips(side, side, &tags, &[(0, strip.len() as u32)], strip)
    };
    assert_eq!(read(of_jpeg(8, 1, &jpeg(1, 8)), Limits::default()), Ok(()));
    assert_eq!(read(of_jpeg(8, 3, &jpeg(3, 8)), Limits::default()), Ok(()));
    refused("a strip that says 16,384 x 16,384", of_jpeg(8, 1, &jpeg(1, 16_384)), "unreadable");
    refused("a strip of other components", of_jpeg(8, 1, &jpeg(3, 8)), "unreadable");
    let mut cmyk = jpeg(3, 16_384);
    let frame = cmyk.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    cmyk[frame + 9] = 4;
    refused(
        "CMYK",
        strips(8, 8, &[(258, 8), (259, 7), (262, 5), (277, 4)], &[(0, cmyk.len() as u32)], &cmyk),
        "unreadable",
    );
    let whole = jpeg(1, 8);
    refused("a strip without an end mark", of_jpeg(8, 1, &whole[..whole.len() - 2]), "unreadable");
    let large = jpeg(1, 16_384);
    let twice = [&whole[..frame], &large[frame..frame + 13], &whole[frame..]].concat();
    refused("a strip that says its size twice", of_jpeg(8, 1, &twice), "unreadable");

    let deflated = zlib(1 << 20);
    let length = deflated.len() as u32;
    let rows = |count: u32| {
        strips(
            1024,
            16 * count,
            &[(258, 8), (259, 8), (262, 1), (278, 16)],
            &vec![(0, length); count as usize],
            &deflated,
        )
    };
    refused("strips that share their bytes", rows(64), "unreadable");
    let tiles = |width: u32, height: u32, tile: [u32; 2]| {
        let tags = [(258, 8), (259, 1), (262, 1), (322, tile[0]), (323, tile[1])];
        of_tags(width, height, &tags, [324, 325], &[(0, 4)], &[0; 4])
    };
    refused("four million tiles", tiles(4096, 4096, [1, 4]), "too_large");
    refused("a tile larger than all pictures", tiles(8, 8, [1 << 20, 1 << 20]), "too_large");
    refused("a tile without a size", tiles(8, 8, [0, 8]), "unreadable");
    let mut circle = of_tags(8, 8, &[(258, 8), (262, 1)], [273, 279], &[(0, 64)], &[0; 64]);
    let (end, first) = (circle.len() - 4, circle[4..8].to_vec());
    circle[end..].copy_from_slice(&first);
    refused("pages in a circle", circle, "unreadable");
    // Each page begins two bytes behind the one before: no tags, and then where the next one is.
    let mut pages = b"II*\0\x08\0\0\0".to_vec();
    for page in 1..=5000u32 {
        pages.extend([0, 0]);
        pages.extend((8 + 6 * page).to_le_bytes());
    }
    refused("five thousand pages", pages, "too_large");

    let bitmap = |side: u32, inner: &[u8]| {
        let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        bytes.extend([side.to_le_bytes(), side.to_le_bytes()].concat());
        bytes.extend([1, 0, 0, 0, 5, 0, 0, 0]);
        bytes.extend([0; 20]);
        bytes.extend(inner);
        bytes
    };
    refused("a PNG in a small bitmap", bitmap(8, &png(4096, 4096, 8, 0, zeros(4096 * 4097))), "unreadable");
    refused("a PNG in a large bitmap", bitmap(SIDE, &png(SIDE, SIDE, 8, 0, zeros(1 << 20))), "too_large");
    refused("bitmaps in bitmaps", (0..1000).fold(vec![0; 100], |inner, _| bitmap(8, &inner)), "unreadable");

    let mut webp = encode(&DynamicImage::from(GrayImage::new(8, 8)).to_rgba8().into(), ImageFormat::WebP);
    let stream = webp.windows(4).position(|part| part == b"VP8L").unwrap();
    webp[stream + 9..stream + 13].copy_from_slice(&(0x3FFEu32 | 0x3FFE << 14).to_le_bytes());
    let mut extended = b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0\x07\0\0\x07\0\0".to_vec();
    extended.extend(&webp[stream..]);
    let length = extended.len() as u32 - 8;
    extended[4..8].copy_from_slice(&length.to_le_bytes());
    refused("a stream in a small WebP", extended, "unreadable");
}

/// Each frame is small enough, and all of them would take hours.
#[test]
fn more_pixels_than_may_be_worked_off_are_refused_before_the_first() {
    let frame = png(4096, 4096, 8, 0, zeros(4096 * 4097));
    let (length, packed) = (frame.len() as u64, deflate(&frame));
    let many: Vec<_> = (0..20).map(|at| entry(&format!("{at}.png"), packed.clone(), length)).collect();
    refused("an archive of large pictures", archive(&many), "too_large");
    let mut frames = header("1.2.840.10008.1.2.5");
    element(&mut frames, [0x0028, 0x0008], b"IS", b"20");
    size(&mut frames, 4096, 4096);
    long(&mut frames, [0x7FE0, 0x0010], b"OB", u32::MAX);
    for length in std::iter::once(0).chain([64; 20]) {
        item(&mut frames, length);
        frames.resize(frames.len() + length as usize, 0);
    }
    refused("frames of 64 bytes", frames.clone(), "too_large");
    let length = frames.len() as u64;
    let many = [entry("a.dcm", deflate(&frames), length)];
    refused("an archive of them", archive(&many), "too_large");
    // The pages of a TIFF are one picture, again and again.
    let picture = of_tags(4096, 4096, &[(258, 8), (259, 8), (262, 1), (278, 4096)], [273, 279], &[(0, 100)], &[0; 100]);
    let directory = u32::from_le_bytes(*picture[4..].first_chunk().unwrap()) as usize;
    let mut pages = picture.clone();
    for _ in 0..20 {
        let (end, next) = (pages.len() - 4, pages.len() as u32);
        pages[end..].copy_from_slice(&next.to_le_bytes());
        pages.extend(&picture[directory..]);
    }
    refused("pages that are one picture", pages, "too_large");
}

#[test]
fn archives_that_burst_are_refused() {
    let gigabyte = 1u64 << 30;
    // A bitmap, by its first bytes.
    let bomb = archive(&[entry("a.bmp", [flushed(b"BM"), zeros(gigabyte).0].concat(), gigabyte + 2)]);
    assert!(bomb.len() < 2 << 20);
    refused("a thousand to one", bomb, "too_large");
    let many: Vec<_> = (0..20).map(|at| entry(&format!("{at}.bmp"), zeros(gigabyte / 16).0, gigabyte / 16)).collect();
    refused("many that are small enough each", archive(&many), "too_large");
    // What the directory says is less than what there is.
    let liar = archive(&[entry("a.bmp", [flushed(b"BM"), zeros(gigabyte).0].concat(), 1000)]);
    refused("one that lies", liar, "unreadable");
    let empty: Vec<_> = (0..70_000).map(|at| entry(&at.to_string(), Vec::new(), 0)).collect();
    refused("seventy thousand entries", archive(&empty), "too_large");

    let mut nested = archive(&[entry("a.bmp", zeros(gigabyte / 16).0, gigabyte / 16)]);
    for depth in 0..20 {
        let length = nested.len() as u64;
        nested = archive(&[entry(&format!("{depth}.zip"), deflate(&nested), length)]);
    }
    refused("archives in archives", nested, "no_images");

    // Two hundred names for one entry (Fifield 2019).
    let picture = encode(&GrayImage::new(64, 64).into(), ImageFormat::Bmp);
    let length = picture.len() as u64;
    let one = archive(&[entry("a.bmp", deflate(&picture), length)]);
    let directory = one.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
    let end = one.windows(4).rposition(|part| part == b"PK\x05\x06").unwrap();
    let mut overlapping = one[..directory].to_vec();
    overlapping.extend(one[directory..end].repeat(200));
    let size = overlapping.len() - directory;
    overlapping.extend(&one[end..]);
    let end = overlapping.len() - (one.len() - end);
    overlapping[end + 8..end + 10].copy_from_slice(&200u16.to_le_bytes());
    overlapping[end + 10..end + 12].copy_from_slice(&200u16.to_le_bytes());
    overlapping[end + 12..end + 16].copy_from_slice(&(size as u32).to_le_bytes());
    assert!(end > 200);
    refused("entries over each other", overlapping, "unreadable");
}

#[test]
fn dicom_files_with_absurd_lengths_are_refused() {
    for length in [0xFFFF_FFFE, 0xFFFF_FFFD, 0x7FFF_FFFE, 1 << 20] {
        let mut file = header(EXPLICIT);
        long(&mut file, [0x0009, 0x0010], b"OB", length);
        refused("an element that is not there", file, "unreadable");
        let mut file = header(EXPLICIT);
        size(&mut file, 512, 512);
        long(&mut file, [0x7FE0, 0x0010], b"OW", length);
        refused("pixel data that are not there", file, "unreadable");
        let mut file = header("1.2.840.10008.1.2.5");
        size(&mut file, 512, 512);
        long(&mut file, [0x7FE0, 0x0010], b"OB", u32::MAX);
        item(&mut file, 0);
        item(&mut file, length);
        refused("a fragment that is not there", file, "unreadable");
    }
    for (name, frames, rows, code) in [
        ("65,535 x 65,535 pixels", "1", 65_535, "too_large"),
        ("as many frames as there are numbers", "2147483647", 512, "too_large"),
        ("more frames than that", "99999999999999999999", 512, "unreadable"),
        ("four thousand frames of the largest size", "4096", 4096, "unreadable"),
    ] {
        let mut file = header(EXPLICIT);
        element(&mut file, [0x0028, 0x0008], b"IS", frames.as_bytes());
        size(&mut file, rows, rows);
        long(&mut file, [0x7FE0, 0x0010], b"OW", 0);
        refused(name, file, code);
    }
    for syntax in [
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.110",
        "1.2.840.10008.1.2.1.98",
        "1.2.840.10008.1.2.8.1",
    ] {
        let mut file = header(syntax);
        size(&mut file, 4096, 4096);
        long(&mut file, [0x7FE0, 0x0010], b"OB", u32::MAX);
        item(&mut file, 0);
        item(&mut file, 100);
        file.resize(file.len() + 100, 1);
        refused("sixteen million pixels in a hundred bytes", file, "unreadable");
    }

    let mut deep = header(EXPLICIT);
    for _ in 0..100_000 {
        long(&mut deep, [0x0008, 0x1140], b"SQ", u32::MAX);
        item(&mut deep, u32::MAX);
    }
    refused("a hundred thousand sequences in each other", deep, "too_large");
    let mut many = header(EXPLICIT);
    for _ in 0..2_000_000 {
        element(&mut many, [0x0009, 0x0010], b"LO", b"");
    }
    refused("two million elements", many, "too_large");
    let mut long_header = header(EXPLICIT);
    long(&mut long_header, [0x0009, 0x0010], b"OB", 100 << 20);
    long_header.resize(long_header.len() + (100 << 20), 0);
    size(&mut long_header, 1, 1);
    long(&mut long_header, [0x7FE0, 0x0010], b"OW", 2);
    long_header.extend([0; 2]);
    refused("a header of a hundred megabytes", long_header, "too_large");
    let mut fragments = header("1.2.840.10008.1.2.5");
    size(&mut fragments, 512, 512);
    long(&mut fragments, [0x7FE0, 0x0010], b"OB", u32::MAX);
    for _ in 0..100_000 {
        item(&mut fragments, 0);
    }
    refused("a hundred thousand fragments", fragments, "too_large");

    let mut deflated = header("1.2.840.10008.1.2.1.99");
    deflated.truncate(META);
    deflated.extend(zeros(1 << 30).0);
    refused("a deflated data set of a gigabyte", deflated, "too_large");

    let zeros = zeros(1 << 30).0;
    refused("a deflated frame of a gigabyte", frame("1.2.840.10008.1.2.8.1", 512, &zeros), "unreadable");
    refused(
        "a high-throughput frame without packets",
        frame("1.2.840.10008.1.2.4.201", 4096, &htj2k(4096, 0)),
        "unreadable",
    );
    refused("one whose size is another", frame("1.2.840.10008.1.2.4.201", 512, &htj2k(SIDE, 0)), "unreadable");
    // A packet without blocks is a byte, and there is one a layer and resolution.
    refused("one with few of its layers", frame("1.2.840.10008.1.2.4.201", 4096, &htj2k(4096, 1 << 16)), "unreadable");
}

/// An uncommon data set of one frame of so many pixels a side in a fragment.
fn frame(syntax: &str, side: u16, coded: &[u8]) -> Vec<u8> {
    let mut file = header(syntax);
    size(&mut file, side, side);
    long(&mut file, [0x7FE0, 0x0010], b"OB", u32::MAX);
    item(&mut file, 0);
    item(&mut file, coded.len() as u32);
    file.extend(coded);
    file
}

/// A codestream of high-throughput JPEG 2000, of one tile, six resolutions and as many layers as there can be, with so many empty packets.
fn htj2k(side: u32, packets: usize) -> Vec<u8> {
    let mut bytes = b"\xFF\x4F\xFF\x51\0\x29\x40\0".to_vec();
    for value in [side, side, 0, 0, side, side, 0, 0] {
        bytes.extend(value.to_be_bytes());
    }
    bytes.extend(b"\0\x01\x0F\x01\x01");
    bytes.extend(b"\xFF\x50\0\x08\0\x02\0\0\0\0");
    bytes.extend(b"\xFF\x52\0\x0C\0\x02\xFF\xFF\0\x05\x04\x04\x40\x01");
    bytes.extend(b"\xFF\x5C\0\x13\x20");
    bytes.extend([17 << 3; 16]);
    bytes.extend(b"\xFF\x90\0\x0A\0\0\0\0\0\0\0\x01\xFF\x93");
    bytes.resize(bytes.len() + packets, 0);
    bytes
}

#[test]
fn volumes_that_are_not_there_are_refused() {
    let nifti = |sides: [u16; 3]| {
        let mut bytes = vec![0; 352];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &348u32.to_le_bytes());
        put(40, &[3, 0]);
        (0..3).for_each(|axis| put(42 + 2 * axis, &sides[axis].to_le_bytes()));
        put(70, &[4, 0]);
        put(108, &352f32.to_le_bytes());
        put(344, b"n+1");
        bytes
    };
    refused("a NIfTI volume of 137 GB", nifti([4096; 3]), "unreadable");
    refused("a NIfTI volume of 32,767 voxels a side", nifti([32_767; 3]), "too_large");
    refused("a NIfTI volume of less than no voxels", nifti([0xFFFF; 3]), "unreadable");
    let metaimage = |sides: &str, values: Vec<u8>| {
        let header = format!(
            "ObjectType = Image\nNDims = 3\nCompressedData = True\nDimSize = {sides}\nElementType = MET_SHORT\n\
             ElementDataFile = LOCAL\n"
        );
        [header.into_bytes(), values].concat()
    };
    refused("a MetaImage of 2 GiB in a few", metaimage("4096 4096 64", zlib(1 << 20)), "too_large");
    refused("a MetaImage with more values than it says", metaimage("10 10 10", zlib(1 << 28)), "unreadable");
    let many = "99999999999 99999999999 99999999999";
    for sides in [many, "4294967296 1073741824 1"] {
        refused("a MetaImage of more voxels than can be counted", metaimage(sides, zlib(1 << 10)), "unreadable");
    }
    let nrrd = |sizes: &str| {
        format!("NRRD0004\ntype: short\ndimension: 3\nsizes: {sizes}\nencoding: gzip\nendian: little\n\n\x1F")
            .into_bytes()
    };
    refused("an NRRD volume of more voxels than there are numbers", nrrd(many), "unreadable");
    refused("an NRRD volume of 16,000 slices", nrrd("4 4 16000"), "too_large");
    let endless = [b"NRRD0004\n".to_vec(), b"comment\n".repeat(1 << 20)].concat();
    refused("an NRRD header without an end", endless, "unreadable");
}

/// The largest that is read takes no more than it may. Damaged at its end, so that nothing is left unread.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn the_largest_pictures_stay_within_the_memory_that_is_promised() {
    let within = |name: &str, bytes: Vec<u8>, is_read: bool| {
        let (outcome, peak) = memory::peak(|| read(bytes, Limits::default()));
        assert!(peak <= MAX_READING, "{name}: {peak} bytes, {outcome:?}");
        assert_eq!(outcome.is_ok(), is_read, "{name}: {outcome:?}");
    };
    let rows = 4096 * (4096 * 8 + 1);
    within("16-bit RGBA", png(4096, 4096, 16, 0, zeros(rows)), true);
    within("16-bit RGBA that ends early", png(4096, 4096, 16, 0, zeros(rows - 1)), false);
    within("TIFF of bytes", tiff(4096, 4096, 8, 4, &zlib(4096 * 4096 * 4)), true);
    // Sixteen bytes a pixel are more than a picture may have.
    within("TIFF of floats", tiff(4096, 4096, 32, 4, &zlib(4096 * 4096 * 16)), false);
    let gray = DynamicImage::from(GrayImage::from_fn(4096, 4096, |x, y| image::Luma([(x ^ y) as u8])));
    for format in [ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Gif] {
        within("gray", encode(&gray.to_rgb8().into(), format), true);
    }
    let mut file = header("1.2.840.10008.1.2.1.99");
    file.truncate(META);
    let mut frames = Vec::new();
    element(&mut frames, [0x0028, 0x0008], b"IS", b"480");
    size(&mut frames, 512, 512);
    long(&mut frames, [0x7FE0, 0x0010], b"OW", 480 * 512 * 512 * 2);
    file.extend(flushed(&frames));
    // Held together by the ratio too: what is not zero makes it long enough.
    let mut pixels = vec![0u8; 480 * 512 * 512 * 2];
    pixels.iter_mut().step_by(97).zip(0u32..).for_each(|(byte, at)| *byte = (at.wrapping_mul(7) >> 3) as u8);
    file.extend(deflate(&pixels));
    drop(pixels);
    within("480 frames, deflated", file, true);
}

#[test]
fn limits_are_what_the_caller_says() {
    let picture = encode(&GrayImage::new(100, 50).into(), ImageFormat::Png);
    let error = |limits| read(picture.clone(), limits).unwrap_err();
    let default = Limits::default();
    assert_eq!(
        error(Limits { pixels: 4999, ..default }),
        Error::TooLarge { what: "the number of pixels", value: Some(5000), limit: 4999 }
    );
    assert!(read(picture.clone(), Limits { pixels: 5000, ..default }).is_ok());
    assert!(error(Limits { side: 99, ..default }).to_string().contains("longer side"));
    assert!(error(Limits { bytes: 10, ..default }).to_string().contains("the file's size"));
    let mut file = header(EXPLICIT);
    element(&mut file, [0x0028, 0x0008], b"IS", b"2");
    long(&mut file, [0x0008, 0x1140], b"SQ", u32::MAX);
    item(&mut file, u32::MAX);
    long(&mut file, [0x0008, 0x1140], b"SQ", 0);
    file.extend(b"\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0");
    size(&mut file, 1, 1);
    long(&mut file, [0x7FE0, 0x0010], b"OW", 4);
    file.extend([0; 4]);
    assert_eq!(read(file.clone(), default), Ok(()));
    for (limits, part) in [
        (Limits { frames: 1, ..default }, "frames"),
        (Limits { header: 40, ..default }, "header"),
        (Limits { elements: 5, ..default }, "elements"),
        (Limits { nesting: 0, ..default }, "sequences"),
    ] {
        let error = read(file.clone(), limits).unwrap_err();
        assert!(error.code() == "too_large" && error.to_string().contains(part), "{error}");
    }
}

fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A raw DEFLATE stream of so many zeros, and the Adler-32 of them, made without them: one flushed block again and again.
fn zeros(count: u64) -> (Vec<u8>, u32) {
    const BLOCK: usize = 1 << 20;
    let block = flushed(&vec![0; BLOCK]);
    let mut stream = Vec::new();
    for _ in 0..count / BLOCK as u64 {
        stream.extend(&block);
    }
    stream.extend(deflate(&vec![0; (count % BLOCK as u64) as usize]));
    // The first sum stays 1, the second counts.
    (stream, ((count % 65_521) as u32) << 16 | 1)
}

/// DEFLATE of `bytes` that another stream may follow.
fn flushed(bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::with_capacity(bytes.len() / 100 + 1000);
    flate2::Compress::new(Compression::best(), false).compress_vec(bytes, &mut stream, FlushCompress::Full).unwrap();
    stream
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(count: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..count >> 16 {
        encoder.write_all(&[0; 1 << 16]).unwrap();
    }
    encoder.finish().unwrap()
}

/// A PNG whose image data are `(stream, sum)`; 8 bits are gray, 16 RGBA.
fn png(width: u32, height: u32, bits: u8, interlaced: u8, (stream, sum): (Vec<u8>, u32)) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend(crc.sum().to_be_bytes());
    };
    let colour = if bits == 16 { 6 } else { 0 };
    let [width, height] = [width, height].map(u32::to_be_bytes);
    chunk(b"IHDR", &[&width[..], &height, &[bits, colour, 0, 0, interlaced]].concat());
    chunk(b"IDAT", &[b"\x78\x9C", &stream[..], &sum.to_be_bytes()].concat());
    chunk(b"IEND", b"");
    bytes
}

/// A TIFF of one strip, compressed by zlib.
fn tiff(width: u32, height: u32, bits: u16, samples: u16, strip: &[u8]) -> Vec<u8> {
    let mut bytes = b"II*\0".to_vec();
    bytes.extend((8 + strip.len() as u32).to_le_bytes());
    bytes.extend(strip);
    let directory = bytes.len() as u32;
    let extra = if samples == 4 { 1 } else { 0 };
    let entries: [(u16, u16, u32, u32); 11] = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        // Four values do not fit in the entry: they stand behind the directory.
        (258, 3, samples.into(), if samples == 1 { bits.into() } else { directory + 2 + 11 * 12 + 4 }),
        (259, 3, 1, 8),
        (262, 3, 1, if samples == 1 { 1 } else { 2 }),
        (273, 4, 1, 8),
        (277, 3, 1, samples.into()),
        (278, 4, 1, height),
        (279, 4, 1, strip.len() as u32),
        (338, 3, extra, 2 * extra),
        (339, 3, samples.into(), if samples == 1 { 1 } else { directory + 2 + 11 * 12 + 4 + 8 }),
    ];
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    let format: u16 = if bits == 32 { 3 } else { 1 };
    for value in [bits, format] {
        bytes.extend(value.to_le_bytes().repeat(4));
    }
    bytes
}

/// A TIFF of strips, each at an offset in `data` and of a length, with these other tags.
fn strips(width: u32, height: u32, tags: &[(u16, u32)], parts: &[(u32, u32)], data: &[u8]) -> Vec<u8> {
    of_tags(width, height, tags, [273, 279], parts, data)
}

/// A TIFF with these tags, of one number each, and two of where its parts lie in `data` and how long they are.
fn of_tags(
    width: u32,
    height: u32,
    tags: &[(u16, u32)],
    [offsets, lengths]: [u16; 2],
    parts: &[(u32, u32)],
    data: &[u8],
) -> Vec<u8> {
    let mut bytes = b"II*\0\0\0\0\0".to_vec();
    bytes.extend(data);
    let mut arrays = |values: Vec<u32>| match values[..] {
        [one] => one,
        _ => {
            let at = bytes.len() as u32;
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            at
        }
    };
    let offset_values = arrays(parts.iter().map(|(at, _)| 8 + at).collect());
    let length_values = arrays(parts.iter().map(|(_, length)| *length).collect());
    let mut entries: Vec<(u16, u32, u32)> = tags.iter().map(|(tag, value)| (*tag, 1, *value)).collect();
    entries.extend([(256, 1, width), (257, 1, height)]);
    entries.extend([(offsets, parts.len() as u32, offset_values), (lengths, parts.len() as u32, length_values)]);
    entries.sort();
    let directory = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&directory.to_le_bytes());
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(4u16.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

struct Entry {
    name: String,
    deflated: Vec<u8>,
    size: u64,
}

/// An entry that says it is `size` bytes.
fn entry(name: &str, deflated: Vec<u8>, size: u64) -> Entry {
    Entry { name: name.to_string(), deflated, size }
}

fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for Entry { name, deflated, size } in entries {
        let file = archive.new_file(name.as_str()).compression_method(CompressionMethod::DEFLATE);
        let (mut entry, _) = file.start().unwrap();
        entry.write_all(deflated).unwrap();
        entry.finish(rawzip::DataDescriptorOutput::new(0, *size)).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
/// Bytes of preamble and file meta group for a transfer syntax of 22 characters, which that of deflated data sets is.
const META: usize = 128 + 4 + 8 + 22;

/// Everything before what a test is about.
fn header(syntax: &str) -> Vec<u8> {
    let mut bytes = meta(syntax);
    element(&mut bytes, [0x0008, 0x0060], b"CS", b"CT");
    bytes
}

fn size(bytes: &mut Vec<u8>, rows: u16, columns: u16) {
    for (number, value) in
        [(0x0002, 1), (0x0010, rows), (0x0011, columns), (0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 0)]
    {
        element(bytes, [0x0028, number], b"US", &u16::to_le_bytes(value));
    }
}

/// An element's tag and a length of four bytes.
fn long(bytes: &mut Vec<u8>, [group, number]: [u16; 2], vr: &[u8; 2], length: u32) {
    bytes.extend(group.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend(vr);
    bytes.extend([0; 2]);
    bytes.extend(length.to_le_bytes());
}

fn item(bytes: &mut Vec<u8>, length: u32) {
    bytes.extend(b"\xFE\xFF\0\xE0");
    bytes.extend(length.to_le_bytes());
}
