//! JPEG XL (ISO/IEC 18181-1) of one gray component that is lossless: modular, in one frame and one resolution.
//!
//! The crates that read all of JPEG XL make the module a third to a half as large again (tests/FORMATS.md); what is lossy, or recompressed
//! JPEG, is named.

mod bits;
mod entropy;
mod modular;

use std::borrow::Cow;

use self::bits::Bits;
use self::entropy::{Code, Reader};
use self::modular::{Channel, Header, Tree};
use super::frame::{self, Frame, Samples};
use crate::error::{Error, Result};

const NAME: &str = "DICOM (JPEG XL)";
/// What a codestream and a file of boxes start with.
const START: [u8; 2] = [0xFF, 0x0A];
const BOXES: &[u8] = b"\0\0\0\x0CJXL \r\n\x87\n";

fn damaged(reason: &str) -> Error {
    frame::damaged(NAME, reason)
}

fn unsupported(what: String) -> Error {
    frame::unsupported(what)
}

fn cut() -> Error {
    damaged("it ends before the image does")
}

fn lossy() -> Error {
    unsupported("a JPEG XL frame that is lossy".to_string())
}

/// Decodes a frame.
pub(super) fn decode(bytes: &[u8], frame: Frame) -> Result<Samples> {
    let codestream = if bytes.starts_with(BOXES) { unwrap(bytes)? } else { Cow::Borrowed(bytes) };
    let Some(rest) = codestream.strip_prefix(&START) else {
        return Err(damaged("it does not start like a codestream"));
    };
    let mut bits = Bits::new(rest);
    let (width, height) = read_size(&mut bits)?;
    let image = Metadata::read(&mut bits)?;
    frame.check(NAME, width, height, image.components)?;
    bits.align()?;
    let group = read_frame_header(&mut bits)?;
    let sections = read_sections(bits, rest, frame, group)?;
    let values = decode_sections(&sections, frame, group, image.precision)?;
    let most = ((1u32 << image.precision) - 1) as i32;
    let values = values.into_iter().map(|value| value.clamp(0, most) as u16).collect();
    Ok(Samples { values, precision: image.precision })
}

/// The codestream of a file of boxes, in one or in parts.
fn unwrap(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        let [l3, l2, l1, l0, kind @ ..] = *header;
        let (content, next) = match u32::from_be_bytes([l3, l2, l1, l0]) as usize {
            0 => (after, &[][..]),
            1 => {
                let (length, after) = after.split_first_chunk::<8>().ok_or_else(cut)?;
                let length =
                    usize::try_from(u64::from_be_bytes(*length)).ok().and_then(|length| length.checked_sub(16));
                after.split_at_checked(length.ok_or_else(cut)?).ok_or_else(cut)?
            }
            length => after.split_at_checked(length.checked_sub(8).ok_or_else(cut)?).ok_or_else(cut)?,
        };
        match &kind {
            b"jxlc" => parts.push(content),
            // Each has its number before it.
            b"jxlp" => parts.push(content.get(4..).ok_or_else(cut)?),
            _ => {}
        }
        rest = next;
    }
    match parts[..] {
        [] => Err(damaged("its file holds no codestream")),
        [one] => Ok(Cow::Borrowed(one)),
        _ => Ok(Cow::Owned(parts.concat())),
    }
}

fn read_size(bits: &mut Bits) -> Result<(u64, u64)> {
    const SIDE: bits::Ways = [(1, 9), (1, 13), (1, 18), (1, 30)];
    let is_small = bits.flag()?;
    let side = |bits: &mut Bits| -> Result<u64> {
        Ok(if is_small { 8 * (u64::from(bits.take(5)?) + 1) } else { bits.number(SIDE)?.into() })
    };
    let height = side(bits)?;
    let width = match bits.take(3)? {
        0 => side(bits)?,
        1 => height,
        2 => height * 12 / 10,
        3 => height * 4 / 3,
        4 => height * 3 / 2,
        5 => height * 16 / 9,
        6 => height * 5 / 4,
        _ => height * 2,
    };
    Ok((width, height))
}

