//! The readings of one series, archive or folder, put together: slices in stacks and in order, ranked and counted, what was set aside, and
//! one reading of them all. Knows no host, no picture and no name but those that the host gave.
//!
//! The network judges slices. What is said here of several is arithmetic on what it says of each; the model card has how far it holds.

pub mod coronal;
mod extent;
mod lungs;
mod order;
mod repeats;
mod score;
mod stacks;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

pub use self::extent::{Extent, Part, Sides, Spacing};
pub use self::lungs::{Area, Lungs};
pub use self::order::Order;
pub use self::score::Refusal;
use crate::aside::Aside;
use crate::model::StudyRule;
use crate::opacity::Opacity;
use crate::place::{Marks, Spot};
use crate::reading::{Reading, Verdict};

/// What a study needs to know of one reading.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Item {
    /// As the host named it.
    pub file: String,
    /// From 0, `None` for single frames.
    pub frame: Option<usize>,
    /// The archive or folder that the file came in; `None` for a file of its own.
    pub container: Option<String>,
    /// What tells containers, and files of several frames, of one name apart; `None` from a host whose names are all different.
    #[serde(default)]
    pub intake: Option<u32>,
    /// Where its file says that it belongs.
    pub place: Spot,
    /// Of its reading.
    pub verdict: Verdict,
    /// 0..1 for a slice that was judged.
    pub score: Option<f32>,
    /// Of a slice that was judged.
    #[serde(default)]
    pub opacity: Option<Opacity>,
    /// Of a slice that was judged; from a host that does not give it, a study has no [`Extent`].
    #[serde(default)]
    pub lungs: Option<Lungs>,
    /// Code of the refusal or error.
    pub reason: Option<String>,
}

/// A file of a folder or an archive that was set aside as a whole: it has no reading.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Beside {
    /// What it is.
    pub kind: Aside,
    /// Where it says that it belongs.
    pub place: Spot,
    /// As of an [`Item`].
    pub container: Option<String>,
    /// As of an [`Item`].
    #[serde(default)]
    pub intake: Option<u32>,
}

/// What holds the slices of a study together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A DICOM series.
    Series,
    /// An archive, a folder or a file of several frames, where no header names a series.
    Container,
    /// Files of their own, which may have nothing to do with each other.
    Pictures,
}

/// Several slices that belong together. Slice n of it is item `slices[n - 1]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Study {
    /// What its slices have in common.
    pub kind: Kind,
    /// Among those of its kind, from 1, by their first items.
    pub ordinal: usize,
    /// The archive, folder or file; `None` for a series and for pictures.
    pub name: Option<String>,
    /// How its slices are ordered; of several stacks, the loosest order.
    pub order: Order,
    /// Every item of the study that counts, in the order of its slices.
    pub slices: Vec<usize>,
    /// Its stacks one behind the other: one, or as many as its files tell apart.
    pub stacks: Vec<Stack>,
    /// Items that are a slice again, which counts once.
    pub repeated: Vec<Repeat>,
    /// Localizers among the items: they are no slices of the study.
    pub localizers: Vec<usize>,
    /// What was set aside, localizers included, and how many of each kind.
    pub set_aside: BTreeMap<Aside, usize>,
    /// The numbers, from 1, of the slices that were judged, the highest score first.
    pub ranked: Vec<usize>,
    /// How many slices have which verdict.
    pub counts: Counts,
    /// Of the judged slices; `None` where none was.
    pub positive_share: Option<f64>,
    /// `None` where no slice was judged.
    pub highest: Option<Highest>,
    /// Calibrated, 0..1, as that of a slice; `None` where there is a refusal.
    pub score: Option<f32>,
    /// On the whole study; not a diagnosis.
    pub verdict: Verdict,
    /// Why there is no score.
    pub refusal: Option<Refusal>,
    /// The number, from 1, of the stack that score and extent are of: that with the most slices that were judged. `None` where none was.
    pub stack_read: Option<usize>,
    /// Shares of the lungs' volume; where there is no extent, the means of the judged slices. `None` where none was judged.
    pub opacity: Option<Opacity>,
    /// Where the lungs are opaque; `None` where it is not known.
    pub extent: Option<Extent>,
    /// How many slices were refused, by the code of their refusal.
    pub refusals: BTreeMap<String, usize>,
    /// How many slices were refused or could not be read, by the code of the refusal or the error.
    pub left_out: BTreeMap<String, usize>,
}

