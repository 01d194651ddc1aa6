//! A release: everything that is handed out, built so that the same source gives the same bytes on any path, with hashes, bills of
//! materials, licences and provenance beside it, signed where the builder has a key.

mod audit;
mod bill;
mod manifest;
mod pack;
mod provenance;
mod signing;

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

use xtask::places::{root, target};
use xtask::published::{self, File};
use xtask::variant::{NAME, PACKAGE, TARGET};
use xtask::{command, licences, process, supply};

use manifest::Network;
use provenance::Build;
use signing::Signer;

const FOLDER: &str = "dist/release";
const SUMS: &str = "SHA256SUMS";

/// Builds the release in dist/release, and signs it with a key of minisign where one is named; with `twice`, builds it a second time from a
/// copy on another path, and compares the two.
pub fn write(twice: bool, key: Option<&Path>) -> Result<()> {
    // Before an hour of building.
    let signer = key.map(Signer::open).transpose()?;
    let sums = build(signer.as_ref())?;
    print!("{sums}");
    println!("{FOLDER}: {} files", sums.lines().count());
    match &signer {
        Some(signer) => println!(
            "signed with the key whose public part is {}: give it out by another way than the files",
            signer.public()?
        ),
        None => println!("NOT SIGNED: no --key was named"),
    }
    if twice { compare(&sums) } else { Ok(()) }
}

/// Writes the files and gives the text of SHA256SUMS.
fn build(signer: Option<&Signer>) -> Result<String> {
    let host = process::host()?;
    let own = target().join("release-build");
    let flags = env_of(&host, &own)?;
    let with_flags = |mut command: Command| {
        command.envs(flags.iter().map(|(name, value)| (name, value)));
        command
    };
    // The page first: the command holds it.
    let ship = env::current_exe().context("cannot find the running program")?;
    let mut kiosk = with_flags(process::command(ship));
    process::run(kiosk.arg("kiosk"))?;
    let mut command = with_flags(audit::cargo()?);
    // The names of local symbols depend on the path of the build, and nothing that runs does: they are left out.
    command.args([
        "rustc",
        "--release",
        "--locked",
        "--package",
        command::PACKAGE,
        "--bin",
        NAME,
        "--",
        "-Cstrip=symbols",
    ]);
    process::run(&mut command)?;

    let version = published::version()?;
    let stem = format!("{NAME}-{version}");
    let page = page()?;
    let program = own.join("release").join(format!("{NAME}{}", env::consts::EXE_SUFFIX));
    let kiosk = read("dist/lungglass-kiosk.html")?;
    let manifest = manifest_of(&version, &page, &kiosk)?;
    let [kiosk_name, manifest_name] = [format!("{stem}-kiosk.html"), format!("{stem}-page.manifest.json")];
    let command = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    let mut files = vec![
        (format!("{stem}-page.tar.gz"), archive(&stem, &page)?),
        (kiosk_name.clone(), kiosk),
        (manifest_name.clone(), manifest),
        (format!("{stem}-page.webcat.json"), manifest::webcat(&version, &page)?),
    ];
    let mut components = Vec::new();
    for (what, package, triple) in [("page", PACKAGE, TARGET), ("command", command::PACKAGE, host.as_str())] {
        let crates = licences::crates(package, triple)?;
        if package == command::PACKAGE {
            audit::check(&command, &crates)?;
        }
        // And the network.
        components.push((what, crates.len() + 1));
        files.push((format!("{stem}-{what}.cdx.json"), bill::write(&format!("{NAME}-{what}"), &version, &crates)?));
        files.push((format!("{stem}-{what}-licences.txt"), licences::text(what, &crates)?.into_bytes()));
    }
    files.push((format!("{stem}-{host}{}", env::consts::EXE_SUFFIX), command));
    let pack = pack::write(&pack::Facts::here(&version, &components)?, supply::advisories()?.as_deref())?;
    files.extend(pack.into_iter().map(|(name, bytes)| (format!("{stem}-{name}"), bytes)));
    files.sort();
    let hashes: Vec<_> = files.iter().map(|(name, bytes)| (name.clone(), hexadecimal(bytes))).collect();
    let provenance = format!("{stem}.intoto.json");
    files.push((provenance.clone(), provenance::statement(&hashes, &version, &Build::here(&host)?)?));

    let folder = root().join(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {FOLDER}"))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
    let write =
        |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).with_context(|| format!("cannot write {name}"));
    let mut sums = String::new();
    for (name, bytes) in &files {
        sums += &format!("{}  {name}\n", hexadecimal(bytes));
        write(name, bytes)?;
    }
    write(SUMS, sums.as_bytes())?;
    // Signatures are not among the hashes: two of one file differ.
    if let Some(signer) = signer {
        for name in [SUMS, &kiosk_name, &manifest_name, &provenance] {
            let bytes = fs::read(folder.join(name)).with_context(|| format!("cannot read {name}"))?;
            write(&format!("{name}.minisig"), signer.sign(name, &bytes)?.as_bytes())?;
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder.join(format!("{stem}-{host}")), fs::Permissions::from_mode(0o755))?;
    }
    check(&program, &folder, &kiosk_name, &manifest_name, signer)?;
    Ok(sums)
}

