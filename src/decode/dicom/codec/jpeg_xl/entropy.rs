//! Entropy coding (ISO/IEC 18181-1, Annex C): numbers by context, in prefix codes or by asymmetric numeral systems, with copies of what came
//! before.

use super::bits::Bits;
use super::damaged;
use crate::error::{Error, Result};

/// How the numbers of a stream are coded.
#[derive(Debug)]
pub(super) struct Code {
    /// The distribution of each context.
    clusters: Vec<u8>,
    numbers: Vec<Number>,
    symbols: Symbols,
    copies: Option<Copies>,
}

#[derive(Debug)]
enum Symbols {
    Prefix(Vec<Prefix>),
    Ans(Vec<Ans>),
}

/// How numbers beyond small ones go on behind their symbol.
#[derive(Debug, Clone, Copy)]
struct Number {
    split_exponent: u32,
    high: u32,
    low: u32,
}

/// Symbols that stand for a copy.
#[derive(Debug)]
struct Copies {
    first: u32,
    least: u32,
    length: Number,
}

/// Bits of a state, and of a probability.
const STATE: u32 = 12;
const FINAL_STATE: u32 = 0x13_0000;
const MAX_PREFIX: usize = 15;
/// Numbers that copies reach back.
const WINDOW: usize = 1 << 20;

fn senseless() -> Error {
    damaged("its entropy code makes no sense")
}

/// Bits that numbers up to `value` need.
fn width(value: u32) -> u32 {
    (value + 1).next_power_of_two().trailing_zeros()
}

impl Code {
    /// Reads the code of so many contexts.
    pub(super) fn read(bits: &mut Bits, contexts: usize) -> Result<Code> {
        Code::read_nested(bits, contexts, true)
    }

    fn read_nested(bits: &mut Bits, mut contexts: usize, may_copy: bool) -> Result<Code> {
        let mut copies = None;
        if bits.flag()? {
            if !may_copy {
                return Err(senseless());
            }
            let first = bits.number([(224, 0), (512, 0), (4096, 0), (8, 15)])?;
            let least = bits.number([(3, 0), (4, 0), (5, 2), (9, 8)])?;
            copies = Some(Copies { first, least, length: Number::read(bits, 8)? });
            contexts += 1;
        }
        let clusters = read_clusters(bits, contexts)?;
        let count = clusters.iter().max().map_or(0, |last| usize::from(*last) + 1);
        let is_prefix = bits.flag()?;
        let alphabet = if is_prefix { MAX_PREFIX as u32 } else { 5 + bits.take(2)? };
        let numbers = (0..count).map(|_| Number::read(bits, alphabet)).collect::<Result<_>>()?;
        let symbols = if is_prefix {
            let size = |bits: &mut Bits| -> Result<usize> {
                if !bits.flag()? {
                    return Ok(1);
                }
                let width = bits.take(4)?;
                Ok(1 + (1 << width) + bits.take(width)? as usize)
            };
            let sizes = (0..count).map(|_| size(bits)).collect::<Result<Vec<_>>>()?;
            Symbols::Prefix(sizes.into_iter().map(|size| Prefix::read(bits, size)).collect::<Result<_>>()?)
        } else {
            Symbols::Ans((0..count).map(|_| Ans::read(bits, alphabet)).collect::<Result<_>>()?)
        };
        Ok(Code { clusters, numbers, symbols, copies })
    }

    /// The distribution of a context.
    pub(super) fn cluster(&self, context: usize) -> usize {
        self.clusters.get(context).copied().unwrap_or_default().into()
    }
}

fn read_clusters(bits: &mut Bits, contexts: usize) -> Result<Vec<u8>> {
    if contexts == 1 {
        return Ok(vec![0]);
    }
    if bits.flag()? {
        let width = bits.take(2)?;
        return (0..contexts).map(|_| Ok(bits.take(width)? as u8)).collect();
    }
    let is_by_age = bits.flag()?;
    let code = Code::read_nested(bits, 1, contexts > 2)?;
    let mut reader = Reader::new(&code, bits, 0)?;
    let mut clusters = Vec::with_capacity(contexts);
    for _ in 0..contexts {
        clusters.push(u8::try_from(reader.number(bits, 0)?).map_err(|_| senseless())?);
    }
    reader.end()?;
    if is_by_age {
        let mut ages: Vec<u8> = (0..=u8::MAX).collect();
        for cluster in &mut clusters {
            let found = ages.remove(usize::from(*cluster));
            ages.insert(0, found);
            *cluster = found;
        }
    }
    Ok(clusters)
}

