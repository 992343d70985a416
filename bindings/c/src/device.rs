//! The device.

use std::ffi::{CString, c_char};
use std::os::fd::AsRawFd;
use std::slice;

use dsmil::{Device, DeviceId};

use crate::call::call;
use crate::failure::Failure;
use crate::options::dsmil_options;
use crate::pointer::{Out, free, handle, optional_text, shared};
use crate::quarantine::operation_of;
use crate::record::{DSMIL_MAX_READ_BYTES, dsmil_record, dsmil_system_status};
use crate::status::dsmil_status;

/// An open device. Threads may share it: one uses it at a time, the others wait for at most the turn's time-out. After
/// fork() the child's copy answers DSMIL_ERROR_FORKED to everything: the child frees it and opens the device anew.
pub struct dsmil_device {
    pub(crate) device: Device,
    name: CString,
}

/// The device behind a handle.
///
/// # Safety
/// As for [`shared`].
pub(crate) unsafe fn device<'a>(device: *const dsmil_device) -> Result<&'a Device, Failure> {
    // SAFETY: as promised to this function.
    Ok(&unsafe { shared(device, "device") }?.device)
}

/// Opens a device: a path, "sim:", "sim:seed=7", "record:FILE,DEVICE" or "replay:FILE". NULL takes what the environment's
/// DSMIL_DEVICE says, or /dev/dsmil-72dev. `options` may be NULL and are copied.
///
/// *device is to be freed with dsmil_device_free(). Blocks for one request. Any thread.
/// Errors: DSMIL_ERROR_NULL, _SPEC, _ARGUMENT (an option), _OPEN_..., _NOT_A_DEVICE, _NOT_INITIALISED, _RUN_DIRECTORY,
/// _STOPPED, _DEADLINE, _TRACE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_open(
    spec: *const c_char,
    options: *const dsmil_options,
    device: *mut *mut dsmil_device,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a pointer.
        let out = unsafe { Out::new(device, "device") }?;
        // SAFETY: the header asks for NULL or a string.
        let spec = unsafe { optional_text(spec, "spec") }?;
        // SAFETY: the header asks for NULL or live options.
        let options = unsafe { options.as_ref() }.map_or_else(Device::options, dsmil_options::get);
        let device = match spec {
            Some(spec) => options.open(spec)?,
            None => options.open_default()?,
        };
        let name = CString::new(device.name()).unwrap_or_default();
        out.set(handle(dsmil_device { device, name }));
        Ok(())
    })
}

/// Closes a device, after the operation of another thread if there is one. The handle stays and answers
/// DSMIL_ERROR_CLOSED from then on. Closing twice is fine.
///
/// Blocks for at most the turn's time-out. Threads may share. Errors: DSMIL_ERROR_NULL, _BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_close(device: *const dsmil_device) -> dsmil_status {
    // SAFETY: the header asks for NULL or a live device.
    call(|| Ok(unsafe { self::device(device) }?.close()?))
}

/// Closes a device and frees the handle. NULL is fine.
///
/// Never blocks for the device. No other thread may be using the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_free(device: *mut dsmil_device) {
    // SAFETY: the header asks for NULL or a device that is not used again.
    unsafe { free(device) }
}

/// What the device was opened as; NULL for NULL.
///
/// The text belongs to the handle. Never blocks; threads may share.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_name(device: *const dsmil_device) -> *const c_char {
    // SAFETY: the header asks for NULL or a live device.
    unsafe { device.as_ref() }.map_or(std::ptr::null(), |device| device.name.as_ptr())
}

/// The driver's version, 0x00MMmmpp.
///
/// Blocks for at most the transfer's deadline, and the turn's time-out for other threads. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, 4xx, 6xx.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_version(device: *const dsmil_device, version: *mut u32) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(version, "version") }?;
        // SAFETY: the header asks for NULL or a live device.
        out.set(unsafe { self::device(device) }?.version()?.0);
        Ok(())
    })
}

/// The driver's state.
///
/// Blocks for at most the transfer's deadline, and the turn's time-out for other threads. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, 4xx, 6xx.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_status(device: *const dsmil_device, status: *mut dsmil_system_status) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(status, "status") }?;
        // SAFETY: the header asks for NULL or a live device.
        out.set(unsafe { self::device(device) }?.status()?.into());
        Ok(())
    })
}

