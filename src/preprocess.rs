//! Picture to input: the one function that training, validation and browser share.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};
use serde::Serialize;

use crate::slice::{Part, Picture};

/// Changes whenever the same picture would give other values; model.toml names the one that its network is judged on.
pub const VERSION: u32 = 2;

/// How a picture becomes a network's input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InputSettings {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1, or 3 for red, green and blue.
    pub channels: usize,
    /// By channel, in gray levels 0..=255.
    pub mean: Vec<f32>,
    /// By channel, in gray levels 0..=255; positive.
    pub std: Vec<f32>,
    /// What becomes of a picture's shape.
    pub resize: Resize,
    /// Whether even margins are taken off.
    pub has_margins_removed: bool,
}

/// How a picture of any shape becomes one of the network's. Each is done by a triangle filter as wide as the scale asks for (bilinear, with
/// antialiasing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Resize {
    /// Both sides to the network's.
    Squash,
    /// The whole picture in its own shape, in the middle of black.
    Fit,
    /// The shorter side to so many pixels, and the middle of that.
    CenterCrop {
        /// In pixels, at least the longer side of the input.
        shortest: usize,
    },
}

impl Default for InputSettings {
    fn default() -> InputSettings {
        InputSettings {
            height: 224,
            width: 224,
            channels: 1,
            mean: vec![0.0],
            std: vec![255.0],
            resize: Resize::Squash,
            has_margins_removed: true,
        }
    }
}

impl InputSettings {
    /// Height and width, in pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// `[1, channels, height, width]`.
    pub fn shape(&self) -> [usize; 4] {
        [1, self.channels, self.height, self.width]
    }

    /// How many values an input has.
    pub fn values(&self) -> usize {
        self.shape().iter().product()
    }
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

/// The rectangle of a picture that an input shows, in the picture's pixels; it may reach beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Columns at its left.
    pub left: f32,
    /// Rows above it.
    pub top: f32,
    /// Columns of it.
    pub width: f32,
    /// Rows of it.
    pub height: f32,
}

impl From<Inside> for View {
    fn from(inside: Inside) -> View {
        let [left, top, width, height] = [inside.left, inside.top, inside.width, inside.height].map(|side| side as f32);
        View { left, top, width, height }
    }
}

/// A picture at the network's size, in levels 0..=255 that need not be whole numbers.
#[derive(Debug, Clone)]
pub struct Scaled {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row by row, `width * height` gray levels.
    pub gray: Vec<f32>,
    /// Red, green and blue, each as `gray`, where the picture has colours and the network takes them.
    pub colours: Option<[Vec<f32>; 3]>,
    /// The picture without its margins.
    pub inside: Inside,
    /// What of the picture it shows.
    pub view: View,
}

impl Scaled {
    /// Brings a picture to the network's size: small and large renderings of one slice come out alike, and so do framed ones whose margins
    /// are removed.
    ///
    /// `part` is what can be seen of the picture, `None` for all of it.
    pub fn new(picture: &Picture, part: Option<Part>, settings: &InputSettings) -> Scaled {
        let inside = match (settings.has_margins_removed, part) {
            (true, part) => Inside::of(picture, part),
            (false, Some(Part { left, top, width, height })) => Inside { left, top, width, height },
            (false, None) => Inside { left: 0, top: 0, width: picture.width, height: picture.height },
        };
        let placed = Placed::new(inside, settings);
        let colours = picture.colours.as_ref().filter(|_| settings.channels == 3);
        let colour = |pixels: &Vec<[u8; 3]>, at: usize| placed.plane(picture.width, pixels, |pixel| pixel[at]);
        Scaled {
            width: settings.width,
            height: settings.height,
            gray: placed.plane(picture.width, &picture.gray, |level| level),
            colours: colours.map(|pixels| [0, 1, 2].map(|at| colour(pixels, at))),
            inside,
            view: placed.view(),
        }
    }

    /// What stands for a picture that is too small to be looked at: one level, about the mean of a chest slice.
    pub fn even(picture: &Picture, settings: &InputSettings) -> Scaled {
        const LEVEL: f32 = 77.0;
        let InputSettings { width, height, .. } = *settings;
        let inside = Inside { left: 0, top: 0, width: picture.width, height: picture.height };
        Scaled { width, height, gray: vec![LEVEL; width * height], colours: None, inside, view: inside.into() }
    }

