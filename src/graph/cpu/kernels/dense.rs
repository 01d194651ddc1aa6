//! Dense products, which are nearly all of the arithmetic: each output is a sum over every channel, under every tap of a window. A pointwise
//! convolution and a product of matrices are the same with one tap.

use std::borrow::Cow;
use std::ops::Range;

use super::fused::{Fused, Strips, fused, in_place};
use super::simd::{Vector, dispatch};
use super::{Block, Processor};

/// What is multiplied: a picture in blocks, or the rows of a matrix as its pixels.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// `[C / 8][plane]`. Of pixels by themselves it may be what functions make of inputs that lie so: they are made as they are needed.
    pub x: Made<'a>,
    pub channels: usize,
    pub grid: &'a Grid,
}

/// A picture in blocks, or what makes it.
#[derive(Debug, Clone, Copy)]
pub enum Made<'a> {
    Before(&'a [Block]),
    Here(&'a Fused, &'a [&'a [f32]]),
}

/// Memory that a product needs.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    strips: Strips,
    made: Vec<Block>,
}

/// The part of a picture that is multiplied at once: `[C / 8][plane]`, from pixel `first` on.
#[derive(Clone, Copy)]
struct Part<'a> {
    x: &'a [Block],
    plane: usize,
    first: usize,
    channels: usize,
    grid: &'a Grid,
    taps: &'a [usize],
}

/// Which pixels of each plane a product takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Pixels of a plane.
    pub plane: usize,
    /// Pixels from one row of a plane to the next.
    pub width: usize,
    /// Pixels from the first one of a window to each of its taps.
    pub taps: Cow<'static, [usize]>,
    /// Rows and columns from one window to the next: 1 or 2.
    pub stride: usize,
    /// Rows and columns of windows.
    pub windows: [usize; 2],
}

impl Grid {
    /// Each of `pixels` by itself.
    pub fn of_pixels(pixels: usize) -> Grid {
        Grid { plane: pixels, width: pixels, taps: Cow::Borrowed(&[0]), stride: 1, windows: [1, pixels] }
    }
}

/// What follows the sums before they are stored.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    /// Added to every pixel: one for each of [`filled`] outputs.
    pub bias: &'a [f32],
    /// Added to each pixel, lies as the output does.
    pub added: Option<&'a [f32]>,
    pub clamp: [f32; 2],
    /// Of each output in the end, while it is in the cache: functions with one input, which lies as it is.
    pub then: Option<&'a Fused>,
}

/// How outputs lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `[O / 8][pixels][8]`.
    Blocks,
    /// `[pixels][O]`.
    Rows,
}

/// Distances in memory between the outputs of a product.
#[derive(Debug, Clone, Copy)]
struct Steps {
    block: usize,
    pixel: usize,
    /// So many are stored.
    outputs: usize,
}

/// Where weights lie before they are packed: the distances from one output, channel and tap to the next.
#[derive(Debug, Clone, Copy)]
pub struct Strides {
    pub output: usize,
    pub channel: usize,
    pub tap: usize,
}

/// Outputs that one tile makes.
fn wide(processor: Processor) -> usize {
    2 * processor.lanes()
}

/// So many outputs as whole blocks and registers.
pub fn filled(processor: Processor, outputs: usize) -> usize {
    outputs.next_multiple_of(processor.lanes().max(8))
}

/// Weights as the kernel takes them: for the outputs of each tile, eight channels after eight, under tap after tap, their weights for each
/// of the eight. What only fills up is zero.
#[derive(Debug, Default, Clone)]
pub struct Weights {
    outputs: usize,
    values: Vec<f32>,
    /// Where they begin: no register is loaded from two lines of the cache.
    start: usize,
}

