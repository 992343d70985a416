//! The metrics that the monitor itself gives, for those who read them elsewhere. `docs/metrics.md` says more of each.

/// What is known of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name, everywhere the same: in gate files, store, log and `/metrics`.
    pub name: &'static str,
    /// The unit of its values, as the name ends; empty for a plain number.
    pub unit: &'static str,
    /// What it says.
    pub help: &'static str,
}

/// Every metric that the monitor gives without being asked for more, by name. A name that ends in `_total` is a counter.
pub const CATALOGUE: &[About] = &[
    about("active_workers", "", "workers that are at work"),
    about("audit_failing", "", "1 while verdicts can't be recorded in the audit log"),
    about("check_passed", "", "1 if a check of the scores passed, 0 if it failed or could not run"),
    about("cpu_percent", "percent", "how busy the processors were since the last sample"),
    about("device_anomaly", "", "1 while something is unusual for the device, 0 while nothing is"),
    about("device_error_percent", "percent", "share of the devices that did not answer in time, of those that were asked"),
    about("device_errors_total", "", "answers of the device that failed, were wrong or came late"),
    about("device_latency_ms", "ms", "how long the device's last answer took"),
    about("device_requests_total", "", "how often the device was asked"),
    about("device_state", "", "the device's state, as the driver numbers it"),
    about("device_state_changes_total", "", "how often the device was in another state than before"),
    about("device_temperature_celsius", "celsius", "temperature of the device, as the driver gives it"),
    about("device_up", "", "1 if the device answered in time, 0 if not"),
    about("devices_answering_percent", "percent", "share of the devices that answered in time, of those that were asked"),
    about("disk_free_bytes", "bytes", "room on the file system for unprivileged users"),
    about("disk_total_bytes", "bytes", "size of the file system"),
    about("disk_used_percent", "percent", "how full the file system is for unprivileged users"),
    about("health_score", "", "the health score, 0 to 100"),
    about("load_15m", "", "load average of 15 minutes"),
    about("load_1m", "", "load average of a minute"),
    about("load_5m", "", "load average of 5 minutes"),
    about("log_failing", "", "1 while the health log takes no record"),
    about("log_full", "", "1 while the disk has no room for the health log"),
    about("memory_available_bytes", "bytes", "memory that programs can have without swapping"),
    about("memory_percent", "percent", "share of the memory that is not available"),
    about("memory_total_bytes", "bytes", "size of the memory"),
    about("monitor_cpu_percent", "percent", "how much of a processor the monitor itself took since the last sample"),
    about("monitor_memory_bytes", "bytes", "memory of the monitor itself"),
    about("notifications_delivered_total", "", "notifications that the receiver took"),
    about("notifications_failed_total", "", "attempts to tell the receiver that failed"),
    about("notifications_given_up_total", "", "notifications that are not tried any more"),
    about("notifications_waiting", "", "notifications that the receiver has not taken yet"),
    about("process_count", "", "how many processes were found"),
    about("process_cpu_percent", "percent", "how much of a processor the process took since the last sample"),
    about("process_memory_bytes", "bytes", "memory of the process"),
    about("process_starts_total", "", "how often the process was seen to start"),
    about("process_up", "", "1 if the process runs, 0 if not"),
    about("quarantine_enforced", "", "how many of the seven the self-check found enforced"),
    about("sampler_duration_ms", "ms", "how long the sampler's last sample took"),
    about("sampler_failures_total", "", "samples of the sampler that failed"),
    about("sampler_late", "", "1 if the sampler's last sample began late, 0 if not"),
    about("sampler_late_total", "", "samples of the sampler that began late"),
    about("sampler_missed_ticks", "ticks", "ticks that the sampler missed before its last sample"),
    about("sampler_missed_total", "", "ticks at which the sampler did not sample"),
    about("sampler_up", "", "1 if the sampler's last sample succeeded, 0 if not"),
    about("samples_given_up_total", "", "samples that the store did not take, and that no longer wait"),
    about("samples_refused_total", "", "samples that the store refused, because they came later than samples are kept"),
    about("security_score", "", "the security score, 0 to 100"),
    about("store_failing", "", "1 while the store does not take everything"),
    about("store_full", "", "1 while the disk has no room for the store"),
    about("swap_percent", "percent", "share of the swap that is in use"),
    about("temperature_celsius", "celsius", "temperature of the sensor"),
    about("worker_state", "", "the worker's state, as docs/metrics.md numbers it"),
];

const fn about(name: &'static str, unit: &'static str, help: &'static str) -> About {
    About { name, unit, help }
}

/// What is known of a metric; `None` for one that a source brought.
pub fn about_metric(name: &str) -> Option<&'static About> {
    CATALOGUE.binary_search_by(|about| about.name.cmp(name)).ok().map(|index| &CATALOGUE[index])
}

#[cfg(test)]
mod tests {
    use super::{CATALOGUE, about_metric};

    #[test]
    fn each_metric_is_found_by_its_name() {
        assert!(CATALOGUE.is_sorted_by(|a, b| a.name < b.name));
        for about in CATALOGUE {
            assert_eq!(about_metric(about.name), Some(about));
            assert!(about.unit.is_empty() || about.name.ends_with(about.unit), "{}", about.name);
        }
        assert_eq!(about_metric("nothing"), None);
    }
}
