//! JPEG (ITU-T T.81) of one gray component that is more than a picture of 8 bits: lossless, and sequential DCT of 12 bits. No crate reads
//! the latter, and the one that reads the former fills what is missing with gray.

use crate::error::{Error, Result};

mod marker {
    pub const DHT: u8 = 0xC4;
    pub const DAC: u8 = 0xCC;
    pub const RST0: u8 = 0xD0;
    pub const RST7: u8 = 0xD7;
    pub const SOI: u8 = 0xD8;
    pub const EOI: u8 = 0xD9;
    pub const SOS: u8 = 0xDA;
    pub const DQT: u8 = 0xDB;
    pub const DRI: u8 = 0xDD;
    pub const JPG: u8 = 0xC8;
}

/// Whose JPEG it is, in errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Host {
    /// The format.
    pub name: &'static str,
    /// What to do with what is not read.
    pub advice: &'static str,
}

/// A decoded image.
#[derive(Debug)]
pub(super) struct Image {
    pub width: usize,
    pub height: usize,
    /// Row by row.
    pub values: Vec<u16>,
    /// Bits of each, at most 16.
    pub precision: u32,
}

/// Decodes an image, unless it is a picture of 8 bits, which is `None`. `accept` gets width, height and components before memory is taken.
///
/// # Errors
/// Those of `accept`; [`Error::Unreadable`] and [`Error::Unsupported`] for what the stream says.
pub(super) fn decode(
    bytes: &[u8],
    host: Host,
    accept: impl Fn(usize, usize, usize) -> Result<()>,
) -> Result<Option<Image>> {
    let mut decoder = Decoder {
        rest: bytes,
        host,
        size: (0, 0),
        process: None,
        huffman: Default::default(),
        quantisation: [None; 4],
        restart: 0,
    };
    loop {
        let (code, segment) = decoder.segment()?;
        match code {
            marker::DHT => decoder.read_huffman(segment)?,
            marker::DQT => decoder.read_quantisation(segment)?,
            marker::DRI => decoder.restart = usize::from(host.number(segment, 0)?),
            marker::DAC => return Err(host.unsupported("arithmetic coding in a JPEG frame".to_string())),
            0xC0..=0xCF if code != marker::JPG => {
                decoder.process = decoder.read_frame(code, segment, &accept)?;
                if decoder.process.is_none() {
                    return Ok(None);
                }
            }
            marker::SOS => return decoder.read_scan(segment).map(Some),
            marker::EOI => return Err(host.damaged("it holds no image")),
            _ => {}
        }
    }
}

/// Whether a stream is none of a picture of 8 bits, as its frame header says it; one without is left to the decoder of pictures.
pub(super) fn is_deep(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match rest {
            [0xFF, 0xFF, ..] => at += 1,
            [0xFF, 0x01 | marker::RST0..=marker::SOI, ..] => at += 2,
            [0xFF, marker::EOI | marker::SOS, ..] => return false,
            [0xFF, code @ 0xC0..=0xCF, _, _, precision, ..]
                if ![marker::DHT, marker::JPG, marker::DAC].contains(code) =>
            {
                return *code > 0xC2 || *precision != 8;
            }
            [0xFF, _, high, low, ..] => at += 2 + usize::from(u16::from_be_bytes([*high, *low])).max(2),
            _ => return false,
        }
    }
}

impl Host {
    fn damaged(self, reason: &str) -> Error {
        Error::Unreadable { format: self.name, reason: reason.to_string() }
    }

    fn unsupported(self, what: String) -> Error {
        Error::Unsupported { what, advice: self.advice }
    }

    /// A big-endian number of two bytes.
    fn number(self, bytes: &[u8], at: usize) -> Result<u16> {
        let pair = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>());
        pair.map(|pair| u16::from_be_bytes(*pair)).ok_or_else(|| self.damaged("a segment has a wrong length"))
    }
}

/// How a frame is coded that is no picture.
#[derive(Debug, Clone, Copy)]
enum Process {
    /// Sequential DCT with Huffman coding; `table` is that of the quantisation.
    Sequential { precision: u32, table: u8 },
    /// Prediction with Huffman coding.
    Lossless { precision: u32 },
}

struct Decoder<'a> {
    /// From the next marker on.
    rest: &'a [u8],
    host: Host,
    /// Columns and rows.
    size: (usize, usize),
    process: Option<Process>,
    /// By class (DC or lossless, AC) and identifier.
    huffman: [[Option<Huffman>; 4]; 2],
    /// In zigzag order.
    quantisation: [Option<[u16; 64]>; 4],
    /// Samples or blocks between restart markers; 0 is none.
    restart: usize,
}