impl Weights {
    /// Takes the place of what was there, in its memory. The numbers are those of outputs, channels and taps.
    pub fn pack(
        &mut self,
        processor: Processor,
        weights: &[f32],
        strides: Strides,
        [outputs, channels, taps]: [usize; 3],
    ) {
        const LINE: usize = 64;
        let size = filled(processor, outputs) * channels.next_multiple_of(8) * taps;
        self.outputs = outputs;
        self.values.clear();
        self.values.reserve(size + LINE / 4);
        self.start = self.values.as_ptr().align_offset(LINE).min(LINE / 4);
        self.values.resize(self.start, 0.0);
        let packed = &mut self.values;
        for first in (0..outputs).step_by(wide(processor)) {
            let some = (outputs - first).min(wide(processor));
            let filled = filled(processor, some);
            for eight in (0..channels).step_by(8) {
                for tap in 0..taps {
                    for channel in eight..(eight + 8).min(channels) {
                        let start = first * strides.output + channel * strides.channel + tap * strides.tap;
                        if strides.output == 1 {
                            packed.extend_from_slice(&weights[start..start + some]);
                        } else {
                            packed.extend(weights[start..].iter().step_by(strides.output).take(some));
                        }
                        packed.resize(packed.len() + filled - some, 0.0);
                    }
                    let missing = (eight + 8).saturating_sub(channels);
                    packed.resize(packed.len() + missing * filled, 0.0);
                }
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len() - self.start
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }
}

/// `out[o][p] = then(clamp(bias[o] + sum over c and t of x[c][p + t] * weights[o][c][t] + added[o][p]))`, with `added` and `out` in `order`; p of x
/// counts every pixel of its plane, that of the others the windows.
pub fn dense(
    processor: Processor,
    source: Source,
    weights: &Weights,
    finish: Finish,
    order: Order,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let outputs = weights.outputs;
    let weights = &weights.values[weights.start..];
    let Source { channels, grid, .. } = source;
    let ([rows, columns], taps) = (grid.windows, &grid.taps[..]);
    let steps = match order {
        Order::Blocks => Steps { block: 8 * rows * columns, pixel: 8, outputs: outputs.next_multiple_of(8) },
        Order::Rows => Steps { block: 8, pixel: outputs, outputs },
    };
    let tile = height(processor, columns);
    let Scratch { strips, made } = scratch;
    // Some pixels of the only row, or some rows.
    let (total, cost) = if rows == 1 { (columns, channels) } else { (rows, channels * grid.width * grid.stride) };
    let least = if rows == 1 { tile } else { 1 };
    let together = (CACHED / cost).max(1).next_multiple_of(least);
    let mut first = 0;
    while first < total {
        let mut last = (first + together).min(total);
        // No rest that is less than a tile.
        if total - last < least {
            last = total;
        }
        let some = if rows == 1 { [0..1, first..last] } else { [first..last, 0..columns] };
        let pixels = if rows == 1 { first..last } else { first * columns..last * columns };
        let part = match source.x {
            Made::Before(x) => Part { x, plane: grid.plane, first: 0, channels, grid, taps },
            Made::Here(functions, inputs) => {
                let plane = pixels.len();
                made.resize(channels.div_ceil(8) * plane, [0.0; 8]);
                for (at, made) in made.chunks_exact_mut(plane).enumerate() {
                    let start = (at * grid.plane + pixels.start) * 8;
                    fused(processor, functions, inputs, start, strips, made.as_flattened_mut());
                }
                Part { x: made, plane, first: pixels.start, channels, grid, taps }
            }
        };
        panels(processor, part, weights, finish, steps, tile, some, out);
        match (finish.then, order) {
            (None, _) => {}
            (Some(functions), Order::Blocks) => {
                for block in out.chunks_exact_mut(steps.block) {
                    in_place(processor, functions, strips, &mut block[pixels.start * 8..pixels.end * 8]);
                }
            }
            (Some(functions), Order::Rows) => {
                in_place(processor, functions, strips, &mut out[pixels.start * outputs..pixels.end * outputs]);
            }
        }
        first = last;
    }
}

/// So many input values of the pixels taken together: they must stay in the second-level cache while all outputs are made of them. The fewer,
/// the more often all weights are read, which wide registers wait for.
const CACHED: usize = if cfg!(target_arch = "wasm32") { 20_000 } else { 80_000 };

/// The height of tiles that does a line of so many windows in the least time. The last tile of a line takes windows again that the one
/// before it has done.
fn height(processor: Processor, columns: usize) -> usize {
    let costs = |rows: usize| columns.div_ceil(rows) * (2 * rows.max(4) + 1);
    let fitting = processor.rows().iter().copied().filter(|&rows| rows <= columns);
    fitting.min_by_key(|&rows| costs(rows)).unwrap_or(1)
}

/// The outputs of one tile.
#[derive(Clone, Copy)]
struct Panel<'a> {
    first: usize,
    weights: &'a [f32],
}

/// All outputs of some rows and columns of windows.
#[allow(clippy::too_many_arguments, reason = "what all of this file hands on")]
fn panels(
    processor: Processor,
    source: Part,
    weights: &[f32],
    finish: Finish,
    steps: Steps,
    tile: usize,
    [rows, columns]: [Range<usize>; 2],
    out: &mut [f32],
) {
    // Of one output.
    let depth = source.channels.next_multiple_of(8) * source.taps.len();
    let wide = wide(processor);
    for (first, weights) in (0..steps.outputs).step_by(wide).zip(weights.chunks(wide * depth)) {
        let panel = Panel { first, weights };
        let is_half = (steps.outputs - first).next_multiple_of(8) <= processor.lanes();
        for row in rows.clone() {
            let columns = columns.clone();
            // A function for each kind of tile, and each of them for each processor.
            macro_rules! kinds {
                ($($height:literal)*) => {
                    match (tile, is_half, source.grid.stride) {
                        $(($height, false, 1) => kinds!(2, $height, 1),
                        ($height, false, _) => kinds!(2, $height, 2),
                        ($height, true, 1) => kinds!(1, $height, 1),
                        ($height, true, _) => kinds!(1, $height, 2),)*
                        _ => unreachable!("a tile of no known height"),
                    }
                };
                ($vectors:literal, $height:literal, $stride:literal) => {
                    dispatch!(processor, line<$vectors, $height, $stride>(
                        source: Part, panel: Panel, finish: Finish, steps: Steps, row: usize, columns: Range<usize>, out: &mut [f32]
                    ))
                };
            }
            kinds!(14 12 10 9 8 7 6 5 4 2 1);
        }
    }
}

/// Windows of one row, `R` at a time, every `S`-th pixel, for `P` vectors of outputs.
#[inline(always)]
fn line<V: Vector, const P: usize, const R: usize, const S: usize>(
    source: Part,
    panel: Panel,
    finish: Finish,
    steps: Steps,
    row: usize,
    columns: Range<usize>,
    out: &mut [f32],
) {
    // No code for tiles that this processor does not choose.
    if const { !contains(V::ROWS, R) || P * V::LANES < 8 } {
        return;
    }
    let start = row * S * source.grid.width;
    let mut column = columns.start;
    while column < columns.end {
        column = column.min(columns.end - R);
        let place = Place { panel, finish, steps, pixel: row * source.grid.windows[1] + column };
        if R <= 2 {
            short::<V, P, R, S>(source, start + column * S - source.first, place, out);
        } else {
            tile::<V, P, R, S>(source, start + column * S - source.first, place, out);
        }
        column += R;
    }
}

const fn contains(numbers: &[usize], number: usize) -> bool {
    let mut at = 0;
    while at < numbers.len() {
        if numbers[at] == number {
            return true;
        }
        at += 1;
    }
    false
}

/// What becomes of the sums of a tile, and for which pixels.
#[derive(Clone, Copy)]
struct Place<'a> {
    panel: Panel<'a>,
    finish: Finish<'a>,
    steps: Steps,
    pixel: usize,
}

