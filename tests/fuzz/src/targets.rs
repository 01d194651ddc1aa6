//! What is fuzzed: every reader of bytes that come from somebody else. The fuzzer runs these with coverage, the ordinary tests
//! (`tests/robustness.rs`) over what was found and over damaged seeds, natively and in wasm.
//!
//! A target must end for any bytes. It gives nothing: what must not happen is a panic, a hang or too much memory.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use include_dir::Dir;
use lungglass::decode::{File, Image, Limits};
use lungglass::graph::cpu::{CpuGraph, Executor, Processor};
use lungglass::graph::program::Program;
use lungglass::hash::sha256;
use lungglass::model::Model;
use lungglass::operating_point::{Drift, LocalPoint, Network, Triage};
use lungglass::package::Package;
use lungglass::slice::Slice;

// Where they lie depends on the package that this is compiled in.
use crate::elements::{element, meta};
use crate::kinds::kinds;
use crate::{CASES, DICOM, SAMPLES, identity};

/// At most this many frames and entries of one case are read: more of the same would only take time.
pub const MAX_PARTS: usize = 8;
/// Multiply-adds of one run of a network; the shipped one has fewer by far than any that is refused for its memory.
const WORK: usize = 1 << 26;

#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

pub const TARGETS: [Target; 27] = [
    Target { name: "png", run: |bytes| picture(b"\x89PNG\r\n\x1a\n", bytes) },
    Target { name: "jpeg", run: |bytes| picture(b"\xFF\xD8\xFF", bytes) },
    Target { name: "bmp", run: |bytes| picture(b"BM", bytes) },
    Target { name: "gif", run: |bytes| picture(b"GIF89a", bytes) },
    Target { name: "tiff", run: |bytes| picture(b"II*\0", bytes) },
    Target { name: "webp", run: |bytes| picture(b"RIFF", bytes) },
    Target { name: "dicom", run: image },
    Target { name: "dicom-deflated", run: |bytes| image(&[meta(DEFLATED), bytes.to_vec()].concat()) },
    Target { name: "dicom-rle", run: |bytes| frame("1.2.840.10008.1.2.5", bytes) },
    Target { name: "dicom-jpeg-baseline", run: |bytes| frame("1.2.840.10008.1.2.4.50", bytes) },
    Target { name: "dicom-jpeg-extended", run: |bytes| frame("1.2.840.10008.1.2.4.51", bytes) },
    Target { name: "dicom-jpeg-lossless", run: |bytes| frame("1.2.840.10008.1.2.4.70", bytes) },
    Target { name: "dicom-jpeg-ls", run: |bytes| frame("1.2.840.10008.1.2.4.80", bytes) },
    Target { name: "dicom-jpeg-2000", run: |bytes| frame("1.2.840.10008.1.2.4.90", bytes) },
    Target { name: "dicom-htj2k", run: |bytes| frame("1.2.840.10008.1.2.4.203", bytes) },
    Target { name: "dicom-jpeg-xl", run: |bytes| frame("1.2.840.10008.1.2.4.110", bytes) },
    Target { name: "dicom-encapsulated", run: |bytes| frame("1.2.840.10008.1.2.1.98", bytes) },
    Target { name: "dicom-deflated-frame", run: |bytes| frame("1.2.840.10008.1.2.8.1", bytes) },
    Target { name: "identity", run: |bytes| assert!(identity::objects(bytes) <= MAX_PARTS * MAX_PARTS) },
    Target { name: "nifti", run: image },
    Target { name: "metaimage", run: image },
    Target { name: "nrrd", run: image },
    Target { name: "zip", run: archive },
    Target { name: "model-toml", run: settings },
    Target { name: "network", run: network },
    Target { name: "package", run: package },
    Target { name: "operating-point", run: operating_point },
];

