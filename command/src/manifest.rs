//! Manifests: tables that name slices, and what is known of them.

use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::failure::Failure;
use crate::table::Table;

/// A manifest whose rows come one behind the other.
pub struct Manifest {
    table: Table,
    folder: PathBuf,
    /// Where the required columns are, in their order.
    columns: Vec<usize>,
}

impl Manifest {
    /// Reads its head; `required` columns must be there.
    pub fn open(path: &Path, required: &[&str]) -> Result<Manifest, Failure> {
        let table = Table::open(path, required)?;
        let columns = required.iter().map(|name| table.column(name)).collect::<Result<_, _>>()?;
        Ok(Manifest { table, folder: path.parent().unwrap_or(Path::new("")).to_path_buf(), columns })
    }

    /// The next row; `None` behind the last.
    pub fn next_row(&mut self) -> Option<Result<Row<'_>, Failure>> {
        let values = self.table.next()?;
        Some(values.map(|values| Row { manifest: self, values }))
    }

    /// Where the file is that the column `path` of a row says.
    pub fn file(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}

/// One row of a manifest.
pub struct Row<'a> {
    manifest: &'a Manifest,
    values: StringRecord,
}

impl Row<'_> {
    /// The value of required column `at`, verbatim.
    pub fn value(&self, at: usize) -> &str {
        self.values.get(self.manifest.columns[at]).unwrap_or("")
    }

    /// Where the file is that a value names.
    pub fn file(&self, path: &str) -> PathBuf {
        self.manifest.file(path)
    }

    /// A failure that names the manifest and the line.
    pub fn failure(&self, what: &str) -> Failure {
        self.manifest.table.failure(&self.values, what)
    }
}