impl Place<'_> {
    #[inline(always)]
    fn bias<V: Vector, const P: usize>(&self) -> [V; P] {
        let bias = &self.finish.bias[self.panel.first..];
        std::array::from_fn(|v| V::load(&bias[v * V::LANES..]))
    }
}

#[inline(always)]
fn add<V: Vector, const P: usize>(sums: [V; P], value: V, weights: [V; P]) -> [V; P] {
    std::array::from_fn(|v| sums[v].mul_add(value, weights[v]))
}

#[inline(always)]
fn weights_of<V: Vector, const P: usize>(weights: &[f32], channel: usize) -> [V; P] {
    std::array::from_fn(|v| V::load(&weights[(channel * P + v) * V::LANES..]))
}

/// `R` windows; the first one begins at pixel `at`.
#[inline(always)]
fn tile<V: Vector, const P: usize, const R: usize, const S: usize>(
    source: Part,
    at: usize,
    place: Place,
    out: &mut [f32],
) {
    let bias: [V; P] = place.bias();
    let mut weights = place.panel.weights.chunks_exact(8 * P * V::LANES);
    // A variable for each row: the compiler takes loops over an array of this length apart too late to keep it in registers.
    macro_rules! rows {
        ($($row:literal $sums:ident)*) => {
            $(let mut $sums = bias;)*
            for (eight, x) in source.x.chunks_exact(source.plane).enumerate() {
                // Not known to the compiler, which would make eight of one turn, more than the registers hold.
                let channels = (source.channels - eight * 8).min(8);
                for (&tap, weights) in source.taps.iter().zip(&mut weights) {
                    let x = &x[at + tap..][..(R - 1) * S + 1];
                    for channel in 0..channels {
                        let weights = weights_of(weights, channel);
                        $(if $row < R {
                            $sums = add($sums, V::broadcast(x, $row * S, channel), weights);
                        })*
                    }
                }
            }
            $(if $row < R {
                store($sums, place, $row, out);
            })*
        };
    }
    rows!(0 a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8 i 9 j 10 k 11 l 12 m 13 n);
}

