// Functions of one value that WGSL lacks.

// The Gauss error function, x P(x x) / Q(x x), with the coefficients of the kernel on the CPU. From 4 on it is 1 to the last bit.
fn erf(x: f32) -> f32 {
    let near = clamp(x, -4.0, 4.0);
    let s = near * near;
    let p = (((((-2.726142e-10 * s + 2.7706814e-8) * s - 2.101024e-6) * s - 5.6925065e-5) * s - 7.349906e-4) * s - 2.9546e-3) * s
        - 1.6096033e-2;
    let q = (((-1.45660715e-5 * s - 2.1337405e-4) * s - 1.682827e-3) * s - 7.373329e-3) * s - 1.4264739e-2;
    return near * p / q;
}
