//! Elements as DICOM writes them: explicit VR, little endian, in the order of their tags, with lengths that are known.

use std::collections::BTreeMap;
use std::io::{self, Write};

use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};

/// The most characters of a decimal string.
const MAX_DECIMAL: usize = 16;

/// Elements, by their tags.
#[derive(Clone, Default)]
pub(super) struct DataSet(BTreeMap<Tag, (VR, Vec<u8>)>);

/// A concept: code value, coding scheme designator and code meaning.
#[derive(Clone, Copy)]
pub(super) struct Code(pub &'static str, pub &'static str, pub &'static str);

/// Pixels, which are written piece by piece.
pub(super) struct PixelData<'a> {
    /// In bytes, an even number.
    pub length: u32,
    /// Writes as many.
    pub fill: &'a dyn Fn(&mut dyn Write) -> io::Result<()>,
}

impl DataSet {
    /// A value as it is to stand there, but for its padding.
    pub fn bytes(&mut self, tag: Tag, vr: VR, value: &[u8]) -> &mut DataSet {
        let mut value = value.to_vec();
        if !value.len().is_multiple_of(2) {
            value.push(if matches!(vr, VR::UI | VR::OB) { 0 } else { b' ' });
        }
        self.0.insert(tag, (vr, value));
        self
    }

    /// Text without characters beyond ASCII: whatever the set of characters is, they are in it.
    pub fn text(&mut self, tag: Tag, vr: VR, text: &str) -> &mut DataSet {
        self.bytes(tag, vr, plain(text, longest(vr)).as_bytes())
    }

    /// Several values, each as of [`DataSet::text`].
    pub fn texts(&mut self, tag: Tag, vr: VR, texts: &[&str]) -> &mut DataSet {
        let texts: Vec<_> = texts.iter().map(|text| plain(text, longest(vr))).collect();
        self.bytes(tag, vr, texts.join("\\").as_bytes())
    }

    pub fn uid(&mut self, tag: Tag, uid: &str) -> &mut DataSet {
        self.bytes(tag, VR::UI, uid.as_bytes())
    }

    pub fn short(&mut self, tag: Tag, value: u16) -> &mut DataSet {
        self.bytes(tag, VR::US, &value.to_le_bytes())
    }

