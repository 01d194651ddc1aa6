//! The suites: what is checked, in which order, and how it is counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::places::{program, root, target};
use crate::toolchain::{self, Toolchain};
use crate::variant::{NAME, TARGET, Variant};
use crate::{command, inside, install, process, python, serve, setup, supply, tools, wasm};

/// How a test that lacks its data begins the line that says so. The harness counts it as passed.
const SKIPPED: &str = "SKIPPED ";
/// The library, the command and the server. Packages that are built for this machine are always named together like this or as in
/// [`TOOLS`], in one call of cargo: they share the features of their dependencies then, and cargo compiles those once. With the tools the
/// product would have other features than where it is built by itself.
const PRODUCT: &[&str] = &[
    "--package=lungglass",
    "--package=lungglass-acceptance",
    "--package=lungglass-command",
    "--package=lungglass-server",
];
const TOOLS: &[&str] = &["--package=xtask", "--package=xtask-tools"];
/// What no test but a slow one builds.
const WHEEL: &[&str] = &["--package=lungglass-python"];
/// The suite of the page that asks for another network than our own inside page and command.
const INSIDE: &str = "inside.test.mjs";
/// The library and the boundary to JavaScript.
const IN_BROWSERS: [&str; 2] = ["--package=lungglass", "--package=lungglass-web"];

/// Builds and lints, stops at the first of these that fails, then runs every suite, and gives whether nothing failed. The last line that it
/// prints holds the totals of the tests.
pub fn everything(all: bool) -> bool {
    let mut run = Run { all, steps: Vec::new(), tally: Tally::default() };
    let outcome = run.run();
    if let Err(error) = &outcome {
        eprintln!("error: {error:#}");
    }
    run.summarise();
    outcome.is_ok()
}

/// Tests page and command with another network inside than our own: what is inside them, and what they make of its samples.
pub fn inside() -> bool {
    let mut run = Run { all: false, steps: Vec::new(), tally: Tally::default() };
    let mut steps = || {
        let browser = run.step("setup", |_| {
            setup::node()?;
            setup::browser()
        })?;
        run.step("page and command", |_| {
            wasm::build(&toolchain::obtain()?)?;
            command::build()
        })?;
        run.step("another network", |run| run.suites(vec![PathBuf::from(INSIDE)], &browser, &[]))
    };
    let outcome: Result<()> = steps();
    if let Err(error) = &outcome {
        eprintln!("error: {error:#}");
    }
    run.summarise();
    println!(
        "NOT TESTED: format, lints, and the suites that hold what our own network gives; `cargo xtask test` without LUNGGLASS_MODEL runs them"
    );
    outcome.is_ok()
}

/// Packs the network anew, then runs the cases with the order to rewrite what they expect.
pub fn bless() -> Result<()> {
    // The cases hold the packed network that they were built with: it has to be there first.
    for (suite, test) in [
        ("network", "the_packed_network_comes_from_the_onnx"),
        ("network", "the_stored_reading_is_that_of_the_onnx"),
        ("cases", ""),
        ("formats", ""),
    ] {
        let mut cargo = process::cargo();
        cargo.args(["test", "--release"]).args(PRODUCT).args(["--test", suite, test]).env("LUNGGLASS_BLESS", "1");
        process::run(&mut cargo)?;
    }
    Ok(())
}

/// Reads so many slices in one page, see tests/browser/soak.mjs.
pub fn soak(slices: u32, json: Option<&Path>) -> Result<()> {
    let json = json.map(std::path::absolute).transpose()?;
    wasm::build(&toolchain::obtain()?)?;
    let browser = setup::browser()?;
    setup::node()?;
    let folder = root().join("tests/browser");
    install::npm(&folder)?;
    let server = serve::on_free_port()?;
    let mut node = process::command("node");
    node.current_dir(folder)
        .arg("soak.mjs")
        .arg(slices.to_string())
        .args(json)
        .env("LUNGGLASS_PAGE", server.url())
        .env("CHROMIUM", &browser.chromium);
    process::run(&mut node)
}

