// A matrix product for each of a batch: [M, K] by [K, N].
//
// Tiles of both matrices, DEPTH deep, are brought into the memory of a workgroup of SIDE x SIDE threads; each thread keeps a block of the
// output, ROWS x COLUMNS sums, in registers.
//
// The prelude gives M, N, K, SIDE, DEPTH, ROWS, COLUMNS (1, 2 or 4), and
// - Column, Row: ROWS values one below the other, COLUMNS side by side: a number or a vector, so that they cost one access;
// - column_lanes(column), row_lanes(row): the same as a vector of four, zeros behind them;
// - lefts(b, m, k), rights(b, k, n): those of the left matrix from row `m` on, of the right one from column `n` on; zeros beyond the edges;
// - finish and store.
//
// What is done two or four times is written out, and the sums have names: wgpu counts the turns of every loop, lest one never end, which keeps
// drivers such as Mesa's from unrolling it, and an array that a loop goes through then lies in memory, not in registers.

var<workgroup> left_tile: array<Column, SIDE * DEPTH>;
var<workgroup> right_tile: array<Row, SIDE * DEPTH>;

/// The columns of a thread's block, of which the first COLUMNS count.
struct Sums {
    s0: Column,
    s1: Column,
    s2: Column,
    s3: Column,
}

/// Adds what lies at depth `k` of both tiles.
fn step(sums: ptr<function, Sums>, k: u32, local: vec3<u32>) {
    let column = left_tile[k * SIDE + local.y];
    let row = row_lanes(right_tile[k * SIDE + local.x]);
    (*sums).s0 += column * row.x;
    if (COLUMNS > 1u) {
        (*sums).s1 += column * row.y;
    }
    if (COLUMNS > 2u) {
        (*sums).s2 += column * row.z;
        (*sums).s3 += column * row.w;
    }
}

fn keep(b: u32, m: u32, n: u32, sum: f32) {
    if (m < M && n < N) {
        let i = b * (M * N) + m * N + n;
        store(i, finish(i, sum));
    }
}

fn keep_column(b: u32, m: u32, n: u32, sums: Column) {
    let lanes = column_lanes(sums);
    keep(b, m, n, lanes.x);
    if (ROWS > 1u) {
        keep(b, m + 1u, n, lanes.y);
    }
    if (ROWS > 2u) {
        keep(b, m + 2u, n, lanes.z);
        keep(b, m + 3u, n, lanes.w);
    }
}

@compute @workgroup_size(SIDE, SIDE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) at: u32,
) {
    let b = group.z;
    let top = group.y * (SIDE * ROWS);
    let start = group.x * (SIDE * COLUMNS);
    var sums = Sums();
    for (var depth = 0u; depth < K; depth += DEPTH) {
        left_tile[at % DEPTH * SIDE + at / DEPTH] = lefts(b, top + at / DEPTH * ROWS, depth + at % DEPTH);
        right_tile[at] = rights(b, depth + at / SIDE, start + at % SIDE * COLUMNS);
        workgroupBarrier();
        for (var first = 0u; first < DEPTH; first += 4u) {
            step(&sums, first, local);
            step(&sums, first + 1u, local);
            step(&sums, first + 2u, local);
            step(&sums, first + 3u, local);
        }
        workgroupBarrier();
    }
    let m = top + local.y * ROWS;
    let n = start + local.x * COLUMNS;
    keep_column(b, m, n, sums.s0);
    if (COLUMNS > 1u) {
        keep_column(b, m, n + 1u, sums.s1);
    }
    if (COLUMNS > 2u) {
        keep_column(b, m, n + 2u, sums.s2);
        keep_column(b, m, n + 3u, sums.s3);
    }
}
