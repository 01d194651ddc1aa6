//! Pixels that are not square, made square: whoever looks at a slice, and the network, must see it in millimetres.

use super::Limits;
use crate::slice::Pixels;

/// Heights of pixels, in their widths, that are as good as 1.
const SQUARE: std::ops::RangeInclusive<f64> = 0.99..=1.01;
/// Beyond these no scanner makes pixels.
const BELIEVABLE: std::ops::RangeInclusive<f64> = 0.1..=10.0;
/// Sides of a pixel in millimetres: from a synchrotron's to a whole body in a picture of a stamp's size.
const SIDES: std::ops::RangeInclusive<f64> = 0.0001..=100.0;

/// Whether some scanner makes pixels of these sides, in millimetres.
pub(super) fn is_believable([width, height]: &[f64; 2]) -> bool {
    SIDES.contains(width) && SIDES.contains(height) && BELIEVABLE.contains(&(height / width))
}

/// What becomes of an image whose pixels have a height other than their width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Square {
    /// Of an image as it is then.
    pub width: usize,
    pub height: usize,
    stored: [usize; 2],
}

/// Why an image stays as it is stored, though its pixels are not square.
pub(super) const TOO_ODD: &str = "its pixels are said to be so far from square that this is not believed";
/// Why an image stays as it is stored, though its pixels are not square.
pub(super) const TOO_LARGE: &str = "its pixels are not square, and it would be too large if they were made so";

impl Square {
    /// The longer side of a pixel becomes as many pixels as it is longer than the shorter one. `height` is that of a pixel, in its widths.
    /// `None` where pixels are square.
    ///
    /// # Errors
    /// Why the image has to stay as it is.
    pub fn of(stored: [usize; 2], height: f64, limits: &Limits) -> Result<Option<Square>, &'static str> {
        if SQUARE.contains(&height) {
            return Ok(None);
        }
        if !BELIEVABLE.contains(&height) {
            return Err(TOO_ODD);
        }
        let [across, down] = [(1.0 / height).max(1.0), height.max(1.0)];
        let [width, height] = [stored[0] as f64 * across, stored[1] as f64 * down].map(|side| side.round() as usize);
        limits.check_frame("", width as u64, height as u64).map_err(|_| TOO_LARGE)?;
        Ok(Some(Square { width, height, stored }))
    }

    /// The sides of a pixel as they are then, in millimetres, where those of a stored one are `sides`.
    pub fn sides(&self, [width, height]: [f64; 2]) -> [f64; 2] {
        let [across, down] = self.stored.map(|stored| stored as f64);
        [width * across / self.width as f64, height * down / self.height as f64]
    }

    /// The pixels, interpolated by Lanczos' kernel, which keeps edges and the grain of lungs as they are. Hounsfield units are
    /// [clipped](Pixels::clipped) before, as what a scanner puts around its circle is no neighbour of air, and are whole numbers.
    pub fn pixels(&self, pixels: Pixels) -> Pixels {
        match pixels.clipped() {
            Pixels::Hu(units) => Pixels::Hu(self.spread(&units, f32::round)),
            Pixels::Gray(levels) => Pixels::Gray(self.spread(&levels, |level| level.round() as u8)),
            Pixels::Colours(pixels) => {
                let plane = |at: usize| {
                    let levels: Vec<u8> = pixels.iter().map(|pixel| pixel[at]).collect();
                    self.spread(&levels, |level| level.round() as u8)
                };
                let [red, green, blue] = [0, 1, 2].map(plane);
                Pixels::Colours(red.into_iter().zip(green).zip(blue).map(|((r, g), b)| [r, g, b]).collect())
            }
        }
    }

    /// One of the sides grows.
    fn spread<T: Copy + Into<f32>>(&self, values: &[T], to: fn(f32) -> T) -> Vec<T> {
        let [across, down] = self.stored;
        let mut spread = Vec::with_capacity(self.width * self.height);
        let sum = |taps: &[(usize, f32); TAPS], value: &dyn Fn(usize) -> f32| {
            to(taps.iter().map(|&(at, weight)| value(at) * weight).sum())
        };
        if self.width > across {
            let columns: Vec<_> = (0..self.width).map(|x| taps(x, self.width, across)).collect();
            for row in values.chunks_exact(across) {
                spread.extend(columns.iter().map(|taps| sum(taps, &|x| row[x].into())));
            }
        } else {
            for y in 0..self.height {
                let taps = taps(y, self.height, down);
                spread.extend((0..across).map(|x| sum(&taps, &|y| values[y * across + x].into())));
            }
        }
        spread
    }
}

