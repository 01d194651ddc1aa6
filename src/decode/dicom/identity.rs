//! Whom and what a header names, read for [result objects](crate::objects) and for nothing else. Its values are taken as they stand; what
//! would make an object invalid is left out.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::start::MAX_VALUE;
use super::walk::{Encoding, Token, Walk};
use crate::identity::{COPIED, Identity, Instance, Lack};

/// The group that functional groups stand in: nothing that is read lies in it or behind it.
const FUNCTIONAL_GROUPS: u16 = 0x5200;
/// The most characters of a UID.
const MAX_UID: usize = 64;

/// Reads the data set that starts at a byte of the file, in this encoding.
pub(super) fn read(bytes: &[u8], (at, encoding): (usize, Encoding)) -> Result<(Identity, Instance), Lack> {
    let mut copied = Vec::new();
    let (mut class, mut uid, mut series) = (None, None, None);
    let (mut is_lossy, mut ratio, mut method) = (None, None, None);
    let mut walk = Walk::new(bytes, at, encoding, &[]);
    // The file was read to its end before: what is damaged was said then.
    while let Ok(Some(token)) = walk.next() {
        let (tag, vr, at, length) = match token {
            // Outside of all sequences, but for the one that begins.
            Token::Element { tag, .. } | Token::SequenceStart { tag }
                if tag.group() >= FUNCTIONAL_GROUPS && walk.depth() <= 1 =>
            {
                break;
            }
            Token::Fragments { .. } => break,
            Token::Element { tag, vr, at, length } if walk.depth() == 0 => (tag, vr, at, length),
            _ => continue,
        };
        let is_binary = vr.is_some_and(|vr| [b"US", b"SS", b"UL", b"SL", b"FL", b"FD", b"OB", b"OW"].contains(&&vr.0));
        let Some(value) = bytes.get(at..at + length as usize).filter(|_| length <= MAX_VALUE && !is_binary) else {
            continue;
        };
        let is_padding = |byte: &u8| *byte == b' ' || *byte == 0;
        let end = value.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
        let value = value[..end].trim_ascii_start();
        let slot = match tag {
            tags::SOP_CLASS_UID => Some(&mut class),
            tags::SOP_INSTANCE_UID => Some(&mut uid),
            tags::SERIES_INSTANCE_UID => Some(&mut series),
            tags::LOSSY_IMAGE_COMPRESSION => Some(&mut is_lossy),
            tags::LOSSY_IMAGE_COMPRESSION_RATIO => Some(&mut ratio),
            tags::LOSSY_IMAGE_COMPRESSION_METHOD => Some(&mut method),
            _ => None,
        };
        if let Some(slot) = slot {
            *slot = std::str::from_utf8(value).ok().map(str::to_string);
        }
        if let Some((_, vr)) = COPIED.iter().find(|(copied, _)| *copied == tag)
            && copied.iter().all(|(other, ..): &(Tag, VR, Vec<u8>)| *other != tag)
            && makes_sense(*vr, value)
        {
            copied.push((tag, *vr, value.to_vec()));
        }
    }
    let text = |tag: Tag| {
        let (.., value) = copied.iter().find(|(copied, ..)| *copied == tag)?;
        String::from_utf8(value.clone()).ok()
    };
    let is_uid = |uid: &String| makes_sense(VR::UI, uid.as_bytes());
    let visit = text(tags::STUDY_INSTANCE_UID)
        .ok_or(Lack("no Study Instance UID (0020,000D) stands in the header of a slice"))?;
    let series =
        series.filter(is_uid).ok_or(Lack("no Series Instance UID (0020,000E) stands in the header of a slice"))?;
    let uid = uid.filter(is_uid).ok_or(Lack("no SOP Instance UID (0008,0018) stands in the header of a slice"))?;
    let class = class.filter(is_uid).ok_or(Lack("no SOP Class UID (0008,0016) stands in the header of a slice"))?;
    let frame_of_reference = text(tags::FRAME_OF_REFERENCE_UID);
    let lossy = ratio.zip(method).filter(|_| is_lossy.as_deref() == Some("01")).map(|(ratio, method)| [ratio, method]);
    Ok((Identity { copied, visit, series, frame_of_reference }, Instance { class, uid, lossy }))
}

/// Whether a value may stand in an object: dates, times, codes and UIDs have a form, and names have no other length than in the header.
fn makes_sense(vr: VR, value: &[u8]) -> bool {
    let are = |allowed: fn(&u8) -> bool| value.iter().all(allowed);
    match vr {
        VR::DA => value.len() == 8 && are(u8::is_ascii_digit),
        VR::TM => value.len() >= 2 && are(|byte| byte.is_ascii_digit() || *byte == b'.'),
        VR::UI => !value.is_empty() && value.len() <= MAX_UID && are(|byte| byte.is_ascii_digit() || *byte == b'.'),
        VR::AS => value.len() == 4 && value[..3].iter().all(u8::is_ascii_digit) && b"DWMY".contains(&value[3]),
        VR::DS => {
            !value.is_empty() && value.len() <= 16 && are(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
        }
        VR::CS => are(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" _\\".contains(byte)),
        _ => !value.is_empty(),
    }
}
