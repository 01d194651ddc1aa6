//! The page that the command holds inside; build.rs writes the table.

/// The files of the page by their path, if it was built before the command.
pub static PAGE: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The same page in one file, if that was built before the command too.
pub static KIOSK: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/kiosk.rs"));
