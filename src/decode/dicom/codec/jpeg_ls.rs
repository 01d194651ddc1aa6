//! JPEG-LS (ITU-T T.87) of one gray component, lossless and near-lossless. The names of the variables are those of the
//! recommendation.

use super::frame::{Frame, Samples, damaged, unsupported};
use crate::error::Result;

const NAME: &str = "DICOM (JPEG-LS)";

mod marker {
    pub const SOI: u8 = 0xD8;
    pub const EOI: u8 = 0xD9;
    pub const SOS: u8 = 0xDA;
    pub const DRI: u8 = 0xDD;
    pub const SOF55: u8 = 0xF7;
    pub const LSE: u8 = 0xF8;
}

/// Decodes a frame.
pub(super) fn decode(bytes: &[u8], frame: Frame) -> Result<Samples> {
    let mut rest = bytes;
    let mut precision = None;
    let mut preset = [0; 5];
    loop {
        let (code, segment) = segment(&mut rest)?;
        match code {
            marker::SOF55 => precision = Some(read_frame(segment, frame)?),
            marker::LSE => match segment {
                [1, values @ ..] if values.len() == 10 => {
                    for (value, pair) in preset.iter_mut().zip(values.as_chunks::<2>().0) {
                        *value = u16::from_be_bytes(*pair).into();
                    }
                }
                [2 | 3, ..] => return Err(unsupported("a JPEG-LS frame with a mapping table".to_string())),
                _ => return Err(damaged(NAME, "its preset parameters make no sense")),
            },
            marker::DRI if segment.iter().any(|byte| *byte != 0) => {
                return Err(unsupported("a JPEG-LS frame with restart intervals".to_string()));
            }
            marker::SOS => {
                let precision = precision.ok_or_else(|| damaged(NAME, "its scan comes before its frame"))?;
                // One component without mapping table, in no interleave mode, without point transform.
                let &[1, _, 0, near, _, 0] = segment else {
                    return Err(damaged(NAME, "its scan header makes no sense"));
                };
                let parameters = Parameters::new(precision, near.into(), preset)
                    .ok_or_else(|| damaged(NAME, "its coding parameters make no sense"))?;
                return Scan::new(parameters, rest).read(frame, precision);
            }
            marker::EOI => return Err(damaged(NAME, "it holds no image")),
            _ => {}
        }
    }
}

/// The next marker and what its segment holds behind the length.
fn segment<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8])> {
    let cut = || damaged(NAME, "it ends before the image does");
    loop {
        let (&[prefix, code], after) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        match (prefix, code) {
            // A fill byte.
            (0xFF, 0xFF) => *rest = &rest[1..],
            (0xFF, marker::SOI) => *rest = after,
            (0xFF, marker::EOI) => return Ok((code, &[])),
            (0xFF, _) => {
                let length = usize::from(u16::from_be_bytes(*after.first_chunk::<2>().ok_or_else(cut)?));
                let segment = after.get(2..length).ok_or_else(|| damaged(NAME, "a segment has a wrong length"))?;
                *rest = &after[length..];
                return Ok((code, segment));
            }
            _ => return Err(damaged(NAME, "it has no marker where one must be")),
        }
    }
}

/// The precision in bits; the size must be that of the data set.
fn read_frame(segment: &[u8], frame: Frame) -> Result<u32> {
    let &[precision, y1, y0, x1, x0, components, ..] = segment else {
        return Err(damaged(NAME, "its frame header is cut"));
    };
    let (width, height) = (u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0]));
    frame.check(NAME, width.into(), height.into(), components.into())?;
    if !(2..=16).contains(&precision) {
        return Err(damaged(NAME, &format!("its precision is {precision} bits")));
    }
    Ok(precision.into())
}

/// The coding parameters of a scan (C.2.4.1.1, A.2.1).
#[derive(Debug, Clone, Copy)]
struct Parameters {
    maxval: i32,
    near: i32,
    t: [i32; 3],
    reset: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
}

impl Parameters {
    /// `preset` holds MAXVAL, T1, T2, T3 and RESET, 0 for the default. `None` where a value is out of its bounds.
    fn new(precision: u32, near: i32, preset: [i32; 5]) -> Option<Parameters> {
        let or = |value: i32, default: i32| if value == 0 { default } else { value };
        let [maxval, t1, t2, t3, reset] = preset;
        let most = (1 << precision) - 1;
        let maxval = or(maxval, most);
        if maxval > most || near > (maxval / 2).min(255) {
            return None;
        }
        let [d1, d2, d3] = default_thresholds(maxval, near);
        let t = [or(t1, d1), or(t2, d2), or(t3, d3)];
        let reset = or(reset, 64);
        let is_ordered = near < t[0] && t[0] <= t[1] && t[1] <= t[2] && t[2] <= maxval.max(near + 1);
        if !is_ordered || !(3..=maxval.max(255)).contains(&reset) {
            return None;
        }
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bits_for = |values: i32| (values as u32).next_power_of_two().trailing_zeros();
        let qbpp = bits_for(range);
        let bpp = bits_for(maxval + 1).max(2);
        Some(Parameters { maxval, near, t, reset, range, qbpp, limit: 2 * (bpp + bpp.max(8)) })
    }