/// Reads the fuzzer's corpus as wasm in Chromium.
pub fn corpus() -> Result<()> {
    let folder = root().join("tests/fuzz/corpus");
    ensure!(folder.is_dir(), "{} is not there yet: run `cargo xtask fuzz` first", folder.display());
    let (toolchain, browser) = (toolchain::obtain()?, setup::browser()?);
    for variant in Variant::ALL {
        let mut cargo = wasm_tests(&toolchain, &browser, variant, &["--test=robustness"])?;
        cargo.args(["--features", "lungglass/corpus", "--", "the_corpus", "--nocapture"]);
        let mut passed = 0;
        process::run_and_read(&mut cargo, |line| passed += cargo_tally(line).map_or(0, |tally| tally.passed))?;
        ensure!(passed == 1, "the test of the corpus did not run");
    }
    Ok(())
}

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

struct Step {
    name: &'static str,
    took: Duration,
    outcome: &'static str,
}

struct Run {
    all: bool,
    steps: Vec<Step>,
    tally: Tally,
}

impl Run {
    fn run(&mut self) -> Result<()> {
        let (toolchain, browser, others, gpu) = self.step("setup", |_| {
            let toolchain = toolchain::obtain()?;
            install::lints()?;
            let browser = setup::browser()?;
            setup::node()?;
            setup::validators();
            let others = [("FIREFOX", setup::firefox()), ("WEBKIT_DRIVER", setup::webkit())];
            Ok((toolchain, browser, others, setup::software_gpu()?))
        })?;
        self.step("format", |_| process::run(process::cargo().args(["fmt", "--all", "--check"])))?;
        self.step("lints", |_| {
            [PRODUCT, TOOLS, WHEEL].iter().try_for_each(|packages| {
                let mut cargo = process::cargo();
                cargo.args(["clippy", "--release"]).args(*packages).args(["--all-targets", "--", "-D", "warnings"]);
                // One build for every Python is checked without any.
                process::run(cargo.env("PYO3_NO_PYTHON", "1").env("PYO3_BUILD_EXTENSION_MODULE", "1"))
            })
        })?;
        self.step("documentation", |_| {
            [PRODUCT, TOOLS].iter().try_for_each(|packages| {
                let mut cargo = process::cargo();
                cargo.args(["doc", "--release", "--no-deps"]).args(*packages).env("RUSTDOCFLAGS", "-D warnings");
                process::run(&mut cargo)
            })
        })?;
        let linted = self.step("lints for wasm32", |_| {
            for variant in Variant::ALL {
                let Some(mut clippy) = toolchain.clippy()? else {
                    println!("NOT CHECKED: the toolchain for wasm32 has no clippy, and none is to be had here");
                    return Ok(false);
                };
                clippy.args(["--release", "--target", TARGET, "--lib", "--tests"]).args(IN_BROWSERS);
                // Behind the dashes they are for the packages of this repository alone: what those stand on is checked once.
                process::run(clippy.args(["--", "-D", "warnings"]).args(variant.flags()))?;
            }
            Ok(true)
        })?;
        self.note(linted, "NOT CHECKED");
        let known = self.step("supply chain", |_| supply::check())?;
        self.note(known, "ok, known faults NOT CHECKED");
        // Before the command, which holds the page.
        self.step("page", |_| tools::run(&["kiosk"]))?;
        self.step("command", |_| process::run(process::cargo().args(["build", "--release"]).args(PRODUCT)))?;
        // All of these, whatever the one before has found: who mends a fault wants to know of the others.
        let native: Result<()> = self.step("native tests", |run| {
            let python = python::environment().map_err(|error| println!("{error:#}")).ok();
            // A test that lacks them says so.
            install::npm(&root().join("tests/objects")).unwrap_or_else(|error| println!("{error:#}"));
            let outcomes = [PRODUCT, TOOLS].map(|packages| {
                let mut cargo = process::cargo();
                cargo.args(["test", "--release"]).args(packages).arg("--no-fail-fast");
                cargo.envs(python.as_ref().map(|python| ("LUNGGLASS_PYTHON", python)));
                cargo.envs(gpu.as_ref().map(|driver| ("VK_DRIVER_FILES", driver)));
                run.cargo_tests(&mut cargo)
            });
            outcomes.into_iter().collect::<Result<()>>()
        });
        let chromium = self.step("tests in Chromium", |run| {
            // With relaxed SIMD the compiler makes other vectors of decoders too.
            Variant::ALL.iter().try_for_each(|variant| {
                run.cargo_tests(&mut wasm_tests(&toolchain, &browser, *variant, &["--lib", "--tests"])?)
            })
        });
        let page = self.step("page end to end", |run| run.page_tests(&browser, &others));
        native.and(chromium).and(page)
    }

