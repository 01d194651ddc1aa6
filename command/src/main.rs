//! The program `lungglass`.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    lungglass_command::run()
}

/// `wasm-pack test` builds all that `cargo build` does; the command has no place in a browser.
#[cfg(target_arch = "wasm32")]
fn main() {}