/// Slices that were taken in one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stack {
    /// What tells it from the other stacks, in words; `None` for the only one.
    pub name: Option<String>,
    /// The same for programs.
    pub differs: Marks,
    /// How its slices are ordered.
    pub order: Order,
    /// The numbers of its slices in the study, from 1.
    pub slices: Vec<usize>,
    /// How many of its slices have which verdict.
    pub counts: Counts,
    /// `None` where no slice was judged.
    pub highest: Option<Highest>,
}

/// An item that is a slice again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// The item.
    pub item: usize,
    /// The number of the slice that counts, from 1.
    pub slice: usize,
}

/// How many slices there are; `judged` are the positive, the negative and the uncertain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub slices: usize,
    /// Those with a score.
    pub judged: usize,
    /// Judged positive.
    pub positive: usize,
    /// Judged negative.
    pub negative: usize,
    /// Judged, with a score in the uncertain band.
    pub uncertain: usize,
    /// Not judged.
    pub refused: usize,
    /// Of those refused, slices that show no lungs: beside the chest, not a fault of the study.
    pub without_lungs: usize,
    /// Not read.
    pub unreadable: usize,
}

/// The slice with the highest score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Highest {
    /// From 1.
    pub slice: usize,
    /// Its score, 0..1.
    pub score: f32,
}

impl Item {
    /// The item of a reading from `container`, of which no other has the name; the words for its UIDs are made with `salt`.
    pub fn new(reading: &Reading, container: Option<String>, salt: &[u8]) -> Item {
        let refusal = reading.refusal.as_ref().map(|refusal| refusal.code);
        let error = reading.error.as_ref().map(|error| error.code);
        Item {
            file: reading.file.clone(),
            frame: reading.frame,
            container,
            intake: None,
            place: Spot::of(&reading.place, salt),
            verdict: reading.verdict,
            score: reading.score,
            opacity: reading.opacity,
            lungs: Lungs::of(reading),
            reason: refusal.or(error).map(str::to_string),
        }
    }

    fn is_without_lungs(&self) -> bool {
        self.verdict == Verdict::Refused && self.reason.as_deref() == Some(NO_LUNGS)
    }

    /// A series holds its slices together whatever they came in, and several frames their file.
    fn group(&self) -> Group<'_> {
        match (&self.place.series, self.frame, &self.container) {
            (Some(series), _, _) => (Kind::Series, Some(series), None),
            (None, Some(_), _) => (Kind::Container, Some(&self.file), self.intake),
            (None, None, Some(container)) => (Kind::Container, Some(container), self.intake),
            (None, None, None) => (Kind::Pictures, None, None),
        }
    }
}

/// What holds a study together, its name among those of that kind, and the intake among those of that name.
type Group<'a> = (Kind, Option<&'a str>, Option<u32>);

