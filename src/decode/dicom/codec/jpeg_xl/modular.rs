//! Modular streams (ISO/IEC 18181-1, Annex H): the numbers of channels, each predicted from those around it and coded by a tree of what is
//! around it.

use super::bits::Bits;
use super::entropy::{Code, Reader};
use super::{damaged, unsupported};
use crate::error::{Error, Result};

/// Numbers, row by row.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub width: usize,
    pub height: usize,
    pub values: Vec<i32>,
}

/// A table that the numbers of a channel are places in; it comes first among the channels.
#[derive(Debug, Clone, Copy)]
struct Palette {
    channel: usize,
    colours: usize,
}

/// What a stream says before its numbers.
#[derive(Debug)]
pub(super) struct Header {
    has_own_tree: bool,
    weights: Weights,
    palettes: Vec<Palette>,
}

/// The constants of the predictor that corrects itself.
#[derive(Debug, Clone, Copy)]
struct Weights {
    parts: [i64; 7],
    most: [u32; 4],
}

/// The tree and the code of its leaves.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    code: Code,
    depth: usize,
}

#[derive(Debug, Clone, Copy)]
enum Node {
    /// A property, the greatest value for the second branch, and where both branches are, the first before the second.
    Decision {
        property: u32,
        value: i32,
        first: usize,
    },
    Leaf {
        cluster: usize,
        predictor: u32,
        offset: i32,
        factor: i32,
    },
}

/// Levels of a tree times pixels: a minute's work.
const MAX_WORK: u64 = 1 << 31;
/// Contexts of a tree's own numbers.
const TREE_CONTEXTS: usize = 6;
const SELF_CORRECTING: u32 = 6;
const MAX_PREDICTOR: u32 = 13;
/// The property that the predictor that corrects itself gives.
const GREATEST_ERROR: u32 = 15;
const PROPERTIES: usize = 16;

fn senseless() -> Error {
    damaged("a stream of its numbers makes no sense")
}

