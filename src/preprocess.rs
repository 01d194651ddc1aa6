//! Picture to input: the one function that training, validation and browser share.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};
use serde::{Deserialize, Serialize};

use crate::slice::{Part, Picture};

/// Changes whenever the same picture would give other values; model.toml names the one that its network is judged on.
pub const VERSION: u32 = 2;

/// How gray levels (0..=255) become input values: `(gray - mean) / std`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Normalise {
    /// In gray levels.
    pub mean: f32,
    /// In gray levels; positive.
    pub std: f32,
}

/// Levels (of 255) that a pixel of a margin may be off the margin's own: JPEG leaves ripples beside an edge.
const RIPPLE: u8 = 20;
/// The share of a margin's line that may be further off.
const STRAY: f64 = 0.02;
/// The widest margin, as a share of the picture's width or height: more is not put around a slice, but belongs to it, as air around a body.
const MAX_MARGIN: f64 = 0.15;

/// A picture without its even margins, in pixels: what screenshots, figures of papers and scanners put around a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inside {
    /// Columns of the margin at the left.
    pub left: usize,
    /// Rows of the margin above.
    pub top: usize,
    /// Columns between the margins.
    pub width: usize,
    /// Rows between the margins.
    pub height: usize,
}

impl Inside {
    /// Takes rows and columns off each side as long as they are of one level, and again, for margins in margins. With a margin over
    /// 15 % of a side the picture stays whole, or the `part` of it that can be seen: a transparent frame is a margin however wide it is.
    pub fn of(picture: &Picture, part: Option<Part>) -> Inside {
        let Picture { width, gray, .. } = picture;
        let whole = part.unwrap_or(Part { left: 0, top: 0, width: picture.width, height: picture.height });
        let whole = Inside { left: whole.left, top: whole.top, width: whole.width, height: whole.height };
        let mut inside = whole;
        loop {
            let before = inside;
            let Inside { left, top, width: across, height: down } = inside;
            let row = |y: usize| gray[y * width + left..][..across].iter();
            let above = even((top..top + down).map(row));
            let below = even((top..top + down).rev().map(row));
            if above + below >= down {
                return whole;
            }
            let (top, down) = (top + above, down - above - below);
            let column = |x: usize| gray[top * width + x..].iter().step_by(*width).take(down);
            let before_it = even((left..left + across).map(column));
            let behind = even((left..left + across).rev().map(column));
            if before_it + behind >= across {
                return whole;
            }
            inside = Inside { left: left + before_it, top, width: across - before_it - behind, height: down };
            if inside == before {
                break;
            }
        }
        let Inside { left, top, width: across, height: down } = inside;
        let [widest, highest] = [whole.width, whole.height].map(|side| (side as f64 * MAX_MARGIN) as usize);
        let [before_it, above] = [left - whole.left, top - whole.top];
        let [behind, below] = [whole.width - across - before_it, whole.height - down - above];
        let is_frame = before_it.max(behind) <= widest && above.max(below) <= highest;
        if is_frame { inside } else { whole }
    }
}

/// How many of the lines, from the first on, are of one level: the median of the first.
fn even<'a>(lines: impl Iterator<Item = impl Iterator<Item = &'a u8> + Clone> + Clone) -> usize {
    let Some(first) = lines.clone().next() else { return 0 };
    let mut first: Vec<u8> = first.copied().collect();
    let most_astray = (first.len() as f64 * STRAY) as usize;
    let middle = first.len() / 2;
    let level = *first.select_nth_unstable(middle).1;
    let is_astray = |other: &&u8| other.abs_diff(level) > RIPPLE;
    let uneven = lines.clone().position(|line| line.filter(is_astray).take(most_astray + 1).count() > most_astray);
    uneven.unwrap_or_else(|| lines.count())
}

/// A picture at the network's size, in gray levels 0..=255 that need not be whole numbers.
#[derive(Debug, Clone)]
pub struct Scaled {
    /// Width and height.
    pub size: usize,
    /// Row by row, `size * size` values.
    pub gray: Vec<f32>,
    /// The part of the picture that it is.
    pub inside: Inside,
}

impl Scaled {
    /// Squashes what is inside the picture's even margins to `size` x `size` by a triangle filter as wide as the scale asks for, so that
    /// small and large renderings of one slice come out alike, and so do framed ones.
    ///
    /// `part` is what can be seen of the picture, `None` for all of it.
    pub fn new(picture: &Picture, part: Option<Part>, size: usize) -> Scaled {
        let inside = Inside::of(picture, part);
        let Inside { left, top, width, height } = inside;
        let rows = picture.gray.chunks_exact(picture.width).skip(top).take(height);
        // image resizes f32 only within 0..=1.
        let levels = rows.flat_map(|row| &row[left..][..width]).map(|&gray| f32::from(gray) / 255.0).collect();
        let source: ImageBuffer<Luma<f32>, Vec<f32>> =
            ImageBuffer::from_raw(width as u32, height as u32, levels).expect("a picture holds width * height levels");
        let scaled = imageops::resize(&source, size as u32, size as u32, FilterType::Triangle);
        Scaled { size, gray: scaled.into_raw().into_iter().map(|level| level * 255.0).collect(), inside }
    }