const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// A picture of one format: where the bytes begin like another, their beginning is made that of this.
fn picture(magic: &[u8], bytes: &[u8]) {
    const OTHER_TIFFS: [&[u8]; 3] = [b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"];
    if bytes.starts_with(magic) || (magic == b"II*\0" && OTHER_TIFFS.iter().any(|other| bytes.starts_with(other))) {
        return image(bytes);
    }
    let mut bytes = bytes.to_vec();
    let length = magic.len().min(bytes.len());
    bytes[..length].copy_from_slice(&magic[..length]);
    image(&bytes);
}

fn image(bytes: &[u8]) {
    // Images in colours too, which come out gray.
    let limits = Limits { colours: true, ..Limits::default() };
    if let Ok(image) = Image::open(bytes.to_vec(), limits) {
        if let Some(Err(lack)) = image.identity() {
            assert!(!lack.to_string().contains("could not be read"), "reading whom it names panicked");
        }
        (0..image.frames().min(MAX_PARTS)).flat_map(|frame| image.slice(frame)).for_each(check);
    }
}

/// What is read is a slice.
fn check(slice: Slice) {
    let pixels = slice.width * slice.height;
    let picture = slice.into_picture(Some(lungglass::window::Window { center: -600.0, width: 1500.0 })).unwrap();
    assert!(pixels > 0 && picture.gray.len() == pixels);
}

/// A frame in a data set that is as it should be: the case's first bytes are width and height (two bytes each, little endian) and
/// a byte whose lowest bits say whether values have 16 bits and a sign.
fn frame(syntax: &str, bytes: &[u8]) {
    let Some((&[w0, w1, h0, h1, kind], codestream)) = bytes.split_first_chunk::<5>() else { return };
    let size = [u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1])];
    image(&encapsulated(syntax, size, kind, codestream));
}

fn archive(bytes: &[u8]) {
    if let Ok(file) = File::open(bytes.to_vec(), Limits::default()) {
        file.slices().take(MAX_PARTS * MAX_PARTS).flat_map(|slice| slice.decode()).for_each(check);
    }
}

fn settings(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Model::parse(text);
    }
}

/// The parts of a model in one file, under a hash that is right.
fn package(parts: &[u8]) {
    let file = [b"LGMODEL\x01", sha256(parts).as_bytes(), parts].concat();
    if let Ok(package) = Package::parse(&file) {
        let _ = package.open();
    }
}

/// The body of a site's operating point, under a seal that is right; bytes that are no text go as they are.
fn operating_point(bytes: &[u8]) {
    let file = match std::str::from_utf8(bytes) {
        Ok(body) => format!("{body}\n[seal]\nsha256 = \"{}\"\n", sha256(format!("{body}\n").as_bytes())).into_bytes(),
        Err(_) => bytes.to_vec(),
    };
    if let Ok((point, seal)) = LocalPoint::parse(&file) {
        assert!(point.triage.negative_to < point.triage.positive_from);
        let _ = point.on(seal, "2026-11-30");
    }
}

/// Reads and plans; runs what takes no longer than a test may.
fn network(bytes: &[u8]) {
    let Ok(program) = Program::parse(bytes) else { return };
    let _ = CpuGraph::new(&program, Processor::best());
    for processor in Processor::all() {
        let Ok(executor) = Executor::new(&program, processor) else { return };
        let work = executor.costs().iter().fold(0usize, |sum, cost| sum.saturating_add(cost.macs + cost.bytes));
        if work <= WORK {
            let input = vec![0.5; program.input.iter().product()];
            executor.run(&input, |outputs| assert_eq!(outputs.len(), program.outputs.len()));
        }
    }
}

fn encapsulated(syntax: &str, [width, height]: [u16; 2], kind: u8, codestream: &[u8]) -> Vec<u8> {
    let bits: u16 = if kind & 1 == 1 { 16 } else { 8 };
    let mut bytes = meta(syntax);
    element(&mut bytes, [0x0008, 0x0060], b"CS", b"CT");
    element(&mut bytes, [0x0028, 0x0002], b"US", &1u16.to_le_bytes());
    element(&mut bytes, [0x0028, 0x0004], b"CS", b"MONOCHROME2");
    for (number, value) in [
        (0x0010, height),
        (0x0011, width),
        (0x0100, bits),
        (0x0101, bits),
        (0x0102, bits - 1),
        (0x0103, u16::from(kind >> 1 & 1)),
    ] {
        element(&mut bytes, [0x0028, number], b"US", &value.to_le_bytes());
    }
    element(&mut bytes, [0x0028, 0x1052], b"DS", b"-1024");
    bytes.extend(PIXEL_DATA);
    for item in [&[][..], codestream] {
        bytes.extend(ITEM);
        bytes.extend((item.len() as u32).to_le_bytes());
        bytes.extend(item);
    }
    bytes.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
    bytes
}

