//! A local operating point: what a site's acceptance test found out, as a file that every host takes. It owns the file's form and its
//! seal. It knows no clock and no model.
//!
//! The file is TOML. Its last table, `[seal]`, holds the SHA-256 of all that stands before it (lines end with a line feed there), so that
//! a changed number is noticed. It is no signature: who changes the file on purpose can seal it anew.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::hash::sha256;

/// The version of the file's form.
pub const SCHEMA: u32 = 1;
/// A file of more bytes is none.
pub const MAX_BYTES: usize = 64 << 10;
/// What the last table begins with.
const SEAL: &str = "[seal]\n";

/// A site's operating point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalPoint {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Whose it is, in the words of who made it.
    pub site: String,
    /// The day of the acceptance test, `2026-11-30`.
    pub made: String,
    /// The last day on which it holds.
    pub valid_until: String,
    /// The version of LungGlass that made it.
    pub program: String,
    /// The seal of the acceptance.json that it comes from.
    pub acceptance: String,
    /// The only network that it holds for.
    pub network: Network,
    /// Where a score becomes a verdict.
    pub triage: Triage,
    /// What a batch must keep to, or the test does not speak for it any more.
    pub drift: Drift,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What it is called.
    pub name: String,
    /// Which of that name.
    pub version: String,
    /// Of the ONNX file, in lower-case hexadecimal.
    pub sha256: String,
    /// What its values are divided by before they are scores: other scores come of another. `None` in a file that does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
}

/// Scores from which and down to which a verdict is guaranteed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triage {
    /// Scores at or above it are positive.
    pub positive_from: f32,
    /// Scores at or below it are negative.
    pub negative_to: f32,
    /// The share of those called positive that are positive, at least.
    pub ppv: f64,
    /// The share of those called negative that are negative, at least.
    pub npv: f64,
    /// That both hold.
    pub confidence: f64,
    /// The share of positives for which both hold, where it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevalence: Option<f64>,
}

/// The limits of a batch of slices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Fewer slices than this say nothing.
    pub slices: usize,
    /// Slices of one group, such as a patient, count as no more than so many together: they tell little more than one, and the limits
    /// were measured on groups of that size. `None` in a file that does not name it: each counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_group: Option<f64>,
    /// More of them than this share refused is drift, 0..1.
    pub refused: f64,
    /// A greater mean distance of embeddings from training's is drift; `None` where the test did not measure it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<f64>,
    /// A greater mean distance of gray levels is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gray_levels: Option<f64>,
}

/// The slices of a batch, counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Slices that were read: refused or judged.
    pub slices: usize,
    /// Slices that were refused.
    pub refused: usize,
    /// As [`Drift::per_group`].
    per_group: Option<f64>,
    groups: HashMap<String, Counted>,
    /// Of all, with no group beyond its limit.
    sum: Counted,
}

/// Slices, each with its weight.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counted {
    slices: f64,
    refused: f64,
    /// Distances of embeddings and of gray levels: how many, and their sum.
    distances: [[f64; 2]; 2],
}

/// What of a batch exceeds its limits, in the words of its key.
pub type Exceeded = &'static str;

/// Whether a local operating point holds on a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It does.
    #[default]
    Holds,
    /// The day is before that of its acceptance test: a clock is wrong.
    Early,
    /// The day is past its last.
    Ended,
}

/// How a local operating point stands on the day of a reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Local {
    /// Whose it is.
    pub site: String,
    /// The day of the acceptance test.
    pub made: String,
    /// The last day on which it holds.
    pub valid_until: String,
    /// Of the file, as its seal says it.
    pub sha256: String,
    /// What must be said beside every reading: that it is past its end, say. `None` where it holds.
    pub notice: Option<String>,
    /// Whether it holds; the notice says it in words. Not part of the JSON line.
    #[serde(skip)]
    pub standing: Standing,
    /// What a batch must keep to. Not part of the JSON line.
    #[serde(skip)]
    pub drift: Drift,
    /// What is guaranteed. Not part of the JSON line.
    #[serde(skip)]
    pub triage: Triage,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    sha256: String,
}

#[derive(Deserialize)]
struct Sealed {
    seal: Seal,
}

