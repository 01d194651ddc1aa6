// The limits of the machine as WebAssembly sees them: multiply-adds of float32 vectors a second, and bytes of memory a second.
// Writes the module's text; the runner assembles it.

/** Steps of the inner loop: both panels together stay in the first-level cache. */
const DEPTH = 256;
/** The tiles that are tried: rows times vectors of four columns. More would not fit the 16 registers of an x86. */
const TILES = [[4, 2], [5, 2], [3, 3]];
/** Floats in each array of the memory test: far more than a cache holds. */
const FLOATS = 16 << 20;
const PANELS = 64 * 1024;
const PAGES = (3 * 4 * FLOATS + PANELS) / 65536;

export const limits = { depth: DEPTH, tiles: TILES, floats: FLOATS };

/**
 * The text of the module. Exports: `tile_RxC(repeats) -> f32`, the inner loop of a matrix product over panels of ones, which gives
 * the sum of its accumulators; `triad()`, a = b + 3 c; `copy()`, b = c; `fill()`, which must come first.
 * @param {boolean} relaxed  with relaxed_madd instead of a product and a sum
 */
export function limitsText(relaxed) {
  return `(module
  (memory (export "memory") ${PAGES})
  ${TILES.map(([rows, columns]) => tile(rows, columns, relaxed)).join('\n')}
  ${fill()}
  ${stream('triad', `(f32x4.add (v128.load (local.get $b)) (f32x4.mul (v128.load (local.get $c)) (f32x4.splat (f32.const 3))))`, '$a')}
  ${stream('copy', '(v128.load (local.get $c))', '$b')}
)`;
}

/** Multiply-adds of one call of a tile. */
export const tileMacs = ([rows, columns], repeats) => rows * columns * 4 * DEPTH * repeats;

/** What a tile must give: each lane of each accumulator counts the steps. */
export const tileSum = tileMacs;

function tile(rows, columns, relaxed) {
  const each = (count, text) => Array.from({ length: count }, (_, at) => text(at)).join('\n');
  const cells = (text) => each(rows, (row) => each(columns, (column) => text(row, column)));
  const [left, right] = [rows * 4, columns * 16];
  const step = (row, column) => (relaxed
    ? `(local.set $s${row}${column} (f32x4.relaxed_madd (local.get $x) (local.get $y${column}) (local.get $s${row}${column})))`
    : `(local.set $s${row}${column} (f32x4.add (local.get $s${row}${column}) (f32x4.mul (local.get $x) (local.get $y${column}))))`);
  return `(func (export "tile_${rows}x${columns}") (param $repeats i32) (result f32)
    (local $p i32) (local $q i32) (local $k i32) (local $x v128) (local $sum v128)
    ${each(columns, (column) => `(local $y${column} v128)`)}
    ${cells((row, column) => `(local $s${row}${column} v128)`)}
    (loop $again
      (local.set $p (i32.const 0))
      (local.set $q (i32.const ${PANELS / 2}))
      (local.set $k (i32.const ${DEPTH}))
      (loop $deep
        ${each(columns, (column) => `(local.set $y${column} (v128.load offset=${16 * column} (local.get $q)))`)}
        ${each(rows, (row) => `(local.set $x (v128.load32_splat offset=${4 * row} (local.get $p)))
        ${each(columns, (column) => step(row, column))}`)}
        (local.set $p (i32.add (local.get $p) (i32.const ${left})))
        (local.set $q (i32.add (local.get $q) (i32.const ${right})))
        (br_if $deep (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
      (br_if $again (local.tee $repeats (i32.sub (local.get $repeats) (i32.const 1)))))
    ${cells((row, column) => `(local.set $sum (f32x4.add (local.get $sum) (local.get $s${row}${column})))`)}
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $sum)) (f32x4.extract_lane 1 (local.get $sum)))
      (f32.add (f32x4.extract_lane 2 (local.get $sum)) (f32x4.extract_lane 3 (local.get $sum)))))`;
}

function fill() {
  return `(func (export "fill") (local $at i32)
    (loop $more
      (f32.store (local.get $at) (f32.const 1))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $more (i32.lt_u (local.get $at) (i32.const ${3 * 4 * FLOATS + PANELS})))))`;
}

/** A loop over the three arrays that stores `value`. */
function stream(name, value, target) {
  const [a, b, c] = [0, 1, 2].map((at) => PANELS + at * 4 * FLOATS);
  return `(func (export "${name}") (local $a i32) (local $b i32) (local $c i32)
    (local.set $a (i32.const ${a})) (local.set $b (i32.const ${b})) (local.set $c (i32.const ${c}))
    (loop $more
      (v128.store (local.get ${target}) ${value})
      (local.set $a (i32.add (local.get $a) (i32.const 16)))
      (local.set $c (i32.add (local.get $c) (i32.const 16)))
      (br_if $more (i32.lt_u (local.tee $b (i32.add (local.get $b) (i32.const 16))) (i32.const ${c})))))`;
}