impl<'a> Decoder<'a> {
    /// The next marker and what its segment holds behind the length.
    fn segment(&mut self) -> Result<(u8, &'a [u8])> {
        let cut = || self.host.damaged("it ends before the image does");
        loop {
            let (&[prefix, code], after) = self.rest.split_first_chunk::<2>().ok_or_else(cut)?;
            if prefix != 0xFF {
                return Err(self.host.damaged("it has no marker where one must be"));
            }
            match code {
                // A fill byte.
                0xFF => self.rest = &self.rest[1..],
                0x00 | 0x01 | marker::RST0..=marker::SOI => self.rest = after,
                marker::EOI => return Ok((code, &[])),
                _ => {
                    let length = usize::from(self.host.number(after, 0)?);
                    let segment =
                        after.get(2..length).ok_or_else(|| self.host.damaged("a segment has a wrong length"))?;
                    self.rest = &after[length..];
                    return Ok((code, segment));
                }
            }
        }
    }

    /// B.2.2: what the frame is, `None` for DCT of 8 bits.
    fn read_frame(
        &mut self,
        code: u8,
        segment: &[u8],
        accept: impl Fn(usize, usize, usize) -> Result<()>,
    ) -> Result<Option<Process>> {
        if self.process.is_some() {
            return Err(self.host.damaged("it holds two frames"));
        }
        let &[precision, _, _, _, _, components, _, _, table, ..] = segment else {
            return Err(self.host.damaged("its frame header is cut"));
        };
        self.size = (self.host.number(segment, 3)?.into(), self.host.number(segment, 1)?.into());
        accept(self.size.0, self.size.1, components.into())?;
        match (code, precision) {
            (0xC0..=0xC2, 8) => Ok(None),
            (0xC1, 12) => Ok(Some(Process::Sequential { precision: 12, table })),
            (0xC3, 2..=16) => Ok(Some(Process::Lossless { precision: precision.into() })),
            _ => {
                let process = code - 0xC0;
                Err(self.host.unsupported(format!("a JPEG frame of process SOF{process} with {precision} bits")))
            }
        }
    }

    /// B.2.4.2.
    fn read_huffman(&mut self, mut segment: &[u8]) -> Result<()> {
        while !segment.is_empty() {
            let table = segment.split_first_chunk::<17>().and_then(|(header, after)| {
                let [id, counts @ ..] = header;
                let length = counts.iter().map(|count| usize::from(*count)).sum();
                let (symbols, after) = after.split_at_checked(length)?;
                segment = after;
                let slot = self.huffman.get_mut(usize::from(id >> 4))?.get_mut(usize::from(id & 15))?;
                *slot = Some(Huffman::new(counts, symbols)?);
                Some(())
            });
            table.ok_or_else(|| self.host.damaged("a Huffman table makes no sense"))?;
        }
        Ok(())
    }

    /// B.2.4.1.
    fn read_quantisation(&mut self, mut segment: &[u8]) -> Result<()> {
        let bad = || self.host.damaged("a quantisation table makes no sense");
        while let Some((&id, after)) = segment.split_first() {
            let size = match id >> 4 {
                0 => 1,
                1 => 2,
                _ => return Err(bad()),
            };
            let (values, after) = after.split_at_checked(64 * size).ok_or_else(bad)?;
            let mut table = [0; 64];
            for (value, bytes) in table.iter_mut().zip(values.chunks_exact(size)) {
                *value = bytes.iter().fold(0, |value, byte| value << 8 | u16::from(*byte));
            }
            *self.quantisation.get_mut(usize::from(id & 15)).ok_or_else(bad)? = Some(table);
            segment = after;
        }
        Ok(())
    }

    /// B.2.3, and the image behind it.
    fn read_scan(&self, segment: &[u8]) -> Result<Image> {
        let process = self.process.ok_or_else(|| self.host.damaged("its scan comes before its frame"))?;
        let &[1, _, tables, start, end, approximation] = segment else {
            return Err(self.host.damaged("its scan header makes no sense"));
        };
        let table = |class: usize, id: u8| {
            let table = self.huffman[class].get(usize::from(id)).and_then(Option::as_ref);
            table.ok_or_else(|| self.host.damaged("a Huffman table is missing"))
        };
        let coder = table(0, tables >> 4)?;
        let mut bits = Bits::new(self.rest, self.host);
        match process {
            Process::Lossless { precision } => {
                let shift = u32::from(approximation & 15);
                if !(1..=7).contains(&start) || shift >= precision {
                    return Err(self.host.damaged("its scan header makes no sense"));
                }
                self.lossless(&mut bits, coder, start, precision, shift)
            }
            Process::Sequential { precision, table: quantisation } => {
                if (start, end, approximation) != (0, 63, 0) {
                    return Err(self.host.damaged("its scan header makes no sense"));
                }
                let quantisation = self.quantisation.get(usize::from(quantisation)).and_then(Option::as_ref);
                let quantisation = quantisation.ok_or_else(|| self.host.damaged("a quantisation table is missing"))?;
                self.sequential(&mut bits, coder, table(1, tables & 15)?, quantisation, precision)
            }
        }
    }

