//! Headers of volumes whose values lie in a file of their own beside them: MetaImage (.mhd) and NRRD (.nhdr). Both become one file, which is
//! read like any other. Whoever holds the files looks for the second one: nothing here knows a file system.

use std::ops::Range;

use super::{Format, sniff, text};

/// Bytes of a name, as file systems have it.
const MAX_NAME: usize = 255;

/// What a header says in place of its values.
struct Pointer {
    format: Format,
    /// What it calls the other file.
    value: String,
    /// The line that says it.
    line: Range<usize>,
    /// Where the header ends.
    end: usize,
}

/// The name of the file that holds the values of a header, which lies in the same folder; `None` for what needs no other file, and for names
/// that lead out of the folder or to several files.
pub fn data_file(header: &[u8]) -> Option<String> {
    Pointer::of(header).map(|pointer| pointer.value).filter(|name| is_beside(name))
}

/// Header and values as one file, as if they had been saved so; the header alone where [`data_file`] finds none.
pub fn joined(header: &[u8], mut values: Vec<u8>) -> Vec<u8> {
    let Some(Pointer { format, line, end, .. }) = Pointer::of(header) else { return header.to_vec() };
    let (before, after) = (&header[..line.start], &header[line.end..end]);
    let whole = match format {
        // It is the last line.
        Format::MetaImage => [before, b"ElementDataFile = LOCAL\n"].concat(),
        _ if after.is_empty() || after.ends_with(b"\n") => [before, after, b"\n"].concat(),
        _ => [before, after, b"\n\n"].concat(),
    };
    // They may be large: no second copy of them.
    values.reserve_exact(whole.len());
    values.splice(0..0, whole);
    values
}

/// Whether a name is that of one file, in the folder where the header is.
pub(super) fn is_beside(name: &str) -> bool {
    let is_several = name.contains('%') || name.split_whitespace().next() == Some("LIST");
    let is_path = name.contains(['/', '\\', ':']) || [".", ".."].contains(&name);
    !name.is_empty() && name.len() <= MAX_NAME && !is_several && !is_path && !name.chars().any(char::is_control)
}

impl Pointer {
    fn of(header: &[u8]) -> Option<Pointer> {
        let format = sniff(header)?;
        let field = |line: &str| match format {
            Format::MetaImage => {
                let (name, value) = line.split_once('=')?;
                let is_elsewhere = name.trim() == "ElementDataFile" && !value.trim().eq_ignore_ascii_case("LOCAL");
                is_elsewhere.then(|| value.trim().to_string())
            }
            Format::Nrrd => {
                let (name, value) = line.split_once(':')?;
                let is_there = ["data file", "datafile"].contains(&name.trim().to_ascii_lowercase().as_str());
                (is_there && !value.starts_with('=')).then(|| value.trim().to_string())
            }
            Format::Nifti(_) => None,
        };
        let (mut at, mut found) = (0, None);
        // The values that follow in the same file are no lines.
        while let Some((line, next)) = text::line(header, at).filter(|(line, _)| !is_last(format, line)) {
            found = found.or_else(|| field(&line).map(|value| (value, at..next)));
            at = next;
        }
        found.map(|(value, line)| Pointer { format, value, line, end: at })
    }
}

/// Whether a line ends a header with its values behind it.
fn is_last(format: Format, line: &str) -> bool {
    match format {
        Format::MetaImage => {
            let local = |(name, value): (&str, &str)| name.trim() == "ElementDataFile" && value.trim() == "LOCAL";
            line.split_once('=').is_some_and(local)
        }
        _ => line.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METAIMAGE: &str = "ObjectType = Image\r\nNDims = 3\nElementDataFile = my scan.raw\n";
    const NRRD: &str = "NRRD0005\ntype: short\ndata file: scan.raw\nsizes: 1 2 3";

    #[test]
    fn a_header_and_its_values_become_one_file() {
        for header in [METAIMAGE, METAIMAGE.trim_end(), &format!("{METAIMAGE}\n\n")] {
            assert_eq!(data_file(header.as_bytes()).as_deref(), Some("my scan.raw"));
            let whole = joined(header.as_bytes(), b"\n12".to_vec());
            assert_eq!(whole, b"ObjectType = Image\r\nNDims = 3\nElementDataFile = LOCAL\n\n12");
        }
        for header in [NRRD, &format!("{NRRD}\n"), &format!("{NRRD}\n\n")] {
            assert_eq!(data_file(header.as_bytes()).as_deref(), Some("scan.raw"));
            let whole = joined(header.as_bytes(), b"\n12".to_vec());
            assert_eq!(String::from_utf8_lossy(&whole), "NRRD0005\ntype: short\nsizes: 1 2 3\n\n\n12");
        }
        let last = "NRRD0005\ntype: short\nsizes: 1 2 3\ndata file: scan.raw";
        for header in [last, &format!("{last}\n")] {
            let whole = joined(header.as_bytes(), b"12".to_vec());
            assert_eq!(String::from_utf8_lossy(&whole), "NRRD0005\ntype: short\nsizes: 1 2 3\n\n12");
        }
        let local = METAIMAGE.replace("my scan.raw", "LOCAL");
        for whole in [local, format!("{NRRD}\n").replace("data file: scan.raw\n", ""), "no volume".to_string()] {
            assert_eq!(data_file(whole.as_bytes()), None);
            assert_eq!(joined(whole.as_bytes(), b"values".to_vec()), whole.as_bytes());
        }
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let names = [
            "../scan.raw",
            "/etc/passwd",
            "a/scan.raw",
            "..\\scan.raw",
            "C:\\scan.raw",
            "C:scan.raw",
            "..",
            ".",
            "",
            "a\0b",
            "LIST",
            "LIST 2",
            "scan%03d.raw 1 3 1",
        ];
        for name in names {
            assert_eq!(data_file(METAIMAGE.replace("my scan.raw", name).as_bytes()), None, "{name}");
            assert_eq!(data_file(NRRD.replace("scan.raw", name).as_bytes()), None, "{name}");
        }
        assert!(is_beside("..scan.raw") && is_beside("LISTED.raw"));
    }
}
