//! The `lungglass` command: the same pipeline without a browser, for scripts, batches and validation next to training.

#[cfg(not(target_arch = "wasm32"))]
mod args;
#[cfg(not(target_arch = "wasm32"))]
mod bench;
#[cfg(not(target_arch = "wasm32"))]
mod classify;
#[cfg(not(target_arch = "wasm32"))]
mod compare;
#[cfg(not(target_arch = "wasm32"))]
mod doctor;
#[cfg(not(target_arch = "wasm32"))]
mod failure;
#[cfg(not(target_arch = "wasm32"))]
mod inputs;
#[cfg(not(target_arch = "wasm32"))]
mod labelled;
#[cfg(not(target_arch = "wasm32"))]
mod manifest;
#[cfg(not(target_arch = "wasm32"))]
mod merge;
#[cfg(not(target_arch = "wasm32"))]
mod network;
#[cfg(not(target_arch = "wasm32"))]
mod partial;
#[cfg(not(target_arch = "wasm32"))]
mod predictions;
#[cfg(not(target_arch = "wasm32"))]
mod preprocess;
#[cfg(not(target_arch = "wasm32"))]
mod reading;
#[cfg(not(target_arch = "wasm32"))]
mod report;
#[cfg(not(target_arch = "wasm32"))]
mod serve;
#[cfg(not(target_arch = "wasm32"))]
mod summary;
#[cfg(not(target_arch = "wasm32"))]
mod tell;
#[cfg(not(target_arch = "wasm32"))]
mod validate;

/// Exit code 0 when all was read, 2 when some could not be, 1 for wrong usage.
#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    use args::Command;

    let outcome = match args::parse() {
        Ok(Command::Classify(arguments)) => classify::run(&arguments),
        Ok(Command::Validate(arguments)) => validate::run(&arguments),
        Ok(Command::Merge(arguments)) => merge::run(&arguments),
        Ok(Command::Compare(arguments)) => compare::run(&arguments),
        Ok(Command::Preprocess(arguments)) => preprocess::run(&arguments),
        Ok(Command::Serve(arguments)) => serve::run(&arguments),
        Ok(Command::Doctor(arguments)) => doctor::run(&arguments),
        Ok(Command::Bench(arguments)) => bench::run(&arguments),
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

/// Test tools build every target of the package; the command has no place in a browser.
#[cfg(target_arch = "wasm32")]
fn main() {}