/// What the image header says that matters here.
struct Metadata {
    precision: u32,
    components: u64,
}

impl Metadata {
    fn read(bits: &mut Bits) -> Result<Metadata> {
        // Three components, of which perception is the measure.
        if bits.flag()? {
            return Err(lossy());
        }
        let has_more = bits.flag()?;
        if has_more {
            let turn = bits.take(3)?;
            if turn != 0 {
                return Err(unsupported("a JPEG XL frame that is to be turned".to_string()));
            }
            if bits.flag()? {
                read_size(bits)?;
            }
            if bits.flag()? || bits.flag()? {
                return Err(unsupported("a JPEG XL frame with a preview or an animation".to_string()));
            }
        }
        if bits.flag()? {
            return Err(unsupported("a JPEG XL frame of floating-point numbers".to_string()));
        }
        let precision = bits.number([(8, 0), (10, 0), (12, 0), (1, 6)])?;
        bits.flag()?;
        let others = bits.number([(0, 0), (1, 0), (2, 4), (1, 12)])?;
        if others > 0 || precision > 16 {
            return Err(unsupported(format!("a JPEG XL frame of {precision} bits and {others} other channels")));
        }
        if bits.flag()? {
            return Err(lossy());
        }
        let is_gray = read_colour(bits)?;
        if has_more && !bits.flag()? {
            bits.take(32)?;
            bits.take(17)?;
        }
        bits.extensions()?;
        if !bits.flag()? && bits.take(3)? != 0 {
            return Err(unsupported("a JPEG XL frame that is to be enlarged".to_string()));
        }
        Ok(Metadata { precision, components: if is_gray { 1 } else { 3 } })
    }
}

/// Whether the image is gray; how bright its values are does not matter.
fn read_colour(bits: &mut Bits) -> Result<bool> {
    const GRAY: u32 = 1;
    const CUSTOM: u32 = 2;
    if bits.flag()? {
        return Ok(false);
    }
    let has_profile = bits.flag()?;
    if bits.choice()? != GRAY {
        return Ok(false);
    }
    if has_profile {
        return Err(unsupported("a JPEG XL frame with a colour profile".to_string()));
    }
    if bits.choice()? == CUSTOM {
        for _ in 0..2 {
            bits.number([(0, 19), (524_288, 19), (1_048_576, 20), (2_097_152, 21)])?;
        }
    }
    if bits.flag()? {
        bits.take(24)?;
    } else {
        bits.choice()?;
    }
    bits.choice()?;
    Ok(true)
}

/// Reads the header of a frame that covers the image and is its only one; gives the side of its groups.
fn read_frame_header(bits: &mut Bits) -> Result<usize> {
    // Smoothing that only lossy frames have may be said to be left out.
    const NO_SMOOTHING: u64 = 128;
    let other = |what: &str| unsupported(format!("a JPEG XL frame with {what}"));
    if bits.flag()? {
        return Err(lossy());
    }
    let kind = bits.take(2)?;
    if bits.take(1)? == 0 {
        return Err(lossy());
    }
    if bits.long()? & !NO_SMOOTHING != 0 || kind != 0 {
        return Err(other("parts that are put together"));
    }
    if bits.flag()? {
        return Err(lossy());
    }
    if bits.take(2)? != 0 {
        return Err(other("fewer pixels than it shows"));
    }
    let group = 128 << bits.take(2)?;
    if bits.take(2)? != 0 {
        return Err(other("several passes"));
    }
    // It may lie anywhere, and over others.
    if bits.flag()? || bits.take(2)? != 0 || !bits.flag()? {
        return Err(other("others over each other"));
    }
    for _ in 0..bits.number([(0, 0), (0, 4), (16, 5), (48, 10)])? {
        bits.take(8)?;
    }
    if bits.flag()? || bits.flag()? || bits.take(2)? != 0 {
        return Err(lossy());
    }
    bits.extensions()?;
    bits.extensions()?;
    Ok(group)
}

