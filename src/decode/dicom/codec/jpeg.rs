//! JPEG of one gray component: 8 bits by the decoder of pictures; lossless, and 12 bits, by [`crate::decode::jpeg`].

use super::super::syntax::UNCOMPRESSED_ADVICE;
use super::frame::{Frame, Samples};
use crate::decode::jpeg::{self, Host};
use crate::decode::raster;
use crate::error::{Error, Result};

const HOST: Host = Host { name: "DICOM (JPEG)", advice: UNCOMPRESSED_ADVICE };

/// Decodes a frame.
pub(super) fn decode(bytes: &[u8], frame: Frame) -> Result<Samples> {
    let accept = |width, height, components| {
        let [width, height, components] = [width, height, components].map(|number: usize| number as u64);
        frame.check(HOST.name, width, height, components)
    };
    match jpeg::decode(bytes, HOST, accept)? {
        Some(image) => Ok(Samples { values: image.values, precision: image.precision }),
        None => picture(bytes, frame),
    }
}

/// Eight bits, by the decoder of pictures.
fn picture(bytes: &[u8], frame: Frame) -> Result<Samples> {
    let levels = raster::gray_jpeg(bytes, frame.width, frame.height).map_err(|error| match error {
        Error::Unreadable { reason, .. } => Error::Unreadable { format: HOST.name, reason },
        other => other,
    })?;
    Ok(Samples { values: levels.into_iter().map(u16::from).collect(), precision: 8 })
}