/// The element of encapsulated pixel data, whose length is not known.
const PIXEL_DATA: &[u8] = b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF";
const ITEM: &[u8] = b"\xFE\xFF\0\xE0";

/// What the fuzzer starts from: the files of the tests and of the page, small pictures of each format, and kinds of files on which others
/// broke.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    [whole(target), of_kinds(target)].concat()
}

/// Kinds of files on which others broke.
pub fn of_kinds(target: &str) -> Vec<Vec<u8>> {
    kinds(target, |name| codestreams(&[name]).remove(0))
}

/// Files that are as they should be.
pub fn whole(target: &str) -> Vec<Vec<u8>> {
    match target {
        "png" => pictures(ImageFormat::Png, "png"),
        "jpeg" => {
            let deep = codestreams(&["jpeg-extended", "jpeg-lossless-sv1", "jpeg-lossless-4"]);
            // Without what stands before a codestream.
            [pictures(ImageFormat::Jpeg, "jpg"), deep.iter().map(|seed| seed[5..].to_vec()).collect()].concat()
        }
        "bmp" => pictures(ImageFormat::Bmp, "bmp"),
        "gif" => pictures(ImageFormat::Gif, "gif"),
        "tiff" => pictures(ImageFormat::Tiff, "tif"),
        "webp" => pictures(ImageFormat::WebP, "webp"),
        "dicom" => [files(&DICOM, "dcm"), files(&CASES, "dcm"), files(&SAMPLES, "dcm")].concat(),
        "dicom-deflated" => vec![deflate(&data_set("native-s16.dcm")), deflate(&data_set("rle.dcm")), {
            let file = sample("deflated.dcm");
            file[meta_end(&file)..].to_vec()
        }],
        "dicom-rle" => codestreams(&["rle", "rle-u8"]),
        "dicom-jpeg-baseline" => codestreams(&["jpeg-baseline"]),
        "dicom-jpeg-extended" => codestreams(&["jpeg-extended"]),
        "dicom-jpeg-lossless" => codestreams(&[
            "jpeg-lossless-sv1",
            "jpeg-lossless-2",
            "jpeg-lossless-3",
            "jpeg-lossless-4",
            "jpeg-lossless-5",
            "jpeg-lossless-6",
            "jpeg-lossless-7",
        ]),
        "dicom-jpeg-ls" => codestreams(&["jpeg-ls", "jpeg-ls-near", "jpeg-ls-u8"]),
        "dicom-jpeg-2000" => codestreams(&[
            "jpeg-2000",
            "jpeg-2000-lossless",
            "jpeg-2000-lossless-u12",
            "jpeg-2000-orders",
            "jpeg-2000-region",
            "jpeg-2000-s8",
        ]),
        "dicom-htj2k" => codestreams(&["htj2k", "htj2k-tiles", "htj2k-lossy", "htj2k-packets", "htj2k-refined"]),
        "dicom-jpeg-xl" => codestreams(&["jpeg-xl", "jpeg-xl-u8", "jpeg-xl-multi", "jpeg-xl-groups"]),
        "dicom-encapsulated" => codestreams(&["encapsulated-s16", "encapsulated-u8"]),
        "dicom-deflated-frame" => codestreams(&["deflated-frame-s16", "deflated-frame-u8"]),
        "identity" => identity::headers(),
        "nifti" => vec![nifti(false), nifti(true)],
        "metaimage" => text_volumes(METAIMAGE, "CompressedData = True\n", zlib),
        "nrrd" => text_volumes(NRRD, "encoding: gzip\n", gzip),
        "zip" => archives(),
        "model-toml" => vec![lungglass::classifier::SETTINGS.as_bytes().to_vec()],
        "network" => networks(),
        "package" => packages(),
        "operating-point" => vec![operating_points()],
        _ => Vec::new(),
    }
}

