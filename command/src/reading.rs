//! Reads many labelled slices: all cores decode ahead of the device, and results come as they are finished.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use lungglass::classifier::{Classifier, Prepared};
use lungglass::decode::{Image, Limits};
use lungglass::error::{self, Error};
use lungglass::graph::Running;
use lungglass::reading::Reading;

use crate::failure::Failure;
use crate::inputs;
use crate::labelled::Labelled;
use crate::predictions::Prediction;

/// Slices that wait for the network, with their numbers.
type Members = Vec<(usize, Prepared)>;
/// Slices that the network reads.
type Started<'a> = (Box<dyn Running + 'a>, Members);
/// What becomes of a slice, or why there is nothing to be done with it.
type Finished<'a> = &'a mut dyn FnMut(usize, Prediction) -> Result<(), Failure>;

/// Reads the slices with the numbers `wanted`, and hands each to `finished` with its number, in any order.
///
/// # Errors
/// What `finished` says; a slice that cannot be read is a prediction like any other. A GPU that fails stops everything.
pub fn read(classifier: &Classifier, slices: &[Labelled], wanted: &[usize], finished: Finished) -> Result<(), Failure> {
    if classifier.graph.batch() > 1 {
        return in_batches(classifier, slices, wanted, finished);
    }
    // Each core takes the next slice all the way.
    let whole = |at: usize| {
        let slice = &slices[at];
        let reading = open(slice).map(|image| classifier.read(&image, 0, &slice.path));
        prediction(classifier, slice, reading)
    };
    ahead(wanted, rayon::current_num_threads(), whole, finished)
}

/// The cores prepare slices, and this thread keeps two batches on the device: one that is read back while the other runs.
fn in_batches(
    classifier: &Classifier,
    slices: &[Labelled],
    wanted: &[usize],
    finished: Finished,
) -> Result<(), Failure> {
    let graph = &classifier.graph;
    let stopped = |error: Error| Failure(format!("{}: {error}", classifier.device));
    let submit = |members: Members| -> Result<Started, Failure> {
        let inputs: Vec<&[f32]> = members.iter().map(|(_, prepared)| prepared.input.as_slice()).collect();
        let running = graph.start(&inputs).map_err(stopped)?;
        Ok((running, members))
    };
    let collect = |(running, members): Started, finished: Finished| {
        let start = (classifier.clock)();
        let outputs = running.wait().map_err(stopped)?;
        let each = ((classifier.clock)() - start) / outputs.len() as f64;
        members.into_iter().zip(outputs).try_for_each(|((at, prepared), outputs)| {
            let slice = &slices[at];
            let reading = outputs.map(|outputs| classifier.finish(prepared, outputs, each, &slice.path, None));
            finished(at, prediction(classifier, slice, reading))
        })
    };
    let mut waiting: Members = Vec::new();
    let mut running: VecDeque<Started> = VecDeque::new();
    let prepare = |at: usize| open(&slices[at]).and_then(|image| classifier.prepare(&image, 0));
    ahead(wanted, 2 * graph.batch(), prepare, &mut |at, prepared| {
        match prepared {
            Ok(prepared) => waiting.push((at, prepared)),
            Err(error) => return finished(at, prediction(classifier, &slices[at], Err(error))),
        }
        if waiting.len() == graph.batch() {
            running.push_back(submit(std::mem::take(&mut waiting))?);
            if running.len() > 1
                && let Some(oldest) = running.pop_front()
            {
                collect(oldest, finished)?;
            }
        }
        Ok(())
    })?;
    if !waiting.is_empty() {
        running.push_back(submit(waiting)?);
    }
    running.into_iter().try_for_each(|batch| collect(batch, finished))
}

/// Does `work` on all cores, with at most `limit` results waiting, and hands each result to `done` on this thread.
fn ahead<T: Send>(
    wanted: &[usize],
    limit: usize,
    work: impl Fn(usize) -> T + Sync,
    done: &mut dyn FnMut(usize, T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (sender, receiver) = mpsc::sync_channel(limit);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..rayon::current_num_threads() {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some(&at) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody waits any more if something failed.
                    if sender.send((at, work(at))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        receiver.into_iter().try_for_each(|(at, result)| done(at, result))
    })
}

/// The image of a slice, of one frame.
pub fn open(slice: &Labelled) -> error::Result<Image> {
    let limits = Limits::default();
    let image = inputs::read(&slice.file, &limits).and_then(|bytes| Image::open(bytes, limits))?;
    if image.is_multi_frame() {
        return Err(Error::Unsupported {
            what: format!("a file of {} frames in a manifest", image.frames()),
            advice: "give each slice a file and a row of its own",
        });
    }
    Ok(image)
}

fn prediction(classifier: &Classifier, slice: &Labelled, reading: error::Result<Reading>) -> Prediction {
    let reading = reading
        .unwrap_or_else(|error| Reading::unreadable(&slice.path, None, &error, &classifier.model, classifier.device));
    let refusal = reading.refusal.map(|refusal| format!("{}: {}", refusal.code, refusal.message));
    let error = reading.error.map(|error| format!("{}: {}", error.code, error.message));
    Prediction {
        verdict: reading.verdict.word().to_string(),
        score: reading.score,
        logit: reading.logit,
        reason: refusal.or(error),
        ..Prediction::unread(slice)
    }
}
