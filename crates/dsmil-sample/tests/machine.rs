//! The samplers of the machine, against a tree of files and against another reading of the same machine.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]
#![allow(clippy::float_cmp, reason = "what is read from a file is exact")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{has, labels, sample, value, well, write, wrong};
use dsmil_gate::Measurement;
use dsmil_sample::{
    CpuSampler, DiskSampler, LoadSampler, MachineSampler, MemorySampler, OwnSampler, ProcessMatch, ProcessSampler, Sampler,
    TemperatureSampler,
};

const PROC: &str = "/proc";

#[test]
fn cpu_is_the_share_of_busy_time_since_the_sample_before() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "stat", "cpu  1000 0 0 9000 0 0 0 0 0 0\n");
    let mut sampler = CpuSampler::new(root.path());
    assert!(well(&mut sampler).is_empty(), "no time has passed");
    write(root.path(), "stat", "cpu  1300 0 100 9500 100 0 0 0 0 0\n");
    assert_eq!(value(&well(&mut sampler), "cpu_percent", &[]), 40.0);
    write(root.path(), "stat", "processor one is fine\n");
    assert!(wrong(&mut sampler).ends_with("/stat: its first line is not \"cpu\" and at least four numbers"));
    let mut nowhere = CpuSampler::new(Path::new("/nowhere"));
    assert_eq!(wrong(&mut nowhere), "/nowhere/stat: No such file or directory (os error 2)");
    assert_eq!(nowhere.metrics(), ["cpu_percent"]);
}

/// Busy and all jiffies, by another way than the sampler's: over the lines of the single processors.
fn jiffies() -> (u64, u64) {
    let text = fs::read_to_string("/proc/stat").unwrap();
    let mut sum = (0, 0);
    for line in text.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")) {
        let times: Vec<u64> = line.split_whitespace().skip(1).take(8).map(|word| word.parse().unwrap()).collect();
        let all: u64 = times.iter().sum();
        sum = (sum.0 + all - times[3] - times[4], sum.1 + all);
    }
    sum
}

#[test]
fn cpu_of_this_machine_is_what_its_processors_say() {
    let mut sampler = CpuSampler::new(Path::new(PROC));
    well(&mut sampler);
    // The first reading is just past: from here on both look at the same time.
    let before = jiffies();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(400) {
        std::hint::spin_loop();
    }
    let measured = value(&well(&mut sampler), "cpu_percent", &[]);
    let after = jiffies();
    let expected = 100.0 * (after.0 - before.0) as f64 / (after.1 - before.1) as f64;
    assert!((measured - expected).abs() < 15.0, "{measured} and {expected}");
    assert!(measured > 20.0, "one of at most a few processors was kept busy: {measured}");
}

#[test]
fn memory_of_this_machine_is_what_meminfo_says() {
    let mut sampler = MemorySampler::new(Path::new(PROC));
    let seen = well(&mut sampler);
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let of = |name: &str| {
        let line = text.lines().find(|line| line.split(':').next() == Some(name)).unwrap();
        1024.0 * line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(value(&seen, "memory_total_bytes", &[]), of("MemTotal"));
    let available = value(&seen, "memory_available_bytes", &[]);
    assert!((available - of("MemAvailable")).abs() < 0.05 * of("MemTotal"), "{available}");
    let percent = value(&seen, "memory_percent", &[]);
    assert!((percent - 100.0 * (1.0 - available / of("MemTotal"))).abs() < 1e-9);
    assert!((0.0..=100.0).contains(&value(&seen, "swap_percent", &[])));
    let mut nowhere = MemorySampler::new(Path::new("/nowhere"));
    assert!(wrong(&mut nowhere).contains("/nowhere/meminfo"));
    let machine = MachineSampler::new().sample().unwrap();
    assert_eq!(machine.memory_total_bytes as f64, of("MemTotal"));
}

#[test]
fn load_is_three_numbers_or_an_error() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "loadavg", "0.52 1.25 12.00 2/345 6789\n");
    let mut sampler = LoadSampler::new(root.path());
    let seen = well(&mut sampler);
    assert_eq!(["load_1m", "load_5m", "load_15m"].map(|metric| value(&seen, metric, &[])), [0.52, 1.25, 12.0]);
    for text in ["", "0.52 1.25\n", "0.52 -1 3\n", "0.52 NaN 3\n", "much load today\n"] {
        write(root.path(), "loadavg", text);
        assert!(wrong(&mut sampler).ends_with("does not begin with three numbers"), "{text:?}");
    }
    assert_eq!(well(&mut LoadSampler::new(Path::new(PROC))).len(), 3);
}

