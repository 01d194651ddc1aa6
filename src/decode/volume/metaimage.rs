//! MetaImage headers (.mha) as ITK writes them, in one file with their values: [`detached`](super::detached) makes it one.

use super::samples::{Kind, Samples};
use super::view::Affine;
use super::{Format, Header, Packing, text};
use crate::error::Result;

const FORMAT: Format = Format::MetaImage;
/// Fields that a header may begin with, and the one that ends it.
const STARTS: [&str; 3] = ["ObjectType", "NDims", "Comment"];
const LAST: &str = "ElementDataFile";

/// Recognises the first field.
pub fn sniff(bytes: &[u8]) -> bool {
    let name = |line: &str| line.split_once('=').map(|(name, _)| name.trim().to_string());
    text::line(bytes, 0).and_then(|(line, _)| name(&line)).is_some_and(|name| STARTS.contains(&name.as_str()))
}

pub fn read(bytes: &[u8]) -> Result<Header> {
    let mut at = 0;
    let (mut size, mut kind, mut spacing) = (None, None, None);
    let (mut directions, mut origin) = (None, None);
    let (mut slope, mut intercept) = (1.0, 0.0);
    let (mut big_endian, mut packing) = (false, Packing::Plain);
    // As MetaIO has it.
    let is_true = |value: &str| value.starts_with(['T', 't', '1']);
    loop {
        let (line, next) = text::line(bytes, at).ok_or_else(|| FORMAT.unreadable("its header has no end"))?;
        at = next;
        let Some((name, value)) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
            continue;
        };
        match name {
            "ObjectType" if value != "Image" => {
                return Err(FORMAT.unsupported("that is no image", "choose the image of the study"));
            }
            "NDims" if value != "3" => {
                return Err(FORMAT
                    .unsupported("that is no volume of three dimensions", "save each volume as a file of its own"));
            }
            "DimSize" => size = Some(text::sides(FORMAT, name, value)?),
            "ElementType" => kind = Some(kind_of(value)?),
            "ElementNumberOfChannels" if value != "1" => {
                return Err(FORMAT.unsupported("with several values a voxel", "save it with one value a voxel"));
            }
            "ElementSpacing" => spacing = Some(text::numbers::<3>(FORMAT, name, value)?),
            // An older name, for where there is no other.
            "ElementSize" if spacing.is_none() => spacing = Some(text::numbers::<3>(FORMAT, name, value)?),
            "TransformMatrix" | "Rotation" | "Orientation" => {
                directions = Some(text::numbers::<9>(FORMAT, name, value)?)
            }
            "Offset" | "Position" | "Origin" => origin = Some(text::numbers::<3>(FORMAT, name, value)?),
            "ElementToIntensityFunctionSlope" => [slope] = text::numbers(FORMAT, name, value)?,
            "ElementToIntensityFunctionOffset" => [intercept] = text::numbers(FORMAT, name, value)?,
            "BinaryDataByteOrderMSB" | "ElementByteOrderMSB" => big_endian = is_true(value),
            "HeaderSize" if value != "0" => {
                return Err(FORMAT.unsupported("with bytes before its values (HeaderSize)", "save it without"));
            }
            "BinaryData" if !is_true(value) => return Err(FORMAT.unsupported("of text", "save its values in binary")),
            "CompressedData" if is_true(value) => packing = Packing::Zlib,
            LAST if value.eq_ignore_ascii_case("LOCAL") => break,
            LAST => return Err(FORMAT.detached(value)),
            _ => {}
        }
    }
    let missing = |field: &str| FORMAT.unreadable(format!("it has no field \"{field}\""));
    let size = size.ok_or_else(|| missing("DimSize"))?;
    let kind = kind.ok_or_else(|| missing("ElementType"))?;
    // Without a matrix nothing is known of how it lies.
    let affine = directions.zip(spacing).map(|(directions, spacing)| Affine {
        steps: std::array::from_fn(|axis| std::array::from_fn(|part| directions[3 * axis + part] * spacing[axis])),
        origin: origin.unwrap_or_default(),
    });
    let samples = Samples::new(kind, big_endian, slope, intercept);
    Ok(Header { format: FORMAT, size, samples, at, packing, affine, notes: Vec::new() })
}

fn kind_of(name: &str) -> Result<Kind> {
    Ok(match name {
        "MET_UCHAR" => Kind::U8,
        "MET_CHAR" => Kind::I8,
        "MET_USHORT" => Kind::U16,
        "MET_SHORT" => Kind::I16,
        "MET_UINT" | "MET_ULONG" => Kind::U32,
        "MET_INT" | "MET_LONG" => Kind::I32,
        "MET_ULONG_LONG" => Kind::U64,
        "MET_LONG_LONG" => Kind::I64,
        "MET_FLOAT" => Kind::F32,
        "MET_DOUBLE" => Kind::F64,
        _ if name.ends_with("_ARRAY") => {
            return Err(FORMAT.unsupported("with several values a voxel", "save it with one value a voxel"));
        }
        _ => return Err(FORMAT.unreadable("its field \"ElementType\" names no kind of value")),
    })
}
