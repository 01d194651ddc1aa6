// The right side of the product that a convolution is: patches of the pictures.
//
// The prelude gives K and N of the product, the constants of a window, and pixel(n, c, y, x): a value of the pictures.

/// Cell `k` of the window at pixel `n` of the output, in picture `b`; zero beyond the edges. What lies before the first row or column wraps
/// around to a large number.
fn right(b: u32, k: u32, n: u32) -> f32 {
    if (k >= K || n >= N) {
        return 0.0;
    }
    let y = n / OUT_WIDTH * STRIDE_Y + k / WINDOW_WIDTH % WINDOW_HEIGHT - BEFORE_Y;
    let x = n % OUT_WIDTH * STRIDE_X + k % WINDOW_WIDTH - BEFORE_X;
    if (y >= HEIGHT || x >= WIDTH) {
        return 0.0;
    }
    return pixel(b, k / (WINDOW_HEIGHT * WINDOW_WIDTH), y, x);
}
