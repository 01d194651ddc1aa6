//! A network as a list of steps over tensors: what the ONNX file says, without what only its readers need. Owns the steps' meaning,
//! their shapes, and the packed file. Knows neither tract nor how tensors lie in memory.
//!
//! A value is named by its number: 0 is the input, then come the constants, then one value for each step, in order.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the packed file begins; the last byte is the version of its layout.
const MAGIC: &[u8; 8] = b"LGPACK\0\x02";

/// At most this many values has a tensor of a network; those of a network for one slice have far fewer.
pub(super) const MAX_VALUES: usize = 1 << 26;
/// At most this many values has a tensor of weights; VGG's largest has 103 million.
pub(super) const MAX_WEIGHTS: usize = 1 << 27;
/// At most this many values have all weights as steps take them; those of VGG-19 are 144 million.
pub(super) const MAX_PACKED: usize = 5 << 25;
/// At most this many steps; common networks have up to 5,000.
const MAX_STEPS: usize = 1 << 16;
/// At most this many axes.
const MAX_AXES: usize = 8;

/// The lengths of a tensor's axes, slowest first.
pub type Shape = Vec<usize>;

/// A network. It makes sense only where [`Program::shapes`] finds nothing wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// SHA-256 of the ONNX file that it was made from, in lower-case hexadecimal.
    pub onnx: String,
    /// Of the input.
    pub input: Shape,
    /// In the order of their numbers.
    pub constants: Vec<Constant>,
    /// In the order in which they run.
    pub steps: Vec<Step>,
    /// Names and values.
    pub outputs: Vec<(String, usize)>,
}

/// A tensor that is part of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// As many values as there are.
    pub shape: Shape,
    /// Row by row.
    pub values: Vec<f32>,
}

/// One operation; it gives one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The node of the ONNX file.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Values that are there before it.
    pub inputs: Vec<usize>,
}

/// What a step does. Pictures are `[1, C, H, W]`; two lengths are height and width, four are top, left, bottom, right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// Inputs: the picture, weights `[O, C, h, w]` (`[C, 1, h, w]` if depthwise), bias `[O]`, and, if there are four, a picture that is
    /// added before the clamp.
    Conv {
        /// Between windows.
        strides: [usize; 2],
        /// Zeros around the picture.
        pads: [usize; 4],
        /// Whether each channel has a filter of its own.
        depthwise: bool,
        /// The least and the greatest value that is given.
        clamp: Option<[f32; 2]>,
    },
    /// Over windows; cells outside the picture do not take part.
    Pool {
        /// What becomes of a window.
        kind: Pool,
        /// Of a window.
        kernel: [usize; 2],
        /// Between windows.
        strides: [usize; 2],
        /// Rows and columns around the picture that windows reach into.
        pads: [usize; 4],
    },
    /// A function of each value.
    Unary(Unary),
    /// With the shorter axes of length 1 repeated; both inputs have the same number of axes.
    Binary(Binary),
    /// Sums over these axes and keeps them with length 1.
    Sum {
        /// From 0, the slowest.
        axes: Vec<usize>,
    },
    /// `[.., M, K]` times `[.., K, N]`; all axes but the last two are equal.
    MatMul,
    /// The same values in another shape.
    Reshape(Shape),
    /// Repeats axes of length 1.
    Broadcast(Shape),
    /// A part of one axis.
    Slice {
        /// From 0, the slowest.
        axis: usize,
        /// The first element.
        start: usize,
        /// The one behind the last.
        end: usize,
    },
    /// Its inputs behind each other.
    Concat {
        /// From 0, the slowest; all others are equal.
        axis: usize,
    },
    /// The axes in another order: axis `order[i]` comes at place i.
    Transpose {
        /// Each axis once.
        order: Vec<usize>,
    },
}

/// What becomes of the values of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pool {
    /// The greatest.
    Max,
    /// Their mean.
    Mean,
}

/// A function of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unary {
    /// Without its sign.
    Abs,
    /// The power of e.
    Exp,
    /// The next whole number below.
    Floor,
    /// The natural logarithm.
    Ln,
    /// 1 / x.
    Recip,
    /// 1 / sqrt(x).
    Rsqrt,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// The square root.
    Sqrt,
    /// x times x.
    Square,
    /// The Gauss error function.
    Erf,
    /// The hyperbolic tangent.
    Tanh,
}

/// A function of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    /// a + b.
    Add,
    /// a - b.
    Sub,
    /// a times b.
    Mul,
    /// a / b.
    Div,
    /// The greater.
    Max,
    /// The smaller.
    Min,
}

/// The file before the constants' values.
#[derive(Serialize, Deserialize)]
struct Header {
    onnx: String,
    input: Shape,
    constants: Vec<(Shape, Grid)>,
    steps: Vec<Step>,
    outputs: Vec<(String, usize)>,
}