/// The coded bytes of the parts of a frame: the first of all, those of the groups of groups, one that is empty here, those of the groups.
fn read_sections<'a>(mut bits: Bits<'a>, all: &'a [u8], frame: Frame, group: usize) -> Result<Vec<&'a [u8]>> {
    let count_of = |side: usize| frame.width.div_ceil(side) * frame.height.div_ceil(side);
    let groups = count_of(group);
    let count = if groups == 1 { 1 } else { 2 + count_of(8 * group) + groups };
    let order = if bits.flag()? { read_order(&mut bits, count)? } else { (0..count).collect() };
    bits.align()?;
    let ways = [(0, 10), (1024, 14), (17_408, 22), (4_211_712, 30)];
    let sizes = (0..count).map(|_| bits.number(ways)).collect::<Result<Vec<_>>>()?;
    bits.align()?;
    let mut rest = bits.rest(all);
    let mut parts = Vec::with_capacity(count);
    for size in sizes {
        let (part, after) = rest.split_at_checked(size as usize).ok_or_else(cut)?;
        parts.push(part);
        rest = after;
    }
    Ok(order.into_iter().map(|at| parts[at]).collect())
}

/// Where each part is among those that are written, as a Lehmer code.
fn read_order(bits: &mut Bits, count: usize) -> Result<Vec<usize>> {
    const CONTEXTS: usize = 8;
    let context = |value: usize| ((value + 1).next_power_of_two().trailing_zeros() as usize).min(CONTEXTS - 1);
    let code = Code::read(bits, CONTEXTS)?;
    let mut reader = Reader::new(&code, bits, 0)?;
    let end = reader.number(bits, code.cluster(context(count)))? as usize;
    let mut left: Vec<usize> = (0..count).collect();
    let mut order = Vec::with_capacity(count);
    let mut before = 0;
    for _ in 0..end {
        before = reader.number(bits, code.cluster(context(before)))? as usize;
        if before >= left.len() {
            return Err(damaged("the order of its parts makes no sense"));
        }
        order.push(left.remove(before));
    }
    reader.end()?;
    order.extend(left);
    Ok(order)
}

fn decode_sections(sections: &[&[u8]], frame: Frame, group: usize, precision: u32) -> Result<Vec<i32>> {
    let Frame { width, height, .. } = frame;
    let mut bits = Bits::new(sections[0]);
    // Factors that only lossy frames use.
    if !bits.flag()? {
        bits.take(32)?;
        bits.take(16)?;
    }
    let tree = if bits.flag()? { Some(Tree::read(&mut bits, frame.pixels())?) } else { None };
    let header = Header::read(&mut bits)?;
    // Its size was held against the data set.
    let mut channels = vec![Channel::new(width, height)];
    let tables = header.prepare(&mut channels)?;
    let is_whole = width <= group && height <= group;
    let first = if is_whole { channels.len() } else { tables };
    header.decode(&mut bits, &mut channels[..first], tree.as_ref(), 0)?;
    if !is_whole {
        let [columns, rows] = [width.div_ceil(group), height.div_ceil(group)];
        let above = width.div_ceil(8 * group) * height.div_ceil(8 * group);
        let streams = 1 + 3 * above + 17;
        for (number, section) in sections[2 + above..].iter().enumerate().take(columns * rows) {
            let (left, top) = (number % columns * group, number / columns * group);
            let mut bits = Bits::new(section);
            let header = Header::read(&mut bits)?;
            let (across, down) = ((width - left).min(group), (height - top).min(group));
            let mut parts = vec![Channel::new(across, down)];
            header.prepare(&mut parts)?;
            header.decode(&mut bits, &mut parts, tree.as_ref(), streams + number)?;
            header.finish(&mut parts, precision)?;
            let [part] = &parts[..] else { return Err(cut()) };
            let whole = &mut channels[tables].values;
            for (row, values) in part.values.chunks_exact(across).enumerate() {
                let at = (top + row) * width + left;
                whole[at..at + across].copy_from_slice(values);
            }
        }
    }
    header.finish(&mut channels, precision)?;
    Ok(channels.swap_remove(0).values)
}