    /// Annex H: each sample is predicted from its neighbours.
    fn lossless(&self, bits: &mut Bits, coder: &Huffman, predictor: u8, precision: u32, shift: u32) -> Result<Image> {
        let (width, height) = self.size;
        if !self.restart.is_multiple_of(width) {
            return Err(self.host.damaged("a restart interval ends inside a row"));
        }
        let rows_to_restart = self.restart / width;
        let mut values = vec![0u16; width * height];
        for row in 0..height {
            let restarts = rows_to_restart > 0 && row > 0 && row.is_multiple_of(rows_to_restart);
            if restarts {
                bits.restart()?;
            }
            let (above, here) = values[..(row + 1) * width].split_at_mut(row * width);
            // The first row of an interval knows nothing of what is above.
            let above = if row == 0 || restarts { &[] } else { &above[(row - 1) * width..] };
            for column in 0..width {
                let prediction = match (column, above) {
                    (0, []) => 1 << (precision - shift - 1),
                    (_, []) => i32::from(here[column - 1]),
                    (0, _) => i32::from(above[0]),
                    _ => {
                        let [a, b, c] = [here[column - 1], above[column], above[column - 1]].map(i32::from);
                        match predictor {
                            1 => a,
                            2 => b,
                            3 => c,
                            4 => a + b - c,
                            5 => a + ((b - c) >> 1),
                            6 => b + ((a - c) >> 1),
                            _ => (a + b) >> 1,
                        }
                    }
                };
                let difference = match bits.symbol(coder)? {
                    // No bits follow this one (H.1.2.2).
                    16 => 1 << 15,
                    category => bits.signed(category)?,
                };
                // Modulo 2^16, which is what the type keeps. Bytes hold no more than 8 bits.
                let value = (prediction + difference) as u16;
                if precision <= 8 && value > 0xFF {
                    return Err(self.host.damaged("a value is out of its range"));
                }
                here[column] = value;
            }
        }
        values.iter_mut().for_each(|value| *value <<= shift);
        Ok(Image { width, height, values, precision })
    }

    /// Annex F: blocks of 8 x 8, row by row.
    fn sequential(
        &self,
        bits: &mut Bits,
        dc: &Huffman,
        ac: &Huffman,
        quantisation: &[u16; 64],
        precision: u32,
    ) -> Result<Image> {
        let (width, height) = self.size;
        let (middle, most) = ((1 << (precision - 1)) as f32, ((1 << precision) - 1) as f32);
        let transform = Transform::new();
        let mut values = vec![0u16; width * height];
        let (columns, rows) = (width.div_ceil(8), height.div_ceil(8));
        let mut last = 0i32;
        for block in 0..columns * rows {
            if self.restart > 0 && block > 0 && block.is_multiple_of(self.restart) {
                bits.restart()?;
                last = 0;
            }
            let mut coefficients = [0f32; 64];
            let category = bits.symbol(dc)?;
            last = last.wrapping_add(bits.signed(category)?);
            coefficients[0] = last as f32 * f32::from(quantisation[0]);
            let mut at = 1;
            while at < 64 {
                let symbol = bits.symbol(ac)?;
                let (run, category) = (usize::from(symbol >> 4), symbol & 15);
                match (run, category) {
                    (0, 0) => break,
                    (15, 0) => at += 16,
                    _ => {
                        at += run;
                        let place =
                            ZIGZAG.get(at).ok_or_else(|| self.host.damaged("a block has too many coefficients"))?;
                        coefficients[*place] = bits.signed(category)? as f32 * f32::from(quantisation[at]);
                        at += 1;
                    }
                }
            }
            let samples = transform.inverse(&coefficients);
            let (left, top) = (8 * (block % columns), 8 * (block / columns));
            let shown = (width - left).min(8);
            for (row, samples) in samples.as_chunks::<8>().0.iter().enumerate().take(height - top) {
                let start = (top + row) * width + left;
                for (value, sample) in values[start..start + shown].iter_mut().zip(samples) {
                    *value = (sample + middle).round().clamp(0.0, most) as u16;
                }
            }
        }
        Ok(Image { width, height, values, precision })
    }
}