/// What is wrong with a file.
pub(crate) fn wrong(what: impl std::fmt::Display) -> Error {
    Error::Argument(format!("the operating point cannot be used: {what}"))
}

impl LocalPoint {
    /// The text of the file, sealed.
    pub fn to_text(&self) -> String {
        let LocalPoint { schema, site, made, valid_until, program, acceptance, network, triage, drift } = self;
        let [site, made, valid_until, program, acceptance] =
            [site, made, valid_until, program, acceptance].map(|text| quoted(text));
        let Network { name, version, sha256: network, temperature } = network;
        let [name, version, network] = [name, version, network].map(|text| quoted(text));
        let temperature = temperature.map(|divisor| format!("temperature = {divisor:?}\n")).unwrap_or_default();
        let Triage { positive_from, negative_to, ppv, npv, confidence, prevalence } = triage;
        let prevalence = prevalence.map(|share| format!("prevalence = {share:?}\n")).unwrap_or_default();
        let Drift { slices, per_group, refused, embedding, gray_levels } = drift;
        let greatest =
            |key: &str, most: &Option<f64>| most.map(|most| format!("{key} = {most:?}\n")).unwrap_or_default();
        let means = greatest("embedding", embedding) + &greatest("gray_levels", gray_levels);
        let per_group = greatest("per_group", per_group);
        let body = format!(
            "# A local operating point of LungGlass, for one network and until a day. A change breaks its seal.\n\
             schema = {schema}\nsite = {site}\nmade = {made}\nvalid_until = {valid_until}\nprogram = {program}\n\
             acceptance = {acceptance}\n\n[network]\nname = {name}\nversion = {version}\nsha256 = {network}\n\
             {temperature}\n[triage]\npositive_from = {positive_from:?}\nnegative_to = {negative_to:?}\nppv = {ppv:?}\nnpv = {npv:?}\n\
             confidence = {confidence:?}\n{prevalence}\n[drift]\nslices = {slices}\n{per_group}refused = {refused:?}\n{means}\n"
        );
        let seal = sha256(body.as_bytes());
        format!("{body}{SEAL}sha256 = \"{seal}\"\n")
    }

    /// Reads a file and holds it against its seal; also gives the seal.
    ///
    /// # Errors
    /// [`Error::Argument`] that says what is wrong: no such file, changed since it was made, numbers that make no sense.
    pub fn parse(text: &[u8]) -> Result<(LocalPoint, String)> {
        if text.len() > MAX_BYTES {
            return Err(wrong("the file is too large to be one"));
        }
        let text = std::str::from_utf8(text).map_err(|_| wrong("it is no text"))?;
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let none = || wrong("it has no seal; take the file that `lungglass accept` wrote, as it is");
        let (body, seal) = text.rsplit_once(SEAL).ok_or_else(none)?;
        let sealed: Sealed = toml::from_str(&format!("{SEAL}{seal}")).map_err(|_| none())?;
        let found = sha256(body.as_bytes());
        if found != sealed.seal.sha256 {
            return Err(wrong(
                "it was changed after it was made (its seal does not fit); take the file that `lungglass accept` wrote, or run it again",
            ));
        }
        let point: LocalPoint = toml::from_str(body).map_err(wrong)?;
        point.check()?;
        Ok((point, found))
    }

    /// How it stands on a day, as 2026-11-30. One that is past its end still stands, with a notice.
    pub fn on(self, seal: String, today: &str) -> Local {
        let LocalPoint { site, made, valid_until, triage, drift, .. } = self;
        let standing = match today {
            day if day > valid_until.as_str() => Standing::Ended,
            day if day < made.as_str() => Standing::Early,
            _ => Standing::Holds,
        };
        let notice = match standing {
            Standing::Holds => None,
            Standing::Ended => Some(format!(
                "The operating point of {site} ended on {valid_until}: nothing vouches for these verdicts until the acceptance test is done again."
            )),
            Standing::Early => Some(format!(
                "The operating point of {site} was made on {made}, and this device says that today is {today}: whether it still holds cannot be said."
            )),
        };
        Local { site, made, valid_until, sha256: seal, notice, standing, drift, triage }
    }

