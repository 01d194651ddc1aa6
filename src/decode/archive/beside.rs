//! Headers of volumes in an archive, whose values are another entry in the same folder.

use std::collections::HashMap;

use super::Found;
use crate::decode::volume;

/// Bytes of an entry that tell whether it may be such a header.
const FEW: u64 = 64;

/// The entries that hold the values of others, by those others.
pub(super) fn pairs(files: &[Found], bytes: &[u8]) -> HashMap<usize, usize> {
    let name_of = |found: &Found| {
        let packed = found.packed.as_ref().ok().filter(|packed| packed.size <= volume::MAX_HEADER as u64)?;
        volume::sniff(&packed.start(bytes, FEW))?;
        let header = packed.start(bytes, packed.size);
        let name = volume::data_file(&header)?;
        let folder = found.name.rfind('/').map_or(0, |at| at + 1);
        Some(format!("{}{name}", &found.name[..folder]))
    };
    let headers: Vec<(usize, String)> =
        files.iter().enumerate().filter_map(|(at, found)| Some((at, name_of(found)?))).collect();
    if headers.is_empty() {
        return HashMap::new();
    }
    let entries: HashMap<&str, usize> = files.iter().enumerate().map(|(at, found)| (found.name.as_str(), at)).collect();
    let values = |(header, name): (usize, String)| Some((header, *entries.get(name.as_str())?));
    headers.into_iter().filter_map(values).filter(|(header, values)| header != values).collect()
}
