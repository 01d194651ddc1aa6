//! A plan on a GPU: compiled kernels, buffers that are used again, and batches of which one is read back while the next runs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use wgpu::util::DeviceExt;

use super::device::Gpu;
use super::kernel::Kernel;
use super::plan::{Contents, Plan};
use crate::graph::program::Program;

/// A program on a GPU, for several inputs at once. Any thread may use it.
pub struct Executor {
    gpu: Arc<Gpu>,
    steps: Vec<Step>,
    input: wgpu::Buffer,
    /// Inputs that it takes at once, and the values that these have together.
    batch: usize,
    length: usize,
    outputs: Vec<Output>,
    /// What waits for the next run.
    idle: Mutex<Vec<Host>>,
}

/// What a run has in common with the CPU. It is used again, for large buffers cost more to get than to fill: the pages of each are new.
struct Host {
    /// Mapped for the CPU to write to, while no run has it.
    input: wgpu::Buffer,
    /// All outputs, one after the other.
    outputs: wgpu::Buffer,
}

struct Step {
    pipeline: Arc<wgpu::ComputePipeline>,
    bindings: wgpu::BindGroup,
    workgroups: [u32; 3],
}

struct Output {
    buffer: wgpu::Buffer,
    /// How many values it has.
    length: usize,
}

/// A run that the GPU was given.
pub struct Pending<'a> {
    executor: &'a Executor,
    index: wgpu::SubmissionIndex,
    host: Host,
    /// Tells of each of the host's buffers when the CPU has it back.
    mapped: mpsc::Receiver<Result<(), wgpu::BufferAsyncError>>,
}

impl Executor {
    /// Plans a program for `batch` inputs at once, and compiles its kernels.
    ///
    /// # Errors
    /// A line that names the step without a kernel, or what the GPU cannot do.
    pub fn new(gpu: Arc<Gpu>, program: &Program, batch: usize) -> Result<Executor, String> {
        let plan = Plan::new(program, batch)?;
        let buffers = allocate(&gpu, &plan)?;
        let steps = compile(&gpu, &plan.kernels, &buffers);
        gpu.complaint()?;
        let output =
            |tensor: &usize| Output { buffer: buffers[*tensor].clone(), length: plan.tensors[*tensor].length() };
        let outputs = plan.outputs.iter().map(output).collect();
        let (input, length) = (buffers[plan.input].clone(), plan.tensors[plan.input].length());
        Ok(Executor { gpu, steps, input, batch, length, outputs, idle: Mutex::new(Vec::new()) })
    }

    /// Starts a run of at most as many inputs as a batch has; those that are missing are zeros.
    ///
    /// # Errors
    /// A line that says which input does not fit, or what the GPU complained of.
    pub fn submit(&self, inputs: &[&[f32]]) -> Result<Pending<'_>, String> {
        if inputs.len() > self.batch {
            return Err(format!("the network takes {} inputs at once and got {}", self.batch, inputs.len()));
        }
        let each = self.length / self.batch;
        if let Some(input) = inputs.iter().find(|input| input.len() != each) {
            return Err(format!("an input has {each} values, and not {}", input.len()));
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let host = idle.unwrap_or_else(|| self.host());
        // Where there is no memory for it, that is the reason and not what comes of it.
        self.gpu.complaint()?;
        self.fill(&host.input, inputs)?;
        // All in one, so that runs of several threads do not mix.
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&host.input, 0, &self.input, 0, self.input_bytes());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for Step { pipeline, bindings, workgroups: [x, y, z] } in &self.steps {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, bindings, &[]);
                pass.dispatch_workgroups(*x, *y, *z);
            }
        }
        let mut at = 0;
        for output in &self.outputs {
            encoder.copy_buffer_to_buffer(&output.buffer, 0, &host.outputs, at, output.bytes());
            at += output.bytes();
        }
        let index = self.gpu.queue.submit([encoder.finish()]);
        let (sender, mapped) = mpsc::channel();
        for (buffer, mode) in [(&host.input, wgpu::MapMode::Write), (&host.outputs, wgpu::MapMode::Read)] {
            let sender = sender.clone();
            buffer.slice(..).map_async(mode, move |result| {
                // Nobody waits for a run that was dropped.
                let _ = sender.send(result);
            });
        }
        self.gpu.complaint()?;
        Ok(Pending { executor: self, index, host, mapped })
    }

    fn host(&self) -> Host {
        let create = |label, size, usage, mapped_at_creation| {
            let label = Some(label);
            self.gpu.device.create_buffer(&wgpu::BufferDescriptor { label, size, usage, mapped_at_creation })
        };
        let (reads, writes) = (wgpu::BufferUsages::MAP_READ, wgpu::BufferUsages::MAP_WRITE);
        let outputs = self.outputs.iter().map(Output::bytes).sum();
        Host {
            input: create("inputs", self.input_bytes(), writes | wgpu::BufferUsages::COPY_SRC, true),
            outputs: create("outputs", outputs, reads | wgpu::BufferUsages::COPY_DST, false),
        }
    }

    /// Writes the inputs, and zeros behind them, to a mapped buffer, and gives it to the GPU.
    fn fill(&self, buffer: &wgpu::Buffer, inputs: &[&[f32]]) -> Result<(), String> {
        let mut range =
            buffer.slice(..).get_mapped_range_mut().map_err(|error| format!("{}: {error}", self.gpu.name))?;
        let mut at = 0;
        for input in inputs {
            let bytes: &[u8] = bytemuck::cast_slice(input);
            range.slice(at..at + bytes.len()).copy_from_slice(bytes);
            at += bytes.len();
        }
        range.slice(at..).fill(0);
        drop(range);
        buffer.unmap();
        Ok(())
    }

    fn input_bytes(&self) -> u64 {
        4 * self.length as u64
    }
}