    fn check(&self) -> Result<()> {
        let Triage { positive_from, negative_to, ppv, npv, confidence, prevalence } = self.triage;
        if self.schema != SCHEMA {
            return Err(wrong(format!("it is of form {}, this LungGlass knows {SCHEMA}", self.schema)));
        }
        if !(0.0 < negative_to && negative_to < positive_from && positive_from < 1.0) {
            return Err(wrong("it must have 0 < negative_to < positive_from < 1"));
        }
        let shares = [ppv, npv, confidence].into_iter().chain(prevalence);
        if !shares.chain([self.drift.refused]).all(|share| (0.0..=1.0).contains(&share)) {
            return Err(wrong("ppv, npv, confidence, prevalence and the share of refusals must be 0 to 1"));
        }
        let means = self.drift.embedding.into_iter().chain(self.drift.gray_levels);
        if !means.into_iter().all(|most| most.is_finite() && most > 0.0) {
            return Err(wrong("the limits of embedding and gray_levels must be above 0"));
        }
        if self.drift.per_group.is_some_and(|most| !most.is_finite() || most < 1.0) {
            return Err(wrong("per_group must be 1 or more"));
        }
        if !is_day(&self.made) || !is_day(&self.valid_until) {
            return Err(wrong("made and valid_until must be days, as 2026-11-30"));
        }
        if self.site.trim().is_empty() || self.site.chars().any(char::is_control) {
            return Err(wrong("site must say whose it is, on one line"));
        }
        Ok(())
    }
}