/// How a constant's values are stored; either way without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Grid {
    /// 16-bit floats, the grid that the network was exported on: first the byte with sign and exponent of each, then the other byte of each.
    /// Bytes of one kind together compress better, by 7 % of our network.
    Half,
    Single,
}

/// The number of values of a shape.
///
/// # Errors
/// When they are none, or more than any network here has.
pub fn count(shape: &[usize]) -> std::result::Result<usize, String> {
    count_up_to(MAX_VALUES, shape)
}

/// The number of values of a shape, if they are at most so many.
pub(super) fn count_up_to(most: usize, shape: &[usize]) -> std::result::Result<usize, String> {
    if shape.len() > MAX_AXES {
        return Err(format!("a tensor has {} axes", shape.len()));
    }
    let product = shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length));
    match product {
        Some(0) => Err(format!("a tensor of shape {shape:?} is empty")),
        Some(count) if count <= most => Ok(count),
        _ => Err(format!("a tensor of shape {shape:?} is too large")),
    }
}

impl Program {
    /// The packed file, which [`Program::parse`] reads.
    pub fn pack(&self) -> Result<Vec<u8>> {
        let grid = |constant: &Constant| {
            let exact =
                constant.values.iter().all(|&value| half::f16::from_f32(value).to_f32().to_bits() == value.to_bits());
            if exact { Grid::Half } else { Grid::Single }
        };
        let header = Header {
            onnx: self.onnx.clone(),
            input: self.input.clone(),
            constants: self.constants.iter().map(|constant| (constant.shape.clone(), grid(constant))).collect(),
            steps: self.steps.clone(),
            outputs: self.outputs.clone(),
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(postcard::to_allocvec(&header).map_err(|error| Error::Internal(error.to_string()))?);
        for (Constant { values, .. }, (_, grid)) in self.constants.iter().zip(&header.constants) {
            match grid {
                Grid::Half => {
                    let halves = || values.iter().map(|&value| half::f16::from_f32(value).to_be_bytes());
                    bytes.extend(halves().map(|[high, _]| high));
                    bytes.extend(halves().map(|[_, low]| low));
                }
                Grid::Single => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            }
        }
        Ok(bytes)
    }

    /// Reads a packed file and checks it.
    ///
    /// # Errors
    /// [`Error::Model`] for anything that [`Program::pack`] does not write.
    pub fn parse(bytes: &[u8]) -> Result<Program> {
        Program::try_parse(bytes).map_err(|reason| Error::Model(format!("the packed network: {reason}")))
    }

    fn try_parse(bytes: &[u8]) -> std::result::Result<Program, String> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("it is none, or of another version")?;
        let (header, mut rest): (Header, &[u8]) =
            postcard::take_from_bytes(rest).map_err(|error| format!("its header is damaged ({error})"))?;
        let mut constants = Vec::new();
        for (shape, grid) in header.constants {
            let size = match grid {
                Grid::Half => 2,
                Grid::Single => 4,
            };
            let (stored, left) =
                rest.split_at_checked(count_up_to(MAX_WEIGHTS, &shape)? * size).ok_or("it is cut short")?;
            rest = left;
            let values = match grid {
                Grid::Half => {
                    let (high, low) = stored.split_at(stored.len() / 2);
                    high.iter().zip(low).map(|(&high, &low)| half::f16::from_be_bytes([high, low]).to_f32()).collect()
                }
                Grid::Single => stored.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            };
            constants.push(Constant { shape, values });
        }
        if !rest.is_empty() {
            return Err(format!("{} bytes follow its end", rest.len()));
        }
        let Header { onnx, input, steps, outputs, .. } = header;
        let program = Program { onnx, input, constants, steps, outputs };
        program.shapes()?;
        Ok(program)
    }

    /// The shape of every value.
    ///
    /// # Errors
    /// The name of the first step that does not fit its inputs, and why.
    pub fn shapes(&self) -> std::result::Result<Vec<Shape>, String> {
        if self.steps.len() > MAX_STEPS {
            return Err(format!("it has {} steps, of at most {MAX_STEPS}", self.steps.len()));
        }
        count(&self.input)?;
        let mut shapes = vec![self.input.clone()];
        for constant in &self.constants {
            if count_up_to(MAX_WEIGHTS, &constant.shape)? != constant.values.len() {
                return Err(format!("a constant of shape {:?} has {} values", constant.shape, constant.values.len()));
            }
            shapes.push(constant.shape.clone());
        }
        for step in &self.steps {
            let fault = |reason: String| format!("step {}: {reason}", step.name);
            let inputs: Option<Vec<&Shape>> = step.inputs.iter().map(|&value| shapes.get(value)).collect();
            let inputs = inputs.ok_or_else(|| fault("it takes a value that is not there yet".to_string()))?;
            let shape = step.op.shape(&inputs).map_err(fault)?;
            count(&shape).map_err(fault)?;
            shapes.push(shape);
        }
        match self.outputs.iter().find(|(_, value)| *value >= shapes.len()) {
            Some((name, _)) => Err(format!("the output {name} is no value")),
            None => Ok(shapes),
        }
    }

