//! How a device is opened.

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use dsmil::{Device, Limits, OpenOptions};

use crate::call::call;
use crate::failure::Failure;
use crate::pointer::{exclusive, free, handle, path};
use crate::status::dsmil_status;

/// How a device is opened: make one, set what differs from the default, open with it as often as is wanted, free it.
/// Ranges are checked when a device is opened.
pub struct dsmil_options {
    options: OpenOptions,
    limits: Limits,
}

impl dsmil_options {
    pub(crate) fn get(&self) -> OpenOptions {
        self.options.clone().limits(self.limits.clone())
    }
}

/// A function that is asked, whenever a call was interrupted or took over 20 ms, whether to break off. It runs on the
/// thread that uses the device, which it must not use itself.
pub type dsmil_interrupt_check = Option<unsafe extern "C" fn(context: *mut c_void) -> bool>;

struct Interrupt {
    check: unsafe extern "C" fn(context: *mut c_void) -> bool,
    context: *mut c_void,
}

// SAFETY: the header tells the caller that the function is called on any thread that uses the device.
unsafe impl Send for Interrupt {}
// SAFETY: as above.
unsafe impl Sync for Interrupt {}

impl Interrupt {
    fn ask(&self) -> bool {
        // SAFETY: the header asks for a function that may be called with this context as long as a device lives.
        unsafe { (self.check)(self.context) }
    }
}

/// # Safety
/// As for [`exclusive`].
unsafe fn change(options: *mut dsmil_options, change: impl FnOnce(&mut dsmil_options) -> Result<(), Failure>) -> dsmil_status {
    // SAFETY: as promised to this function.
    call(|| change(unsafe { exclusive(options, "options") }?))
}

/// New options, each at its default. Never NULL; free them with dsmil_options_free(). Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_options_new() -> *mut dsmil_options {
    handle(dsmil_options { options: Device::options(), limits: Limits::default() })
}

/// Frees options. NULL is fine; devices that were opened with them go on. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_free(options: *mut dsmil_options) {
    // SAFETY: the header asks for NULL or options that are not used again.
    unsafe { free(options) }
}

/// The run directory (copied). Default: what DSMIL_RUN_DIR says, or /var/lib/dsmil, or for a simulated device in the
/// process one of the user's own.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_run_dir(options: *mut dsmil_options, run_dir: *const c_char) -> dsmil_status {
    // SAFETY: the header asks for live options and a string.
    unsafe {
        change(options, |options| {
            options.options = options.options.clone().run_dir(path(run_dir, "run_dir")?);
            Ok(())
        })
    }
}

/// One more policy file beside /etc/dsmil/policy.toml (copied). Default: what DSMIL_POLICY says. One that can't be
/// used denies everything.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_policy(options: *mut dsmil_options, policy: *const c_char) -> dsmil_status {
    // SAFETY: the header asks for live options and a string.
    unsafe {
        change(options, |options| {
            options.options = options.options.clone().policy(path(policy, "policy")?);
            Ok(())
        })
    }
}

/// How long one request may take, in milliseconds: 100 by default, 1 to 86,400,000.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_call_deadline_ms(options: *mut dsmil_options, ms: u64) -> dsmil_status {
    // SAFETY: the header asks for live options.
    unsafe {
        change(options, |options| {
            options.limits.call_deadline = Duration::from_millis(ms);
            Ok(())
        })
    }
}

/// How long a whole operation may take with all its requests and repetitions, in milliseconds: 5,000 by default,
/// 1 to 86,400,000. Waiting for the turn is not counted.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_transfer_deadline_ms(options: *mut dsmil_options, ms: u64) -> dsmil_status {
    // SAFETY: the header asks for live options.
    unsafe {
        change(options, |options| {
            options.limits.transfer_deadline = Duration::from_millis(ms);
            Ok(())
        })
    }
}

/// How long other users of the device are waited for, in milliseconds: 10,000 by default, 1 to 86,400,000.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_turn_timeout_ms(options: *mut dsmil_options, ms: u64) -> dsmil_status {
    // SAFETY: the header asks for live options.
    unsafe {
        change(options, |options| {
            options.limits.turn_timeout = Duration::from_millis(ms);
            Ok(())
        })
    }
}

/// How many times one request is asked that fails for a moment (EIO, EAGAIN, EBUSY): 4 by default, 1 to 100.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_tries(options: *mut dsmil_options, tries: u32) -> dsmil_status {
    // SAFETY: the header asks for live options.
    unsafe {
        change(options, |options| {
            options.limits.tries = tries;
            Ok(())
        })
    }
}

/// How many times a transfer is begun that another program breaks: 8 by default, 1 to 100.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_attempts(options: *mut dsmil_options, attempts: u32) -> dsmil_status {
    // SAFETY: the header asks for live options.
    unsafe {
        change(options, |options| {
            options.limits.attempts = attempts;
            Ok(())
        })
    }
}

/// The pause before a second try, in microseconds: 1,000 by default, at most 1,000,000; twice as long before each
/// further one.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_back_off_us(options: *mut dsmil_options, us: u64) -> dsmil_status {
    // SAFETY: the header asks for live options.
    unsafe {
        change(options, |options| {
            options.limits.back_off = Duration::from_micros(us);
            Ok(())
        })
    }
}

/// Whether everything is checked and nothing asked: each operation then ends with DSMIL_ERROR_DRY_RUN where its first
/// request would have been made. Default: false.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_dry_run(options: *mut dsmil_options, dry_run: bool) -> dsmil_status {
    // SAFETY: the header asks for live options.
    unsafe {
        change(options, |options| {
            options.options = options.options.clone().dry_run(dry_run);
            Ok(())
        })
    }
}

/// A function that can break off a long call, which then ends with DSMIL_ERROR_INTERRUPTED. It is called with `context`
/// on whichever thread uses the device, as long as a device lives that was opened with these options; it must not
/// use the device, and must not leave by longjmp or a C++ exception.
///
/// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_options_set_interrupt(
    options: *mut dsmil_options,
    check: dsmil_interrupt_check,
    context: *mut c_void,
) -> dsmil_status {
    // SAFETY: the header asks for live options.
    unsafe {
        change(options, |options| {
            let check = check.ok_or_else(|| Failure::null("check"))?;
            let interrupt = Interrupt { check, context };
            options.options = options.options.clone().interrupt(Arc::new(move || interrupt.ask()));
            Ok(())
        })
    }
}
