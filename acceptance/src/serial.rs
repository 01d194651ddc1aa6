//! Where there are no threads: what rayon does on all cores, one draw after the other.

use std::ops::Range;

/// rayon's trait of this name, as far as it is used here.
pub trait IntoParallelIterator: Iterator + Sized {
    fn into_par_iter(self) -> Self {
        self
    }
}

impl IntoParallelIterator for Range<u64> {}
