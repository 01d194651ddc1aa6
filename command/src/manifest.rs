//! Manifests: CSV files that name slices, and what is known of them.

use std::fs::File;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::failure::{Failure, failed};

/// A manifest, row by row.
pub struct Manifest {
    folder: PathBuf,
    name: String,
    columns: StringRecord,
    rows: Vec<StringRecord>,
}

impl Manifest {
    /// Reads the whole file; `required` columns must be there.
    pub fn read(path: &Path, required: &[&str]) -> Result<Manifest, Failure> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(failed(&name))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(file);
        let malformed = |error: csv::Error| Failure(format!("{name}: {error}"));
        let columns = reader.headers().map_err(malformed)?.clone();
        if let Some(missing) = required.iter().find(|column| !columns.iter().any(|known| known == **column)) {
            return Err(Failure(format!("{name}: there is no column \"{missing}\"; it needs {}", required.join(","))));
        }
        let rows = reader.records().collect::<Result<Vec<_>, _>>().map_err(malformed)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        Ok(Manifest { folder, name, columns, rows })
    }

    /// Its rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|values| Row { manifest: self, values })
    }
}

/// One row of a manifest.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    manifest: &'a Manifest,
    values: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// The value of a required column, verbatim.
    pub fn value(self, column: &str) -> &'a str {
        let at = self.manifest.columns.iter().position(|known| known == column);
        at.and_then(|at| self.values.get(at)).unwrap_or("")
    }

    /// Where the slice's file is.
    pub fn path(self) -> PathBuf {
        self.manifest.folder.join(self.value("path"))
    }

    /// A failure that names the manifest and the line.
    pub fn failure(self, what: &str) -> Failure {
        let line = self.values.position().map_or(0, |position| position.line());
        Failure(format!("{}, line {line}: {what}", self.manifest.name))
    }
}
