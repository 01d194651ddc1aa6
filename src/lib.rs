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
//! [`classifier`] is that way in one function. The core knows no browser, no file system and no clock.

pub mod classifier;
pub mod decode;
pub mod error;
pub mod gate;
pub mod graph;
pub mod hash;
pub mod model;
pub mod outputs;
pub mod preprocess;
pub mod reading;
pub mod slice;
pub mod study;
pub mod window;