    /// Runs a step under a heading, and keeps how long it took and how it ended.
    fn step<T>(&mut self, name: &'static str, work: impl FnOnce(&mut Run) -> Result<T>) -> Result<T> {
        println!("\n== {name} ==");
        let failed_before = self.tally.failed;
        let start = Instant::now();
        let result = work(self);
        let outcome = if result.is_ok() { "ok" } else { "FAILED" };
        // A step that fails without a failed test (it did not compile, or it is no test) must not leave a total without failures.
        if result.is_err() && self.tally.failed == failed_before {
            self.tally.failed += 1;
        }
        self.steps.push(Step { name, took: start.elapsed(), outcome });
        result
    }

    /// What the last step is called in the summary if what it was for is not `done`.
    fn note(&mut self, done: bool, otherwise: &'static str) {
        if let (false, Some(step)) = (done, self.steps.last_mut()) {
            step.outcome = otherwise;
        }
    }

    fn summarise(&self) {
        println!("\n== summary ==");
        for Step { name, took, outcome } in &self.steps {
            println!("{name:<20} {:>7.1} s  {outcome}", took.as_secs_f64());
        }
        let Tally { passed, failed, skipped } = self.tally;
        println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    }

    /// Runs `cargo test`, the slow tests too if they are wanted, and counts.
    fn cargo_tests(&mut self, cargo: &mut Command) -> Result<()> {
        if self.all {
            cargo.args(["--", "--include-ignored"]);
        }
        let mut skipped = 0;
        let outcome = process::run_and_read(cargo, |line| {
            if let Some(tally) = cargo_tally(line) {
                self.tally.add(tally);
            } else if line.starts_with(SKIPPED) {
                skipped += 1;
            }
        });
        self.tally.passed -= skipped.min(self.tally.passed);
        self.tally.skipped += skipped;
        outcome
    }

    /// Serves the page on a free port and runs the suites of tests/browser against it. `others` are browsers beside Chromium, by the
    /// variables that name them; the suite of one that is not there counts as skipped.
    fn page_tests(&mut self, browser: &setup::Browser, others: &[(&str, Option<PathBuf>)]) -> Result<()> {
        let mut suites = suites(&root().join("tests/browser"))?;
        // Those of the benchmark need none of its packages.
        suites.extend(
            self::suites(&root().join("tests/bench"))?.into_iter().map(|suite| Path::new("../bench").join(suite)),
        );
        self.suites(suites, browser, others)
    }

