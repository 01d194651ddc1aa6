//! `lungglass bench`: how long a reading takes here, by its parts, and how many slices a second this device reads. Knows no peer: `cargo
//! xtask bench` compares.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lungglass::classifier::Classifier;
use lungglass::decode::{Image, Limits};
use lungglass::error;
use lungglass::graph::Cost;
use serde::Serialize;

use crate::args::Bench;
use crate::failure::{Failure, Outcome, failed};
use crate::network;
use crate::tell;

/// The sample slice of the page, as a picture.
const SLICE: &[u8] = include_bytes!("../../tests/cases/lidc-lung-window/input.png");
/// Caches and clocks settle in these; they are not counted.
const WARM_UP: usize = 5;

/// Milliseconds of one part over all rounds.
#[derive(Serialize)]
struct Part {
    name: &'static str,
    least: f64,
    median: f64,
}

/// Everything measured, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    version: &'static str,
    model: String,
    sha256: String,
    device: String,
    cores: usize,
    rounds: usize,
    /// Milliseconds to make the network ready.
    load: f64,
    parts: Vec<Part>,
    throughput: Throughput,
    /// What each step of the network takes, where the device says so.
    layers: Vec<Cost>,
}

#[derive(Serialize)]
struct Throughput {
    /// Slices at once: threads of the CPU, or the batch of a GPU.
    at_once: usize,
    slices_per_second: f64,
}

/// Prints how long the parts of a reading take, or a JSON object of it.
pub fn run(arguments: &Bench) -> Result<Outcome, Failure> {
    let start = Instant::now();
    let classifier = network::load(&arguments.network, arguments.batch)?;
    let load = milliseconds(start.elapsed());
    let report = measure(&classifier, load, arguments).map_err(failed(classifier.device))?;
    let text = if arguments.json {
        serde_json::to_string(&report).map_err(failed("the report"))? + "\n"
    } else {
        table(&report, arguments.layers)
    };
    tell::print(&text)?;
    Ok(Outcome::AllRead)
}

fn measure(classifier: &Classifier, load: f64, arguments: &Bench) -> error::Result<Report> {
    let rounds = arguments.rounds;
    let mut samples = [const { Vec::new() }; 4];
    let mut input = Vec::new();
    for round in 0..WARM_UP + rounds {
        let start = Instant::now();
        let image = Image::open(SLICE.to_vec(), Limits::default())?;
        let prepared = classifier.prepare(&image, 0)?;
        let parts = prepared.ms();
        input.clone_from(&prepared.input);
        let network = Instant::now();
        let outputs = classifier.graph.run(&prepared.input)?;
        let graph = milliseconds(network.elapsed());
        classifier.finish(prepared, outputs, graph, "", None)?;
        let whole = milliseconds(start.elapsed());
        if round >= WARM_UP {
            for (samples, ms) in samples.iter_mut().zip([parts.decode, parts.preprocess, graph, whole]) {
                samples.push(ms);
            }
        }
    }
    let names = ["decode", "preprocess", "network", "whole reading"];
    let parts = names.into_iter().zip(samples).map(|(name, samples)| part(name, samples)).collect();
    let layers = classifier.graph.profile(&input, rounds, classifier.clock)?;
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        model: format!("{} {}", classifier.model.name, classifier.model.version),
        sha256: classifier.model.sha256.clone(),
        device: classifier.device.to_string(),
        cores: cores(),
        rounds,
        load,
        parts,
        throughput: throughput(classifier, &input, rounds)?,
        layers,
    })
}

fn part(name: &'static str, mut samples: Vec<f64>) -> Part {
    samples.sort_by(f64::total_cmp);
    let median = samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN);
    Part { name, least: samples.first().copied().unwrap_or(f64::NAN), median }
}

/// The network alone, over and over, as `validate` runs it: on every core, or in batches with one read back while the next runs.
fn throughput(classifier: &Classifier, input: &[f32], rounds: usize) -> error::Result<Throughput> {
    let rate = |at_once: usize, slices: usize, start: Instant| Throughput {
        at_once,
        slices_per_second: slices as f64 / start.elapsed().as_secs_f64(),
    };
    let graph = &classifier.graph;
    if graph.batch() > 1 {
        let batch = vec![input; graph.batch()];
        graph.start(&batch)?.wait()?;
        let start = Instant::now();
        let mut running = graph.start(&batch)?;
        for _ in 1..rounds {
            let next = graph.start(&batch)?;
            running.wait()?;
            running = next;
        }
        running.wait()?;
        return Ok(rate(graph.batch(), rounds * graph.batch(), start));
    }
    let (next, total) = (AtomicUsize::new(0), rounds * cores());
    let start = Instant::now();
    thread::scope(|scope| {
        let work = || -> error::Result<()> {
            while next.fetch_add(1, Ordering::Relaxed) < total {
                graph.run(input)?;
            }
            Ok(())
        };
        let workers: Vec<_> = (0..cores()).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().map_err(|_| error::Error::Internal("a thread of the benchmark ended".to_string()))?
        })
    })?;
    Ok(rate(cores(), total, start))
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn table(report: &Report, layers: bool) -> String {
    let mut text = format!("lungglass {}, {}, {} cores\n", report.version, report.model, report.cores);
    let _ = writeln!(text, "device    {}\nready in  {:.1} ms\n", report.device, report.load);
    let _ =
        writeln!(text, "{:<14} {:>9} {:>9}  ms, one slice at a time, {} rounds", "", "least", "median", report.rounds);
    for Part { name, least, median } in &report.parts {
        let _ = writeln!(text, "{name:<14} {least:>9.2} {median:>9.2}");
    }
    let Throughput { at_once, slices_per_second } = report.throughput;
    let _ = writeln!(text, "\nthe network alone, {at_once} slices at once: {slices_per_second:.1} slices/s");
    if layers && report.layers.is_empty() {
        text += "\nthe steps are known where our own kernels run them, with --device cpu\n";
    } else if layers {
        let _ = writeln!(text, "\n{:>8} {:>10} {:>8}  step", "ms", "GFLOP/s", "MB");
        for Cost { name, kind, macs, bytes, ms } in &report.layers {
            let speed = 2.0 * *macs as f64 / ms / 1e6;
            let _ = writeln!(text, "{ms:>8.3} {speed:>10.1} {:>8.2}  {kind} {name}", *bytes as f64 / 1e6);
        }
    }
    text
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
