//! Kernels: WGSL, written for the very shapes that it works on. Knows views and geometry, neither programs nor wgpu.
//!
//! Every kernel computes a value for each element of its output and passes it through an [`Expression`] before it is stored.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::expression::Expression;
use super::view::{View, volume};
use crate::graph::program::Pool;

/// What a kernel computes before its expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Computation {
    /// Nothing: the expression is all.
    Map,
    /// `[batch.., m, k]` by `[batch.., k, n]`, in tiles.
    Product(Product),
    /// A convolution with few channels a group: each output by itself.
    Direct(Window),
    Pool(Window, Pool),
    Sum(Reduction),
}

/// A matrix product for each of `batch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    pub batch: Vec<usize>,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// `[batch.., m, k]`.
    pub a: View,
    pub b: Right,
}

/// The right side of a product.
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// `[batch.., k, n]`.
    Matrix(View),
    /// The patches of a picture, as the product with the kernels of a convolution needs them; batch is `[n]`.
    Patches(Window),
}

/// A window that moves over pictures `[n, c, h, w]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub input: View,
    /// `[o, c / groups, kh, kw]`; pools have none.
    pub weights: Option<View>,
    pub groups: usize,
    /// `[n, o, h, w]`.
    pub output: [usize; 4],
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    /// Rows above and columns to the left that are not there.
    pub before: [usize; 2],
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    pub input: View,
    /// In order.
    pub axes: Vec<usize>,
}

/// A kernel, ready to compile.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    pub source: String,
    /// The tensors of its bindings, in order; the output's binding follows.
    pub inputs: Vec<usize>,
    pub output: usize,
    pub workgroups: [u32; 3],
}

/// Threads of a workgroup where each works alone.
const THREADS: usize = 64;
/// Most workgroups along one axis; every GPU takes as many.
const MOST: usize = 65_535;
/// Products: threads across and upwards, and the depth of a tile.
const SIDE: usize = 16;
const DEPTH: usize = 16;
/// Steps of the depth that are written out.
const UNROLLED: usize = 4;
/// Outputs of a direct convolution that one thread computes.
const STRIP: usize = 4;
/// Windows of at most so many cells are written out.
const SMALL: usize = 32;
/// From this many values on a workgroup sums together.
const TOGETHER: usize = 64;

impl Computation {
    fn inputs(&self) -> Vec<&View> {
        match self {
            Computation::Map => vec![],
            Computation::Product(Product { a, b: Right::Matrix(b), .. }) => vec![a, b],
            Computation::Product(Product { a, b: Right::Patches(window), .. }) => vec![a, &window.input],
            Computation::Direct(window) | Computation::Pool(window, _) => {
                std::iter::once(&window.input).chain(&window.weights).collect()
            }
            Computation::Sum(reduction) => vec![&reduction.input],
        }
    }
}

/// The tensors that a kernel for both reads, in order.
pub fn inputs(computation: &Computation, expression: &Expression) -> Vec<usize> {
    let mut inputs: Vec<usize> = computation.inputs().iter().map(|view| view.tensor).collect();
    expression.views(&mut |view| inputs.push(view.tensor));
    inputs.sort_unstable();
    inputs.dedup();
    inputs
}

/// Writes the kernel that computes `computation`, then `expression`, into `output`, which has the output's shape.
pub fn kernel(computation: &Computation, expression: &Expression, output: &View) -> Kernel {
    let inputs = inputs(computation, expression);
    let mut source = String::new();
    for (binding, _) in inputs.iter().enumerate() {
        line(&mut source, &format!("@group(0) @binding({binding}) var<storage, read> t{binding}: array<f32>;"));
    }
    line(&mut source, &format!("@group(0) @binding({}) var<storage, read_write> out: array<f32>;", inputs.len()));
    let code = Code { inputs: &inputs };
    source += &code.finish(expression, &output.shape);
    source += &code.store(output);
    let total = volume(&output.shape);
    let workgroups = match computation {
        Computation::Map => code.each(&mut source, "0.0", total),
        Computation::Product(product) => code.product(&mut source, product),
        Computation::Direct(window) => code.direct(&mut source, window),
        Computation::Pool(window, kind) => {
            source += &code.pool(window, *kind);
            code.each(&mut source, "value(i)", total)
        }
        Computation::Sum(reduction) => code.sum(&mut source, reduction, total),
    };
    Kernel { source, inputs, output: output.tensor, workgroups }
}

