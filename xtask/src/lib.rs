//! What `cargo xtask` does, for its command line and for the commands that need many crates (tools/).

pub mod bench;
pub mod command;
pub mod fuzz;
mod install;
pub mod licences;
pub mod parity;
pub mod places;
pub mod process;
pub mod published;
mod python;
pub mod serve;
pub mod setup;
mod supply;
pub mod test;
pub mod toolchain;
pub mod tools;
pub mod variant;
pub mod wasm;
