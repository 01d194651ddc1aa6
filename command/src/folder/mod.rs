//! Model folders: a network with its settings, its card and its samples. They are begun, checked, packed and published here; docs/models.md has the
//! schema.

mod check;
mod init;
mod pack;
mod publish;
mod samples;

use std::fs;
use std::path::Path;

pub use check::run as check;
pub use init::run as init;
pub use pack::run as pack;
pub use publish::run as publish;

/// What a folder's card is called.
const CARD: &str = "card.md";

/// The card of a folder; empty where there is none.
fn card(folder: &Path) -> String {
    fs::read_to_string(folder.join(CARD)).unwrap_or_default()
}
