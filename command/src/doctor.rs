//! `lungglass doctor`: what this machine can do and whether the network reads here as it should. Holds nothing of any patient.

use std::fmt::Write as _;

use lungglass::classifier::Classifier;
use lungglass::decode::{Image, Limits};

use crate::args::Network;
use crate::failure::{Failure, Outcome};
use crate::network;
use crate::tell;

/// The sample slice of the page, with the logit that the network was published with.
const SLICE: &[u8] = include_bytes!("../../tests/cases/lidc-lung-window/input.png");
const EXPECTED: &str = include_str!("../../tests/cases/lidc-lung-window/expected.json");
/// What runtimes may differ by.
const BOUND: f64 = 1e-3;

/// Prints what it finds. A network that cannot be loaded, or reads the slice otherwise, is a failure.
pub fn run(arguments: &Network) -> Result<Outcome, Failure> {
    let mut text = machine();
    let tested = network::load(arguments, 1).and_then(|classifier| {
        let _ = write!(text, "{}", of(&classifier));
        self_test(&classifier, arguments.model.is_some())
    });
    match &tested {
        Ok(line) => text += line,
        Err(Failure(problem)) => {
            let _ = writeln!(text, "self-test  FAILED: {problem}");
        }
    }
    tell::print(&text)?;
    tested.map(|_| Outcome::AllRead)
}

fn machine() -> String {
    let mut text = format!("lungglass  {}\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "system     {} on {}", std::env::consts::OS, std::env::consts::ARCH);
    let cores = std::thread::available_parallelism().map_or("unknown".to_string(), |cores| cores.to_string());
    let _ = writeln!(text, "processor  {cores} cores; {}", features().join(", "));
    text += &gpus();
    text
}

/// What of the processor the network's arithmetic can use.
fn features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let known = [
        ("SSE2", is_x86_feature_detected!("sse2")),
        ("AVX", is_x86_feature_detected!("avx")),
        ("AVX2", is_x86_feature_detected!("avx2")),
        ("FMA", is_x86_feature_detected!("fma")),
        ("AVX-512F", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(target_arch = "aarch64")]
    let known = [
        ("NEON", std::arch::is_aarch64_feature_detected!("neon")),
        ("dot products", std::arch::is_aarch64_feature_detected!("dotprod")),
    ];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let known = [("no features known", true)];
    known.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect()
}

#[cfg(feature = "wgpu")]
fn gpus() -> String {
    let seen = lungglass::graph::gpu::seen();
    if seen.is_empty() {
        return "GPU        none that Vulkan, Metal or DirectX 12 can reach\n".to_string();
    }
    let mut text = String::new();
    for (at, gpu) in seen.iter().enumerate() {
        let software = if gpu.is_software { "; a program on the CPU, counts only with --allow-software" } else { "" };
        let used = if at == 0 { "; --device wgpu takes this one" } else { "" };
        let _ = writeln!(text, "GPU        {}{software}{used}", gpu.name);
    }
    text
}

#[cfg(not(feature = "wgpu"))]
fn gpus() -> String {
    "GPU        this build has no GPU support\n".to_string()
}

fn of(classifier: &Classifier) -> String {
    let model = &classifier.model;
    format!(
        "network    {} {}, {} x {}\nSHA-256    {}\ndevice     {}\n",
        model.name, model.version, model.input.height, model.input.width, model.sha256, classifier.device
    )
}

/// Reads a slice that is known. What another network should say of it is not.
fn self_test(classifier: &Classifier, other: bool) -> Result<String, Failure> {
    let image = Image::open(SLICE.to_vec(), Limits::default()).map_err(|error| Failure(error.to_string()))?;
    let reading = classifier.read(&image, 0, "the sample slice");
    let logit = match (reading.logit, reading.error) {
        (Some(logit), _) => f64::from(logit),
        (None, error) => {
            let problem = error.map_or("no logit".to_string(), |error| error.message);
            return Err(Failure(format!("the sample slice: {problem}")));
        }
    };
    let ms = reading.ms;
    let took =
        format!("{:.0} ms to decode, {:.0} to preprocess, {:.0} on the device", ms.decode, ms.preprocess, ms.graph);
    if other {
        return Ok(format!("self-test  the sample slice has the logit {logit:.6}; {took}\n"));
    }
    let expected: serde_json::Value = serde_json::from_str(EXPECTED).map_err(|error| Failure(error.to_string()))?;
    let stored = expected[0]["logit"].as_f64().ok_or_else(|| Failure("the stored reading has no logit".to_string()))?;
    let apart = (logit - stored).abs();
    if apart.is_nan() || apart > BOUND {
        return Err(Failure(format!("the sample slice has the logit {logit:.6} instead of {stored:.6}")));
    }
    Ok(format!("self-test  passed: the sample slice's logit is {apart:.1e} from the stored one; {took}\n"))
}