    /// The values of `value`, if it is a constant.
    pub fn constant(&self, value: usize) -> Option<&Constant> {
        self.constants.get(value.checked_sub(1)?)
    }

    /// The value that step `index` gives.
    pub fn value_of(&self, index: usize) -> usize {
        1 + self.constants.len() + index
    }
}

impl Op {
    /// The shape of what it gives.
    fn shape(&self, inputs: &[&Shape]) -> std::result::Result<Shape, String> {
        let misfit = || format!("{self:?} does not fit inputs of shapes {inputs:?}");
        let fits = |condition: bool| if condition { Ok(()) } else { Err(misfit()) };
        let one = || if let [input] = inputs { Ok(*input) } else { Err(misfit()) };
        match self {
            Op::Conv { strides, pads, depthwise, clamp } => {
                let (&[picture, weights, bias, ref added @ ..], true) = (inputs, inputs.len() <= 4) else {
                    return Err(misfit());
                };
                let (&[1, channels, height, width], &[filters, depth, h, w]) = (&picture[..], &weights[..]) else {
                    return Err(misfit());
                };
                fits(bias[..] == [filters] && depth == if *depthwise { 1 } else { channels })?;
                fits(!depthwise || filters == channels)?;
                fits(clamp.is_none_or(|[low, high]| low <= high))?;
                let [height, width] = windows([height, width], [h, w], *strides, *pads).ok_or_else(misfit)?;
                let shape = vec![1, filters, height, width];
                fits(added.iter().all(|added| **added == shape))?;
                Ok(shape)
            }
            Op::Pool { kernel, strides, pads, .. } => {
                let &[1, channels, height, width] = &one()?[..] else { return Err(misfit()) };
                let [height, width] = windows([height, width], *kernel, *strides, *pads).ok_or_else(misfit)?;
                Ok(vec![1, channels, height, width])
            }
            Op::Unary(_) => Ok(one()?.clone()),
            Op::Binary(_) => {
                let &[a, b] = inputs else { return Err(misfit()) };
                fits(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || *a == 1 || *b == 1))?;
                Ok(a.iter().zip(b).map(|(&a, &b)| if a == 1 { b } else { a }).collect())
            }
            Op::Sum { axes } => {
                let mut shape = one()?.clone();
                for &axis in axes {
                    *shape.get_mut(axis).ok_or_else(misfit)? = 1;
                }
                Ok(shape)
            }
            Op::MatMul => {
                let &[a, b] = inputs else { return Err(misfit()) };
                let (&[ref above @ .., m, k], &[ref beside @ .., same, n]) = (&a[..], &b[..]) else {
                    return Err(misfit());
                };
                fits(above == beside && k == same)?;
                Ok([above, &[m, n]].concat())
            }
            Op::Reshape(shape) => {
                fits(count(one()?)? == count(shape)?)?;
                Ok(shape.clone())
            }
            Op::Broadcast(shape) => {
                let input = one()?;
                fits(input.len() == shape.len() && input.iter().zip(shape).all(|(from, to)| from == to || *from == 1))?;
                Ok(shape.clone())
            }
            Op::Slice { axis, start, end } => {
                let mut shape = one()?.clone();
                let length = shape.get_mut(*axis).ok_or_else(misfit)?;
                fits(start < end && end <= length)?;
                *length = end - start;
                Ok(shape)
            }
            Op::Concat { axis } => {
                let mut shape = (*inputs.first().ok_or_else(misfit)?).clone();
                fits(*axis < shape.len())?;
                for other in &inputs[1..] {
                    fits(other.len() == shape.len())?;
                    fits(shape.iter().zip(*other).enumerate().all(|(at, (a, b))| at == *axis || a == b))?;
                    shape[*axis] = shape[*axis].checked_add(other[*axis]).ok_or_else(misfit)?;
                }
                Ok(shape)
            }
            Op::Transpose { order } => {
                let input = one()?;
                let mut sorted = order.clone();
                sorted.sort_unstable();
                fits(sorted.into_iter().eq(0..input.len()))?;
                Ok(order.iter().map(|&axis| input[axis]).collect())
            }
        }
    }
}

/// How many windows stand beside each other, by height and width. `None` where not even one does, or one would lie in the padding alone.
fn windows(picture: [usize; 2], kernel: [usize; 2], strides: [usize; 2], pads: [usize; 4]) -> Option<[usize; 2]> {
    let along = |axis: usize| {
        let (kernel, before, after) = (kernel[axis], pads[axis], pads[axis + 2]);
        let inside = before < kernel && after < kernel && picture[axis] > 0 && strides[axis] > 0;
        let padded = picture[axis].checked_add(before)?.checked_add(after)?;
        inside.then_some(padded.checked_sub(kernel)?).map(|free| free / strides[axis] + 1)
    };
    Some([along(0)?, along(1)?])
}
