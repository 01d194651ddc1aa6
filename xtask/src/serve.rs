//! `cargo xtask serve`: the page on the loopback, as soon as it can be used.

use anyhow::Result;
use lungglass_server::{Folder, Server};

use crate::places::root;
use crate::variant::Variant;
use crate::{toolchain, wasm};

/// Builds the page and serves it on `port`. Where nothing was built yet, it serves the module that runs in every browser, and compiles the
/// one with relaxed SIMD meanwhile.
///
/// # Errors
/// When the port is taken, the module cannot be built, or the server ends.
pub fn page(port: u16) -> Result<()> {
    // The port comes first: if it is taken, that is said before a build of minutes, not after.
    let listener = lungglass_server::listen(port)?;
    step(1, "finding a compiler for wasm32");
    let toolchain = toolchain::obtain()?;
    step(2, "compiling the page's module (minutes the first time, then seconds)");
    wasm::compile(&toolchain, Variant::Simd)?;
    step(3, "writing its bindings, the licences and the list of what is published");
    wasm::bind(Variant::Simd)?;
    // What is there of the second module fits the first, and cargo has nothing to compile.
    let complete = wasm::is_bound(Variant::Relaxed);
    if complete {
        wasm::compile(&toolchain, Variant::Relaxed)?;
        wasm::publish(&Variant::ALL)?;
    } else {
        wasm::publish(&[Variant::Simd])?;
    }
    step(4, "serving www/ until you stop it");
    let server = Server::start(listener, Folder::new(&root().join("www"))?)?;
    println!("{}", server.url());
    if !complete {
        println!("The page can be used. The module for browsers with relaxed SIMD is being compiled behind it.");
        match wasm::compile_behind(&toolchain, Variant::Relaxed).and_then(|()| wasm::publish(&Variant::ALL)) {
            Ok(()) => println!("The module with relaxed SIMD is there: load the page again to use it."),
            Err(error) => eprintln!("error: {error:#}\nThe page does without relaxed SIMD."),
        }
        println!("{}", server.url());
    }
    Err(server.wait().into())
}

/// A server of www/ on any free port, for tests.
pub fn on_free_port() -> Result<Server> {
    Ok(Server::start(lungglass_server::listen(0)?, Folder::new(&root().join("www"))?)?)
}

fn step(number: u32, what: &str) {
    const STEPS: u32 = 4;
    println!("[{number}/{STEPS}] {what}");
}
