//! What went wrong last on this thread, in detail.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::io;
use std::path::Path;
use std::ptr;

use dsmil::audit::AuditError;
use dsmil::sim::SimError;
use dsmil::{Error, Interference};

use crate::call::call;
use crate::pointer::Out;
use crate::status::dsmil_status;

/// The last failure of a call on this thread. What does not apply is 0, false or NULL. The texts live until the
/// next call that fails on this thread, and nobody frees them.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct dsmil_error_detail {
    /// The status that the call returned; DSMIL_OK if none has failed yet.
    pub status: dsmil_status,
    /// The errno that the driver or the kernel gave, or the one that comes nearest; 0 where none does.
    pub os_error: i32,
    /// The name of the kind of failure, the same in every language: "denied", "protocol".
    pub kind: *const c_char,
    /// The name of what was wrong with the driver's answer ("total-chunks-zero"), or NULL.
    pub fault: *const c_char,
    /// The key of the rule that denied ("permanent/0x8009"), or NULL.
    pub rule_key: *const c_char,
    /// The file that was at fault (a gate file, a configuration, the lock of a state directory), or NULL.
    pub file: *const c_char,
    /// The key in that file, such as `rule[2].window`, or NULL.
    pub key: *const c_char,
    /// Everything in words: the operation, the device, how far it got, what to do.
    pub message: *const c_char,
    /// Payload bytes of a transfer that were accepted before it broke off.
    pub bytes_done: u64,
    /// The line in `file`, from 1; 0 where it is not known.
    pub line: u32,
    /// The column in that line, from 1; 0 where it is not known.
    pub column: u32,
    /// The chunk that was due, if has_chunk.
    pub chunk: u32,
    /// The state that the driver put into the device's record all the same, if has_device_state.
    pub device_state: u32,
    /// The device that was concerned, if has_id.
    pub id: u16,
    /// Whether id means something.
    pub has_id: bool,
    /// Whether chunk and bytes_done mean something.
    pub has_chunk: bool,
    /// Whether device_state means something.
    pub has_device_state: bool,
    /// Of a denial: a rule names this device. False: nothing allows it.
    pub is_explicit: bool,
    /// Of a deadline: the call was stuck in the kernel and was got out of there.
    pub was_interrupted: bool,
}

/// A failure on its way out.
#[derive(Debug)]
pub struct Failure {
    status: dsmil_status,
    kind: &'static CStr,
    fault: Option<&'static CStr>,
    rule_key: Option<CString>,
    /// Boxed: few failures have one, and all are handed from function to function.
    spot: Option<Box<Spot>>,
    message: CString,
    os_error: i32,
    id: Option<u16>,
    place: Option<(u32, usize)>,
    state: Option<u32>,
    is_explicit: bool,
    was_interrupted: bool,
}

/// Where in what file something is wrong.
#[derive(Debug, Default)]
struct Spot {
    file: Option<CString>,
    key: Option<CString>,
    line: u32,
    column: u32,
}

thread_local! {
    static LAST: RefCell<Option<Failure>> = const { RefCell::new(None) };
}

/// A zero within a text would end it in C: it is shown.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\\0")).unwrap_or_default()
}

impl Failure {
    pub(crate) fn new(status: dsmil_status, message: &str) -> Self {
        Self {
            status,
            kind: status.name(),
            fault: None,
            rule_key: None,
            spot: None,
            message: c_text(message),
            os_error: 0,
            id: None,
            place: None,
            state: None,
            is_explicit: false,
            was_interrupted: false,
        }
    }

    #[cold]
    pub(crate) fn null(name: &str) -> Self {
        Self::new(dsmil_status::DSMIL_ERROR_NULL, &format!("{name} is NULL"))
    }

    pub(crate) fn argument(name: &str, what: &str) -> Self {
        Self::new(dsmil_status::DSMIL_ERROR_ARGUMENT, &format!("{name}: {what}"))
    }

    /// A failure by its stable name.
    pub(crate) fn of_kind(kind: &str, message: &str) -> Self {
        Self::new(dsmil_status::of_name(kind).unwrap_or(dsmil_status::DSMIL_ERROR_UNKNOWN), message)
    }

    /// About this file.
    pub(crate) fn in_file(mut self, file: impl AsRef<Path>) -> Self {
        self.spot.get_or_insert_default().file = Some(c_text(&file.as_ref().to_string_lossy()));
        self
    }

