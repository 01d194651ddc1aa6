//! `lungglass accept`: the network on a site's own slices. It reads them and writes acceptance.json, acceptance.html and, where the slices
//! give an operating point, operating-point.toml; what stands there is made in `lungglass-acceptance`.

use std::fs;

use lungglass::reading::Verdict;
use lungglass_acceptance::document;
use lungglass_acceptance::html;
use lungglass_acceptance::row::{Row, cases};
use lungglass_acceptance::test::{Acceptance, Terms};
use lungglass_acceptance::triage::Wish;

use crate::args::{Accept, Unit};
use crate::failure::{Failure, Outcome, failed};
use crate::labelled::{Choice, Selection};
use crate::output::{self, Lock};
use crate::predictions::Prediction;
use crate::reading::Wants;
use crate::tell::{self, plain, tell};
use crate::validate::Progress;
use crate::{day, network, reading};

/// The files that it writes.
const DOCUMENT: &str = "acceptance.json";
const PAGE: &str = "acceptance.html";
const SETTINGS: &str = "operating-point.toml";

/// Reads every slice and writes the files.
pub fn run(arguments: &Accept) -> Result<Outcome, Failure> {
    let choice = Choice {
        manifest: Some(&arguments.manifest),
        covid_ct: None,
        split: arguments.split.as_deref(),
        shard: None,
        subgroups: &[],
    };
    let selection = Selection::of(&choice)?;
    let classifier = network::load(&arguments.network, arguments.batch)?;
    if classifier.model.has_classes() || classifier.model.sha256.is_empty() {
        return Err(Failure(
            "an acceptance test takes a network of one class that is packed: `lungglass pack` gives it its SHA-256"
                .to_string(),
        ));
    }
    let _lock = Lock::take(&arguments.out)?;
    selection.tell_missing()?;
    let mut rows: Vec<Option<Prediction>> = vec![None; selection.count];
    let mut progress = Progress::new(selection.count, selection.count, Unit::Slice);
    reading::read(&classifier, selection.slices()?, Wants::Likeness, &mut |at, prediction| {
        rows[at] = Some(prediction);
        progress.advance();
        Ok(())
    })?;
    progress.finish();
    let rows: Vec<Prediction> = rows.into_iter().flatten().collect();
    let unreadable = rows.iter().filter(|row| row.verdict == Verdict::Error);
    for row in unreadable.clone() {
        tell!("{}: {}", plain(&row.path), plain(row.reason.as_deref().unwrap_or("it could not be read")));
    }
    let is_whole = unreadable.count() == 0;

    let wish = Wish {
        ppv: arguments.ppv,
        npv: arguments.npv,
        confidence: arguments.confidence,
        prevalence: arguments.prevalence,
    };
    let terms = Terms {
        site: arguments.site.clone(),
        made: day::today(),
        valid_until: day::in_days(arguments.days),
        device: classifier.device.to_string(),
        wish,
    };
    let rows: Vec<Row> = rows.into_iter().map(Row::from).collect();
    let cases = cases(&rows);
    let acceptance = Acceptance::of(&classifier.model, &terms, &rows, &cases);
    let (document, seal) = document::sealed(&acceptance).map_err(Failure)?;
    let path = arguments.out.join(SETTINGS);
    match acceptance.settings(&classifier.model, &seal) {
        Some(point) => {
            output::write(&path, |file| file.write_all(point.to_text().as_bytes()).map_err(failed(path.display())))?
        }
        // That of an earlier run would pass for this one's.
        None if path.symlink_metadata().is_ok() => {
            fs::remove_file(&path).map_err(failed(path.display()))?;
            tell!("{} of an earlier run was removed: these slices give no operating point", path.display());
        }
        None => {}
    }
    let path = arguments.out.join(DOCUMENT);
    output::write(&path, |file| {
        serde_json::to_writer_pretty(&mut *file, &document).map_err(failed(path.display()))?;
        file.write_all(b"\n").map_err(failed(path.display()))
    })?;
    let path = arguments.out.join(PAGE);
    let page = html::html(&acceptance, &cases, &seal);
    output::write(&path, |file| file.write_all(page.as_bytes()).map_err(failed(path.display())))?;
    tell::print(&format!("{}Written to {}\n", acceptance.summary(), arguments.out.display()))?;
    Ok(if is_whole { Outcome::AllRead } else { Outcome::SomeUnreadable })
}
