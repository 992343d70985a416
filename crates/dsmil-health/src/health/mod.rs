//! The checks of health.

mod devices;
mod driver;
mod machine;
mod samplers;
pub(crate) mod view;

use crate::{CheckFn, ScoresConfig};

pub(crate) fn checks(config: &ScoresConfig) -> Vec<Box<dyn CheckFn>> {
    let look_back = config.look_back.as_millis();
    vec![
        Box::new(driver::Answers),
        Box::new(driver::Module),
        Box::new(devices::Answer { look_back, latency_ms: config.latency_ms }),
        Box::new(devices::Errors { look_back, band: config.error_percent }),
        Box::new(machine::Thermal { look_back, band: config.temperature_celsius }),
        Box::new(machine::Cpu { look_back, headroom: config.cpu_headroom_percent }),
        Box::new(machine::Memory { look_back, headroom: config.memory_headroom_percent }),
        Box::new(machine::Disk::new(look_back, &config.disks)),
        Box::new(samplers::Ticks { look_back }),
        Box::new(samplers::Failures { look_back }),
    ]
}
