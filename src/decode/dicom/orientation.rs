//! How a slice lies in the patient, and the turn that puts the front up and the patient's right at the left.

use super::elements::Elements;
use crate::geometry::Turn;
use crate::slice::Pixels;

/// A direction in the patient: towards the left, the back and the head, of length 1.
type Direction = [f32; 3];

/// How far the cosines of a header may be off length 1 and off a right angle.
const TOLERANCE: f32 = 0.1;
/// The least cosine between the axis of the body and that of an axial slice: 37 degrees. A gantry tilts by 30 at most.
const MIN_AXIAL: f32 = 0.8;

/// Where the rows of an image run to, and its columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Orientation {
    rows: Direction,
    columns: Direction,
}

impl Orientation {
    /// What ImageOrientationPatient says, or PatientOrientation where that says nothing; zeros and what makes no sense say nothing.
    pub(super) fn of(elements: &Elements) -> Option<Orientation> {
        Orientation::by_cosines(elements).or_else(|| elements.patient_orientation.as_deref().and_then(by_letters))
    }

    /// What ImageOrientationPatient says.
    pub(super) fn by_cosines(elements: &Elements) -> Option<Orientation> {
        elements.orientation.as_deref().and_then(by_cosines)
    }

    fn new(rows: Direction, columns: Direction) -> Option<Orientation> {
        let product = |a: Direction, b: Direction| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let is_unit = |direction: Direction| (product(direction, direction).sqrt() - 1.0).abs() <= TOLERANCE;
        let makes_sense = is_unit(rows) && is_unit(columns) && product(rows, columns).abs() <= TOLERANCE;
        makes_sense.then_some(Orientation { rows, columns })
    }

    /// Whether the slice lies across the body.
    pub(super) fn is_axial(self) -> bool {
        let Orientation { rows: [rx, ry, _], columns: [cx, cy, _] } = self;
        (rx * cy - ry * cx).abs() >= MIN_AXIAL
    }

    /// The direction across the slice, of length 1, nearest to the one towards the head; of a slice that does not lie across the body,
    /// towards its left or its back.
    pub(super) fn normal(self) -> [f64; 3] {
        let ([rx, ry, rz], [cx, cy, cz]) = (self.rows.map(f64::from), self.columns.map(f64::from));
        let normal = [ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx];
        let length = normal.iter().map(|part| part * part).sum::<f64>().sqrt();
        let greatest = normal.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(1.0);
        normal.map(|part| part / length.copysign(greatest))
    }

    /// How the slice lies once it was turned, as PatientOrientation would say it: where its rows and its columns run to.
    pub(super) fn shown(self) -> String {
        if self.is_axial() { "L\\P".to_string() } else { format!("{}\\{}", letter(self.rows), letter(self.columns)) }
    }

    /// Whether the rows of an axial slice run nearer to the front or the back than to a side.
    fn is_transposed(self) -> bool {
        let Orientation { rows: [rx, ry, _], columns: [cx, cy, _] } = self;
        ry.abs() + cx.abs() > rx.abs() + cy.abs()
    }

    /// What holds for columns and for rows, as it holds once the slice was [turned](Orientation::turn).
    pub(super) fn turned<T>(self, [columns, rows]: [T; 2]) -> [T; 2] {
        if self.is_axial() && self.is_transposed() { [rows, columns] } else { [columns, rows] }
    }

    /// What turns an axial slice so that its rows run to the patient's left, and its columns to the back; others stay as they are.
    pub(super) fn turn(self) -> Turn {
        if !self.is_axial() {
            return Turn::default();
        }
        let Orientation { rows: [rx, ry, _], columns: [cx, cy, _] } = self;
        let transposed = self.is_transposed();
        let (across, down) = if transposed { (cx, ry) } else { (rx, cy) };
        Turn { transposed, mirrored: across < 0.0, upside_down: down < 0.0 }
    }
}

/// The turned pixels of a slice of so many columns and rows; and how many columns and rows they are then.
pub(super) fn turned_pixels(turn: Turn, pixels: Pixels, width: usize, height: usize) -> (Pixels, usize, usize) {
    let pixels = match pixels {
        Pixels::Gray(levels) => Pixels::Gray(turned_values(turn, levels, width)),
        Pixels::Colours(pixels) => Pixels::Colours(turned_values(turn, pixels, width)),
        Pixels::Hu(units) => Pixels::Hu(turned_values(turn, units, width)),
    };
    if turn.transposed { (pixels, height, width) } else { (pixels, width, height) }
}

fn turned_values<T: Copy>(turn: Turn, mut values: Vec<T>, width: usize) -> Vec<T> {
    let mut columns = width;
    if turn.transposed {
        columns = values.len() / width;
        values = (0..width).flat_map(|x| values.iter().skip(x).step_by(width)).copied().collect();
    }
    match (turn.mirrored, turn.upside_down) {
        (false, false) => {}
        (true, true) => values.reverse(),
        (true, false) => values.chunks_exact_mut(columns).for_each(<[T]>::reverse),
        (false, true) => {
            values.reverse();
            values.chunks_exact_mut(columns).for_each(<[T]>::reverse);
        }
    }
    values
}