fn files(folder: &Dir, extension: &str) -> Vec<Vec<u8>> {
    let below = folder.dirs().flat_map(|folder| files(folder, extension));
    let here = folder.files().filter(|file| file.path().extension().is_some_and(|found| found == extension));
    here.map(|file| file.contents().to_vec()).chain(below).collect()
}

/// Small pictures in each of the format's kinds of pixels, and the cases.
fn pictures(format: ImageFormat, extension: &str) -> Vec<Vec<u8>> {
    let picture = RgbaImage::from_fn(21, 13, |x, y| Rgba([(x * 9) as u8, (y * 9) as u8, (x * y) as u8, 255 - y as u8]));
    let picture = DynamicImage::from(picture);
    let kinds = [
        picture.to_rgba8().into(),
        picture.to_rgb8().into(),
        picture.to_luma8().into(),
        picture.to_luma16().into(),
        picture.to_rgba16().into(),
        DynamicImage::from(picture.to_rgb32f()),
    ];
    let encode = |kind: &DynamicImage| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        kind.write_to(&mut bytes, format).ok().map(|()| bytes.into_inner())
    };
    let mut seeds: Vec<_> = kinds.iter().filter_map(encode).collect();
    seeds.extend(files(&CASES, extension));
    seeds
}

fn sample(name: &str) -> Vec<u8> {
    DICOM.get_file(name).unwrap_or_else(|| panic!("there is no {name}")).contents().to_vec()
}

/// Where the data set starts: the group's length stands in its first element.
fn meta_end(file: &[u8]) -> usize {
    let length = u32::from_le_bytes(file[140..144].try_into().expect("four bytes"));
    144 + length as usize
}

fn data_set(name: &str) -> Vec<u8> {
    let file = sample(name);
    file[meta_end(&file)..].to_vec()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// The first fragments of samples, as [`frame`] takes them.
fn codestreams(names: &[&str]) -> Vec<Vec<u8>> {
    let codestream = |name: &&str| {
        let file = sample(&format!("{name}.dcm"));
        let number = |tag: [u8; 4]| {
            let at = file.windows(4).position(|window| window == tag).expect("the element is there");
            [file[at + 8], file[at + 9]]
        };
        let [w0, w1] = number([0x28, 0, 0x11, 0]);
        let [h0, h1] = number([0x28, 0, 0x10, 0]);
        let [bits, _] = number([0x28, 0, 0, 1]);
        let [signed, _] = number([0x28, 0, 3, 1]);
        let items = file.windows(PIXEL_DATA.len()).position(|window| window == PIXEL_DATA).expect("it is encapsulated");
        let item = |at: usize| {
            let length = u32::from_le_bytes(file[at + 4..at + 8].try_into().expect("four bytes")) as usize;
            (at + 8, at + 8 + length)
        };
        let (_, table_end) = item(items + PIXEL_DATA.len());
        let (start, end) = item(table_end);
        [&[w0, w1, h0, h1, u8::from(bits == 16) | signed << 1], &file[start..end]].concat()
    };
    names.iter().map(codestream).collect()
}

/// Sides of the volumes.
const SIDES: [u8; 3] = [5, 4, 3];

/// Hounsfield units of 16 bits.
fn voxels() -> Vec<u8> {
    (0..SIDES.iter().product()).flat_map(|at: u8| (i16::from(at) * 40 - 1024).to_le_bytes()).collect()
}

fn nifti(big_endian: bool) -> Vec<u8> {
    let short = |value: i16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let real = |value: f32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = vec![0; 352];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &if big_endian { 348u32.to_be_bytes() } else { 348u32.to_le_bytes() });
    put(40, &short(3));
    SIDES.iter().enumerate().for_each(|(axis, side)| put(42 + 2 * axis, &short((*side).into())));
    put(70, &short(4));
    // Orientation by a matrix in one, by a quaternion in the other.
    put(if big_endian { 252 } else { 254 }, &short(1));
    (0..4).for_each(|at| put(76 + 4 * at, &real(1.0)));
    put(108, &real(352.0));
    put(112, &real(1.0));
    (0..3).for_each(|row| put(280 + 20 * row, &real(1.5)));
    put(344, b"n+1");
    let values = voxels();
    bytes.extend(
        values.chunks_exact(2).flat_map(|value| if big_endian { [value[1], value[0]] } else { [value[0], value[1]] }),
    );
    bytes
}

