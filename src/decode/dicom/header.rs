//! What a file says of its frames, and the reading of one.

use std::borrow::Cow;
use std::mem;

use dicom_dictionary_std::uids;

use super::codec::{Codec, Frame};
use super::colours::{self, Colours};
use super::elements::{Elements, PixelData};
use super::fault::{FORMAT, damaged};
use super::floats::Floats;
use super::fragments::{self, Frames};
use super::orientation::{self, Orientation};
use super::spacing;
use super::start::Start;
use super::syntax::{UNCOMPRESSED, name_of, unsupported_syntax};
use super::table::Table;
use super::values::{Layout, Meaning, Padding, stored};
use super::walk::{Encoding, Walk};
use super::{identity, object, place};
use crate::aside::Aside;
use crate::decode::square::Square;
use crate::decode::{Limits, SetAside, Unopened, inflate};
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::identity::{Identity, Instance, Lack};
use crate::place::Place;
use crate::slice::{Origin, Slice};

/// What is said of a file that [`Elements::has_comma`].
const COMMA: &str = "decimal numbers of its header have a comma, which was read as their point";

/// What is said of a table that [`Table::is_turned`], and of pixels that hold what is no number.
const TURNED: &str =
    "the entries of its Modality LUT were read with a sign, as no Hounsfield units are so great as they are without";
const GAPS: &str = "pixels that are no numbers (NaN) were read as air";
/// What is said of a scale that lacks its slope.
const NO_SLOPE: &str = "it has a rescale intercept and no rescale slope, which was read as 1";

/// Bytes of a deflated data set that [`peek`] looks at, unless it was given more.
const MAX_PEEKED: u64 = 1 << 20;

/// What a file says of its frames; [`Header::slice`] reads one.
#[derive(Debug)]
pub struct Header {
    pub frames: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) layout: Layout,
    colours: Option<Colours>,
    padding: Option<Padding>,
    pub(super) storage: Storage,
    /// One for each frame.
    views: Vec<View>,
    /// What the file is, where it is set aside as a whole.
    pub aside: Option<Aside>,
    /// Where its data set starts, and how it is encoded.
    data_set: (usize, Encoding),
}

/// What a file says of one frame.
#[derive(Debug)]
struct View {
    /// What its values mean; of a file of which some frames have no such meaning, why not.
    meaning: Result<Meaning>,
    geometry: Geometry,
    square: Option<Square>,
    origin: Origin,
    place: Place,
}

/// Where the frames lie in the file.
#[derive(Debug)]
pub(super) enum Storage {
    /// One behind the other from this byte on.
    Native {
        at: usize,
        /// Pixels of one byte, each pair of them in the other order: words in big endian.
        swapped: bool,
    },
    /// The same, of floating-point numbers.
    Floats {
        at: usize,
        floats: Floats,
    },
    Encapsulated {
        codec: Codec,
        frames: Frames,
    },
}

impl Header {
    /// Reads the header; the pixel data are only located. A data set that was deflated is inflated in `bytes`.
    pub fn read(bytes: &mut Vec<u8>, start: Start, limits: &Limits) -> std::result::Result<Header, Box<Unopened>> {
        let mut elements = Elements::default();
        Header::walk(&mut elements, bytes, start, limits).map_err(|error| {
            let aside = object::aside(&elements).or((error == Error::NoPixels).then_some(Aside::NoImage));
            Box::new(Unopened { error, place: place_of_file(elements), aside })
        })
    }

    fn walk(elements: &mut Elements, bytes: &mut Vec<u8>, start: Start, limits: &Limits) -> Result<Header> {
        let mut at = elements.walk_meta(bytes, start, limits)?;
        if elements.transfer_syntax.as_deref() == Some(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN) {
            if Walk::is_element(bytes, at, Encoding::default()) {
                return Err(damaged("it names a deflated transfer syntax, and its data set is not deflated"));
            }
            let compressed = &bytes[at..];
            let limit = limits.inflated(compressed.len() as u64);
            let data_set = inflate::all(compressed, limit).map_err(|fault| {
                // Where the file belongs may stand before the damage.
                let first = inflate::start(compressed, MAX_PEEKED);
                let _ = elements.walk_data_set(&first, 0, limits);
                match fault {
                    inflate::Fault::TooLong => {
                        Error::TooLarge { what: "the size of its data set in bytes", value: None, limit }
                    }
                    inflate::Fault::Damaged(error) => damaged(&format!("its deflated data set is damaged ({error})")),
                }
            })?;
            // The elements before it are not needed any more.
            (*bytes, at) = (data_set, 0);
        }
        elements.walk_data_set(bytes, at, limits)?;
        Header::new(elements, bytes, at, limits)
    }

