//! How a monitor is started.

use std::env;
use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dsmil::gate::GateFile;
use dsmil::monitor::{MonitorConfig, Start};
use dsmil::{BackendSpec, Device, OpenOptions, POLICY_VARIABLE, RunDir};

use crate::call::call;
use crate::failure::Failure;
use crate::gate::{dsmil_gate, load};
use crate::label::metric as metric_of;
use crate::metrics::{Described, dsmil_sampler_function};
use crate::options::dsmil_options;
use crate::pointer::{exclusive, free, handle, optional_text, path as path_of, shared, text};
use crate::running::{Context, Running};
use crate::status::dsmil_status;

/// Names the state directory where nothing else does.
const STATE_DIR_VARIABLE: &str = "DSMIL_STATE_DIR";
/// The longest interval and time-out of a sampler, in milliseconds: a day.
const LONGEST: u64 = 86_400_000;

/// How a monitor is started: make options, set what is wanted, start with them as often as is wanted, free them.
pub struct dsmil_monitor_options {
    pub(crate) source: Source,
    device: Option<BackendSpec>,
    device_options: Option<OpenOptions>,
    run_dir: Option<PathBuf>,
    policy: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    samplers: Vec<Described>,
}

/// Where configuration and gates come from; it is looked at again for a reload.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    config: Config,
    gates: Vec<(String, GateFile)>,
}

#[derive(Clone, Debug, Default)]
enum Config {
    /// Everything at its default.
    #[default]
    Standard,
    File(PathBuf),
    Text {
        content: String,
        name: String,
    },
}

impl Source {
    /// The configuration and the gates, as they are now. Blocks for the files.
    pub(crate) fn read(&self) -> Result<(MonitorConfig, Vec<(String, GateFile)>), Failure> {
        let config = match &self.config {
            Config::Standard => MonitorConfig::standard(),
            Config::File(path) => MonitorConfig::load(path)?,
            Config::Text { content, name } => MonitorConfig::parse(content, name)?,
        };
        // The gate file itself tells the line.
        let precisely = |path: &PathBuf| load(path).err();
        let gates = config.read_gates();
        let mut gates = gates.map_err(|error| config.gates.iter().find_map(precisely).unwrap_or_else(|| error.into()))?;
        gates.extend(self.gates.iter().cloned());
        Ok((config, gates))
    }
}

impl dsmil_monitor_options {
    pub(crate) fn start(&self, running: &Arc<Running>) -> Result<Start, Failure> {
        let (config, gates) = self.source.read()?;
        let spec = match (&self.device, &config.device) {
            (Some(spec), _) => spec.clone(),
            (None, Some(text)) => text.parse()?,
            (None, None) => BackendSpec::from_environment()?,
        };
        let run_dir = RunDir::resolve(self.run_dir.as_deref(), spec.is_in_process())?;
        let policy = self.policy.clone().or_else(|| from_environment(POLICY_VARIABLE));
        let options = self.device_options.clone().unwrap_or_else(Device::options).run_dir(&run_dir);
        let options = policy.iter().fold(options, OpenOptions::policy);
        let state_dir = self.state_dir.clone().or_else(|| from_environment(STATE_DIR_VARIABLE)).or(config.state_dir.clone());
        let nowhere = || Failure::argument("state_dir", "it is not set, neither here nor in the configuration: name a directory");
        Ok(Start {
            state_dir: state_dir.ok_or_else(nowhere)?,
            config_path: if let Config::File(path) = &self.source.config { Some(path.clone()) } else { None },
            config,
            gates,
            spec,
            options,
            run_dir,
            policy,
            callbacks: self.samplers.iter().map(|sampler| sampler.scheduled(running)).collect(),
            workers: None,
        })
    }
}

fn from_environment(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// # Safety
/// As for [`exclusive`].
unsafe fn change(
    options: *mut dsmil_monitor_options,
    change: impl FnOnce(&mut dsmil_monitor_options) -> Result<(), Failure>,
) -> dsmil_status {
    // SAFETY: as promised to this function.
    call(|| change(unsafe { exclusive(options, "options") }?))
}

/// New options, each at its default. Never NULL; free them with dsmil_monitor_options_free(). Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_monitor_options_new() -> *mut dsmil_monitor_options {
    handle(dsmil_monitor_options {
        source: Source::default(),
        device: None,
        device_options: None,
        run_dir: None,
        policy: None,
        state_dir: None,
        samplers: Vec::new(),
    })
}

/// Frees options. NULL is fine; monitors that were started with them go on. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_options_free(options: *mut dsmil_monitor_options) {
    // SAFETY: the header asks for NULL or options that are not used again.
    unsafe { free(options) }
}

/// The configuration file (the path is copied; it is read at the start). It must belong to root or to this user, and
/// nobody else may write to it: it names commands that are run. Its endpoint is not served: that is for the command
/// `dsmil monitor`. Default: none, with everything at its default.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_options_set_config(
    options: *mut dsmil_monitor_options,
    path: *const c_char,
) -> dsmil_status {
    // SAFETY: the header asks for live options and a string.
    unsafe {
        change(options, |options| {
            options.source.config = Config::File(path_of(path, "path")?.to_path_buf());
            Ok(())
        })
    }
}

/// The text of a configuration (copied) in place of a file; `name` stands for the file in messages, NULL is "config".
/// Paths in it count from the working directory. It is read at the start.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_options_set_config_text(
    options: *mut dsmil_monitor_options,
    content: *const c_char,
    name: *const c_char,
) -> dsmil_status {
    // SAFETY: the header asks for live options, a string, and NULL or one.
    unsafe {
        change(options, |options| {
            let (content, name) = (text(content, "content")?, optional_text(name, "name")?);
            options.source.config = Config::Text { content: content.to_owned(), name: name.unwrap_or("config").to_owned() };
            Ok(())
        })
    }
}

