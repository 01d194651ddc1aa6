//! The program `lungglass`.

/// Whether standard output was closed when the program began. Rust's runtime opens what is closed as /dev/null, and results that are
/// written there would be lost without a word: so this is asked before the runtime starts.
#[cfg(target_os = "linux")]
mod closed {
    use std::sync::atomic::{AtomicBool, Ordering};

    static STANDARD_OUTPUT: AtomicBool = AtomicBool::new(false);

    // The loader calls what this section lists before `main`.
    #[used]
    #[allow(
        unsafe_code,
        reason = "nothing safe runs before the runtime; the function takes and gives nothing, and cannot panic"
    )]
    // SAFETY: the section holds pointers to functions of this type, which the C runtime calls once.
    #[unsafe(link_section = ".init_array")]
    static ASK: extern "C" fn() = ask;

    extern "C" fn ask() {
        let is_closed = matches!(rustix::io::fcntl_getfd(std::io::stdout()), Err(rustix::io::Errno::BADF));
        STANDARD_OUTPUT.store(is_closed, Ordering::Relaxed);
    }

    pub fn standard_output() -> bool {
        STANDARD_OUTPUT.load(Ordering::Relaxed)
    }
}

/// Elsewhere nobody can tell.
#[cfg(not(any(target_os = "linux", target_arch = "wasm32")))]
mod closed {
    pub fn standard_output() -> bool {
        false
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    if closed::standard_output() {
        eprintln!(
            "lungglass: standard output is closed, and results could not be written there; open it, or send it to /dev/null"
        );
        return 1.into();
    }
    lungglass_command::run()
}

/// `wasm-pack test` builds all that `cargo build` does; the command has no place in a browser.
#[cfg(target_arch = "wasm32")]
fn main() {}
