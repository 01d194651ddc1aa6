//! The modules of src/ lie on top of each other: what a module imports imports nothing of it, by whatever way round. A module and those
//! inside it count as one to all others, and may know each other.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The names on the way from the root of the crate to a module, an item or a field.
type Names = Vec<String>;

/// A module: how it is called, the names that it imports or says in full, and those that it hands on.
struct Module {
    name: Names,
    said: Vec<Names>,
    /// By the name that they have here.
    imported: BTreeMap<String, Names>,
}

/// Which module needs which, among those that lie in one module.
type Needs = BTreeMap<Names, BTreeSet<Names>>;

impl Module {
    /// The module of a file, by its path below src/.
    fn parse(path: &str, text: &str) -> Module {
        let mut name: Names = path.trim_end_matches(".rs").split('/').map(str::to_string).collect();
        if name.last().is_some_and(|last| last == "mod" || last == "lib") {
            name.pop();
        }
        // What tests at a module's foot need is not the module's need.
        let tokens = tokens(text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default());
        let mut module = Module { name, said: Vec::new(), imported: BTreeMap::new() };
        let mut at = 0;
        while at < tokens.len() {
            let is_use = tokens[at] == "use";
            let begins = is_use || ["crate", "super", "self"].contains(&&*tokens[at]);
            if !begins || !is_use && tokens.get(at + 1).is_none_or(|next| next != "::") {
                at += 1;
                continue;
            }
            let mut found = Vec::new();
            at = tree(&tokens, at + usize::from(is_use), &[], &mut found);
            for (path, called) in found {
                let path = module.absolute(path);
                if is_use && let Some(called) = called {
                    module.imported.insert(called, path.clone());
                }
                module.said.push(path);
            }
        }
        module
    }

    /// A path as the module says it, from the root of the crate on. A first name that is no keyword may be that of a module inside this one.
    fn absolute(&self, path: Names) -> Names {
        let mut start = self.name.clone();
        let mut rest = path.into_iter().peekable();
        match rest.peek().map(String::as_str) {
            Some("crate") => {
                start.clear();
                rest.next();
            }
            Some("self") => drop(rest.next()),
            _ => {}
        }
        while rest.next_if(|name| name == "super").is_some() {
            start.pop();
        }
        start.into_iter().chain(rest).collect()
    }
}

/// Names, `::` and every other sign by itself; without comments, texts and lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r\"") || rest.starts_with("r#") {
            let hashes = rest[1..].find('"').unwrap_or(0);
            let end = format!("\"{}", "#".repeat(hashes));
            rest[2 + hashes..].find(&end).map_or(rest.len(), |at| 2 + hashes + at + end.len())
        } else if first == '"' {
            let mut signs = rest.char_indices().skip(1);
            loop {
                match signs.next() {
                    Some((_, '\\')) => drop(signs.next()),
                    Some((at, '"')) => break at + 1,
                    Some(_) => {}
                    None => break rest.len(),
                }
            }
        } else if let Some(quoted) = rest.strip_prefix('\'') {
            // A character such as 'a' or '\n'; else a lifetime, whose name follows as a token.
            match quoted.char_indices().nth(1) {
                Some((_, '\'')) if !quoted.starts_with('\\') => 1 + quoted.find('\'').unwrap_or(0) + 1,
                _ if quoted.starts_with('\\') => quoted[2..].find('\'').map_or(rest.len(), |at| at + 4),
                _ => 1,
            }
        } else if name > 0 {
            tokens.push(rest[..name].to_string());
            name
        } else if rest.starts_with("::") {
            tokens.push("::".to_string());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[skipped..];
    }
    tokens
}

/// Reads the paths of a tree such as `crate::a::{b, c::d as e}` from token `at` on, each with the name that it is given, and says where it
/// ends.
fn tree(tokens: &[String], mut at: usize, before: &[String], found: &mut Vec<(Names, Option<String>)>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = tree(tokens, at, &path, found).max(at + 1);
                    at += usize::from(tokens.get(at).is_some_and(|token| token == ","));
                }
                return at + 1;
            }
            Some(name) if name.starts_with(|c: char| c.is_alphabetic() || c == '_') => path.push(name.to_string()),
            _ => break,
        }
        at += 1;
        if tokens.get(at).is_none_or(|token| token != "::") {
            break;
        }
        at += 1;
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let mut called = path.last().cloned();
    if tokens.get(at).is_some_and(|token| token == "as") {
        called = tokens.get(at + 1).cloned();
        at += 2;
    }
    found.push((path, called));
    at
}

