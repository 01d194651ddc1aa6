//! The log that a page keeps if it is asked to: a sample a day, as JSON or as a table.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lungglass_acceptance::watch::{KIND, Log, SCHEMA, Sample, Sums};

use crate::failure::{Failure, failed};
use crate::table::Table;
use crate::tell::plain;

/// What a table of days is known by.
const DAY: &str = "day";
/// Its other columns, as www/watching/export.js writes them.
const COUNTS: [&str; 5] = ["positive", "negative", "uncertain", "refused", "error"];
const SUMS: [&str; 3] = ["logits", "embedding", "gray_levels"];
/// A log is not longer: a day takes a few hundred bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The log in a file; `None` for one that is something else.
///
/// # Errors
/// A failure that names the file and what is wrong with its log.
pub fn read(path: &Path) -> Result<Option<Log>, Failure> {
    let name = path.display();
    // What can be read but once is no file that a page saved.
    let Some(found) = fs::metadata(path).ok().filter(fs::Metadata::is_file) else { return Ok(None) };
    if found.len() <= MAX_BYTES {
        let text = fs::read(path).map_err(failed(&name))?;
        if text.trim_ascii_start().starts_with(b"{") {
            return Log::parse(&text).map(Some).map_err(failed(&name));
        }
    }
    let Ok(table) = Table::open(path, &[DAY, COUNTS[0], "network"]) else { return Ok(None) };
    let log = of_table(table)?;
    // What holds for JSON holds for a table.
    let text = serde_json::to_vec(&log).map_err(failed(&name))?;
    Log::parse(&text).map(Some).map_err(failed(&name))
}

fn of_table(mut table: Table) -> Result<Log, Failure> {
    let (day, network, codes) = (table.column(DAY)?, table.column("network")?, table.column("codes")?);
    let counts = COUNTS.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
    let sums = SUMS
        .iter()
        .flat_map(|name| ["count", "sum", "squares"].map(|part| format!("{name}_{part}")))
        .map(|name| table.column(&name))
        .collect::<Result<Vec<_>, _>>()?;
    let mut log = Log { schema: SCHEMA, kind: KIND.to_string(), network: String::new(), days: Vec::new() };
    while let Some(row) = table.next() {
        let row = row?;
        let cell = |at: usize| row.get(at).unwrap_or_default();
        let is_none = |at: usize, what: &str| {
            format!("the {} is \"{}\"; it must be {what}", plain(table.name(at)), plain(cell(at)))
        };
        let whole = |at: usize| cell(at).parse::<usize>().map_err(|_| is_none(at, "a whole number"));
        // A spreadsheet in some languages writes a decimal comma.
        let number = |at: usize| {
            let number = cell(at).replace(',', ".").parse().ok().filter(|number: &f64| number.is_finite());
            number.ok_or_else(|| is_none(at, "a finite number"))
        };
        let parsed = || -> Result<Sample, String> {
            let mut all = [0; 5];
            for (count, at) in all.iter_mut().zip(&counts) {
                *count = whole(*at)?;
            }
            let [positive, negative, uncertain, refused, error] = all;
            let mut means = [Sums::default(); 3];
            for (mean, at) in means.iter_mut().zip(sums.as_chunks::<3>().0) {
                *mean = Sums { count: whole(at[0])?, sum: number(at[1])?, squares: number(at[2])? };
            }
            let [logits, embedding, gray_levels] = means;
            let mut by_code = BTreeMap::new();
            for part in cell(codes).split(' ').filter(|part| !part.is_empty()) {
                let count = part.split_once('=').and_then(|(code, count)| Some((code, count.parse().ok()?)));
                let (code, count) = count.ok_or_else(|| is_none(codes, "as not_like_ct=2 no_lungs=1"))?;
                by_code.insert(code.to_string(), count);
            }
            let name = cell(day).to_string();
            Ok(Sample {
                name,
                positive,
                negative,
                uncertain,
                refused,
                error,
                codes: by_code,
                logits,
                embedding,
                gray_levels,
                ..Sample::default()
            })
        };
        let sample = parsed().map_err(|error| table.failure(&row, &error))?;
        log.network = cell(network).to_string();
        log.days.push(sample);
    }
    Ok(log)
}
