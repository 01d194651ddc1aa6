//! CSV tables as people, programs and spreadsheets write them, row by row: in UTF-8 or UTF-16, with commas, semicolons or tabs. It knows
//! no column, and holds one row at a time.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, StringRecord};

use crate::failure::{Failure, failed};
use crate::inputs;

/// What may stand between two cells, and its name.
const SEPARATORS: [(u8, &str); 3] = [(b',', "a comma"), (b';', "a semicolon"), (b'\t', "a tab")];
/// Bytes that a head may have.
const MAX_HEAD: usize = 1 << 20;

/// A table whose rows come one behind the other.
pub struct Table {
    path: PathBuf,
    columns: Vec<String>,
    reader: csv::Reader<Box<dyn Read + Send>>,
    /// Bytes of the text before what `reader` reads: a line `sep=;`.
    before: u64,
}

impl Table {
    /// Reads the head; `required` columns must be there. The separator is the one that a first line `sep=;` names, as spreadsheets write
    /// it, or else the one by which the head has the columns.
    ///
    /// # Errors
    /// A failure that names the file and what it lacks.
    pub fn open(path: &Path, required: &[&str]) -> Result<Table, Failure> {
        let name = path.display();
        let mut text = text(path)?;
        let mut head = line(&mut text).map_err(failed(&name))?;
        let named = separator_line(&head);
        let before = if named.is_some() { head.len() as u64 } else { 0 };
        if named.is_some() {
            head = line(&mut text).map_err(failed(&name))?;
        }
        if head.trim_ascii().is_empty() {
            return Err(Failure(format!(
                "{name}: it is empty, or begins with an empty line; its head must be its first line"
            )));
        }
        let guesses = SEPARATORS.into_iter().filter(|(separator, _)| named.is_none_or(|named| named == *separator));
        let named = named.map(|separator| (separator, "the separator of its first line"));
        let heads: Vec<_> = guesses.chain(named).map(|guess| (guess, cells(&head, guess.0))).collect();
        let lacks = |columns: &[String]| required.iter().find(|column| !columns.iter().any(|known| known == **column));
        let fits = heads.iter().find(|(_, columns)| lacks(columns).is_none());
        // With the right separator the most columns are known, if not all.
        let known = |columns: &[String]| required.iter().filter(|name| columns.iter().any(|own| own == **name)).count();
        let nearest = || heads.iter().rev().max_by_key(|(_, columns)| (known(columns), columns.len()));
        let ((separator, word), columns) = fits.or_else(nearest).expect("there is a guess");
        if let Some(missing) = lacks(columns) {
            let of = required.join(",");
            return Err(Failure(format!(
                "{name}: there is no column \"{missing}\" in its head, whose cells are separated by {word}; it needs {of}"
            )));
        }
        if let Some(twice) = required.iter().find(|name| columns.iter().filter(|column| column == *name).count() > 1) {
            return Err(Failure(format!("{name}: there are two columns \"{twice}\"")));
        }
        let source: Box<dyn Read + Send> = Box::new(io::Cursor::new(head).chain(text));
        let mut reader = csv::ReaderBuilder::new().delimiter(*separator).from_reader(source);
        // What it counts the cells of a row against.
        reader.byte_headers().map_err(failed(&name))?;
        Ok(Table { path: path.to_path_buf(), columns: columns.clone(), reader, before })
    }

    /// Where the column is, which must be there.
    ///
    /// # Errors
    /// A failure that names the file and the column.
    pub fn column(&self, name: &str) -> Result<usize, Failure> {
        let found = self.columns.iter().position(|known| known == name);
        found.ok_or_else(|| Failure(format!("{}: there is no column \"{name}\"", self.path.display())))
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", String::as_str)
    }

    /// Where a column is that need not be there.
    ///
    /// # Errors
    /// A failure that names the file where there are two of it.
    pub fn optional(&self, name: &str) -> Result<Option<usize>, Failure> {
        let mut found = (0..self.columns.len()).filter(|at| self.columns[*at] == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Failure(format!("{}: there are two columns \"{name}\"", self.path.display()))),
            (first, None) => Ok(first),
        }
    }

    /// A failure that names the file and the line of a row.
    pub fn failure(&self, row: &StringRecord, what: &str) -> Failure {
        self.failure_at(row.position(), what)
    }

    fn failure_at(&self, position: Option<&csv::Position>, what: &str) -> Failure {
        let name = self.path.display();
        match position.map(|position| line_of(&self.path, self.before + position.byte())) {
            Some(Ok(line)) => Failure(format!("{name}, line {line}: {what}")),
            _ => Failure(format!("{name}: {what}")),
        }
    }
}

impl Iterator for Table {
    type Item = Result<StringRecord, Failure>;

