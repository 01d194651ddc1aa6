//! The tiles of a codestream: from coded bytes to samples.

use super::header::{self, Coding};
use super::packets::{self, Band, Block, Resolution};
use super::rectangle::Rectangle;
use super::wavelet::{Plane, Value};
use super::{Fault, damaged, embedded, high_throughput};

/// Size of a frame and of its tiles, each as width and height, how many bits its samples have, and how its blocks are coded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub frame: [usize; 2],
    pub tile: [usize; 2],
    pub precision: u32,
    pub is_high_throughput: bool,
}

/// Decodes a codestream whose header was held against the data set; gives its samples row by row, from the least that they can be on.
pub(super) fn decode(bytes: &[u8], size: &Size) -> Result<Vec<u16>, Fault> {
    let [width, height] = size.frame;
    let [columns, rows] = [0, 1].map(|axis| size.frame[axis].div_ceil(size.tile[axis]));
    let headers = header::read(bytes, columns * rows, size.is_high_throughput)?;
    let coded: Vec<_> = headers.iter().map(|header| header.coded(bytes)).collect();
    let tiles = headers.iter().zip(&coded).enumerate().map(|(number, (header, coded))| {
        let start = [number % columns * size.tile[0], number / columns * size.tile[1]];
        let end = [0, 1].map(|axis| (start[axis] + size.tile[axis]).min(size.frame[axis]));
        let area = Rectangle { start, end };
        let resolutions = packets::read(&header.coding, area, coded, header.heads.as_deref())?;
        Ok(Tile { area, coding: &header.coding, resolutions })
    });
    // Where coded bytes are missing, no memory is taken for what they would become.
    let tiles = tiles.collect::<Result<Vec<_>, Fault>>()?;
    let mut values = vec![0u16; width * height];
    for tile in tiles {
        match tile.coding.is_reversible {
            true => tile.decode::<i32>(size, &mut values)?,
            false => tile.decode::<f32>(size, &mut values)?,
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
    /// Writes the tile's samples into those of the frame.
    fn decode<T: Value>(&self, size: &Size, values: &mut [u16]) -> Result<(), Fault> {
        let plane = self.plane::<T>(size.precision)?;
        let (middle, most) = (1u32 << (size.precision - 1), (1u32 << size.precision) - 1);
        let Rectangle { start: [left, top], .. } = self.area;
        for (row, samples) in plane.values.chunks_exact(plane.width).enumerate() {
            let at = (top + row) * size.frame[0] + left;
            for (value, sample) in values[at..at + samples.len()].iter_mut().zip(samples) {
                *value = sample.sample(middle, most);
            }
        }
        Ok(())
    }

    fn plane<T: Value>(&self, precision: u32) -> Result<Plane<T>, Fault> {
        let mut below: Option<Plane<T>> = None;
        for (level, resolution) in self.resolutions.iter().enumerate() {
            let Resolution { area, bands, .. } = resolution;
            let mut plane = Plane {
                width: area.width(),
                height: area.height(),
                odd: area.start.map(|start| start % 2),
                values: vec![T::default(); area.width() * area.height()],
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
                plane.synthesize();
            }
            below = Some(plane);
        }
        below.ok_or_else(|| damaged("it holds no image"))
    }
}

/// Decodes the blocks of a subband into its places in the plane: every other one, unless it is the lowest.
fn decode_band<T: Value>(
    coding: &Coding,
    band: &Band,
    index: usize,
    precision: u32,
    plane: &mut Plane<T>,
    is_interleaved: bool,
) -> Result<(), Fault> {
    let [exponent, mantissa] = coding.step(index).unwrap_or_default();
    // E.1.1: the nominal range of a band grows by one bit for each direction of high frequencies.
    let range = precision as i32 + band.high.iter().sum::<usize>() as i32;
    let planes = coding.guard + exponent - 1 + coding.region;
    let shift = 31 - planes;
    let step = 2f32.powi(range - exponent as i32) * (1.0 + mantissa as f32 / 2048.0) / 2f32.powi(shift as i32);
    let mut joined = [Vec::new(), Vec::new()];
    for block in &band.blocks {
        let Some(coefficients) = Coefficients::of(coding, block, band.high, planes, &mut joined)? else { continue };
        for row in 0..block.area.height() {
            let place = |axis: usize, at: usize| {
                let at = at - band.area.start[axis];
                // The band starts with the first coordinate of its parity.
                let first = usize::from(band.high[axis] != plane.odd[axis]);
                if is_interleaved { 2 * at + first } else { at }
            };
            let start = place(1, block.area.start[1] + row) * plane.width + place(0, block.area.start[0]);
            let places = plane.values[start..].iter_mut().step_by(if is_interleaved { 2 } else { 1 });
            coefficients.row(row, places, |coefficient| {
                let magnitude = coefficient & !SIGN;
                // H.1: what lies above all others is of the region, and was moved up.
                let is_within = coding.region > 0 && magnitude >> shift >> coding.region > 0;
                let moved = if is_within { magnitude >> coding.region } else { magnitude };
                T::of(coefficient & SIGN | moved, shift, step)
            });
        }
    }
    Ok(())
}

const SIGN: u32 = 1 << 31;

/// The coefficients of a block, as its decoder gives them.
enum Coefficients {
    Rows(Vec<u32>, usize),
    /// Column by column in stripes.
    Stripes(Vec<[u32; embedded::STRIPE]>, usize),
}

impl Coefficients {
    /// Decodes a block; `None` for one without coded bytes.
    fn of(
        coding: &Coding,
        block: &Block,
        high: [usize; 2],
        planes: u32,
        joined: &mut [Vec<u8>; 2],
    ) -> Result<Option<Coefficients>, Fault> {
        let (width, height) = (block.area.width(), block.area.height());
        let senseless = || damaged("a block makes no sense");
        if coding.is_high_throughput {
            let Some(coded) = block.high_throughput(coding, joined) else { return Ok(None) };
            if coded.missing >= planes.max(1) {
                return Err(damaged(MISSING));
            }
            let values = high_throughput::decode(&coded, width, height).ok_or_else(senseless)?;
            return Ok(Some(Coefficients::Rows(values, width)));
        }
        let Some(coded) = block.embedded(coding, high, &mut joined[0]) else { return Ok(None) };
        if block.planes() > planes {
            return Err(damaged(MISSING));
        }
        let values = embedded::decode(&coded, width, height).ok_or_else(senseless)?;
        Ok(Some(Coefficients::Stripes(values, width)))
    }

    /// Writes a row into its places.
    fn row<'a, T: 'a>(&self, row: usize, places: impl Iterator<Item = &'a mut T>, value: impl Fn(u32) -> T) {
        match self {
            Coefficients::Rows(values, width) => {
                let values = &values[row * width..][..*width];
                places.zip(values).for_each(|(place, coefficient)| *place = value(*coefficient));
            }
            Coefficients::Stripes(values, width) => {
                let values = &values[row / embedded::STRIPE * width..][..*width];
                let within = row % embedded::STRIPE;
                places.zip(values).for_each(|(place, column)| *place = value(column[within]));
            }
        }
    }
}

const MISSING: &str = "a block leaves out more bits than there are";
