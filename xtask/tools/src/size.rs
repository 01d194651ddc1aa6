//! What a first visit loads, in bytes after brotli, and where the code comes from.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use serde_json::json;
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

use xtask::places::root;
use xtask::process;
use xtask::variant::Variant;

/// The bounds of the design, in bytes.
const BOUND_TOTAL: usize = 3_000_000;
const BOUND_CODE: usize = 900_000;
/// As `brotli -q 9`, which takes the smallest window that holds the file, up to this one.
const QUALITY: i32 = 9;
const WIDEST_WINDOW: i32 = 24;
const NARROWEST_WINDOW: i32 = 10;
/// What the modules embed.
const NETWORK: &str = "model/lungglass.pack";
const ROWS: usize = 20;

/// Builds, then prints the sizes as a table, or as one JSON object.
pub fn print(json: bool) -> Result<()> {
    // Standard output is for the sizes alone: what building says goes to standard error.
    let ship = std::env::current_exe().context("cannot find the running program")?;
    let built = process::command(ship).arg("page").stdout(io::stderr()).status().context("cannot start the build")?;
    ensure!(built.success(), "the page's module could not be built");
    let sizes = Sizes::measure(&root().join("www"))?;
    let functions = functions(
        &fs::read(Variant::Relaxed.compiled()).context("cannot read the module before its names are removed")?,
    )?;
    let crates = by_crate(&functions);
    if json {
        let crates: BTreeMap<_, _> = crates.iter().map(|(name, bytes)| (name.as_str(), bytes)).collect();
        let modules: BTreeMap<_, _> = sizes
            .modules
            .iter()
            .map(|module| {
                (module.name.as_str(), json!({ "raw": module.raw, "code": module.code, "network": module.network }))
            })
            .collect();
        let report = json!({
            "code": sizes.code(),
            "network": sizes.network(),
            "page": sizes.page,
            "total": sizes.total(),
            "modules": modules,
            "crates": crates,
        });
        println!("{report:#}");
    } else {
        print!("{}", table(&sizes, &functions, &crates));
    }
    Ok(())
}

/// Sizes in bytes of brotli, file by file as a server sends them.
struct Sizes {
    modules: Vec<Module>,
    /// Everything published that is no module.
    page: usize,
}

/// One variant of the module.
struct Module {
    name: String,
    raw: usize,
    /// The module with the network cut out.
    code: usize,
    /// The network inside it, compressed by itself.
    network: usize,
    /// Raw bytes of its sections, in order.
    sections: Vec<(String, usize)>,
}

impl Sizes {
    fn measure(published: &Path) -> Result<Sizes> {
        let network = fs::read(root().join(NETWORK)).with_context(|| format!("cannot read {NETWORK}"))?;
        let (mut modules, mut page) = (Vec::new(), 0);
        for path in files(published)? {
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            if path.extension().is_some_and(|extension| extension == "wasm") {
                modules.push(Module::measure(&path, &bytes, &network)?);
            } else {
                page += compressed(&bytes)?;
            }
        }
        if modules.is_empty() {
            bail!("{} holds no module: run `cargo xtask build` first", published.display());
        }
        Ok(Sizes { modules, page })
    }

    /// A visitor loads one variant: the larger counts.
    fn code(&self) -> usize {
        self.modules.iter().map(|module| module.code).max().unwrap_or(0)
    }

    fn network(&self) -> usize {
        self.modules.iter().map(|module| module.network).max().unwrap_or(0)
    }

    fn total(&self) -> usize {
        self.code() + self.network() + self.page
    }
}

impl Module {
    fn measure(path: &Path, bytes: &[u8], network: &[u8]) -> Result<Module> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let place = find(bytes, network).with_context(|| format!("{NETWORK} does not lie in {name} in one piece"))?;
        let (code, network) = split(bytes, &place);
        let (code, network) = (compressed(&code)?, compressed(network)?);
        Ok(Module { name, raw: bytes.len(), code, network, sections: sections(bytes)? })
    }
}

/// The module without the bytes of the network, and those.
fn split<'a>(module: &'a [u8], network: &Range<usize>) -> (Vec<u8>, &'a [u8]) {
    let code = [&module[..network.start], &module[network.end..]].concat();
    (code, &module[network.clone()])
}

/// Where `part` lies in `whole`.
fn find(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    // Comparing slices of one length ends at the first byte that differs, nearly always the first.
    let start = whole.windows(part.len()).position(|window| window == part)?;
    Some(start..start + part.len())
}

