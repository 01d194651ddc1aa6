//! The order of the slices of a stack.

use serde::Serialize;

use super::Item;

/// By what the slices of a study are ordered. Those of which it is not known come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// From head to feet.
    Position,
    /// By the scanner's location, from the greatest to the least: it need not say where the head is.
    Location,
    /// By the scanner's numbers.
    Number,
    /// As they were given.
    Input,
}

/// How far heights and locations of slices may be off being the same but for a shift, in millimetres.
const MAX_DRIFT: f64 = 0.5;

/// Where each slice of a stack lies, in millimetres towards the head, or in the scanner's direction where that alone is known of all.
pub(super) fn positions(items: &[Item], slices: &[usize]) -> Vec<Option<f64>> {
    let shared = shared_by_locations(items, slices);
    let heights: Vec<Option<f64>> = slices.iter().map(|at| height(&items[*at], shared)).collect();
    if heights.iter().any(Option::is_some) { heights } else { slices.iter().map(|at| location(&items[*at])).collect() }
}

fn location(item: &Item) -> Option<f64> {
    item.place.location.filter(|value| value.is_finite())
}

/// As the file has it, or by its location where `shared` says how heights are made of locations.
fn height(item: &Item, shared: Option<(f64, f64)>) -> Option<f64> {
    let own = item.place.height.filter(|value| value.is_finite());
    own.or_else(|| shared.and_then(|(sign, shift)| Some(sign * location(item)? + shift)))
}

/// Orders the slices of a stack by what at least half of them have, the best of it; equal ones stay as they were given.
pub(super) fn sort(items: &[Item], slices: &mut [usize]) -> Order {
    let shared = shared_by_locations(items, slices);
    let (location, height) = (|at: usize| location(&items[at]), |at: usize| height(&items[at], shared));
    let number = |at: usize| items[at].place.number;
    let most_have = |has: &dyn Fn(usize) -> bool| {
        let having = slices.iter().filter(|at| has(**at)).count();
        having > 0 && 2 * having >= slices.len()
    };
    let order = if most_have(&|at| height(at).is_some()) {
        Order::Position
    } else if most_have(&|at| location(at).is_some()) {
        Order::Location
    } else if most_have(&|at| number(at).is_some()) {
        Order::Number
    } else {
        return Order::Input;
    };
    let falling = |value: Option<f64>| value.map(|value| -value);
    let key = |at: usize| match order {
        Order::Position => falling(height(at)),
        Order::Location => falling(location(at)),
        _ => None,
    };
    slices.sort_by(|a, b| {
        let ((a, key_a), (b, key_b)) = ((*a, key(*a)), (*b, key(*b)));
        let by_key = match (key_a, key_b) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        let last = |number: Option<i64>| (number.is_none(), number);
        by_key.then_with(|| last(number(a)).cmp(&last(number(b)))).then_with(|| items[a].frame.cmp(&items[b].frame))
    });
    order
}

/// Sign and shift that make a height of a location, if they are the same in all slices that have both.
fn shared_by_locations(items: &[Item], slices: &[usize]) -> Option<(f64, f64)> {
    let both = || slices.iter().filter_map(|at| items[*at].place.height.zip(items[*at].place.location));
    let spread = |of: &dyn Fn((f64, f64)) -> f64| {
        let range = both().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), value| {
            (least.min(value), greatest.max(value))
        });
        range.1 - range.0
    };
    if spread(&|(height, _)| height) <= MAX_DRIFT {
        return None;
    }
    let (height, location) = both().next()?;
    let sign =
        [1.0, -1.0].into_iter().find(|sign| spread(&|(height, location)| height - sign * location) <= MAX_DRIFT)?;
    Some((sign, height - sign * location))
}