/// The same for so few windows that sums would wait for themselves: four for each output, of every fourth channel.
#[inline(always)]
fn short<V: Vector, const P: usize, const R: usize, const S: usize>(
    source: Part,
    at: usize,
    place: Place,
    out: &mut [f32],
) {
    let zero = [[V::splat(0.0); P]; R];
    let [mut first, mut second, mut third, mut fourth] = [[place.bias(); R], zero, zero, zero];
    let mut weights = place.panel.weights.chunks_exact(8 * P * V::LANES);
    for (eight, x) in source.x.chunks_exact(source.plane).enumerate() {
        let channels = (source.channels - eight * 8).min(8);
        for (&tap, weights) in source.taps.iter().zip(&mut weights) {
            let x = &x[at + tap..][..(R - 1) * S + 1];
            let sum = |sums, row: usize, channel: usize| {
                add(sums, V::broadcast(x, row * S, channel), weights_of(weights, channel))
            };
            // What only fills the block may be anything.
            for half in (0..channels).step_by(4) {
                let left = channels - half;
                for row in 0..R {
                    first[row] = sum(first[row], row, half);
                    if left > 1 {
                        second[row] = sum(second[row], row, half + 1);
                    }
                    if left > 2 {
                        third[row] = sum(third[row], row, half + 2);
                    }
                    if left > 3 {
                        fourth[row] = sum(fourth[row], row, half + 3);
                    }
                }
            }
        }
    }
    for row in 0..R {
        let sums: [V; P] =
            std::array::from_fn(|v| first[row][v].add(second[row][v]).add(third[row][v].add(fourth[row][v])));
        store(sums, place, row, out);
    }
}

/// Adds, clamps and stores the sums of row `row` of a tile.
#[inline(always)]
fn store<V: Vector, const P: usize>(sums: [V; P], place: Place, row: usize, out: &mut [f32]) {
    let Place { panel, finish, steps, pixel } = place;
    let pixel = (pixel + row) * steps.pixel;
    if !steps.outputs.is_multiple_of(8) && steps.outputs < panel.first + P * V::LANES {
        let mut values = [[0.0; 16]; P];
        for (sum, values) in sums.into_iter().zip(&mut values) {
            sum.store(values);
        }
        return store_some(&values, V::LANES, panel.first, finish, steps, pixel, out);
    }
    let [low, high] = finish.clamp.map(V::splat);
    let piece = V::LANES.min(8);
    for (v, sum) in sums.into_iter().enumerate() {
        let output = panel.first + v * V::LANES;
        // Blocks that only fill the register are stored nowhere.
        let pieces = if V::LANES > 8 { steps.outputs.saturating_sub(output).div_ceil(8).min(2) } else { 1 };
        if pieces == 0 {
            break;
        }
        let starts: [usize; 2] = std::array::from_fn(|at| {
            let output = output + at.min(pieces - 1) * piece;
            output / 8 * steps.block + output % 8 + pixel
        });
        let mut sum = sum;
        if let Some(added) = finish.added {
            sum = sum.add(V::join(starts.map(|start| &added[start..][..piece])));
        }
        let sum = sum.clamp(low, high);
        for (at, &start) in starts.iter().enumerate().take(pieces) {
            sum.store_piece(at, &mut out[start..][..piece]);
        }
    }
}

/// The same where the outputs do not fill blocks. `sums` has so many `lanes` of each.
#[cold]
#[inline(never)]
fn store_some(
    sums: &[[f32; 16]],
    lanes: usize,
    first: usize,
    finish: Finish,
    steps: Steps,
    pixel: usize,
    out: &mut [f32],
) {
    let [low, high] = finish.clamp;
    let sums = sums.iter().flat_map(|vector| &vector[..lanes]);
    for (output, sum) in (first..steps.outputs).zip(sums) {
        let place = output / 8 * steps.block + output % 8 + pixel;
        let sum = finish.added.map_or(*sum, |added| sum + added[place]);
        // What is not a number stays so.
        let raised = if sum < low { low } else { sum };
        out[place] = if raised > high { high } else { raised };
    }
}
