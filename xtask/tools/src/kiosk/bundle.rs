//! The ES modules of the page in the order in which they can be made from blobs: a module's source holds, where it names another, a
//! token for the address that the other will have. It reads imports with a parser and knows nothing of what the modules do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::{SourceType, Span};
use serde::Serialize;

/// What a token begins with; the path follows, and all of it stands as a string literal. boot.js puts addresses in their place.
const MODULE: &str = "kiosk-module:";
const WORKER: &str = "kiosk-worker:";
/// The folder of a page that has none: the address of a module is this and its path.
const BASE: &str = "kiosk:/";

/// A module whose imports are tokens.
#[derive(Debug, Serialize)]
pub struct Module {
    pub path: String,
    pub source: String,
}

/// A module with all that it imports.
#[derive(Debug)]
pub struct Bundle {
    /// Each stands after those that it imports.
    pub modules: Vec<Module>,
    /// The scripts that it starts in threads of their own: a thread makes its modules itself.
    pub workers: BTreeSet<String>,
}

/// `entry` and all that it imports: by `import` and `export ... from`, and by `import()`. What it names by `new URL('x.js',
/// import.meta.url)` is a worker. `files` gives the source of a path, if there is one.
pub fn bundle<'a>(entry: &str, files: &impl Fn(&str) -> Option<&'a str>) -> Result<Bundle> {
    let bundle = Bundle { modules: Vec::new(), workers: BTreeSet::new() };
    let mut bundler = Bundler { files, bundle, states: BTreeMap::new() };
    bundler.add(entry, "the page")?;
    Ok(bundler.bundle)
}

struct Bundler<'f, F> {
    files: &'f F,
    bundle: Bundle,
    /// Whether the module is finished; one that is not is being read further up.
    states: BTreeMap<String, bool>,
}

impl<'a, F: Fn(&str) -> Option<&'a str>> Bundler<'_, F> {
    fn add(&mut self, path: &str, from: &str) -> Result<()> {
        match self.states.get(path) {
            Some(true) => return Ok(()),
            Some(false) => bail!("{from} and {path} import each other: modules made from blobs cannot"),
            None => self.states.insert(path.to_owned(), false),
        };
        let source = (self.files)(path).with_context(|| format!("{from} imports {path}, which is not there"))?;
        let mut edits = edits(source).with_context(|| format!("cannot read {path}"))?;
        edits.sort_by_key(|edit| edit.range.start);
        let (mut rewritten, mut at) = (String::new(), 0);
        for Edit { range, target } in edits {
            let text = match target {
                Target::Module(specifier) => {
                    let module = resolve(path, &specifier)?;
                    self.add(&module, path)?;
                    format!("\"{MODULE}{module}\"")
                }
                Target::Worker(specifier) => {
                    let worker = resolve(path, &specifier)?;
                    let token = format!("\"{WORKER}{worker}\"");
                    self.bundle.workers.insert(worker);
                    token
                }
                Target::Own => format!("\"{BASE}{path}\""),
            };
            rewritten.push_str(&source[at..range.start]);
            rewritten.push_str(&text);
            at = range.end;
        }
        rewritten.push_str(&source[at..]);
        self.states.insert(path.to_owned(), true);
        self.bundle.modules.push(Module { path: path.to_owned(), source: rewritten });
        Ok(())
    }
}

/// A part of a source to be replaced by the address of something.
struct Edit {
    range: Range<usize>,
    target: Target,
}

/// By the specifier that names it, or the module itself.
enum Target {
    Module(String),
    Worker(String),
    Own,
}

fn edits(source: &str) -> Result<Vec<Edit>> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::mjs()).parse();
    ensure!(!parsed.panicked && parsed.errors.is_empty(), "it is no JavaScript module: {:?}", parsed.errors);
    let record = parsed.module_record;
    let mut edits = Vec::new();
    let requests = record.requested_modules.values().flatten().map(|request| request.span);
    for span in requests.chain(record.dynamic_imports.iter().map(|import| import.module_request)) {
        let specifier = literal(&source[range(span)]).context("it imports something else than a string literal")?;
        edits.push(Edit { range: range(span), target: Target::Module(specifier.to_owned()) });
    }
    for meta in &record.import_metas {
        let meta = range(*meta);
        let end = meta.end + ".url".len();
        ensure!(source.get(meta.end..end) == Some(".url"), "it uses import.meta for something else than its url");
        if let Some((place, specifier)) = url_of_script(source, meta.start) {
            edits.push(Edit { range: place, target: Target::Worker(specifier) });
        }
        edits.push(Edit { range: meta.start..end, target: Target::Own });
    }
    Ok(edits)
}

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// The text of a string literal without escapes.
fn literal(code: &str) -> Option<&str> {
    let quote = code.chars().next().filter(|quote| "'\"".contains(*quote))?;
    let text = code.strip_prefix(quote)?.strip_suffix(quote)?;
    (!text.contains(['\\', quote])).then_some(text)
}