/// All files below a folder, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Bytes after `brotli -q 9`.
fn compressed(bytes: &[u8]) -> Result<usize> {
    let fits = |window: i32| bytes.len() <= (1 << window) - 16;
    let window = (NARROWEST_WINDOW..WIDEST_WINDOW).find(|&window| fits(window)).unwrap_or(WIDEST_WINDOW);
    let parameters = BrotliEncoderParams {
        quality: QUALITY,
        lgwin: window,
        size_hint: bytes.len(),
        ..BrotliEncoderParams::default()
    };
    let mut writer = CompressorWriter::with_params(Vec::new(), 1 << 16, &parameters);
    writer.write_all(bytes)?;
    Ok(writer.into_inner().len())
}

/// The raw sizes of a module's sections, by name.
fn sections(module: &[u8]) -> Result<Vec<(String, usize)>> {
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.context("the module is damaged")?;
        let name = match &payload {
            Payload::CodeSectionStart { .. } => "code".to_owned(),
            Payload::DataSection(_) => "data".to_owned(),
            Payload::CustomSection(section) => format!("custom {}", section.name()),
            _ => "other".to_owned(),
        };
        if let Some((_, range)) = payload.as_section() {
            match sections.iter_mut().find(|(known, _)| *known == name) {
                Some((_, bytes)) => *bytes += range.len(),
                None => sections.push((name, range.len())),
            }
        }
    }
    sections.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok(sections)
}

/// The functions of a module that still has its names: demangled name and bytes of code, the largest first.
fn functions(module: &[u8]) -> Result<Vec<(String, usize)>> {
    let (mut imported, mut bodies, mut names) = (0, Vec::new(), BTreeMap::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload.context("the module is damaged")? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += usize::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.range().len()),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(subsections) = section.as_known() else { continue };
                for subsection in subsections {
                    let Name::Function(functions) = subsection? else { continue };
                    for naming in functions {
                        let naming = naming?;
                        names.insert(naming.index as usize, format!("{:#}", rustc_demangle::demangle(naming.name)));
                    }
                }
            }
            _ => {}
        }
    }
    if names.is_empty() {
        bail!(
            "the compiled module has no names: the release profile must not strip them, the published module loses them later"
        );
    }
    let name = |at: usize| names.get(&(imported + at)).cloned().unwrap_or_else(|| "(no name)".to_owned());
    let mut functions: Vec<_> = bodies.into_iter().enumerate().map(|(at, bytes)| (name(at), bytes)).collect();
    // They describe the bindings to their generator, which takes them out of what is published.
    functions.retain(|(name, _)| !name.starts_with("__wbindgen_describe"));
    functions.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok(functions)
}

/// Bytes of code by crate, the largest first.
fn by_crate(functions: &[(String, usize)]) -> Vec<(String, usize)> {
    let mut crates = BTreeMap::new();
    for (name, bytes) in functions {
        *crates.entry(crate_of(name).to_owned()).or_insert(0) += bytes;
    }
    let mut crates: Vec<_> = crates.into_iter().collect();
    crates.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    crates
}

