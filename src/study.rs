//! The readings of one series, archive or folder, put together: slices in order, ranked and counted. Knows no host, no picture and no
//! name but those that the host gave.
//!
//! The network judges slices. What is said here of several is arithmetic on its scores; nobody has validated it.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::opacity::Opacity;
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
    /// An opaque word for the series, equal for slices of one series.
    pub series: Option<String>,
    /// Millimetres towards the head.
    pub height: Option<f64>,
    /// The number that the scanner gave the slice.
    pub number: Option<i64>,
    /// Of its reading.
    pub verdict: Verdict,
    /// 0..1 for a slice that was judged.
    pub score: Option<f32>,
    /// Of a slice that was judged.
    #[serde(default)]
    pub opacity: Option<Opacity>,
    /// Code of the refusal or error.
    pub reason: Option<String>,
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

/// By what the slices of a study are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// From head to feet.
    Position,
    /// By the scanner's numbers.
    Number,
    /// As they were given.
    Input,
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
    /// How its slices are ordered.
    pub order: Order,
    /// Every item of the study, in the order of its slices.
    pub slices: Vec<usize>,
    /// The numbers, from 1, of the slices that were judged, the highest score first.
    pub ranked: Vec<usize>,
    /// How many slices have which verdict.
    pub counts: Counts,
    /// Of the judged slices; `None` where none was.
    pub positive_share: Option<f64>,
    /// `None` where no slice was judged.
    pub highest: Option<Highest>,
    /// The means of the judged slices, each counting alike; `None` where none was.
    pub opacity: Option<Opacity>,
    /// How many slices were set aside, by the code of their refusal.
    pub refusals: BTreeMap<String, usize>,
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
    /// The item of a reading from `container`, of which no other has the name; `series` is the host's word for its series.
    pub fn new(reading: &Reading, container: Option<String>, series: Option<String>) -> Item {
        let refusal = reading.refusal.as_ref().map(|refusal| refusal.code);
        let error = reading.error.as_ref().map(|error| error.code);
        Item {
            file: reading.file.clone(),
            frame: reading.frame,
            container,
            intake: None,
            series,
            height: reading.place.height,
            number: reading.place.number,
            verdict: reading.verdict,
            score: reading.score,
            opacity: reading.opacity,
            reason: refusal.or(error).map(str::to_string),
        }
    }

    /// A series holds its slices together whatever they came in, and several frames their file.
    fn group(&self) -> Group<'_> {
        match (&self.series, self.frame, &self.container) {
            (Some(series), _, _) => (Kind::Series, Some(series), None),
            (None, Some(_), _) => (Kind::Container, Some(&self.file), self.intake),
            (None, None, Some(container)) => (Kind::Container, Some(container), self.intake),
            (None, None, None) => (Kind::Pictures, None, None),
        }
    }
}

/// What holds a study together, its name among those of that kind, and the intake among those of that name.
type Group<'a> = (Kind, Option<&'a str>, Option<u32>);

