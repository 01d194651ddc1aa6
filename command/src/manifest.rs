//! Manifests: tables that name slices, and what is known of them.

use std::path::{self, Path, PathBuf};

use csv::StringRecord;

use crate::failure::Failure;
use crate::table::Table;

/// A manifest whose rows come one behind the other.
pub struct Manifest {
    table: Table,
    folder: PathBuf,
    /// Where the required columns are, in their order, and then the others, as far as they are there.
    columns: Vec<Option<usize>>,
}

impl Manifest {
    /// Reads its head; `required` columns must be there, `others` may be.
    pub fn open(path: &Path, required: &[&str], others: &[&str]) -> Result<Manifest, Failure> {
        let table = Table::open(path, required)?;
        let required = required.iter().map(|name| table.column(name).map(Some));
        let columns = required.chain(others.iter().map(|name| table.optional(name))).collect::<Result<_, _>>()?;
        Ok(Manifest { table, folder: path.parent().unwrap_or(Path::new("")).to_path_buf(), columns })
    }

    /// Whether column `at`, counted as [`Row::value`] counts, is there.
    pub fn has(&self, at: usize) -> bool {
        self.columns[at].is_some()
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
    /// The value of column `at`, of the required ones and then the others, verbatim; empty where there is no such column.
    pub fn value(&self, at: usize) -> &str {
        self.manifest.columns[at].and_then(|column| self.values.get(column)).unwrap_or("")
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

/// What is the same for all ways to write the path of a file, `a.png` and `./a.png`, so that no slice counts twice. Links are not followed.
pub fn written_plainly(file: &Path) -> PathBuf {
    path::absolute(file).unwrap_or_else(|_| file.to_path_buf())
}