    /// At this line and column, from 1; 0 where they are not known.
    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        let number = |number| u32::try_from(number).unwrap_or(0);
        let spot = self.spot.get_or_insert_default();
        (spot.line, spot.column) = (number(line), number(column));
        self
    }

    /// About this key.
    pub(crate) fn about(mut self, key: Option<&str>) -> Self {
        self.spot.get_or_insert_default().key = key.map(c_text);
        self
    }

    /// With what the system said.
    pub(crate) fn because(mut self, source: &io::Error) -> Self {
        self.os_error = source.raw_os_error().unwrap_or_default();
        self
    }

    pub(crate) fn panic(text: &str) -> Self {
        Self::new(dsmil_status::DSMIL_ERROR_PANIC, &format!("a fault of the library itself, please report it: {text}"))
    }

    /// Keeps the failure for this thread, and gives its status. A thread that is being torn down keeps none.
    pub(crate) fn keep(self) -> dsmil_status {
        let status = self.status;
        let _ = LAST.try_with(|last| *last.borrow_mut() = Some(self));
        status
    }

    #[cfg(test)]
    pub(crate) fn kind_name(&self) -> &str {
        self.kind.to_str().unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn file_name(&self) -> Option<&str> {
        self.spot.as_ref().and_then(|spot| spot.file.as_ref()?.to_str().ok())
    }

    fn detail(&self) -> dsmil_error_detail {
        let (chunk, bytes_done) = self.place.unwrap_or_default();
        let spot = self.spot.as_deref();
        dsmil_error_detail {
            status: self.status,
            os_error: self.os_error,
            kind: self.kind.as_ptr(),
            fault: self.fault.map_or(ptr::null(), CStr::as_ptr),
            rule_key: self.rule_key.as_ref().map_or(ptr::null(), |key| key.as_ptr()),
            file: spot.and_then(|spot| spot.file.as_ref()).map_or(ptr::null(), |file| file.as_ptr()),
            key: spot.and_then(|spot| spot.key.as_ref()).map_or(ptr::null(), |key| key.as_ptr()),
            message: self.message.as_ptr(),
            bytes_done: bytes_done as u64,
            line: spot.map_or(0, |spot| spot.line),
            column: spot.map_or(0, |spot| spot.column),
            chunk,
            device_state: self.state.unwrap_or_default(),
            id: self.id.unwrap_or_default(),
            has_id: self.id.is_some(),
            has_chunk: self.place.is_some(),
            has_device_state: self.state.is_some(),
            is_explicit: self.is_explicit,
            was_interrupted: self.was_interrupted,
        }
    }
}

/// The status by the error's stable name: of the fault where the driver's answer is at fault, of the kind otherwise.
fn status_of(error: &Error) -> dsmil_status {
    let fault = if matches!(error, Error::Protocol { .. }) { error.fault() } else { None };
    fault
        .and_then(|fault| dsmil_status::of_name(fault.name()))
        .or_else(|| dsmil_status::of_name(error.kind()))
        .unwrap_or(dsmil_status::DSMIL_ERROR_UNKNOWN)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut failure = Self::new(status_of(&error), &error.to_string());
        failure.kind = dsmil_status::of_name(error.kind()).map_or(failure.kind, dsmil_status::name);
        failure.fault = error.fault().and_then(|fault| dsmil_status::of_name(fault.name())).map(dsmil_status::name);
        failure.os_error = error.errno().map_or(0, |errno| errno as i32);
        failure.id = error.id().map(u16::from);
        match &error {
            Error::Denied { denied, .. } => {
                failure.rule_key = Some(c_text(&denied.key()));
                failure.is_explicit = denied.is_explicit();
            }
            Error::Protocol { source, .. } | Error::Contended { last: Interference::Session(source), .. } => {
                failure.place = Some((source.chunk, source.bytes_done));
            }
            Error::Contended { last: Interference::Closed { chunk, bytes_done }, .. } => {
                failure.place = Some((*chunk, *bytes_done));
            }
            Error::Request { state, chunk, bytes_done, .. } => {
                failure.state = state.map(dsmil::State::number);
                failure.place = chunk.map(|chunk| (chunk, *bytes_done));
            }
            Error::Deadline { interrupted, .. } => failure.was_interrupted = *interrupted,
            _ => {}
        }
        failure
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        let mut failure = Self::new(dsmil_status::DSMIL_ERROR_AUDIT, &error.to_string());
        if let AuditError::Io { source, .. } | AuditError::Full { source, .. } = &error {
            failure.os_error = source.raw_os_error().unwrap_or_default();
        }
        failure
    }
}

impl From<SimError> for Failure {
    fn from(error: SimError) -> Self {
        let (status, os_error) = match &error {
            SimError::Option { .. } => (dsmil_status::DSMIL_ERROR_SIM_OPTION, None),
            SimError::Faults { .. } => (dsmil_status::DSMIL_ERROR_SIM_FAULTS, None),
            SimError::Read { source, .. } => (dsmil_status::DSMIL_ERROR_SIM_READ, source.raw_os_error()),
            SimError::Place { .. } => (dsmil_status::DSMIL_ERROR_SIM_PLACE, None),
            SimError::Mount { source, .. } => (dsmil_status::DSMIL_ERROR_SIM_MOUNT, source.raw_os_error()),
            SimError::End { source, .. } => (dsmil_status::DSMIL_ERROR_SIM_END, source.raw_os_error()),
            SimError::Signals(errno) => (dsmil_status::DSMIL_ERROR_SIM_SIGNALS, Some(*errno as i32)),
            _ => (dsmil_status::DSMIL_ERROR_UNKNOWN, None),
        };
        let mut failure = Self::new(status, &error.to_string());
        failure.os_error = os_error.unwrap_or_default();
        failure
    }
}

/// The last failure on this thread in words; "" if there was none.
///
/// The text belongs to the library and lives until the next call that fails on this thread. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_last_error_message() -> *const c_char {
    let text = LAST.try_with(|last| last.borrow().as_ref().map(|failure| failure.message.as_ptr()));
    text.ok().flatten().unwrap_or(c"".as_ptr())
}

/// The last failure on this thread in detail. Its status is DSMIL_OK if no call has failed on this thread.
///
/// The texts in it belong to the library and live until the next call that fails on this thread. Never blocks.
/// Errors: DSMIL_ERROR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_last_error(detail: *mut dsmil_error_detail) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(detail, "detail") }?;
        let none = || {
            let mut none = Failure::new(dsmil_status::DSMIL_OK, "").detail();
            none.message = c"".as_ptr();
            none
        };
        out.set(LAST.with(|last| last.borrow().as_ref().map_or_else(none, Failure::detail)));
        Ok(())
    })
}