const METAIMAGE: [&str; 2] = [
    "ObjectType = Image\nNDims = 3\nBinaryData = True\n",
    "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 1 2 3\nElementSpacing = 1 1 2\nDimSize = 5 4 3\nElementType = MET_SHORT\n\
     ElementDataFile = LOCAL\n",
];
const NRRD: [&str; 2] = [
    "NRRD0005\ntype: short\ndimension: 3\nspace: LPS\nsizes: 5 4 3\nspace directions: (1,0,0) (0,1,0) (0,0,2)\n",
    "endian: little\nspace origin: (1,2,3)\n\n",
];

/// A volume with a header of text, as it is and compressed.
fn text_volumes([start, end]: [&str; 2], compressed: &str, pack: fn(&[u8]) -> Vec<u8>) -> Vec<Vec<u8>> {
    let plain = if start.starts_with("NRRD") { "encoding: raw\n" } else { "" };
    let volume = |fields: &str, values: &[u8]| [start.as_bytes(), fields.as_bytes(), end.as_bytes(), values].concat();
    vec![volume(plain, &voxels()), volume(compressed, &pack(&voxels()))]
}

pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

fn archives() -> Vec<Vec<u8>> {
    let png = pictures(ImageFormat::Png, "none").swap_remove(2);
    let dicom = sample("rle-u8.dcm");
    let inner = archive_of(&[("a.png", &png)]);
    vec![
        archive_of(&[]),
        inner.clone(),
        archive_of(&[("notes.txt", b"notes"), ("series/1", &dicom), ("series/2.png", &png), ("inner.zip", &inner)]),
        [b"MZ", &inner[..]].concat(),
        tar_of(&[("notes.txt", b"notes"), ("series/1", &dicom), ("series/2.png", &png)]),
        gzip(&tar_of(&[("a.png", &png)])),
        gzip(&png),
    ]
}

/// A tar archive.
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = b'0';
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        bytes.extend(header);
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// An archive of deflated entries.
pub fn archive_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, content) in files {
        let file = archive.new_file(*name).compression_method(rawzip::CompressionMethod::DEFLATE);
        let (mut entry, config) = file.start().expect("memory takes everything");
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::best()));
        writer.write_all(content).expect("memory takes everything");
        let (encoder, descriptor) = writer.finish().expect("memory takes everything");
        encoder.finish().expect("memory takes everything");
        entry.finish(descriptor).expect("memory takes everything");
    }
    archive.finish().expect("memory takes everything");
    bytes
}

