//! Embeds the page in the command: the files that www/pkg/build.js lists, which `cargo xtask build` writes. Without that list, or where
//! it no longer fits the files, the command is built without the page and says so when it is asked for it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const LIST: &str = "www/pkg/build.js";
/// The page in one file, which `cargo xtask kiosk` writes; it names the build that it is of.
const KIOSK: &str = "dist/lungglass-kiosk.html";
/// What is published besides the files in the list.
const UNLISTED: [&str; 2] = ["pkg/build.js", "service-worker.js"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = package.parent().expect("the package lies in the repository");
    // The list changes with every file in it. While there is none, its folder's parent changes when it comes.
    let watched = root.join(if root.join(LIST).exists() { LIST } else { "www" });
    println!("cargo:rerun-if-changed={}", watched.display());
    let files = page(root).unwrap_or_else(|missing| {
        if let Some(path) = missing {
            println!("cargo:warning=the page is left out: {path} is not what {LIST} says; run cargo xtask build");
        }
        Vec::new()
    });
    let entries = files.iter().map(|(path, file)| format!("    ({path:?}, include_bytes!({file:?})),\n"));
    let table = format!("&[\n{}]\n", entries.collect::<String>());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("page.rs");
    fs::write(&out, table).expect("OUT_DIR can be written");
    let kiosk = root.join(KIOSK);
    let watched = if kiosk.exists() { KIOSK } else { "dist" };
    if root.join(watched).exists() {
        println!("cargo:rerun-if-changed={}", root.join(watched).display());
    }
    let entry = match kiosk_of(root, &kiosk) {
        Some(()) => format!("Some(include_bytes!({kiosk:?}))"),
        None => "None".to_owned(),
    };
    fs::write(out.with_file_name("kiosk.rs"), entry).expect("OUT_DIR can be written");
}

/// Something if there is a kiosk of the very page that is embedded.
fn kiosk_of(root: &Path, kiosk: &Path) -> Option<()> {
    let list = fs::read_to_string(root.join(LIST)).ok()?;
    let id = list.split_once("\"id\": \"")?.1.split('"').next()?;
    fs::read_to_string(kiosk).ok()?.contains(&format!("data-build=\"{id}\"")).then_some(())
}

/// The path of each published file and where it lies. Err with the path of a file that does not fit, or with None where no page was built.
fn page(root: &Path) -> Result<Vec<(String, PathBuf)>, Option<String>> {
    let list = fs::read_to_string(root.join(LIST)).map_err(|_| None)?;
    // Lines such as `    "app.js": {"size": 6781, "sha256": "..."},`
    let listed = list.lines().filter_map(|line| {
        let (path, rest) = line.trim().strip_prefix('"')?.split_once("\": {\"size\": ")?;
        Some((path, Some(rest.split(',').next()?.parse::<u64>().ok()?)))
    });
    let unlisted = UNLISTED.iter().map(|path| (*path, None));
    listed
        .chain(unlisted)
        .map(|(path, size)| {
            let file = root.join("www").join(path);
            let found = fs::metadata(&file).map(|metadata| metadata.len()).ok();
            let fits = found.is_some() && size.is_none_or(|size| found == Some(size));
            if fits { Ok((path.to_owned(), file)) } else { Err(Some(path.to_owned())) }
        })
        .collect()
}