    fn suites(
        &mut self,
        suites: Vec<PathBuf>,
        browser: &setup::Browser,
        others: &[(&str, Option<PathBuf>)],
    ) -> Result<()> {
        let folder = root().join("tests/browser");
        install::npm(&folder)?;
        let server = serve::on_free_port()?;
        let report = target().join("xtask/page.tap");
        fs::create_dir_all(target().join("xtask"))?;

        let mut node = process::command("node");
        node.current_dir(&folder)
            .args([
                "--test",
                "--test-concurrency=1",
                "--test-reporter=spec",
                "--test-reporter-destination=stdout",
                "--test-reporter=tap",
            ])
            .arg(format!("--test-reporter-destination={}", report.display()))
            .args(suites)
            .env("LUNGGLASS_PAGE", server.url())
            .env("LUNGGLASS_COMMAND", program(NAME))
            .env("CHROMIUM", &browser.chromium)
            .envs(inside::folder().map(|folder| ("LUNGGLASS_INSIDE", folder)))
            .envs(others.iter().filter_map(|(name, program)| Some((name, program.as_ref()?))));
        let outcome = process::run(&mut node);
        let report = fs::read_to_string(&report).unwrap_or_default();
        let tally = node_tally(&report);
        self.tally.add(tally);
        outcome?;
        ensure!(tally.passed > 0, "node ended well but ran no test");
        Ok(())
    }
}

/// `cargo test` of `which` suites for wasm32 in Chromium.
fn wasm_tests(toolchain: &Toolchain, browser: &setup::Browser, variant: Variant, which: &[&str]) -> Result<Command> {
    let tools = tools::build()?;
    let tools = tools.to_str().context("the path of the target folder is not UTF-8")?;
    // By --config, because the variable for it splits at spaces. A TOML string is quoted as Rust quotes one.
    let runner = format!("target.{TARGET}.runner = [{tools:?}, \"wasm-test-runner\"]");
    let mut cargo = toolchain.cargo();
    cargo
        .args(["test", "--release", "--target", TARGET, "--no-fail-fast"])
        .args(IN_BROWSERS)
        // Behind the subcommand, as that of the variant: those before it would not count then.
        .arg("--config")
        .arg(runner)
        .args(which)
        .env("CHROMEDRIVER", &browser.driver)
        .env("WASM_BINDGEN_USE_DEDICATED_WORKER", "1")
        .env("WASM_BINDGEN_TEST_TIMEOUT", "600")
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60");
    variant.choose(&mut cargo);
    Ok(cargo)
}

/// The test files of `folder`, in the order of their names.
fn suites(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut suites = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let name = PathBuf::from(entry?.file_name());
        if name.to_string_lossy().ends_with(".test.mjs") {
            suites.push(name);
        }
    }
    if suites.is_empty() {
        bail!("no *.test.mjs in {}", folder.display());
    }
    suites.sort();
    Ok(suites)
}

/// The totals in a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; ...`.
fn cargo_tally(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |what: &str| {
        let part = counts.split(';').find_map(|part| part.trim().strip_suffix(what))?;
        part.trim().parse().ok()
    };
    Some(Tally { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
}

/// The totals at the end of Node's report in the Test Anything Protocol.
fn node_tally(report: &str) -> Tally {
    let count = |what: &str| -> u64 {
        let lines = report.lines().rev();
        let mut counts = lines.filter_map(|line| line.strip_prefix("# ")?.strip_prefix(what)?.trim().parse().ok());
        counts.next().unwrap_or(0)
    };
    Tally {
        passed: count("pass "),
        failed: count("fail ") + count("cancelled "),
        skipped: count("skipped ") + count("todo "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_cargo_are_read() {
        let line = "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s";
        assert_eq!(cargo_tally(line), Some(Tally { passed: 5, failed: 2, skipped: 1 }));
        let in_chromium = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.01s";
        assert_eq!(cargo_tally(in_chromium), Some(Tally { passed: 3, failed: 0, skipped: 0 }));
        assert_eq!(cargo_tally("test passed ... ok"), None);
    }

    #[test]
    fn totals_of_node_are_read() {
        let report = "TAP version 13\n# pass 99\nok 1 - a\n1..7\n# tests 8\n# suites 0\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 2\n# todo 1\n# duration_ms 5.2\n";
        assert_eq!(node_tally(report), Tally { passed: 3, failed: 2, skipped: 3 });
        assert_eq!(node_tally(""), Tally::default());
    }
}