/// A Huffman table as Annex F.2.2.3 decodes it.
#[derive(Debug)]
struct Huffman {
    /// For each length from 1: the first code behind those of that length, moved up to 16 bits, and by how much an index into the
    /// symbols differs from a code.
    lengths: [(u32, i32); 16],
    symbols: Vec<u8>,
}

impl Huffman {
    /// `None` for more codes of a length than there are.
    fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Huffman> {
        let mut lengths = [(0, 0); 16];
        let (mut code, mut index) = (0u32, 0u32);
        for (at, count) in counts.iter().enumerate() {
            let offset = index as i32 - code as i32;
            code += u32::from(*count);
            index += u32::from(*count);
            if code > 2 << at {
                return None;
            }
            lengths[at] = (code << (15 - at), offset);
            code <<= 1;
        }
        Some(Huffman { lengths, symbols: symbols.to_vec() })
    }
}

/// The bits of a scan. None is made up: where they end, the image is cut.
struct Bits<'a> {
    rest: &'a [u8],
    /// Bits that were taken from `rest`, the next one on top.
    held: u64,
    count: u32,
    host: Host,
}

impl<'a> Bits<'a> {
    fn new(rest: &'a [u8], host: Host) -> Bits<'a> {
        Bits { rest, held: 0, count: 0, host }
    }

    /// Holds at least 32 bits if there are so many before the next marker.
    fn fill(&mut self) {
        while self.count <= 56 {
            let byte = match self.rest {
                [0xFF, 0x00, rest @ ..] => {
                    self.rest = rest;
                    0xFF
                }
                [0xFF, ..] | [] => return,
                [byte, rest @ ..] => {
                    self.rest = rest;
                    *byte
                }
            };
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    fn drop(&mut self, count: u32) -> Result<()> {
        if count > self.count {
            return Err(self.host.damaged("it ends before the image does"));
        }
        self.held <<= count;
        self.count -= count;
        Ok(())
    }

    fn symbol(&mut self, table: &Huffman) -> Result<u8> {
        if self.count < 16 {
            self.fill();
        }
        let next = (self.held >> 48) as u32;
        let length = table.lengths.iter().position(|(end, _)| next < *end);
        let at = length.ok_or_else(|| self.host.damaged("a code is in no Huffman table"))?;
        let index = (next >> (15 - at)) as i32 + table.lengths[at].1;
        self.drop(at as u32 + 1)?;
        // Codes and symbols are as many.
        Ok(table.symbols[index as usize])
    }

    /// A difference or coefficient of `category` bits (F.2.2.1).
    fn signed(&mut self, category: u8) -> Result<i32> {
        let category = u32::from(category);
        if category == 0 {
            return Ok(0);
        }
        if category > 16 {
            return Err(self.host.damaged("a difference is too long"));
        }
        if self.count < category {
            self.fill();
        }
        let value = (self.held >> (64 - category)) as i32;
        self.drop(category)?;
        Ok(if value < 1 << (category - 1) { value - (1 << category) + 1 } else { value })
    }

    /// Goes behind the restart marker that must come next.
    fn restart(&mut self) -> Result<()> {
        match self.rest {
            [0xFF, marker::RST0..=marker::RST7, rest @ ..] if self.count < 8 => {
                *self = Bits::new(rest, self.host);
                Ok(())
            }
            _ => Err(self.host.damaged("a restart marker is missing")),
        }
    }
}

/// Where the coefficients of a block belong, in the order in which they come (Figure A.6).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The inverse DCT (A.3.3), one direction after the other.
struct Transform {
    /// By sample and frequency.
    waves: [[f32; 8]; 8],
}

impl Transform {
    fn new() -> Transform {
        let wave = |sample: usize, frequency: usize| {
            let scale = if frequency == 0 { 0.5f64.sqrt() } else { 1.0 };
            let angle = (2 * sample + 1) as f64 * frequency as f64 * std::f64::consts::PI / 16.0;
            (scale * angle.cos() / 2.0) as f32
        };
        Transform { waves: std::array::from_fn(|sample| std::array::from_fn(|frequency| wave(sample, frequency))) }
    }

    fn inverse(&self, coefficients: &[f32; 64]) -> [f32; 64] {
        // Turned over by each pass, so that the second one finds rows again.
        let pass = |from: &[f32; 64]| {
            let mut to = [0f32; 64];
            for (line, values) in from.as_chunks::<8>().0.iter().enumerate() {
                for (sample, waves) in self.waves.iter().enumerate() {
                    to[8 * sample + line] = waves.iter().zip(values).map(|(wave, value)| wave * value).sum();
                }
            }
            to
        };
        pass(&pass(coefficients))
    }
}
