//! Files of a manifest that are not there: told at once, before the first is read. Their rows count all the same.

use std::path::Path;

use crate::tell::{plain, tell};

/// At most this many are named.
const NAMED: usize = 5;

/// What was looked for.
#[derive(Default)]
pub struct Missing {
    all: usize,
    count: usize,
    /// The first of those that are not there, as the manifest has them.
    first: Vec<String>,
}

impl Missing {
    /// Looks whether the file of a row is there. One that cannot be looked for is told when it is read.
    pub fn look(&mut self, path: &str, file: &Path) {
        self.all += 1;
        if file.try_exists().is_ok_and(|is_there| !is_there) {
            self.count += 1;
            if self.first.len() < NAMED {
                self.first.push(plain(path).into_owned());
            }
        }
    }

    /// Says what is not there, if anything.
    pub fn tell(&self, manifest: &Path) {
        if let Some(text) = self.text(manifest) {
            tell!("{text}");
        }
    }

    fn text(&self, manifest: &Path) -> Option<String> {
        let Missing { all, count, first } = self;
        if *count == 0 {
            return None;
        }
        let more = if *count > first.len() { format!(" and {} more", count - first.len()) } else { String::new() };
        let advice =
            if count == all { "; a path that is not absolute begins at the folder of the manifest" } else { "" };
        Some(format!(
            "{}: {count} of {all} files are not there, and will count as wrong: {}{more}{advice}",
            manifest.display(),
            first.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_named_and_all_are_counted() {
        let mut missing = Missing::default();
        missing.look("Cargo.toml", &Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
        assert_eq!(missing.text(Path::new("m.csv")), None);
        (1..=7).for_each(|at| missing.look(&format!("{at}.png"), &Path::new("nowhere").join(at.to_string())));
        assert_eq!(
            missing.text(Path::new("m.csv")).unwrap(),
            "m.csv: 7 of 8 files are not there, and will count as wrong: 1.png, 2.png, 3.png, 4.png, 5.png and 2 more"
        );
        let mut all = Missing::default();
        all.look("a.png", Path::new("nowhere/a.png"));
        assert!(
            all.text(Path::new("m.csv"))
                .unwrap()
                .ends_with("a.png; a path that is not absolute begins at the folder of the manifest")
        );
    }
}