    fn next(&mut self) -> Option<Result<StringRecord, Failure>> {
        let mut row = ByteRecord::new();
        match self.reader.read_byte_record(&mut row) {
            Ok(false) => None,
            Ok(true) => Some(StringRecord::from_byte_record(row).map_err(|error| {
                let what = "it is not UTF-8; save the table as UTF-8 (CSV UTF-8 in spreadsheets)";
                self.failure_at(error.into_byte_record().position(), what)
            })),
            Err(error) => Some(Err(match error.kind() {
                csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                    self.failure_at(pos.as_ref(), &format!("it has {len} cells, the head has {expected_len}"))
                }
                csv::ErrorKind::Io(error) => failed(self.path.display())(error),
                _ => failed(self.path.display())(error),
            })),
        }
    }
}

/// The text of a file as UTF-8, as far as it is text, without the mark at its start.
fn text(path: &Path) -> Result<Box<dyn BufRead + Send>, Failure> {
    let name = path.display();
    inputs::is_file(path).and_then(|()| inputs::is_no_folder(path, "csv")).map_err(failed(&name))?;
    let mut file = BufReader::new(fs::File::open(path).map_err(failed(&name))?);
    // What a buffer is filled with first is more than this wherever there is more.
    let start = file.fill_buf().map_err(failed(&name))?;
    let (mark, wide) = match start {
        [0xEF, 0xBB, 0xBF, ..] => (3, None),
        [0xFF, 0xFE, ..] => (2, Some(Wide::LITTLE)),
        [0xFE, 0xFF, ..] => (2, Some(Wide::BIG)),
        // A head has a letter first, and no text has a zero.
        [1..=255, 0, ..] => (0, Some(Wide::LITTLE)),
        [0, 1..=255, ..] => (0, Some(Wide::BIG)),
        _ => (0, None),
    };
    file.consume(mark);
    Ok(match wide {
        None => Box::new(file),
        Some(unit) => Box::new(BufReader::new(Wide { source: file, unit, high: None, ready: Vec::new(), given: 0 })),
    })
}

/// UTF-16 as UTF-8.
struct Wide<R> {
    source: R,
    unit: fn([u8; 2]) -> u16,
    /// The first half of a pair whose second is still to come.
    high: Option<u16>,
    ready: Vec<u8>,
    /// How many of the bytes that are ready were given away.
    given: usize,
}

impl Wide<()> {
    const LITTLE: fn([u8; 2]) -> u16 = u16::from_le_bytes;
    const BIG: fn([u8; 2]) -> u16 = u16::from_be_bytes;
}

impl<R: Read> Read for Wide<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            if !self.fill()? {
                return Ok(0);
            }
        }
        let ready = &self.ready[self.given..];
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        Ok(count)
    }
}

impl<R: Read> Wide<R> {
    /// Makes the next bytes ready, which may be none; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "its UTF-16 is damaged; save the table as UTF-8");
        let mut bytes = Vec::new();
        self.source.by_ref().take(8192).read_to_end(&mut bytes)?;
        let units = bytes.chunks(2).map(|pair| pair.try_into().map(self.unit).map_err(|_| damaged()));
        let units = self.high.take().into_iter().map(Ok).chain(units).collect::<io::Result<Vec<u16>>>()?;
        let is_end = bytes.is_empty();
        let whole = match units.last() {
            Some(0xD800..=0xDBFF) if !is_end => units.len() - 1,
            _ => units.len(),
        };
        self.high = units.get(whole).copied();
        (self.ready, self.given) = (String::from_utf16(&units[..whole]).map_err(|_| damaged())?.into_bytes(), 0);
        Ok(!is_end)
    }
}

/// The next line with its end, which is LF, CRLF or CR.
fn line(text: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let ready = text.fill_buf()?;
        let Some(&next) = ready.first() else { return Ok(line) };
        // CRLF is one end.
        if line.ends_with(b"\n") || (line.ends_with(b"\r") && next != b'\n') {
            return Ok(line);
        }
        let count = if line.ends_with(b"\r") {
            1
        } else {
            ready.iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(ready.len(), |end| end + 1)
        };
        line.extend_from_slice(&ready[..count]);
        text.consume(count);
        if line.len() > MAX_HEAD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line has no end; it is no table"));
        }
    }
}

/// The separator that a line `sep=;` names.
fn separator_line(line: &[u8]) -> Option<u8> {
    let text = line.trim_ascii_end();
    let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    match text.strip_prefix(b"sep=") {
        Some(&[separator]) => Some(separator),
        // A tab at the end of a line is white space.
        Some([]) if line.starts_with(b"sep=\t") => Some(b'\t'),
        _ => None,
    }
}

/// The cells of a line without white space around them.
fn cells(line: &[u8], separator: u8) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(line);
    let row = reader.byte_records().next().and_then(Result::ok).unwrap_or_default();
    row.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_string()).collect()
}