/// Puts every item into the study that it belongs to; studies stand in the order of their first items.
pub fn studies(items: &[Item]) -> Vec<Study> {
    let mut groups: Vec<(Group, Vec<usize>)> = Vec::new();
    let mut places = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        let group = item.group();
        let place = *places.entry(group).or_insert_with(|| {
            groups.push((group, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(at);
    }
    let mut ordinals = HashMap::new();
    let numbered = groups.into_iter().map(|((kind, name, _), members)| {
        let ordinal = ordinals.entry(kind).and_modify(|ordinal| *ordinal += 1).or_insert(1);
        let name = name.filter(|_| kind == Kind::Container).map(str::to_string);
        Study::new(items, kind, *ordinal, name, members)
    });
    numbered.collect()
}

impl Study {
    fn new(items: &[Item], kind: Kind, ordinal: usize, name: Option<String>, mut slices: Vec<usize>) -> Study {
        let order = sort(items, kind, &mut slices);
        let mut counts = Counts { slices: slices.len(), ..Counts::default() };
        let mut refusals = BTreeMap::new();
        for item in slices.iter().map(|at| &items[*at]) {
            match item.verdict {
                Verdict::Positive => counts.positive += 1,
                Verdict::Negative => counts.negative += 1,
                Verdict::Uncertain => counts.uncertain += 1,
                Verdict::Refused => {
                    counts.refused += 1;
                    *refusals.entry(item.reason.clone().unwrap_or_default()).or_default() += 1;
                }
                Verdict::Error => counts.unreadable += 1,
            }
        }
        counts.judged = counts.positive + counts.negative + counts.uncertain;
        let scores = (1..).zip(&slices).filter_map(|(slice, at)| items[*at].score.map(|score| (slice, score)));
        let mut ranked: Vec<(usize, f32)> = scores.collect();
        ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let opacities: Vec<Opacity> = slices.iter().filter_map(|at| items[*at].opacity).collect();
        Study {
            kind,
            ordinal,
            name,
            order,
            opacity: Opacity::mean(&opacities),
            slices,
            highest: ranked.first().map(|&(slice, score)| Highest { slice, score }),
            ranked: ranked.into_iter().map(|(slice, _)| slice).collect(),
            counts,
            positive_share: (counts.judged > 0).then(|| counts.positive as f64 / counts.judged as f64),
            refusals,
        }
    }
}

/// Orders a series by what all its slices have; equal ones stay as they were given.
fn sort(items: &[Item], kind: Kind, slices: &mut [usize]) -> Order {
    if kind != Kind::Series {
        return Order::Input;
    }
    if slices.iter().all(|at| items[*at].height.is_some_and(f64::is_finite)) {
        let key = |at: usize| (-items[at].height.unwrap_or_default(), items[at].number);
        slices.sort_by(|a, b| {
            let (a, b) = (key(*a), key(*b));
            a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
        });
        return Order::Position;
    }
    if slices.iter().all(|at| items[*at].number.is_some()) {
        slices.sort_by_key(|at| items[*at].number);
        return Order::Number;
    }
    Order::Input
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(series: Option<&str>, height: Option<f64>, score: f32) -> Item {
        Item {
            file: format!("{score}.dcm"),
            frame: None,
            container: None,
            intake: None,
            series: series.map(str::to_string),
            height,
            number: None,
            verdict: if score >= 0.5 { Verdict::Positive } else { Verdict::Negative },
            score: Some(score),
            opacity: Some(Opacity { share: score / 2.0, ground_glass: score / 4.0, consolidation: 0.5 }),
            reason: None,
        }
    }

    fn set_aside(verdict: Verdict, reason: &str, of: Item) -> Item {
        Item { verdict, score: None, opacity: None, reason: Some(reason.to_string()), ..of }
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
        let [study] = &studies(&items)[..] else { panic!("it is one study") };
        assert_eq!((study.kind, study.ordinal, study.order), (Kind::Series, 1, Order::Position));
        assert_eq!(study.slices, [2, 1, 3, 0, 4, 5]);
        assert_eq!(study.ranked, [3, 2, 5, 4]);
        assert_eq!(study.highest, Some(Highest { slice: 3, score: 0.9 }));
        let counts = Counts { slices: 6, judged: 4, positive: 2, negative: 1, uncertain: 1, refused: 1, unreadable: 1 };
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
        let numbered = |number, score| Item { number: Some(number), ..judged(Some("a"), None, score) };
        let items = [numbered(10, 0.1), numbered(9, 0.2), numbered(11, 0.3)];
        let study = &studies(&items)[0];
        assert_eq!((study.order, &study.slices[..]), (Order::Number, &[1, 0, 2][..]));
        let unnumbered = [items[0].clone(), judged(Some("a"), Some(3.0), 0.2), items[2].clone()];
        let study = &studies(&unnumbered)[0];
        assert_eq!((study.order, &study.slices[..]), (Order::Input, &[0, 1, 2][..]));
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
        let found: Vec<_> = studies(&items).into_iter().map(|s| (s.kind, s.ordinal, s.name, s.slices)).collect();
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
        let found: Vec<_> = studies(&items).into_iter().map(|s| (s.kind, s.ordinal, s.name, s.slices)).collect();
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

    #[test]
    fn a_study_without_a_judged_slice_has_no_share_and_no_highest() {
        let items = [set_aside(Verdict::Refused, "not_ct", judged(Some("a"), None, 0.0))];
        let study = &studies(&items)[0];
        assert_eq!((study.positive_share, study.highest, study.ranked.len()), (None, None, 0));
        assert_eq!(study.opacity, None);
        assert!(studies(&[]).is_empty());
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
                    series,
                    height,
                    number,
                    verdict,
                    score: is_judged.then_some(score),
                    opacity: is_judged.then_some(Opacity { share: score, ground_glass: score, consolidation: 0.0 }),
                    reason: (!is_judged).then(|| "code".to_string()),
                }
            })
    }

    proptest! {
        #[test]
        fn every_slice_is_in_one_study_and_counted_once(items in proptest::collection::vec(any_item(), 0..40)) {
            let studies = studies(&items);
            let mut seen: Vec<_> = studies.iter().flat_map(|study| study.slices.clone()).collect();
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
            let study = &studies(&items)[0];
            let found: Vec<_> = study.slices.iter().map(|at| items[*at].height.unwrap() as i32).collect();
            prop_assert_eq!(found, heights.into_iter().rev().collect::<Vec<_>>());
        }
    }
}
