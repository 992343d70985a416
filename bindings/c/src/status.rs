//! The statuses: a stable number, a stable name and a text for each way in which a call can end.

use std::ffi::{CStr, c_char};

// All of them, in the table below.
#[allow(clippy::enum_glob_use)]
use self::dsmil_status::*;

/// How a call ended. The numbers never change their meaning; new ones may be added within their hundreds:
/// 1xx the call itself, 2xx the quarantine, 3xx what stands before every access, 4xx the device,
/// 5xx the driver's answer, 6xx time, 7xx recordings, 8xx the simulated device, 9xx gates, 10xx the monitor,
/// 11xx its store, 12xx samplers, 13xx scores and alerts, 14xx receivers and the endpoint.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum dsmil_status {
    /// Done.
    DSMIL_OK = 0,

    /// A pointer that is needed is NULL.
    DSMIL_ERROR_NULL = 100,
    /// An argument or option is out of its range.
    DSMIL_ERROR_ARGUMENT = 101,
    /// The string that names a device makes no sense.
    DSMIL_ERROR_SPEC = 102,
    /// The device is closed.
    DSMIL_ERROR_CLOSED = 103,
    /// The handle was opened by another process: this one is its child by fork.
    DSMIL_ERROR_FORKED = 104,
    /// The library found a fault in itself; please report it.
    DSMIL_ERROR_PANIC = 105,
    /// The buffer is too small: nothing was asked.
    DSMIL_ERROR_BUFFER = 106,
    /// A failure that this version of the C library has no number for.
    DSMIL_ERROR_UNKNOWN = 199,

    /// The quarantine forbids it: nothing was asked.
    DSMIL_ERROR_DENIED = 200,

    /// The emergency stop is pulled: nothing was asked.
    DSMIL_ERROR_STOPPED = 300,
    /// A dry run: everything was checked and nothing was asked.
    DSMIL_ERROR_DRY_RUN = 301,
    /// The run directory is missing or cannot be trusted: no access without it.
    DSMIL_ERROR_RUN_DIRECTORY = 302,
    /// The audit log could not be read or written.
    DSMIL_ERROR_AUDIT = 303,
    /// The list of isolations could not be read or written.
    DSMIL_ERROR_ISOLATIONS = 304,

    /// The driver or the kernel refused a request; the detail has its errno.
    DSMIL_ERROR_REQUEST = 400,
    /// The device went away in the middle.
    DSMIL_ERROR_VANISHED = 401,
    /// This driver does not know the request.
    DSMIL_ERROR_UNSUPPORTED = 402,
    /// There is no such device file.
    DSMIL_ERROR_OPEN_MISSING = 410,
    /// This user may not open the device file.
    DSMIL_ERROR_OPEN_REFUSED = 411,
    /// The file is something else than such a device.
    DSMIL_ERROR_NOT_A_DEVICE = 412,
    /// The driver is loaded but not initialised.
    DSMIL_ERROR_NOT_INITIALISED = 413,
    /// The device file could not be opened; the detail has the errno.
    DSMIL_ERROR_OPEN_FAILED = 414,

    /// The driver's answer is wrong in a way that this version has no number for.
    DSMIL_ERROR_PROTOCOL = 500,
    /// Another program kept replacing the session.
    DSMIL_ERROR_CONTENDED = 501,
    /// The record that READ_DEVICE filled is wrong; the detail has the fault.
    DSMIL_ERROR_RECORD = 502,
    /// Another process's START replaced the session in the middle of the transfer.
    DSMIL_ERROR_SESSION_CHANGED = 510,
    /// The data of another device came than the one that was asked for.
    DSMIL_ERROR_TOKEN_MISMATCH = 511,
    /// The driver claims a transfer of 0 chunks.
    DSMIL_ERROR_TOTAL_CHUNKS_ZERO = 512,
    /// The driver claims more than 22 chunks.
    DSMIL_ERROR_TOTAL_CHUNKS_TOO_LARGE = 513,
    /// The driver claims another number of chunks than in the first.
    DSMIL_ERROR_TOTAL_CHUNKS_CHANGED = 514,
    /// The index of the chunk before came again.
    DSMIL_ERROR_INDEX_REPEATED = 515,
    /// A chunk index was left out.
    DSMIL_ERROR_INDEX_SKIPPED = 516,
    /// The chunk index went back.
    DSMIL_ERROR_INDEX_WENT_BACK = 517,
    /// The driver claims more devices in a chunk than fit.
    DSMIL_ERROR_DEVICES_IN_CHUNK_TOO_LARGE = 518,
    /// A scan chunk's size is not what its number of devices makes.
    DSMIL_ERROR_CHUNK_SIZE_MISMATCH = 519,
    /// A read chunk's size is 0 or more than 224.
    DSMIL_ERROR_CHUNK_SIZE_OUT_OF_RANGE = 520,
    /// A read chunk's offset is not where the chunk before ended.
    DSMIL_ERROR_OFFSET_MISMATCH = 521,
    /// The driver claims more devices than it serves.
    DSMIL_ERROR_DEVICE_COUNT_TOO_LARGE = 522,
    /// A record of an id that the driver does not serve.
    DSMIL_ERROR_ID_OUT_OF_RANGE = 523,
    /// The same id came twice in one scan.
    DSMIL_ERROR_DUPLICATE_ID = 524,
    /// A permanently quarantined id is not marked as quarantined.
    DSMIL_ERROR_QUARANTINED_MARKED_SAFE = 525,
    /// The record of another device came than the one that was asked for.
    DSMIL_ERROR_WRONG_RECORD = 526,
    /// A chunk came after the end of the transfer.
    DSMIL_ERROR_AFTER_END = 527,

    /// A call, or a transfer with its repetitions, took longer than it may.
    DSMIL_ERROR_DEADLINE = 600,
    /// Other users of this library held the device for too long.
    DSMIL_ERROR_BUSY = 601,
    /// The caller's own check asked to break off.
    DSMIL_ERROR_INTERRUPTED = 602,

    /// A trace file could not be used, or something else was asked than it holds.
    DSMIL_ERROR_TRACE = 700,

    /// An option of the simulated device is not known or has a value that it can't have.
    DSMIL_ERROR_SIM_OPTION = 800,
    /// The text of the faults says something that can't be followed.
    DSMIL_ERROR_SIM_FAULTS = 801,
    /// A file of the simulated device could not be read.
    DSMIL_ERROR_SIM_READ = 802,
    /// The directory to serve in can't be used.
    DSMIL_ERROR_SIM_PLACE = 803,
    /// The file system could not be mounted.
    DSMIL_ERROR_SIM_MOUNT = 804,
    /// The service could not be ended cleanly.
    DSMIL_ERROR_SIM_END = 805,
    /// The signals that end the service could not be waited for.
    DSMIL_ERROR_SIM_SIGNALS = 806,
    /// There is no simulated device behind this handle, or it is no longer served.
    DSMIL_ERROR_NOT_SIMULATED = 807,

    /// A gate file or a test file can't be used; the detail has file, line and key of what is wrong first.
    DSMIL_ERROR_GATES = 900,
    /// A file can't be read or written; the detail has its path and the errno.
    DSMIL_ERROR_FILE = 901,
    /// The text holds no metrics.
    DSMIL_ERROR_METRICS = 902,
    /// A saved state of a gate that this gate can't go on from.
    DSMIL_ERROR_GATE_STATE = 903,
    /// Another value was recorded for that time already; the first stays.
    DSMIL_ERROR_CONFLICT = 904,
    /// There is no such value, or not yet.
    DSMIL_ERROR_NO_VALUE = 905,

    /// A configuration can't be used; the detail has file and line where they are known.
    DSMIL_ERROR_CONFIG = 1000,
    /// What the monitor saved before can't be read.
    DSMIL_ERROR_SAVED_STATE = 1001,
    /// A file of the monitor could not be read or written.
    DSMIL_ERROR_IO = 1002,
    /// A thread could not be started.
    DSMIL_ERROR_THREAD = 1003,
    /// What was wanted is not written down yet, and is tried again.
    DSMIL_ERROR_NOT_SAVED = 1004,
    /// The monitor has ended.
    DSMIL_ERROR_ENDED = 1005,
    /// The monitor found a fault in itself; please report it.
    DSMIL_ERROR_INTERNAL = 1006,
    /// Nothing came in time.
    DSMIL_ERROR_TIMEOUT = 1007,
    /// A callback of the monitor can't ask for this: it would wait for itself.
    DSMIL_ERROR_IN_CALLBACK = 1008,
    /// The monitor has stopped, but a callback of the program is still running.
    DSMIL_ERROR_CALLBACK_RUNS = 1009,

    /// Another process keeps the state directory.
    DSMIL_ERROR_HELD = 1100,
    /// A file or directory that others could have written, or that is not what it should be.
    DSMIL_ERROR_UNSAFE = 1101,
    /// There is no room on the disk.
    DSMIL_ERROR_FULL = 1102,
    /// There is no history here.
    DSMIL_ERROR_MISSING = 1103,
    /// The file was written by a newer version.
    DSMIL_ERROR_NEWER = 1104,
    /// The file is damaged, or is no history at all.
    DSMIL_ERROR_DAMAGED = 1105,
    /// SQLite refused.
    DSMIL_ERROR_SQL = 1106,
    /// The query would give more points than it may.
    DSMIL_ERROR_TOO_MANY_POINTS = 1107,
    /// A line of the health log is no record.
    DSMIL_ERROR_BAD_RECORD = 1108,
    /// Something could not be put into JSON.
    DSMIL_ERROR_ENCODE = 1109,

    /// A sample that was begun long ago has not ended.
    DSMIL_ERROR_HANGS = 1200,
    /// So many samplers hang that no further one is begun.
    DSMIL_ERROR_TOO_MANY_HANG = 1201,
    /// Something could not be read to be sampled.
    DSMIL_ERROR_READ = 1202,
    /// What was read is not what should be there.
    DSMIL_ERROR_PARSE = 1203,
    /// More than may be read or kept.
    DSMIL_ERROR_TOO_MUCH = 1204,
    /// A command could not be run, or failed.
    DSMIL_ERROR_COMMAND = 1205,
    /// A file with a secret that others may read or write.
    DSMIL_ERROR_SECRET = 1206,
    /// A server could not be reached, or answered with an error.
    DSMIL_ERROR_SERVER = 1207,
    /// A query has no value, or one of the wrong kind.
    DSMIL_ERROR_QUERY = 1208,
    /// A callback says that it failed.
    DSMIL_ERROR_CALLBACK = 1209,
    /// A sampler panicked.
    DSMIL_ERROR_PANICKED = 1210,
    /// The system refuses something that should always work.
    DSMIL_ERROR_SYSTEM = 1211,

    /// The configuration names a check that there isn't.
    DSMIL_ERROR_UNKNOWN_CHECK = 1300,
    /// Two checks have one name.
    DSMIL_ERROR_DUPLICATE_CHECK = 1301,
    /// Saved baselines that can't be gone on from.
    DSMIL_ERROR_STATE = 1302,
    /// The text is no matcher.
    DSMIL_ERROR_MATCHER = 1303,
    /// The text is no fingerprint.
    DSMIL_ERROR_FINGERPRINT = 1304,
    /// There is no such alert.
    DSMIL_ERROR_UNKNOWN_ALERT = 1305,
    /// Only what fires can be acknowledged.
    DSMIL_ERROR_NOT_FIRING = 1306,
    /// A name or a comment can't be kept.
    DSMIL_ERROR_WORDS = 1307,
    /// The silence is not one that can be kept.
    DSMIL_ERROR_SILENCE = 1308,
    /// There is no such silence that still runs.
    DSMIL_ERROR_UNKNOWN_SILENCE = 1309,
    /// Saved alerts that can't be gone on from.
    DSMIL_ERROR_SNAPSHOT = 1310,

    /// A command that is to be told can't be started.
    DSMIL_ERROR_START = 1400,
    /// There was no connection, or it broke.
    DSMIL_ERROR_CONNECTION = 1401,
    /// A server's answer was not that the notification was taken.
    DSMIL_ERROR_STATUS = 1402,
    /// A setting of the endpoint is out of its range.
    DSMIL_ERROR_SETTING = 1403,
    /// No file with keys is named, and nothing is served without one.
    DSMIL_ERROR_NO_KEYS_FILE = 1404,
    /// The file with the keys can't be used.
    DSMIL_ERROR_KEYS_FILE = 1405,
    /// An address that other machines reach, without TLS.
    DSMIL_ERROR_PLAIN_REMOTE = 1406,
    /// Certificate or private key can't be used.
    DSMIL_ERROR_TLS = 1407,
    /// The address can't be listened on.
    DSMIL_ERROR_LISTEN = 1408,
    /// The threads of the endpoint can't be started.
    DSMIL_ERROR_THREADS = 1409,
    /// The system gave no random numbers.
    DSMIL_ERROR_NO_RANDOMNESS = 1410,
}