/// The line, from 1, of the row that begins at or behind byte `at` of the text of a file.
fn line_of(path: &Path, at: u64) -> io::Result<u64> {
    let text = text(path).map_err(|failure| io::Error::other(failure.0))?;
    let (mut number, mut last) = (1, 0);
    for (place, byte) in (0u64..).zip(text.bytes()) {
        let byte = byte?;
        let is_end = matches!(byte, b'\n' | b'\r');
        // The reader leaves the end of the row before, and empty lines, to the next row.
        if place >= at && !is_end {
            break;
        }
        if is_end && !(byte == b'\n' && last == b'\r') {
            number += 1;
        }
        last = byte;
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these bytes, removed at the end.
    struct Written(PathBuf);

    impl Written {
        fn new(name: &str, bytes: &[u8]) -> Written {
            let path = std::env::temp_dir().join(format!("lungglass-table-{}-{name}", std::process::id()));
            fs::write(&path, bytes).unwrap();
            Written(path)
        }

        fn rows(&self) -> Result<Vec<Vec<String>>, String> {
            let table = Table::open(&self.0, &["path", "label"]).map_err(|failure| failure.0)?;
            table
                .map(|row| Ok(row.map_err(|failure| failure.0)?.iter().map(str::to_string).collect()))
                .collect::<Result<_, _>>()
        }
    }

    impl Drop for Written {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn any_common_encoding_separator_and_line_end_is_read() {
        let expected = [["lüng, 1.png", "1"], ["患者/𝄞.png", "0"]];
        for separator in [",", ";", "\t"] {
            for end in ["\n", "\r\n", "\r"] {
                let rows =
                    format!("path{separator} label {end}\"lüng, 1.png\"{separator}1{end}患者/𝄞.png{separator}0{end}");
                let named = format!("sep={separator}{end}{rows}");
                for text in [rows, named] {
                    let marked = format!("\u{feff}{text}");
                    let all = [
                        text.clone().into_bytes(),
                        marked.clone().into_bytes(),
                        wide(&marked, u16::to_le_bytes),
                        wide(&marked, u16::to_be_bytes),
                        wide(&text, u16::to_le_bytes),
                        wide(&text, u16::to_be_bytes),
                    ];
                    for (at, bytes) in all.iter().enumerate() {
                        let file = Written::new(&format!("read-{at}"), bytes);
                        assert_eq!(file.rows().unwrap(), expected, "{text:?} as {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn long_tables_in_utf_16_are_read_whole() {
        // Pairs that lie across the ends of what is read at once.
        let rows: String = (0..5000).map(|row| format!("{}𝄞𝄞,{}\n", "a".repeat(row % 7), row % 2)).collect();
        let file = Written::new("long", &wide(&format!("\u{feff}path,label\n{rows}"), u16::to_le_bytes));
        let found = file.rows().unwrap();
        assert_eq!(found.len(), 5000);
        assert!(found.iter().enumerate().all(|(row, cells)| cells[0] == format!("{}𝄞𝄞", "a".repeat(row % 7))));
        let cut = Written::new("cut", b"\xFF\xFEp\0a\0t\0h\0,\0l\0a\0b\0e\0l\0\n\0a\0\x00\xD8");
        assert!(cut.rows().unwrap_err().contains("UTF-16 is damaged"), "{:?}", cut.rows());
    }

    #[test]
    fn a_row_is_called_by_the_line_that_an_editor_shows() {
        for end in ["\n", "\r\n", "\r"] {
            for (first, more) in [("", 0), ("sep=,\n", 1)] {
                let text = format!("{first}path,label\n\n\"a\nb\",1\n\nc\nd,1\n").replace('\n', end);
                let file = Written::new("lines", text.as_bytes());
                let failure = file.rows().unwrap_err();
                let expected = format!("line {}: it has 1 cells, the head has 2", 6 + more);
                assert!(failure.contains(&expected), "{text:?}: {failure}");
            }
        }
        let file = Written::new("latin", b"path,label\r\na,1\r\nl\xFCng,1\r\n");
        assert!(file.rows().unwrap_err().contains("line 3: it is not UTF-8"), "{:?}", file.rows());
    }

    #[test]
    fn what_is_missing_is_named_with_the_separator() {
        for (text, parts) in [
            ("file;label\na;1\n", ["no column \"path\"", "a semicolon"]),
            ("path|label\na|1\n", ["no column \"path\"", "a comma"]),
            ("sep=|\npath,label\n", ["no column \"path\"", "its first line"]),
            ("path,label,path\n", ["two columns", "\"path\""]),
            ("", ["it is empty", "head"]),
            ("\npath,label\n", ["empty line", "first line"]),
            ("sep=;\n", ["it is empty", "head"]),
        ] {
            let file = Written::new("missing", text.as_bytes());
            let failure = file.rows().unwrap_err();
            assert!(parts.iter().all(|part| failure.contains(part)), "{text:?}: {failure}");
        }
        let piped = Written::new("piped", b"sep=|\npath|label\na|1\n");
        assert_eq!(piped.rows().unwrap(), [["a", "1"]]);
    }
}