/// Small networks that hold every operator.
fn networks() -> Vec<Vec<u8>> {
    use lungglass::graph::program::{Binary, Constant, Op, Pool, Step, Unary};

    let constant = |shape: &[usize]| Constant {
        shape: shape.to_vec(),
        values: (0..shape.iter().product::<usize>()).map(|at| at as f32 / 8.0 - 0.3).collect(),
    };
    let conv = |strides, depthwise| Op::Conv { strides, pads: [1; 4], depthwise, clamp: Some([0.0, 6.0]) };
    let point = Op::Conv { strides: [1; 2], pads: [0; 4], depthwise: false, clamp: None };
    // Values: 0 the input, 1 to 5 the constants, 6 the first step.
    let constants = vec![
        constant(&[8, 1, 3, 3]),
        constant(&[8]),
        constant(&[8, 8, 1, 1]),
        constant(&[1, 8, 4, 5]),
        constant(&[1, 1, 1, 1]),
    ];
    let steps: [(Op, Vec<usize>); 17] = [
        (conv([1, 1], false), vec![0, 1, 2]),
        (conv([2, 2], true), vec![6, 1, 2]),
        (point.clone(), vec![7, 3, 2]),
        (point, vec![8, 3, 2, 7]),
        (Op::Pool { kind: Pool::Max, kernel: [2, 2], strides: [1, 1], pads: [1, 0, 0, 0] }, vec![9]),
        (Op::Pool { kind: Pool::Mean, kernel: [2, 2], strides: [2, 2], pads: [0; 4] }, vec![0]),
        (Op::Unary(Unary::Sigmoid), vec![9]),
        (Op::Binary(Binary::Mul), vec![12, 9]),
        (Op::Sum { axes: vec![2, 3] }, vec![13]),
        (Op::Binary(Binary::Sub), vec![14, 5]),
        (Op::MatMul, vec![9, 4]),
        (Op::Reshape(vec![1, 1, 1, 8]), vec![15]),
        (Op::Broadcast(vec![1, 3, 2, 8]), vec![17]),
        (Op::Slice { axis: 3, start: 1, end: 4 }, vec![18]),
        (Op::Concat { axis: 1 }, vec![18, 18]),
        (Op::Unary(Unary::Exp), vec![19]),
        (Op::Concat { axis: 1 }, vec![11, 11]),
    ];
    let steps: Vec<Step> = steps.into_iter().map(|(op, inputs)| Step { name: String::new(), op, inputs }).collect();
    let output = |name: &str, value| (name.to_string(), value);
    let whole = Program {
        onnx: String::new(),
        input: vec![1, 1, 8, 8],
        constants,
        steps,
        outputs: vec![
            output("logit", 15),
            output("map", 11),
            output("opacity", 22),
            output("lung", 11),
            output("embedding", 21),
        ],
    };
    let alone = (0..whole.steps.len()).filter_map(|last| {
        let steps = whole.steps[..=last].to_vec();
        let outputs = vec![output("out", 6 + last)];
        Program { steps, outputs, ..whole.clone() }.pack().ok()
    });
    let packed: Vec<_> = alone.chain(whole.pack().ok()).collect();
    packed.into_iter().filter(|packed| Program::parse(packed).is_ok()).collect()
}

/// What stands behind the hash of a model in one file.
fn packages() -> Vec<Vec<u8>> {
    let settings = lungglass::classifier::SETTINGS;
    let network = networks().pop().expect("there are networks");
    let hash = Model::parse(settings).expect("the built-in settings are right").sha256;
    let pack = |settings: &str| {
        let bytes =
            Package { settings, card: "# A card", network: &network }.to_bytes().expect("memory takes everything");
        bytes[72..].to_vec()
    };
    // One that fits its network and one that does not.
    vec![pack(&settings.replace(&hash, "")), pack(settings)]
}

/// The body of an operating point.
fn operating_points() -> Vec<u8> {
    let model = Model::parse(lungglass::classifier::SETTINGS).expect("the built-in settings are right");
    let point = LocalPoint {
        schema: lungglass::operating_point::SCHEMA,
        site: "a site".to_string(),
        made: "2026-11-30".to_string(),
        valid_until: "2027-05-29".to_string(),
        program: "0.1.0".to_string(),
        acceptance: "0".repeat(64),
        network: Network {
            name: model.name,
            version: model.version,
            sha256: model.sha256,
            temperature: Some(model.output.temperature),
        },
        triage: Triage {
            positive_from: 0.62,
            negative_to: 0.21,
            ppv: 0.9,
            npv: 0.95,
            confidence: 0.95,
            prevalence: Some(0.1),
        },
        drift: Drift { slices: 50, per_group: Some(2.5), refused: 0.1, embedding: Some(1.4), gray_levels: None },
    };
    let text = point.to_text();
    text.split("[seal]").next().expect("a text has a beginning").trim_end().as_bytes().to_vec()
}