fn line(source: &mut String, text: &str) {
    source.push_str(text);
    source.push('\n');
}

/// As `[x, y, 1]` workgroups with at least `count` in all.
fn folded(count: usize) -> [u32; 3] {
    let across = count.clamp(1, MOST);
    [across as u32, count.div_ceil(across).max(1) as u32, 1]
}

struct Code<'a> {
    inputs: &'a [usize],
}

impl Code<'_> {
    /// An element of a view; `coordinates` are WGSL.
    fn at(&self, view: &View, coordinates: &[String]) -> String {
        let binding = self.inputs.binary_search(&view.tensor).expect("every input is bound");
        format!("t{binding}[{}]", place(view, coordinates))
    }

    /// `finish(i, v)`: the expression at element `i` of the output, where `v` was computed.
    fn finish(&self, expression: &Expression, shape: &[usize]) -> String {
        let mut body = String::new();
        let coordinates = self.coordinates(&mut body, "i", shape);
        let mut count = 0;
        let value = self.value(expression, &coordinates, &mut body, &mut count);
        format!("fn finish(i: u32, v: f32) -> f32 {{\n{body}return {value};\n}}\n")
    }

    fn value(&self, expression: &Expression, at: &[String], body: &mut String, count: &mut usize) -> String {
        match expression {
            Expression::Computed => "v".to_string(),
            Expression::Scalar(value) => literal(*value),
            Expression::Load(view) => {
                let whole = view.is_dense() && view.shape.len() == at.len();
                let load = if whole {
                    let binding = self.inputs.binary_search(&view.tensor).expect("every input is bound");
                    format!("t{binding}[{}u + i]", view.offset)
                } else {
                    self.at(view, at)
                };
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

    /// Takes `index` apart into a coordinate for each axis of `shape`, and gives their names.
    fn coordinates(&self, body: &mut String, index: &str, shape: &[usize]) -> Vec<String> {
        let mut names = vec!["0u".to_string(); shape.len()];
        let mut inner = 1;
        for axis in (0..shape.len()).rev() {
            if shape[axis] > 1 {
                let divided = if inner > 1 { format!("{index} / {inner}u") } else { index.to_string() };
                names[axis] = format!("c{axis}");
                line(body, &format!("let c{axis} = {divided} % {}u;", shape[axis]));
            }
            inner *= shape[axis];
        }
        names
    }

    /// `store(i, v)`: element `i` of the output.
    fn store(&self, output: &View) -> String {
        let mut body = String::new();
        let place = if output.is_dense() {
            format!("{}u + i", output.offset)
        } else {
            let coordinates = self.coordinates(&mut body, "i", &output.shape);
            place(output, &coordinates)
        };
        format!("fn store(i: u32, v: f32) {{\n{body}out[{place}] = v;\n}}\n")
    }

    /// One thread for each element.
    fn each(&self, source: &mut String, value: &str, total: usize) -> [u32; 3] {
        let workgroups = folded(total.div_ceil(THREADS));
        let across = workgroups[0];
        let _ = write!(
            source,
            "@compute @workgroup_size({THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {{
let i = (group.y * {across}u + group.x) * {THREADS}u + local;
if (i < {total}u) {{ store(i, finish(i, {value})); }}
}}
"
        );
        workgroups
    }

    /// The cells of a window over one channel, around `inner`, in which `sy` and `sx` are where the window looks.
    fn window_cells(&self, window: &Window, inner: &str) -> String {
        let [kh, kw] = window.kernel;
        let [sh, sw] = window.strides;
        let [bh, bw] = window.before;
        let (h, w) = (window.input.shape[2], window.input.shape[3]);
        let cell = format!(
            "let sy = y * {sh}u + ky - {bh}u;
let sx = x * {sw}u + kx - {bw}u;
if (sy < {h}u && sx < {w}u) {{ {inner} }}
"
        );
        if kh * kw > SMALL {
            return format!(
                "for (var ky = 0u; ky < {kh}u; ky++) {{ for (var kx = 0u; kx < {kw}u; kx++) {{\n{cell}}} }}\n"
            );
        }
        let cells = (0..kh).flat_map(|ky| (0..kw).map(move |kx| (ky, kx)));
        cells.map(|(ky, kx)| format!("{{ let ky = {ky}u; let kx = {kx}u;\n{cell}}}\n")).collect()
    }

    /// `n, o, y, x` of element `i`. What lies before the first row or column wraps around to a large number.
    fn pixel(&self, window: &Window) -> String {
        let [_, o, h, w] = window.output;
        format!(
            "let x = i % {w}u;\nlet y = i / {w}u % {h}u;\nlet o = i / {}u % {o}u;\nlet n = i / {}u;\n",
            w * h,
            w * h * o
        )
    }

    /// One thread for each few outputs side by side, which share weights and much of what they look at.
    fn direct(&self, source: &mut String, window: &Window) -> [u32; 3] {
        let [kh, kw] = window.kernel;
        let [sh, sw] = window.strides;
        let [bh, bw] = window.before;
        let (h, w) = (window.input.shape[2], window.input.shape[3]);
        let [n, o, up, across] = window.output;
        let channels = window.input.shape[1] / window.groups;
        let outputs = o / window.groups;
        let weights = window.weights.as_ref().expect("a convolution has weights");
        let strips = across.div_ceil(STRIP);
        // How far from the strip's first column each output looks.
        let offsets = |output: usize| (0..kw).map(move |kx| output * sw + kx);
        let columns: BTreeSet<usize> = (0..STRIP).flat_map(offsets).collect();
        let mut row = String::new();
        for column in columns {
            let at = ["n", "first + c", "sy", "sx"].map(String::from);
            let load = self.at(&window.input, &at);
            let _ = writeln!(
                row,
                "var v{column} = 0.0;\n{{ let sx = start + {column}u;\nif (sx < {w}u) {{ v{column} = {load}; }} }}"
            );
        }
        for kx in 0..kw {
            let at = ["o".to_string(), "c".to_string(), "ky".to_string(), format!("{kx}u")];
            let _ = writeln!(row, "{{ let weight = {};", self.at(weights, &at));
            for output in 0..STRIP {
                let _ = writeln!(row, "s{output} += weight * v{};", output * sw + kx);
            }
            row.push_str("}\n");
        }
        let total = n * o * up * strips;
        let workgroups = folded(total.div_ceil(THREADS));
        let _ = write!(
            source,
            "@compute @workgroup_size({THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {{
let t = (group.y * {}u + group.x) * {THREADS}u + local;
if (t >= {total}u) {{ return; }}
let x = t % {strips}u * {STRIP}u;
let y = t / {strips}u % {up}u;
let o = t / {}u % {o}u;
let n = t / {}u;
let start = x * {sw}u - {bw}u;
let first = o / {outputs}u * {channels}u;
",
            workgroups[0],
            strips * up,
            strips * up * o
        );
        for output in 0..STRIP {
            let _ = writeln!(source, "var s{output} = 0.0;");
        }
        let _ = write!(
            source,
            "for (var c = 0u; c < {channels}u; c++) {{
for (var ky = 0u; ky < {kh}u; ky++) {{
let sy = y * {sh}u + ky - {bh}u;
if (sy < {h}u) {{
{row}}}
}}
}}
let i = ((n * {o}u + o) * {up}u + y) * {across}u + x;
"
        );
        for output in 0..STRIP {
            let _ = writeln!(
                source,
                "if (x + {output}u < {across}u) {{ store(i + {output}u, finish(i + {output}u, s{output})); }}"
            );
        }
        source.push_str("}\n");
        workgroups
    }

    /// `value(i)`: a pool at element `i`.
    fn pool(&self, window: &Window, kind: Pool) -> String {
        let input = self.at(&window.input, &["n", "o", "sy", "sx"].map(String::from));
        let (start, step, result) = match kind {
            Pool::Max => ("-3.4028235e38", format!("max(sum, {input})"), "sum".to_string()),
            Pool::Mean => ("0.0", format!("sum + {input}"), format!("sum / {}.0", window.kernel[0] * window.kernel[1])),
        };
        let cells = self.window_cells(window, &format!("sum = {step};"));
        format!("fn value(i: u32) -> f32 {{\n{}var sum = {start};\n{cells}return {result};\n}}\n", self.pixel(window))
    }

    fn sum(&self, source: &mut String, reduction: &Reduction, total: usize) -> [u32; 3] {
        let Reduction { input, axes } = reduction;
        let reduced: Vec<usize> = axes.iter().map(|&axis| input.shape[axis]).collect();
        let count = volume(&reduced);
        // The place of an element is the sum of where its output and where its reduced coordinates lie. The output may have been given
        // another shape since, in the same order.
        let of_kept = |own: &[usize], other: usize| -> Vec<usize> {
            (0..own.len()).map(|axis| if axes.contains(&axis) { other } else { own[axis] }).collect()
        };
        let shape = of_kept(&input.shape, 1);
        let kept = View { strides: of_kept(&input.strides, 0), shape: shape.clone(), ..input.clone() };
        let along = View {
            tensor: input.tensor,
            offset: 0,
            strides: axes.iter().map(|&axis| input.strides[axis]).collect(),
            shape: reduced,
        };
        let mut first = String::new();
        let coordinates = self.coordinates(&mut first, "i", &shape);
        let _ = writeln!(first, "return {};", place(&kept, &coordinates));
        let mut next = String::new();
        let coordinates = self.coordinates(&mut next, "j", &along.shape);
        let _ = writeln!(next, "return {};", place(&along, &coordinates));
        let binding = self.inputs.binary_search(&input.tensor).expect("every input is bound");
        let _ = write!(
            source,
            "fn first(i: u32) -> u32 {{\n{first}}}\nfn along(j: u32) -> u32 {{\n{next}}}
fn part(i: u32, start: u32, by: u32) -> f32 {{
let base = first(i);
var sum = 0.0;
for (var j = start; j < {count}u; j += by) {{
sum += t{binding}[base + along(j)];
}}
return sum;
}}
"
        );
        if count < TOGETHER {
            return self.each(source, "part(i, 0u, 1u)", total);
        }
        // A tree keeps the error of a sum small, whatever its length.
        let workgroups = folded(total);
        let across = workgroups[0];
        let _ = write!(
            source,
            "var<workgroup> parts: array<f32, {THREADS}>;
@compute @workgroup_size({THREADS})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {{
let i = group.y * {across}u + group.x;
parts[local] = part(min(i, {last}u), local, {THREADS}u);
workgroupBarrier();
for (var half = {half}u; half > 0u; half /= 2u) {{
if (local < half) {{ parts[local] += parts[local + half]; }}
workgroupBarrier();
}}
if (local == 0u && i < {total}u) {{ store(i, finish(i, parts[0])); }}
}}
",
            last = total - 1,
            half = THREADS / 2
        );
        workgroups
    }

    /// Tiles of both matrices are brought into the workgroup's memory; each thread keeps a block of the output in registers.
    fn product(&self, source: &mut String, product: &Product) -> [u32; 3] {
        let Product { batch, m, n, k, a, b } = product;
        let (m, n, k) = (*m, *n, *k);
        let rows = m.div_ceil(SIDE).next_power_of_two().min(4);
        let columns = n.div_ceil(SIDE).next_power_of_two().min(4);
        let (tall, wide) = (rows * SIDE, columns * SIDE);
        let mut left = String::new();
        let mut coordinates = self.coordinates(&mut left, "b", batch);
        let prefix = coordinates.clone();
        coordinates.extend(["m".to_string(), "k".to_string()]);
        let _ = writeln!(left, "return {};", self.at(a, &coordinates));
        let mut right = String::new();
        match b {
            Right::Matrix(view) => {
                let _ = self.coordinates(&mut right, "b", batch);
                let coordinates = [&prefix[..], &["k".to_string(), "n".to_string()]].concat();
                let _ = writeln!(right, "return {};", self.at(view, &coordinates));
            }
            Right::Patches(window) => right += &self.patch(window),
        }
        // Values that one thread brings and uses together lie in one vector, so that they cost one access.
        let vector = |lanes: usize| if lanes == 1 { "f32".to_string() } else { format!("vec{lanes}<f32>") };
        let lane = |name: &str, lanes: usize, at: usize| {
            if lanes == 1 { name.to_string() } else { format!("{name}.{}", ["x", "y", "z", "w"][at]) }
        };
        let (column, row) = (vector(rows), vector(columns));
        let _ = write!(
            source,
            "var<workgroup> left_tile: array<{column}, {size}>;
var<workgroup> right_tile: array<{row}, {size}>;
fn left(b: u32, m: u32, k: u32) -> f32 {{
if (m >= {m}u || k >= {k}u) {{ return 0.0; }}
{left}}}
fn right(b: u32, k: u32, n: u32) -> f32 {{
if (k >= {k}u || n >= {n}u) {{ return 0.0; }}
{right}}}
@compute @workgroup_size({SIDE}, {SIDE})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>, @builtin(local_invocation_index) at: u32) {{
let b = group.z;
let top = group.y * {tall}u;
let start = group.x * {wide}u;
",
            size = SIDE * DEPTH
        );
        for at in 0..columns {
            let _ = writeln!(source, "var s{at} = {column}();");
        }
        let each = |count: usize, load: &dyn Fn(usize) -> String| (0..count).map(load).collect::<Vec<_>>().join(", ");
        let lefts = each(rows, &|at| format!("left(b, top + at / {DEPTH}u * {rows}u + {at}u, depth + at % {DEPTH}u)"));
        let rights =
            each(columns, &|at| format!("right(b, depth + at / {SIDE}u, start + at % {SIDE}u * {columns}u + {at}u)"));
        let _ = write!(
            source,
            "for (var depth = 0u; depth < {k}u; depth += {DEPTH}u) {{
left_tile[at % {DEPTH}u * {SIDE}u + at / {DEPTH}u] = {column}({lefts});
right_tile[at] = {row}({rights});
workgroupBarrier();
for (var first = 0u; first < {DEPTH}u; first += {UNROLLED}u) {{
"
        );
        for step in 0..UNROLLED {
            let _ = write!(
                source,
                "{{
let l = left_tile[(first + {step}u) * {SIDE}u + local.y];
let r = right_tile[(first + {step}u) * {SIDE}u + local.x];
"
            );
            for at in 0..columns {
                let _ = writeln!(source, "s{at} += l * {};", lane("r", columns, at));
            }
            source.push_str("}\n");
        }
        source.push_str("}\nworkgroupBarrier();\n}\n");
        for (across, upwards) in (0..columns).flat_map(|across| (0..rows).map(move |upwards| (across, upwards))) {
            let _ = write!(
                source,
                "{{
let m = top + local.y * {rows}u + {upwards}u;
let n = start + local.x * {columns}u + {across}u;
if (m < {m}u && n < {n}u) {{
let i = b * {}u + m * {n}u + n;
store(i, finish(i, {}));
}}
}}
",
                m * n,
                lane(&format!("s{across}"), rows, upwards)
            );
        }
        source.push_str("}\n");
        [n.div_ceil(wide) as u32, m.div_ceil(tall) as u32, volume(batch) as u32]
    }

    /// The body of `right(b, k, n)` for a convolution: cell `k` of the window at output pixel `n`.
    fn patch(&self, window: &Window) -> String {
        let [kh, kw] = window.kernel;
        let [sh, sw] = window.strides;
        let [bh, bw] = window.before;
        let (h, w) = (window.input.shape[2], window.input.shape[3]);
        let across = window.output[3];
        let at = ["b".to_string(), format!("k / {}u", kh * kw), "sy".to_string(), "sx".to_string()];
        format!(
            "let sy = n / {across}u * {sh}u + k / {kw}u % {kh}u - {bh}u;
let sx = n % {across}u * {sw}u + k % {kw}u - {bw}u;
if (sy >= {h}u || sx >= {w}u) {{ return 0.0; }}
return {};
",
            self.at(&window.input, &at.map(|text| format!("({text})")))
        )
    }
}

/// Where an element of a view lies.
fn place(view: &View, coordinates: &[String]) -> String {
    let mut text = format!("{}u", view.offset);
    for (axis, coordinate) in coordinates.iter().enumerate() {
        if view.shape[axis] > 1 && view.strides[axis] > 0 {
            let _ = write!(text, " + ({coordinate}) * {}u", view.strides[axis]);
        }
    }
    text
}

/// Gives `value` a name of its own.
fn named(body: &mut String, count: &mut usize, value: &str) -> String {
    let name = format!("x{count}");
    *count += 1;
    line(body, &format!("let {name} = {value};"));
    name
}

/// A number as WGSL, to the last bit. WGSL has no infinity: the greatest finite number stands for it.
fn literal(value: f32) -> String {
    format!("({:e}f)", value.clamp(f32::MIN, f32::MAX))
}
