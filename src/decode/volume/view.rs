//! How the slices of a volume lie in the patient, and which voxels make one: front up, patient's right at the left, the head first.

/// Millimetres towards the left, the back and the head, as DICOM has them.
pub type Vector = [f64; 3];

/// Where a voxel is: `origin`, and a step for each along the axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// Millimetres from voxel to voxel along each axis.
    pub steps: [Vector; 3],
    /// Of the first voxel.
    pub origin: Vector,
}

impl Affine {
    /// Whether it says how a volume lies.
    pub fn makes_sense(&self) -> bool {
        Axes::of(self).is_some()
    }
}

/// The least cosine between the axis of the body and that of an axial slice, as for DICOM: 37 degrees.
const MIN_AXIAL: f64 = 0.8;
/// How far the sides of a slice may be from a right angle, as a cosine.
const MAX_SKEW: f64 = 0.1;

/// A volume seen as a stack of slices.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Of a slice, in voxels.
    pub width: usize,
    pub height: usize,
    pub frames: usize,
    /// The voxel at the top left of the first slice, and the way to the next: in its row, in its column, in the next slice.
    first: usize,
    steps: [isize; 3],
    /// Of the first slice, and the way to the next, in millimetres towards the head; `None` where the file does not say how it lies.
    heights: Option<[f64; 2]>,
    is_oblique: bool,
    /// Millimetres from column to column, and from row to row; `None` where the file does not say how it lies.
    sides: Option<[f64; 2]>,
}

impl View {
    /// A volume of so many voxels along each axis, those of the first axis behind each other. An affine that makes no sense says nothing:
    /// then slices lie along the last axis, as they are stored.
    pub fn of(size: [usize; 3], affine: Option<&Affine>) -> View {
        // More voxels than this machine can count wrap around: no file holds them, which is found before one is asked for.
        let strides = [1, size[0] as isize, (size[0] as isize).wrapping_mul(size[1] as isize)];
        let axes = affine.and_then(Axes::of);
        let order = axes.as_ref().map_or([0, 1, 2], |axes| axes.order);
        let flips = axes.as_ref().map_or([false; 3], |axes| axes.flips);
        let (mut first, mut steps) = (0, [0; 3]);
        for at in 0..3 {
            let stride = strides[order[at]];
            steps[at] = if flips[at] { stride.wrapping_neg() } else { stride };
            if flips[at] {
                first = stride.wrapping_mul(size[order[at]] as isize - 1).wrapping_add(first);
            }
        }
        let heights = axes.as_ref().and(affine).map(|affine| {
            let along = order[2];
            let step = affine.steps[along][2];
            let last = if flips[2] { size[along] as f64 - 1.0 } else { 0.0 };
            // Of the middle of the slice, which a tilted one shares with no other point.
            let middle = |at: usize| affine.steps[order[at]][2] * (size[order[at]] as f64 - 1.0) / 2.0;
            [affine.origin[2] + step * last + middle(0) + middle(1), -step.abs()]
        });
        View {
            width: size[order[0]],
            height: size[order[1]],
            frames: size[order[2]],
            first: first as usize,
            steps,
            heights,
            is_oblique: axes.as_ref().is_some_and(|axes| axes.is_oblique),
            sides: axes.map(|axes| axes.sides),
        }
    }

    /// Whether the file says how the volume lies.
    pub fn is_known(&self) -> bool {
        self.heights.is_some()
    }

    /// Whether its slices do not lie across the body.
    pub fn is_oblique(&self) -> bool {
        self.is_oblique
    }

    /// The height of a pixel in its widths, as far as the file says it.
    pub fn aspect(&self) -> Option<f64> {
        self.sides.map(|[width, height]| height / width)
    }

    /// Millimetres from column to column, and from row to row, as far as the file says it.
    pub fn sides(&self) -> Option<[f64; 2]> {
        self.sides
    }

    /// How a slice lies, as PatientOrientation would say it.
    pub fn shown(&self) -> Option<String> {
        (self.is_known() && !self.is_oblique).then(|| "L\\P".to_string())
    }

    /// Millimetres towards the head of a slice.
    pub fn millimetres(&self, frame: usize) -> Option<f64> {
        self.heights.map(|[first, step]| first + step * frame as f64)
    }

    /// The voxels of a slice, row by row.
    pub fn voxels(&self, frame: usize) -> impl Iterator<Item = usize> {
        let [right, down, deeper] = self.steps;
        let start = self.first as isize + deeper * frame as isize;
        let (width, height) = (self.width as isize, self.height as isize);
        (0..height).flat_map(move |y| (0..width).map(move |x| (start + y * down + x * right) as usize))
    }
}

/// Which axis of a volume is which of its slices.
struct Axes {
    /// Along the rows of a slice, along its columns, from slice to slice.
    order: [usize; 3],
    /// Whether each is gone through from its end.
    flips: [bool; 3],
    is_oblique: bool,
    /// Millimetres from column to column, and from row to row.
    sides: [f64; 2],
}

