//! The simulated device: served as a file, or behind a handle in this process.

use std::ffi::{CString, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dsmil::sim::{Config, Counters, Faults, Server};
use dsmil::{DeviceId, RequestCode, SharedModel};

use crate::call::call;
use crate::device::{device, dsmil_device};
use crate::failure::Failure;
use crate::library::give;
use crate::pointer::{Out, free, handle, optional_text, path, shared, text};
use crate::status::dsmil_status;

/// A simulated device that is served as a file on which any program's ioctl works. Threads may share it.
pub struct dsmil_server {
    /// `None` once stopped.
    server: Mutex<Option<Server>>,
    device_path: CString,
}

impl dsmil_server {
    fn lock(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, act: impl FnOnce(&Server) -> T) -> Result<T, Failure> {
        self.lock().as_ref().map(act).ok_or_else(|| not_simulated("the service has been stopped"))
    }
}

fn not_simulated(what: &str) -> Failure {
    Failure::new(dsmil_status::DSMIL_ERROR_NOT_SIMULATED, what)
}

fn parse_faults(faults: &str) -> Result<Faults, Failure> {
    Ok(Faults::parse(faults, Path::new("faults"))?)
}

fn request_of(number: i32) -> Result<RequestCode, Failure> {
    let found = RequestCode::ALL.into_iter().find(|request| i32::from(request.number()) == number);
    found.ok_or_else(|| Failure::argument("request", &format!("{number} is no request: they are numbered 1 to 11")))
}

/// The simulated driver in this process behind a device.
///
/// # Safety
/// As for [`shared`].
unsafe fn model(device: *const dsmil_device) -> Result<SharedModel, Failure> {
    // SAFETY: as promised to this function.
    let model = unsafe { self::device(device) }?.model();
    model.ok_or_else(|| not_simulated("there is no open simulated device in this process behind the handle"))
}

/// # Safety
/// As for [`shared`].
unsafe fn device_counters(device: *const dsmil_device) -> Result<Counters, Failure> {
    // SAFETY: as promised to this function.
    let model = unsafe { model(device) }?;
    let model = model.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(model.counters().clone())
}

/// Serves a simulated device in a directory, which is made if it isn't there and must be empty: the device is the file
/// `dsmil-72dev` in it, beside `counters.json` and `faults.toml`. `options` ("seed=7,firmware-limit=none") and `faults` (the
/// text of a fault file) may be NULL. Root needs nothing else; other users need fusermount3. The service runs on threads
/// of this process: a child made by fork() has none of it.
///
/// *server is to be freed with dsmil_server_free(). Blocks until the device answers. Any thread.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _SIM_OPTION, _SIM_FAULTS, _SIM_PLACE, _SIM_MOUNT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_sim_serve(
    directory: *const c_char,
    options: *const c_char,
    faults: *const c_char,
    server: *mut *mut dsmil_server,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(server, "server") }?;
        // SAFETY: the header asks for a string.
        let directory = unsafe { path(directory, "directory") }?;
        // SAFETY: the header asks for NULL or strings.
        let (options, faults) = unsafe { (optional_text(options, "options")?, optional_text(faults, "faults")?) };
        let config = Config::parse_options(options.unwrap_or_default())?;
        let faults = faults.map_or_else(|| Ok(Faults::none()), parse_faults)?;
        let server = Server::start(directory, config, faults)?;
        let device_path = CString::new(server.device_path().as_os_str().as_bytes()).unwrap_or_default();
        out.set(handle(dsmil_server { server: Mutex::new(Some(server)), device_path }));
        Ok(())
    })
}

/// The path of the served device; NULL for NULL.
///
/// The text belongs to the server. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_server_device_path(server: *const dsmil_server) -> *const c_char {
    // SAFETY: the header asks for NULL or a live server.
    unsafe { server.as_ref() }.map_or(std::ptr::null(), |server| server.device_path.as_ptr())
}

/// Replaces the faults of a served device by those of a text; "" is none.
///
/// Blocks for a request in progress at most. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _SIM_FAULTS (the old ones stay), _NOT_SIMULATED (it has been stopped).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_server_set_faults(server: *const dsmil_server, faults: *const c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live server.
        let server = unsafe { shared(server, "server") }?;
        // SAFETY: the header asks for a string.
        let faults = parse_faults(unsafe { text(faults, "faults") }?)?;
        server.with(|server| server.set_faults(faults))
    })
}