    /// The network's input, `[1, channels, height, width]` row by row: `(level - mean) / std` of each channel. A gray picture is repeated.
    pub fn input(&self, settings: &InputSettings) -> Vec<f32> {
        let mut values = Vec::with_capacity(settings.values());
        for (channel, (mean, std)) in settings.mean.iter().zip(&settings.std).enumerate() {
            let levels = self.colours.as_ref().map_or(&self.gray, |colours| &colours[channel]);
            values.extend(levels.iter().map(|level| (level - mean) / std));
        }
        values
    }
}

/// A strip without its ends, which a crop would leave out anyway: scaled whole it could take any memory.
fn middle(inside: Inside) -> Inside {
    let Inside { left, top, width, height } = inside;
    let longest = MAX_STRIP * width.min(height);
    let ends = |side: usize| side.saturating_sub(longest) / 2;
    let (across, down) = (ends(width), ends(height));
    Inside { left: left + across, top: top + down, width: width - 2 * across, height: height - 2 * down }
}

/// The longest strip that is scaled before its middle is cut out, in its shorter side.
const MAX_STRIP: usize = 4;

/// Where a picture comes to lie in the input.
struct Placed {
    /// What of the picture is scaled.
    seen: Inside,
    /// Columns and rows of that as it is scaled.
    scaled: [usize; 2],
    /// Columns and rows of the input.
    size: [usize; 2],
    /// Where the input's first column and row lie among the scaled ones.
    start: [isize; 2],
}

impl Placed {
    fn new(inside: Inside, settings: &InputSettings) -> Placed {
        let size = [settings.width, settings.height];
        let seen = match settings.resize {
            Resize::Squash | Resize::Fit => inside,
            Resize::CenterCrop { .. } => middle(inside),
        };
        let sides = [seen.width, seen.height];
        let shares = [0, 1].map(|side| size[side] as f64 / sides[side] as f64);
        let scaled = match settings.resize {
            Resize::Squash => size,
            Resize::Fit => {
                let share = shares[0].min(shares[1]);
                [0, 1].map(|side| ((sides[side] as f64 * share).round() as usize).clamp(1, size[side]))
            }
            // The longer side is cut to a whole number, as torchvision does it.
            Resize::CenterCrop { shortest } => {
                let least = sides[0].min(sides[1]);
                sides.map(|side| shortest * side / least)
            }
        };
        // Half the difference, to the even one of two whole numbers, as torchvision's center crop.
        let start = [0, 1].map(|side| ((scaled[side] as f64 - size[side] as f64) / 2.0).round_ties_even() as isize);
        Placed { seen, scaled, size, start }
    }

    fn view(&self) -> View {
        let Placed { seen: inside, scaled, size, start } = self;
        if scaled == size {
            return (*inside).into();
        }
        let pixels = [inside.width as f32 / scaled[0] as f32, inside.height as f32 / scaled[1] as f32];
        View {
            left: inside.left as f32 + start[0] as f32 * pixels[0],
            top: inside.top as f32 + start[1] as f32 * pixels[1],
            width: size[0] as f32 * pixels[0],
            height: size[1] as f32 * pixels[1],
        }
    }