/// Whether the command of this release knows it.
fn check(program: &Path, folder: &Path, kiosk: &str, manifest: &str, signer: Option<&Signer>) -> Result<()> {
    let verify = |target: &Path| {
        let mut command = process::command(program);
        command.arg("verify").arg(target);
        command
    };
    process::run(&mut verify(&folder.join(kiosk)))?;
    process::run(verify(&folder.join(kiosk)).arg("--manifest").arg(folder.join(manifest)))?;
    if let Some(signer) = signer {
        process::run(verify(folder).args(["--key", &signer.public()?]))?;
    }
    Ok(())
}

fn manifest_of(version: &str, page: &[File], kiosk: &[u8]) -> Result<Vec<u8>> {
    let [onnx, settings, packed] =
        ["lungglass.onnx", "model.toml", "lungglass.pack"].map(|name| read(&format!("model/{name}")));
    let (onnx, settings, packed) = (onnx?, settings?, packed?);
    let words = bill::Settings::read()?;
    let network =
        Network { name: &words.name, version: &words.version, onnx: &onnx, settings: &settings, packed: &packed };
    ensure!(hexadecimal(&onnx) == words.sha256, "model/lungglass.onnx is not the network that model/model.toml names");
    manifest::write(version, page, kiosk, &network)
}

/// A file of the repository.
fn read(path: &str) -> Result<Vec<u8>> {
    fs::read(root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// The SHA-256, in lower-case hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// What is published, the list of it too.
fn page() -> Result<Vec<File>> {
    let folder = root().join("www");
    let mut files = published::files(&folder)?;
    let list = fs::read(folder.join(published::LIST)).context("the page was not built")?;
    files.push(File { path: published::LIST.to_owned(), bytes: list });
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// One folder of files, without times and owners.
fn archive(folder: &str, files: &[File]) -> Result<Vec<u8>> {
    let mut packer = tar::Builder::new(GzBuilder::new().mtime(0).write(Vec::new(), Compression::best()));
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(0o644);
        packer.append_data(&mut header, format!("{folder}/{}", file.path), &file.bytes[..])?;
    }
    let mut gzip = packer.into_inner()?;
    gzip.flush()?;
    Ok(gzip.finish()?)
}

/// The variables of a build that holds no path of this machine: messages of panics name the files that they come from. cargo adds these
/// flags to those of .cargo/config.toml.
fn env_of(host: &str, own: &Path) -> Result<Vec<(String, String)>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo"))).context("cannot find the home of cargo")?;
    // rustc takes the last that fits: the target folder lies in the root.
    let places = [(home.as_path(), "/cargo"), (root(), "/lungglass"), (own, "/target")];
    let flags =
        places.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).collect::<Vec<_>>();
    ensure!(
        flags.iter().all(|flag| !flag.contains(' ')),
        "a path with a space cannot be told to rustc: {}",
        flags.join(" ")
    );
    let mut variables = vec![("CARGO_TARGET_DIR".to_owned(), own.display().to_string())];
    for triple in [host, TARGET] {
        let name = format!("CARGO_TARGET_{}_RUSTFLAGS", triple.to_uppercase().replace('-', "_"));
        variables.push((name, flags.join(" ")));
    }
    // These would take the place of all other flags.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        ensure!(env::var_os(name).is_none(), "{name} is set: a release is built without it");
    }
    Ok(variables)
}

/// Builds the committed state in a folder of its own, with nothing that this one has built, and compares.
fn compare(first: &str) -> Result<()> {
    let folder = env::temp_dir().join(format!("lungglass-again-{}", std::process::id()));
    let changed = process::output(process::command("git").args(["status", "--porcelain"]))?;
    ensure!(changed.is_empty(), "the second build is of the committed state, and this tree has changes:\n{changed}");
    process::run(process::command("git").args(["clone", "--quiet", "--no-hardlinks", "."]).arg(&folder))?;
    let mut again = process::cargo();
    again.current_dir(&folder).env_remove("CARGO_TARGET_DIR").args(["xtask", "release"]);
    let built = process::run(&mut again);
    let second = fs::read_to_string(folder.join(FOLDER).join(SUMS));
    if built.is_ok() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    built?;
    let second = second.context("the second build left no hashes")?;
    let differing: Vec<_> = first.lines().filter(|line| !second.contains(line)).collect();
    if !differing.is_empty() || first.lines().count() != second.lines().count() {
        bail!("two builds of one source differ:\n{}", differing.join("\n"));
    }
    println!("two builds on two paths: {} files, all hashes equal", first.lines().count());
    Ok(())
}