/// The crate that a demangled name belongs to: that of the path, or for `<Type as Trait>::method` that of the type. A generic
/// function counts for the crate that wrote it, not for the one that asked for it.
fn crate_of(name: &str) -> &str {
    const NONE: &str = "(no crate)";
    if !name.contains("::") {
        return NONE;
    }
    let mut rest = name;
    loop {
        let before = rest;
        // What may stand before the path of a type: references, pointers, slices, tuples, and lifetimes.
        for prefix in ["<", "&", "[", "(", "*const ", "*mut ", "mut ", "dyn ", "impl ", "'_ "] {
            rest = rest.strip_prefix(prefix).unwrap_or(rest);
        }
        if rest == before {
            break;
        }
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (first, after) = rest.split_at(end);
    if after.starts_with("::") && !first.is_empty() {
        return first;
    }
    // A type of the language itself, such as `<f32 as tract_data::Datum>::..`: the trait's crate wrote the method.
    match name.split_once(" as ") {
        Some((_, of_trait)) if of_trait.contains("::") => crate_of(of_trait),
        _ => NONE,
    }
}

fn table(sizes: &Sizes, functions: &[(String, usize)], crates: &[(String, usize)]) -> String {
    let mut text = String::from("first visit, bytes of brotli -q 9\n");
    let verdict = |bytes: usize, bound: usize| match bytes <= bound {
        true => format!("  of {bound}"),
        false => format!("  of {bound}: {:.1} times too large", bytes as f64 / bound as f64),
    };
    for (name, bytes, note) in [
        ("code", sizes.code(), verdict(sizes.code(), BOUND_CODE)),
        ("network", sizes.network(), String::new()),
        ("page", sizes.page, String::new()),
        ("total", sizes.total(), verdict(sizes.total(), BOUND_TOTAL)),
    ] {
        text += &format!("{name:<10}{bytes:>10}{note}\n");
    }
    for module in &sizes.modules {
        text += &format!("\n{}, raw bytes\n", module.name);
        for (name, bytes) in &module.sections {
            text += &format!("{name:<28}{bytes:>10}\n");
        }
        text += &format!("{:<28}{:>10}\n", "all", module.raw);
    }
    let all: usize = functions.iter().map(|(_, bytes)| bytes).sum();
    let share = |bytes: usize| 100.0 * bytes as f64 / all as f64;
    text += &format!("\ncode by crate, raw bytes of {} functions before the names are removed\n", functions.len());
    let (first, others) = crates.split_at(ROWS.min(crates.len()));
    for (name, bytes) in first {
        text += &format!("{name:<28}{bytes:>10}{:>6.1} %\n", share(*bytes));
    }
    let rest: usize = others.iter().map(|(_, bytes)| bytes).sum();
    text += &format!(
        "{:<28}{rest:>10}{:>6.1} %\n{:<28}{all:>10}\n",
        format!("{} others", others.len()),
        share(rest),
        "all"
    );
    text += "\nlargest functions, raw bytes\n";
    for (name, bytes) in functions.iter().take(ROWS) {
        text += &format!("{bytes:>10}  {}\n", shortened(name));
    }
    text
}

/// A name that fits a line.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 110;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_read_from_names() {
        for (name, expected) in [
            ("tract_core::ops::cnn::conv::Conv::eval", "tract_core"),
            ("<tract_linalg::frame::mmm::MMM as core::fmt::Debug>::fmt", "tract_linalg"),
            ("<&mut dyn image::ImageDecoder as image::ImageDecoder>::read", "image"),
            ("<[alloc::string::String] as core::fmt::Debug>::fmt", "alloc"),
            ("core::ptr::drop_in_place<tract_core::model::Graph>", "core"),
            ("<f32 as tract_data::datum::Datum>::name", "tract_data"),
            ("<(T,U) as ndarray::dimension::Dimension>::size", "ndarray"),
            ("<*const lungglass::Graph>::cast", "lungglass"),
            ("memcpy", "(no crate)"),
            ("__wbg_classifier_free", "(no crate)"),
        ] {
            assert_eq!(crate_of(name), expected, "{name}");
        }
    }

    #[test]
    fn functions_are_counted_for_their_crates() {
        let functions =
            [("a::f", 5), ("b::g", 20), ("<a::T as b::U>::f", 7)].map(|(name, bytes)| (name.to_owned(), bytes));
        assert_eq!(by_crate(&functions), [("b".to_owned(), 20), ("a".to_owned(), 12)]);
    }

    /// The smallest module with an import, a function `a::f` and a name section.
    fn module() -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([1, 4, 1, 0x60, 0, 0]);
        module.extend(b"\x02\x07\x01\x01e\x01i\x00\x00");
        module.extend([3, 2, 1, 0]);
        module.extend([10, 4, 1, 2, 0, 0x0b]);
        module.extend(b"\x00\x10\x04name\x01\x09\x02\x00\x01i\x01\x03a:f");
        module
    }

    #[test]
    fn functions_get_the_names_behind_the_imports() {
        assert_eq!(functions(&module()).unwrap(), [("a:f".to_owned(), 2)]);
        let sections = sections(&module()).unwrap();
        assert!(sections.contains(&("code".to_owned(), 4)), "{sections:?}");
        // Without its name section.
        assert!(functions(&module()[..module().len() - 18]).is_err());
    }

    #[test]
    fn the_network_is_cut_out_of_the_module() {
        let module = b"code NETWORK data NETWO";
        let place = find(module, b"NETWORK").unwrap();
        assert_eq!(split(module, &place), (b"code  data NETWO".to_vec(), &b"NETWORK"[..]));
        assert_eq!(find(module, b"network"), None);
    }

    #[test]
    fn a_visitor_loads_the_larger_variant() {
        let module = |code, network| Module { name: String::new(), raw: 0, code, network, sections: Vec::new() };
        let sizes = Sizes { modules: vec![module(10, 7), module(12, 7)], page: 3 };
        assert_eq!((sizes.code(), sizes.network(), sizes.total()), (12, 7, 22));
    }

    #[test]
    fn repetition_compresses_and_noise_does_not() {
        assert!(compressed(&[7; 100_000]).unwrap() < 100);
        let mut state = 1u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(10_000)
        .collect();
        assert!(compressed(&noise).unwrap() > 9_900);
    }
}
