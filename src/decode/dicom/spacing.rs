//! How high a pixel is, in its widths.

use super::elements::Elements;

/// By Pixel Spacing (millimetres between rows, and between columns), or Pixel Aspect Ratio (vertical and horizontal) where that says nothing.
/// `None` where neither does.
pub(super) fn height(elements: &Elements) -> Option<f64> {
    let of = |text: &Option<String>| {
        let [height, width] = text.as_deref()?.split('\\').collect::<Vec<_>>()[..] else { return None };
        let number = |text: &str| text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0);
        Some(number(height)? / number(width)?)
    };
    of(&elements.spacing).or_else(|| of(&elements.aspect))
}
