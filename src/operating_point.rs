//! A local operating point: what a site's acceptance test found out, as a file that every host takes. It owns the file's form and its
//! seal. It knows no clock and no model.
//!
//! The file is TOML. Its last table, `[seal]`, holds the SHA-256 of all that stands before it (lines end with a line feed there), so that
//! a changed number is noticed. It is no signature: who changes the file on purpose can seal it anew.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::hash::sha256;
use crate::likeness::Likeness;

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
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Batch {
    /// Slices that were read: refused or judged.
    pub slices: usize,
    /// Slices that were refused.
    pub refused: usize,
    /// Distances of embeddings: how many, and their sum.
    pub embedding: (usize, f64),
    /// Distances of gray levels, likewise.
    pub gray_levels: (usize, f64),
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
        let Drift { slices, refused, embedding, gray_levels } = drift;
        let greatest =
            |key: &str, most: &Option<f64>| most.map(|most| format!("{key} = {most:?}\n")).unwrap_or_default();
        let means = greatest("embedding", embedding) + &greatest("gray_levels", gray_levels);
        let body = format!(
            "# A local operating point of LungGlass, for one network and until a day. A change breaks its seal.\n\
             schema = {schema}\nsite = {site}\nmade = {made}\nvalid_until = {valid_until}\nprogram = {program}\n\
             acceptance = {acceptance}\n\n[network]\nname = {name}\nversion = {version}\nsha256 = {network}\n\
             {temperature}\n[triage]\npositive_from = {positive_from:?}\nnegative_to = {negative_to:?}\nppv = {ppv:?}\nnpv = {npv:?}\n\
             confidence = {confidence:?}\n{prevalence}\n[drift]\nslices = {slices}\nrefused = {refused:?}\n{means}\n"
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

impl Drift {
    /// Which limits a batch exceeds; too few slices say nothing.
    pub fn exceeded(&self, batch: &Batch) -> Vec<Exceeded> {
        let is_above = |(count, sum): (usize, f64), most: Option<f64>| {
            count >= self.slices && most.is_some_and(|most| sum > most * count as f64)
        };
        let refused = batch.slices >= self.slices && batch.refused as f64 > self.refused * batch.slices as f64;
        [
            ("refused", refused),
            ("embedding", is_above(batch.embedding, self.embedding)),
            ("gray_levels", is_above(batch.gray_levels, self.gray_levels)),
        ]
        .into_iter()
        .filter_map(|(what, is)| is.then_some(what))
        .collect()
    }
}

impl Batch {
    /// Counts a slice that was read.
    pub fn add(&mut self, is_refused: bool, likeness: Option<&Likeness>) {
        self.slices += 1;
        self.refused += usize::from(is_refused);
        let distances = likeness.map(|likeness| [likeness.embedding, likeness.gray_levels]).unwrap_or_default();
        for ((count, sum), distance) in [&mut self.embedding, &mut self.gray_levels].into_iter().zip(distances) {
            if let Some(distance) = distance {
                *count += 1;
                *sum += f64::from(distance);
            }
        }
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
            drift: Drift { slices: 50, refused: 0.1, embedding: Some(1.25), gray_levels: None },
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

    #[test]
    fn drift_needs_enough_slices() {
        let drift = point().drift;
        let exceeded = |refused: usize, slices: usize, embedding: f32| {
            let mut batch = Batch::default();
            let likeness = Likeness {
                statistics: Default::default(),
                gray_levels: Some(1e6),
                embedding: Some(embedding),
                lung: None,
            };
            (0..slices).for_each(|at| batch.add(at < refused, Some(&likeness)));
            drift.exceeded(&batch)
        };
        assert!(exceeded(49, 49, 9.0).is_empty() && exceeded(5, 50, 1.2).is_empty());
        assert_eq!(exceeded(6, 50, 1.2), ["refused"]);
        assert_eq!(exceeded(0, 50, 1.3), ["embedding"]);
    }
}
