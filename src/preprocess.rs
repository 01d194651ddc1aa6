//! Picture to input: the one function that training, validation and browser share.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};
use serde::{Deserialize, Serialize};

use crate::slice::Picture;

/// Changes whenever the same picture would give other values; model.toml names the one that its network was trained on.
pub const VERSION: u32 = 1;

/// How gray levels (0..=255) become input values: `(gray - mean) / std`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Normalise {
    pub mean: f32,
    pub std: f32,
}

/// A picture at the network's size, in gray levels 0..=255 that need not be whole numbers.
#[derive(Debug, Clone)]
pub struct Scaled {
    /// Width and height.
    pub size: usize,
    /// Row by row, `size * size` values.
    pub gray: Vec<f32>,
}

impl Scaled {
    /// Squashes the whole picture to `size` x `size` by a triangle filter as wide as the scale asks for, so that small and large
    /// renderings of one slice come out alike.
    pub fn new(picture: &Picture, size: usize) -> Scaled {
        // image resizes f32 only within 0..=1.
        let levels = picture.gray.iter().map(|&gray| f32::from(gray) / 255.0).collect();
        let source: ImageBuffer<Luma<f32>, Vec<f32>> =
            ImageBuffer::from_raw(picture.width as u32, picture.height as u32, levels)
                .expect("a picture holds width * height levels");
        let scaled = imageops::resize(&source, size as u32, size as u32, FilterType::Triangle);
        Scaled { size, gray: scaled.into_raw().into_iter().map(|level| level * 255.0).collect() }
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
        let small = Scaled::new(&ramp(100, 60), 64);
        let large = Scaled::new(&ramp(1000, 600), 64);
        for (a, b) in small.gray.iter().zip(&large.gray) {
            assert!((a - b).abs() < 3.0, "{a} against {b}");
        }
    }

    #[test]
    fn a_constant_picture_stays_constant() {
        for (width, height) in [(1, 1), (3, 500), (224, 224), (4000, 7)] {
            let scaled = Scaled::new(&Picture { width, height, gray: vec![200; width * height] }, 224);
            assert_eq!(scaled.gray.len(), 224 * 224);
            assert!(scaled.gray.iter().all(|gray| (gray - 200.0).abs() < 0.01));
        }
    }

    #[test]
    fn normalises_levels() {
        let scaled = Scaled { size: 1, gray: vec![255.0] };
        assert_eq!(scaled.input(Normalise { mean: 127.0, std: 128.0 }), [1.0]);
    }
}