/// Half the width of the kernel, in stored pixels.
const REACH: usize = 3;
const TAPS: usize = 2 * REACH;

/// Which of `stored` values make value `at` of `of`, and how much each counts; all together count as 1.
fn taps(at: usize, of: usize, stored: usize) -> [(usize, f32); TAPS] {
    let place = (at as f64 + 0.5) * stored as f64 / of as f64 - 0.5;
    let first = place.floor() as isize - REACH as isize + 1;
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    let weights: [f64; TAPS] = std::array::from_fn(|tap| {
        let off = place - (first + tap as isize) as f64;
        if off.abs() < REACH as f64 { sinc(off) * sinc(off / REACH as f64) } else { 0.0 }
    });
    let sum: f64 = weights.iter().sum();
    std::array::from_fn(|tap| {
        let at = (first + tap as isize).clamp(0, stored as isize - 1);
        (at as usize, (weights[tap] / sum) as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_of_a_pixel_becomes_several() {
        let limits = Limits::default();
        let square =
            |stored, height| Square::of(stored, height, &limits).map(|found| found.map(|it| (it.width, it.height)));
        assert_eq!(square([512, 256], 2.0), Ok(Some((512, 512))));
        assert_eq!(square([256, 512], 0.5), Ok(Some((512, 512))));
        assert_eq!(square([512, 512], 1.5), Ok(Some((512, 768))));
        assert_eq!(square([512, 512], 1.005), Ok(None));
        assert_eq!(square([512, 512], 0.01), Err(TOO_ODD));
        assert_eq!(square([512, 512], f64::NAN), Err(TOO_ODD));
        assert_eq!(square([4096, 4096], 2.0), Err(TOO_LARGE));
    }

    #[test]
    fn values_lie_where_they_lay() {
        // A straight line stays one, but for its ends.
        let line: Vec<f32> = (0..20).map(|at| at as f32 * 80.0).collect();
        let square = Square::of([20, 1], 0.5, &Limits::default()).unwrap().unwrap();
        let Pixels::Hu(units) = square.pixels(Pixels::Hu(line.clone())) else { panic!("they stay Hounsfield units") };
        for (at, units) in units.iter().enumerate().skip(6).take(28) {
            let expected = ((at as f32 + 0.5) / 2.0 - 0.5) * 80.0;
            assert!((units - expected).abs() <= 2.5, "{units} at {at} instead of {expected}");
        }
        let square = Square::of([1, 20], 2.0, &Limits::default()).unwrap().unwrap();
        assert!(matches!(square.pixels(Pixels::Hu(line)), Pixels::Hu(other) if other == units));
        // What is one level stays so, and nothing goes beyond black and white.
        let square = Square::of([3, 2], 2.0, &Limits::default()).unwrap().unwrap();
        assert!(matches!(square.pixels(Pixels::Gray(vec![200; 6])), Pixels::Gray(levels) if levels == [200; 12]));
        let edge = square.pixels(Pixels::Gray(vec![0, 0, 0, 255, 255, 255]));
        assert!(matches!(edge, Pixels::Gray(levels) if levels[..3] == [0; 3] && levels[9..] == [255; 3]));
    }
}