impl Output {
    fn bytes(&self) -> u64 {
        4 * self.length as u64
    }
}

impl Pending<'_> {
    /// Waits for the run and gives the values of every output, in the order of the program, each for one input after the other.
    ///
    /// # Errors
    /// A line that says what the GPU complained of.
    pub fn wait(self) -> Result<Vec<Vec<f32>>, String> {
        let gpu = &self.executor.gpu;
        let failed = |what: String| format!("{}: {what}", gpu.name);
        let wait = wgpu::PollType::Wait { submission_index: Some(self.index.clone()), timeout: None };
        gpu.device.poll(wait).map_err(|error| failed(error.to_string()))?;
        // Of the inputs and of the outputs.
        let mapped = [self.mapped.recv(), self.mapped.recv()];
        gpu.complaint()?;
        for told in mapped {
            told.map_err(|error| error.to_string())
                .and_then(|told| told.map_err(|error| error.to_string()))
                .map_err(failed)?;
        }
        let range = self.host.outputs.slice(..).get_mapped_range().map_err(|error| failed(error.to_string()))?;
        let mut values: &[f32] = bytemuck::cast_slice(&range);
        let mut outputs = Vec::new();
        for Output { length, .. } in &self.executor.outputs {
            let (own, rest) = values.split_at(*length);
            outputs.push(own.to_vec());
            values = rest;
        }
        drop(range);
        self.host.outputs.unmap();
        self.executor.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.host);
        Ok(outputs)
    }
}

/// A buffer for every tensor. Tensors that are never needed at the same time share one.
fn allocate(gpu: &Gpu, plan: &Plan) -> Result<Vec<wgpu::Buffer>, String> {
    let slots = share(plan);
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    for (tensor, slot) in slots.iter().enumerate() {
        let length = plan.tensors[tensor].length().max(1);
        sizes.entry(*slot).and_modify(|size| *size = length.max(*size)).or_insert(length);
    }
    let limit = gpu.device.limits().max_storage_buffer_binding_size.min(gpu.device.limits().max_buffer_size);
    if let Some(length) = sizes.values().find(|&&length| 4 * length as u64 > limit) {
        return Err(format!(
            "{}: a tensor of {} bytes is over its limit of {limit}; take a smaller --batch",
            gpu.name,
            4 * length
        ));
    }
    let mut made: HashMap<usize, wgpu::Buffer> = HashMap::new();
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffers = slots.iter().enumerate().map(|(tensor, slot)| {
        let buffer = made.entry(*slot).or_insert_with(|| match &plan.tensors[tensor] {
            Contents::Constant(values) if !values.is_empty() => {
                let contents = bytemuck::cast_slice(values);
                gpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents, usage })
            }
            _ => gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: 4 * sizes[slot] as u64,
                usage,
                mapped_at_creation: false,
            }),
        });
        buffer.clone()
    });
    let buffers = buffers.collect();
    gpu.complaint()?;
    Ok(buffers)
}

/// The slot of each tensor: what is computed lives from its first kernel to the last that reads it, all else for ever.
fn share(plan: &Plan) -> Vec<usize> {
    let mut last: HashMap<usize, usize> = HashMap::new();
    for (at, kernel) in plan.kernels.iter().enumerate() {
        last.extend(kernel.inputs.iter().chain([&kernel.output]).map(|tensor| (*tensor, at)));
    }
    last.extend(plan.outputs.iter().map(|tensor| (*tensor, usize::MAX)));
    // What is not computed has a slot of its own, with the tensor's number.
    let mut slots: Vec<usize> = (0..plan.tensors.len()).collect();
    // Free slots of computed tensors, with how much they hold.
    let mut free: Vec<(usize, usize)> = Vec::new();
    let mut held: HashMap<usize, usize> = HashMap::new();
    for (at, kernel) in plan.kernels.iter().enumerate() {
        let length = plan.tensors[kernel.output].length();
        if let Entry::Vacant(place) = held.entry(kernel.output) {
            // The smallest that is large enough, else the largest, which grows.
            free.sort_by_key(|&(_, size)| (size < length, if size < length { usize::MAX - size } else { size }));
            let (slot, size) = if free.is_empty() { (kernel.output, 0) } else { free.remove(0) };
            slots[kernel.output] = slot;
            place.insert(size.max(length));
        }
        let done: Vec<usize> = held.keys().copied().filter(|tensor| last[tensor] == at).collect();
        for tensor in done {
            if let Some(size) = held.remove(&tensor) {
                free.push((slots[tensor], size));
            }
        }
    }
    slots
}

fn compile(gpu: &Gpu, kernels: &[Kernel], buffers: &[wgpu::Buffer]) -> Vec<Step> {
    let mut compiled: HashMap<(&str, &str), Arc<wgpu::ComputePipeline>> = HashMap::new();
    kernels
        .iter()
        .map(|kernel| {
            let pipeline = compiled.entry((&kernel.source, kernel.entry)).or_insert_with(|| {
                let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                    label: None,
                    source: wgpu::ShaderSource::Wgsl(kernel.source.as_str().into()),
                });
                Arc::new(gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: None,
                    layout: None,
                    module: &module,
                    entry_point: Some(kernel.entry),
                    compilation_options: Default::default(),
                    cache: None,
                }))
            });
            let bound = kernel.inputs.iter().chain([&kernel.output]).zip(0..);
            let entries: Vec<wgpu::BindGroupEntry> = bound
                .map(|(tensor, binding)| wgpu::BindGroupEntry {
                    binding,
                    resource: buffers[*tensor].as_entire_binding(),
                })
                .collect();
            let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries,
            });
            Step { pipeline: pipeline.clone(), bindings, workgroups: kernel.workgroups }
        })
        .collect()
}
