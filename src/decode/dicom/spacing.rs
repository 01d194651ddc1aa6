//! How large a pixel is, and how high in its widths.

use super::elements::Elements;
use crate::decode::square;

/// How high a pixel is, in its widths: by Pixel Spacing (millimetres between rows, and between columns), or Pixel Aspect Ratio (vertical and
/// horizontal) where that says nothing. `None` where neither does.
pub(super) fn height(elements: &Elements) -> Option<f64> {
    pair(&elements.spacing).or_else(|| pair(&elements.aspect)).map(|[height, width]| height / width)
}

/// Millimetres from column to column, and from row to row, of the image as it is stored; `None` where the file does not say it, or nothing
/// that can be believed.
pub(super) fn millimetres(elements: &Elements) -> Option<[f64; 2]> {
    pair(&elements.spacing).map(|[height, width]| [width, height]).filter(square::is_believable)
}

/// Two numbers above 0.
fn pair(text: &Option<String>) -> Option<[f64; 2]> {
    let [first, second] = text.as_deref()?.split('\\').collect::<Vec<_>>()[..] else { return None };
    let number = |text: &str| text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0);
    Some([number(first)?, number(second)?])
}
