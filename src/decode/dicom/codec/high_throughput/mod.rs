//! High-throughput JPEG 2000 (ITU-T T.814) of one gray component: what [`super::jpeg_2000`] found to fit the data set.
//!
//! The crates that read it were not taken: one is unsafe throughout, the other holds all of JPEG 2000 a second time, and drops half a step of
//! each coefficient of a lossy frame. Packets and wavelets are those of JPEG 2000; only blocks are coded in another way.

mod block;
mod codewords;
mod header;
mod packets;
mod wavelet;

use self::header::Coding;
use self::packets::{Band, Resolution};
use self::wavelet::Plane;
use super::frame::damaged;
use crate::error::Result;

const NAME: &str = "DICOM (high-throughput JPEG 2000)";

/// Size of a frame and of its tiles, each as width and height, and how many bits its samples have.
pub(super) struct Size {
    pub frame: [usize; 2],
    pub tile: [usize; 2],
    pub precision: u32,
}

/// Decodes a codestream whose header was held against the data set; gives its samples row by row, from the least that they can be on.
pub(super) fn decode(bytes: &[u8], size: &Size) -> Result<Vec<u16>> {
    let [width, height] = size.frame;
    let [columns, rows] = [0, 1].map(|axis| size.frame[axis].div_ceil(size.tile[axis]));
    let headers = header::read(bytes, columns * rows)?;
    let coded: Vec<_> = headers.iter().map(|header| header.coded(bytes)).collect();
    let tiles = headers.iter().zip(&coded).enumerate().map(|(number, (header, coded))| {
        let start = [number % columns * size.tile[0], number / columns * size.tile[1]];
        let end = [0, 1].map(|axis| (start[axis] + size.tile[axis]).min(size.frame[axis]));
        let area = Rectangle { start, end };
        let resolutions = packets::read(&header.coding, area, coded)?;
        Ok(Tile { area, coding: &header.coding, resolutions })
    });
    // Where coded bytes are missing, no memory is taken for what they would become.
    let tiles = tiles.collect::<Result<Vec<_>>>()?;
    let mut values = vec![0u16; width * height];
    let (middle, most) = ((1u32 << (size.precision - 1)) as f32, ((1u32 << size.precision) - 1) as f32);
    for tile in tiles {
        let Rectangle { start: [left, top], .. } = tile.area;
        let plane = tile.decode(size.precision)?;
        for (row, samples) in plane.values.chunks_exact(plane.width).enumerate() {
            let at = (top + row) * width + left;
            for (value, sample) in values[at..at + samples.len()].iter_mut().zip(samples) {
                *value = (sample + middle).round().clamp(0.0, most) as u16;
            }
        }
    }
    Ok(values)
}

/// A tile whose packets were read.
struct Tile<'a> {
    area: Rectangle,
    coding: &'a Coding,
    resolutions: Vec<Resolution<'a>>,
}

impl Tile<'_> {
    fn decode(&self, precision: u32) -> Result<Plane> {
        let mut below: Option<Plane> = None;
        for (level, resolution) in self.resolutions.iter().enumerate() {
            let Resolution { area, bands, .. } = resolution;
            let mut plane = Plane {
                width: area.width(),
                height: area.height(),
                odd: area.start.map(|start| start % 2),
                values: vec![0.0; area.width() * area.height()],
            };
            for (number, band) in bands.iter().enumerate() {
                let index = if level == 0 { 0 } else { 3 * (level - 1) + 1 + number };
                decode_band(self.coding, band, index, precision, &mut plane, level > 0)?;
            }
            if let Some(below) = below {
                let [x, y] = plane.odd;
                for (row, values) in below.values.chunks_exact(below.width.max(1)).enumerate() {
                    let start = (2 * row + y) * plane.width + x;
                    plane.values[start..].iter_mut().step_by(2).zip(values).for_each(|(value, low)| *value = *low);
                }
                plane.synthesize(self.coding.is_reversible);
            }
            below = Some(plane);
        }
        below.ok_or_else(|| damaged(NAME, "it holds no image"))
    }
}