fn signed(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

impl Header {
    pub(super) fn read(bits: &mut Bits) -> Result<Header> {
        let has_own_tree = !bits.flag()?;
        let weights = Weights::read(bits)?;
        let count = bits.number([(0, 0), (1, 0), (2, 4), (18, 8)])?;
        let palettes = (0..count).map(|_| Palette::read(bits)).collect::<Result<_>>()?;
        Ok(Header { has_own_tree, weights, palettes })
    }

    /// Puts the tables before the channels; gives how many there are.
    pub(super) fn prepare(&self, channels: &mut Vec<Channel>) -> Result<usize> {
        for (tables, palette) in self.palettes.iter().enumerate() {
            if palette.channel < tables || palette.channel >= channels.len() {
                return Err(senseless());
            }
            channels.insert(0, Channel::new(palette.colours, 1));
        }
        Ok(self.palettes.len())
    }

    /// Takes the tables away again, and puts what they hold in the places of it.
    pub(super) fn finish(&self, channels: &mut Vec<Channel>, precision: u32) -> Result<()> {
        for palette in self.palettes.iter().rev() {
            let table = channels.remove(0);
            for value in &mut channels[palette.channel].values {
                *value = palette.value(&table, *value, precision)?;
            }
        }
        Ok(())
    }

    /// Reads the numbers of channels, `first` being the number of the first among those of its stream.
    pub(super) fn decode(
        &self,
        bits: &mut Bits,
        channels: &mut [Channel],
        tree: Option<&Tree>,
        stream: usize,
    ) -> Result<()> {
        let pixels = channels.iter().map(|channel| channel.values.len()).sum::<usize>();
        if pixels == 0 {
            return Ok(());
        }
        let own;
        let tree = if self.has_own_tree {
            own = Tree::read(bits, pixels)?;
            &own
        } else {
            tree.ok_or_else(senseless)?
        };
        if tree.depth as u64 * pixels as u64 > MAX_WORK {
            return Err(unsupported("a JPEG XL frame of so deep a tree".to_string()));
        }
        let columns = channels.iter().map(|channel| channel.width).max().unwrap_or_default();
        let mut reader = Reader::new(&tree.code, bits, columns)?;
        for (number, channel) in channels.iter_mut().enumerate() {
            if !channel.values.is_empty() {
                tree.decode(bits, &mut reader, channel, [number as i32, stream as i32], self.weights)?;
            }
        }
        reader.end()
    }
}

impl Channel {
    pub(super) fn new(width: usize, height: usize) -> Channel {
        Channel { width, height, values: vec![0; width * height] }
    }
}

impl Palette {
    fn read(bits: &mut Bits) -> Result<Palette> {
        match bits.take(2)? {
            0 => Err(damaged("it mixes colours, and is gray")),
            1 => {
                let channel = bits.number([(0, 3), (8, 6), (72, 10), (1096, 13)])? as usize;
                let channels = bits.number([(1, 0), (3, 0), (4, 0), (1, 13)])?;
                let colours = bits.number([(0, 8), (256, 10), (1280, 12), (5376, 16)])? as usize;
                let deltas = bits.number([(0, 0), (1, 8), (257, 10), (1281, 16)])?;
                bits.take(4)?;
                match (channels, deltas) {
                    (1, 0) => Ok(Palette { channel, colours }),
                    (1, _) => Err(unsupported("a JPEG XL frame with a table of differences".to_string())),
                    _ => Err(senseless()),
                }
            }
            2 => Err(unsupported("a JPEG XL frame in several resolutions".to_string())),
            _ => Err(senseless()),
        }
    }

    /// What a number stands for: one beyond the table for a level among few.
    fn value(self, table: &Channel, place: i32, precision: u32) -> Result<i32> {
        let most = ((1i64 << precision) - 1) as i32;
        if place < 0 {
            return Err(unsupported("a JPEG XL frame with a table of differences".to_string()));
        }
        if let Some(value) = table.values.get(place as usize) {
            return Ok(*value);
        }
        let beyond = place - self.colours as i32;
        Ok(match beyond {
            0..64 => (beyond % 4) * most / 4 + (1 << precision.saturating_sub(3)),
            _ => ((beyond - 64) % 5) * most / 4,
        })
    }
}

impl Weights {
    fn read(bits: &mut Bits) -> Result<Weights> {
        let mut weights = Weights { parts: [16, 10, 7, 7, 7, 0, 0], most: [13, 12, 12, 12] };
        if !bits.flag()? {
            for part in &mut weights.parts {
                *part = bits.take(5)?.into();
            }
            for most in &mut weights.most {
                *most = bits.take(4)?;
            }
        }
        Ok(weights)
    }
}

impl Tree {
    /// Reads a tree for so many pixels.
    pub(super) fn read(bits: &mut Bits, pixels: usize) -> Result<Tree> {
        let most = 1024 + pixels / 16;
        let code = Code::read(bits, TREE_CONTEXTS)?;
        let mut reader = Reader::new(&code, bits, 0)?;
        let mut next = |bits: &mut Bits, context: usize| reader.number(bits, code.cluster(context));
        let mut nodes = Vec::new();
        let mut depths = vec![1usize];
        let (mut leaves, mut depth) = (0, 1);
        while nodes.len() < depths.len() {
            if depths.len() > most {
                return Err(senseless());
            }
            let here = depths[nodes.len()];
            depth = depth.max(here);
            match next(bits, 1)? {
                0 => {
                    let predictor = next(bits, 2)?;
                    let offset = signed(next(bits, 3)?);
                    let exponent = next(bits, 4)?;
                    let factor = next(bits, 5)?.checked_add(1).and_then(|factor| {
                        let factor = factor.checked_mul(1u32.checked_shl(exponent)?)?;
                        i32::try_from(factor).ok()
                    });
                    let factor = factor.filter(|_| predictor <= MAX_PREDICTOR).ok_or_else(senseless)?;
                    nodes.push(Node::Leaf { cluster: leaves, predictor, offset, factor });
                    leaves += 1;
                }
                property => {
                    let value = signed(next(bits, 0)?);
                    nodes.push(Node::Decision { property: property - 1, value, first: depths.len() });
                    depths.extend([here + 1; 2]);
                }
            }
        }
        reader.end()?;
        let code = Code::read(bits, leaves)?;
        for node in &mut nodes {
            if let Node::Leaf { cluster, .. } = node {
                *cluster = code.cluster(*cluster);
            }
        }
        Ok(Tree { nodes, code, depth })
    }

    fn corrects_itself(&self) -> bool {
        self.nodes.iter().any(|node| match node {
            Node::Decision { property, .. } => *property == GREATEST_ERROR,
            Node::Leaf { predictor, .. } => *predictor == SELF_CORRECTING,
        })
    }

    fn decode(
        &self,
        bits: &mut Bits,
        reader: &mut Reader,
        channel: &mut Channel,
        place: [i32; 2],
        weights: Weights,
    ) -> Result<()> {
        let Channel { width, height, ref mut values } = *channel;
        let mut correcting = self.corrects_itself().then(|| Correcting::new(width, weights));
        for y in 0..height {
            let mut gradient = 0;
            for x in 0..width {
                let around = Around::of(values, width, x, y);
                let Around { w, n, nw, ne, nn, ww, .. } = around;
                let guess = correcting.as_ref().map(|correcting| correcting.guess(x, y, &around));
                let flat = w.wrapping_add(n).wrapping_sub(nw);
                let properties: [i32; PROPERTIES] = [
                    place[0],
                    place[1],
                    y as i32,
                    x as i32,
                    n.wrapping_abs(),
                    w.wrapping_abs(),
                    n,
                    w,
                    w.wrapping_sub(gradient),
                    flat,
                    w.wrapping_sub(nw),
                    nw.wrapping_sub(n),
                    n.wrapping_sub(ne),
                    n.wrapping_sub(nn),
                    w.wrapping_sub(ww),
                    guess.as_ref().map_or(0, |guess| guess.error as i32),
                ];
                gradient = flat;
                let mut at = 0;
                let (cluster, predictor, offset, factor) = loop {
                    match self.nodes[at] {
                        // Those of other channels of the same size, of which there are none.
                        Node::Decision { property, value, first } => {
                            let found = properties.get(property as usize).copied().unwrap_or_default();
                            at = if found > value { first } else { first + 1 };
                        }
                        Node::Leaf { cluster, predictor, offset, factor } => {
                            break (cluster, predictor, offset, factor);
                        }
                    }
                };
                let predicted = match (predictor, &guess) {
                    (SELF_CORRECTING, Some(guess)) => ((guess.value + 3) >> 3) as i32,
                    _ => around.predict(predictor),
                };
                let difference = signed(reader.number(bits, cluster)?);
                let value = difference.wrapping_mul(factor).wrapping_add(offset).wrapping_add(predicted);
                values[y * width + x] = value;
                if let (Some(correcting), Some(guess)) = (&mut correcting, guess) {
                    correcting.learn(x, guess, value);
                }
            }
            if let Some(correcting) = &mut correcting {
                correcting.end_row();
            }
        }
        Ok(())
    }
}

/// The numbers around one, by where they lie from it.
struct Around {
    w: i32,
    n: i32,
    nw: i32,
    ne: i32,
    nn: i32,
    ww: i32,
    nee: i32,
}

impl Around {
    fn of(values: &[i32], width: usize, x: usize, y: usize) -> Around {
        let at = y * width + x;
        let above =
            |right: usize, default: i32| if y > 0 && x + right < width { values[at - width + right] } else { default };
        let w = match (x, y) {
            (0, 0) => 0,
            (0, _) => values[at - width],
            _ => values[at - 1],
        };
        let n = above(0, w);
        let nw = if x > 0 && y > 0 { values[at - width - 1] } else { w };
        let ne = above(1, n);
        let nn = if y > 1 { values[at - 2 * width] } else { n };
        let ww = if x > 1 { values[at - 2] } else { w };
        Around { w, n, nw, ne, nn, ww, nee: above(2, ne) }
    }

    fn predict(&self, predictor: u32) -> i32 {
        let Around { w, n, nw, ne, nn, ww, nee } = *self;
        let [lw, ln, lnw, lne, lnn, lww, lnee] = [w, n, nw, ne, nn, ww, nee].map(i64::from);
        let value = match predictor {
            0 => 0,
            1 => lw,
            2 => ln,
            3 => (lw + ln) / 2,
            4 => {
                if n.abs_diff(nw) < w.abs_diff(nw) {
                    lw
                } else {
                    ln
                }
            }
            5 => (ln + lw - lnw).clamp(lw.min(ln), lw.max(ln)),
            7 => lne,
            8 => lnw,
            9 => lww,
            10 => (lw + lnw) / 2,
            11 => (ln + lnw) / 2,
            12 => (ln + lne) / 2,
            _ => (6 * ln - 2 * lnn + 7 * lw + lww + lnee + 3 * lne + 8) / 16,
        };
        value as i32
    }
}

/// The predictor that corrects itself (H.5): four guesses, weighed by how wrong they were nearby.
struct Correcting {
    weights: Weights,
    /// Of this row and the one above: how wrong the guess was, and how wrong each of the four.
    errors: [Vec<i64>; 2],
    shares: [Vec<[u32; 4]>; 2],
}

struct Guess {
    /// In eighths.
    value: i64,
    parts: [i64; 4],
    /// The greatest of the errors around.
    error: i64,
}

impl Correcting {
    fn new(width: usize, weights: Weights) -> Correcting {
        let shares = || vec![[0; 4]; width + 1];
        Correcting { weights, errors: [vec![0; width], vec![0; width]], shares: [shares(), shares()] }
    }

    fn guess(&self, x: usize, y: usize, around: &Around) -> Guess {
        let [here, above] = &self.errors;
        let width = above.len();
        let left = if x > 0 { here[x - 1] } else { 0 };
        let n = if y > 0 { above[x] } else { 0 };
        let nw = if x > 0 && y > 0 { above[x - 1] } else { n };
        let ne = if x + 1 < width && y > 0 { above[x + 1] } else { n };
        let [vw, vn, vnw, vne, vnn] =
            [around.w, around.n, around.nw, around.ne, around.nn].map(|value| i64::from(value) << 3);
        let [p1, p2, a, b, c, d, e] = self.weights.parts;
        let parts = [
            vw + vne - vn,
            vn - (((left + n + ne) * p1) >> 5),
            vw - (((left + n + nw) * p2) >> 5),
            vn - ((nw * a + n * b + ne * c + (vnn - vn) * d + (vnw - vw) * e) >> 5),
        ];
        let shares = &self.shares[1];
        let east = if x + 1 < width { shares[x + 1] } else { shares[x] };
        let west = if x > 0 { shares[x - 1] } else { shares[x] };
        let mut weights = [0u32; 4];
        for (part, weight) in weights.iter_mut().enumerate() {
            let wrong = shares[x][part].wrapping_add(east[part]).wrapping_add(west[part]);
            let shift = ((u64::from(wrong) + 1) >> 5).checked_ilog2().unwrap_or(0);
            *weight = 4 + ((self.weights.most[part] * reciprocal((wrong >> shift) + 1)) >> shift);
        }
        let sum: u32 = weights.iter().sum();
        let shift = (sum >> 4).max(1).ilog2();
        weights.iter_mut().for_each(|weight| *weight >>= shift);
        let sum: u32 = weights.iter().sum();
        let total: i64 = parts.iter().zip(weights).map(|(part, weight)| part * i64::from(weight)).sum();
        let mut value = (((i64::from(sum) >> 1) - 1 + total) * i64::from(reciprocal(sum))) >> 24;
        if (n ^ left) | (n ^ nw) <= 0 {
            value = value.clamp(vn.min(vw).min(vne), vn.max(vw).max(vne));
        }
        let error =
            [n, nw, ne].into_iter().fold(left, |most, error| if error.abs() > most.abs() { error } else { most });
        Guess { value, parts, error }
    }

    fn learn(&mut self, x: usize, guess: Guess, value: i32) {
        let value = i64::from(value) << 3;
        self.errors[0][x] = i64::from((guess.value - value) as i32);
        let wrong = guess.parts.map(|part| ((part.abs_diff(value) + 3) >> 3) as u32);
        self.shares[0][x] = wrong;
        // It counts for what is right of it, too.
        for (share, wrong) in self.shares[1][x + 1].iter_mut().zip(wrong) {
            *share = share.wrapping_add(wrong);
        }
    }

    fn end_row(&mut self) {
        self.errors.swap(0, 1);
        self.shares.swap(0, 1);
    }
}

/// 2^24 divided by a small number.
fn reciprocal(number: u32) -> u32 {
    (1 << 24) / number.max(1)
}
