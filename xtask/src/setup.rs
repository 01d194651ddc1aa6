//! What this machine lacks for building and testing, and how to get it. The toolchain for wasm32 has its own module, [`crate::toolchain`].

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{install, process, toolchain};

/// A browser and the WebDriver server that belongs to it.
pub struct Browser {
    pub chromium: PathBuf,
    pub driver: PathBuf,
}

/// Gets everything that `cargo xtask test` needs.
pub fn everything() -> Result<()> {
    let toolchain = toolchain::obtain()?;
    println!("wasm32: {toolchain}");
    install::lints()?;
    println!("rustfmt and clippy: there");
    match toolchain.clippy()? {
        Some(_) => println!("clippy for wasm32: there"),
        None => println!("clippy for wasm32: not to be had here; the tests will say what they do not check"),
    }
    let browser = browser()?;
    println!("browser: {}, {}", browser.chromium.display(), browser.driver.display());
    match firefox() {
        Some(program) => println!("Firefox: {}", program.display()),
        None => println!("Firefox: not to be had here; its suite will be skipped"),
    }
    match webkit() {
        Some(program) => println!("WebKit: {}", program.display()),
        None => println!("WebKit: not to be had here; its suite will be skipped"),
    }
    println!("node: {}", node()?);
    match software_gpu()? {
        Some(driver) => println!("software GPU: {}", driver.display()),
        None => println!("software GPU: only on Linux; the tests take the GPU that is there"),
    }
    Ok(())
}

/// Mesa's Vulkan driver that computes on the CPU, so that tests of the GPU path run anywhere: what VK_DRIVER_FILES names, or Debian's.
/// None on systems that have their own way to a GPU.
pub fn software_gpu() -> Result<Option<PathBuf>> {
    if let Some(named) = named_by("VK_DRIVER_FILES") {
        return Ok(Some(named));
    }
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let driver = || {
        let files = fs::read_dir("/usr/share/vulkan/icd.d").ok()?;
        let mut paths = files.flatten().map(|file| file.path());
        paths.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lvp_icd")))
    };
    if driver().is_none() {
        install::debian("a software GPU", &["mesa-vulkan-drivers", "libvulkan1"])?;
    }
    driver()
        .context("no lvp_icd*.json in /usr/share/vulkan/icd.d: set VK_DRIVER_FILES to that of Mesa's lavapipe")
        .map(Some)
}

/// Firefox: the one that FIREFOX names, one on the PATH, or Debian's; none where it is not to be had.
pub fn firefox() -> Option<PathBuf> {
    let there = || named_by("FIREFOX").or_else(|| process::find(&["firefox-esr", "firefox"]));
    if there().is_none()
        && let Err(error) = install::debian("Firefox", &["firefox-esr"])
    {
        println!("{error:#}");
    }
    there()
}

/// The WebDriver server of WebKit, Safari's engine: the one that WEBKIT_DRIVER names, one on the PATH, or Debian's, with Xvfb as its screen;
/// none where it is not to be had.
pub fn webkit() -> Option<PathBuf> {
    let there = || named_by("WEBKIT_DRIVER").or_else(|| process::find(&["WebKitWebDriver"]));
    let has_screen = || env::var_os("DISPLAY").is_some() || process::find(&["Xvfb"]).is_some();
    if (there().is_none() || !has_screen())
        && let Err(error) = install::debian("WebKit or its screen", &["webkit2gtk-driver", "xvfb"])
    {
        println!("{error:#}");
    }
    there()
}

/// Programs of others that check DICOM objects: those on the PATH, or Debian's. Where they are not to be had, the tests that need them say so.
pub fn validators() {
    if process::find(&["dciodvfy"]).is_none() || process::find(&["dsrdump"]).is_none() {
        let installed = install::debian("dciodvfy or dsrdump", &["dicom3tools", "dcmtk"]);
        installed.unwrap_or_else(|error| println!("{error:#}"));
    }
}

/// Chromium or Chrome with its driver: those that CHROMIUM and CHROMEDRIVER name, or those on the PATH, or Debian's.
pub fn browser() -> Result<Browser> {
    let chromium =
        || named_by("CHROMIUM").or_else(|| process::find(&["chromium", "chromium-browser", "google-chrome"]));
    let driver = || named_by("CHROMEDRIVER").or_else(|| process::find(&["chromedriver"]));
    if chromium().is_none() || driver().is_none() {
        install::debian("Chromium with its driver", &["chromium", "chromium-driver"])?;
    }
    Ok(Browser {
        chromium: chromium().context("no Chromium: set CHROMIUM to the path of one")?,
        driver: driver().context("no chromedriver: set CHROMEDRIVER to the path of one")?,
    })
}

/// Node.js with npm; gives Node's version.
pub fn node() -> Result<String> {
    let mut missing = Vec::new();
    if process::find(&["node"]).is_none() {
        missing.push("nodejs");
    }
    if process::find(&["npm"]).is_none() {
        missing.push("npm");
    }
    if !missing.is_empty() {
        install::debian("Node.js with npm", &missing)?;
    }
    process::output(process::command("node").arg("--version"))
}

fn named_by(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from)
}