/// One status with its name and text.
struct Known {
    status: dsmil_status,
    name: &'static CStr,
    text: &'static CStr,
}

const fn known(status: dsmil_status, name: &'static CStr, text: &'static CStr) -> Known {
    Known { status, name, text }
}

/// Every status. A name is the one that `kind()` of the crates' errors and [`dsmil::Fault::name`] give.
#[rustfmt::skip]
static ALL: &[Known] = &[
    known(DSMIL_OK, c"ok", c"done"),
    known(DSMIL_ERROR_NULL, c"null", c"a pointer that is needed is NULL"),
    known(DSMIL_ERROR_ARGUMENT, c"argument", c"an argument or option is out of its range"),
    known(DSMIL_ERROR_SPEC, c"spec", c"the string that names a device makes no sense"),
    known(DSMIL_ERROR_CLOSED, c"closed", c"the device is closed"),
    known(DSMIL_ERROR_FORKED, c"forked", c"the handle was opened by another process: this one is its child by fork"),
    known(DSMIL_ERROR_PANIC, c"panic", c"the library found a fault in itself; please report it"),
    known(DSMIL_ERROR_BUFFER, c"buffer", c"the buffer is too small: nothing was asked"),
    known(DSMIL_ERROR_UNKNOWN, c"unknown", c"a failure that this version of the C library has no number for"),
    known(DSMIL_ERROR_DENIED, c"denied", c"the quarantine forbids it: nothing was asked"),
    known(DSMIL_ERROR_STOPPED, c"stopped", c"the emergency stop is pulled: nothing was asked"),
    known(DSMIL_ERROR_DRY_RUN, c"dry-run", c"a dry run: everything was checked and nothing was asked"),
    known(DSMIL_ERROR_RUN_DIRECTORY, c"run-directory", c"the run directory is missing or cannot be trusted: no access without it"),
    known(DSMIL_ERROR_AUDIT, c"audit", c"the audit log could not be read or written"),
    known(DSMIL_ERROR_ISOLATIONS, c"isolations", c"the list of isolations could not be read or written"),
    known(DSMIL_ERROR_REQUEST, c"request", c"the driver or the kernel refused a request; the detail has its errno"),
    known(DSMIL_ERROR_VANISHED, c"vanished", c"the device went away in the middle"),
    known(DSMIL_ERROR_UNSUPPORTED, c"unsupported", c"this driver does not know the request"),
    known(DSMIL_ERROR_OPEN_MISSING, c"open-missing", c"there is no such device file"),
    known(DSMIL_ERROR_OPEN_REFUSED, c"open-refused", c"this user may not open the device file"),
    known(DSMIL_ERROR_NOT_A_DEVICE, c"not-a-device", c"the file is something else than such a device"),
    known(DSMIL_ERROR_NOT_INITIALISED, c"not-initialised", c"the driver is loaded but not initialised"),
    known(DSMIL_ERROR_OPEN_FAILED, c"open-failed", c"the device file could not be opened; the detail has the errno"),
    known(DSMIL_ERROR_PROTOCOL, c"protocol", c"the driver's answer is wrong in a way that this version has no number for"),
    known(DSMIL_ERROR_CONTENDED, c"contended", c"another program kept replacing the session"),
    known(DSMIL_ERROR_RECORD, c"record", c"the record that READ_DEVICE filled is wrong; the detail has the fault"),
    known(DSMIL_ERROR_SESSION_CHANGED, c"session-changed", c"another process's START replaced the session in the middle of the transfer"),
    known(DSMIL_ERROR_TOKEN_MISMATCH, c"token-mismatch", c"the data of another device came than the one that was asked for"),
    known(DSMIL_ERROR_TOTAL_CHUNKS_ZERO, c"total-chunks-zero", c"the driver claims a transfer of 0 chunks"),
    known(DSMIL_ERROR_TOTAL_CHUNKS_TOO_LARGE, c"total-chunks-too-large", c"the driver claims more than 22 chunks"),
    known(DSMIL_ERROR_TOTAL_CHUNKS_CHANGED, c"total-chunks-changed", c"the driver claims another number of chunks than in the first"),
    known(DSMIL_ERROR_INDEX_REPEATED, c"index-repeated", c"the index of the chunk before came again"),
    known(DSMIL_ERROR_INDEX_SKIPPED, c"index-skipped", c"a chunk index was left out"),
    known(DSMIL_ERROR_INDEX_WENT_BACK, c"index-went-back", c"the chunk index went back"),
    known(DSMIL_ERROR_DEVICES_IN_CHUNK_TOO_LARGE, c"devices-in-chunk-too-large", c"the driver claims more devices in a chunk than fit"),
    known(DSMIL_ERROR_CHUNK_SIZE_MISMATCH, c"chunk-size-mismatch", c"a scan chunk's size is not what its number of devices makes"),
    known(DSMIL_ERROR_CHUNK_SIZE_OUT_OF_RANGE, c"chunk-size-out-of-range", c"a read chunk's size is 0 or more than 224"),
    known(DSMIL_ERROR_OFFSET_MISMATCH, c"offset-mismatch", c"a read chunk's offset is not where the chunk before ended"),
    known(DSMIL_ERROR_DEVICE_COUNT_TOO_LARGE, c"device-count-too-large", c"the driver claims more devices than it serves"),
    known(DSMIL_ERROR_ID_OUT_OF_RANGE, c"id-out-of-range", c"a record of an id that the driver does not serve"),
    known(DSMIL_ERROR_DUPLICATE_ID, c"duplicate-id", c"the same id came twice in one scan"),
    known(DSMIL_ERROR_QUARANTINED_MARKED_SAFE, c"quarantined-marked-safe", c"a permanently quarantined id is not marked as quarantined"),
    known(DSMIL_ERROR_WRONG_RECORD, c"wrong-record", c"the record of another device came than the one that was asked for"),
    known(DSMIL_ERROR_AFTER_END, c"after-end", c"a chunk came after the end of the transfer"),
    known(DSMIL_ERROR_DEADLINE, c"deadline", c"a call, or a transfer with its repetitions, took longer than it may"),
    known(DSMIL_ERROR_BUSY, c"busy", c"other users of this library held the device for too long"),
    known(DSMIL_ERROR_INTERRUPTED, c"interrupted", c"the caller's own check asked to break off"),
    known(DSMIL_ERROR_TRACE, c"trace", c"a trace file could not be used, or something else was asked than it holds"),
    known(DSMIL_ERROR_SIM_OPTION, c"sim-option", c"an option of the simulated device is not known or has a value that it can't have"),
    known(DSMIL_ERROR_SIM_FAULTS, c"sim-faults", c"the text of the faults says something that can't be followed"),
    known(DSMIL_ERROR_SIM_READ, c"sim-read", c"a file of the simulated device could not be read"),
    known(DSMIL_ERROR_SIM_PLACE, c"sim-place", c"the directory to serve in can't be used"),
    known(DSMIL_ERROR_SIM_MOUNT, c"sim-mount", c"the file system could not be mounted"),
    known(DSMIL_ERROR_SIM_END, c"sim-end", c"the service could not be ended cleanly"),
    known(DSMIL_ERROR_SIM_SIGNALS, c"sim-signals", c"the signals that end the service could not be waited for"),
    known(DSMIL_ERROR_NOT_SIMULATED, c"not-simulated", c"there is no simulated device behind this handle, or it is no longer served"),
    known(DSMIL_ERROR_GATES, c"gates", c"a gate file or a test file can't be used; the detail has file, line and key of what is wrong first"),
    known(DSMIL_ERROR_FILE, c"file", c"a file can't be read or written; the detail has its path and the errno"),
    known(DSMIL_ERROR_METRICS, c"metrics", c"the text holds no metrics"),
    known(DSMIL_ERROR_GATE_STATE, c"gate-state", c"a saved state of a gate that this gate can't go on from"),
    known(DSMIL_ERROR_CONFLICT, c"conflict", c"another value was recorded for that time already; the first stays"),
    known(DSMIL_ERROR_NO_VALUE, c"no-value", c"there is no such value, or not yet"),
    known(DSMIL_ERROR_CONFIG, c"config", c"a configuration can't be used; the detail has file and line where they are known"),
    known(DSMIL_ERROR_SAVED_STATE, c"saved-state", c"what the monitor saved before can't be read"),
    known(DSMIL_ERROR_IO, c"io", c"a file of the monitor could not be read or written"),
    known(DSMIL_ERROR_THREAD, c"thread", c"a thread could not be started"),
    known(DSMIL_ERROR_NOT_SAVED, c"not-saved", c"what was wanted is not written down yet, and is tried again"),
    known(DSMIL_ERROR_ENDED, c"ended", c"the monitor has ended"),
    known(DSMIL_ERROR_INTERNAL, c"internal", c"the monitor found a fault in itself; please report it"),
    known(DSMIL_ERROR_TIMEOUT, c"timeout", c"nothing came in time"),
    known(DSMIL_ERROR_IN_CALLBACK, c"in-callback", c"a callback of the monitor can't ask for this: it would wait for itself"),
    known(DSMIL_ERROR_CALLBACK_RUNS, c"callback-runs", c"the monitor has stopped, but a callback of the program is still running"),
    known(DSMIL_ERROR_HELD, c"held", c"another process keeps the state directory"),
    known(DSMIL_ERROR_UNSAFE, c"unsafe", c"a file or directory that others could have written, or that is not what it should be"),
    known(DSMIL_ERROR_FULL, c"full", c"there is no room on the disk"),
    known(DSMIL_ERROR_MISSING, c"missing", c"there is no history here"),
    known(DSMIL_ERROR_NEWER, c"newer", c"the file was written by a newer version"),
    known(DSMIL_ERROR_DAMAGED, c"damaged", c"the file is damaged, or is no history at all"),
    known(DSMIL_ERROR_SQL, c"sql", c"SQLite refused"),
    known(DSMIL_ERROR_TOO_MANY_POINTS, c"too-many-points", c"the query would give more points than it may"),
    known(DSMIL_ERROR_BAD_RECORD, c"bad-record", c"a line of the health log is no record"),
    known(DSMIL_ERROR_ENCODE, c"encode", c"something could not be put into JSON"),
    known(DSMIL_ERROR_HANGS, c"hangs", c"a sample that was begun long ago has not ended"),
    known(DSMIL_ERROR_TOO_MANY_HANG, c"too-many-hang", c"so many samplers hang that no further one is begun"),
    known(DSMIL_ERROR_READ, c"read", c"something could not be read to be sampled"),
    known(DSMIL_ERROR_PARSE, c"parse", c"what was read is not what should be there"),
    known(DSMIL_ERROR_TOO_MUCH, c"too-much", c"more than may be read or kept"),
    known(DSMIL_ERROR_COMMAND, c"command", c"a command could not be run, or failed"),
    known(DSMIL_ERROR_SECRET, c"secret", c"a file with a secret that others may read or write"),
    known(DSMIL_ERROR_SERVER, c"server", c"a server could not be reached, or answered with an error"),
    known(DSMIL_ERROR_QUERY, c"query", c"a query has no value, or one of the wrong kind"),
    known(DSMIL_ERROR_CALLBACK, c"callback", c"a callback says that it failed"),
    known(DSMIL_ERROR_PANICKED, c"panicked", c"a sampler panicked"),
    known(DSMIL_ERROR_SYSTEM, c"system", c"the system refuses something that should always work"),
    known(DSMIL_ERROR_UNKNOWN_CHECK, c"unknown-check", c"the configuration names a check that there isn't"),
    known(DSMIL_ERROR_DUPLICATE_CHECK, c"duplicate-check", c"two checks have one name"),
    known(DSMIL_ERROR_STATE, c"state", c"saved baselines that can't be gone on from"),
    known(DSMIL_ERROR_MATCHER, c"matcher", c"the text is no matcher"),
    known(DSMIL_ERROR_FINGERPRINT, c"fingerprint", c"the text is no fingerprint"),
    known(DSMIL_ERROR_UNKNOWN_ALERT, c"unknown-alert", c"there is no such alert"),
    known(DSMIL_ERROR_NOT_FIRING, c"not-firing", c"only what fires can be acknowledged"),
    known(DSMIL_ERROR_WORDS, c"words", c"a name or a comment can't be kept"),
    known(DSMIL_ERROR_SILENCE, c"silence", c"the silence is not one that can be kept"),
    known(DSMIL_ERROR_UNKNOWN_SILENCE, c"unknown-silence", c"there is no such silence that still runs"),
    known(DSMIL_ERROR_SNAPSHOT, c"snapshot", c"saved alerts that can't be gone on from"),
    known(DSMIL_ERROR_START, c"start", c"a command that is to be told can't be started"),
    known(DSMIL_ERROR_CONNECTION, c"connection", c"there was no connection, or it broke"),
    known(DSMIL_ERROR_STATUS, c"status", c"a server's answer was not that the notification was taken"),
    known(DSMIL_ERROR_SETTING, c"setting", c"a setting of the endpoint is out of its range"),
    known(DSMIL_ERROR_NO_KEYS_FILE, c"no-keys-file", c"no file with keys is named, and nothing is served without one"),
    known(DSMIL_ERROR_KEYS_FILE, c"keys-file", c"the file with the keys can't be used"),
    known(DSMIL_ERROR_PLAIN_REMOTE, c"plain-remote", c"an address that other machines reach, without TLS"),
    known(DSMIL_ERROR_TLS, c"tls", c"certificate or private key can't be used"),
    known(DSMIL_ERROR_LISTEN, c"listen", c"the address can't be listened on"),
    known(DSMIL_ERROR_THREADS, c"threads", c"the threads of the endpoint can't be started"),
    known(DSMIL_ERROR_NO_RANDOMNESS, c"no-randomness", c"the system gave no random numbers"),
];

