//! NRRD headers (teem.sourceforge.net/nrrd/format.html), in one file with their values: [`detached`](super::detached) makes it one.

use super::samples::{Kind, Samples};
use super::view::{Affine, Vector};
use super::{Format, Header, Packing, text};
use crate::error::Result;

const FORMAT: Format = Format::Nrrd;
const MAGIC: &[u8] = b"NRRD000";

/// Recognises the first line.
pub fn sniff(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) && bytes.get(MAGIC.len()).is_some_and(u8::is_ascii_digit)
}

pub fn read(bytes: &[u8]) -> Result<Header> {
    let no_end = || FORMAT.unreadable("its header has no end");
    let (_, mut at) = text::line(bytes, 0).ok_or_else(no_end)?;
    let (mut size, mut kind, mut packing, mut signs) = (None, None, None, None);
    let (mut steps, mut origin) = (None, None);
    let (mut big_endian, mut skipped) = (false, 0);
    loop {
        let (line, next) = text::line(bytes, at).ok_or_else(no_end)?;
        at = next;
        if line.is_empty() {
            break;
        }
        // Comments, and keys of those who wrote it.
        if line.starts_with('#') || line.contains(":=") {
            continue;
        }
        let Some((name, value)) = line.split_once(':').map(|(name, value)| (name.trim(), value.trim())) else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "dimension" if value != "3" => {
                return Err(FORMAT
                    .unsupported("that is no volume of three dimensions", "save each volume as a file of its own"));
            }
            "sizes" => size = Some(text::sides(FORMAT, name, value)?),
            "type" => kind = Some(kind_of(value)?),
            "kinds" if value.split_whitespace().any(|kind| !["domain", "space", "???", "none"].contains(&kind)) => {
                return Err(
                    FORMAT.unsupported("with axes that are not those of space", "save it with one value a voxel")
                );
            }
            "encoding" => packing = Some(packing_of(value)?),
            "endian" => big_endian = value.eq_ignore_ascii_case("big"),
            "space" => signs = signs_of(value),
            "space directions" => steps = vectors(value).and_then(|vectors| vectors.try_into().ok()),
            "space origin" => origin = vectors(value).and_then(|vectors| vectors.first().copied()),
            "byte skip" | "byteskip" => {
                skipped = value
                    .parse()
                    .map_err(|_| FORMAT.unsupported("whose values are at its end (byte skip)", "save it without"))?
            }
            "line skip" | "lineskip" if value != "0" => {
                return Err(FORMAT.unsupported("with lines before its values (line skip)", "save it without"));
            }
            "data file" | "datafile" => return Err(FORMAT.detached(value)),
            _ => {}
        }
    }
    let missing = |field: &str| FORMAT.unreadable(format!("it has no field \"{field}\""));
    let size = size.ok_or_else(|| missing("sizes"))?;
    let kind = kind.ok_or_else(|| missing("type"))?;
    let packing = packing.ok_or_else(|| missing("encoding"))?;
    if skipped > 0 && packing != Packing::Plain {
        return Err(FORMAT.unsupported("with bytes before its values (byte skip)", "save it without"));
    }
    let affine = steps.zip(signs).map(|(steps, signs): ([Vector; 3], Vector)| {
        let towards_left = |vector: Vector| std::array::from_fn(|axis| vector[axis] * signs[axis]);
        Affine { steps: steps.map(towards_left), origin: towards_left(origin.unwrap_or_default()) }
    });
    let samples = Samples::new(kind, big_endian, 1.0, 0.0);
    let at = at.saturating_add(skipped);
    Ok(Header { format: FORMAT, size, samples, at, packing, affine, notes: Vec::new() })
}

fn kind_of(name: &str) -> Result<Kind> {
    Ok(match name {
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => Kind::U8,
        "signed char" | "int8" | "int8_t" => Kind::I8,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => Kind::U16,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => Kind::I16,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => Kind::U32,
        "int" | "signed int" | "int32" | "int32_t" => Kind::I32,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => Kind::U64,
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => Kind::I64,
        "float" => Kind::F32,
        "double" => Kind::F64,
        _ => return Err(FORMAT.unreadable("its field \"type\" names no kind of value")),
    })
}

fn packing_of(name: &str) -> Result<Packing> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "raw" => Packing::Plain,
        "gzip" | "gz" => Packing::Gzip,
        "text" | "txt" | "ascii" | "hex" => return Err(FORMAT.unsupported("of text", "save its values raw or as gzip")),
        "bzip2" | "bz2" => return Err(FORMAT.unsupported("packed by bzip2", "save its values raw or as gzip")),
        _ => return Err(FORMAT.unreadable("its field \"encoding\" names no encoding")),
    })
}

/// What turns the axes of a space into those towards the left, the back and the head.
fn signs_of(space: &str) -> Option<Vector> {
    match space.to_ascii_lowercase().as_str() {
        "left-posterior-superior" | "lps" => Some([1.0, 1.0, 1.0]),
        "right-anterior-superior" | "ras" => Some([-1.0, -1.0, 1.0]),
        "left-anterior-superior" | "las" => Some([1.0, -1.0, 1.0]),
        _ => None,
    }
}

/// Vectors of three numbers, each in brackets; `None` where one is something else.
fn vectors(text: &str) -> Option<Vec<Vector>> {
    text.split(')')
        .map(str::trim)
        .filter(|vector| !vector.is_empty())
        .map(|vector| {
            let numbers = vector.strip_prefix('(')?.split(',').map(|number| number.trim().parse().ok());
            numbers.collect::<Option<Vec<f64>>>()?.try_into().ok()
        })
        .collect()
}
