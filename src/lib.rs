//! LungGlass reads chest-CT slices on the device that holds them.
//!
//! Data flows one way, and every host (the page, the command, the tests) takes the same way:
//!
//! ```text
//! bytes --decode--> Slice --window--> Picture --preprocess--> input --graph--> Outputs --gate, reading--> Reading
//! ```
//!
//! [`study`] puts the readings of a series together.
//!
//! [`classifier`] is that way in one function. The core knows no browser, no file system and no clock: a host gives bytes, a name and a clock.
//!
//! ```
//! use lungglass::classifier::Classifier;
//! use lungglass::decode::{Image, Limits};
//!
//! let bytes = std::fs::read("tests/cases/lidc-lung-window/input.png").expect("it lies in the repository");
//! let classifier = Classifier::built_in("cpu", || 0.0)?;
//! let image = Image::open(bytes, Limits::default())?;
//! let reading = classifier.read(&image, 0, "slice.png");
//! assert!(reading.error.is_none());
//! println!("{}: {:?}", reading.verdict.word(), reading.score);
//! # Ok::<(), lungglass::error::Error>(())
//! ```
#![warn(missing_docs)]

pub mod aside;
pub mod classifier;
pub mod decode;
pub mod error;
pub mod gate;
pub mod geometry;
pub mod graph;
pub mod hash;
pub mod identity;
pub mod likeness;
pub mod model;
pub mod objects;
pub mod opacity;
pub mod operating_point;
pub mod outputs;
pub mod package;
pub mod place;
pub mod preprocess;
pub mod reading;
pub mod self_test;
pub mod slice;
pub mod study;
pub mod window;