    fn new(elements: &mut Elements, bytes: &[u8], at: usize, limits: &Limits) -> Result<Header> {
        let syntax = elements.transfer_syntax.clone().unwrap_or_default();
        let Some(pixels) = elements.pixels else {
            return Err(elements.without_pixels().map_or(Error::NoPixels, damaged));
        };
        let codec = Codec::of(&syntax);
        let is_uncompressed = elements.transfer_syntax.is_none() || UNCOMPRESSED.contains(&syntax.as_str());
        if codec.is_none() && !is_uncompressed {
            return Err(unsupported_syntax(&syntax));
        }
        let samples = elements.samples.unwrap_or(1);
        let photometric = elements.photometric.clone().unwrap_or_default();
        if samples == 0 {
            return Err(damaged("it says that its pixels have no sample (0028,0002)"));
        }
        let colours = Colours::of(elements, &photometric, codec)?;
        let are_floats = matches!(pixels, PixelData::Floats { .. });
        if colours.is_some() && (are_floats || !limits.colours) {
            return Err(colours::refused(&photometric, samples));
        }
        let (Some(rows), Some(columns)) = (elements.rows, elements.columns) else {
            return Err(damaged("it does not say how many rows (0028,0010) and columns (0028,0011) the image has"));
        };
        let (width, height) = (usize::from(columns), usize::from(rows));
        limits.check_frame(FORMAT, width as u64, height as u64)?;

        let frames = elements.frame_count()?;
        Limits::check("the number of frames", frames as u64, limits.frames)?;

        let big_endian = elements.encoding.big_endian;
        // Numbers have no stored bits, and a table is none of theirs.
        let is_whole = !matches!(pixels, PixelData::Floats { .. });
        let layout = if is_whole { Layout::of(elements)? } else { Layout::default() };
        let check_length = |at: usize, length: u32, size: usize| {
            let expected = (width * height * size) as u64 * frames as u64;
            let present = u64::from(length).min(bytes.len().saturating_sub(at) as u64);
            if present < expected {
                return Err(damaged(&format!("it holds {present} of {expected} bytes of pixel data")));
            }
            Ok(at)
        };
        let storage = match (pixels, codec) {
            (PixelData::Native { at, length, words }, None) => {
                let swapped = words && big_endian && layout.bytes == 1;
                let samples = if colours.is_some() { colours::SAMPLES } else { 1 };
                Storage::Native { at: check_length(at, length, layout.bytes * samples)?, swapped }
            }
            (PixelData::Floats { at, length, bytes }, None) => {
                let floats = Floats::of(elements, bytes, big_endian);
                Storage::Floats { at: check_length(at, length, bytes)?, floats }
            }
            (PixelData::Encapsulated { at }, Some(codec)) => {
                let frames = Frames::locate(bytes, at, frames, elements.offsets.clone())?;
                Storage::Encapsulated { codec, frames }
            }
            (PixelData::Encapsulated { at }, None) if !fragments::is_item(bytes, at) => {
                elements.notes.push("its pixel data have no length, and are in no fragments".to_string());
                Storage::Native {
                    at: check_length(at, u32::MAX, layout.bytes)?,
                    swapped: big_endian && layout.bytes == 1,
                }
            }
            (PixelData::Encapsulated { .. }, None) => {
                let name = name_of(&syntax);
                return Err(damaged(&format!(
                    "it names the transfer syntax {name}, whose pixel data are in no fragments, and these are"
                )));
            }
            (PixelData::Native { .. } | PixelData::Floats { .. }, Some(_)) => {
                let name = name_of(&syntax);
                return Err(damaged(&format!(
                    "it names the transfer syntax {name}, whose pixel data are in fragments, and these are not"
                )));
            }
        };
        let lut = elements.lut.as_ref().filter(|_| is_whole);
        let table =
            lut.map(|lut| Table::read(lut, bytes, big_endian, elements.representation == Some(1))).transpose()?;
        let padding = Padding::of(elements, layout);
        if elements.says_no_frames() {
            elements.notes.push("it says that it has no frames, and one is there".to_string());
        }
        let groups = mem::take(&mut elements.groups);
        let view = |frame| {
            let elements = groups.of_frame(elements, frames, frame);
            let table = table.as_ref().filter(|_| elements.lut.is_some());
            let square = Squared::of(&elements, [width, height], limits);
            View::of(&elements, frame, table, square, &photometric, [width, height])
        };
        let views: Vec<View> = (0..frames).map(view).collect();
        elements.groups = groups;
        if views.iter().all(|view| view.meaning.is_err()) {
            views.first().map_or(Ok(()), |view| view.meaning.clone().map(|_| ()))?;
        }
        let aside = object::aside(elements);
        let data_set = (at, elements.encoding);
        Ok(Header { frames, width, height, layout, colours, padding, storage, views, aside, data_set })
    }

