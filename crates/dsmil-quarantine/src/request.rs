//! The requests. Those that name a device are made from a [`Cleared`] and from nothing else.

use dsmil_protocol::{DeviceId, RequestCode};

use crate::Cleared;

/// One request to the driver. It has no public field and no other constructor than these, so that
/// what has not been cleared can't be asked for.
///
/// ```compile_fail
/// // A request for a device needs a `Cleared`, and only `Quarantine::clear` makes one.
/// let id = dsmil_protocol::DeviceId::new(0x8009);
/// let request = dsmil_quarantine::Request::read_device(&id);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    code: RequestCode,
    id: Option<DeviceId>,
}

impl Request {
    /// GET_VERSION.
    pub const GET_VERSION: Self = Self::plain(RequestCode::GetVersion);
    /// GET_STATUS.
    pub const GET_STATUS: Self = Self::plain(RequestCode::GetStatus);
    /// SCAN_DEVICES: a table of what the driver knows; it touches no device.
    pub const SCAN_DEVICES: Self = Self::plain(RequestCode::ScanDevices);
    /// GET_THERMAL.
    pub const GET_THERMAL: Self = Self::plain(RequestCode::GetThermal);
    /// SCAN_START.
    pub const SCAN_START: Self = Self::plain(RequestCode::ScanStart);
    /// SCAN_CHUNK.
    pub const SCAN_CHUNK: Self = Self::plain(RequestCode::ScanChunk);
    /// SCAN_COMPLETE.
    pub const SCAN_COMPLETE: Self = Self::plain(RequestCode::ScanComplete);

    const fn plain(code: RequestCode) -> Self {
        Self { code, id: None }
    }

    /// READ_DEVICE of a cleared device.
    pub const fn read_device(cleared: &Cleared) -> Self {
        Self { code: RequestCode::ReadDevice, id: Some(cleared.id()) }
    }

    /// READ_START of a cleared device.
    pub const fn read_start(cleared: &Cleared) -> Self {
        Self { code: RequestCode::ReadStart, id: Some(cleared.id()) }
    }

    /// READ_CHUNK, in a session that READ_START opened on a cleared device.
    pub const fn read_chunk(cleared: &Cleared) -> Self {
        Self { code: RequestCode::ReadChunk, id: Some(cleared.id()) }
    }

    /// READ_COMPLETE, of a session that READ_START opened on a cleared device.
    pub const fn read_complete(cleared: &Cleared) -> Self {
        Self { code: RequestCode::ReadComplete, id: Some(cleared.id()) }
    }

    /// Which request.
    #[inline]
    pub const fn code(&self) -> RequestCode {
        self.code
    }

    /// The device that it concerns; `None` for requests that concern none.
    #[inline]
    pub const fn id(&self) -> Option<DeviceId> {
        self.id
    }

    /// Writes into `argument` what goes in with this request: the device's id, and zeros behind it. A
    /// request that only brings something back leaves the buffer as it is. A buffer of another size
    /// than the request's is zeroed: no id goes in by halves, and 0 is an id that nobody serves.
    ///
    /// It is called right before each try, so that nothing which a driver wrote into the buffer in an
    /// earlier one, another id above all, can go in again.
    #[inline]
    pub fn fill(&self, argument: &mut [u8]) {
        let Some(id) = self.id else { return };
        if argument.len() != self.code.size() {
            argument.fill(0);
            return;
        }
        match self.code {
            RequestCode::ReadDevice => {
                argument.fill(0);
                copy_to_front(argument, &id.get().to_ne_bytes());
            }
            RequestCode::ReadStart => copy_to_front(argument, &u32::from(id.get()).to_ne_bytes()),
            _ => {}
        }
    }
}

/// Copies as much as fits.
#[inline]
fn copy_to_front(argument: &mut [u8], bytes: &[u8]) {
    for (to, from) in argument.iter_mut().zip(bytes) {
        *to = *from;
    }
}