/// The first argument of `new URL('x.js', import.meta.url)`, where it is a literal that names a script. `meta` is where `import.meta` begins.
fn url_of_script(source: &str, meta: usize) -> Option<(Range<usize>, String)> {
    let before = source[..meta].trim_end().strip_suffix(',')?.trim_end();
    let open = before.rfind("new URL(")? + "new URL(".len();
    let argument = &before[open..];
    let specifier = literal(argument.trim_start())?;
    let start = before.len() - argument.trim_start().len();
    specifier.ends_with(".js").then(|| (start..before.len(), specifier.to_owned()))
}

/// The path that a relative specifier in the module `from` names.
fn resolve(from: &str, specifier: &str) -> Result<String> {
    ensure!(
        specifier.starts_with("./") || specifier.starts_with("../"),
        "{from} imports {specifier}, which is not relative"
    );
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => ensure!(path.pop().is_some(), "{from} imports {specifier}, which lies outside the page"),
            part => path.push(part),
        }
    }
    Ok(path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundled(files: &[(&str, &'static str)]) -> Result<Bundle> {
        let files: BTreeMap<_, _> = files.iter().copied().collect();
        bundle("app.js", &|path| files.get(path).copied())
    }

    #[test]
    fn every_way_to_name_a_module_is_followed() {
        let Bundle { modules, workers } = bundled(&[
            ("app.js", "import a, {\n  b,\n} from './a.js';\nimport \"./b/c.js\";\nexport * from './d.js';\nconst W = new URL('./worker.js', import.meta.url);\n"),
            ("a.js", "export default 1; export const b = () => import('./e.js');\n"),
            ("b/c.js", "import { x } from '../d.js'; console.log(x);\n"),
            ("d.js", "export const x = new URL('./m.wasm', import.meta.url);\n"),
            ("e.js", "/** @type {import('./nowhere.js').T} */ // import './nowhere.js'\nexport const y = \"import './nowhere.js'\";\n"),
            ("unused.js", "import './nowhere.js';\n"),
        ])
        .unwrap();
        let paths: Vec<_> = modules.iter().map(|module| module.path.as_str()).collect();
        assert_eq!(paths, ["e.js", "a.js", "d.js", "b/c.js", "app.js"]);
        assert_eq!(workers.into_iter().collect::<Vec<_>>(), ["worker.js"]);
        let source = |path: &str| modules.iter().find(|module| module.path == path).unwrap().source.as_str();
        assert_eq!(
            source("app.js"),
            "import a, {\n  b,\n} from \"kiosk-module:a.js\";\nimport \"kiosk-module:b/c.js\";\nexport * from \"kiosk-module:d.js\";\nconst W = new URL(\"kiosk-worker:worker.js\", \"kiosk:/app.js\");\n"
        );
        assert_eq!(source("b/c.js"), "import { x } from \"kiosk-module:d.js\"; console.log(x);\n");
        assert_eq!(source("d.js"), "export const x = new URL('./m.wasm', \"kiosk:/d.js\");\n");
        assert!(source("a.js").contains("import(\"kiosk-module:e.js\")"));
    }

    #[test]
    fn what_cannot_be_bundled_is_named() {
        let refused = |files: &[(&str, &'static str)]| format!("{:#}", bundled(files).unwrap_err());
        assert!(refused(&[("app.js", "import './a.js';")]).contains("a.js"));
        assert!(refused(&[("app.js", "import 'a';")]).contains("not relative"));
        assert!(refused(&[("app.js", "import '../a.js';")]).contains("outside"));
        assert!(refused(&[("app.js", "import(name);")]).contains("literal"));
        assert!(refused(&[("app.js", "const {")]).contains("app.js"));
        let cycle = refused(&[("app.js", "import './a.js';"), ("a.js", "import './app.js';")]);
        assert!(cycle.contains("each other"), "{cycle}");
    }
}
