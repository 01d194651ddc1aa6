//! Reads many labelled slices: all cores decode ahead of the device, and results come as they are finished.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::thread;

use lungglass::classifier::{Classifier, Prepared};
use lungglass::decode::{Image, Limits};
use lungglass::error::{self, Error};
use lungglass::graph::Running;
use lungglass::likeness::Likeness;
use lungglass::model::Model;
use lungglass::reading::Reading;
use lungglass::self_test;

use crate::failure::Failure;
use crate::labelled::Labelled;
use crate::predictions::Prediction;
use crate::{inputs, network};

/// What is asked of each slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wants {
    Readings,
    /// How near it is to those of training, too.
    Likeness,
}

/// Slices that wait for the network.
type Members = Vec<(Wanted, Prepared)>;
/// Slices that the network reads.
type Started<'a> = (Box<dyn Running + 'a>, Members);
/// A slice with its number.
type Wanted = (usize, Labelled);
/// What becomes of a slice, or why there is nothing to be done with it.
type Finished<'a> = &'a mut dyn FnMut(usize, Prediction) -> Result<(), Failure>;

/// Reads slices, and hands each to `finished` with its number, in any order.
///
/// # Errors
/// What `slices` and `finished` say; a slice that cannot be read is a prediction like any other. A GPU that fails stops everything, and so
/// does a machine that computes wrongly.
pub fn read(
    classifier: &Classifier,
    slices: impl Iterator<Item = Result<Wanted, Failure>> + Send,
    wants: Wants,
    finished: Finished,
) -> Result<(), Failure> {
    let mut count = 0;
    let finished: Finished = &mut |at, prediction| {
        count += 1;
        if count % self_test::EVERY == 0 {
            network::prove(classifier)?;
        }
        finished(at, prediction)
    };
    if classifier.graph.batch() > 1 {
        return in_batches(classifier, slices, wants, finished);
    }
    // Each core takes the next slice all the way.
    let whole = |(at, slice): Wanted| {
        let reading = open(&slice.file, &classifier.model).and_then(|image| match wants {
            Wants::Readings => Ok((classifier.read(&image, 0, &slice.path), None)),
            Wants::Likeness => with_likeness(classifier, &image, &slice.path),
        });
        (at, prediction(classifier, &slice, reading))
    };
    ahead(slices, rayon::current_num_threads(), whole, &mut |(at, prediction)| finished(at, prediction))
}

/// The cores prepare slices, and this thread keeps two batches on the device: one that is read back while the other runs.
fn in_batches(
    classifier: &Classifier,
    slices: impl Iterator<Item = Result<Wanted, Failure>> + Send,
    wants: Wants,
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
        members.into_iter().zip(outputs).try_for_each(|(((at, slice), prepared), outputs)| {
            let reading = outputs.and_then(|outputs| {
                let likeness = (wants == Wants::Likeness).then(|| classifier.likeness(&prepared, &outputs));
                Ok((classifier.finish(prepared, outputs, each, &slice.path, None)?, likeness))
            });
            finished(at, prediction(classifier, &slice, reading))
        })
    };
    let mut waiting: Members = Vec::new();
    let mut running: VecDeque<Started> = VecDeque::new();
    let prepare = |wanted: Wanted| {
        let prepared = open(&wanted.1.file, &classifier.model).and_then(|image| classifier.prepare(&image, 0));
        (wanted, prepared)
    };
    ahead(slices, 2 * graph.batch(), prepare, &mut |((at, slice), prepared)| {
        match prepared {
            Ok(prepared) => waiting.push(((at, slice), prepared)),
            Err(error) => return finished(at, prediction(classifier, &slice, Err(error))),
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
    slices: impl Iterator<Item = Result<Wanted, Failure>> + Send,
    limit: usize,
    work: impl Fn(Wanted) -> T + Sync,
    done: &mut dyn FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (sender, receiver) = mpsc::sync_channel(limit);
    let slices = Mutex::new(slices);
    // Nothing can panic while it is held.
    let next = || slices.lock().ok()?.next();
    thread::scope(|scope| {
        for _ in 0..rayon::current_num_threads() {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some(slice) = next() {
                    // Nobody waits any more if something failed.
                    if sender.send(slice.map(work)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        receiver.into_iter().try_for_each(|result| done(result?))
    })
}

/// The image of a slice's file, of one frame.
pub fn open(file: &Path, model: &Model) -> error::Result<Image> {
    let limits = model.limits(Limits::default());
    let image = inputs::read(file, &limits).and_then(|bytes| Image::open(bytes, limits))?;
    if image.is_multi_frame() {
        return Err(Error::Unsupported {
            what: format!("a file of {} frames in a manifest", image.frames()),
            advice: "give each slice a file and a row of its own",
        });
    }
    Ok(image)
}

/// The reading of a slice, and how near it is to those of training.
fn with_likeness(classifier: &Classifier, image: &Image, name: &str) -> error::Result<(Reading, Option<Likeness>)> {
    let prepared = classifier.prepare(image, 0)?;
    let start = (classifier.clock)();
    let outputs = classifier.graph.run(&prepared.input)?;
    let graph = (classifier.clock)() - start;
    let likeness = classifier.likeness(&prepared, &outputs);
    Ok((classifier.finish(prepared, outputs, graph, name, None)?, Some(likeness)))
}

fn prediction(
    classifier: &Classifier,
    slice: &Labelled,
    reading: error::Result<(Reading, Option<Likeness>)>,
) -> Prediction {
    let (reading, likeness) = reading.unwrap_or_else(|error| {
        (Reading::unreadable(&slice.path, None, &error, &classifier.model, classifier.device), None)
    });
    let refusal = reading.refusal.map(|refusal| format!("{}: {}", refusal.code, refusal.message));
    let error = reading.error.map(|error| format!("{}: {}", error.code, error.message));
    Prediction {
        verdict: reading.verdict,
        score: reading.score,
        logit: reading.logit,
        reason: refusal.or(error),
        likeness: likeness.map(Box::new),
        ..Prediction::unread(slice)
    }
}
