//! The page's module: what it is called, for which target it is compiled, and in which variants. Builds nothing.

use std::path::PathBuf;
use std::process::Command;

use crate::places::{root, target};

/// The target that browsers run.
pub const TARGET: &str = "wasm32-unknown-unknown";
pub const NAME: &str = "lungglass";
/// The package that the module is made of.
pub const PACKAGE: &str = "lungglass-web";

/// What is compiled small, a configuration of cargo.
const PROFILE: &str = ".cargo/page.toml";

/// What a browser's processor instructions allow; all browsers with SIMD run the first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    Simd,
    /// With relaxed SIMD, whose multiply-add rounds once where the processor has such an instruction.
    Relaxed,
}

impl Variant {
    pub const ALL: [Variant; 2] = [Variant::Simd, Variant::Relaxed];

    /// The published module, in www/pkg.
    pub fn file(self) -> &'static str {
        match self {
            Variant::Simd => "lungglass_bg.wasm",
            Variant::Relaxed => "lungglass_relaxed_bg.wasm",
        }
    }

    /// The folder of its own in which cargo compiles it, so that one does not replace the other.
    fn folder(self) -> PathBuf {
        match self {
            Variant::Simd => target(),
            Variant::Relaxed => target().join("relaxed"),
        }
    }

    /// What rustc is told beside the flags of .cargo/config.toml.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Variant::Simd => &[],
            Variant::Relaxed => &["-Ctarget-feature=+relaxed-simd"],
        }
    }

    /// Has a cargo compile everything for this variant.
    pub fn choose(self, cargo: &mut Command) {
        cargo.arg("--target-dir").arg(self.folder());
        cargo.arg("--config").arg(root().join(PROFILE));
        if !self.flags().is_empty() {
            // Added to the flags of .cargo/config.toml. A TOML array is quoted as Rust quotes one.
            cargo.arg("--config").arg(format!("target.{TARGET}.rustflags = {:?}", self.flags()));
        }
    }

    /// What cargo compiles, with the names of its functions; the published module is made from it.
    pub fn compiled(self) -> PathBuf {
        self.folder().join(TARGET).join("release/lungglass_web.wasm")
    }
}