impl Axes {
    fn of(affine: &Affine) -> Option<Axes> {
        let lengths = affine.steps.map(|step| product(step, step).sqrt());
        let makes_sense = lengths.iter().all(|length| length.is_finite() && *length > 0.0)
            && affine.origin.iter().all(|at| at.is_finite());
        if !makes_sense {
            return None;
        }
        let units: Vec<Vector> =
            affine.steps.iter().zip(lengths).map(|(step, length)| step.map(|part| part / length)).collect();
        let along = (0..3).max_by(|a, b| units[*a][2].abs().total_cmp(&units[*b][2].abs()))?;
        let [mut across, mut down] = [(along + 1) % 3, (along + 2) % 3];
        if units[across][0].abs() < units[down][0].abs() {
            (across, down) = (down, across);
        }
        let ([rx, ry, _], [cx, cy, _]) = (units[across], units[down]);
        if product(units[across], units[down]).abs() > MAX_SKEW || units[along][2] == 0.0 {
            return None;
        }
        Some(Axes {
            order: [across, down, along],
            flips: [rx < 0.0, cy < 0.0, units[along][2] > 0.0],
            is_oblique: (rx * cy - ry * cx).abs() < MIN_AXIAL,
            sides: [lengths[across], lengths[down]],
        })
    }
}

fn product(a: Vector, b: Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An affine of steps of 1, 2 and 3 mm along directions that are named by what they run to.
    fn towards(letters: &str) -> Affine {
        let mut steps = [[0.0; 3]; 3];
        for (at, letter) in letters.chars().enumerate() {
            let (axis, sign) = match letter {
                'L' => (0, 1.0),
                'R' => (0, -1.0),
                'P' => (1, 1.0),
                'A' => (1, -1.0),
                'H' => (2, 1.0),
                _ => (2, -1.0),
            };
            steps[at][axis] = sign * (at + 1) as f64;
        }
        Affine { steps, origin: [10.0, 20.0, 30.0] }
    }

    #[test]
    fn slices_have_the_front_up_and_the_right_at_the_left_from_the_head() {
        // Every way in which 2 x 3 x 4 voxels can lie.
        for [x, y, z] in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            for signs in 0..8 {
                let letter = |axis: usize| [['L', 'R'], ['P', 'A'], ['F', 'H']][axis][signs >> axis & 1];
                let mut letters = [' '; 3];
                (letters[x], letters[y], letters[z]) = (letter(0), letter(1), letter(2));
                let letters: String = letters.iter().collect();
                let size = [2, 3, 4];
                let view = View::of(size, Some(&towards(&letters)));
                assert_eq!((view.width, view.height, view.frames), (size[x], size[y], size[z]), "{letters}");
                assert!(view.is_known() && !view.is_oblique());
                for frame in 0..view.frames {
                    let voxels: Vec<usize> = view.voxels(frame).collect();
                    for (at, voxel) in voxels.iter().enumerate() {
                        let place = [voxel % 2, voxel / 2 % 3, voxel / 6];
                        let from =
                            |axis: usize, flipped: bool, at: usize| if flipped { size[axis] - 1 - at } else { at };
                        let expected = [
                            from(x, signs & 1 == 1, at % size[x]),
                            from(y, signs >> 1 & 1 == 1, at / size[x]),
                            from(z, signs >> 2 & 1 == 1, frame),
                        ];
                        assert_eq!([place[x], place[y], place[z]], expected, "{letters}");
                    }
                    let place = voxels[0] / [1, 2, 6][z] % size[z];
                    let towards_head = if letter(2) == 'H' { 1.0 } else { -1.0 };
                    assert_eq!(
                        view.millimetres(frame),
                        Some(30.0 + towards_head * (z + 1) as f64 * place as f64),
                        "{letters}"
                    );
                    assert!(frame == 0 || view.millimetres(frame) < view.millimetres(frame - 1));
                }
            }
        }
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        for affine in [
            None,
            Some(Affine { steps: [[0.0; 3]; 3], origin: [0.0; 3] }),
            Some(Affine { origin: [0.0, f64::NAN, 0.0], ..towards("LPH") }),
            Some(Affine { steps: [[1.0, 0.0, 0.0], [0.7, 0.7, 0.0], [0.0, 0.0, 1.0]], origin: [0.0; 3] }),
            Some(Affine { steps: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], origin: [0.0; 3] }),
        ] {
            let view = View::of([2, 3, 4], affine.as_ref());
            assert!(!view.is_known() && view.shown().is_none() && view.millimetres(0).is_none());
            assert_eq!((view.width, view.height, view.frames), (2, 3, 4));
            assert!(view.voxels(1).eq(6..12) && view.aspect().is_none());
        }
    }

    #[test]
    fn a_tilted_stack_is_axial_up_to_a_bound() {
        let tilted = |degrees: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let steps = [[1.0, 0.0, 0.0], [0.0, cos, sin], [0.0, -sin, cos]];
            View::of([2, 3, 4], Some(&Affine { steps, origin: [0.0; 3] }))
        };
        assert!(!tilted(25.0).is_oblique() && !tilted(-36.0).is_oblique());
        assert!(tilted(40.0).is_oblique() && tilted(40.0).shown().is_none());
        assert_eq!(View::of([2, 3, 4], Some(&towards("LPH"))).aspect(), Some(2.0));
        assert_eq!(View::of([2, 3, 4], Some(&towards("HLP"))).sides(), Some([2.0, 3.0]));
        assert_eq!(View::of([2, 3, 4], Some(&towards("HLP"))).aspect(), Some(1.5));
    }
}