    /// How a frame lies, `frame < self.frames`.
    pub fn geometry(&self, frame: usize) -> &Geometry {
        &self.views[frame].geometry
    }

    /// Whom and what the header names, read anew: nothing of it is kept. `bytes` are those that the header was read from.
    pub fn identity(&self, bytes: &[u8]) -> std::result::Result<(Identity, Instance), Lack> {
        identity::read(bytes, self.data_set)
    }

    /// Where a frame belongs, `frame < self.frames`.
    pub fn place(&self, frame: usize) -> Place {
        self.views[frame].place.clone()
    }

    /// Pixels of all frames.
    pub fn pixels(&self) -> u64 {
        [self.width, self.height, self.frames].into_iter().fold(1, |pixels, count| pixels.saturating_mul(count as u64))
    }

    /// Decodes one frame, `frame < self.frames`; one in colours becomes gray unless they are kept.
    pub fn slice(&self, bytes: &[u8], frame: usize, are_colours_kept: bool) -> Result<Slice> {
        let Header { width, height, layout, padding, .. } = *self;
        let view = &self.views[frame];
        let meaning = view.meaning.as_ref().map_err(Error::clone)?;
        let mut origin = view.origin.clone();
        let native = |at: usize, size: usize| {
            let length = width * height * size;
            // That there are so many was checked.
            &bytes[at + frame * length..][..length]
        };
        let pixels = match (&self.storage, self.colours) {
            (Storage::Native { at, .. }, Some(colours)) => colours.native(native(*at, colours::SAMPLES)),
            (Storage::Encapsulated { frames, .. }, Some(_)) => {
                Colours::jpeg(&frames.bytes(bytes, frame), Frame { width, height, bytes: layout.bytes })?
            }
            (Storage::Native { at, swapped }, None) => {
                let mut values = Cow::Borrowed(native(*at, layout.bytes));
                if *swapped {
                    let pixel = |index: usize| bytes.get(at + (index ^ 1)).copied().unwrap_or_default();
                    let first = frame * values.len();
                    values = (first..first + values.len()).map(pixel).collect::<Vec<u8>>().into();
                }
                let raw = values.chunks_exact(layout.bytes).map(|value| layout.raw(value));
                layout.check_sign(raw.clone())?;
                meaning.pixels(stored(raw, layout, padding))
            }
            (Storage::Floats { at, floats }, _) => {
                let numbers = floats.read(native(*at, floats.bytes))?;
                origin.notes.extend(numbers.has_gaps.then(|| GAPS.to_string()));
                meaning.pixels(numbers.values.iter().copied())
            }
            (Storage::Encapsulated { codec, frames }, None) => {
                let size = Frame { width, height, bytes: layout.bytes };
                let coded = frames.bytes(bytes, frame);
                let own = codec.of_frame(&coded);
                let samples = own.decode(&coded, size)?;
                origin.notes.extend(own.note(&coded, size).map(str::to_string));
                if own != *codec {
                    let syntax = origin.transfer_syntax.as_deref().map_or_else(String::new, name_of);
                    origin
                        .notes
                        .push(format!("its frame is {}, and it names the transfer syntax {syntax}", own.name()));
                }
                if samples.precision > layout.allocated() {
                    return Err(damaged(&format!(
                        "its frame has {} bits a pixel, and its header (0028,0100) has room for {}",
                        samples.precision,
                        layout.allocated()
                    )));
                }
                let layout = layout.of_codestream(samples.precision);
                let raw = samples.values.iter().map(|value| u32::from(*value));
                layout.check_sign(raw.clone())?;
                meaning.pixels(stored(raw, layout, padding))
            }
        };
        origin.colour = colours::share(&pixels);
        let pixels = if are_colours_kept { pixels } else { colours::grayed(pixels) };
        let (pixels, width, height) = match view.square {
            Some(square) => (square.pixels(pixels), square.width, square.height),
            None => (pixels, width, height),
        };
        let (pixels, width, height) = orientation::turned_pixels(view.geometry.turn, pixels, width, height);
        Ok(Slice { width, height, pixels, origin })
    }
}

