//! The commands of `cargo xtask` that need many crates: the kiosk, the comparison of runtimes, the release, the report of sizes, and the
//! runner of tests in a browser. xtask builds this when one of them is called, so that nothing else waits for it. This file owns its
//! command line and nothing else.

mod kiosk;
mod parity;
mod point;
mod release;
mod size;

use std::ffi::OsString;
use std::iter;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args;
use xtask::{toolchain, wasm};

/// Called by `cargo xtask`, which explains the commands.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the page alone.
    Page,
    /// Build the page as one HTML file. The last word is its path.
    Kiosk {
        /// What a site's acceptance test gave, to start with.
        #[arg(long)]
        operating_point: Option<PathBuf>,
    },
    /// Read the test slices on every runtime that is to be had here, and print how far they are apart.
    Parity,
    /// Build dist/release.
    Release {
        /// Build the committed state a second time on another path, from nothing, and fail if a hash differs.
        #[arg(long)]
        twice: bool,
        /// Sign it with this secret key of minisign.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Build the page and print what a first visit loads.
    Size {
        /// Print one JSON object, and nothing else on standard output.
        #[arg(long)]
        json: bool,
    },
    /// The runner that cargo calls for each test binary of wasm32.
    WasmTestRunner {
        /// The path of the test binary, and the arguments of the test harness.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    match task {
        Task::Page => wasm::build(&toolchain::obtain()?),
        Task::Kiosk { operating_point } => {
            // What is wrong with it is said before a build of minutes.
            let point = operating_point.as_deref().map(point::read).transpose()?;
            wasm::build(&toolchain::obtain()?)?;
            println!("{}", kiosk::write(point.as_deref())?.display());
            Ok(())
        }
        Task::Parity => parity::everything(),
        Task::Release { twice, key } => release::write(twice, key.as_deref()),
        Task::Size { json } => size::print(json),
        Task::WasmTestRunner { arguments } => {
            run_cli_with_args(iter::once(OsString::from("wasm-bindgen-test-runner")).chain(arguments))
        }
    }
}