impl Number {
    fn read(bits: &mut Bits, alphabet: u32) -> Result<Number> {
        let split_exponent = bits.take(width(alphabet))?;
        let (mut high, mut low) = (0, 0);
        if split_exponent != alphabet {
            high = bits.take(width(split_exponent))?;
            if high > split_exponent {
                return Err(senseless());
            }
            low = bits.take(width(split_exponent - high))?;
        }
        if high + low > split_exponent || split_exponent > alphabet {
            return Err(senseless());
        }
        Ok(Number { split_exponent, high, low })
    }

    fn finish(self, bits: &mut Bits, symbol: u32) -> Result<u32> {
        let Number { split_exponent, high, low } = self;
        let split = 1 << split_exponent;
        if symbol < split {
            return Ok(symbol);
        }
        let count = split_exponent - high - low + ((symbol - split) >> (high + low));
        if count + high + low >= u32::BITS {
            return Err(senseless());
        }
        let lowest = symbol & ((1 << low) - 1);
        let highest = (symbol >> low) & ((1 << high) - 1) | 1 << high;
        Ok((highest << count | bits.take(count)?) << low | lowest)
    }
}

/// Reads the numbers of one stream.
pub(super) struct Reader<'c> {
    code: &'c Code,
    state: u32,
    /// Columns that copies count in.
    columns: usize,
    window: Vec<u32>,
    read: usize,
    from: usize,
    left: u32,
}

impl<'c> Reader<'c> {
    pub(super) fn new(code: &'c Code, bits: &mut Bits, columns: usize) -> Result<Reader<'c>> {
        let state = if matches!(code.symbols, Symbols::Ans(_)) { bits.take(32)? } else { 0 };
        Ok(Reader { code, state, columns, window: Vec::new(), read: 0, from: 0, left: 0 })
    }

    fn symbol(&mut self, bits: &mut Bits, cluster: usize) -> Result<u32> {
        match &self.code.symbols {
            Symbols::Prefix(codes) => codes.get(cluster).ok_or_else(senseless)?.symbol(bits),
            Symbols::Ans(codes) => codes.get(cluster).ok_or_else(senseless)?.symbol(bits, &mut self.state),
        }
    }

    /// The next number, by its distribution.
    pub(super) fn number(&mut self, bits: &mut Bits, cluster: usize) -> Result<u32> {
        let Some(copies) = &self.code.copies else {
            let symbol = self.symbol(bits, cluster)?;
            return self.code.numbers[cluster].finish(bits, symbol);
        };
        let value = if self.left > 0 {
            self.copied()
        } else {
            let symbol = self.symbol(bits, cluster)?;
            match symbol.checked_sub(copies.first) {
                None => self.code.numbers[cluster].finish(bits, symbol)?,
                Some(_) if self.read == 0 => return Err(senseless()),
                Some(length) => {
                    self.left = copies.length.finish(bits, length)?.checked_add(copies.least).ok_or_else(senseless)?;
                    let distances = self.code.cluster(self.code.clusters.len() - 1);
                    let symbol = self.symbol(bits, distances)?;
                    let distance = self.code.numbers[distances].finish(bits, symbol)? as usize;
                    let distance = match (self.columns, NEAR.get(distance)) {
                        (0, _) => distance + 1,
                        (columns, Some([across, down])) => {
                            let distance = i64::from(*across) + columns as i64 * i64::from(*down);
                            distance.max(1) as usize
                        }
                        (_, None) => distance - NEAR.len() + 1,
                    };
                    self.from = self.read - distance.min(WINDOW).min(self.read);
                    self.copied()
                }
            }
        };
        match self.window.get_mut(self.read % WINDOW) {
            Some(place) => *place = value,
            None => self.window.push(value),
        }
        self.read += 1;
        Ok(value)
    }

    fn copied(&mut self) -> u32 {
        let value = self.window[self.from % WINDOW];
        self.from += 1;
        self.left -= 1;
        value
    }

    /// Fails unless all was read as it was written.
    pub(super) fn end(&self) -> Result<()> {
        match self.code.symbols {
            Symbols::Ans(_) if self.state != FINAL_STATE => Err(damaged("a stream does not end as it must")),
            _ => Ok(()),
        }
    }
}

/// A prefix code, as symbols by length and then by number.
#[derive(Debug)]
struct Prefix {
    /// How many symbols have each length.
    counts: [u32; MAX_PREFIX + 1],
    symbols: Vec<u16>,
}

impl Prefix {
    fn single(symbol: usize) -> Prefix {
        Prefix { counts: [0; MAX_PREFIX + 1], symbols: vec![symbol as u16] }
    }