/// How a frame whose pixels are not square becomes one whose pixels are.
#[derive(Default)]
struct Squared {
    /// Its columns and rows in the file, where it has others then.
    stored: Option<[usize; 2]>,
    square: Option<Square>,
    /// Why it stays as it is, though its pixels are not square.
    note: Option<&'static str>,
}

impl Squared {
    fn of(elements: &Elements, stored: [usize; 2], limits: &Limits) -> Squared {
        let Some(height) = spacing::height(elements) else { return Squared::default() };
        match Square::of(stored, height, limits) {
            Ok(square) => Squared { stored: square.map(|_| stored), square, note: None },
            Err(note) => Squared { note: Some(note), ..Squared::default() },
        }
    }
}

impl View {
    fn of(
        elements: &Elements,
        frame: usize,
        table: Option<&Table>,
        squared: Squared,
        photometric: &str,
        [columns, rows]: [usize; 2],
    ) -> View {
        let Squared { stored, square, note } = squared;
        let spacing = spacing::millimetres(elements).map(|sides| square.map_or(sides, |square| square.sides(sides)));
        let meaning = Meaning::of(elements, table, photometric);
        let is_turned = table.is_some_and(|table| table.is_turned);
        let lacks_slope = matches!(meaning, Ok(Meaning::Hu { .. })) && elements.slope.is_none();
        let notes =
            [elements.has_comma.then_some(COMMA), is_turned.then_some(TURNED), lacks_slope.then_some(NO_SLOPE), note];
        let orientation = Orientation::of(elements);
        let spacing = spacing.map(|sides| orientation.map_or(sides, |orientation| orientation.turned(sides)));
        let origin = Origin {
            format: FORMAT,
            unscaled: matches!(meaning, Ok(Meaning::Unscaled { .. })),
            oblique: orientation.is_some_and(|orientation| !orientation.is_axial()),
            orientation: orientation.map(Orientation::shown),
            spacing,
            modality: elements.modality.clone(),
            transfer_syntax: elements.transfer_syntax.clone(),
            localizer: object::is_localizer(elements),
            notes: elements.notes.iter().cloned().chain(notes.into_iter().flatten().map(str::to_string)).collect(),
            stored,
            ..Origin::default()
        };
        let turn = orientation.map(Orientation::turn).unwrap_or_default();
        let geometry = Geometry { rows, columns, turn, ..place::geometry(elements) };
        View { meaning, geometry, square, origin, place: place::of(elements, frame) }
    }
}

/// Where a file belongs whose frames are not read: as its first frame does.
fn place_of_file(mut elements: Elements) -> Place {
    let groups = mem::take(&mut elements.groups);
    let frames = elements.frame_count().unwrap_or(1);
    place::of(&groups.of_frame(&elements, frames, 0), 0)
}

/// The number of frames, as far as the first bytes of a file tell.
#[derive(Debug, PartialEq)]
pub enum Peek {
    /// So many, with so many pixels in all.
    Frames(usize, u64),
    /// More bytes are needed.
    Unknown,
    /// It is set aside as a whole.
    Aside(Box<SetAside>),
}