#[test]
fn disks_are_what_df_says_and_one_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let gone = path.join("gone");
    let mut sampler = DiskSampler::new([gone.clone(), path.clone()]);
    let (seen, errors) = sample(&mut sampler);
    assert_eq!(errors.len(), 1, "{errors:?}");
    let told = errors[0].to_string();
    assert!(told.starts_with(&format!("{}: No such file", gone.display())), "{told}");
    assert!(told.ends_with("see that it is there and mounted, or take it out of `disks.paths`"), "{told}");
    let shown = Command::new("df").args(["-B1", "--output=size,avail,used"]).arg(&path).output().unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    let df: Vec<f64> = text.lines().nth(1).unwrap().split_whitespace().map(|word| word.parse().unwrap()).collect();
    let of = |metric| value(&seen, metric, &[("path", path.to_str().unwrap())]);
    assert_eq!(of("disk_total_bytes"), df[0]);
    // Others write meanwhile.
    assert!((of("disk_free_bytes") - df[1]).abs() < 0.02 * df[0], "{} and {}", of("disk_free_bytes"), df[1]);
    let used = 100.0 * df[2] / (df[1] + df[2]);
    assert!((of("disk_used_percent") - used).abs() < 2.0, "{} and {used}", of("disk_used_percent"));
    assert_eq!(seen.len(), 3, "nothing is said of the one that is missing");
    let uses = [(path.clone(), "log".to_owned())].into();
    let seen = well(&mut DiskSampler::new([path.clone()]).uses(&uses));
    assert_eq!(seen[0].labels, labels(&[("path", path.to_str().unwrap()), ("use", "log")]));
    assert_eq!(value(&well(&mut DiskSampler::new([PathBuf::from("/proc")])), "disk_used_percent", &[("path", "/proc")]), 0.0);
}

fn sensors(root: &Path) -> Vec<(String, f64)> {
    let seen = well(&mut TemperatureSampler::new(root));
    assert!(seen.iter().all(|seen| seen.metric == "temperature_celsius"));
    seen.iter().map(|seen| (seen.labels.get("sensor").to_owned(), seen.value)).collect()
}