    /// What stands for a picture that is too small to be looked at: one level, about the mean of a chest slice.
    pub fn even(picture: &Picture, size: usize) -> Scaled {
        const LEVEL: f32 = 77.0;
        let inside = Inside { left: 0, top: 0, width: picture.width, height: picture.height };
        Scaled { size, gray: vec![LEVEL; size * size], inside }
    }

    /// The network's input, `[1, 1, size, size]` row by row.
    pub fn input(&self, normalise: Normalise) -> Vec<f32> {
        self.gray.iter().map(|gray| (gray - normalise.mean) / normalise.std).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Picture {
        let gray = (0..height)
            .flat_map(|_| (0..width).map(move |x| (255.0 * (x as f32 + 0.5) / width as f32).round() as u8))
            .collect();
        Picture { width, height, gray }
    }

    #[test]
    fn the_scale_of_a_rendering_does_not_matter() {
        let small = Scaled::new(&ramp(100, 60), None, 64);
        let large = Scaled::new(&ramp(1000, 600), None, 64);
        for (a, b) in small.gray.iter().zip(&large.gray) {
            assert!((a - b).abs() < 3.0, "{a} against {b}");
        }
    }

    /// A noisy picture in margins of so many pixels (left, top, right, bottom) and one level.
    fn framed(picture: &Picture, [left, top, right, bottom]: [usize; 4], level: u8) -> Picture {
        let (width, height) = (left + picture.width + right, top + picture.height + bottom);
        let mut gray = vec![level; width * height];
        for (y, row) in picture.gray.chunks_exact(picture.width).enumerate() {
            gray[(top + y) * width + left..][..picture.width].copy_from_slice(row);
        }
        Picture { width, height, gray }
    }

    /// Black and white by turns: no line of it is even.
    fn checked(width: usize, height: usize) -> Picture {
        let gray = (0..height).flat_map(|y| (0..width).map(move |x| if (x + y) % 2 == 0 { 10 } else { 240 })).collect();
        Picture { width, height, gray }
    }

    #[test]
    fn margins_are_taken_off() {
        let picture = checked(200, 100);
        for level in [0, 77, 255] {
            for sides in [[0; 4], [5, 0, 0, 0], [0, 9, 0, 3], [12, 6, 30, 15]] {
                let framed = framed(&picture, sides, level);
                let inside = Inside { left: sides[0], top: sides[1], width: 200, height: 100 };
                assert_eq!(Inside::of(&framed, None), inside, "{sides:?} at {level}");
                assert_eq!(Scaled::new(&framed, None, 64).gray, Scaled::new(&picture, None, 64).gray);
            }
        }
    }

    #[test]
    fn a_transparent_frame_is_a_margin_however_wide_it_is() {
        let picture = checked(100, 60);
        let within = framed(&picture, [3, 2, 3, 2], 250);
        let wide = framed(&within, [90, 70, 5, 80], 0);
        let part = Part { left: 90, top: 70, width: within.width, height: within.height };
        assert_eq!(Inside::of(&wide, Some(part)), Inside { left: 93, top: 72, width: 100, height: 60 });
        assert_eq!(Inside::of(&wide, None), Inside { left: 0, top: 0, width: wide.width, height: wide.height });
        assert_eq!(Scaled::new(&wide, Some(part), 64).gray, Scaled::new(&picture, None, 64).gray);
    }

    #[test]
    fn margins_in_margins_with_ripples_are_taken_off() {
        let mut framed = framed(&framed(&checked(200, 100), [4; 4], 0), [8; 4], 250);
        // As JPEG leaves them beside an edge, and a speck.
        for (at, level) in framed.gray.iter_mut().enumerate().take(7 * 224) {
            *level -= (at % 17) as u8;
        }
        framed.gray[3 * 224 + 100] = 90;
        assert_eq!(Inside::of(&framed, None), Inside { left: 12, top: 12, width: 200, height: 100 });
    }

    #[test]
    fn what_belongs_to_a_picture_stays() {
        let whole = |picture: &Picture| Inside { left: 0, top: 0, width: picture.width, height: picture.height };
        let constant = Picture { width: 90, height: 70, gray: vec![128; 90 * 70] };
        // Air around a body, an object on a ground, and the least pictures that there are.
        for picture in [
            framed(&checked(100, 100), [0, 0, 0, 20], 0),
            framed(&checked(40, 40), [60; 4], 255),
            constant,
            checked(1, 1),
            checked(1, 90),
            checked(2, 2),
        ] {
            assert_eq!(Inside::of(&picture, None), whole(&picture));
        }
    }

    #[test]
    fn a_constant_picture_stays_constant() {
        for (width, height) in [(1, 1), (3, 500), (224, 224), (4000, 7)] {
            let scaled = Scaled::new(&Picture { width, height, gray: vec![200; width * height] }, None, 224);
            assert_eq!(scaled.gray.len(), 224 * 224);
            assert!(scaled.gray.iter().all(|gray| (gray - 200.0).abs() < 0.01));
        }
    }

    #[test]
    fn normalises_levels() {
        let scaled = Scaled { size: 1, gray: vec![255.0], inside: Inside { left: 0, top: 0, width: 1, height: 1 } };
        assert_eq!(scaled.input(Normalise { mean: 127.0, std: 128.0 }), [1.0]);
    }
}