/// Counts the frames by the first bytes of a file, or all of it if `is_whole`. Damage is left for [`Header::read`] to name, and
/// stands for one frame.
pub fn peek(bytes: &[u8], start: Start, is_whole: bool, limits: &Limits) -> Peek {
    let mut elements = Elements::default();
    let unknown = if is_whole { Peek::Frames(1, 0) } else { Peek::Unknown };
    let walked = walk_first(&mut elements, bytes, start, limits);
    if let Some(kind) = object::aside(&elements) {
        return Peek::Aside(Box::new(SetAside { kind, place: place_of_file(elements) }));
    }
    match (walked, &elements.pixels) {
        (Ok(_), Some(_)) => {
            let frames = elements.frame_count().ok().filter(|frames| *frames as u64 <= limits.frames).unwrap_or(1);
            let side = |side: Option<u16>| u64::from(side.unwrap_or(0));
            Peek::Frames(frames, frames as u64 * side(elements.rows) * side(elements.columns))
        }
        (Ok(_), None) if is_whole && elements.without_pixels().is_none() => {
            Peek::Aside(Box::new(SetAside { kind: Aside::NoImage, place: place_of_file(elements) }))
        }
        _ => unknown,
    }
}

/// Where a file belongs, as far as its first bytes tell.
pub fn place_of(bytes: &[u8], start: Start, limits: &Limits) -> Place {
    let mut elements = Elements::default();
    let _ = walk_first(&mut elements, bytes, start, limits);
    place_of_file(elements)
}