    /// A gradient's region, -4..=4 (A.3.3).
    fn quantise(&self, d: i32) -> i32 {
        let size = d.abs();
        let region = if size <= self.near { 0 } else { 1 + self.t.iter().filter(|t| size >= **t).count() as i32 };
        if d < 0 { -region } else { region }
    }

    /// The sample that an error makes of a prediction (A.4.5, A.8).
    fn reconstruct(&self, prediction: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut value = prediction + error * step;
        if value < -self.near {
            value += self.range * step;
        } else if value > self.maxval + self.near {
            value -= self.range * step;
        }
        value.clamp(0, self.maxval)
    }
}

/// C.2.4.1.1.1.
fn default_thresholds(maxval: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, least: i32| if value > maxval || value < least { least } else { value };
    let [t1, t2, t3] = if maxval >= 128 {
        let factor = (maxval.min(4095) + 128) / 256;
        [factor + 2 + 3 * near, 4 * factor + 3 + 5 * near, 17 * factor + 4 + 7 * near]
    } else {
        let factor = 256 / (maxval + 1);
        [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
    };
    let t1 = clamp(t1, near + 1);
    let t2 = clamp(t2, t1);
    [t1, t2, clamp(t3, t2)]
}

/// What a context has seen; the two of run interruptions do not use B and C, and count negative errors in `nn`.
#[derive(Debug, Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
    nn: i32,
}

/// The orders of run lengths (A.2.1).
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Contexts of gradients; the two behind them are those of run interruptions.
const REGULAR: usize = 365;

struct Scan<'a> {
    parameters: Parameters,
    bits: Bits<'a>,
    contexts: [Context; REGULAR + 2],
    run_index: usize,
}