/// Puts every item into the study that it belongs to; studies stand in the order of their first items. What lies `beside` them is set
/// aside in the first study of its series, else of its visit, else of its container, and in none where there is no such study. Without a
/// `rule` no study has a score.
pub fn studies(items: &[Item], beside: &[Beside], rule: Option<&StudyRule>) -> Vec<Study> {
    let mut groups: Vec<(Group, Vec<usize>)> = Vec::new();
    let mut places = HashMap::new();
    let owners = owners(items);
    for (at, item) in items.iter().enumerate() {
        let group = item.group();
        let place = *places.entry((group, owner(item, &owners))).or_insert_with(|| {
            groups.push((group, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(at);
    }
    let mut ordinals = HashMap::new();
    let numbered = groups.into_iter().map(|((kind, name, _), members)| {
        let ordinal = ordinals.entry(kind).and_modify(|ordinal| *ordinal += 1).or_insert(1);
        let name = name.filter(|_| kind == Kind::Container).map(str::to_string);
        Study::new(items, kind, *ordinal, name, members, rule)
    });
    let mut studies: Vec<Study> = numbered.collect();
    set_aside(items, &mut studies, beside);
    studies
}

/// A patient and a visit of a series, as far as its files name them.
type Owner<'a> = [Option<&'a str>; 2];

/// The first patient and the first visit that each series names.
fn owners(items: &[Item]) -> HashMap<&str, Owner<'_>> {
    let mut owners: HashMap<&str, Owner> = HashMap::new();
    for Spot { series, patient, visit, .. } in items.iter().map(|item| &item.place) {
        let Some(series) = series else { continue };
        let owner = owners.entry(series).or_default();
        for (known, said) in owner.iter_mut().zip([patient, visit]) {
            *known = known.or(said.as_deref());
        }
    }
    owners
}

/// Whose slice of a series it is: a UID that two patients or two visits share, as some programs that make files anonymous leave it, makes
/// no one series of theirs. A slice that names nobody belongs to the first.
fn owner<'a>(item: &'a Item, owners: &HashMap<&str, Owner<'a>>) -> Owner<'a> {
    let Spot { series, patient, visit, .. } = &item.place;
    let first = series.as_deref().and_then(|series| owners.get(series)).copied().unwrap_or_default();
    [patient.as_deref().or(first[0]), visit.as_deref().or(first[1])].map(|said| said.filter(|_| series.is_some()))
}

/// Counts what lies beside the items in the studies that it belongs to.
fn set_aside(items: &[Item], studies: &mut [Study], beside: &[Beside]) {
    #[derive(PartialEq, Eq, Hash)]
    enum Bond<'a> {
        Series(&'a str),
        Visit(&'a str),
        Container(&'a str, Option<u32>),
    }
    fn bonds<'a>(place: &'a Spot, container: Option<&'a str>, intake: Option<u32>) -> [Option<Bond<'a>>; 3] {
        [
            place.series.as_deref().map(Bond::Series),
            place.visit.as_deref().map(Bond::Visit),
            container.map(|container| Bond::Container(container, intake)),
        ]
    }
    let mut first = HashMap::new();
    for (number, study) in studies.iter().enumerate() {
        for item in study.slices.iter().chain(&study.localizers).map(|at| &items[*at]) {
            for bond in bonds(&item.place, item.container.as_deref(), item.intake).into_iter().flatten() {
                first.entry(bond).or_insert(number);
            }
        }
    }
    for Beside { kind, place, container, intake } in beside {
        let mut bonds = bonds(place, container.as_deref(), *intake).into_iter().flatten();
        if let Some(number) = bonds.find_map(|bond| first.get(&bond)) {
            *studies[*number].set_aside.entry(*kind).or_default() += 1;
        }
    }
}

impl Study {
    fn new(
        items: &[Item],
        kind: Kind,
        ordinal: usize,
        name: Option<String>,
        members: Vec<usize>,
        rule: Option<&StudyRule>,
    ) -> Study {
        let (localizers, members): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|at| items[*at].reason.as_deref() == Some(LOCALIZER));
        // What only came together has the order in which it came.
        let is_ordered = kind == Kind::Series || members.iter().all(|at| items[*at].frame.is_some());
        let parts = if is_ordered {
            stacks::split(items, members)
        } else {
            vec![stacks::Part { differs: Marks::new(), members }]
        };
        let mut ordered: Vec<_> = parts
            .into_iter()
            .filter(|part| !part.members.is_empty())
            .map(|stacks::Part { differs, members }| {
                let (mut slices, repeats) = repeats::find(items, members);
                let order = if is_ordered { order::sort(items, &mut slices) } else { Order::Input };
                (order, differs, slices, repeats)
            })
            .collect();
        // One that cannot be ordered must not stand before the others.
        ordered.sort_by_key(|(order, ..)| *order);
        let several = ordered.len() > 1;
        let (mut slices, mut stacks, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
        let mut order = Order::Position;
        for (of_stack, differs, members, repeats) in ordered {
            let numbers: Vec<usize> = (slices.len() + 1..=slices.len() + members.len()).collect();
            slices.extend(members);
            let number: HashMap<usize, usize> = numbers.iter().map(|number| (slices[number - 1], *number)).collect();
            repeated.extend(repeats.into_iter().map(|(item, of)| Repeat { item, slice: number[&of] }));
            let (counts, ranked) = (count(items, &slices, &numbers), rank(items, &slices, &numbers));
            let name = several.then(|| stacks::name(&differs));
            let highest = ranked.first().copied();
            stacks.push(Stack { name, differs, order: of_stack, slices: numbers, counts, highest });
            order = order.max(of_stack);
        }
        let all: Vec<usize> = (1..=slices.len()).collect();
        let (counts, ranked) = (count(items, &slices, &all), rank(items, &slices, &all));
        let by_reason = |is_meant: fn(Verdict) -> bool| {
            let mut reasons = BTreeMap::new();
            for item in slices.iter().map(|at| &items[*at]).filter(|item| is_meant(item.verdict)) {
                *reasons.entry(item.reason.clone().unwrap_or_default()).or_default() += 1;
            }
            reasons
        };
        let refusals = by_reason(|verdict| verdict == Verdict::Refused);
        let left_out = by_reason(|verdict| matches!(verdict, Verdict::Refused | Verdict::Error));
        let most = stacks.iter().map(|stack| stack.counts.judged).max().filter(|judged| *judged > 0);
        let read = most.and_then(|most| stacks.iter().position(|stack| stack.counts.judged == most));
        let members = |stack: &Stack| stack.slices.iter().map(|number| slices[number - 1]).collect::<Vec<_>>();
        let of_stack = read.map(|read| members(&stacks[read])).unwrap_or_default();
        let scores: Vec<f32> = of_stack.iter().filter_map(|at| items[*at].score).collect();
        let short: Vec<&Counts> = [&counts].into_iter().chain(read.map(|read| &stacks[read].counts)).collect();
        let judged = match kind {
            Kind::Pictures if !scores.is_empty() => Err(score::UNRELATED),
            _ => score::judge(rule, &scores, &short),
        };
        // Single pictures need not be of one body.
        let extent = read.filter(|_| kind != Kind::Pictures).and_then(|read| {
            let positions = order::positions(items, &of_stack);
            let placed: Vec<_> = of_stack.iter().map(|at| &items[*at]).zip(positions).collect();
            Extent::of(&placed, stacks[read].order)
        });
        let opacities: Vec<Opacity> = slices.iter().filter_map(|at| items[*at].opacity).collect();
        let opacity = extent.map(|extent| extent.lungs.opacity).or_else(|| Opacity::mean(&opacities));
        let set_aside = [(Aside::Localizer, localizers.len())].into_iter().filter(|(_, number)| *number > 0).collect();
        Study {
            kind,
            ordinal,
            name,
            order: if slices.is_empty() { Order::Input } else { order },
            score: judged.ok().map(|(score, _)| score),
            verdict: judged.map_or(Verdict::Refused, |(_, verdict)| verdict),
            refusal: judged.err(),
            stack_read: read.map(|read| read + 1),
            opacity,
            extent,
            slices,
            stacks,
            repeated,
            localizers,
            set_aside,
            highest: ranked.first().copied(),
            ranked: ranked.into_iter().map(|highest| highest.slice).collect(),
            counts,
            positive_share: (counts.judged > 0).then(|| counts.positive as f64 / counts.judged as f64),
            refusals,
            left_out,
        }
    }
}

/// The code of the gate's refusal of a localizer.
const LOCALIZER: &str = "localizer";
/// The code of the gate's refusal of a slice that shows no lungs.
const NO_LUNGS: &str = "no_lungs";

/// How many of the slices of these numbers have which verdict.
fn count(items: &[Item], slices: &[usize], numbers: &[usize]) -> Counts {
    let mut counts = Counts { slices: numbers.len(), ..Counts::default() };
    for item in numbers.iter().map(|number| &items[slices[number - 1]]) {
        counts.without_lungs += usize::from(item.is_without_lungs());
        match item.verdict {
            Verdict::Positive => counts.positive += 1,
            Verdict::Negative => counts.negative += 1,
            Verdict::Uncertain => counts.uncertain += 1,
            Verdict::Refused => counts.refused += 1,
            Verdict::Error => counts.unreadable += 1,
        }
    }
    counts.judged = counts.positive + counts.negative + counts.uncertain;
    counts
}

/// The judged ones among the slices of these numbers, the highest score first.
fn rank(items: &[Item], slices: &[usize], numbers: &[usize]) -> Vec<Highest> {
    let scored = |slice: &usize| items[slices[slice - 1]].score.map(|score| Highest { slice: *slice, score });
    let mut ranked: Vec<Highest> = numbers.iter().filter_map(scored).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    ranked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::OperatingPoint;
    use crate::reading::log_odds;

    fn judged(series: Option<&str>, height: Option<f64>, score: f32) -> Item {
        Item {
            file: format!("{score}.dcm"),
            frame: None,
            container: None,
            intake: None,
            place: Spot { series: series.map(str::to_string), height, ..Spot::default() },
            verdict: if score >= 0.5 { Verdict::Positive } else { Verdict::Negative },
            score: Some(score),
            opacity: Some(Opacity { share: score / 2.0, ground_glass: score / 4.0, consolidation: 0.5 }),
            lungs: None,
            reason: None,
        }
    }

    fn set_aside(verdict: Verdict, reason: &str, of: Item) -> Item {
        Item { verdict, score: None, opacity: None, lungs: None, reason: Some(reason.to_string()), ..of }
    }

    #[test]
    fn a_series_is_counted_and_ranked_from_head_to_feet() {
        let series = Some("a");
        let items = [
            judged(series, Some(-20.0), 0.2),
            judged(series, Some(30.0), 0.7),
            set_aside(Verdict::Refused, "no_lungs", judged(series, Some(80.5), 0.0)),
            judged(series, Some(5.0), 0.9),
            Item { verdict: Verdict::Uncertain, ..judged(series, Some(-40.0), 0.45) },
            set_aside(Verdict::Error, "unreadable", judged(series, Some(-60.0), 0.0)),
        ];
        let [study] = &studies(&items, &[], None)[..] else { panic!("it is one study") };
        assert_eq!((study.kind, study.ordinal, study.order), (Kind::Series, 1, Order::Position));
        assert_eq!(study.slices, [2, 1, 3, 0, 4, 5]);
        assert_eq!(study.ranked, [3, 2, 5, 4]);
        assert_eq!(study.highest, Some(Highest { slice: 3, score: 0.9 }));
        let counts = Counts {
            slices: 6,
            judged: 4,
            positive: 2,
            negative: 1,
            uncertain: 1,
            refused: 1,
            unreadable: 1,
            without_lungs: 1,
        };
        assert_eq!(study.counts, counts);
        assert_eq!(study.positive_share, Some(0.5));
        let opacity = study.opacity.unwrap();
        // Of the scores 0.2, 0.7, 0.9 and 0.45.
        assert!((opacity.share - 2.25 / 8.0).abs() < 1e-6 && (opacity.ground_glass - 2.25 / 16.0).abs() < 1e-6);
        assert_eq!(opacity.consolidation, 0.5);
        assert_eq!(study.refusals, BTreeMap::from([("no_lungs".to_string(), 1)]));
    }

    #[test]
    fn without_positions_the_scanner_numbers_order_and_without_those_the_input() {
        let numbered = |number, score| {
            let item = judged(Some("a"), None, score);
            Item { place: Spot { number: Some(number), ..item.place }, ..item }
        };
        let items = [numbered(10, 0.1), numbered(9, 0.2), numbered(11, 0.3)];
        let study = &studies(&items, &[], None)[0];
        assert_eq!((study.order, &study.slices[..]), (Order::Number, &[1, 0, 2][..]));
        // One without a number comes last, even if it alone says where it lies.
        let unnumbered = [items[0].clone(), judged(Some("a"), Some(3.0), 0.2), items[1].clone()];
        let study = &studies(&unnumbered, &[], None)[0];
        assert_eq!((study.order, &study.slices[..]), (Order::Number, &[2, 0, 1][..]));
        let unknown = [judged(Some("a"), None, 0.1), judged(Some("a"), None, 0.2)];
        let study = &studies(&unknown, &[], None)[0];
        assert_eq!((study.order, &study.slices[..]), (Order::Input, &[0, 1][..]));
    }

    #[test]
    fn what_names_no_series_is_held_together_by_what_it_came_in() {
        let within = |container: Option<&str>, frame| Item {
            container: container.map(str::to_string),
            frame,
            file: "cine.dcm".to_string(),
            ..judged(None, None, 0.3)
        };
        let items = [
            within(None, None),
            within(Some("study.zip"), None),
            judged(Some("b"), None, 0.4),
            within(None, Some(0)),
            within(None, Some(1)),
            within(Some("study.zip"), None),
            Item { container: Some("study.zip".to_string()), ..judged(Some("a"), None, 0.4) },
            within(None, None),
        ];
        let found: Vec<_> =
            studies(&items, &[], None).into_iter().map(|s| (s.kind, s.ordinal, s.name, s.slices)).collect();
        let expected = [
            (Kind::Pictures, 1, None, vec![0, 7]),
            (Kind::Container, 1, Some("study.zip".to_string()), vec![1, 5]),
            (Kind::Series, 1, None, vec![2]),
            (Kind::Container, 2, Some("cine.dcm".to_string()), vec![3, 4]),
            (Kind::Series, 2, None, vec![6]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn containers_of_one_name_are_as_many_studies_as_there_were_intakes() {
        let within = |container: Option<&str>, frame, intake| Item {
            file: "cine.dcm".to_string(),
            frame,
            container: container.map(str::to_string),
            intake,
            ..judged(None, None, 0.3)
        };
        let items = [
            within(Some("export"), None, Some(1)),
            within(Some("export"), None, Some(2)),
            within(None, Some(0), Some(3)),
            within(None, Some(0), Some(4)),
            within(Some("export"), None, Some(1)),
            within(None, Some(1), Some(3)),
            // No container: the intake says nothing.
            within(None, None, Some(5)),
            within(None, None, Some(6)),
            // A series is one wherever its slices come from.
            Item { intake: Some(7), ..judged(Some("a"), None, 0.4) },
            Item { intake: Some(8), ..judged(Some("a"), None, 0.4) },
        ];
        let found: Vec<_> =
            studies(&items, &[], None).into_iter().map(|s| (s.kind, s.ordinal, s.name, s.slices)).collect();
        let expected = [
            (Kind::Container, 1, Some("export".to_string()), vec![0, 4]),
            (Kind::Container, 2, Some("export".to_string()), vec![1]),
            (Kind::Container, 3, Some("cine.dcm".to_string()), vec![2, 5]),
            (Kind::Container, 4, Some("cine.dcm".to_string()), vec![3]),
            (Kind::Pictures, 1, None, vec![6, 7]),
            (Kind::Series, 1, None, vec![8, 9]),
        ];
        assert_eq!(found, expected);
    }

    fn rule() -> StudyRule {
        let point = OperatingPoint { threshold: 0.5, uncertain: [0.45, 0.55], chosen: String::new() };
        StudyRule { highest: 0.2, point }
    }

    #[test]
    fn a_series_has_one_score_whatever_order_its_slices_come_in() {
        let mut items: Vec<Item> =
            (0..20).map(|at| judged(Some("a"), Some(f64::from(at * 5)), (at * 7 % 20) as f32 / 20.0)).collect();
        let study = studies(&items, &[], Some(&rule())).remove(0);
        // 0.95, 0.9, 0.85 and 0.8.
        let mean = [0.95, 0.9, 0.85, 0.8].map(log_odds).iter().sum::<f64>() / 4.0;
        assert!((log_odds(study.score.unwrap()) - mean).abs() < 1e-5);
        assert_eq!((study.verdict, study.refusal, study.stack_read), (Verdict::Positive, None, Some(1)));
        items.reverse();
        items.rotate_left(7);
        let again = studies(&items, &[], Some(&rule())).remove(0);
        assert_eq!((again.score, again.verdict, again.opacity), (study.score, study.verdict, study.opacity));
        let without = studies(&items, &[], None).remove(0);
        assert_eq!((without.score, without.verdict), (None, Verdict::Refused));
        assert_eq!(without.refusal.unwrap().code, "no_rule");
    }

    #[test]
    fn slices_beside_the_lungs_leave_the_score_and_other_refusals_take_it() {
        let of = |verdict, reason: &str, height| set_aside(verdict, reason, judged(Some("a"), Some(height), 0.0));
        let mut items: Vec<Item> = (0..6).map(|at| judged(Some("a"), Some(f64::from(at)), 0.9)).collect();
        items.extend((0..20).map(|at| of(Verdict::Refused, "no_lungs", f64::from(100 + at))));
        let study = &studies(&items, &[], Some(&rule()))[0];
        assert!((study.score.unwrap() - 0.9).abs() < 1e-6);
        assert_eq!((study.counts.refused, study.counts.without_lungs), (20, 20));
        let mut items = items[..6].to_vec();
        items.push(of(Verdict::Refused, "unfamiliar", 50.0));
        items.push(of(Verdict::Error, "unreadable", 51.0));
        let left_out = BTreeMap::from([("unfamiliar".to_string(), 1), ("unreadable".to_string(), 1)]);
        let study = &studies(&items, &[], Some(&rule()))[0];
        assert_eq!((study.verdict, &study.left_out), (Verdict::Positive, &left_out));
        items.push(of(Verdict::Refused, "unfamiliar", 52.0));
        let study = &studies(&items, &[], Some(&rule()))[0];
        assert_eq!((study.score, study.verdict), (None, Verdict::Refused));
        assert_eq!(study.refusal.unwrap().code, "too_many_left_out");
    }

    #[test]
    fn single_pictures_have_no_score_and_of_stacks_that_with_the_most_slices_is_read() {
        let pictures = [judged(None, None, 0.9), judged(None, None, 0.9)];
        let study = &studies(&pictures, &[], Some(&rule()))[0];
        assert_eq!((study.score, study.refusal.unwrap().code), (None, "single_pictures"));
        let of = |time: &str, height: i32, score| {
            let item = judged(Some("a"), Some(f64::from(height)), score);
            let marks = Marks::from([(crate::place::Mark::Time, time.to_string())]);
            Item { place: Spot { marks, ..item.place }, ..item }
        };
        let mut items: Vec<Item> = (0..3).map(|at| of("1", at, 0.9)).collect();
        items.extend((0..5).map(|at| of("2", at, 0.1)));
        let study = &studies(&items, &[], Some(&rule()))[0];
        assert_eq!((study.stack_read, study.verdict), (Some(2), Verdict::Negative));
        assert!((study.score.unwrap() - 0.1).abs() < 1e-6);
    }

    #[test]
    fn a_study_without_a_judged_slice_has_no_share_and_no_highest() {
        let items = [set_aside(Verdict::Refused, "not_ct", judged(Some("a"), None, 0.0))];
        let study = &studies(&items, &[], None)[0];
        assert_eq!((study.positive_share, study.highest, study.ranked.len()), (None, None, 0));
        assert_eq!(study.opacity, None);
        assert!(studies(&[], &[], None).is_empty());
    }

    fn any_item() -> impl Strategy<Value = Item> {
        let name = |prefix: &'static str| proptest::option::of((0..3u8).prop_map(move |n| format!("{prefix}{n}")));
        (
            (name("s"), name("c"), proptest::option::of(0..3u32), proptest::option::of(0..3usize)),
            (proptest::option::of(-500.0..500.0f64), proptest::option::of(0..9i64)),
            (0..5usize, 0.0..=1.0f32),
        )
            .prop_map(|((series, container, intake, frame), (height, number), (verdict, score))| {
                use Verdict::*;
                let verdict = [Positive, Negative, Uncertain, Refused, Error][verdict];
                let is_judged = !matches!(verdict, Refused | Error);
                Item {
                    file: "f".to_string(),
                    frame,
                    container,
                    intake,
                    place: Spot { series, height, number, ..Spot::default() },
                    verdict,
                    score: is_judged.then_some(score),
                    opacity: is_judged.then_some(Opacity { share: score, ground_glass: score, consolidation: 0.0 }),
                    lungs: None,
                    reason: (!is_judged).then(|| "code".to_string()),
                }
            })
    }

    proptest! {
        #[test]
        fn every_slice_is_in_one_study_and_counted_once(items in proptest::collection::vec(any_item(), 0..40)) {
            let studies = studies(&items, &[], None);
            let all = |study: &Study| {
                let again = study.repeated.iter().map(|repeat| repeat.item);
                study.slices.iter().chain(&study.localizers).copied().chain(again).collect::<Vec<_>>()
            };
            let mut seen: Vec<_> = studies.iter().flat_map(all).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..items.len()).collect::<Vec<_>>());
            for Study { slices, ranked, counts, positive_share, highest, opacity, refusals, .. } in &studies {
                let score = |slice: &usize| items[slices[slice - 1]].score.unwrap();
                prop_assert_eq!(counts.slices, slices.len());
                prop_assert_eq!(counts.judged, ranked.len());
                prop_assert_eq!(counts.judged + counts.refused + counts.unreadable, counts.slices);
                prop_assert_eq!(counts.positive + counts.negative + counts.uncertain, counts.judged);
                prop_assert_eq!(refusals.values().sum::<usize>(), counts.refused);
                prop_assert!(ranked.is_sorted_by(|a, b| score(a) >= score(b)));
                prop_assert_eq!(highest.map(|highest| highest.slice), ranked.first().copied());
                prop_assert!(positive_share.is_none_or(|share| (0.0..=1.0).contains(&share)));
                prop_assert_eq!(opacity.is_some(), counts.judged > 0);
                prop_assert!(opacity.is_none_or(|opacity| (0.0..=1.0).contains(&opacity.share)));
            }
        }

        #[test]
        fn slices_at_different_heights_have_one_order(
            heights in proptest::collection::btree_set(-1000..1000i32, 1..30),
            seed in 0usize..1000,
        ) {
            let mut items: Vec<_> =
                heights.iter().map(|height| judged(Some("a"), Some(f64::from(*height)), 0.5)).collect();
            let by = seed % items.len();
            items.rotate_left(by);
            let study = &studies(&items, &[], None)[0];
            let found: Vec<_> = study.slices.iter().map(|at| items[*at].place.height.unwrap() as i32).collect();
            prop_assert_eq!(found, heights.into_iter().rev().collect::<Vec<_>>());
        }
    }
}