/// Which module needs which: for each import the two that lie beside each other in the innermost module that holds both ends.
fn needs(modules: &[Module]) -> Needs {
    let known: BTreeMap<&Names, &Module> = modules.iter().map(|module| (&module.name, module)).collect();
    let mut needs = Needs::new();
    for module in modules {
        for said in &module.said {
            let Some(home) = home(said, &known) else { continue };
            let shared = module.name.iter().zip(&home).take_while(|(a, b)| a == b).count();
            if let (Some(own), Some(other)) = (module.name.get(..=shared), home.get(..=shared)) {
                needs.entry(own.to_vec()).or_default().insert(other.to_vec());
            }
        }
    }
    needs
}

/// The module that a path leads to, through what modules on the way hand on. None for what is of another crate.
fn home(path: &Names, known: &BTreeMap<&Names, &Module>) -> Option<Names> {
    let mut path = path.clone();
    // More modules than that do not hand on one name.
    for _ in 0..8 {
        let length = (0..=path.len()).rev().find(|length| known.contains_key(&path[..*length].to_vec()))?;
        let module = known[&path[..length].to_vec()];
        let Some(target) = path.get(length).and_then(|name| module.imported.get(name)) else {
            return Some(module.name.clone());
        };
        if *target == path[..=length] {
            return Some(module.name.clone());
        }
        path = target.iter().chain(&path[length + 1..]).cloned().collect();
    }
    None
}

/// A circle of needs, its first module again at the end.
fn circle(needs: &Needs) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    needs.keys().find_map(|start| around(start, needs, &mut Vec::new(), &mut done))
}

fn around(at: &Names, needs: &Needs, way: &mut Vec<Names>, done: &mut BTreeSet<Names>) -> Option<Vec<String>> {
    if let Some(first) = way.iter().position(|before| before == at) {
        return Some(way[first..].iter().chain([at]).map(|name| name.join("::")).collect());
    }
    if done.contains(at) {
        return None;
    }
    way.push(at.clone());
    let found = needs.get(at).into_iter().flatten().find_map(|next| around(next, needs, way, done));
    way.pop();
    done.insert(at.clone());
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_module_imports_one_that_imports_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let paths = files(&source).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let parse = |path: PathBuf| {
        let below = path.strip_prefix(&source).unwrap().to_str().unwrap().replace('\\', "/");
        Module::parse(&below, &fs::read_to_string(&path).unwrap())
    };
    let needs = needs(&paths.map(parse).collect::<Vec<_>>());
    let names = |name: &str| name.split("::").map(str::to_string).collect::<Names>();
    // It finds what is there.
    for (module, needed) in
        [("classifier", "graph"), ("graph::gpu", "graph::contract"), ("decode::raster", "decode::limits")]
    {
        assert!(needs[&names(module)].contains(&names(needed)), "{module} needs {needed}: {needs:#?}");
    }
    let found = circle(&needs);
    assert!(found.is_none(), "an import circle: {}", found.unwrap_or_default().join(" -> "));
}

#[test]
fn a_circle_is_found_and_named() {
    let of = |files: &[(&str, &str)]| {
        circle(&needs(&files.iter().map(|(path, text)| Module::parse(path, text)).collect::<Vec<_>>()))
    };
    let line: [(&str, &str); 3] = [
        ("lib.rs", "pub mod a;\npub mod b;\npub mod c;\n"),
        ("a.rs", "use std::fmt;\nuse crate::{b::B, c::{self, C as D}};\n"),
        ("b.rs", "// use crate::a::A;\nfn b<'a>(_: &'a str) -> char { c::f(\"use crate::a::A;\"); '\\'' }\n"),
    ];
    assert_eq!(of(&line), None);
    let says = |text: &str| of(&[&line[..], &[("c/mod.rs", "mod d;\npub use d::D;\n"), ("c/d.rs", text)]].concat());
    assert_eq!(says("use super::super::b;"), None);
    assert_eq!(says("fn d() { crate::a::a(); }").unwrap().join(" -> "), "a -> c -> a");
    assert_eq!(says("use crate::b;\n\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n"), None);
    // What a module hands on is where it came from, and a module and its own may know each other.
    let inside = [("c/mod.rs", "mod d;\nmod e;\npub use d::D;\nuse e::E;\n"), ("c/d.rs", "use super::E;\n")];
    let with = |text| of(&[&inside[..], &[("c/e.rs", text)]].concat());
    assert_eq!(with("use super::Other;\n"), None);
    assert_eq!(with("use crate::c::D;\n").unwrap().join(" -> "), "c::d -> c::e -> c::d");
}
