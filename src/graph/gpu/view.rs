//! Views: how a tensor of some shape lies in a buffer. Axes are cut, repeated and parted here, without a kernel.

/// A tensor as offset and strides over the values of buffer `tensor`, in elements.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Number of the tensor in the plan.
    pub tensor: usize,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// The strides of a tensor whose values lie row by row.
pub fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// How many values a tensor of this shape has.
pub fn volume(shape: &[usize]) -> usize {
    shape.iter().product()
}

impl View {
    /// The whole of a tensor, row by row.
    pub fn whole(tensor: usize, shape: &[usize]) -> View {
        View { tensor, offset: 0, shape: shape.to_vec(), strides: row_major(shape) }
    }

    /// Whether the values lie one after the other in the order of the shape.
    pub fn is_dense(&self) -> bool {
        let dense = row_major(&self.shape);
        (0..self.shape.len()).all(|axis| self.shape[axis] == 1 || self.strides[axis] == dense[axis])
    }

    /// Without an axis of length 1.
    pub fn remove_axis(&self, at: usize) -> View {
        let mut view = self.clone();
        view.shape.remove(at);
        view.strides.remove(at);
        view
    }

    /// The axes in another order: axis `order[i]` comes at place i.
    pub fn transpose(&self, order: &[usize]) -> View {
        let sorted = |own: &[usize]| order.iter().map(|&axis| own[axis]).collect();
        View { shape: sorted(&self.shape), strides: sorted(&self.strides), ..self.clone() }
    }

    /// Elements `start..end` of an axis.
    pub fn slice(&self, axis: usize, start: usize, end: usize) -> View {
        let mut view = self.clone();
        view.offset += start * view.strides[axis];
        view.shape[axis] = end - start;
        view
    }

    /// Axes of 1, and those that are missing in front, repeated to `shape`.
    pub fn broadcast(&self, shape: &[usize]) -> View {
        let missing = shape.len() - self.shape.len();
        let strides = (0..shape.len())
            .map(|axis| match axis.checked_sub(missing) {
                Some(own) if self.shape[own] == shape[axis] => self.strides[own],
                _ => 0,
            })
            .collect();
        View { shape: shape.to_vec(), strides, ..self.clone() }
    }

    /// Axes `at..at + from.len()` taken for others of the same volume; `None` where that needs a copy.
    pub fn reshape(&self, at: usize, from: usize, to: &[usize]) -> Option<View> {
        let old = at..at + from;
        // Axes of 1 have no say in how values lie.
        let axes: Vec<usize> = old.clone().filter(|&axis| self.shape[axis] != 1).collect();
        let together = axes.windows(2).all(|pair| self.strides[pair[0]] == self.strides[pair[1]] * self.shape[pair[1]]);
        if !together {
            return None;
        }
        let innermost = axes.last().map_or(0, |&axis| self.strides[axis]);
        let strides = row_major(to).into_iter().map(|stride| stride * innermost);
        let mut view = self.clone();
        view.shape.splice(old.clone(), to.iter().copied());
        view.strides.splice(old, strides);
        Some(view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each value lies, in the order of the shape.
    fn places(view: &View) -> Vec<usize> {
        (0..volume(&view.shape))
            .map(|mut at| {
                let mut place = view.offset;
                for axis in (0..view.shape.len()).rev() {
                    place += at % view.shape[axis] * view.strides[axis];
                    at /= view.shape[axis];
                }
                place
            })
            .collect()
    }

    #[test]
    fn axes_are_cut_and_repeated_in_place() {
        let view = View::whole(0, &[2, 3]);
        assert_eq!(places(&view.slice(1, 1, 3)), [1, 2, 4, 5]);
        assert_eq!(places(&view.slice(0, 1, 2).broadcast(&[2, 3])), [3, 4, 5, 3, 4, 5]);
        assert_eq!(places(&View::whole(0, &[2, 1, 3]).remove_axis(1)), places(&view));
        assert_eq!(places(&view.transpose(&[1, 0])), [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn a_reshape_that_needs_a_copy_is_told() {
        let view = View::whole(0, &[4, 6]);
        assert_eq!(places(&view.reshape(0, 2, &[3, 8]).unwrap()), (0..24).collect::<Vec<_>>());
        let cut = view.slice(1, 1, 5);
        assert_eq!(cut.reshape(0, 2, &[16]), None);
        assert_eq!(View::whole(0, &[1, 6]).broadcast(&[4, 6]).reshape(0, 2, &[24]), None);
        // One axis may always be parted.
        assert_eq!(places(&cut.reshape(1, 1, &[2, 2]).unwrap()), places(&cut));
    }
}