impl<'a> Scan<'a> {
    fn new(parameters: Parameters, bytes: &'a [u8]) -> Scan<'a> {
        let a = ((parameters.range + 32) / 64).max(2);
        let context = Context { a, b: 0, c: 0, n: 1, nn: 0 };
        Scan { parameters, bits: Bits::new(bytes), contexts: [context; REGULAR + 2], run_index: 0 }
    }

    fn read(mut self, frame: Frame, precision: u32) -> Result<Samples> {
        let width = frame.width;
        let mut values = Vec::with_capacity(frame.pixels());
        // One sample to the left of the row and one to the right.
        let mut above = vec![0i32; width + 2];
        let mut row = above.clone();
        for _ in 0..frame.height {
            above[width + 1] = above[width];
            row[0] = above[1];
            self.read_row(&above, &mut row)?;
            values.extend(row[1..=width].iter().map(|value| *value as u16));
            std::mem::swap(&mut above, &mut row);
        }
        Ok(Samples { values, precision })
    }

    fn read_row(&mut self, above: &[i32], row: &mut [i32]) -> Result<()> {
        let end = row.len() - 1;
        let mut at = 1;
        while at < end {
            let (ra, rb, rc, rd) = (row[at - 1], above[at], above[at - 1], above[at + 1]);
            let q = [rd - rb, rb - rc, rc - ra].map(|d| self.parameters.quantise(d));
            if q != [0; 3] {
                row[at] = self.regular(q, ra, rb, rc)?;
                at += 1;
                continue;
            }
            let length = self.run_length(end - at)?;
            row[at..at + length].fill(ra);
            at += length;
            if at < end {
                row[at] = self.run_interruption(ra, above[at])?;
                self.run_index = self.run_index.saturating_sub(1);
                at += 1;
            }
        }
        Ok(())
    }

    /// A sample with gradients around it (A.4 to A.6).
    fn regular(&mut self, q: [i32; 3], ra: i32, rb: i32, rc: i32) -> Result<i32> {
        let number = 81 * q[0] + 9 * q[1] + q[2];
        let sign = number.signum();
        let parameters = self.parameters;
        let context = &mut self.contexts[number.unsigned_abs() as usize];
        let median = if rc >= ra.max(rb) {
            ra.min(rb)
        } else if rc <= ra.min(rb) {
            ra.max(rb)
        } else {
            ra + rb - rc
        };
        let prediction = (median + sign * context.c).clamp(0, parameters.maxval);
        let k = order(context.n, context.a);
        let mapped = self.bits.golomb(k, parameters.limit, parameters.qbpp, parameters.range - 1)?;
        let (half, is_odd) = (mapped >> 1, mapped & 1 == 1);
        let is_turned = parameters.near == 0 && k == 0 && 2 * context.b <= -context.n;
        let error = if is_odd == is_turned { half } else { -half - 1 };

        let step = 2 * parameters.near + 1;
        context.b += error * step;
        context.a += error.abs();
        if context.n == parameters.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        Ok(parameters.reconstruct(prediction, sign * error))
    }

    /// How many samples repeat the one to the left, of `most` that are left in the row (A.7.1).
    fn run_length(&mut self, most: usize) -> Result<usize> {
        let mut length = 0;
        while self.bits.take(1)? == 1 {
            let block = 1 << J[self.run_index];
            if block > most - length {
                return Ok(most);
            }
            length += block;
            self.run_index = (self.run_index + 1).min(J.len() - 1);
            if length == most {
                return Ok(most);
            }
        }
        length += self.bits.take(J[self.run_index])? as usize;
        if length >= most {
            return Err(damaged(NAME, "a run goes beyond its row"));
        }
        Ok(length)
    }

    /// The sample that ends a run (A.7.2).
    fn run_interruption(&mut self, ra: i32, rb: i32) -> Result<i32> {
        let parameters = self.parameters;
        let is_flat = (ra - rb).abs() <= parameters.near;
        let kind = i32::from(is_flat);
        let context = &mut self.contexts[REGULAR + usize::from(is_flat)];
        let k = order(context.n, context.a + if is_flat { context.n >> 1 } else { 0 });
        let mapped =
            self.bits.golomb(k, parameters.limit - J[self.run_index] - 1, parameters.qbpp, parameters.range)?;
        let turned = mapped + kind;
        let size = (turned + 1) >> 1;
        let is_negative = (turned & 1 == 1) == (k != 0 || 2 * context.nn >= context.n);
        let error = if is_negative { -size } else { size };

        context.nn += i32::from(error < 0);
        context.a += (mapped + 1 - kind) >> 1;
        if context.n == parameters.reset {
            context.a >>= 1;
            context.n >>= 1;
            context.nn >>= 1;
        }
        context.n += 1;
        let (prediction, sign) = if is_flat { (ra, 1) } else { (rb, if ra > rb { -1 } else { 1 }) };
        Ok(parameters.reconstruct(prediction, sign * error))
    }
}

/// The Golomb order of a context with sum `a` over `n` samples (A.5.1).
fn order(n: i32, a: i32) -> u32 {
    (0..24).find(|k| i64::from(n) << k >= i64::from(a)).unwrap_or(24)
}

/// The bits of a scan. None is made up: where they end, the image is cut.
struct Bits<'a> {
    rest: &'a [u8],
    /// Bits that were taken from `rest`, the next one on top.
    held: u64,
    count: u32,
    /// The last byte was 0xFF: the next one holds 7 bits (A.1).
    is_stuffed: bool,
}

impl<'a> Bits<'a> {
    fn new(rest: &'a [u8]) -> Bits<'a> {
        Bits { rest, held: 0, count: 0, is_stuffed: false }
    }

    /// Holds at least 32 bits if there are so many before the next marker.
    fn fill(&mut self) {
        while self.count <= 56 {
            let Some((&byte, rest)) = self.rest.split_first() else { return };
            let bits = if self.is_stuffed { 7 } else { 8 };
            let is_marker = byte == 0xFF && rest.first().is_none_or(|next| *next >= 0x80);
            if is_marker || (self.is_stuffed && byte >= 0x80) {
                return;
            }
            self.held |= u64::from(byte) << (64 - bits - self.count);
            self.count += bits;
            self.is_stuffed = byte == 0xFF;
            self.rest = rest;
        }
    }

    /// The next bits, at most 32.
    fn take(&mut self, count: u32) -> Result<u32> {
        if self.count < count {
            self.fill();
        }
        if self.count < count {
            return Err(damaged(NAME, "it ends before the image does"));
        }
        let value = self.held.checked_shr(64 - count).unwrap_or(0) as u32;
        self.held <<= count;
        self.count -= count;
        Ok(value)
    }

    /// A mapped error, at most `most`, in the limited-length Golomb code of order `k` (A.5.3).
    fn golomb(&mut self, k: u32, limit: u32, qbpp: u32, most: i32) -> Result<i32> {
        let escape = limit - qbpp - 1;
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > escape {
                return Err(damaged(NAME, "a code is longer than any can be"));
            }
        }
        let mapped = match zeros < escape {
            true => u64::from(zeros) << k | u64::from(self.take(k)?),
            false => u64::from(self.take(qbpp)?) + 1,
        };
        let mapped = i32::try_from(mapped).ok().filter(|mapped| *mapped <= most);
        mapped.ok_or_else(|| damaged(NAME, "an error is out of its range"))
    }
}