    /// Fails where not all codes are used, or some twice.
    fn of_lengths(lengths: &[u8]) -> Result<Prefix> {
        let mut counts = [0; MAX_PREFIX + 1];
        let mut symbols = Vec::new();
        for (length, count) in counts.iter_mut().enumerate().skip(1) {
            let of_length = lengths.iter().enumerate().filter(|(_, found)| usize::from(**found) == length);
            let before = symbols.len();
            symbols.extend(of_length.map(|(symbol, _)| symbol as u16));
            *count = (symbols.len() - before) as u32;
        }
        let used: u32 = counts.iter().enumerate().map(|(length, count)| count << (MAX_PREFIX - length)).sum();
        if used != 1 << MAX_PREFIX {
            return Err(senseless());
        }
        Ok(Prefix { counts, symbols })
    }

    fn read(bits: &mut Bits, size: usize) -> Result<Prefix> {
        if size == 1 {
            return Ok(Prefix::single(0));
        }
        if size > 1 << MAX_PREFIX {
            return Err(senseless());
        }
        let kind = bits.take(2)?;
        if kind != 1 {
            return Prefix::read_lengths(bits, size, kind as usize);
        }
        let count = bits.take(2)? as usize + 1;
        let width = size.next_power_of_two().trailing_zeros();
        let symbols = (0..count).map(|_| Ok(bits.take(width)? as usize)).collect::<Result<Vec<_>>>()?;
        if symbols.iter().any(|symbol| *symbol >= size) {
            return Err(senseless());
        }
        let lengths: &[u8] = match count {
            1 => return Ok(Prefix::single(symbols[0])),
            2 => &[1, 1],
            3 => &[1, 2, 2],
            _ if bits.flag()? => &[1, 2, 3, 3],
            _ => &[2, 2, 2, 2],
        };
        let mut all = vec![0; size];
        symbols.iter().zip(lengths).for_each(|(symbol, length)| all[*symbol] = *length);
        Prefix::of_lengths(&all)
    }

