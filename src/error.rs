//! What can go wrong between bytes and a reading, in kinds that a user can act on.

/// An error that the user sees: `Display` says what is wrong and what to do, [`Error::code`] is for programs.
///
/// The name of the file is not part of it: the host that knows the name puts it in front.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The bytes are of no format that LungGlass knows.
    #[error("this is not an image that LungGlass knows; give it a {FORMATS} file, or a ZIP archive of them")]
    NotAnImage,
    /// A DICOM object that holds no image: a report, a plan, a directory.
    #[error("this DICOM object holds no image; choose the image objects of the study, not its reports or plans")]
    NoPixels,
    /// An archive without an image; the number of its other entries.
    #[error("this archive {}; give it one with {FORMATS} files", without_images(*.others))]
    NoImages {
        /// Entries that are no images.
        others: usize,
    },
    /// The file is not there or may not be read.
    #[error("the file cannot be opened: {0}")]
    Io(String),
    /// The format is known, its content is damaged or makes no sense.
    #[error("the {format} data cannot be read: {reason}; export the slice again from its source")]
    Unreadable {
        /// What it is: "PNG", "DICOM" and so on.
        format: &'static str,
        /// What is damaged.
        reason: String,
    },
    /// Reading it would take more than [`Limits`](crate::decode::Limits) allows. Nothing was allocated.
    #[error("{what} is {}more than the limit of {limit}; export it smaller", .value.map(|value| format!("{value}, ")).unwrap_or_default())]
    TooLarge {
        /// The part that is too large, as the text names it.
        what: &'static str,
        /// `None` where a decoder says only that it is too much.
        value: Option<u64>,
        /// The most that may be.
        limit: u64,
    },
    /// A valid file that uses something LungGlass cannot decode.
    #[error("{what} is not supported; {advice}")]
    Unsupported {
        /// What it uses.
        what: String,
        /// What to do instead.
        advice: &'static str,
    },
    /// The network or its model.toml is damaged or does not fit.
    #[error("the model cannot be used: {0}")]
    Model(String),
    /// A caller asked for what does not exist.
    #[error("{0}")]
    Argument(String),
    /// The slice that every host reads to try itself gave another reading than the stored one.
    #[error(
        "this machine computes wrongly: the built-in test slice gave {found} where {expected} is right; use no reading of this run, and have the machine looked at"
    )]
    SelfTest {
        /// What it gave.
        found: f32,
        /// What it must give.
        expected: f32,
    },
    /// A fault of LungGlass itself.
    #[error("LungGlass failed: {0}; please report it")]
    Internal(String),
}

/// What an archive holds that has no image.
fn without_images(others: usize) -> String {
    match others {
        0 => "holds no file".to_string(),
        1 => "holds no image that LungGlass knows, only one other file".to_string(),
        _ => format!("holds no image that LungGlass knows, only {others} other files"),
    }
}

/// The formats of [`Error::NotAnImage`]'s advice.
const FORMATS: &str = "PNG, JPEG, BMP, GIF, TIFF, WebP, NIfTI, MetaImage, NRRD or DICOM";

impl Error {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Error::NotAnImage => "not_an_image",
            Error::NoPixels => "no_pixels",
            Error::NoImages { .. } => "no_images",
            Error::Io(_) => "io",
            Error::Unreadable { .. } => "unreadable",
            Error::TooLarge { .. } => "too_large",
            Error::Unsupported { .. } => "unsupported",
            Error::Model(_) => "model",
            Error::Argument(_) => "argument",
            Error::SelfTest { .. } => "self_test",
            Error::Internal(_) => "internal",
        }
    }
}

/// A [`Result`](std::result::Result) with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