/// Decodes the blocks of a subband into its places in the plane: every other one, unless it is the lowest.
fn decode_band(
    coding: &Coding,
    band: &Band,
    index: usize,
    precision: u32,
    plane: &mut Plane,
    is_interleaved: bool,
) -> Result<()> {
    let [exponent, mantissa] = coding.step(index).unwrap_or_default();
    let planes = coding.guard + exponent - 1;
    let shift = 31 - planes;
    // E.1.1: the nominal range of a band grows by one bit for each direction of high frequencies.
    let range = precision as i32 + band.high.iter().sum::<usize>() as i32;
    let step = 2f32.powi(range - exponent as i32) * (1.0 + mantissa as f32 / 2048.0) / 2f32.powi(shift as i32);
    let mut joined = [Vec::new(), Vec::new()];
    for block in &band.blocks {
        let Some(coded) = block.coded(coding, &mut joined) else { continue };
        if coded.missing >= planes.max(1) {
            return Err(damaged(NAME, "a block leaves out more bits than there are"));
        }
        let values = block::decode(&coded, block.area.width(), block.area.height());
        let values = values.ok_or_else(|| damaged(NAME, "a block makes no sense"))?;
        for (row, values) in values.chunks_exact(block.area.width()).enumerate() {
            let place = |axis: usize, at: usize| {
                let at = at - band.area.start[axis];
                // The band starts with the first coordinate of its parity.
                let first = usize::from(band.high[axis] != plane.odd[axis]);
                if is_interleaved { 2 * at + first } else { at }
            };
            let start = place(1, block.area.start[1] + row) * plane.width + place(0, block.area.start[0]);
            let places = plane.values[start..].iter_mut().step_by(if is_interleaved { 2 } else { 1 });
            for (value, coefficient) in places.zip(values) {
                let magnitude = coefficient & 0x7FFF_FFFF;
                let magnitude =
                    if coding.is_reversible { (magnitude >> shift) as f32 } else { magnitude as f32 * step };
                *value = if coefficient >> 31 == 1 { -magnitude } else { magnitude };
            }
        }
    }
    Ok(())
}

/// A rectangle of a grid: where it starts and where it has ended, across and down.
#[derive(Debug, Clone, Copy)]
struct Rectangle {
    start: [usize; 2],
    end: [usize; 2],
}

impl Rectangle {
    fn width(self) -> usize {
        self.end[0].saturating_sub(self.start[0])
    }

    fn height(self) -> usize {
        self.end[1].saturating_sub(self.start[1])
    }

    /// As a resolution has it that is `levels` below.
    fn reduced(self, levels: u32) -> Rectangle {
        self.band(levels, [0, 0])
    }

    /// As a subband has it whose level is `depth` (B-15); at depth 0 it is itself.
    fn band(self, depth: u32, high: [usize; 2]) -> Rectangle {
        let along = |value: usize, axis: usize| {
            let half = if depth > 0 { (high[axis] as u64) << (depth - 1) } else { 0 };
            (value as u64).saturating_sub(half).div_ceil(1 << depth) as usize
        };
        let both = |values: [usize; 2]| [along(values[0], 0), along(values[1], 1)];
        Rectangle { start: both(self.start), end: both(self.end) }
    }

    /// The cells of a grid that it touches, whose sides have these exponents.
    fn cells(self, exponents: [u32; 2]) -> Rectangle {
        if self.width() * self.height() == 0 {
            return Rectangle { start: [0, 0], end: [0, 0] };
        }
        let both =
            |values: [usize; 2], more: [usize; 2]| [0, 1].map(|axis| (values[axis] + more[axis]) >> exponents[axis]);
        Rectangle {
            start: both(self.start, [0, 0]),
            end: both(self.end, exponents.map(|exponent| (1 << exponent) - 1)),
        }
    }

    fn cell(at: [usize; 2], exponents: [u32; 2]) -> Rectangle {
        let both = |more: usize| [0, 1].map(|axis| (at[axis] + more) << exponents[axis]);
        Rectangle { start: both(0), end: both(1) }
    }

    fn intersection(self, other: Rectangle) -> Rectangle {
        let start = [0, 1].map(|axis| self.start[axis].max(other.start[axis]));
        Rectangle { start, end: [0, 1].map(|axis| self.end[axis].min(other.end[axis]).max(start[axis])) }
    }

    /// Its points, row by row.
    fn points(self) -> impl Iterator<Item = [usize; 2]> {
        (self.start[1]..self.end[1]).flat_map(move |row| (self.start[0]..self.end[0]).map(move |column| [column, row]))
    }
}
