//! Colours and opacity to gray levels: Rec. 601 over black, and which pixels are nothing.

use crate::slice::{COLOURED, luma};

/// What the pixels of a picture come to.
pub struct Composed {
    /// Gray levels; 0 where nothing is.
    pub gray: Vec<u8>,
    /// Red, green and blue over black, where they were asked for and some differ.
    pub colours: Option<Vec<[u8; 3]>>,
    /// The share of coloured pixels.
    pub colour: f32,
    /// Hounsfield units, where the values are such; there are no gray levels then.
    pub units: Option<Vec<f32>>,
    /// For each pixel whether it is wholly transparent; `None` where none is.
    pub transparent: Option<Vec<bool>>,
}

impl Composed {
    /// Gray levels as they are.
    pub fn of_levels(gray: Vec<u8>) -> Composed {
        Composed { gray, colours: None, colour: 0.0, units: None, transparent: None }
    }

    /// Hounsfield units as they are.
    pub fn of_units(units: Vec<f32>) -> Composed {
        Composed { units: Some(units), ..Composed::of_levels(Vec::new()) }
    }
}

/// Composes so many pixels of red, green, blue and opacity. Whatever colour lies beneath a pixel that cannot be seen is left out.
pub fn compose(
    pixels: usize,
    is_multiplied: bool,
    are_colours_kept: bool,
    rgba: impl Fn(usize) -> [u8; 4],
) -> Composed {
    let mut coloured = 0usize;
    let mut colours = are_colours_kept.then(|| Vec::with_capacity(pixels));
    let mut gray = Vec::with_capacity(pixels);
    let mut transparent: Option<Vec<bool>> = None;
    for pixel in 0..pixels {
        let [r, g, b, a] = rgba(pixel);
        if a == 0 {
            transparent.get_or_insert_with(|| vec![false; pixels])[pixel] = true;
            gray.push(0);
            colours.iter_mut().for_each(|colours| colours.push([0; 3]));
            continue;
        }
        coloured += usize::from(r.max(g).max(b) - r.min(g).min(b) > COLOURED);
        let shown = |level: f32| if is_multiplied { level } else { level * f32::from(a) / 255.0 }.round() as u8;
        gray.push(shown(luma([r, g, b])));
        colours.iter_mut().for_each(|colours| colours.push([r, g, b].map(|level| shown(f32::from(level)))));
    }
    let colours = colours.filter(|colours| colours.iter().any(|[r, g, b]| r != g || g != b));
    Composed { gray, colours, colour: coloured as f32 / pixels as f32, units: None, transparent }
}