impl dsmil_status {
    /// The status of a stable name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        ALL.iter().find(|known| known.name.to_bytes() == name.as_bytes()).map(|known| known.status)
    }

    pub(crate) fn name(self) -> &'static CStr {
        find(self as i32).map_or(c"unknown", |known| known.name)
    }
}

fn find(number: i32) -> Option<&'static Known> {
    ALL.iter().find(|known| known.status as i32 == number)
}

/// The stable name of a status: `"denied"`, `"total-chunks-zero"`; `"unknown"` for a number that is none.
///
/// The text is static: nobody frees it. Never blocks, never fails; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_status_name(status: i32) -> *const c_char {
    find(status).map_or(c"unknown", |known| known.name).as_ptr()
}

/// What a status means, in one English sentence; dsmil_last_error_message() says more about the last one.
///
/// The text is static: nobody frees it. Never blocks, never fails; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn dsmil_status_text(status: i32) -> *const c_char {
    find(status).map_or(c"this number is no status of this library", |known| known.text).as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The literals that a function of a source file can answer with: `=> "denied",`.
    fn literals<'a>(source: &'a str, function: &str) -> Vec<&'a str> {
        let body = source.split(function).nth(1).and_then(|rest| rest.split("\n    }\n").next()).unwrap_or_default();
        body.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn every_kind_of_error_has_a_status_of_its_name() {
        let source = include_str!("../../../crates/dsmil-device/src/error.rs");
        let kinds = literals(source, "pub const fn kind(&self)");
        assert!(kinds.len() >= 25, "the source is read: {kinds:?}");
        let without: Vec<_> = kinds.iter().filter(|kind| dsmil_status::of_name(kind).is_none()).collect();
        assert_eq!(without, Vec::<&&str>::new());
    }

    #[test]
    fn every_kind_of_error_of_the_watch_has_a_status_of_its_name() {
        for (source, least) in [
            (include_str!("../../../crates/dsmil-monitor/src/error.rs"), 9),
            (include_str!("../../../crates/dsmil-history/src/error.rs"), 11),
            (include_str!("../../../crates/dsmil-alert/src/error.rs"), 9),
            (include_str!("../../../crates/dsmil-health/src/error.rs"), 4),
            (include_str!("../../../crates/dsmil-sample/src/error.rs"), 14),
            (include_str!("../../../crates/dsmil-notify/src/error.rs"), 9),
            (include_str!("../../../crates/dsmil-serve/src/error.rs"), 8),
        ] {
            let kinds = literals(source, "fn kind(&self)");
            assert!(kinds.len() >= least, "the source is read: {kinds:?}");
            let without: Vec<_> = kinds.iter().filter(|kind| dsmil_status::of_name(kind).is_none()).collect();
            assert_eq!(without, Vec::<&&str>::new());
        }
    }

    #[test]
    fn every_fault_has_a_status_of_its_name() {
        let source = include_str!("../../../crates/dsmil-protocol/src/error.rs");
        let names = literals(source, "pub const fn name(&self)");
        assert!(names.len() >= 18, "the source is read: {names:?}");
        for name in names {
            let status = dsmil_status::of_name(name).unwrap_or(DSMIL_ERROR_UNKNOWN) as i32;
            assert!((510..600).contains(&status), "{name}: {status}");
        }
    }

    #[test]
    fn numbers_and_names_occur_once() {
        for (i, one) in ALL.iter().enumerate() {
            for other in &ALL[..i] {
                assert_ne!(one.status as i32, other.status as i32);
                assert_ne!(one.name, other.name);
            }
        }
    }

    #[test]
    fn every_number_is_listed() {
        let declared = include_str!("status.rs").split("pub enum dsmil_status {").nth(1).and_then(|rest| rest.split('}').next());
        assert_eq!(declared.unwrap_or_default().matches(" = ").count(), ALL.len());
    }
}
