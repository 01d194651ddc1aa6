//! Model folders: a network with its settings, its card and its samples. They are begun, checked, packed and published here; docs/models.md has the
//! schema.

mod check;
mod init;
mod pack;
mod publish;
mod samples;

use std::fs;
use std::path::Path;

use lungglass::classifier::Classifier;

pub use check::run as check;
pub use init::run as init;
pub use pack::run as pack;
pub use publish::run as publish;

/// What the first sample of a folder shows to be wrong, if anything.
pub fn fault_of_samples(classifier: &Classifier, folder: &Path) -> Option<String> {
    samples::check(classifier, folder).1.into_iter().next()
}

/// What a folder's card is called.
const CARD: &str = "card.md";

/// The card of a folder; empty where there is none.
fn card(folder: &Path) -> String {
    fs::read_to_string(folder.join(CARD)).unwrap_or_default()
}
