//! The GPUs of this machine, and which of them runs the network.

use std::sync::Arc;
use std::sync::Mutex;

use wgpu::{AdapterInfo, Backends, DeviceType};

/// A GPU that is open for work.
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    /// As outputs name it: `wgpu: NVIDIA H100 (Vulkan, 550.54)`.
    pub name: String,
    /// Whether it is a program on the CPU that stands in for a GPU.
    pub is_software: bool,
    /// The first thing that the driver complained of, until it is taken.
    pub(super) complaint: Arc<Mutex<Option<String>>>,
}

/// A GPU that the machine has, open or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// As [`Gpu::name`].
    pub name: String,
    /// As [`Gpu::is_software`].
    pub is_software: bool,
}

impl Seen {
    fn new(info: &AdapterInfo) -> Seen {
        let driver = if info.driver_info.is_empty() { &info.driver } else { &info.driver_info };
        let driver = if driver.is_empty() { String::new() } else { format!(", {driver}") };
        Seen {
            name: format!("wgpu: {} ({:?}{driver})", info.name, info.backend),
            is_software: info.device_type == DeviceType::Cpu,
        }
    }
}

fn adapters() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let mut adapters = pollster::block_on(instance.enumerate_adapters(Backends::PRIMARY));
    // A card of its own before one in the processor, anything before a program; else in the order of the system.
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu | DeviceType::Other => 2,
        DeviceType::Cpu => 3,
    });
    adapters
}

/// Every GPU of the machine; the one that would run the network comes first.
pub fn seen() -> Vec<Seen> {
    adapters().iter().map(|adapter| Seen::new(&adapter.get_info())).collect()
}

impl Gpu {
    /// Opens the machine's best GPU. Never falls back to the CPU: a program that stands in for a GPU counts only with `allow_software`.
    ///
    /// # Errors
    /// One line that says what is missing.
    pub fn open(allow_software: bool) -> Result<Gpu, String> {
        let adapters = adapters();
        let Some(adapter) = adapters.first() else {
            return Err("this machine has no GPU that Vulkan, Metal or DirectX 12 can reach".to_string());
        };
        let Seen { name, is_software } = Seen::new(&adapter.get_info());
        if is_software && !allow_software {
            return Err(format!("the only GPU here is a program on the CPU, {name}; --allow-software lets it count"));
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("lungglass"),
            required_limits: wgpu::Limits {
                max_storage_buffer_binding_size: adapter.limits().max_storage_buffer_binding_size,
                max_buffer_size: adapter.limits().max_buffer_size,
                ..wgpu::Limits::defaults()
            },
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| format!("{name} cannot be opened: {error}"))?;
        let complaint = Arc::new(Mutex::new(None));
        let slot = complaint.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert_with(|| error.to_string());
        }));
        Ok(Gpu { device, queue, name, is_software, complaint })
    }

    /// What the driver complained of since the last call.
    pub(super) fn complaint(&self) -> Result<(), String> {
        let complaint = self.complaint.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        complaint.map_or(Ok(()), |text| Err(format!("{}: {text}", self.name)))
    }
}
