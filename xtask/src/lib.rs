//! What `cargo xtask` does, for its command line and for the commands that need many crates (tools/).

pub mod bench;
pub mod command;
pub mod fuzz;
pub mod inside;
pub mod install;
pub mod licences;
pub mod places;
pub mod process;
pub mod published;
pub mod python;
pub mod serve;
pub mod setup;
pub mod supply;
pub mod test;
pub mod toolchain;
pub mod tools;
pub mod variant;
pub mod wasm;
