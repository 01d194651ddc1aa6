// Convolutions with few channels a group. A thread computes a strip, four outputs side by side, which share weights and much of what they
// look at.
//
// The prelude gives THREADS (of a workgroup), ACROSS (workgroups side by side), TOTAL (strips), the constants of a window, and
// - STRIP: 4; STRIPS: how many make a row of the output;
// - GROUP_INPUTS, GROUP_OUTPUTS: channels of a group;
// - pixel(n, c, y, x): a value of the pictures;
// - weight(o, c, ky, kx), where `c` counts within the group;
// - row(sums, ..): `sums` and a row of the window, written out, because loops are dear: see product.wgsl;
// - finish and store.

/// A value of a row that is there; zero beside it. What lies before the first column wraps around to a large number.
fn look(n: u32, c: u32, y: u32, x: u32) -> f32 {
    var value = 0.0;
    if (x < WIDTH) {
        value = pixel(n, c, y, x);
    }
    return value;
}

/// Stores element `i`, at column `x`.
fn keep(i: u32, x: u32, sum: f32) {
    if (x < OUT_WIDTH) {
        store(i, finish(i, sum));
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let t = (group.y * ACROSS + group.x) * THREADS + local;
    if (t >= TOTAL) {
        return;
    }
    let x = t % STRIPS * STRIP;
    let y = t / STRIPS % OUT_HEIGHT;
    let o = t / (STRIPS * OUT_HEIGHT) % OUT_CHANNELS;
    let n = t / (STRIPS * OUT_HEIGHT * OUT_CHANNELS);
    let start = x * STRIDE_X - BEFORE_X;
    let first = o / GROUP_OUTPUTS * GROUP_INPUTS;
    var sums = vec4<f32>();
    for (var c = 0u; c < GROUP_INPUTS; c++) {
        for (var ky = 0u; ky < WINDOW_HEIGHT; ky++) {
            let sy = y * STRIDE_Y + ky - BEFORE_Y;
            if (sy < HEIGHT) {
                sums = row(sums, n, o, first, c, ky, sy, start);
            }
        }
    }
    let i = ((n * OUT_CHANNELS + o) * OUT_HEIGHT + y) * OUT_WIDTH + x;
    keep(i, x, sums.x);
    keep(i + 1u, x + 1u, sums.y);
    keep(i + 2u, x + 2u, sums.z);
    keep(i + 3u, x + 3u, sums.w);
}
