//! The `lungglass` command: the same pipeline without a browser, for scripts, batches and validation next to training.
//!
//! It owns the command line, files, threads and clocks; what becomes of a slice is the library's.
#![cfg(not(target_arch = "wasm32"))]

mod accept;
mod args;
mod bench;
mod classes;
mod classify;
mod compare;
mod day;
mod doctor;
mod earlier;
mod failure;
mod folder;
mod groups;
mod inputs;
mod labelled;
mod listed;
mod manifest;
mod merge;
mod missing;
mod network;
mod objects;
mod output;
mod page;
mod partial;
mod predictions;
mod preprocess;
mod reading;
mod recalibrate;
mod report;
mod serve;
pub mod session;
mod studies;
mod summary;
mod table;
mod tell;
mod validate;
mod verify;
mod watch;

use std::process::ExitCode;

use lungglass_acceptance::metrics;

use args::Command;

/// Does what the command line says.
///
/// Exit code 0 when all was read, 2 when some could not be, 1 for wrong usage.
pub fn run() -> ExitCode {
    let outcome = match args::parse() {
        Ok(Command::Classify(arguments)) => classify::run(&arguments),
        Ok(Command::Validate(arguments)) => validate::run(&arguments),
        Ok(Command::Accept(arguments)) => accept::run(&arguments),
        Ok(Command::Recalibrate(arguments)) => recalibrate::run(&arguments),
        Ok(Command::Merge(arguments)) => merge::run(&arguments),
        Ok(Command::Compare(arguments)) => compare::run(&arguments),
        Ok(Command::Watch(arguments)) => watch::run(&arguments),
        Ok(Command::Preprocess(arguments)) => preprocess::run(&arguments),
        Ok(Command::Serve(arguments)) => serve::run(&arguments),
        Ok(Command::Doctor(arguments)) => doctor::run(&arguments),
        Ok(Command::Bench(arguments)) => bench::run(&arguments),
        Ok(Command::Check(arguments)) => folder::check(&arguments),
        Ok(Command::Init(arguments)) => folder::init(&arguments),
        Ok(Command::Pack(arguments)) => folder::pack(&arguments),
        Ok(Command::Publish(arguments)) => folder::publish(&arguments),
        Ok(Command::Verify(arguments)) => verify::run(&arguments),
        Err(code) => return code,
    };
    outcome.map_or_else(
        |failure| {
            tell::tell!("{failure}");
            1.into()
        },
        Into::into,
    )
}
