// The greatest or the mean value of each window.
//
// The prelude gives THREADS (of a workgroup), ACROSS (workgroups side by side), TOTAL (elements of the output), the constants of a window,
// and
// - MAXIMUM: whether it is the greatest value;
// - pixel(n, c, y, x): a value of the pictures;
// - window(start, n, c, y, x): cell after cell of the window at an output, through `cell`;
// - finish and store.

/// `sum` and one cell more, where that is not beyond the picture. What lies before its first row or column wraps around to a large number.
fn cell(sum: f32, n: u32, c: u32, y: u32, x: u32, ky: u32, kx: u32) -> f32 {
    let sy = y * STRIDE_Y + ky - BEFORE_Y;
    let sx = x * STRIDE_X + kx - BEFORE_X;
    var next = sum;
    if (sy < HEIGHT && sx < WIDTH) {
        let value = pixel(n, c, sy, sx);
        if (MAXIMUM) {
            next = max(sum, value);
        } else {
            next = sum + value;
        }
    }
    return next;
}

fn value(i: u32) -> f32 {
    let x = i % OUT_WIDTH;
    let y = i / OUT_WIDTH % OUT_HEIGHT;
    let c = i / (OUT_WIDTH * OUT_HEIGHT) % OUT_CHANNELS;
    let n = i / (OUT_WIDTH * OUT_HEIGHT * OUT_CHANNELS);
    if (MAXIMUM) {
        return window(-3.4028235e38, n, c, y, x);
    }
    return window(0.0, n, c, y, x) / f32(WINDOW_HEIGHT * WINDOW_WIDTH);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = (group.y * ACROSS + group.x) * THREADS + local;
    if (i < TOTAL) {
        store(i, finish(i, value(i)));
    }
}