/// What was asked of a served device, as one line of JSON.
///
/// *json is to be freed with dsmil_string_free(). Blocks for a request in progress at most. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _NOT_SIMULATED (it has been stopped).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_server_counters(server: *const dsmil_server, json: *mut *mut c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(json, "json") }?;
        // SAFETY: the header asks for NULL or a live server.
        out.set(give(&unsafe { shared(server, "server") }?.with(Server::counters)?.to_json()));
        Ok(())
    })
}

/// How often a served device was asked for an id, in whichever way.
///
/// Blocks for a request in progress at most. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _NOT_SIMULATED (it has been stopped).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_server_accesses(server: *const dsmil_server, id: u16, count: *mut u64) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(count, "count") }?;
        // SAFETY: the header asks for NULL or a live server.
        let counters = unsafe { shared(server, "server") }?.with(Server::counters)?;
        out.set(counters.id(DeviceId::new(id)).total());
        Ok(())
    })
}

/// How often a request (one of dsmil_request) was made of a served device.
///
/// Blocks for a request in progress at most. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such request), _NOT_SIMULATED (it has been stopped).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_server_requests(server: *const dsmil_server, request: i32, count: *mut u64) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(count, "count") }?;
        // SAFETY: the header asks for NULL or a live server.
        let server = unsafe { shared(server, "server") }?;
        out.set(server.with(Server::counters)?.requests(request_of(request)?));
        Ok(())
    })
}

/// Ends the service and says whether that went well. The handle stays. Stopping twice is fine.
///
/// Blocks until the kernel has let go: at most 5 s. Threads may share. Errors: DSMIL_ERROR_NULL, _SIM_END.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_server_stop(server: *const dsmil_server) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live server.
        let taken = unsafe { shared(server, "server") }?.lock().take();
        taken.map_or(Ok(()), |server| Ok(server.stop()?))
    })
}

/// Ends the service, if it isn't yet, and frees the handle. NULL is fine.
///
/// Blocks as dsmil_server_stop(). No other thread may be using the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_server_free(server: *mut dsmil_server) {
    // SAFETY: the header asks for NULL or a server that is not used again.
    unsafe { free(server) }
}

/// Replaces the faults of a simulated device in this process by those of a text; "" is none.
///
/// Blocks for at most the turn's time-out. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _SIM_FAULTS (the old ones stay), _NOT_SIMULATED (also once it is closed).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_sim_set_faults(device: *const dsmil_device, faults: *const c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live device.
        let model = unsafe { model(device) }?;
        // SAFETY: the header asks for a string.
        let faults = parse_faults(unsafe { text(faults, "faults") }?)?;
        model.lock().unwrap_or_else(PoisonError::into_inner).set_faults(faults);
        Ok(())
    })
}

/// What was asked of a simulated device in this process, as one line of JSON.
///
/// *json is to be freed with dsmil_string_free(). Blocks for at most the turn's time-out. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _NOT_SIMULATED (also once it is closed).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_sim_counters(device: *const dsmil_device, json: *mut *mut c_char) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(json, "json") }?;
        // SAFETY: the header asks for NULL or a live device.
        out.set(give(&unsafe { device_counters(device) }?.to_json()));
        Ok(())
    })
}

/// How often a simulated device in this process was asked for an id, in whichever way.
///
/// Blocks for at most the turn's time-out. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _NOT_SIMULATED (also once it is closed).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_sim_accesses(device: *const dsmil_device, id: u16, count: *mut u64) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(count, "count") }?;
        // SAFETY: the header asks for NULL or a live device.
        out.set(unsafe { device_counters(device) }?.id(DeviceId::new(id)).total());
        Ok(())
    })
}

/// How often a request (one of dsmil_request) was made of a simulated device in this process.
///
/// Blocks for at most the turn's time-out. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such request), _NOT_SIMULATED (also once it is closed).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_sim_requests(device: *const dsmil_device, request: i32, count: *mut u64) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(count, "count") }?;
        // SAFETY: the header asks for NULL or a live device.
        let counters = unsafe { device_counters(device) }?;
        out.set(counters.requests(request_of(request)?));
        Ok(())
    })
}