#[test]
fn temperatures_come_from_chips_and_zones_each_once() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(sensors(root.path()), [], "no sensors at all");
    let chip = |number: u32, files: &[(&str, &str)]| {
        for (name, text) in files {
            write(root.path(), &format!("class/hwmon/hwmon{number}/{name}"), text);
        }
    };
    let core =
        [("name", "coretemp\n"), ("temp1_input", "51000\n"), ("temp1_label", "Package id 0\n"), ("temp2_input", "-4500\n")];
    chip(2, &core);
    chip(10, &[("name", "coretemp\n"), ("temp2_input", "99000\n"), ("fan1_input", "1200\n"), ("temp2_crit", "100000\n")]);
    let model = ("device/model", "FASTDISK 1TB  \n");
    chip(3, &[("name", "nvme\n"), ("temp1_input", "41850\n"), ("temp1_label", "Composite\n"), model]);
    chip(4, &[("name", "acpitz\n"), ("temp1_input", "27800\n")]);
    let zone = |number: u32, kind: &str, temperature: &str| {
        write(root.path(), &format!("class/thermal/thermal_zone{number}/type"), kind);
        write(root.path(), &format!("class/thermal/thermal_zone{number}/temp"), temperature);
    };
    zone(0, "acpitz\n", "27800\n");
    zone(1, "x86_pkg_temp\n", "52000\n");
    zone(2, "skin\n", "33000\n");
    zone(3, "skin\n", "35000\n");
    write(root.path(), "class/thermal/cooling_device0/type", "Fan\n");
    let expected = [
        ("coretemp Package id 0", 51.0),
        ("coretemp temp2", -4.5),
        ("nvme Composite FASTDISK 1TB", 41.85),
        ("acpitz temp1", 27.8),
        // Another socket: of the same name, and twice as hot.
        ("coretemp temp2 (hwmon10 temp2)", 99.0),
        ("x86_pkg_temp", 52.0),
        ("skin", 33.0),
        ("skin (thermal_zone3)", 35.0),
    ];
    assert_eq!(sensors(root.path()), expected.map(|(name, celsius)| (name.to_owned(), celsius)));
    // A sensor that doesn't answer is silent, and keeps its name from the next one.
    fs::remove_file(root.path().join("class/hwmon/hwmon2/temp2_input")).unwrap();
    fs::create_dir(root.path().join("class/hwmon/hwmon2/temp2_input")).unwrap();
    assert!(sensors(root.path()).iter().all(|(name, _)| name != "coretemp temp2"));
    zone(1, "x86_pkg_temp\n", "warm\n");
    let told = wrong(&mut TemperatureSampler::new(root.path()));
    assert!(told.ends_with("thermal_zone1/temp: \"warm\" is not a number of thousandths of a degree"), "{told}");
}

#[test]
fn a_sensor_of_the_machine_is_plausible_where_there_is_one() {
    for (sensor, celsius) in sensors(Path::new("/sys")) {
        assert!((-60.0..250.0).contains(&celsius), "{sensor}: {celsius}");
    }
}

/// The processor time of this process as the kernel counts it, in steps of 10 ms; and when that was.
fn used() -> (f64, Instant) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let after_name: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = after_name[11..13].iter().map(|word| word.parse::<f64>().unwrap()).sum();
    (ticks / 100.0, Instant::now())
}

/// Keeps a processor busy for a while; how much of one this process had meanwhile, in percent.
fn busy() -> f64 {
    let before = used();
    while before.1.elapsed() < Duration::from_millis(400) {
        std::hint::spin_loop();
    }
    let after = used();
    100.0 * (after.0 - before.0) / (after.1 - before.1).as_secs_f64()
}

/// A process that is ended with the test.
struct Running(Child);

