//! The stacks of a series: slices that the scanner took in one way, told apart by what their files say.

use std::collections::{BTreeMap, HashMap};

use super::Item;
use crate::place::{Mark, Marks};

const MARKS: [Mark; 7] =
    [Mark::Acquisition, Mark::Echo, Mark::Time, Mark::Stack, Mark::ImageType, Mark::Kernel, Mark::Thickness];

/// Slices of one stack, as items, and what tells them from the others; a mark that its files do not have is missing.
pub(super) struct Part {
    pub(super) differs: Marks,
    pub(super) members: Vec<usize>,
}

/// The parts of a series, by number where their marks are numbers, else by their first slices. Marks that only some slices have, and all
/// of these alike, tell no stacks apart.
pub(super) fn split(items: &[Item], members: Vec<usize>) -> Vec<Part> {
    let differing: Vec<Mark> = MARKS.into_iter().filter(|mark| tells_apart(items, &members, *mark)).collect();
    let mut parts: Vec<Part> = Vec::new();
    let mut known = HashMap::new();
    for at in members {
        let marks = &items[at].place.marks;
        let key: Vec<Option<String>> = differing.iter().map(|mark| value(items, at, *mark)).collect();
        let part = *known.entry(key).or_insert_with(|| {
            let differs = differing.iter().filter_map(|mark| Some((*mark, marks.get(mark)?.clone()))).collect();
            parts.push(Part { differs, members: Vec::new() });
            parts.len() - 1
        });
        parts[part].members.push(at);
    }
    let numbers = |part: &Part| -> Vec<(bool, f64)> {
        let number = |mark| part.differs.get(mark).map(|value| value.parse::<f64>().unwrap_or_default());
        differing.iter().map(|mark| (number(mark).is_none(), number(mark).unwrap_or_default())).collect()
    };
    parts.sort_by(|a, b| numbers(a).partial_cmp(&numbers(b)).unwrap_or(std::cmp::Ordering::Equal));
    parts
}

/// What the stack is called by what tells it from the others: "acquisition 2, 1.25 mm".
pub(super) fn name(differs: &Marks) -> String {
    let word = |(mark, value): (&Mark, &String)| {
        let value = value.replace('\\', " ");
        match mark {
            Mark::Acquisition => format!("acquisition {value}"),
            Mark::Echo => format!("echo {value}"),
            Mark::Time => format!("time {value}"),
            Mark::Stack => format!("stack {value}"),
            Mark::ImageType => format!("image type {value}"),
            Mark::Kernel => format!("kernel {value}"),
            Mark::Thickness => format!("{value} mm"),
        }
    };
    let words: Vec<String> = differs.iter().map(word).collect();
    if words.is_empty() { "not named".to_string() } else { words.join(", ") }
}

/// The mark of an item, if its file has it; thicknesses that differ by a rounding are one.
fn value(items: &[Item], at: usize, mark: Mark) -> Option<String> {
    let value = items[at].place.marks.get(&mark)?;
    let rounded = (mark == Mark::Thickness).then(|| value.parse::<f64>().ok().map(|value| format!("{value:.1}")));
    Some(rounded.flatten().unwrap_or_else(|| value.clone()))
}

fn tells_apart(items: &[Item], members: &[usize], mark: Mark) -> bool {
    let mut ranges: BTreeMap<String, Option<(i64, i64)>> = BTreeMap::new();
    for at in members {
        let Some(value) = value(items, *at, mark) else { continue };
        let range = ranges.entry(value).or_default();
        if let Some(position) = items[*at].place.position() {
            let (least, greatest) = range.unwrap_or((position, position));
            *range = Some((least.min(position), greatest.max(position)));
        }
    }
    if ranges.len() < 2 || mark != Mark::Acquisition {
        return ranges.len() > 1;
    }
    // A scan in several turns of the table, each an acquisition, is one stack: none lies among the slices of another.
    let mut known: Vec<(i64, i64)> = ranges.values().flatten().copied().collect();
    known.sort_unstable();
    known.len() < ranges.len() || known.windows(2).any(|pair| pair[1].0 <= pair[0].1)
}