/// Reads elements from the first bytes of a file, as many as there are.
fn walk_first(elements: &mut Elements, bytes: &[u8], start: Start, limits: &Limits) -> Result<()> {
    let at = elements.walk_meta(bytes, start, limits)?;
    let inflated;
    let (bytes, at) = if elements.transfer_syntax.as_deref() == Some(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN) {
        let compressed = &bytes[at..];
        inflated = inflate::start(compressed, (bytes.len() as u64).max(MAX_PEEKED));
        (&inflated[..], 0)
    } else {
        (bytes, at)
    };
    elements.walk_data_set(bytes, at, limits).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{EXPLICIT, File, IMPLICIT, Writer, deflated, values};
    use super::super::start::{MAGIC, PREAMBLE, sniff};
    use super::super::syntax::EXPLICIT_VR_BIG_ENDIAN;
    use super::*;
    use crate::decode::Image;
    use crate::place::{Mark, Uid};
    use dicom_dictionary_std::tags;

    #[test]
    fn the_header_says_where_a_slice_belongs() {
        let place = |file: File| Image::open(file.bytes(), Limits::default()).unwrap().place(0);
        let given = Some(["1.2.3", "17", "-125\\-130.5\\ -42.25"]);
        let found = place(File { place: given, ..File::default() });
        assert_eq!((found.series, found.height, found.number), (Some(Uid::of("1.2.3")), Some(-42.25), Some(17)));
        // The position and the number of a file are not those of its frames.
        let frames = place(File { place: given, frames: Some("2"), values: vec![0; 4], ..File::default() });
        assert_eq!((frames.series, frames.height, frames.number), (Some(Uid::of("1.2.3")), None, None));
        let senseless = place(File { place: Some(["1.2.3", "first", "1\\2\\inf"]), ..File::default() });
        assert_eq!((senseless.height, senseless.number), (None, None));
        let unplaced = place(File::default());
        assert_eq!((unplaced.series, unplaced.height, unplaced.number), (None, None, None));
        assert_eq!(unplaced.marks, [(Mark::ImageType, "ORIGINAL\\PRIMARY\\AXIAL".to_string())].into());
    }

    #[test]
    fn uncompressed_syntaxes_give_the_same_values() {
        for syntax in [EXPLICIT, IMPLICIT, EXPLICIT_VR_BIG_ENDIAN] {
            let file = File { syntax, ..File::default() };
            assert_eq!(file.read().unwrap(), [[-1000.0, 40.0]], "{syntax}");
        }
    }

    #[test]
    fn frames_are_read_one_by_one() {
        let file = File { frames: Some("2"), values: vec![1, 2, 3, 4], ..File::default() };
        assert_eq!(file.read().unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
    }

    #[test]
    fn headers_say_what_is_not_axial_and_not_in_hounsfield_units() {
        let oblique = |orientation| {
            let bytes = File { orientation: Some(orientation), ..File::default() }.bytes();
            Image::open(bytes, Limits::default()).unwrap().slice(0).unwrap().origin.oblique
        };
        assert!(!oblique("1\\0\\0\\0\\1\\0"), "axial");
        assert!(!oblique("1\\0\\0\\0\\0.9\\0.43"), "a tilted gantry");
        assert!(!oblique("nonsense"), "nothing that is known");
        assert!(oblique("1\\0\\0\\0\\0\\-1"), "coronal");
        assert!(oblique("0\\1\\0\\0\\0\\-1"), "sagittal");
        let energy = File { rescale_type: Some("Z_EFF"), ..File::default() };
        assert!(energy.read().unwrap_err().to_string().contains("Z_EFF"));
        assert!(File { rescale_type: Some("HU"), ..File::default() }.read().is_ok());
    }

    #[test]
    fn what_holds_no_image_is_told_from_what_was_cut() {
        let whole = File::default().bytes();
        let pixels_at = whole.len() - 2 * 2 - 12;
        assert_eq!(values(whole[..pixels_at].to_vec()).unwrap_err().code(), "unreadable");
        let mut report = Writer { syntax: EXPLICIT, bytes: [vec![0; PREAMBLE], MAGIC.to_vec()].concat() };
        report.text(tags::TRANSFER_SYNTAX_UID, "UI", EXPLICIT).text(tags::MODALITY, "CS", "SR");
        assert_eq!(values(report.bytes).unwrap_err(), Error::NoPixels);
    }

    #[test]
    fn a_deflated_data_set_is_inflated_within_its_limit() {
        let file = File { frames: Some("2"), values: vec![1, 2, 3, 4], unneeded: 5000, ..File::default() };
        let bytes = deflated(&file);
        assert_eq!(values(bytes.clone()).unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
        let start = sniff(&bytes).unwrap();
        assert_eq!(peek(&bytes, start, true, &Limits::default()), Peek::Frames(2, 4));
        let limits = Limits { entry: 5000, ..Limits::default() };
        assert_eq!(Image::open(bytes.clone(), limits).err().map(|error| error.code()), Some("too_large"));
        let cut = bytes[..bytes.len() - 8].to_vec();
        assert!(values(cut).unwrap_err().to_string().contains("deflated data set is damaged"));
    }

    #[test]
    fn too_little_pixel_data_is_an_error() {
        let mut bytes = File::default().bytes();
        bytes.truncate(bytes.len() - 1);
        assert_eq!(values(bytes).unwrap_err().code(), "unreadable");
        let more = File { frames: Some("70000"), ..File::default() };
        assert_eq!(more.read().unwrap_err().code(), "too_large");
        let nonsense = File { frames: Some("many"), ..File::default() };
        assert_eq!(nonsense.read().unwrap_err().code(), "unreadable");
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        let movie = File { syntax: "1.2.840.10008.1.2.4.102", ..File::default() };
        assert_eq!(movie.read().unwrap_err().code(), "unsupported");
        let unknown = File { syntax: "1.2.3", ..File::default() };
        assert!(unknown.read().unwrap_err().to_string().contains("1.2.3"));
        let palette = File { photometric: "PALETTE COLOR", ..File::default() };
        assert!(palette.read().unwrap_err().to_string().contains("PALETTE COLOR"));
    }

    proptest::proptest! {
        #[test]
        fn damaged_files_are_errors_and_no_panic(
            flips in proptest::collection::vec((0usize..1000, 0u8..), 0..12),
            cut in 0usize..1000,
            implicit in proptest::bool::ANY,
        ) {
            let syntax = if implicit { IMPLICIT } else { EXPLICIT };
            let mut bytes = File { syntax, ..File::default() }.bytes();
            for (at, value) in flips {
                let at = PREAMBLE + at % (bytes.len() - PREAMBLE);
                bytes[at] = value;
            }
            bytes.truncate(bytes.len() - cut % bytes.len());
            let _ = values(bytes);
        }
    }
}
