//! The device record, made straight from the core's, without a call into Python.

use dsmil::{Access, DeviceId, State};
use dsmil_protocol::{CHUNK_BYTES, Progress, ScanTransfer};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyTuple, PyType};

use crate::argument::Id;
use crate::error;

/// The fields of a record as Python has them.
type Fields = (u16, u32, u32, bool, Option<u32>, u64, Option<i32>);

/// What the driver knows of one device. Immutable; compares, hashes, copies and pickles by its fields.
#[pyclass(frozen, eq, hash, module = "dsmil._dsmil")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct DeviceRecord(dsmil::DeviceRecord);

#[pymethods]
impl DeviceRecord {
    #[new]
    #[pyo3(signature = (id, state, access, is_quarantined, last_response, timestamp, thermal_celsius))]
    fn new(
        id: Id,
        state: u32,
        access: u32,
        is_quarantined: bool,
        last_response: Option<u32>,
        timestamp: u64,
        thermal_celsius: Option<i32>,
    ) -> Self {
        Self(dsmil::DeviceRecord {
            id: id.0,
            state: State::from_number(state),
            access: Access::from_number(access),
            is_quarantined,
            last_response,
            timestamp,
            thermal_celsius,
        })
    }

    /// The device's id.
    #[getter]
    fn id(&self) -> u16 {
        self.0.id.get()
    }

    /// The state as the driver tells it.
    #[getter]
    fn state(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        static MEMBERS: PyOnceLock<Members> = PyOnceLock::new();
        Members::member(py, &MEMBERS, "State", 6, self.0.state.number())
    }

    /// The access that the driver grants.
    #[getter]
    fn access(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        static MEMBERS: PyOnceLock<Members> = PyOnceLock::new();
        Members::member(py, &MEMBERS, "Access", 3, self.0.access.number())
    }

    /// Whether the driver itself counts the device as quarantined: it knows five of the seven.
    #[getter]
    fn is_quarantined(&self) -> bool {
        self.0.is_quarantined
    }

    /// The device's last answer; None where the driver has none, as in every scan.
    #[getter]
    fn last_response(&self) -> Option<u32> {
        self.0.last_response
    }

    /// When the driver made this record, in milliseconds since boot.
    #[getter]
    fn timestamp(&self) -> u64 {
        self.0.timestamp
    }

    /// The temperature in degrees Celsius; None where no sensor answered.
    #[getter]
    fn thermal_celsius(&self) -> Option<i32> {
        self.0.thermal_celsius
    }

    /// The number of the device's group, 0 to 6; None for an id that the driver does not serve.
    #[getter]
    fn group(&self) -> Option<u8> {
        self.0.id.group().map(dsmil::Group::number)
    }

    /// The name of the device's group; None for an id that the driver does not serve.
    #[getter]
    fn group_name(&self) -> Option<&'static str> {
        self.0.id.group().map(dsmil::Group::name)
    }

    /// The device's index in its group, 0 to 15.
    #[getter]
    fn index(&self) -> u8 {
        self.0.id.index()
    }

    /// Whether a device with a function stands behind the id: indexes 12 to 15 are gaps that answer.
    #[getter]
    fn is_functional(&self) -> bool {
        self.0.id.is_functional()
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, Fields) {
        (slf.get_type(), slf.get().fields())
    }

    fn __repr__(&self) -> String {
        const STATES: [&str; 6] = ["UNKNOWN", "OFFLINE", "SAFE", "QUARANTINED", "ERROR", "THERMAL_LIMIT"];
        const ACCESSES: [&str; 3] = ["NONE", "READ", "RESERVED"];
        let named = |class: &str, names: &[&str], number: u32| match names.get(number as usize) {
            Some(name) => format!("{class}.{name}"),
            None => format!("{class}({number})"),
        };
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "None".to_owned());
        let record = &self.0;
        format!(
            "DeviceRecord(id={}, state={}, access={}, is_quarantined={}, last_response={}, timestamp={}, thermal_celsius={})",
            record.id,
            named("State", &STATES, record.state.number()),
            named("Access", &ACCESSES, record.access.number()),
            if record.is_quarantined { "True" } else { "False" },
            or_none(record.last_response.map(|response| format!("0x{response:08X}"))),
            record.timestamp,
            or_none(record.thermal_celsius.map(|celsius| celsius.to_string())),
        )
    }

    fn _repr_html_(slf: &Bound<'_, Self>) -> PyResult<String> {
        static TABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let rows = PyTuple::new(slf.py(), [slf])?;
        TABLE.import(slf.py(), "dsmil._html", "records")?.call1((rows,))?.extract()
    }
}

impl DeviceRecord {
    fn fields(&self) -> Fields {
        let record = &self.0;
        (
            record.id.get(),
            record.state.number(),
            record.access.number(),
            record.is_quarantined,
            record.last_response,
            record.timestamp,
            record.thermal_celsius,
        )
    }
}

impl From<dsmil::DeviceRecord> for DeviceRecord {
    fn from(record: dsmil::DeviceRecord) -> Self {
        Self(record)
    }
}

/// An enumeration of `dsmil.enums`, with its named members at hand.
struct Members {
    class: Py<PyAny>,
    named: Vec<Py<PyAny>>,
}

impl Members {
    fn member(py: Python<'_>, cache: &PyOnceLock<Self>, name: &str, count: u32, number: u32) -> PyResult<Py<PyAny>> {
        let members = cache.get_or_try_init(py, || {
            let class = py.import("dsmil.enums")?.getattr(name)?;
            let named = (0..count).map(|number| class.call1((number,)).map(Bound::unbind));
            PyResult::Ok(Self { named: named.collect::<PyResult<_>>()?, class: class.unbind() })
        })?;
        match members.named.get(number as usize) {
            Some(member) => Ok(member.clone_ref(py)),
            None => members.class.call1(py, (number,)),
        }
    }
}

/// A scan's records as a tuple.
pub(crate) fn tuple(py: Python<'_>, records: Vec<dsmil::DeviceRecord>) -> PyResult<Bound<'_, PyTuple>> {
    PyTuple::new(py, records.into_iter().map(DeviceRecord))
}

/// Puts a scan together from chunks of 256 bytes that were recorded elsewhere, under the same checks.
#[pyfunction]
pub(crate) fn decode_scan<'py>(chunks: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyTuple>> {
    let py = chunks.py();
    let (whole, rest) = chunks.as_bytes().as_chunks::<CHUNK_BYTES>();
    let wrong = |what: &str| Err(error::argument(py, "chunks", what));
    if !rest.is_empty() {
        return wrong("their length is not a multiple of 256 bytes");
    }
    let mut transfer = ScanTransfer::new();
    for chunk in whole {
        let fed = transfer.feed(chunk);
        let done = fed.map_err(|source| error::raise(py, &dsmil::Error::Protocol { id: None::<DeviceId>, source }))?;
        if done == Progress::Done && transfer.chunks_done() as usize != whole.len() {
            return wrong("chunks follow the last one of the scan");
        }
    }
    match transfer.finish() {
        Some(scan) => tuple(py, scan.records),
        None => wrong("the scan's last chunk is missing"),
    }
}