impl Running {
    /// Starts it and waits until it sleeps: while it is still being loaded, its pages grow under whoever counts them.
    fn start(seconds: &str) -> Self {
        let started = Self(Command::new("sleep").arg(seconds).spawn().unwrap());
        let status = format!("/proc/{}/status", started.0.id());
        let mut before = String::new();
        loop {
            let now: String =
                fs::read_to_string(&status).unwrap().lines().take_while(|line| !line.starts_with("Threads")).collect();
            if now == before && now.contains("sleep") && now.contains("S (sleeping)") && now.contains("VmRSS") {
                return started;
            }
            before = now;
            sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn of<'a>(seen: &'a [Measurement], process: &'a str) -> impl Fn(&str) -> f64 + 'a {
    move |metric| value(seen, metric, &[("process", process)])
}

#[test]
fn a_process_by_its_pid_file_is_up_until_it_ends_and_counts_its_starts() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let wanted = ProcessMatch { name: "job".into(), pid_file: Some(pid_file.clone()), ..ProcessMatch::default() };
    let mut sampler = ProcessSampler::new([wanted]);
    let seen = well(&mut sampler);
    assert_eq!((of(&seen, "job")("process_up"), of(&seen, "job")("process_starts_total")), (0.0, 0.0), "there is no file yet");
    let mut first = Running::start("1000");
    fs::write(&pid_file, format!("{}\n", first.0.id())).unwrap();
    let seen = well(&mut sampler);
    let job = of(&seen, "job");
    assert_eq!((job("process_up"), job("process_count"), job("process_starts_total")), (1.0, 1.0, 1.0));
    let status = fs::read_to_string(format!("/proc/{}/status", first.0.id())).unwrap();
    let resident: f64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim().trim_end_matches(" kB").parse().unwrap();
    assert!((job("process_memory_bytes") - 1024.0 * resident).abs() < 1e6, "{}", job("process_memory_bytes"));
    assert!(job("process_cpu_percent") < 50.0, "it sleeps");
    first.0.kill().unwrap();
    sleep(Duration::from_millis(100));
    assert_eq!(of(&well(&mut sampler), "job")("process_up"), 0.0, "a zombie is not up");
    first.0.wait().unwrap();
    assert_eq!(of(&well(&mut sampler), "job")("process_up"), 0.0);
    let second = Running::start("1000");
    fs::write(&pid_file, second.0.id().to_string()).unwrap();
    let seen = well(&mut sampler);
    assert_eq!((of(&seen, "job")("process_up"), of(&seen, "job")("process_starts_total")), (1.0, 2.0));
    for rubbish in ["", "none", "-5", "0", "99999999999"] {
        fs::write(&pid_file, rubbish).unwrap();
        let (seen, errors) = sample(&mut sampler);
        assert!(errors[0].to_string().ends_with(&format!("{rubbish:?} is not a process id")), "{errors:?}");
        assert!(seen.is_empty(), "neither up nor down");
    }
}

#[test]
fn processes_by_name_or_program_are_counted_together() {
    // A program that nobody else runs.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("dsmil-counted");
    fs::copy("/bin/sleep", &program).unwrap();
    let run = || Running(Command::new(&program).arg("1000").spawn().unwrap());
    let by_name = ProcessMatch { name: "name".into(), command: Some("dsmil-counted".into()), ..ProcessMatch::default() };
    let by_exe = ProcessMatch { name: "exe".into(), exe: Some(program.clone()), ..ProcessMatch::default() };
    let both = ProcessMatch { name: "none".into(), command: Some("other".into()), exe: Some(program.clone()), pid_file: None };
    let this = ProcessMatch { name: "this".into(), exe: Some(std::env::current_exe().unwrap()), ..ProcessMatch::default() };
    let mut sampler = ProcessSampler::new([by_name, by_exe, both, this]);
    let running = [run(), run()];
    let seen = well(&mut sampler);
    for name in ["name", "exe"] {
        let job = of(&seen, name);
        assert_eq!((job("process_up"), job("process_count"), job("process_starts_total")), (1.0, 2.0, 2.0), "{name}");
    }
    assert_eq!(of(&seen, "none")("process_up"), 0.0, "all that is given must fit");
    assert!(!has(&seen, "process_cpu_percent"), "since when?");
    let expected = busy();
    let seen = well(&mut sampler);
    let measured = of(&seen, "this")("process_cpu_percent");
    // Other tests are part of this process, and the machine may be busy with something else.
    assert!(measured > 3.0 && (measured - expected).abs() < 25.0, "{measured} and {expected}");
    assert!(of(&seen, "name")("process_cpu_percent") < 30.0, "they sleep");
    drop(running);
    let seen = well(&mut sampler);
    assert_eq!((of(&seen, "name")("process_up"), of(&seen, "name")("process_count")), (0.0, 0.0));
}

#[test]
fn the_own_process_is_measured_against_its_clock_and_its_pages() {
    let mut sampler = OwnSampler::new();
    let first = well(&mut sampler);
    assert!(!has(&first, "monitor_cpu_percent"), "since when?");
    let expected = busy();
    let seen = well(&mut sampler);
    let measured = value(&seen, "monitor_cpu_percent", &[]);
    assert!(measured > 3.0 && (measured - expected).abs() < 25.0, "{measured} and {expected}");
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident: f64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim().trim_end_matches(" kB").parse().unwrap();
    let measured = value(&seen, "monitor_memory_bytes", &[]);
    assert!((measured / (1024.0 * resident) - 1.0).abs() < 0.3, "{measured} and {resident} KiB");
    assert_eq!(seen[0].labels, labels(&[]));
}