/// Gates beside those of the configuration (what their file says is copied); `name` stands for the file. A rule's
/// name must be unique among all.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_options_add_gate(
    options: *mut dsmil_monitor_options,
    name: *const c_char,
    gate: *const dsmil_gate,
) -> dsmil_status {
    // SAFETY: the header asks for live options, a string, and a live gate.
    unsafe {
        change(options, |options| {
            let (name, gate) = (text(name, "name")?, shared(gate, "gate")?);
            options.source.gates.push((name.to_owned(), gate.file().clone()));
            Ok(())
        })
    }
}

/// The device, as dsmil_device_open() takes it (copied). Default: what the configuration says, or DSMIL_DEVICE, or
/// /dev/dsmil-72dev.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT, _SPEC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_options_set_device(
    options: *mut dsmil_monitor_options,
    spec: *const c_char,
) -> dsmil_status {
    // SAFETY: the header asks for live options and a string.
    unsafe {
        change(options, |options| {
            options.device = Some(text(spec, "spec")?.parse()?);
            Ok(())
        })
    }
}

/// How the device is opened (copied): deadlines and tries. The run directory and the policy are those of these
/// options, not of those.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_options_set_device_options(
    options: *mut dsmil_monitor_options,
    device_options: *const dsmil_options,
) -> dsmil_status {
    // SAFETY: the header asks for live options of both kinds.
    unsafe {
        change(options, |options| {
            options.device_options = Some(shared(device_options, "device_options")?.get());
            Ok(())
        })
    }
}

/// The run directory (copied). Default: as for dsmil_options_set_run_dir().
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_options_set_run_dir(
    options: *mut dsmil_monitor_options,
    run_dir: *const c_char,
) -> dsmil_status {
    // SAFETY: the header asks for live options and a string.
    unsafe {
        change(options, |options| {
            options.run_dir = Some(path_of(run_dir, "run_dir")?.to_path_buf());
            Ok(())
        })
    }
}

/// One more policy file beside the machine's (copied). Default: as for dsmil_options_set_policy().
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_options_set_policy(
    options: *mut dsmil_monitor_options,
    policy: *const c_char,
) -> dsmil_status {
    // SAFETY: the header asks for live options and a string.
    unsafe {
        change(options, |options| {
            options.policy = Some(path_of(policy, "policy")?.to_path_buf());
            Ok(())
        })
    }
}

/// Where samples, states and logs are kept (copied); made with mode 0700 if it is missing. One monitor has it at a
/// time. Default: what DSMIL_STATE_DIR says, or the configuration. Without any of them nothing starts.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_options_set_state_dir(
    options: *mut dsmil_monitor_options,
    state_dir: *const c_char,
) -> dsmil_status {
    // SAFETY: the header asks for live options and a string.
    unsafe {
        change(options, |options| {
            options.state_dir = Some(path_of(state_dir, "state_dir")?.to_path_buf());
            Ok(())
        })
    }
}

/// Adds a sampler of the program: `function` is called with `context` every `interval_ms` and may take `timeout_ms`,
/// 1 to 86,400,000 both, on a thread of the library, from the start until dsmil_monitor_stop() returns DSMIL_OK or
/// dsmil_monitor_free() returns. The name is copied; it must be unique among all samplers.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_add_sampler(
    options: *mut dsmil_monitor_options,
    name: *const c_char,
    interval_ms: u64,
    timeout_ms: u64,
    function: dsmil_sampler_function,
    context: *mut c_void,
) -> dsmil_status {
    // SAFETY: the header asks for live options and a string.
    unsafe {
        change(options, |options| {
            let (name, function) = (text(name, "name")?, function.ok_or_else(|| Failure::null("function"))?);
            for (key, ms) in [("interval_ms", interval_ms), ("timeout_ms", timeout_ms)] {
                if !(1..=LONGEST).contains(&ms) {
                    return Err(Failure::argument(key, &format!("{ms} is not from 1 to {LONGEST}")));
                }
            }
            if name.is_empty() || options.samplers.iter().any(|sampler| sampler.name == name) {
                return Err(Failure::argument("name", &format!("{name:?} is empty, or another sampler has it")));
            }
            let (interval, timeout) = (Duration::from_millis(interval_ms), Duration::from_millis(timeout_ms));
            let (name, metrics, context) = (name.to_owned(), Vec::new(), Context(context));
            options.samplers.push(Described { name, interval, timeout, metrics, function, context });
            Ok(())
        })
    }
}

/// Says that a sampler that was added gives this metric (copied): if it fails, the metric can't be read, and rules
/// that look at it fail. A metric that it has given once is known without this.
///
/// Not to be called while another thread uses the options. Never blocks.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such sampler was added, or a name that is none).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_monitor_expect_metric(
    options: *mut dsmil_monitor_options,
    sampler: *const c_char,
    metric: *const c_char,
) -> dsmil_status {
    // SAFETY: the header asks for live options and strings.
    unsafe {
        change(options, |options| {
            let (name, metric) = (text(sampler, "sampler")?, metric_of(metric)?);
            let missing = || Failure::argument("sampler", &format!("no sampler {name} was added"));
            let sampler = options.samplers.iter_mut().find(|sampler| sampler.name == name);
            sampler.ok_or_else(missing)?.metrics.push(metric.to_owned());
            Ok(())
        })
    }
}
