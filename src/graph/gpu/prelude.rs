//! Preludes: what the WGSL files of `shaders/` leave open, written for the very shapes that a kernel works on. Knows views and expressions,
//! no computation.

use std::fmt::{Display, Write};

use super::expression::{Expression, FUNCTIONS};
use super::view::View;

/// Threads of a workgroup where each works alone.
pub const THREADS: usize = 64;
/// Most workgroups along one axis; every GPU takes as many.
const MAX_ACROSS: usize = 65_535;

/// What is needed beside a prelude to run a computation.
pub struct Shader {
    /// The WGSL that stands on the prelude.
    pub file: &'static str,
    /// The function that it starts with.
    pub entry: &'static str,
    pub workgroups: [u32; 3],
}

/// WGSL that comes before a shader: bindings, constants, types and the functions that depend on shapes.
pub struct Prelude<'a> {
    inputs: &'a [usize],
    text: String,
}

impl<'a> Prelude<'a> {
    /// Binds `inputs`, the numbers of tensors in order, as `t0`, `t1` and so on, and the output behind them, and writes the functions that
    /// every shader ends with: `finish(i, v)`, the expression at element `i` of the output, where `v` was computed, and `store(i, v)`.
    pub fn new(inputs: &'a [usize], expression: &Expression, output: &View) -> Prelude<'a> {
        let mut prelude = Prelude { inputs, text: String::new() };
        for binding in 0..inputs.len() {
            prelude.line(&format!("@group(0) @binding({binding}) var<storage, read> t{binding}: array<f32>;"));
        }
        prelude.line(&format!("@group(0) @binding({}) var<storage, read_write> out: array<f32>;", inputs.len()));
        prelude.file(FUNCTIONS);
        prelude.finish(expression, &output.shape);
        prelude.store(output);
        prelude
    }

    /// The whole source of a kernel: the prelude, then the shader's file.
    pub fn with(self, shader: &Shader) -> String {
        self.text + shader.file
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// `const NAME = value;`, of type u32.
    pub fn constant(&mut self, name: &str, value: usize) {
        self.line(&format!("const {name}: u32 = {value}u;"));
    }

    /// `const NAME = value;`, of type bool.
    pub fn flag(&mut self, name: &str, value: bool) {
        self.line(&format!("const {name}: bool = {value};"));
    }

    /// Another name of a type.
    pub fn alias(&mut self, name: &str, of: &str) {
        self.line(&format!("alias {name} = {of};"));
    }

    /// A function: `head` is its name, parameters and type.
    pub fn function<Line: Display>(&mut self, head: &str, body: impl IntoIterator<Item = Line>) {
        self.line(&format!("fn {head} {{"));
        for line in body {
            self.line(&format!("    {line}"));
        }
        self.line("}");
    }

    /// WGSL that stands on this prelude, and that the shader's file in turn stands on.
    pub fn file(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The constants of a grid of at least `count` workgroups, and the grid.
    pub fn workgroups(&mut self, count: usize) -> [u32; 3] {
        let across = count.clamp(1, MAX_ACROSS);
        self.constant("THREADS", THREADS);
        self.constant("ACROSS", across);
        [across as u32, count.div_ceil(across).max(1) as u32, 1]
    }

    /// The constants of a grid with a thread for each of `total`, and the grid.
    pub fn threads(&mut self, total: usize) -> [u32; 3] {
        self.constant("TOTAL", total);
        self.workgroups(total.div_ceil(THREADS))
    }

    /// The tensor of a view, as it is called in WGSL.
    pub fn tensor(&self, view: &View) -> String {
        let binding = self.inputs.binary_search(&view.tensor).expect("every input is bound");
        format!("t{binding}")
    }

    /// An element of a view; `coordinates` are names in WGSL.
    pub fn element(&self, view: &View, coordinates: &[impl Display]) -> String {
        format!("{}[{}]", self.tensor(view), place(view, coordinates))
    }

    fn finish(&mut self, expression: &Expression, shape: &[usize]) {
        let mut body = Vec::new();
        let coordinates = coordinates(&mut body, "i", shape);
        let mut count = 0;
        let value = self.value(expression, &coordinates, &mut body, &mut count);
        body.push(format!("return {value};"));
        self.function("finish(i: u32, v: f32) -> f32", body);
    }

    fn value(&self, expression: &Expression, at: &[String], body: &mut Vec<String>, count: &mut usize) -> String {
        match expression {
            Expression::Computed => "v".to_string(),
            Expression::Scalar(value) => literal(*value),
            Expression::Load(view) => {
                let whole = view.is_dense() && view.shape.len() == at.len();
                let load =
                    if whole { format!("{}[{}u + i]", self.tensor(view), view.offset) } else { self.element(view, at) };
                named(body, count, &load)
            }
            Expression::Apply(code, operands) => {
                let mut text = (*code).to_string();
                for (number, operand) in operands.iter().enumerate() {
                    let operand = self.value(operand, at, body, count);
                    text = text.replace(&format!("${number}"), &operand);
                }
                named(body, count, &text)
            }
        }
    }

    fn store(&mut self, output: &View) {
        let mut body = Vec::new();
        let place = if output.is_dense() {
            format!("{}u + i", output.offset)
        } else {
            let coordinates = coordinates(&mut body, "i", &output.shape);
            place(output, &coordinates)
        };
        body.push(format!("out[{place}] = v;"));
        self.function("store(i: u32, v: f32)", body);
    }
}

/// Takes `index` apart into a coordinate for each axis of `shape`, and gives their names.
pub fn coordinates(body: &mut Vec<String>, index: &str, shape: &[usize]) -> Vec<String> {
    let mut names = vec!["0u".to_string(); shape.len()];
    let mut inner = 1;
    for axis in (0..shape.len()).rev() {
        if shape[axis] > 1 {
            let divided = if inner > 1 { format!("{index} / {inner}u") } else { index.to_string() };
            names[axis] = format!("c{axis}");
            body.push(format!("let c{axis} = {divided} % {}u;", shape[axis]));
        }
        inner *= shape[axis];
    }
    names
}

/// Where an element of a view lies; `coordinates` are names in WGSL.
pub fn place(view: &View, coordinates: &[impl Display]) -> String {
    let mut text = format!("{}u", view.offset);
    for (axis, coordinate) in coordinates.iter().enumerate() {
        if view.shape[axis] > 1 && view.strides[axis] > 0 {
            let _ = write!(text, " + {coordinate} * {}u", view.strides[axis]);
        }
    }
    text
}

/// Gives `value` a name of its own.
fn named(body: &mut Vec<String>, count: &mut usize, value: &str) -> String {
    let name = format!("x{count}");
    *count += 1;
    body.push(format!("let {name} = {value};"));
    name
}

/// A number as WGSL, to the last bit. WGSL has no infinity: the greatest finite number stands for it.
fn literal(value: f32) -> String {
    format!("({:e}f)", value.clamp(f32::MIN, f32::MAX))
}
