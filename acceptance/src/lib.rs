//! What labelled slices say of a network: [measures](metrics) with intervals, a site's [acceptance test](mod@test), and the
//! [control charts](charts) that follow it. The command and the page share it. It knows no file, no clock and no browser, and of a slice
//! neither its image nor whose it is.

pub mod baseline;
pub mod charts;
pub mod document;
pub mod drift;
pub mod figures;
pub mod html;
pub mod look;
pub mod metrics;
pub mod row;
#[cfg(target_arch = "wasm32")]
mod serial;
pub mod test;
pub mod triage;
pub mod watch;