    pub fn shorts(&mut self, tag: Tag, values: &[u16]) -> &mut DataSet {
        self.bytes(tag, VR::US, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
    }

    pub fn longs(&mut self, tag: Tag, values: &[u32]) -> &mut DataSet {
        self.bytes(tag, VR::UL, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
    }

    pub fn whole(&mut self, tag: Tag, value: usize) -> &mut DataSet {
        self.text(tag, VR::IS, &value.to_string())
    }

    pub fn decimals(&mut self, tag: Tag, values: &[f64]) -> &mut DataSet {
        let values: Vec<_> = values.iter().map(|value| decimal(*value)).collect();
        self.bytes(tag, VR::DS, values.join("\\").as_bytes())
    }

    pub fn double(&mut self, tag: Tag, value: f64) -> &mut DataSet {
        self.bytes(tag, VR::FD, &value.to_le_bytes())
    }

    /// The tag of another element.
    pub fn pointer(&mut self, tag: Tag, to: Tag) -> &mut DataSet {
        self.bytes(tag, VR::AT, &[to.group().to_le_bytes(), to.element().to_le_bytes()].concat())
    }

    pub fn items(&mut self, tag: Tag, items: &[DataSet]) -> &mut DataSet {
        let mut value = Vec::new();
        for item in items {
            let inside = item.encoded();
            value.extend([0xFE, 0xFF, 0x00, 0xE0]);
            value.extend((inside.len() as u32).to_le_bytes());
            value.extend(inside);
        }
        self.0.insert(tag, (VR::SQ, value));
        self
    }

    pub fn item(&mut self, tag: Tag, fill: impl FnOnce(&mut DataSet)) -> &mut DataSet {
        let mut item = DataSet::default();
        fill(&mut item);
        self.items(tag, &[item])
    }

    pub fn code(&mut self, tag: Tag, Code(value, scheme, meaning): Code) -> &mut DataSet {
        self.item(tag, |item| {
            item.text(tags::CODE_VALUE, VR::SH, value);
            item.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme);
            item.text(tags::CODE_MEANING, VR::LO, meaning);
        })
    }

    /// Nothing, unless something stands there already.
    pub fn or_empty(&mut self, tag: Tag, vr: VR) -> &mut DataSet {
        self.0.entry(tag).or_insert((vr, Vec::new()));
        self
    }

    /// Takes over the elements of another.
    pub fn take(&mut self, other: DataSet) {
        self.0.extend(other.0);
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (tag, (vr, value)) in &self.0 {
            bytes.extend(head(*tag, *vr, value.len() as u32));
            bytes.extend(value);
        }
        bytes
    }

    /// Writes a file of this data set, which has its SOP class and instance, behind which its pixels stand, if it has any.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write, pixels: Option<PixelData>) -> io::Result<()> {
        let value = |tag: Tag| self.0.get(&tag).map(|(_, value)| value.clone()).unwrap_or_default();
        let mut meta = DataSet::default();
        meta.bytes(tags::FILE_META_INFORMATION_VERSION, VR::OB, &[0, 1])
            .bytes(tags::MEDIA_STORAGE_SOP_CLASS_UID, VR::UI, &value(tags::SOP_CLASS_UID))
            .bytes(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, VR::UI, &value(tags::SOP_INSTANCE_UID))
            .uid(tags::TRANSFER_SYNTAX_UID, uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .uid(tags::IMPLEMENTATION_CLASS_UID, IMPLEMENTATION)
            .text(tags::IMPLEMENTATION_VERSION_NAME, VR::SH, concat!("LUNGGLASS ", env!("CARGO_PKG_VERSION")));
        let meta = meta.encoded();
        out.write_all(&[0; 128])?;
        out.write_all(b"DICM")?;
        out.write_all(&head(tags::FILE_META_INFORMATION_GROUP_LENGTH, VR::UL, 4))?;
        out.write_all(&(meta.len() as u32).to_le_bytes())?;
        out.write_all(&meta)?;
        out.write_all(&self.encoded())?;
        if let Some(PixelData { length, fill }) = pixels {
            out.write_all(&head(tags::PIXEL_DATA, VR::OB, length))?;
            fill(out)?;
        }
        Ok(())
    }
}

/// Names this program among those that write DICOM; made of a UUID (PS3.5 B.2).
const IMPLEMENTATION: &str = "2.25.211923842079734992090951896024239319901";

/// Tag, VR and length of an element.
fn head(tag: Tag, vr: VR, length: u32) -> Vec<u8> {
    let mut head = [tag.group().to_le_bytes(), tag.element().to_le_bytes(), vr.to_bytes()].concat();
    if matches!(vr, VR::OB | VR::OW | VR::SQ | VR::UT | VR::UC) {
        head.extend([0, 0]);
        head.extend(length.to_le_bytes());
    } else {
        // The values that are written are shorter; of those that are copied, no one over 1024 bytes is.
        head.extend((length as u16).to_le_bytes());
    }
    head
}

/// The most characters of a value.
fn longest(vr: VR) -> usize {
    match vr {
        VR::SH | VR::CS => 16,
        VR::LO | VR::UI => 64,
        VR::ST => 1024,
        VR::LT => 10_240,
        _ => usize::MAX,
    }
}

/// Text that every set of characters has, in one value: what is beyond stands as a question mark.
pub(super) fn plain(text: &str, longest: usize) -> String {
    let is_plain = |c: char| c.is_ascii() && !c.is_ascii_control() && c != '\\' && c != '~';
    text.chars().map(|c| if is_plain(c) { c } else { '?' }).take(longest).collect()
}

/// A number as a decimal string, as exact as its characters allow.
pub(super) fn decimal(value: f64) -> String {
    let shortest = value.to_string();
    let fixed = (1..MAX_DECIMAL).rev().map(|digits| format!("{value:.digits$}").trim_end_matches('0').to_string());
    let exponential = (0..MAX_DECIMAL).rev().map(|digits| format!("{value:.digits$e}"));
    // Small and great numbers keep more of their digits with an exponent.
    let has_exponent = !(1e-4..1e13).contains(&value.abs());
    let mut all = std::iter::once(shortest).chain(fixed.filter(|_| !has_exponent)).chain(exponential);
    all.find(|text| text.len() <= MAX_DECIMAL).unwrap_or_else(|| "0".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_characters_as_may_be() {
        for (value, text) in [
            (0.5, "0.5"),
            (-125.25, "-125.25"),
            (1.0 / 3.0, "0.33333333333333"),
            (-2.0 / 3.0, "-0.6666666666667"),
            (1e-9 / 3.0, "3.3333333333e-10"),
            (123_456_789_012_345.6, "1.23456789012e14"),
            (0.147_803_420_000_000_02, "0.14780342"),
            (0.0, "0"),
        ] {
            assert_eq!(decimal(value), text);
            assert!(decimal(value).len() <= MAX_DECIMAL);
        }
    }

    #[test]
    fn text_is_in_every_set_of_characters() {
        assert_eq!(plain("a\\b~c\u{e9}\n", 64), "a?b?c??");
        assert_eq!(plain("abcdef", 3), "abc");
    }
}