    /// Lengths, themselves in a prefix code (RFC 7932, 3.5).
    fn read_lengths(bits: &mut Bits, size: usize, skipped: usize) -> Result<Prefix> {
        const ORDER: [usize; 18] = [1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let mut lengths = [0u8; 18];
        let mut left = 32u32;
        for at in &ORDER[skipped..] {
            let length = match bits.take(2)? {
                0 => 0,
                1 => 4,
                2 => 3,
                _ if !bits.flag()? => 2,
                _ if bits.flag()? => 5,
                _ => 1,
            };
            lengths[*at] = length;
            if length > 0 {
                left = left.checked_sub(32 >> length).ok_or_else(senseless)?;
                if left == 0 {
                    break;
                }
            }
        }
        let mut used = lengths.iter().enumerate().filter(|(_, length)| **length > 0);
        let code = match (used.next(), used.next()) {
            (Some((only, _)), None) => Prefix::single(only),
            _ => Prefix::of_lengths(&lengths)?,
        };
        let mut all = vec![0u8; size];
        let (mut at, mut left) = (0, 1u32 << MAX_PREFIX);
        // What is repeated, by which symbol, and how often so far.
        let (mut last, mut before, mut count) = (8u8, 0u32, 0usize);
        while at < size && left > 0 {
            let symbol = code.symbol(bits)?;
            if symbol < 16 {
                all[at] = symbol as u8;
                at += 1;
                before = symbol;
                if symbol > 0 {
                    last = symbol as u8;
                    left = left.checked_sub(1 << (MAX_PREFIX as u32 - symbol)).ok_or_else(senseless)?;
                }
                continue;
            }
            let (width, value) = if symbol == 16 { (2, last) } else { (3, 0) };
            let already = if before == symbol { count } else { 0 };
            let more = bits.take(width)? as usize + 3;
            // Repeats one behind the other count as digits of one.
            count = if already > 0 { ((already - 2) << width) + more } else { more };
            before = symbol;
            let added = count - already;
            let end = at + added;
            all.get_mut(at..end).ok_or_else(senseless)?.fill(value);
            at = end;
            if value > 0 {
                let taken = (added as u32) << (MAX_PREFIX - usize::from(value));
                left = left.checked_sub(taken).ok_or_else(senseless)?;
            }
        }
        Prefix::of_lengths(&all)
    }

    fn symbol(&self, bits: &mut Bits) -> Result<u32> {
        if let [only] = self.symbols[..] {
            return Ok(only.into());
        }
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            if code < first + count {
                return Ok(self.symbols[(index + code - first) as usize].into());
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(senseless())
    }
}

/// A distribution of 4,096 states, spread over buckets by an alias table.
#[derive(Debug)]
struct Ans {
    bucket: u32,
    buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    share: u32,
    /// From where on it belongs to another symbol, and what is added to a position there.
    cutoff: u32,
    other: usize,
    offset: u32,
}

impl Ans {
    fn read(bits: &mut Bits, alphabet: u32) -> Result<Ans> {
        let shares = read_shares(bits, 1 << alphabet)?;
        let bucket = STATE - alphabet;
        let size = 1u32 << bucket;
        let whole = |share: &u32| *share == 1 << STATE;
        if let Some(only) = shares.iter().position(whole) {
            let of =
                |(at, share): (usize, &u32)| Bucket { share: *share, cutoff: 0, other: only, offset: size * at as u32 };
            return Ok(Ans { bucket, buckets: shares.iter().enumerate().map(of).collect() });
        }
        let mut buckets: Vec<Bucket> = shares
            .iter()
            .enumerate()
            .map(|(at, share)| Bucket { share: *share, cutoff: *share, other: at, offset: 0 })
            .collect();
        let (mut under, mut over) = (Vec::new(), Vec::new());
        for (at, share) in shares.iter().enumerate() {
            match share.cmp(&size) {
                std::cmp::Ordering::Less => under.push(at),
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => over.push(at),
            }
        }
        while let (Some(rich), Some(poor)) = (over.pop(), under.pop()) {
            let by = size - buckets[poor].cutoff;
            buckets[rich].cutoff -= by;
            (buckets[poor].other, buckets[poor].offset) = (rich, buckets[rich].cutoff);
            match buckets[rich].cutoff.cmp(&size) {
                std::cmp::Ordering::Less => under.push(rich),
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Greater => over.push(rich),
            }
        }
        for (at, bucket) in buckets.iter_mut().enumerate() {
            if bucket.cutoff == size {
                (bucket.other, bucket.offset, bucket.cutoff) = (at, 0, 0);
            } else {
                bucket.offset = bucket.offset.wrapping_sub(bucket.cutoff);
            }
        }
        Ok(Ans { bucket, buckets })
    }

    fn symbol(&self, bits: &mut Bits, state: &mut u32) -> Result<u32> {
        let low = *state & ((1 << STATE) - 1);
        let (at, position) = ((low >> self.bucket) as usize, low & ((1 << self.bucket) - 1));
        let bucket = self.buckets[at];
        let (symbol, offset) = if position >= bucket.cutoff { (bucket.other, bucket.offset) } else { (at, 0) };
        let share = self.buckets[symbol].share;
        *state = (*state >> STATE).wrapping_mul(share).wrapping_add(offset.wrapping_add(position));
        if *state < 1 << 16 {
            *state = *state << 16 | bits.take(16)?;
        }
        Ok(symbol as u32)
    }
}

/// The shares of all symbols, which add up to 4,096 (C.2.5).
fn read_shares(bits: &mut Bits, size: usize) -> Result<Vec<u32>> {
    let mut shares = vec![0u32; size];
    let small = |bits: &mut Bits| -> Result<usize> {
        if !bits.flag()? {
            return Ok(0);
        }
        let width = bits.take(3)?;
        Ok((1 << width) + bits.take(width)? as usize)
    };
    if bits.flag()? {
        let is_pair = bits.flag()?;
        let first = small(bits)?;
        let second = if is_pair { small(bits)? } else { first };
        if first >= size || second >= size || (is_pair && first == second) {
            return Err(senseless());
        }
        let share = if is_pair { bits.take(STATE)? } else { 0 };
        shares[second] = (1 << STATE) - share;
        if is_pair {
            shares[first] = share;
        }
        return Ok(shares);
    }
    if bits.flag()? {
        let count = small(bits)? + 1;
        let even = shares.get_mut(..count).ok_or_else(senseless)?;
        even.fill((1 << STATE) / count as u32);
        even[..(1 << STATE) % count].iter_mut().for_each(|share| *share += 1);
        return Ok(shares);
    }
    let mut length = 0;
    while length < 3 && bits.flag()? {
        length += 1;
    }
    let shift = (bits.take(length)? + (1 << length) - 1) as i32;
    let count = small(bits)? + 3;
    if shift > 13 || count > size {
        return Err(senseless());
    }
    // Logarithms first; runs of what comes before them are kept for later.
    let mut logs = vec![0u32; count];
    let mut runs = vec![false; count];
    let mut at = 0;
    let mut greatest: Option<(u32, usize)> = None;
    while at < count {
        let log = logarithm(bits)?;
        if log == 13 {
            let end = at + small(bits)? + 4;
            runs.get_mut(at..end).ok_or_else(senseless)?.fill(true);
            at = end;
            continue;
        }
        logs[at] = log;
        if greatest.is_none_or(|(most, _)| log > most) {
            greatest = Some((log, at));
        }
        at += 1;
    }
    let (_, rest) = greatest.ok_or_else(senseless)?;
    if runs.get(rest + 1) == Some(&true) {
        return Err(senseless());
    }
    let mut before = 0;
    for at in 0..count {
        if at == rest {
            before = 0;
            continue;
        }
        if !runs[at] {
            before = match logs[at] {
                log @ 0..=1 => log,
                log => {
                    let zeros = log as i32 - 1;
                    let width = (shift - ((12 - zeros) >> 1)).clamp(0, zeros);
                    (1 << zeros) + (bits.take(width as u32)? << (zeros - width))
                }
            };
        }
        shares[at] = before;
    }
    let sum: u32 = shares.iter().sum();
    shares[rest] = (1u32 << STATE).checked_sub(sum).ok_or_else(senseless)?;
    Ok(shares)
}

/// How many bits a share has, one more than its logarithm, or 13 for a run.
fn logarithm(bits: &mut Bits) -> Result<u32> {
    Ok(match bits.take(3)? {
        0 => 10,
        1 => {
            for value in [4, 0, 11, 13] {
                if bits.flag()? {
                    return Ok(value);
                }
            }
            12
        }
        2 => 7,
        3 => {
            if bits.flag()? {
                1
            } else {
                3
            }
        }
        4 => 6,
        5 => 8,
        6 => 9,
        _ => {
            if bits.flag()? {
                2
            } else {
                5
            }
        }
    })
}

/// Distances of copies that are near in the image, as columns and rows.
#[rustfmt::skip]
const NEAR: [[i8; 2]; 120] = [
    [0, 1], [1, 0], [1, 1], [-1, 1], [0, 2], [2, 0], [1, 2], [-1, 2], [2, 1], [-2, 1],
    [2, 2], [-2, 2], [0, 3], [3, 0], [1, 3], [-1, 3], [3, 1], [-3, 1], [2, 3], [-2, 3],
    [3, 2], [-3, 2], [0, 4], [4, 0], [1, 4], [-1, 4], [4, 1], [-4, 1], [3, 3], [-3, 3],
    [2, 4], [-2, 4], [4, 2], [-4, 2], [0, 5], [3, 4], [-3, 4], [4, 3], [-4, 3], [5, 0],
    [1, 5], [-1, 5], [5, 1], [-5, 1], [2, 5], [-2, 5], [5, 2], [-5, 2], [4, 4], [-4, 4],
    [3, 5], [-3, 5], [5, 3], [-5, 3], [0, 6], [6, 0], [1, 6], [-1, 6], [6, 1], [-6, 1],
    [2, 6], [-2, 6], [6, 2], [-6, 2], [4, 5], [-4, 5], [5, 4], [-5, 4], [3, 6], [-3, 6],
    [6, 3], [-6, 3], [0, 7], [7, 0], [1, 7], [-1, 7], [5, 5], [-5, 5], [7, 1], [-7, 1],
    [4, 6], [-4, 6], [6, 4], [-6, 4], [2, 7], [-2, 7], [7, 2], [-7, 2], [3, 7], [-3, 7],
    [7, 3], [-7, 3], [5, 6], [-5, 6], [6, 5], [-6, 5], [8, 0], [4, 7], [-4, 7], [7, 4],
    [-7, 4], [8, 1], [8, 2], [6, 6], [-6, 6], [8, 3], [5, 7], [-5, 7], [7, 5], [-7, 5],
    [8, 4], [6, 7], [-6, 7], [7, 6], [-7, 6], [8, 5], [7, 7], [-7, 7], [8, 6], [8, 7],
];
