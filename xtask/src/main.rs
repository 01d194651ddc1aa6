//! `cargo xtask`: what a developer does with this repository beyond `cargo build`. This file owns the command line and nothing else.

use std::ffi::OsString;
use std::iter;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xtask::{bench, command, fuzz, inside, serve, setup, test, toolchain, tools, wasm};

/// Builds, serves and tests LungGlass.
///
/// LUNGGLASS_MODEL=DIR before build, serve or test takes a model folder, or a packed model, in place of the network of model/.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Get what building and testing need and this machine lacks: the wasm32 target, Chromium with its driver, Firefox, WebKit, Node.js, a GPU driver, rustfmt and clippy.
    ///
    /// The wasm32 target comes from rustup. Where rustup cannot download, it is made from the source of std that Debian packages.
    /// Nothing is installed that is already there. Without root the commands that need it are printed.
    Setup,
    /// Build the page's modules, www/pkg/lungglass.js with lungglass_bg.wasm and lungglass_relaxed_bg.wasm (for browsers with relaxed SIMD), and
    /// the list of what is published, www/pkg/build.js. With LUNGGLASS_MODEL the command too, target/release/lungglass.
    Build,
    /// Build the page's module and serve www/ on 127.0.0.1.
    ///
    /// On a fresh clone the page is there with the module that every browser runs; the one with relaxed SIMD comes while it is served.
    Serve {
        /// The port to listen on.
        #[arg(long, default_value_t = 8080)]
        port: u16,
    },
    /// Build the page as one HTML file that opens from a disk, needs no server and no network. The last word is its path.
    Kiosk {
        /// Start with a site's operating point: the settings file that `lungglass accept` wrote.
        #[arg(long, value_name = "FILE")]
        operating_point: Option<PathBuf>,
    },
    /// Check format and lints, and test everywhere: the library and the command natively, the library in headless Chromium, the page end to end.
    ///
    /// With LUNGGLASS_MODEL it checks that folder, and that page and command with this network inside read its samples, and nothing else: the
    /// suites hold what our own network gives.
    Test {
        /// Run the slow tests too, those marked #[ignore].
        #[arg(long)]
        all: bool,
    },
    /// Measure the whole way from files to results on the screen against the command; the forward pass and the start against ONNX Runtime Web,
    /// tfjs-backend-wasm and LiteRT.js (XNNPACK) in turn, the parts of a reading, workers, memory and the limits of this machine in wasm; natively
    /// against onnxruntime.
    ///
    /// The peers come from npm into tests/bench. LUNGGLASS_PYTHON names a Python with onnxruntime if `python3` has none. Close what else
    /// runs: a busy machine moves times, and ratios a little.
    Bench {
        /// Write all samples to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Measure in Firefox too.
        #[arg(long)]
        firefox: bool,
        /// Rounds that are kept, after the warm-up.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Measure the way from files to results alone: a round of it for each 20 rounds.
        #[arg(long)]
        way: bool,
    },
    /// Read thousands of slices in one page in Chromium, one in ten broken: what it holds and how fast it stays. Fails if a result is missing.
    Soak {
        /// How many, in thousands.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1000..))]
        slices: u32,
        /// Write all figures to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Build the page's module and print what a first visit loads, in bytes of brotli -q 9, and the code by crate.
    Size {
        /// Print one JSON object, and nothing else on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Read the test slices on every runtime that is to be had here (CPU, GPU, browsers, ONNX Runtime) and print how far they are apart.
    Parity,
    /// Build what is handed out into dist/release: the page, the kiosk, the command, with SHA256SUMS, bills of materials (CycloneDX),
    /// licences, provenance (in-toto, SLSA) and the manifest that `lungglass verify` reads.
    ///
    /// It is built in a target folder of its own, with the paths of this machine taken out, so that the same source gives the same bytes
    /// with the same compiler.
    Release {
        /// Build the committed state a second time on another path, from nothing, and fail if a hash differs.
        #[arg(long)]
        twice: bool,
        /// Sign it with this secret key of minisign; a password of it is taken from LUNGGLASS_KEY_PASSWORD.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Rewrite the expected outputs of the cases under tests/ from what the code gives now. Read the difference before you commit it.
    Bless,
    /// Feed damaged files to every reader, guided by coverage, at idle priority; write what came of it into
    /// tests/fuzz/LOG.md. What breaks a reader is kept in tests/fuzz/found.
    Fuzz {
        /// One target only.
        target: Option<String>,
        /// Minutes for each target.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// Targets at once.
        #[arg(long, default_value = "1")]
        jobs: NonZeroUsize,
        /// Do not fuzz, but read all that was gathered so far in headless Chromium.
        #[arg(long, conflicts_with_all = ["target", "minutes", "jobs"])]
        browser: bool,
    },
    /// Run the kernels and the readers under AddressSanitizer.
    Asan,
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    let takes_any = matches!(task, Task::Setup | Task::Build | Task::Serve { .. } | Task::Test { .. });
    if let Some(code) = inside::again(takes_any)? {
        return Ok(code);
    }
    match task {
        Task::Setup => setup::everything()?,
        Task::Build => {
            wasm::build(&toolchain::obtain()?)?;
            if inside::is_named() {
                println!("{}", command::build()?.display());
            }
        }
        Task::Serve { port } => serve::page(port)?,
        Task::Kiosk { operating_point } => {
            let point = operating_point.map(std::path::absolute).transpose()?;
            let given = point.iter().flat_map(|path| ["--operating-point".into(), path.clone().into_os_string()]);
            tools::run(&iter::once("kiosk".into()).chain(given).collect::<Vec<OsString>>())?;
        }
        // It has said by itself what failed: nothing may follow its last line.
        Task::Test { .. } if inside::is_named() && !test::inside() => return Ok(ExitCode::FAILURE),
        Task::Test { .. } if inside::is_named() => {}
        Task::Test { all } if !test::everything(all) => return Ok(ExitCode::FAILURE),
        Task::Test { .. } => {}
        Task::Bench { json, firefox, rounds, way } => bench::run(json.as_deref(), firefox, rounds, way)?,
        Task::Size { json: true } => tools::run(&["size", "--json"])?,
        Task::Size { json: false } => tools::run(&["size"])?,
        Task::Parity => tools::run(&["parity"])?,
        Task::Soak { slices, json } => test::soak(slices, json.as_deref())?,
        Task::Release { twice, key } => {
            // The tools run in the root of the repository.
            let key = key.map(std::path::absolute).transpose()?;
            let key = key.as_ref().map(|path| path.to_str().context("the path of the key is not UTF-8")).transpose()?;
            let mut arguments = vec!["release"];
            arguments.extend(twice.then_some("--twice"));
            arguments.extend(key.map(|key| ["--key", key]).into_iter().flatten());
            tools::run(&arguments)?;
        }
        Task::Bless => test::bless()?,
        Task::Fuzz { browser: true, .. } => test::corpus()?,
        Task::Fuzz { target, minutes, jobs, .. } => fuzz::run(target.as_deref(), minutes, jobs)?,
        Task::Asan => fuzz::sanitize()?,
    }
    Ok(ExitCode::SUCCESS)
}
