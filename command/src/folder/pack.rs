//! `lungglass pack`: a model folder in one file, which the page and every host open.

use lungglass::package::Package;

use super::check::{self, Checked, Ready};
use crate::args::Pack;
use crate::failure::{Failure, Outcome, failed};
use crate::output;
use crate::tell::tell;

/// Writes the file, once the folder is without fault. A file that is there is replaced only if it is such a file.
pub fn run(arguments: &Pack) -> Result<Outcome, Failure> {
    let (folder, out) = (&arguments.folder, &arguments.out);
    let bytes = packed(folder)?;
    let is_other = std::fs::read(out).is_ok_and(|there| !Package::is_one(&there));
    if is_other {
        return Err(Failure(format!("{}: it is there, and no packed model: choose another name", out.display())));
    }
    output::write(out, |file| file.write_all(&bytes).map_err(failed(out.display())))?;
    tell!("{}: {:.1} MB", out.display(), bytes.len() as f64 / 1e6);
    Ok(Outcome::AllRead)
}

/// The file of a folder.
///
/// # Errors
/// Its faults, and what [`check`] notes beside them.
pub fn packed(folder: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let Checked { report, ready } = check::folder(folder)?;
    let Some(Ready { settings, sha256, version, program }) = ready else {
        // A folder without fault that cannot be packed has its reason among the notes.
        let faults = report.faults.iter().map(|fault| format!("\nfault: {fault}"));
        let notes = report.notes.iter().map(|note| format!("\nnote: {note}"));
        return Err(Failure(format!(
            "{} cannot be packed:{}",
            folder.display(),
            faults.chain(notes).collect::<String>()
        )));
    };
    let network = program.pack().map_err(failed(folder.display()))?;
    let version = if version.is_empty() { format!("sha-{}", &sha256[..8]) } else { version };
    let settings = stamped(&settings, &version, &sha256);
    let card = super::card(folder);
    let package = Package { settings: &settings, card: &card, network: &network };
    package.to_bytes().map_err(failed(folder.display()))
}

/// The settings with their version and the network's hash at the top, where keys of no table stand.
fn stamped(settings: &str, version: &str, sha256: &str) -> String {
    let is_stamp = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        key == "version" || key == "sha256"
    };
    let mut is_top = true;
    let lines = settings.lines().filter(|line| {
        is_top &= !line.trim_start().starts_with('[');
        !(is_top && is_stamp(line))
    });
    let rest: Vec<&str> = lines.collect();
    format!("version = {version:?}\nsha256 = \"{sha256}\"\n{}\n", rest.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_replaces_what_stood_there() {
        let text = "schema = 2\nversion = \"old\"\nname = \"x\"\n[input]\nversion = \"stays\"\n";
        let expected = "version = \"1\"\nsha256 = \"ab\"\nschema = 2\nname = \"x\"\n[input]\nversion = \"stays\"\n";
        assert_eq!(stamped(text, "1", "ab"), expected);
    }
}