    /// One plane of a picture that is `across` pixels wide, at the network's size.
    fn plane<T: Copy>(&self, across: usize, pixels: &[T], level: impl Fn(T) -> u8) -> Vec<f32> {
        let Inside { left, top, width, height } = self.seen;
        let rows = pixels.chunks_exact(across).skip(top).take(height);
        // image resizes f32 only within 0..=1.
        let levels = rows.flat_map(|row| &row[left..][..width]).map(|&pixel| f32::from(level(pixel)) / 255.0).collect();
        let source: ImageBuffer<Luma<f32>, Vec<f32>> =
            ImageBuffer::from_raw(width as u32, height as u32, levels).expect("a picture holds width * height levels");
        let [columns, rows] = self.scaled;
        let scaled = imageops::resize(&source, columns as u32, rows as u32, FilterType::Triangle).into_raw();
        if self.scaled == self.size {
            return scaled.into_iter().map(|level| level * 255.0).collect();
        }
        let [across, down] = self.size;
        let at = |to: usize, side: usize| {
            usize::try_from(to as isize + self.start[side]).ok().filter(|&at| at < self.scaled[side])
        };
        let level = |y: usize, x: usize| at(y, 1).zip(at(x, 0)).map_or(0.0, |(y, x)| scaled[y * columns + x] * 255.0);
        (0..down).flat_map(|y| (0..across).map(move |x| (y, x))).map(|(y, x)| level(y, x)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Picture {
        let gray = (0..height)
            .flat_map(|_| (0..width).map(move |x| (255.0 * (x as f32 + 0.5) / width as f32).round() as u8))
            .collect();
        Picture { width, height, gray, colours: None }
    }

    fn settings(size: usize) -> InputSettings {
        InputSettings { height: size, width: size, mean: vec![127.0], std: vec![128.0], ..InputSettings::default() }
    }

    fn scaled(picture: &Picture, part: Option<Part>, size: usize) -> Scaled {
        Scaled::new(picture, part, &settings(size))
    }

    #[test]
    fn the_scale_of_a_rendering_does_not_matter() {
        let small = scaled(&ramp(100, 60), None, 64);
        let large = scaled(&ramp(1000, 600), None, 64);
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
        Picture { width, height, gray, colours: None }
    }

    /// Black and white by turns: no line of it is even.
    fn checked(width: usize, height: usize) -> Picture {
        let gray = (0..height).flat_map(|y| (0..width).map(move |x| if (x + y) % 2 == 0 { 10 } else { 240 })).collect();
        Picture { width, height, gray, colours: None }
    }

    #[test]
    fn margins_are_taken_off() {
        let picture = checked(200, 100);
        for level in [0, 77, 255] {
            for sides in [[0; 4], [5, 0, 0, 0], [0, 9, 0, 3], [12, 6, 30, 15]] {
                let framed = framed(&picture, sides, level);
                let inside = Inside { left: sides[0], top: sides[1], width: 200, height: 100 };
                assert_eq!(Inside::of(&framed, None), inside, "{sides:?} at {level}");
                assert_eq!(scaled(&framed, None, 64).gray, scaled(&picture, None, 64).gray);
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
        assert_eq!(scaled(&wide, Some(part), 64).gray, scaled(&picture, None, 64).gray);
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
        let constant = Picture { width: 90, height: 70, gray: vec![128; 90 * 70], colours: None };
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
            let picture = Picture { width, height, gray: vec![200; width * height], colours: None };
            let scaled = scaled(&picture, None, 224);
            assert_eq!(scaled.gray.len(), 224 * 224);
            assert!(scaled.gray.iter().all(|gray| (gray - 200.0).abs() < 0.01));
        }
    }

    #[test]
    fn normalises_levels() {
        let white = Picture { width: 1, height: 1, gray: vec![255], colours: None };
        let one = InputSettings { height: 1, width: 1, ..settings(1) };
        assert_eq!(scaled(&white, None, 1).input(&one), [1.0]);
        let three = InputSettings { channels: 3, mean: vec![127.0, 255.0, 0.0], std: vec![128.0, 1.0, 255.0], ..one };
        assert_eq!(Scaled::new(&white, None, &three).input(&three), [1.0, 0.0, 1.0], "a gray picture is repeated");
        let red = Picture { gray: vec![76], colours: Some(vec![[255, 0, 0]]), ..white };
        assert_eq!(Scaled::new(&red, None, &three).input(&three), [1.0, -255.0, 0.0]);
    }

    /// Column `x` and row `y` of a picture of 100 x 60 pixels, each a level of its own.
    fn slope() -> Picture {
        let gray = (0..6000).map(|at| (at % 100 + at / 100) as u8).collect();
        Picture { width: 100, height: 60, gray, colours: None }
    }

    #[test]
    fn a_picture_that_fits_keeps_its_shape_within_black() {
        let settings = InputSettings { resize: Resize::Fit, has_margins_removed: false, ..settings(50) };
        let fitted = Scaled::new(&slope(), None, &settings);
        let row = |y: usize| &fitted.gray[50 * y..][..50];
        assert!((0..10).chain(40..50).all(|y| row(y).iter().all(|level| *level == 0.0)));
        assert!((row(10)[49] - 99.0).abs() < 1.5 && (row(39)[0] - 58.5).abs() < 1.0);
        assert_eq!(fitted.view, View { left: 0.0, top: -20.0, width: 100.0, height: 100.0 });
    }

    #[test]
    fn a_center_crop_is_the_middle_of_the_scaled_picture() {
        let crop = |size, shortest| InputSettings {
            resize: Resize::CenterCrop { shortest },
            has_margins_removed: false,
            ..settings(size)
        };
        let cut = Scaled::new(&slope(), None, &crop(40, 60));
        assert_eq!(cut.view, View { left: 30.0, top: 10.0, width: 40.0, height: 40.0 });
        assert_eq!(cut.gray[0], 40.0);
        let half = Scaled::new(&slope(), None, &crop(20, 30));
        assert_eq!(half.view, cut.view);
        // However long a strip is, no more of it is scaled than is seen.
        let strip = Picture { width: 1 << 20, height: 2, gray: vec![9; 1 << 21], colours: None };
        assert!(Scaled::new(&strip, None, &crop(32, 64)).gray.iter().all(|level| (level - 9.0).abs() < 1e-3));
    }
}
