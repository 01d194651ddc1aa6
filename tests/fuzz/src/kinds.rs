//! Kinds of files on which decoders broke in public reports, made anew: dicom-rs 259, 543, 607 and 828; fo-dicom 1586; image 625, 878, 1238,
//! 1618 and 2783; image-png 79 and 164; image-tiff 28, 33 and 305; jpeg-decoder 69; zune-image 363; hayro 506, 684, 730, 741 and 754; zip-old
//! 234; rc-zip 67; rawzip 79; miniz 378. The fuzzer starts from them, and the tests run them on every runtime.

use flate2::Crc;

use crate::elements::{element, meta};
use crate::targets;

/// Those of a target, in the form that it takes; `sample` gives a file of tests/dicom as a frame of its codec.
pub fn kinds(target: &str, sample: fn(&str) -> Vec<u8>) -> Vec<Vec<u8>> {
    match target {
        "dicom" => dicom(),
        "dicom-jpeg-2000" => jpeg_2000(&sample("jpeg-2000-lossless")),
        "dicom-htj2k" => jpeg_2000(&sample("htj2k")),
        "dicom-jpeg-lossless" => jpeg(&sample("jpeg-lossless-sv1")),
        "dicom-jpeg-baseline" => jpeg(&sample("jpeg-baseline")),
        "dicom-jpeg-ls" => jpeg(&sample("jpeg-ls")),
        "gif" => gif(),
        "bmp" => bmp(),
        "png" => png(),
        "tiff" => tiff(),
        "webp" => webp(),
        "jpeg" => jpeg(&sample("jpeg-baseline")).into_iter().map(|frame| frame[5..].to_vec()).collect(),
        "zip" => [zip(), tar()].concat(),
        "nifti" => vec![nifti([3, -1, 4, 3], 352.0), nifti([3, 32_767, 32_767, 32_767], f32::NAN), nifti([7, 2, 2, 2], 1e30)],
        "metaimage" => [
            "NDims = 3\nDimSize = 18446744073709551615 2 2\nElementType = MET_SHORT\nElementDataFile = LOCAL\n",
            "NDims = 3\nDimSize = 0 0 0\nElementType = MET_DOUBLE\nElementDataFile = LOCAL\n",
            "NDims = 3\nDimSize = 2 2 2\nElementType = MET_SHORT\nElementDataFile = ../../etc/passwd",
            "ObjectType = Image\nElementSpacing = 0 nan inf\nTransformMatrix = 0 0 0 0 0 0 0 0 0\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n\0\0\0\0\0\0\0\0",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec(),
        "nrrd" => [
            "NRRD0005\ntype: short\ndimension: 3\nsizes: 4294967296 4294967296 4294967296\nencoding: raw\n\n",
            "NRRD0005\ntype: short\ndimension: 3\nsizes: 2 2 2\nencoding: gzip\nbyte skip: 9223372036854775807\n\n\x1F\u{8B}",
            "NRRD0005\ntype: double\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nspace: LPS\nspace directions: (nan,0,0) none (0,0,inf)\ndata file: scan.raw",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec(),
        _ => Vec::new(),
    }
}

fn put(bytes: &[u8], at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
    bytes
}

/// A value of two bytes each in a slice of 2 x 2 pixels, with other elements before its pixels.
fn slice(syntax: &str, others: &[([u16; 2], &[u8; 2], &[u8])], pixels: &[u8]) -> Vec<u8> {
    let mut bytes = meta(syntax);
    for (number, value) in
        [(0x0002, 1), (0x0010, 2), (0x0011, 2), (0x0100, 16), (0x0101, 16), (0x0102, 15), (0x0103, 0u16)]
    {
        element(&mut bytes, [0x0028, number], b"US", &value.to_le_bytes());
    }
    for (tag, vr, value) in others {
        element(&mut bytes, *tag, vr, value);
    }
    bytes.extend(pixels);
    bytes
}

fn dicom() -> Vec<Vec<u8>> {
    const PLAIN: &str = "1.2.840.10008.1.2.1";
    const RLE: &str = "1.2.840.10008.1.2.5";
    let plain = b"\xE0\x7F\x10\0OW\0\0\x08\0\0\0\x01\0\x02\0\x03\0\x04\0";
    let item = |content: &[u8]| [b"\xFE\xFF\0\xE0", &(content.len() as u32).to_le_bytes()[..], content].concat();
    let fragments = |items: &[&[u8]], end: &[u8]| {
        let items: Vec<u8> = items.iter().flat_map(|content| item(content)).collect();
        [&b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF"[..], &items, end].concat()
    };
    let end = b"\xFE\xFF\xDD\xE0\0\0\0\0";
    let frames = |count: &'static [u8]| ([0x0028, 0x0008], b"IS", count);
    let mut nested = Vec::new();
    for _ in 0..200 {
        nested.extend(b"\x08\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF");
    }
    let mut groups = b"\x00\x52\x30\x92SQ\0\0\xFF\xFF\xFF\xFF".to_vec();
    groups.extend([item(b""), end.to_vec()].concat());
    vec![
        // Numbers without a value, and a group whose length is that of everything.
        slice(PLAIN, &[([0x0028, 0x0010], b"US", b""), ([0x0028, 0x0100], b"US", b"")], plain),
        put(&slice(PLAIN, &[], plain), 132, b"\x02\0\0\0UL\x04\0\xFF\xFF\xFF\xFF"),
        slice(PLAIN, &[frames(b"-1")], plain),
        slice(PLAIN, &[frames(b"4294967297 ")], plain),
        slice(PLAIN, &[frames(b"3 ")], &[plain, &groups[..]].concat()),
        slice(PLAIN, &[frames(b"3 ")], &[&groups, &plain[..]].concat()),
        slice(PLAIN, &[], b"\xE0\x7F\x10\0OW\0\0\xFE\xFF\xFF\xFF"),
        slice(PLAIN, &[], &[&nested, &plain[..]].concat()),
        // Tables of offsets that lead nowhere, an empty last fragment, no end.
        slice(RLE, &[frames(b"2 ")], &fragments(&[&[0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], &[1; 64], &[]], end)),
        slice(RLE, &[frames(b"2 ")], &fragments(&[&[3, 0, 0, 0], &[1; 64]], b"")),
        slice(RLE, &[], &fragments(&[b"", b""], end)),
        slice(RLE, &[([0x7FE0, 0x0001], b"OV", &[0xFF; 8])], &fragments(&[b"", &[2; 64]], end)),
    ]
}

/// Fields of the headers of a codestream at their ends. A frame has five bytes before it.
fn jpeg_2000(frame: &[u8]) -> Vec<Vec<u8>> {
    let find = |code: u8| frame.windows(2).position(|pair| pair == [0xFF, code]).unwrap_or(frame.len());
    let (size, coding, steps, part) = (find(0x51), find(0x52), find(0x5C), find(0x90));
    let changes: [(usize, &[u8]); 14] = [
        (size + 14, &[0xFF; 4]),
        (size + 14, &[0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]),
        (size + 22, &[0, 0, 0, 1, 0, 0, 0, 1]),
        (size + 30, &[0xFF; 8]),
        (size + 40, &[0xFF]),
        (size + 41, &[0, 0]),
        (coding + 4, &[0xFF]),
        (coding + 6, &[0xFF, 0xFF]),
        (coding + 9, &[0xFF]),
        (coding + 10, &[8, 8]),
        (coding + 12, &[0xFF, 1]),
        (steps + 4, &[0xFF, 0xFF]),
        (part + 6, &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        (part + 14, &[0xFF; 32]),
    ];
    changes.iter().map(|(at, value)| put(frame, *at, value)).collect()
}

/// Tables, sizes and scans of a JPEG stream at their ends. A frame has five bytes before it.
fn jpeg(frame: &[u8]) -> Vec<Vec<u8>> {
    let find = |codes: &[u8]| {
        frame.windows(2).position(|pair| pair[0] == 0xFF && codes.contains(&pair[1])).unwrap_or(frame.len())
    };
    let size = find(&[0xC0, 0xC1, 0xC3, 0xF7]);
    let (tables, scan) = (find(&[0xC4]), find(&[0xDA]));
    let behind = |at: usize, added: &[u8]| [&frame[..at], added, &frame[at..]].concat();
    vec![
        put(frame, size + 9, &[0]),
        put(frame, size + 9, &[4]),
        put(frame, size + 5, &[0, 0, 0, 0]),
        put(frame, size + 11, &[0]),
        put(frame, size + 11, &[0xFF]),
        put(frame, tables + 5, &[0xFF; 16]),
        put(frame, tables + 5, &[0; 16]),
        behind(scan.min(frame.len()), b"\xFF\xDD\0\x04\0\x01"),
        behind(size.min(frame.len()), b"\xFF\xDA\0\x08\x01\x01\0\0\x3F\0"),
        put(frame, scan + 10, &[0xFF; 40]),
        put(frame, scan + 10, &[0; 40]),
    ]
}

fn gif() -> Vec<Vec<u8>> {
    let file = |screen: [u16; 2], frame: [u16; 4], width: u8, coded: &[u8]| {
        let mut bytes = b"GIF89a".to_vec();
        screen.iter().for_each(|side| bytes.extend(side.to_le_bytes()));
        bytes.extend([0x80, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x2C]);
        frame.iter().for_each(|side| bytes.extend(side.to_le_bytes()));
        [bytes, vec![0, width, coded.len() as u8], coded.to_vec(), b"\0;".to_vec()].concat()
    };
    let repeated = [
        &b"GIF89a\x02\0\x02\0\0\0\0\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0"[..],
        b"\x2C\0\0\0\0\x02\0\x02\0\0\x02\x02\x4C\x01\0;",
    ];
    vec![
        file([32, 32], [0, 0, 59_424, 117], 2, &[0x84, 0x51]),
        file([2, 2], [65_535, 65_535, 2, 2], 2, &[0x4C, 1]),
        file([2, 2], [0, 0, 0, 0], 2, &[0x4C, 1]),
        file([0, 0], [0, 0, 2, 2], 2, &[0x4C, 1]),
        file([2, 2], [0, 0, 2, 2], 0, &[0x4C, 1]),
        file([2, 2], [0, 0, 2, 2], 12, &[0xFF; 40]),
        file([4096, 16], [0, 0, 4096, 16], 8, &[0xFF; 60]),
        repeated.concat(),
    ]
}

fn bmp() -> Vec<Vec<u8>> {
    let file = |start: u32, size: [i32; 2], bits: u16, compression: u32, colours: u32, data: &[u8]| {
        let mut bytes = b"BM\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend(start.to_le_bytes());
        bytes.extend(40u32.to_le_bytes());
        size.iter().for_each(|side| bytes.extend(side.to_le_bytes()));
        bytes.extend(1u16.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        for value in [compression, 0, 0, 0, colours, 0] {
            bytes.extend(value.to_le_bytes());
        }
        [bytes, data.to_vec()].concat()
    };
    let runs = [&[0, 2, 0xFF, 0xFF][..], &[0xFF, 0x45], &[0, 3, 1, 2, 3, 0], &[0, 1]].concat();
    vec![
        file(120, [2554, 18_803], 4, 2, 2_147_483_859, &runs),
        file(54, [8, 8], 8, 1, 0, &runs),
        file(54, [8, i32::MIN], 24, 0, 0, &[7; 200]),
        file(54, [-8, 8], 24, 0, 0, &[7; 200]),
        file(0, [8, 8], 8, 0, 256, &[7; 64]),
        file(u32::MAX, [8, 8], 8, 0, u32::MAX, &[7; 64]),
        file(54, [8, 8], 16, 3, 0, &[0; 140]),
        file(54, [8, 8], 1, 0, 1, &[0xAA; 40]),
    ]
}

fn png() -> Vec<Vec<u8>> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(data);
        [&(data.len() as u32).to_be_bytes()[..], kind, data, &crc.sum().to_be_bytes()].concat()
    };
    let pack = |bytes: &[u8]| targets::zlib(bytes);
    let file = |size: [u32; 2], [bits, colours, interlace]: [u8; 3], others: &[(&[u8; 4], &[u8])], rows: &[u8]| {
        let header = [&size[0].to_be_bytes()[..], &size[1].to_be_bytes(), &[bits, colours, 0, 0, interlace]].concat();
        let mut bytes = [&b"\x89PNG\r\n\x1A\n"[..], &chunk(b"IHDR", &header)].concat();
        others.iter().for_each(|(kind, data)| bytes.extend(chunk(kind, data)));
        bytes.extend([chunk(b"IDAT", b""), chunk(b"IDAT", &pack(rows)), chunk(b"IEND", b"")].concat());
        bytes
    };
    vec![
        // A palette that is missing, short, or longer than its transparency.
        file([2, 2], [8, 3, 0], &[], &[0, 1, 2, 0, 3, 255]),
        file([2, 2], [1, 3, 0], &[(b"PLTE", &[1, 2, 3])], &[0, 0xC0, 0, 0xC0]),
        file([2, 2], [8, 3, 0], &[(b"PLTE", &[1, 2, 3]), (b"tRNS", &[9; 40])], &[0, 0, 1, 0, 2, 3]),
        file([2, 2], [16, 2, 0], &[(b"tRNS", &[0, 1])], &[0; 26]),
        // Filters of pixels that are wider than the row before, and those that there are not.
        file(
            [1, 3],
            [16, 6, 0],
            &[],
            &[4, 1, 2, 3, 4, 5, 6, 7, 8, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8],
        ),
        file([1, 1], [1, 0, 1], &[], &[0, 0x80]),
        file([5, 5], [2, 0, 1], &[], &[1, 0x40, 2, 0x80]),
        file([2, 2], [8, 0, 0], &[], &[]),
        file([2, 2], [4, 2, 0], &[], &[0; 20]),
    ]
}

/// A page of tags: number, kind, count, and the value as it stands in the entry.
fn tiff_of(tags: &[(u16, u16, u32, u32)], behind: &[u8], next: u32) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((tags.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in tags {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(next.to_le_bytes());
    bytes.extend(behind);
    bytes
}

fn tiff() -> Vec<Vec<u8>> {
    let page = |changes: &[(u16, u16, u32, u32)], behind: &[u8], next: u32| {
        let mut tags = vec![
            (256, 4, 1, 4),
            (257, 4, 1, 4),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, 1, 134),
            (278, 4, 1, 4),
            (279, 4, 1, 16),
        ];
        for change in changes {
            tags.retain(|tag| tag.0 != change.0);
            tags.push(*change);
        }
        tags.sort_unstable();
        tiff_of(&tags, behind, next)
    };
    let pixels = [7; 64];
    vec![
        page(&[(278, 4, 1, 0)], &pixels, 0),
        page(&[(257, 4, 1, 0)], &pixels, 0),
        page(&[(339, 3, 0, 0)], &pixels, 0),
        page(&[(258, 3, 0, 0)], &pixels, 0),
        page(&[(273, 4, 1, 884_062_630)], &pixels, 0),
        page(&[(279, 4, 1, u32::MAX)], &pixels, 0),
        page(&[(273, 4, u32::MAX, 8)], &pixels, 0),
        page(&[(277, 3, 1, 0)], &pixels, 0),
        page(&[(277, 3, 1, 65_535)], &pixels, 0),
        // LZW without an end, and PackBits that go beyond the strip.
        page(&[(259, 3, 1, 5)], &[0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 0),
        page(&[(259, 3, 1, 32_773)], &[0x81, 9, 0x7F, 1, 2, 3], 0),
        page(&[(322, 4, 1, 0), (323, 4, 1, 0), (324, 4, 1, 134), (325, 4, 1, 16)], &pixels, 0),
        page(&[(317, 3, 1, 2), (258, 3, 1, 1)], &pixels, 0),
        page(&[], &pixels, 8),
        tiff_of(&[(256, 4, 1, 4); 3], b"", u32::MAX),
    ]
}

fn webp() -> Vec<Vec<u8>> {
    let file = |chunks: &[(&[u8; 4], &[u8])]| {
        let mut body = b"WEBP".to_vec();
        for (kind, data) in chunks {
            body.extend([&kind[..], &(data.len() as u32).to_le_bytes(), data].concat());
            body.resize(body.len().next_multiple_of(2), 0);
        }
        [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
    };
    let canvas = |flags: u8, width: u8, height: u8| [flags, 0, 0, 0, width, 0, 0, height, 0, 0];
    let lossless: &[u8] = &[0x2F, 0xFF, 0xC0, 0x3F, 0x10, 7, 7, 7, 7];
    vec![
        file(&[(b"VP8L", &[0x2F, 0, 0, 0, 0])]),
        file(&[(b"VP8L", &[0x2F, 0xFF, 0xFF, 0xFF, 0x0F, 0xFF, 0xFF])]),
        file(&[(b"VP8X", &canvas(0x10, 0, 0)), (b"ALPH", &[1, 2, 3]), (b"VP8L", lossless)]),
        file(&[(b"VP8X", &canvas(0x02, 9, 9)), (b"ANIM", &[0; 6]), (b"ANMF", &[0xFF; 24])]),
        file(&[(b"VP8X", &canvas(0x02, 9, 9)), (b"ANIM", b""), (b"ANMF", b"")]),
        file(&[(b"VP8 ", &[0x30, 1, 0, 0x9D, 1, 0x2A, 0, 0, 0, 0])]),
        file(&[(b"VP8 ", &[0x30, 0xFF, 0xFF, 0x9D, 1, 0x2A, 0xFF, 0x3F, 0xFF, 0x3F, 1])]),
    ]
}

fn zip() -> Vec<Vec<u8>> {
    let whole = targets::archive_of(&[("a.png", b"a picture, by its name"), ("b/notes.txt", b"notes")]);
    let record = whole.windows(4).position(|mark| mark == b"PK\x01\x02").expect("there is a directory");
    let end = whole.len() - 22;
    let locator = [&b"PK\x06\x07\0\0\0\0"[..], &[0xFF; 8], &[1, 0, 0, 0]].concat();
    let far = [
        &b"PK\x06\x06\x2C\0\0\0\0\0\0\0"[..],
        &[45, 0, 45, 0],
        &[0; 8],
        &[1, 0, 0, 0, 0, 0, 0, 0],
        &[1, 0, 0, 0, 0, 0, 0, 0],
        &[0xFF; 16],
    ];
    vec![
        // A directory that is larger than what lies before it, or starts behind its end.
        put(&whole, end + 12, &[0xFF, 0xFF, 0, 0]),
        put(&whole, end + 16, &[0xFF; 4]),
        put(&whole, end + 12, &[0xFF; 8]),
        put(&whole, end + 8, &[0xFF; 4]),
        put(&whole, end + 20, &[0xFF; 2]),
        put(&whole, record + 28, &[0xFF; 2]),
        put(&whole, record + 30, &[0xFF; 2]),
        put(&whole, record + 32, &[0xFF; 2]),
        put(&whole, record + 20, &[0xFF; 8]),
        put(&whole, record + 42, &[0xFF; 4]),
        put(&whole, 26, &[0xFF; 4]),
        [&whole[..end], &locator, &whole[end..]].concat(),
        [&whole[..end], &far.concat(), &put(&locator, 8, &(end as u64).to_le_bytes()), &whole[end..]].concat(),
        b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".repeat(3),
    ]
}

fn tar() -> Vec<Vec<u8>> {
    let file = |kind: u8, size: &[u8; 12], content: &[u8]| {
        let mut header = [0u8; 512];
        header[..5].copy_from_slice(b"a.png");
        header[124..136].copy_from_slice(size);
        header[148..156].fill(b' ');
        header[156] = kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        [&header[..], content, &[0; 1024]].concat()
    };
    vec![
        file(b'0', b"77777777777\0", b"a"),
        file(b'0', b"\x80\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", b"a"),
        file(b'0', b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", b"a"),
        file(b'x', b"00000000030\0", &put(&[0; 512], 0, b"99999999999999999999 path=a")),
        file(b'x', b"00000000030\0", &put(&[0; 512], 0, b"0 path=\n5 path=a\n30 size=-1\n")),
        file(b'L', b"00000177777\0", b"a"),
    ]
}

fn nifti(sides: [i16; 4], offset: f32) -> Vec<u8> {
    let mut bytes = vec![0; 400];
    bytes[..4].copy_from_slice(&348u32.to_le_bytes());
    for (at, side) in sides.iter().enumerate() {
        bytes[40 + 2 * at..42 + 2 * at].copy_from_slice(&side.to_le_bytes());
    }
    bytes[70..72].copy_from_slice(&4i16.to_le_bytes());
    bytes[108..112].copy_from_slice(&offset.to_le_bytes());
    bytes[344..348].copy_from_slice(b"n+1\0");
    bytes
}
