//! A Vulkan device that only compiles: what its driver says of a compute pipeline.
//!
//! All calls into Vulkan are made here, as its specification has them: objects are used while they live, structures
//! are filled, and counts are those of the arrays they go with. The device and the instance go with the process.

use super::spirv::{Offered, Translated};
use super::table::COUNTED;
use ash::vk;
use std::ffi::{CStr, CString};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum DriverError {
    #[error("no Vulkan loader: {0}")]
    Loader(#[from] ash::LoadingError),
    #[error("{0}: {1}")]
    Vulkan(&'static str, vk::Result),
    #[error("the driver offers no device")]
    NoDevice,
    #[error("{0} says nothing of compiled kernels (VK_KHR_pipeline_executable_properties)")]
    Silent(String),
    #[error("the driver does not say `{0}` of a kernel: it is not Mesa's RADV, or one that this program does not know")]
    NoStatistic(&'static str),
}

fn at(call: &'static str) -> impl Fn(vk::Result) -> DriverError {
    move |result| DriverError::Vulkan(call, result)
}

/// A text of fixed length.
fn text(characters: &[std::ffi::c_char]) -> String {
    let bytes: Vec<u8> = characters.iter().map(|c| *c as u8).collect();
    CStr::from_bytes_until_nul(&bytes).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

/// An open device.
pub struct Driver {
    /// The device's name, and the driver's with its version.
    pub device_name: String,
    pub name: String,
    pub offered: Offered,
    device: ash::Device,
    executables: ash::khr::pipeline_executable_properties::Device,
    // What the device lives in.
    _instance: ash::Instance,
    _entry: ash::Entry,
}

/// What the driver says of a kernel.
pub struct Compiled {
    pub counted: [u64; COUNTED.len()],
    pub assembly: String,
}

impl Driver {
    /// Opens the first device, with what wgpu asks for that decides how kernels are compiled.
    pub fn open() -> Result<Driver, DriverError> {
        // SAFETY: the loader's library runs nothing but what any Vulkan program runs; for the calls see the module.
        unsafe {
            let entry = ash::Entry::load()?;
            let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
            let info = vk::InstanceCreateInfo::default().application_info(&application);
            let instance = entry.create_instance(&info, None).map_err(at("vkCreateInstance"))?;
            let devices = instance.enumerate_physical_devices().map_err(at("vkEnumeratePhysicalDevices"))?;
            let physical = *devices.first().ok_or(DriverError::NoDevice)?;

            let mut driver = vk::PhysicalDeviceDriverProperties::default();
            let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
            instance.get_physical_device_properties2(physical, &mut properties);
            let device_name = text(&properties.properties.device_name);
            let minor = vk::api_version_minor(properties.properties.api_version);
            let name = text(&driver.driver_info).replace(',', " ");

            let known = instance
                .enumerate_device_extension_properties(physical)
                .map_err(at("vkEnumerateDeviceExtensionProperties"))?;
            let has = |name: &CStr| known.iter().any(|known| known.extension_name_as_c_str() == Ok(name));
            let mut extensions = vec![ash::khr::pipeline_executable_properties::NAME.as_ptr()];
            if !has(ash::khr::pipeline_executable_properties::NAME) {
                return Err(DriverError::Silent(device_name));
            }
            let mut robust = vk::PhysicalDeviceRobustness2FeaturesEXT::default();
            let mut zeroes = vk::PhysicalDeviceZeroInitializeWorkgroupMemoryFeatures::default();
            let mut features = vk::PhysicalDeviceFeatures2::default();
            if has(ash::ext::robustness2::NAME) {
                extensions.push(ash::ext::robustness2::NAME.as_ptr());
                features = features.push_next(&mut robust);
            }
            if minor >= 3 {
                features = features.push_next(&mut zeroes);
            }
            instance.get_physical_device_features2(physical, &mut features);
            let wanted = vk::PhysicalDeviceFeatures {
                robust_buffer_access: features.features.robust_buffer_access,
                ..Default::default()
            };
            let offered = Offered {
                minor,
                keeps_within_buffers: robust.robust_buffer_access2 == vk::TRUE,
                zeroes_memory: zeroes.shader_zero_initialize_workgroup_memory == vk::TRUE,
            };

            let mut robust = vk::PhysicalDeviceRobustness2FeaturesEXT::default()
                .robust_buffer_access2(offered.keeps_within_buffers)
                .robust_image_access2(robust.robust_image_access2 == vk::TRUE);
            let mut zeroes = vk::PhysicalDeviceZeroInitializeWorkgroupMemoryFeatures::default()
                .shader_zero_initialize_workgroup_memory(offered.zeroes_memory);
            let mut tells =
                vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
            let queue = [vk::DeviceQueueCreateInfo::default().queue_priorities(&[1.0])];
            let mut info = vk::DeviceCreateInfo::default()
                .queue_create_infos(&queue)
                .enabled_extension_names(&extensions)
                .enabled_features(&wanted)
                .push_next(&mut tells);
            if offered.keeps_within_buffers {
                info = info.push_next(&mut robust);
            }
            if offered.zeroes_memory {
                info = info.push_next(&mut zeroes);
            }
            let device = instance.create_device(physical, &info, None).map_err(at("vkCreateDevice"))?;
            let executables = ash::khr::pipeline_executable_properties::Device::new(&instance, &device);
            Ok(Driver { device_name, name, offered, device, executables, _instance: instance, _entry: entry })
        }
    }

    /// Compiles a kernel.
    pub fn compile(&self, kernel: &Translated, entry_point: &str) -> Result<Compiled, DriverError> {
        let entry_point = CString::new(entry_point).unwrap_or_default();
        let bindings: Vec<_> = kernel
            .uniform
            .iter()
            .zip(0..)
            .map(|(uniform, number)| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(number)
                    .descriptor_type(match uniform {
                        true => vk::DescriptorType::UNIFORM_BUFFER,
                        false => vk::DescriptorType::STORAGE_BUFFER,
                    })
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        let device = &self.device;
        // SAFETY: naga validated the kernel, and `kernel.uniform` has each buffer it uses; for calls see the module.
        unsafe {
            let info = vk::ShaderModuleCreateInfo::default().code(&kernel.words);
            let module = device.create_shader_module(&info, None).map_err(at("vkCreateShaderModule"))?;
            let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            let sets = [device.create_descriptor_set_layout(&info, None).map_err(at("vkCreateDescriptorSetLayout"))?];
            let info = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            let layout = device.create_pipeline_layout(&info, None).map_err(at("vkCreatePipelineLayout"))?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(&entry_point);
            let info = vk::ComputePipelineCreateInfo::default()
                .flags(
                    vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                        | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR,
                )
                .stage(stage)
                .layout(layout);
            let pipelines = device
                .create_compute_pipelines(vk::PipelineCache::null(), &[info], None)
                .map_err(|(_, result)| DriverError::Vulkan("vkCreateComputePipelines", result))?;
            let pipeline = pipelines[0];
            let compiled =
                self.counted(pipeline).and_then(|counted| Ok(Compiled { counted, assembly: self.assembly(pipeline)? }));
            device.destroy_pipeline(pipeline, None);
            device.destroy_pipeline_layout(layout, None);
            device.destroy_descriptor_set_layout(sets[0], None);
            device.destroy_shader_module(module, None);
            compiled
        }
    }

    fn counted(&self, pipeline: vk::Pipeline) -> Result<[u64; COUNTED.len()], DriverError> {
        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        // SAFETY: the pipeline was made to capture statistics; see the module.
        let statistics = unsafe { self.executables.get_pipeline_executable_statistics(&info) }
            .map_err(at("vkGetPipelineExecutableStatisticsKHR"))?;
        let mut counted = [0; COUNTED.len()];
        for (count, (_, name)) in counted.iter_mut().zip(COUNTED) {
            let of_it = |of: &&vk::PipelineExecutableStatisticKHR<'_>| text(&of.name) == name;
            let statistic = statistics.iter().find(of_it).ok_or(DriverError::NoStatistic(name))?;
            // SAFETY: `format` says which member was written.
            *count = match statistic.format {
                vk::PipelineExecutableStatisticFormatKHR::UINT64 => unsafe { statistic.value.u64 },
                vk::PipelineExecutableStatisticFormatKHR::INT64 => unsafe { statistic.value.i64 }.max(0) as u64,
                _ => return Err(DriverError::NoStatistic(name)),
            };
        }
        Ok(counted)
    }

    /// The text of the compiled kernel.
    fn assembly(&self, pipeline: vk::Pipeline) -> Result<String, DriverError> {
        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
        let get = self.executables.fp().get_pipeline_executable_internal_representations_khr;
        let failed = at("vkGetPipelineExecutableInternalRepresentationsKHR");
        // SAFETY: the pipeline was made to capture representations. The first call says how many there are, the second
        // how long, the third fills buffers of that length.
        unsafe {
            let mut count = 0;
            let device = self.device.handle();
            get(device, &info, &mut count, std::ptr::null_mut()).result().map_err(&failed)?;
            let mut all = vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
            get(device, &info, &mut count, all.as_mut_ptr()).result().map_err(&failed)?;
            let mut texts: Vec<Vec<u8>> = all.iter().map(|one| vec![0; one.data_size + 1]).collect();
            for (one, text) in all.iter_mut().zip(&mut texts) {
                one.p_data = text.as_mut_ptr().cast();
            }
            get(device, &info, &mut count, all.as_mut_ptr()).result().map_err(&failed)?;
            let assembly = all.iter().zip(texts).find(|(one, _)| text(&one.name).contains("Assembly"));
            Ok(assembly.map(|(_, text)| String::from_utf8_lossy(&text).replace('\0', "")).unwrap_or_default())
        }
    }
}