/// Six direction cosines.
fn by_cosines(text: &str) -> Option<Orientation> {
    let cosines = text.split('\\').map(|text| text.trim().parse().ok()).collect::<Option<Vec<f32>>>()?;
    let [rx, ry, rz, cx, cy, cz] = cosines[..] else { return None };
    Orientation::new([rx, ry, rz], [cx, cy, cz])
}

/// Where rows and columns run to, each by up to three letters, of which the first is the nearest; how near is not said.
fn by_letters(text: &str) -> Option<Orientation> {
    let direction = |letters: &str| match letters.trim().chars().next()? {
        'L' => Some([1.0, 0.0, 0.0]),
        'R' => Some([-1.0, 0.0, 0.0]),
        'P' => Some([0.0, 1.0, 0.0]),
        'A' => Some([0.0, -1.0, 0.0]),
        'H' => Some([0.0, 0.0, 1.0]),
        'F' => Some([0.0, 0.0, -1.0]),
        _ => None,
    };
    let (rows, columns) = text.split_once('\\')?;
    Orientation::new(direction(rows)?, direction(columns)?)
}

/// Where a direction points to most.
fn letter(direction: Direction) -> char {
    let axis = (0..3).max_by(|a, b| direction[*a].abs().total_cmp(&direction[*b].abs())).unwrap_or_default();
    [['R', 'L'], ['A', 'P'], ['F', 'H']][axis][usize::from(direction[axis] > 0.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns and rows of a slice, and where its front right, front left and back right pixel are, as they were stored.
    fn turned(text: &str) -> (usize, usize, [u8; 3]) {
        let orientation = by_cosines(text).or_else(|| by_letters(text)).unwrap();
        // 0 1 2
        // 3 4 5
        let (Pixels::Gray(levels), width, height) =
            super::turned_pixels(orientation.turn(), Pixels::Gray((0..6).collect()), 3, 2)
        else {
            panic!("they were levels")
        };
        (width, height, [levels[0], levels[width - 1], levels[width * (height - 1)]])
    }

    #[test]
    fn the_front_is_up_and_the_right_at_the_left() {
        for (cosines, letters, expected) in [
            ("1\\0\\0\\0\\1\\0", "L\\P", (3, 2, [0, 2, 3])),
            ("-1\\0\\0\\0\\1\\0", "R\\P", (3, 2, [2, 0, 5])),
            ("1\\0\\0\\0\\-1\\0", "L\\A", (3, 2, [3, 5, 0])),
            ("-1\\0\\0\\0\\-1\\0", "R\\A", (3, 2, [5, 3, 2])),
            ("0\\1\\0\\1\\0\\0", "P\\L", (2, 3, [0, 3, 2])),
            ("0\\1\\0\\-1\\0\\0", "P\\R", (2, 3, [3, 0, 5])),
            ("0\\-1\\0\\1\\0\\0", "A\\L", (2, 3, [2, 5, 0])),
            ("0\\-1\\0\\-1\\0\\0", "A\\R", (2, 3, [5, 2, 3])),
            // A tilted gantry, and a patient who lies askew.
            ("0.9\\0.436\\0\\0.4\\-0.825\\0.4", "LP\\AL", (3, 2, [3, 5, 0])),
        ] {
            assert_eq!(turned(cosines), expected, "{cosines}");
            assert_eq!(turned(letters), expected, "{letters}");
        }
    }

    #[test]
    fn what_does_not_lie_across_the_body_stays_as_it_is() {
        for (text, shown) in [("1\\0\\0\\0\\0\\-1", "L\\F"), ("A\\FL", "A\\F"), ("1\\0\\0\\0\\0.7\\0.714", "L\\H")] {
            assert_eq!(turned(text), (3, 2, [0, 2, 3]), "{text}");
            assert_eq!(by_cosines(text).or_else(|| by_letters(text)).unwrap().shown(), shown);
        }
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        for text in [
            "0\\0\\0\\0\\0\\0",
            "1\\0\\0\\1\\0\\0",
            "1\\0\\0\\0\\1",
            "1\\0\\0\\0\\1\\0\\0",
            "5\\0\\0\\0\\5\\0",
            "NaN\\0\\0\\0\\1\\0",
            "inf\\0\\0\\0\\1\\0",
            "1\\x\\0\\0\\1\\0",
            "",
        ] {
            assert_eq!(by_cosines(text), None, "{text}");
        }
        for text in ["", "L", "\\", "L\\", "L\\R", "L\\L", "X\\P", "l\\p"] {
            assert_eq!(by_letters(text), None, "{text}");
        }
    }
}