/// A TOML string of a text without control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether it is a day as ISO 8601 has it. Such texts are in the order of their days.
pub fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |text: &str, digits: usize| -> Option<u32> {
        (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let [year, month, day] = parts.as_slice() else { return false };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

impl Local {
    /// What must be said beside the readings of a batch: that it is past its end, and that these slices are not like the test's. `None`
    /// where it holds for them.
    pub fn notice_of(&self, batch: &Batch) -> Option<String> {
        let words = self.drift.exceeded(batch).into_iter().map(|what| match what {
            "refused" => format!("refused: {} of {} slices were", batch.refused, batch.slices),
            _ => format!("{what}: they are further from training's on average"),
        });
        let words: Vec<String> = words.collect();
        let drift = (!words.is_empty()).then(|| {
            format!(
                "These slices are not like those of the acceptance test of {} (beyond its limits, {}): nothing vouches for these verdicts.",
                self.site,
                words.join("; ")
            )
        });
        let told: Vec<String> = self.notice.clone().into_iter().chain(drift).collect();
        (!told.is_empty()).then(|| told.join(" "))
    }
}

impl Drift {
    /// Which limits a batch exceeds; too few slices say nothing.
    pub fn exceeded(&self, batch: &Batch) -> Vec<Exceeded> {
        // What sums of weights may be off.
        const SLACK: f64 = 1e-6;
        let least = self.slices as f64 - SLACK;
        let [embedding, gray_levels] = batch.sum.distances;
        let is_above = |[count, sum]: [f64; 2], most: Option<f64>| {
            count >= least && most.is_some_and(|most| sum > most * count + SLACK)
        };
        let Counted { slices, refused, .. } = batch.sum;
        [
            ("refused", is_above([slices, refused], Some(self.refused))),
            ("embedding", is_above(embedding, self.embedding)),
            ("gray_levels", is_above(gray_levels, self.gray_levels)),
        ]
        .into_iter()
        .filter_map(|(what, is)| is.then_some(what))
        .collect()
    }
}

impl Batch {
    /// Of no slice yet, to be held against these limits.
    pub fn new(limits: &Drift) -> Batch {
        Batch { per_group: limits.per_group, ..Batch::default() }
    }

    /// Counts a slice that was read. `group` names its patient, its series or the file that it came in; `None` for one that stands alone.
    /// `distances` are those of its embedding and its gray levels, as far as they were measured.
    pub fn add(&mut self, group: Option<String>, is_refused: bool, distances: [Option<f32>; 2]) {
        self.slices += 1;
        self.refused += usize::from(is_refused);
        let distances = distances.map(|distance| distance.map_or([0.0; 2], |distance| [1.0, distance.into()]));
        let one = Counted { slices: 1.0, refused: f64::from(u8::from(is_refused)), distances };
        let Some((most, group)) = self.per_group.zip(group) else { return self.sum.add(&one, 1.0) };
        let weight = |own: &Counted| (most / own.slices).min(1.0);
        let own = self.groups.entry(group).or_default();
        self.sum.add(own, -weight(own));
        own.add(&one, 1.0);
        self.sum.add(own, weight(own));
    }
}

impl Counted {
    fn add(&mut self, other: &Counted, weight: f64) {
        self.slices += weight * other.slices;
        self.refused += weight * other.refused;
        let own = self.distances.iter_mut().flatten();
        own.zip(other.distances.iter().flatten()).for_each(|(own, other)| *own += weight * other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::SETTINGS;
    use crate::model::Model;
    use crate::reading::Verdict;

    fn point() -> LocalPoint {
        let model = Model::parse(SETTINGS).unwrap();
        LocalPoint {
            schema: SCHEMA,
            site: "St. Bruno's \"north\"".to_string(),
            made: "2026-11-30".to_string(),
            valid_until: "2027-05-29".to_string(),
            program: "0.1.0".to_string(),
            acceptance: "0".repeat(64),
            network: Network {
                name: model.name,
                version: model.version,
                sha256: model.sha256,
                temperature: Some(model.output.temperature),
            },
            triage: Triage {
                positive_from: 0.62,
                negative_to: 0.21,
                ppv: 0.9,
                npv: 0.95,
                confidence: 0.95,
                prevalence: None,
            },
            drift: Drift { slices: 50, per_group: None, refused: 0.1, embedding: Some(1.25), gray_levels: None },
        }
    }

    fn model(text: &str, today: &str) -> Result<Model> {
        Model::parse(SETTINGS).unwrap().with_local_point(text.as_bytes(), today)
    }

    #[test]
    fn a_file_is_read_back_and_gives_its_verdicts() {
        let text = point().to_text();
        let (found, seal) = LocalPoint::parse(text.as_bytes()).unwrap();
        assert_eq!(found, point());
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(LocalPoint::parse(windows.as_bytes()).unwrap(), (point(), seal.clone()));
        let model = model(&text, "2026-12-24").unwrap();
        use Verdict::*;
        let scores = [0.0, 0.21, 0.21f32.next_up(), 0.5, 0.62f32.next_down(), 0.62, 1.0];
        let verdicts = scores.map(|score| Verdict::of(score, model.point()));
        assert_eq!(verdicts, [Negative, Negative, Uncertain, Uncertain, Uncertain, Positive, Positive]);
        let local = model.local.unwrap();
        assert_eq!((local.sha256, local.notice, local.site), (seal, None, point().site));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let text = point().to_text();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(LocalPoint::parse(&bytes).is_err() || bytes.ends_with(b"\"\x0b"), "byte {at}");
        }
        for (from, to) in [("0.21", "0.41"), ("2027-05-29", "2037-05-29"), ("[seal]", "[more]\na = 1\n[seal]")] {
            let failure = LocalPoint::parse(text.replace(from, to).as_bytes()).unwrap_err().to_string();
            assert!(failure.contains("was changed"), "{failure}");
        }
        let more = format!("{text}site = \"another\"\n");
        assert!(LocalPoint::parse(more.as_bytes()).is_err());
        assert!(LocalPoint::parse(b"schema = 1").unwrap_err().to_string().contains("no seal"));
        assert!(LocalPoint::parse(&vec![b'a'; MAX_BYTES + 1]).is_err());
    }

    #[test]
    fn another_network_is_refused_and_another_day_is_told() {
        let other = LocalPoint { network: Network { sha256: "1".repeat(64), ..point().network }, ..point() };
        let failure = model(&other.to_text(), "2026-12-24").unwrap_err().to_string();
        assert!(failure.contains("another network"), "{failure}");
        let recalibrated = LocalPoint { network: Network { temperature: Some(9.0), ..point().network }, ..point() };
        let failure = model(&recalibrated.to_text(), "2026-12-24").unwrap_err().to_string();
        assert!(failure.contains("temperature 9, here 1.2"), "{failure}");
        let unnamed = LocalPoint { network: Network { temperature: None, ..point().network }, ..point() };
        model(&unnamed.to_text(), "2026-12-24").unwrap();
        let notice = |today: &str| model(&point().to_text(), today).unwrap().local.unwrap().notice;
        assert_eq!((notice("2026-11-30"), notice("2027-05-29")), (None, None));
        assert!(notice("2027-05-30").unwrap().contains("ended on 2027-05-29"));
        assert!(notice("2026-11-29").unwrap().contains("today is 2026-11-29"));
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let triage = point().triage;
        for wrong in [
            LocalPoint { triage: Triage { negative_to: 0.7, ..triage }, ..point() },
            LocalPoint { triage: Triage { positive_from: f32::NAN, ..triage }, ..point() },
            LocalPoint { triage: Triage { ppv: 1.5, ..triage }, ..point() },
            LocalPoint { valid_until: "2027-02-29".to_string(), ..point() },
            LocalPoint { schema: 2, ..point() },
            LocalPoint { site: " ".to_string(), ..point() },
        ] {
            assert!(LocalPoint::parse(wrong.to_text().as_bytes()).is_err(), "{wrong:?}");
        }
    }

    fn batch(limits: &Drift, slices: impl Iterator<Item = (Option<String>, bool, f32)>) -> Batch {
        let mut batch = Batch::new(limits);
        slices.for_each(|(group, refused, embedding)| batch.add(group, refused, [Some(embedding), Some(1e6)]));
        batch
    }

    #[test]
    fn drift_needs_enough_slices() {
        let drift = point().drift;
        let exceeded = |refused: usize, slices: usize, embedding: f32| {
            drift.exceeded(&batch(&drift, (0..slices).map(|at| (None, at < refused, embedding))))
        };
        assert!(exceeded(49, 49, 9.0).is_empty() && exceeded(5, 50, 1.2).is_empty());
        assert_eq!(exceeded(6, 50, 1.2), ["refused"]);
        assert_eq!(exceeded(0, 50, 1.3), ["embedding"]);
    }

    #[test]
    fn slices_of_one_patient_are_no_batch() {
        let drift = Drift { per_group: Some(5.0), ..point().drift };
        let of = |patients: usize, slices: usize| {
            let all = (0..patients * slices).map(|at| (Some(format!("{}", at % patients)), false, 9.0));
            drift.exceeded(&batch(&drift, all))
        };
        assert!(of(1, 300).is_empty() && of(9, 30).is_empty());
        assert_eq!(of(10, 30), ["embedding"]);
        // One patient of 400 slices among 60 with one weighs as five.
        let mixed = (0..460).map(|at| (Some(format!("{}", at.min(60))), false, if at < 60 { 1.0 } else { 3.0 }));
        assert!(drift.exceeded(&batch(&drift, mixed)).is_empty());
        assert!(LocalPoint::parse(LocalPoint { drift, ..point() }.to_text().as_bytes()).unwrap().0.drift == drift);
        let none = Drift { per_group: Some(0.0), ..drift };
        assert!(LocalPoint::parse(LocalPoint { drift: none, ..point() }.to_text().as_bytes()).is_err());
    }

    #[test]
    fn a_notice_tells_the_end_and_the_drift() {
        let local = |today: &str| model(&point().to_text(), today).unwrap().local.unwrap();
        let usual = batch(&point().drift, (0..50).map(|_| (None, false, 1.0)));
        let other = batch(&point().drift, (0..50).map(|at| (None, at < 20, 2.0)));
        assert_eq!(local("2026-12-24").notice_of(&usual), None);
        let told = local("2026-12-24").notice_of(&other).unwrap();
        assert!(told.contains("20 of 50 slices were; embedding") && told.contains("nothing vouches"), "{told}");
        let told = local("2028-01-01").notice_of(&other).unwrap();
        assert!(told.contains("ended on 2027-05-29") && told.contains("20 of 50"), "{told}");
        assert!(local("2028-01-01").notice_of(&usual).unwrap().contains("ended on 2027-05-29"));
    }
}