/// The temperature in degrees Celsius.
///
/// Blocks for at most the transfer's deadline, and the turn's time-out for other threads. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, 4xx (_REQUEST with EIO where no sensor answers), 6xx.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_thermal(device: *const dsmil_device, celsius: *mut i32) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(celsius, "celsius") }?;
        // SAFETY: the header asks for NULL or a live device.
        out.set(unsafe { self::device(device) }?.thermal()?);
        Ok(())
    })
}

/// What the driver knows of one device.
///
/// Blocks for at most the transfer's deadline, and the turn's time-out for other threads. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, _DENIED, 3xx, 4xx (_REQUEST with the device's state), _RECORD, 6xx.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_info(device: *const dsmil_device, id: u16, record: *mut dsmil_record) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for one.
        let out = unsafe { Out::new(record, "record") }?;
        // SAFETY: the header asks for NULL or a live device.
        out.set((&unsafe { self::device(device) }?.info(DeviceId::new(id))?).into());
        Ok(())
    })
}

/// The data of one device, 1 to DSMIL_MAX_READ_BYTES bytes. How many it will be nobody knows before, so that a buffer
/// of fewer than DSMIL_MAX_READ_BYTES bytes is refused before anything is asked. On failure it is left alone.
///
/// Blocks for at most the transfer's deadline, and twice the turn's time-out for other threads and processes. Threads
/// may share. Errors: DSMIL_ERROR_NULL, _BUFFER, _CLOSED, _FORKED, _DENIED, 3xx, 4xx, 5xx, 6xx.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_read(
    device: *const dsmil_device,
    id: u16,
    buffer: *mut u8,
    capacity: usize,
    length: *mut usize,
) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(length, "length") }?;
        // SAFETY: the header asks for NULL or a live device.
        let device = unsafe { self::device(device) }?;
        if buffer.is_null() {
            return Err(Failure::null("buffer"));
        }
        if capacity < DSMIL_MAX_READ_BYTES {
            let what =
                format!("the buffer has {capacity} bytes; a read needs room for {DSMIL_MAX_READ_BYTES}: nothing was asked");
            return Err(Failure::new(dsmil_status::DSMIL_ERROR_BUFFER, &what));
        }
        let data = device.read(DeviceId::new(id))?;
        // SAFETY: not NULL, and the header asks for room for `capacity` bytes, of which the first 4,928 are enough.
        let room = unsafe { slice::from_raw_parts_mut(buffer.cast::<std::mem::MaybeUninit<u8>>(), DSMIL_MAX_READ_BYTES) };
        let Some(room) = room.get_mut(..data.len()) else {
            return Err(Failure::panic("a read gave more than 4,928 bytes"));
        };
        room.write_copy_of_slice(&data);
        out.set(data.len());
        Ok(())
    })
}

/// Whether the quarantine would allow an operation (one of dsmil_operation) now: DSMIL_OK or DSMIL_ERROR_DENIED. A
/// question and not an attempt: it is not audited. dsmil_quarantine_check() answers faster, by a list taken before.
///
/// Blocks for at most the turn's time-out. Threads may share.
/// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such operation), _CLOSED, _FORKED, _DENIED, _BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_check(device: *const dsmil_device, id: u16, operation: i32) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or a live device.
        let device = unsafe { self::device(device) }?;
        let answer = device.check(DeviceId::new(id), operation_of(operation)?)?;
        answer.map_err(|denied| dsmil::Error::Denied { denied, unrecorded: None }.into())
    })
}

/// The device's open file, or -1 where it has none (a simulated device in the process). It stays the device's: do not
/// close it, and make no requests on it, which nothing would check.
///
/// Blocks for at most the turn's time-out. Threads may share. Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, _BUSY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dsmil_device_fd(device: *const dsmil_device, fd: *mut i32) -> dsmil_status {
    call(|| {
        // SAFETY: the header asks for NULL or room for a number.
        let out = unsafe { Out::new(fd, "fd") }?;
        // SAFETY: the header asks for NULL or a live device.
        let device = unsafe { self::device(device) }?;
        out.set(device.with_fd(|file| file.map_or(-1, |file| file.as_raw_fd()))?);
        Ok(())
    })
}
