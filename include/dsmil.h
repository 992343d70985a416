/*
 * dsmil: talk to the dsmil-72dev device.
 *
 * Made from the sources of the library; do not edit. What holds for every function, and is not repeated below:
 *
 * - A function that can fail returns a dsmil_status: DSMIL_OK, or what went wrong. dsmil_last_error() and
 *   dsmil_last_error_message() then say more, on the same thread, until the next call that fails there.
 * - Results go to out-parameters, which are written on success only.
 * - A NULL where something is needed is DSMIL_ERROR_NULL and never a crash. Every ..._free() takes NULL.
 * - What a function hands out by `TYPE **` is the caller's, who frees it with the function that its comment names.
 *   `const` texts and pointers belong to the library or the handle.
 * - Texts are UTF-8 and end with a zero; one that isn't UTF-8 is DSMIL_ERROR_ARGUMENT. Paths may have any bytes.
 * - A fault within the library becomes DSMIL_ERROR_PANIC (a device that it happened on is closed by it); nothing unwinds
 *   into the caller.
 * - Handles may be used by any thread, one after another; the comment of each type says whether several may at once.
 * - Functions of the program that the library calls are called on the thread that the comment of their type names. They
 *   must not leave by longjmp or a C++ exception.
 * - Nothing here may be called from a signal handler, but dsmil_status_name(), dsmil_status_text() and
 *   dsmil_library_version().
 */

#ifndef DSMIL_H
#define DSMIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The most bytes that dsmil_device_read() gives.
#define DSMIL_MAX_READ_BYTES 4928

// How many devices the driver serves: ids 0x8000 to 0x806B.
#define DSMIL_DEVICE_COUNT 108

// The lowest id that the driver serves.
#define DSMIL_FIRST_ID 32768

// How many ids are quarantined for ever.
#define DSMIL_PERMANENT_COUNT 7

// How many requests the driver has.
#define DSMIL_REQUEST_COUNT 11

// Room for the reason of a stop, with the zero at its end.
#define DSMIL_REASON_BYTES 1604

// Room for the name of a program, with the zero at its end.
#define DSMIL_PROGRAM_BYTES 404

// Room for a hash as text, with the zero at its end.
#define DSMIL_HASH_BYTES 65

// In place of a time: now, by the clock on the wall.
#define DSMIL_NOW INT64_MIN

// How a call ended. The numbers never change their meaning; new ones may be added within their hundreds:
// 1xx the call itself, 2xx the quarantine, 3xx what stands before every access, 4xx the device,
// 5xx the driver's answer, 6xx time, 7xx recordings, 8xx the simulated device, 9xx gates, 10xx the monitor,
// 11xx its store, 12xx samplers, 13xx scores and alerts, 14xx receivers and the endpoint.
enum dsmil_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Done.
    DSMIL_OK = 0,
    // A pointer that is needed is NULL.
    DSMIL_ERROR_NULL = 100,
    // An argument or option is out of its range.
    DSMIL_ERROR_ARGUMENT = 101,
    // The string that names a device makes no sense.
    DSMIL_ERROR_SPEC = 102,
    // The device is closed.
    DSMIL_ERROR_CLOSED = 103,
    // The handle was opened by another process: this one is its child by fork.
    DSMIL_ERROR_FORKED = 104,
    // The library found a fault in itself; please report it.
    DSMIL_ERROR_PANIC = 105,
    // The buffer is too small: nothing was asked.
    DSMIL_ERROR_BUFFER = 106,
    // A failure that this version of the C library has no number for.
    DSMIL_ERROR_UNKNOWN = 199,
    // The quarantine forbids it: nothing was asked.
    DSMIL_ERROR_DENIED = 200,
    // The emergency stop is pulled: nothing was asked.
    DSMIL_ERROR_STOPPED = 300,
    // A dry run: everything was checked and nothing was asked.
    DSMIL_ERROR_DRY_RUN = 301,
    // The run directory is missing or cannot be trusted: no access without it.
    DSMIL_ERROR_RUN_DIRECTORY = 302,
    // The audit log could not be read or written.
    DSMIL_ERROR_AUDIT = 303,
    // The list of isolations could not be read or written.
    DSMIL_ERROR_ISOLATIONS = 304,
    // The driver or the kernel refused a request; the detail has its errno.
    DSMIL_ERROR_REQUEST = 400,
    // The device went away in the middle.
    DSMIL_ERROR_VANISHED = 401,
    // This driver does not know the request.
    DSMIL_ERROR_UNSUPPORTED = 402,
    // There is no such device file.
    DSMIL_ERROR_OPEN_MISSING = 410,
    // This user may not open the device file.
    DSMIL_ERROR_OPEN_REFUSED = 411,
    // The file is something else than such a device.
    DSMIL_ERROR_NOT_A_DEVICE = 412,
    // The driver is loaded but not initialised.
    DSMIL_ERROR_NOT_INITIALISED = 413,
    // The device file could not be opened; the detail has the errno.
    DSMIL_ERROR_OPEN_FAILED = 414,
    // The driver's answer is wrong in a way that this version has no number for.
    DSMIL_ERROR_PROTOCOL = 500,
    // Another program kept replacing the session.
    DSMIL_ERROR_CONTENDED = 501,
    // The record that READ_DEVICE filled is wrong; the detail has the fault.
    DSMIL_ERROR_RECORD = 502,
    // Another process's START replaced the session in the middle of the transfer.
    DSMIL_ERROR_SESSION_CHANGED = 510,
    // The data of another device came than the one that was asked for.
    DSMIL_ERROR_TOKEN_MISMATCH = 511,
    // The driver claims a transfer of 0 chunks.
    DSMIL_ERROR_TOTAL_CHUNKS_ZERO = 512,
    // The driver claims more than 22 chunks.
    DSMIL_ERROR_TOTAL_CHUNKS_TOO_LARGE = 513,
    // The driver claims another number of chunks than in the first.
    DSMIL_ERROR_TOTAL_CHUNKS_CHANGED = 514,
    // The index of the chunk before came again.
    DSMIL_ERROR_INDEX_REPEATED = 515,
    // A chunk index was left out.
    DSMIL_ERROR_INDEX_SKIPPED = 516,
    // The chunk index went back.
    DSMIL_ERROR_INDEX_WENT_BACK = 517,
    // The driver claims more devices in a chunk than fit.
    DSMIL_ERROR_DEVICES_IN_CHUNK_TOO_LARGE = 518,
    // A scan chunk's size is not what its number of devices makes.
    DSMIL_ERROR_CHUNK_SIZE_MISMATCH = 519,
    // A read chunk's size is 0 or more than 224.
    DSMIL_ERROR_CHUNK_SIZE_OUT_OF_RANGE = 520,
    // A read chunk's offset is not where the chunk before ended.
    DSMIL_ERROR_OFFSET_MISMATCH = 521,
    // The driver claims more devices than it serves.
    DSMIL_ERROR_DEVICE_COUNT_TOO_LARGE = 522,
    // A record of an id that the driver does not serve.
    DSMIL_ERROR_ID_OUT_OF_RANGE = 523,
    // The same id came twice in one scan.
    DSMIL_ERROR_DUPLICATE_ID = 524,
    // A permanently quarantined id is not marked as quarantined.
    DSMIL_ERROR_QUARANTINED_MARKED_SAFE = 525,
    // The record of another device came than the one that was asked for.
    DSMIL_ERROR_WRONG_RECORD = 526,
    // A chunk came after the end of the transfer.
    DSMIL_ERROR_AFTER_END = 527,
    // A call, or a transfer with its repetitions, took longer than it may.
    DSMIL_ERROR_DEADLINE = 600,
    // Other users of this library held the device for too long.
    DSMIL_ERROR_BUSY = 601,
    // The caller's own check asked to break off.
    DSMIL_ERROR_INTERRUPTED = 602,
    // A trace file could not be used, or something else was asked than it holds.
    DSMIL_ERROR_TRACE = 700,
    // An option of the simulated device is not known or has a value that it can't have.
    DSMIL_ERROR_SIM_OPTION = 800,
    // The text of the faults says something that can't be followed.
    DSMIL_ERROR_SIM_FAULTS = 801,
    // A file of the simulated device could not be read.
    DSMIL_ERROR_SIM_READ = 802,
    // The directory to serve in can't be used.
    DSMIL_ERROR_SIM_PLACE = 803,
    // The file system could not be mounted.
    DSMIL_ERROR_SIM_MOUNT = 804,
    // The service could not be ended cleanly.
    DSMIL_ERROR_SIM_END = 805,
    // The signals that end the service could not be waited for.
    DSMIL_ERROR_SIM_SIGNALS = 806,
    // There is no simulated device behind this handle, or it is no longer served.
    DSMIL_ERROR_NOT_SIMULATED = 807,
    // A gate file or a test file can't be used; the detail has file, line and key of what is wrong first.
    DSMIL_ERROR_GATES = 900,
    // A file can't be read or written; the detail has its path and the errno.
    DSMIL_ERROR_FILE = 901,
    // The text holds no metrics.
    DSMIL_ERROR_METRICS = 902,
    // A saved state of a gate that this gate can't go on from.
    DSMIL_ERROR_GATE_STATE = 903,
    // Another value was recorded for that time already; the first stays.
    DSMIL_ERROR_CONFLICT = 904,
    // There is no such value, or not yet.
    DSMIL_ERROR_NO_VALUE = 905,
    // A configuration can't be used; the detail has file and line where they are known.
    DSMIL_ERROR_CONFIG = 1000,
    // What the monitor saved before can't be read.
    DSMIL_ERROR_SAVED_STATE = 1001,
    // A file of the monitor could not be read or written.
    DSMIL_ERROR_IO = 1002,
    // A thread could not be started.
    DSMIL_ERROR_THREAD = 1003,
    // What was wanted is not written down yet, and is tried again.
    DSMIL_ERROR_NOT_SAVED = 1004,
    // The monitor has ended.
    DSMIL_ERROR_ENDED = 1005,
    // The monitor found a fault in itself; please report it.
    DSMIL_ERROR_INTERNAL = 1006,
    // Nothing came in time.
    DSMIL_ERROR_TIMEOUT = 1007,
    // A callback of the monitor can't ask for this: it would wait for itself.
    DSMIL_ERROR_IN_CALLBACK = 1008,
    // The monitor has stopped, but a callback of the program is still running.
    DSMIL_ERROR_CALLBACK_RUNS = 1009,
    // Another process keeps the state directory.
    DSMIL_ERROR_HELD = 1100,
    // A file or directory that others could have written, or that is not what it should be.
    DSMIL_ERROR_UNSAFE = 1101,
    // There is no room on the disk.
    DSMIL_ERROR_FULL = 1102,
    // There is no history here.
    DSMIL_ERROR_MISSING = 1103,
    // The file was written by a newer version.
    DSMIL_ERROR_NEWER = 1104,
    // The file is damaged, or is no history at all.
    DSMIL_ERROR_DAMAGED = 1105,
    // SQLite refused.
    DSMIL_ERROR_SQL = 1106,
    // The query would give more points than it may.
    DSMIL_ERROR_TOO_MANY_POINTS = 1107,
    // A line of the health log is no record.
    DSMIL_ERROR_BAD_RECORD = 1108,
    // Something could not be put into JSON.
    DSMIL_ERROR_ENCODE = 1109,
    // A sample that was begun long ago has not ended.
    DSMIL_ERROR_HANGS = 1200,
    // So many samplers hang that no further one is begun.
    DSMIL_ERROR_TOO_MANY_HANG = 1201,
    // Something could not be read to be sampled.
    DSMIL_ERROR_READ = 1202,
    // What was read is not what should be there.
    DSMIL_ERROR_PARSE = 1203,
    // More than may be read or kept.
    DSMIL_ERROR_TOO_MUCH = 1204,
    // A command could not be run, or failed.
    DSMIL_ERROR_COMMAND = 1205,
    // A file with a secret that others may read or write.
    DSMIL_ERROR_SECRET = 1206,
    // A server could not be reached, or answered with an error.
    DSMIL_ERROR_SERVER = 1207,
    // A query has no value, or one of the wrong kind.
    DSMIL_ERROR_QUERY = 1208,
    // A callback says that it failed.
    DSMIL_ERROR_CALLBACK = 1209,
    // A sampler panicked.
    DSMIL_ERROR_PANICKED = 1210,
    // The system refuses something that should always work.
    DSMIL_ERROR_SYSTEM = 1211,
    // The configuration names a check that there isn't.
    DSMIL_ERROR_UNKNOWN_CHECK = 1300,
    // Two checks have one name.
    DSMIL_ERROR_DUPLICATE_CHECK = 1301,
    // Saved baselines that can't be gone on from.
    DSMIL_ERROR_STATE = 1302,
    // The text is no matcher.
    DSMIL_ERROR_MATCHER = 1303,
    // The text is no fingerprint.
    DSMIL_ERROR_FINGERPRINT = 1304,
    // There is no such alert.
    DSMIL_ERROR_UNKNOWN_ALERT = 1305,
    // Only what fires can be acknowledged.
    DSMIL_ERROR_NOT_FIRING = 1306,
    // A name or a comment can't be kept.
    DSMIL_ERROR_WORDS = 1307,
    // The silence is not one that can be kept.
    DSMIL_ERROR_SILENCE = 1308,
    // There is no such silence that still runs.
    DSMIL_ERROR_UNKNOWN_SILENCE = 1309,
    // Saved alerts that can't be gone on from.
    DSMIL_ERROR_SNAPSHOT = 1310,
    // A command that is to be told can't be started.
    DSMIL_ERROR_START = 1400,
    // There was no connection, or it broke.
    DSMIL_ERROR_CONNECTION = 1401,
    // A server's answer was not that the notification was taken.
    DSMIL_ERROR_STATUS = 1402,
    // A setting of the endpoint is out of its range.
    DSMIL_ERROR_SETTING = 1403,
    // No file with keys is named, and nothing is served without one.
    DSMIL_ERROR_NO_KEYS_FILE = 1404,
    // The file with the keys can't be used.
    DSMIL_ERROR_KEYS_FILE = 1405,
    // An address that other machines reach, without TLS.
    DSMIL_ERROR_PLAIN_REMOTE = 1406,
    // Certificate or private key can't be used.
    DSMIL_ERROR_TLS = 1407,
    // The address can't be listened on.
    DSMIL_ERROR_LISTEN = 1408,
    // The threads of the endpoint can't be started.
    DSMIL_ERROR_THREADS = 1409,
    // The system gave no random numbers.
    DSMIL_ERROR_NO_RANDOMNESS = 1410,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dsmil_status dsmil_status;
#else
typedef int32_t dsmil_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What the driver made of a request.
enum dsmil_outcome
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It works.
    DSMIL_OUTCOME_WORKS = 0,
    // The driver knows it and refused it.
    DSMIL_OUTCOME_REFUSED = 1,
    // The driver doesn't know it.
    DSMIL_OUTCOME_MISSING = 2,
    // It was not asked: no device is cleared, or the request before it failed.
    DSMIL_OUTCOME_NOT_ASKED = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dsmil_outcome dsmil_outcome;
#else
typedef int32_t dsmil_outcome;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What is decided, from best to worst: of several the greatest counts.
enum dsmil_decision
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // The step may be taken.
    DSMIL_DECISION_GO = 0,
    // Not now: wait and look again.
    DSMIL_DECISION_HOLD = 1,
    // The step must not be taken.
    DSMIL_DECISION_NO_GO = 2,
    // What was done must be taken back.
    DSMIL_DECISION_ROLL_BACK = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dsmil_decision dsmil_decision;
#else
typedef int32_t dsmil_decision;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The state of a rule: the worst of its alerts.
enum dsmil_phase
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Nothing fails.
    DSMIL_PHASE_INACTIVE = 0,
    // It fails, but not yet for long enough.
    DSMIL_PHASE_PENDING = 1,
    // It failed for long enough.
    DSMIL_PHASE_FIRING = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dsmil_phase dsmil_phase;
#else
typedef int32_t dsmil_phase;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The requests of the driver, by their numbers.
enum dsmil_request
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // The driver's version.
    DSMIL_REQUEST_GET_VERSION = 1,
    // The driver's state.
    DSMIL_REQUEST_GET_STATUS = 2,
    // All records in one call.
    DSMIL_REQUEST_SCAN_DEVICES = 3,
    // One record.
    DSMIL_REQUEST_READ_DEVICE = 4,
    // The temperature.
    DSMIL_REQUEST_GET_THERMAL = 5,
    // Opens the scan session.
    DSMIL_REQUEST_SCAN_START = 6,
    // One chunk of a scan.
    DSMIL_REQUEST_SCAN_CHUNK = 7,
    // Closes the scan session.
    DSMIL_REQUEST_SCAN_COMPLETE = 8,
    // Opens the read session.
    DSMIL_REQUEST_READ_START = 9,
    // One chunk of a read.
    DSMIL_REQUEST_READ_CHUNK = 10,
    // Closes the read session.
    DSMIL_REQUEST_READ_COMPLETE = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dsmil_request dsmil_request;
#else
typedef int32_t dsmil_request;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The states that have a name. A record may hold another number: it is what the driver said.
enum dsmil_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // The driver does not know.
    DSMIL_STATE_UNKNOWN = 0,
    // Offline.
    DSMIL_STATE_OFFLINE = 1,
    // Safe.
    DSMIL_STATE_SAFE = 2,
    // Quarantined, as far as the driver knows.
    DSMIL_STATE_QUARANTINED = 3,
    // Error.
    DSMIL_STATE_ERROR = 4,
    // At the thermal limit.
    DSMIL_STATE_THERMAL_LIMIT = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dsmil_state dsmil_state;
#else
typedef int32_t dsmil_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The kinds of access that have a name. A record may hold another number.
enum dsmil_access
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // None.
    DSMIL_ACCESS_NONE = 0,
    // Read.
    DSMIL_ACCESS_READ = 1,
    // Reserved.
    DSMIL_ACCESS_RESERVED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dsmil_access dsmil_access;
#else
typedef int32_t dsmil_access;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What is to be done with a device.
enum dsmil_operation
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Ask for its record.
    DSMIL_OPERATION_INFO = 0,
    // Read its data.
    DSMIL_OPERATION_READ = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum dsmil_operation dsmil_operation;
#else
typedef int32_t dsmil_operation;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The report of a verification. It never changes, so that threads may share it.
typedef struct dsmil_audit_report dsmil_audit_report;

// An open device. Threads may share it: one uses it at a time, the others wait for at most the turn's time-out. After
// fork() the child's copy answers DSMIL_ERROR_FORKED to everything: the child frees it and opens the device anew.
typedef struct dsmil_device dsmil_device;

// The gates of a file, with what was recorded for them. Threads may share it: one uses it at a time, the others
// wait. A child made by fork() goes on with a copy of its own; only if another thread was using it at that moment
// the child's copy answers DSMIL_ERROR_FORKED.
//
// What no rule looks at any more is dropped by dsmil_gate_evaluate() after every 100,000 samples.
typedef struct dsmil_gate dsmil_gate;

// The isolations that were in force at one moment. It never changes, so that threads may share it.
typedef struct dsmil_isolations dsmil_isolations;

// What a callback measures. It belongs to the library and lives until the callback returns; only the callback's own
// thread may use it.
typedef struct dsmil_metrics dsmil_metrics;

// A monitor that runs, on threads of its own. Threads may share it. After fork() the child's copy answers
// DSMIL_ERROR_FORKED to everything: the child frees it. A child that goes on without exec keeps the state directory
// held until it ends.
typedef struct dsmil_monitor dsmil_monitor;

// How a monitor is started: make options, set what is wanted, start with them as often as is wanted, free them.
typedef struct dsmil_monitor_options dsmil_monitor_options;

// How a device is opened: make one, set what differs from the default, open with it as often as is wanted, free it.
// Ranges are checked when a device is opened.
typedef struct dsmil_options dsmil_options;

// Who may be touched and who may not, as it was when it was loaded. It never changes, so that threads may share it. A
// device asks the rules that hold *now*, whatever an older list says.
typedef struct dsmil_quarantine dsmil_quarantine;

// A whole scan. It never changes, so that threads may share it; it outlives the device that it is of.
typedef struct dsmil_scan dsmil_scan;

// A simulated device that is served as a file on which any program's ioctl works. Threads may share it.
typedef struct dsmil_server dsmil_server;

// A step of a monitor: what was seen, what the gates decide, what happened to alerts. It never changes, so that
// threads may share it; it outlives the monitor, and is as good in a child made by fork().
typedef struct dsmil_step dsmil_step;

// The steps of a monitor from the time of dsmil_monitor_subscribe() on. At most 1,024 wait to be read, then the
// oldest is dropped. Threads may share it: each step is given to one of them. In a child made by fork() it answers
// DSMIL_ERROR_FORKED.
typedef struct dsmil_subscription dsmil_subscription;

// What gates decide at a time, and on what evidence. It never changes, so that threads may share it; it outlives the
// gate or the monitor that it is of, and is as good in a child made by fork().
typedef struct dsmil_verdict dsmil_verdict;

// The last failure of a call on this thread. What does not apply is 0, false or NULL. The texts live until the
// next call that fails on this thread, and nobody frees them.
typedef struct dsmil_error_detail {
    // The status that the call returned; DSMIL_OK if none has failed yet.
    dsmil_status status;
    // The errno that the driver or the kernel gave, or the one that comes nearest; 0 where none does.
    int32_t os_error;
    // The name of the kind of failure, the same in every language: "denied", "protocol".
    const char *kind;
    // The name of what was wrong with the driver's answer ("total-chunks-zero"), or NULL.
    const char *fault;
    // The key of the rule that denied ("permanent/0x8009"), or NULL.
    const char *rule_key;
    // The file that was at fault (a gate file, a configuration, the lock of a state directory), or NULL.
    const char *file;
    // The key in that file, such as `rule[2].window`, or NULL.
    const char *key;
    // Everything in words: the operation, the device, how far it got, what to do.
    const char *message;
    // Payload bytes of a transfer that were accepted before it broke off.
    uint64_t bytes_done;
    // The line in `file`, from 1; 0 where it is not known.
    uint32_t line;
    // The column in that line, from 1; 0 where it is not known.
    uint32_t column;
    // The chunk that was due, if has_chunk.
    uint32_t chunk;
    // The state that the driver put into the device's record all the same, if has_device_state.
    uint32_t device_state;
    // The device that was concerned, if has_id.
    uint16_t id;
    // Whether id means something.
    bool has_id;
    // Whether chunk and bytes_done mean something.
    bool has_chunk;
    // Whether device_state means something.
    bool has_device_state;
    // Of a denial: a rule names this device. False: nothing allows it.
    bool is_explicit;
    // Of a deadline: the call was stuck in the kernel and was got out of there.
    bool was_interrupted;
} dsmil_error_detail;

// A function that is asked, whenever a call was interrupted or took over 20 ms, whether to break off. It runs on the
// thread that uses the device, which it must not use itself.
typedef bool (*dsmil_interrupt_check)(void *context);

// What the driver says of itself.
typedef struct dsmil_system_status {
    // When the last scan was made, in milliseconds since boot; 0 before the first.
    uint64_t last_scan_timestamp_ms;
    // The driver's temperature in degrees Celsius.
    int32_t current_temp_celsius;
    // How many devices the driver counts as safe.
    uint32_t safe_device_count;
    // How many devices the driver counts as quarantined: it knows five of the seven.
    uint32_t quarantined_count;
    // The kernel module says that it is loaded.
    bool kernel_module_loaded;
    // The driver judges the temperature safe.
    bool thermal_safe;
} dsmil_system_status;

// What the driver knows of one device.
typedef struct dsmil_record {
    // When the driver made this record, in milliseconds since boot.
    uint64_t timestamp_ms;
    // The device's state: one of dsmil_state, or a number without a name.
    uint32_t state;
    // The access that the driver grants: one of dsmil_access, or a number without a name.
    uint32_t access;
    // The device's last answer, if has_response.
    uint32_t last_response;
    // The device's temperature in degrees Celsius, if has_thermal.
    int32_t thermal_celsius;
    // The device.
    uint16_t id;
    // Whether the driver itself counts it as quarantined.
    bool is_quarantined;
    // Whether last_response means something. In a scan it never does.
    bool has_response;
    // Whether thermal_celsius means something: false where no sensor answered.
    bool has_thermal;
} dsmil_record;

// What was found of one request.
typedef struct dsmil_probe_entry {
    // The request's number, one of dsmil_request.
    int32_t request;
    // What the driver made of it.
    dsmil_outcome outcome;
    // The errno of a refusal; 0 otherwise.
    int32_t os_error;
} dsmil_probe_entry;

// What a probe found.
typedef struct dsmil_probe {
    // Each request, in the order of their numbers: request N is at N - 1.
    struct dsmil_probe_entry entries[DSMIL_REQUEST_COUNT];
    // Whether the chunked requests, 6 to 11, all work.
    bool is_chunked;
} dsmil_probe;

// What was measured of one request or one device, in nanoseconds. Percentiles are within 1 % of the truth. All 0
// where nothing was measured.
typedef struct dsmil_latency_summary {
    // How many calls.
    uint64_t count;
    // The shortest.
    uint64_t min_ns;
    // Half took no longer.
    uint64_t p50_ns;
    // 95 of 100 took no longer.
    uint64_t p95_ns;
    // 99 of 100 took no longer.
    uint64_t p99_ns;
    // The longest.
    uint64_t max_ns;
} dsmil_latency_summary;

// What a device handle has measured since it was opened.
typedef struct dsmil_latency {
    // Each request: number N is at N - 1. One ioctl, failed ones included.
    struct dsmil_latency_summary requests[DSMIL_REQUEST_COUNT];
    // Each device: id is at id - DSMIL_FIRST_ID. A whole info or read, turns and repetitions included.
    struct dsmil_latency_summary devices[DSMIL_DEVICE_COUNT];
} dsmil_latency;

// One isolation. Its texts belong to the list that it is of.
typedef struct dsmil_isolation {
    // Why.
    const char *reason;
    // Who decided it.
    const char *author;
    // Since when, in milliseconds since the Unix epoch.
    uint64_t since_ms;
    // Until when, in milliseconds since the Unix epoch, if has_end.
    uint64_t until_ms;
    // The device.
    uint16_t id;
    // Whether it ends by itself; otherwise it holds until it is released.
    bool has_end;
} dsmil_isolation;

// Who pulled the emergency stop, when, and why.
typedef struct dsmil_stop_record {
    // When, in milliseconds since the Unix epoch.
    uint64_t since_ms;
    // From dsmil_emergency_stop(): how long it took until every process was stopped, in nanoseconds. Otherwise 0.
    uint64_t took_ns;
    // The user id.
    uint32_t uid;
    // The process.
    uint32_t pid;
    // From dsmil_emergency_stop(): whether the audit log has a record of it; the stop holds in either case.
    bool is_audited;
    // Why.
    char reason[DSMIL_REASON_BYTES];
    // The program's name.
    char program[DSMIL_PROGRAM_BYTES];
} dsmil_stop_record;

// What a verification found, in numbers.
typedef struct dsmil_audit_summary {
    // Sound records read.
    uint64_t records;
    // The first record's number; 0 in an empty log.
    uint64_t first_seq;
    // The last record's number; 0 in an empty log.
    uint64_t last_seq;
    // What is wrong: how many findings, beyond those that the report holds too.
    uint64_t findings;
    // Repairs that the log itself tells of.
    uint64_t repairs;
    // Begun records without an end.
    uint64_t unfinished;
    // Whether nothing is wrong.
    bool is_clean;
    // The last record's hash, 64 hexadecimal digits.
    char head_hash[DSMIL_HASH_BYTES];
} dsmil_audit_summary;

// One thing that is wrong. Its texts belong to the report.
typedef struct dsmil_audit_finding {
    // What happened: "changed", "removed", "added", "reordered", "torn", "truncated", "malformed", "unsealed".
    const char *kind;
    // The file in the log's directory.
    const char *file;
    // In words.
    const char *detail;
    // The line in the file, from 1; 0 when it is about the whole file.
    uint64_t line;
    // The record's number, if has_seq.
    uint64_t seq;
    // Whether seq means something.
    bool has_seq;
} dsmil_audit_finding;

// What the self-check found of one id.
typedef struct dsmil_self_check_entry {
    // Accesses that the simulated driver counted while the library was asked: must be 0.
    uint64_t accesses;
    // Accesses that it counted when it was asked past the library: not 0, or the count proves nothing.
    uint64_t control;
    // The id.
    uint16_t id;
    // Every operation was denied.
    bool was_denied;
    // Denied, never touched, and the counter works.
    bool is_enforced;
} dsmil_self_check_entry;

// What the self-check found.
typedef struct dsmil_self_check {
    // Each of the seven.
    struct dsmil_self_check_entry entries[DSMIL_PERMANENT_COUNT];
    // Whether all of them are enforced.
    bool is_ok;
} dsmil_self_check;

// What one gate of a file decides. Its texts belong to the verdict.
typedef struct dsmil_gate_verdict {
    // Its name.
    const char *name;
    // Why the gate is as it is, as its file says, or NULL.
    const char *justification;
    // The share of the weights that go, 0 to 1, if has_score.
    double score;
    // What the score must reach, if has_score.
    double threshold;
    // When to look again, in milliseconds since the Unix epoch, if has_look_again.
    int64_t look_again_at_ms;
    // How many members don't go: dsmil_verdict_gate_reason() says why. A gate that goes may have some, if others
    // outvoted them.
    size_t reasons;
    // May the step be taken?
    dsmil_decision decision;
    // Whether a person is to be called.
    bool must_escalate;
    // Whether score and threshold mean something.
    bool has_score;
    // Whether look_again_at_ms means something.
    bool has_look_again;
} dsmil_gate_verdict;

// Where one rule stands. Its texts belong to the verdict.
typedef struct dsmil_rule_verdict {
    // Its name.
    const char *name;
    // Why it could not be evaluated, or NULL.
    const char *error;
    // What it asks for.
    dsmil_decision decision;
    // The worst of its alerts.
    dsmil_phase phase;
    // Whether evidence that it needs is not there.
    bool is_missing;
} dsmil_rule_verdict;

// Where one zone is. Its texts belong to the verdict.
typedef struct dsmil_zone_verdict {
    // Its name.
    const char *name;
    // The band that it is in.
    const char *band;
    // What the band means.
    dsmil_decision decision;
} dsmil_zone_verdict;

// A label of a metric, such as device = "0x8003". Both texts are copied.
typedef struct dsmil_label {
    // Letters, digits and _, and not a digit first.
    const char *name;
    // Any text. A label with an empty value is as one that is not there.
    const char *value;
} dsmil_label;

// A doubt about a gate file that can be used. Its texts belong to the gate.
typedef struct dsmil_lint {
    // What it is about, such as "rule cpu".
    const char *subject;
    // What is doubtful.
    const char *what;
    // What to do about it.
    const char *remedy;
    // Its line, from 1.
    uint32_t line;
} dsmil_lint;

// A function that measures: it adds what it sees to `metrics`, and says with dsmil_metrics_fail() what it can't see.
// It is called on a thread of the library, never twice at a time for one sampler, and may block: one that takes
// longer than its time-out has failed, and is called again when it has returned. It may use the library; see
// dsmil_monitor_stop() for what would wait for itself. It must not leave by longjmp or a C++ exception, and a child
// that it makes by fork() must end by exec or _exit.
typedef void (*dsmil_sampler_function)(struct dsmil_metrics *metrics, void *context);

// A function that is told of each step. `step` belongs to the library and lives until the function returns. It is
// called on a thread of the library, never twice at a time; one that is slow misses steps and holds nothing up. It
// may use the library; see dsmil_monitor_stop() for what would wait for itself. It must not leave by longjmp or a
// C++ exception, and a child that it makes by fork() must end by exec or _exit.
typedef void (*dsmil_step_function)(const struct dsmil_step *step, void *context);

// A score, 0 to 100.
typedef struct dsmil_score {
    // The score.
    double value;
    // The same over what was measured here: without external attestations.
    double own_value;
    // When it was computed, in milliseconds since the Unix epoch.
    int64_t at_ms;
    // Of how many checks.
    size_t checks;
    // How many of them passed.
    size_t passed;
} dsmil_score;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The stable name of a status: `"denied"`, `"total-chunks-zero"`; `"unknown"` for a number that is none.
//
// The text is static: nobody frees it. Never blocks, never fails; any thread.
const char *dsmil_status_name(int32_t status);

// What a status means, in one English sentence; dsmil_last_error_message() says more about the last one.
//
// The text is static: nobody frees it. Never blocks, never fails; any thread.
const char *dsmil_status_text(int32_t status);

// The last failure on this thread in words; "" if there was none.
//
// The text belongs to the library and lives until the next call that fails on this thread. Never blocks.
const char *dsmil_last_error_message(void);

// The last failure on this thread in detail. Its status is DSMIL_OK if no call has failed on this thread.
//
// The texts in it belong to the library and live until the next call that fails on this thread. Never blocks.
// Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_last_error(struct dsmil_error_detail *detail);

// The library's version, "MAJOR.MINOR.PATCH".
//
// The text is static: nobody frees it. Never blocks, never fails; any thread.
const char *dsmil_library_version(void);

// Frees a text that a function of this library gave out as `char **`. NULL is fine.
//
// Never blocks; any thread, once for each text.
void dsmil_string_free(char *text);

// The name of a state, "safe"; "unnamed" for a number that has none.
//
// The text is static: nobody frees it. Never blocks, never fails; any thread.
const char *dsmil_state_name(uint32_t state);

// The name of a request as the driver spells it, "SCAN_START"; "unnamed" for a number that is none.
//
// The text is static: nobody frees it. Never blocks, never fails; any thread.
const char *dsmil_request_name(int32_t request);

// New options, each at its default. Never NULL; free them with dsmil_options_free(). Never blocks.
struct dsmil_options *dsmil_options_new(void);

// Frees options. NULL is fine; devices that were opened with them go on. Never blocks.
void dsmil_options_free(struct dsmil_options *options);

// The run directory (copied). Default: what DSMIL_RUN_DIR says, or /var/lib/dsmil, or for a simulated device in the
// process one of the user's own.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_run_dir(struct dsmil_options *options, const char *run_dir);

// One more policy file beside /etc/dsmil/policy.toml (copied). Default: what DSMIL_POLICY says. One that can't be
// used denies everything.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_policy(struct dsmil_options *options, const char *policy);

// How long one request may take, in milliseconds: 100 by default, 1 to 86,400,000.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_call_deadline_ms(struct dsmil_options *options, uint64_t ms);

// How long a whole operation may take with all its requests and repetitions, in milliseconds: 5,000 by default,
// 1 to 86,400,000. Waiting for the turn is not counted.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_transfer_deadline_ms(struct dsmil_options *options, uint64_t ms);

// How long other users of the device are waited for, in milliseconds: 10,000 by default, 1 to 86,400,000.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_turn_timeout_ms(struct dsmil_options *options, uint64_t ms);

// How many times one request is asked that fails for a moment (EIO, EAGAIN, EBUSY): 4 by default, 1 to 100.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_tries(struct dsmil_options *options, uint32_t tries);

// How many times a transfer is begun that another program breaks: 8 by default, 1 to 100.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_attempts(struct dsmil_options *options, uint32_t attempts);

// The pause before a second try, in microseconds: 1,000 by default, at most 1,000,000; twice as long before each
// further one.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_back_off_us(struct dsmil_options *options, uint64_t us);

// Whether everything is checked and nothing asked: each operation then ends with DSMIL_ERROR_DRY_RUN where its first
// request would have been made. Default: false.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_dry_run(struct dsmil_options *options, bool dry_run);

// A function that can break off a long call, which then ends with DSMIL_ERROR_INTERRUPTED. It is called with `context`
// on whichever thread uses the device, as long as a device lives that was opened with these options; it must not
// use the device, and must not leave by longjmp or a C++ exception.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_options_set_interrupt(struct dsmil_options *options, dsmil_interrupt_check check, void *context);

// Opens a device: a path, "sim:", "sim:seed=7", "record:FILE,DEVICE" or "replay:FILE". NULL takes what the environment's
// DSMIL_DEVICE says, or /dev/dsmil-72dev. `options` may be NULL and are copied.
//
// *device is to be freed with dsmil_device_free(). Blocks for one request. Any thread.
// Errors: DSMIL_ERROR_NULL, _SPEC, _ARGUMENT (an option), _OPEN_..., _NOT_A_DEVICE, _NOT_INITIALISED, _RUN_DIRECTORY,
// _STOPPED, _DEADLINE, _TRACE.
dsmil_status dsmil_device_open(const char *spec,
                               const struct dsmil_options *options,
                               struct dsmil_device **device);

// Closes a device, after the operation of another thread if there is one. The handle stays and answers
// DSMIL_ERROR_CLOSED from then on. Closing twice is fine.
//
// Blocks for at most the turn's time-out. Threads may share. Errors: DSMIL_ERROR_NULL, _BUSY.
dsmil_status dsmil_device_close(const struct dsmil_device *device);

// Closes a device and frees the handle. NULL is fine.
//
// Never blocks for the device. No other thread may be using the handle.
void dsmil_device_free(struct dsmil_device *device);

// What the device was opened as; NULL for NULL.
//
// The text belongs to the handle. Never blocks; threads may share.
const char *dsmil_device_name(const struct dsmil_device *device);

// The driver's version, 0x00MMmmpp.
//
// Blocks for at most the transfer's deadline, and the turn's time-out for other threads. Threads may share.
// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, 4xx, 6xx.
dsmil_status dsmil_device_version(const struct dsmil_device *device, uint32_t *version);

// The driver's state.
//
// Blocks for at most the transfer's deadline, and the turn's time-out for other threads. Threads may share.
// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, 4xx, 6xx.
dsmil_status dsmil_device_status(const struct dsmil_device *device, struct dsmil_system_status *status);

// The temperature in degrees Celsius.
//
// Blocks for at most the transfer's deadline, and the turn's time-out for other threads. Threads may share.
// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, 4xx (_REQUEST with EIO where no sensor answers), 6xx.
dsmil_status dsmil_device_thermal(const struct dsmil_device *device, int32_t *celsius);

// What the driver knows of one device.
//
// Blocks for at most the transfer's deadline, and the turn's time-out for other threads. Threads may share.
// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, _DENIED, 3xx, 4xx (_REQUEST with the device's state), _RECORD, 6xx.
dsmil_status dsmil_device_info(const struct dsmil_device *device, uint16_t id, struct dsmil_record *record);

// The data of one device, 1 to DSMIL_MAX_READ_BYTES bytes. How many it will be nobody knows before, so that a buffer
// of fewer than DSMIL_MAX_READ_BYTES bytes is refused before anything is asked. On failure it is left alone.
//
// Blocks for at most the transfer's deadline, and twice the turn's time-out for other threads and processes. Threads
// may share. Errors: DSMIL_ERROR_NULL, _BUFFER, _CLOSED, _FORKED, _DENIED, 3xx, 4xx, 5xx, 6xx.
dsmil_status dsmil_device_read(const struct dsmil_device *device,
                               uint16_t id,
                               uint8_t *buffer,
                               size_t capacity,
                               size_t *length);

// Whether the quarantine would allow an operation (one of dsmil_operation) now: DSMIL_OK or DSMIL_ERROR_DENIED. A
// question and not an attempt: it is not audited. dsmil_quarantine_check() answers faster, by a list taken before.
//
// Blocks for at most the turn's time-out. Threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such operation), _CLOSED, _FORKED, _DENIED, _BUSY.
dsmil_status dsmil_device_check(const struct dsmil_device *device, uint16_t id, int32_t operation);

// The device's open file, or -1 where it has none (a simulated device in the process). It stays the device's: do not
// close it, and make no requests on it, which nothing would check.
//
// Blocks for at most the turn's time-out. Threads may share. Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, _BUSY.
dsmil_status dsmil_device_fd(const struct dsmil_device *device, int32_t *fd);

// Every device that the driver has, quarantined ones included: the driver tells what it knows of them and touches
// none. A part of a scan is never given out.
//
// *scan is to be freed with dsmil_scan_free(). Blocks for at most the transfer's deadline, and twice the turn's
// time-out for other threads and processes. Threads may share the device.
// Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, 4xx, 5xx, 6xx.
dsmil_status dsmil_device_scan(const struct dsmil_device *device, struct dsmil_scan **scan);

// How many records a scan has; 0 for NULL. Never blocks; threads may share.
size_t dsmil_scan_count(const struct dsmil_scan *scan);

// The records of a scan, one after another, dsmil_scan_count() of them; NULL for NULL.
//
// They belong to the scan. Never blocks; threads may share.
const struct dsmil_record *dsmil_scan_records(const struct dsmil_scan *scan);

// One record of a scan, by its position from 0.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
dsmil_status dsmil_scan_get(const struct dsmil_scan *scan, size_t index, struct dsmil_record *record);

// The record of one device in a scan.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (the scan has no such device).
dsmil_status dsmil_scan_find(const struct dsmil_scan *scan, uint16_t id, struct dsmil_record *record);

// Frees a scan. NULL is fine. Never blocks.
void dsmil_scan_free(struct dsmil_scan *scan);

// Asks for each of the eleven requests once. No device is touched but one that the quarantine clears.
//
// Blocks for at most the transfer's deadline, and twice the turn's time-out for other threads and processes. Threads
// may share. Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, 3xx, _VANISHED, 6xx.
dsmil_status dsmil_device_probe(const struct dsmil_device *device, struct dsmil_probe *probe);

// What was measured since the device was opened.
//
// Blocks for at most the turn's time-out. Threads may share. Errors: DSMIL_ERROR_NULL, _CLOSED, _FORKED, _BUSY.
dsmil_status dsmil_device_latency(const struct dsmil_device *device, struct dsmil_latency *latency);

// The devices whose 95th percentile is over a limit, slowest first: their ids go to `ids`, which has room for
// `capacity` of them (DSMIL_DEVICE_COUNT is always enough), and their number to *count.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _BUFFER (there are more than fit: *count and `ids` are left
// alone).
dsmil_status dsmil_latency_slow(const struct dsmil_latency *latency,
                                uint64_t limit_ns,
                                uint16_t *ids,
                                size_t capacity,
                                size_t *count);

// Takes the list: the permanent seven, /etc/dsmil/policy.toml, the policy given (or what DSMIL_POLICY names), and the
// isolations of the run directory (NULL: what DSMIL_RUN_DIR says, or the default device's). A policy, or isolations, that
// can't be used are no error here: the list then denies everything, and says why in the detail of each denial.
//
// *quarantine is to be freed with dsmil_quarantine_free(). Blocks for files, and up to 5 s for a change to the isolations.
// Any thread. Errors: DSMIL_ERROR_NULL, _RUN_DIRECTORY.
dsmil_status dsmil_quarantine_load(const char *policy,
                                   const char *run_dir,
                                   struct dsmil_quarantine **quarantine);

// Whether a list allows an operation (one of dsmil_operation) on a device: DSMIL_OK or DSMIL_ERROR_DENIED, with the rule
// in dsmil_last_error(). A question and not an attempt: it is not audited.
//
// Takes a few nanoseconds if it is allowed; never blocks; threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such operation), _DENIED.
dsmil_status dsmil_quarantine_check(const struct dsmil_quarantine *quarantine,
                                    uint16_t id,
                                    int32_t operation);

// Frees a list. NULL is fine. Never blocks.
void dsmil_quarantine_free(struct dsmil_quarantine *quarantine);

// The seven ids that may never be touched, in ascending order; `ids` has room for DSMIL_PERMANENT_COUNT of them.
//
// Never blocks; any thread. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_quarantine_permanent(uint16_t *ids);

// What touching one of the seven does, "data destruction"; NULL for any other id.
//
// The text is static: nobody frees it. Never blocks, never fails; any thread.
const char *dsmil_permanent_what(uint16_t id);

// Takes a device out of use for `duration_ms` milliseconds; 0: until it is released. Every process that uses the run
// directory (NULL: what DSMIL_RUN_DIR says, or the default device's) heeds it from its next operation on. One that is isolated
// already is isolated anew. It is audited.
//
// Blocks for files, and up to 5 s for another process's change. Any thread.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (an empty text, or an id that the driver doesn't serve), _RUN_DIRECTORY, _AUDIT,
// _ISOLATIONS: then nothing has changed.
dsmil_status dsmil_isolate(const char *run_dir,
                           uint16_t id,
                           const char *reason,
                           const char *author,
                           uint64_t duration_ms);

// Puts a device back into use. *was_isolated tells whether there was anything to end. It is audited.
//
// Blocks for files, and up to 5 s for another process's change. Any thread.
// Errors: DSMIL_ERROR_NULL, _DENIED (one of the permanent seven), _ARGUMENT (an empty author), _RUN_DIRECTORY, _AUDIT,
// _ISOLATIONS: then nothing has changed.
dsmil_status dsmil_release(const char *run_dir, uint16_t id, const char *author, bool *was_isolated);

// Takes the list of the isolations that are in force, by id.
//
// *isolations is to be freed with dsmil_isolations_free(). Blocks for files, and up to 5 s for another process's change.
// Any thread. Errors: DSMIL_ERROR_NULL, _RUN_DIRECTORY, _ISOLATIONS.
dsmil_status dsmil_isolations_load(const char *run_dir,
                                   struct dsmil_isolations **isolations);

// How many isolations a list has; 0 for NULL. Never blocks; threads may share.
size_t dsmil_isolations_count(const struct dsmil_isolations *isolations);

// One isolation of a list, by its position from 0. Its texts belong to the list.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
dsmil_status dsmil_isolations_get(const struct dsmil_isolations *isolations,
                                  size_t index,
                                  struct dsmil_isolation *isolation);

// Frees a list. NULL is fine. Never blocks.
void dsmil_isolations_free(struct dsmil_isolations *isolations);

// Pulls the emergency stop: from now on no process that uses the run directory (NULL: what DSMIL_RUN_DIR says, or
// /var/lib/dsmil) asks a device for anything, until dsmil_stop_clear(). It takes force before anything is written
// about it. `record` may be NULL; otherwise it gets the stop that is in force: an older one, if there was one.
//
// Blocks for files. Any thread. Errors: DSMIL_ERROR_NULL (no reason), _ARGUMENT, _RUN_DIRECTORY (then there is no access
// either).
dsmil_status dsmil_emergency_stop(const char *run_dir,
                                  const char *reason,
                                  struct dsmil_stop_record *record);

// Ends the emergency stop. *was_pulled tells whether there was one.
//
// Blocks for files. Any thread.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _RUN_DIRECTORY, _AUDIT (it can't be recorded: then the stop stays).
dsmil_status dsmil_stop_clear(const char *run_dir, const char *reason, bool *was_pulled);

// Whether the emergency stop is pulled. `record` may be NULL; otherwise it gets the stop that is in force, if one is.
//
// Blocks for files. Any thread. Errors: DSMIL_ERROR_NULL, _RUN_DIRECTORY.
dsmil_status dsmil_stop_state(const char *run_dir, bool *is_pulled, struct dsmil_stop_record *record);

// Verifies the audit log in a directory (the folder `audit` of a run directory). What is wrong with the log is no error
// but in the report.
//
// *report is to be freed with dsmil_audit_report_free(). Blocks as long as reading the log takes, and up to 5 s for its
// writers. Any thread. Errors: DSMIL_ERROR_NULL, _AUDIT (there is no log, or it can't be read).
dsmil_status dsmil_audit_verify(const char *directory, struct dsmil_audit_report **report);

// The numbers of a report.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_audit_report_summary(const struct dsmil_audit_report *report, struct dsmil_audit_summary *summary);

// One finding of a report, by its position from 0; it holds at most 1,024. Its texts belong to the report.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
dsmil_status dsmil_audit_report_finding(const struct dsmil_audit_report *report,
                                        size_t index,
                                        struct dsmil_audit_finding *finding);

// Frees a report. NULL is fine. Never blocks.
void dsmil_audit_report_free(struct dsmil_audit_report *report);

// Tries to reach each of the seven through the library, on a simulated driver that counts every access. Nothing outside
// this process is asked. `options` (run directory, policy) may be NULL.
//
// Blocks for files. Any thread. Errors: DSMIL_ERROR_NULL, _RUN_DIRECTORY, _STOPPED.
dsmil_status dsmil_self_check_run(const struct dsmil_options *options, struct dsmil_self_check *result);

// Serves a simulated device in a directory, which is made if it isn't there and must be empty: the device is the file
// `dsmil-72dev` in it, beside `counters.json` and `faults.toml`. `options` ("seed=7,firmware-limit=none") and `faults` (the
// text of a fault file) may be NULL. Root needs nothing else; other users need fusermount3. The service runs on threads
// of this process: a child made by fork() has none of it.
//
// *server is to be freed with dsmil_server_free(). Blocks until the device answers. Any thread.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _SIM_OPTION, _SIM_FAULTS, _SIM_PLACE, _SIM_MOUNT.
dsmil_status dsmil_sim_serve(const char *directory,
                             const char *options,
                             const char *faults,
                             struct dsmil_server **server);

// The path of the served device; NULL for NULL.
//
// The text belongs to the server. Never blocks; threads may share.
const char *dsmil_server_device_path(const struct dsmil_server *server);

// Replaces the faults of a served device by those of a text; "" is none.
//
// Blocks for a request in progress at most. Threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _SIM_FAULTS (the old ones stay), _NOT_SIMULATED (it has been stopped).
dsmil_status dsmil_server_set_faults(const struct dsmil_server *server, const char *faults);

// What was asked of a served device, as one line of JSON.
//
// *json is to be freed with dsmil_string_free(). Blocks for a request in progress at most. Threads may share.
// Errors: DSMIL_ERROR_NULL, _NOT_SIMULATED (it has been stopped).
dsmil_status dsmil_server_counters(const struct dsmil_server *server, char **json);

// How often a served device was asked for an id, in whichever way.
//
// Blocks for a request in progress at most. Threads may share.
// Errors: DSMIL_ERROR_NULL, _NOT_SIMULATED (it has been stopped).
dsmil_status dsmil_server_accesses(const struct dsmil_server *server, uint16_t id, uint64_t *count);

// How often a request (one of dsmil_request) was made of a served device.
//
// Blocks for a request in progress at most. Threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such request), _NOT_SIMULATED (it has been stopped).
dsmil_status dsmil_server_requests(const struct dsmil_server *server, int32_t request, uint64_t *count);

// Ends the service and says whether that went well. The handle stays. Stopping twice is fine.
//
// Blocks until the kernel has let go: at most 5 s. Threads may share. Errors: DSMIL_ERROR_NULL, _SIM_END.
dsmil_status dsmil_server_stop(const struct dsmil_server *server);

// Ends the service, if it isn't yet, and frees the handle. NULL is fine.
//
// Blocks as dsmil_server_stop(). No other thread may be using the handle.
void dsmil_server_free(struct dsmil_server *server);

// Replaces the faults of a simulated device in this process by those of a text; "" is none.
//
// Blocks for at most the turn's time-out. Threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _SIM_FAULTS (the old ones stay), _NOT_SIMULATED (also once it is closed).
dsmil_status dsmil_device_sim_set_faults(const struct dsmil_device *device, const char *faults);

// What was asked of a simulated device in this process, as one line of JSON.
//
// *json is to be freed with dsmil_string_free(). Blocks for at most the turn's time-out. Threads may share.
// Errors: DSMIL_ERROR_NULL, _NOT_SIMULATED (also once it is closed).
dsmil_status dsmil_device_sim_counters(const struct dsmil_device *device, char **json);

// How often a simulated device in this process was asked for an id, in whichever way.
//
// Blocks for at most the turn's time-out. Threads may share.
// Errors: DSMIL_ERROR_NULL, _NOT_SIMULATED (also once it is closed).
dsmil_status dsmil_device_sim_accesses(const struct dsmil_device *device, uint16_t id, uint64_t *count);

// How often a request (one of dsmil_request) was made of a simulated device in this process.
//
// Blocks for at most the turn's time-out. Threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such request), _NOT_SIMULATED (also once it is closed).
dsmil_status dsmil_device_sim_requests(const struct dsmil_device *device, int32_t request, uint64_t *count);

// What is decided: the worst of all gates of the file; of all rules, if it has no gate. DSMIL_DECISION_NO_GO for
// NULL: what isn't there lets no step be taken.
//
// Never blocks; threads may share.
dsmil_decision dsmil_verdict_of(const struct dsmil_verdict *verdict);

// Whether the step may be taken; false for NULL. Never blocks; threads may share.
bool dsmil_verdict_go(const struct dsmil_verdict *verdict);

// The time that it is of, in milliseconds since the Unix epoch; 0 for NULL. Never blocks; threads may share.
int64_t dsmil_verdict_at(const struct dsmil_verdict *verdict);

// How many reasons there are why it isn't go: 0 if it is, and for NULL. Never blocks; threads may share.
size_t dsmil_verdict_reason_count(const struct dsmil_verdict *verdict);

// One reason why it isn't go, by its position from 0; NULL where there is none. They are those of the gates that
// don't go, in the order of the file and each once; those of the rules, if the file has no gate.
//
// The text belongs to the verdict. Never blocks; threads may share.
const char *dsmil_verdict_reason(const struct dsmil_verdict *verdict, size_t index);

// How many gates the file has; 0 for NULL. Never blocks; threads may share.
size_t dsmil_verdict_gate_count(const struct dsmil_verdict *verdict);

// What one gate decides, by its position from 0 in the file.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
dsmil_status dsmil_verdict_gate_get(const struct dsmil_verdict *verdict, size_t index, struct dsmil_gate_verdict *gate);

// What one gate decides, by its name.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (the file has no such gate).
dsmil_status dsmil_verdict_gate(const struct dsmil_verdict *verdict, const char *name, struct dsmil_gate_verdict *gate);

// Why one member of a gate doesn't go, both by their positions from 0; NULL where there is none.
//
// The text belongs to the verdict. Never blocks; threads may share.
const char *dsmil_verdict_gate_reason(const struct dsmil_verdict *verdict, size_t gate, size_t index);

// Where one rule stands, by its name.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (the file has no such rule).
dsmil_status dsmil_verdict_rule(const struct dsmil_verdict *verdict, const char *name, struct dsmil_rule_verdict *rule);

// Where one zone is, by its name.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (the file has no such zone).
dsmil_status dsmil_verdict_zone(const struct dsmil_verdict *verdict, const char *name, struct dsmil_zone_verdict *zone);

// Everything: the gates, zones and rules with their evidence, as one line of JSON. The same samples give the same
// bytes.
//
// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_verdict_json(const struct dsmil_verdict *verdict, char **json);

// Everything in words, over several lines.
//
// *words is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_verdict_text(const struct dsmil_verdict *verdict, char **words);

// Frees a verdict. NULL is fine. Never blocks.
void dsmil_verdict_free(struct dsmil_verdict *verdict);

// The stable name of a decision: "go", "hold", "no-go", "roll-back"; "unknown" for a number that is none.
//
// The text is static: nobody frees it. Never blocks, never fails; any thread.
const char *dsmil_decision_name(int32_t decision);

// Reads a gate file.
//
// *gate is to be freed with dsmil_gate_free(). Blocks for the file. Any thread.
// Errors: DSMIL_ERROR_NULL, _FILE (it can't be read), _GATES (the detail has line and key of what is wrong first,
// the message all).
dsmil_status dsmil_gate_load(const char *path, struct dsmil_gate **gate);

// Reads the text of a gate file. `name` stands for the file in messages; NULL is "gates".
//
// *gate is to be freed with dsmil_gate_free(). Never blocks; any thread. Errors: DSMIL_ERROR_NULL, _ARGUMENT, _GATES.
dsmil_status dsmil_gate_parse(const char *content, const char *name, struct dsmil_gate **gate);

// Frees a gate. NULL is fine; verdicts go on. Never blocks. No other thread may be using it.
void dsmil_gate_free(struct dsmil_gate *gate);

// What the file says, as 64 hexadecimal digits: comments, spaces and the order of keys don't change it. NULL for
// NULL.
//
// The text belongs to the gate. Never blocks; threads may share.
const char *dsmil_gate_fingerprint(const struct dsmil_gate *gate);

// What the gates decide on these metrics alone, at a time in milliseconds since the Unix epoch or DSMIL_NOW: nothing
// that was recorded counts, and nothing is remembered. A rule that must fail for a time before it fires is pending,
// and holds.
//
// `metrics` is a JSON object with a key for each metric: {"cpu_percent": 40.0, "disk_free_bytes": [{"labels":
// {"path": "/"}, "value": 1e9, "at": "2026-11-21T12:00:00Z"}]}. What has no "at" was observed at that very time;
// null could not be read.
//
// *verdict is to be freed with dsmil_verdict_free(). Never blocks; threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _METRICS (the message names the metric). Then there is no verdict, and that
// is no go.
dsmil_status dsmil_gate_check_json(const struct dsmil_gate *gate,
                                   const char *metrics,
                                   int64_t at_ms,
                                   struct dsmil_verdict **verdict);

// Records an observation for dsmil_gate_evaluate(): of a metric with these labels (NULL and 0 for none), at a time in
// milliseconds since the Unix epoch or DSMIL_NOW. One that comes late takes its place in time.
//
// Blocks for other threads' calls on the gate. Threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (a name that is none), _CONFLICT (another value for that time; the first
// stays), _FORKED.
dsmil_status dsmil_gate_record(const struct dsmil_gate *gate,
                               const char *metric,
                               const struct dsmil_label *labels,
                               size_t label_count,
                               int64_t at_ms,
                               double value);

// Records that a series ends at a time: from then on it has no value and is not missed, until it is recorded again.
// One that just falls silent is missed.
//
// Blocks for other threads' calls on the gate. Threads may share. Errors: as dsmil_gate_record().
dsmil_status dsmil_gate_record_end(const struct dsmil_gate *gate,
                                   const char *metric,
                                   const struct dsmil_label *labels,
                                   size_t label_count,
                                   int64_t at_ms);

// Says that a metric can't be read, and why; with NULL for `why` that it can be read again. Until then every rule
// that looks at it is a failing rule.
//
// Blocks for other threads' calls on the gate. Threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT, _FORKED.
dsmil_status dsmil_gate_record_unreadable(const struct dsmil_gate *gate, const char *metric, const char *why);

// Drops the recorded samples from before a time, but for the newest of each series.
//
// Blocks for other threads' calls on the gate. Threads may share. Errors: DSMIL_ERROR_NULL, _FORKED.
dsmil_status dsmil_gate_forget(const struct dsmil_gate *gate, int64_t before_ms);

// Carries all states on to a time, in milliseconds since the Unix epoch or DSMIL_NOW, and tells what the gates
// decide on what was recorded. What was observed after that time is not seen.
//
// *verdict is to be freed with dsmil_verdict_free(). Blocks for other threads' calls on the gate. Threads may share.
// Errors: DSMIL_ERROR_NULL, _FORKED. Then there is no verdict, and that is no go.
dsmil_status dsmil_gate_evaluate(const struct dsmil_gate *gate, int64_t at_ms, struct dsmil_verdict **verdict);

// The states of all rules, as one line of JSON: what must survive a restart. The samples are not in it.
//
// *state is to be freed with dsmil_string_free(). Blocks for other threads' calls on the gate. Threads may share.
// Errors: DSMIL_ERROR_NULL, _FORKED, _ENCODE.
dsmil_status dsmil_gate_save(const struct dsmil_gate *gate, char **state);

// Goes on from a saved state as if the program had never stopped, also with what is only kept firing. Record the
// samples that the rules look back at again.
//
// Blocks for other threads' calls on the gate. Threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _GATE_STATE (it is of other gates, or was changed: the gate stays as it is),
// _FORKED.
dsmil_status dsmil_gate_restore(const struct dsmil_gate *gate, const char *state);

// How many doubts there are about the file; 0 for NULL. Never blocks; threads may share.
size_t dsmil_gate_lint_count(const struct dsmil_gate *gate);

// One doubt about the file, by its position from 0, in the order of the lines: a rule that can never fire or always
// does, a missing unit, a gate that can never open.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT (there is no such position).
dsmil_status dsmil_gate_lint(const struct dsmil_gate *gate, size_t index, struct dsmil_lint *lint);

// The rules as alerting rules for Prometheus (YAML), with the same meaning, in a group of this name. *not_expressed,
// which may be NULL, tells how much Prometheus can't express: each stands as a comment at the head of the text.
//
// *yaml is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL,
// _ARGUMENT.
dsmil_status dsmil_gate_export_prometheus(const struct dsmil_gate *gate,
                                          const char *group,
                                          char **yaml,
                                          size_t *not_expressed);

// Runs the tests of a test file against the gate file that it names, in virtual time. *held and *failed tell how
// many of its expectations did and did not hold, *report says in words which did not: that is no error. `report` may
// be NULL.
//
// *report is to be freed with dsmil_string_free(). Blocks for the files and for as long as the tests take. Any
// thread.
// Errors: DSMIL_ERROR_NULL, _FILE, _GATES.
dsmil_status dsmil_gate_test_file(const char *path, size_t *held, size_t *failed, char **report);

// Adds an observation: of a metric with these labels (NULL and 0 for none), at a time in milliseconds since the Unix
// epoch or DSMIL_NOW. At most 20,000 in a sample.
//
// Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT (a name that is none): then it is not added, and the sample goes
// on.
dsmil_status dsmil_metrics_add(struct dsmil_metrics *metrics,
                               const char *metric,
                               const struct dsmil_label *labels,
                               size_t label_count,
                               int64_t at_ms,
                               double value);

// Says that something could not be measured, and why (copied; of several the first counts). What was added counts
// all the same; the sample has failed, and the metrics that it should have given and didn't can't be read until it
// succeeds.
//
// Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT.
dsmil_status dsmil_metrics_fail(struct dsmil_metrics *metrics, const char *why);

// How long the callback still has until its time-out, in milliseconds; 0 after it, once the monitor stops, and for
// NULL.
//
// Never blocks.
uint64_t dsmil_metrics_remaining_ms(const struct dsmil_metrics *metrics);

// New options, each at its default. Never NULL; free them with dsmil_monitor_options_free(). Never blocks.
struct dsmil_monitor_options *dsmil_monitor_options_new(void);

// Frees options. NULL is fine; monitors that were started with them go on. Never blocks.
void dsmil_monitor_options_free(struct dsmil_monitor_options *options);

// The configuration file (the path is copied; it is read at the start). It must belong to root or to this user, and
// nobody else may write to it: it names commands that are run. Its endpoint is not served: that is for the command
// `dsmil monitor`. Default: none, with everything at its default.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_monitor_options_set_config(struct dsmil_monitor_options *options, const char *path);

// The text of a configuration (copied) in place of a file; `name` stands for the file in messages, NULL is "config".
// Paths in it count from the working directory. It is read at the start.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT.
dsmil_status dsmil_monitor_options_set_config_text(struct dsmil_monitor_options *options,
                                                   const char *content,
                                                   const char *name);

// Gates beside those of the configuration (what their file says is copied); `name` stands for the file. A rule's
// name must be unique among all.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT.
dsmil_status dsmil_monitor_options_add_gate(struct dsmil_monitor_options *options,
                                            const char *name,
                                            const struct dsmil_gate *gate);

// The device, as dsmil_device_open() takes it (copied). Default: what the configuration says, or DSMIL_DEVICE, or
// /dev/dsmil-72dev.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT, _SPEC.
dsmil_status dsmil_monitor_options_set_device(struct dsmil_monitor_options *options, const char *spec);

// How the device is opened (copied): deadlines and tries. The run directory and the policy are those of these
// options, not of those.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_monitor_options_set_device_options(struct dsmil_monitor_options *options,
                                                      const struct dsmil_options *device_options);

// The run directory (copied). Default: as for dsmil_options_set_run_dir().
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_monitor_options_set_run_dir(struct dsmil_monitor_options *options, const char *run_dir);

// One more policy file beside the machine's (copied). Default: as for dsmil_options_set_policy().
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_monitor_options_set_policy(struct dsmil_monitor_options *options, const char *policy);

// Where samples, states and logs are kept (copied); made with mode 0700 if it is missing. One monitor has it at a
// time. Default: what DSMIL_STATE_DIR says, or the configuration. Without any of them nothing starts.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_monitor_options_set_state_dir(struct dsmil_monitor_options *options, const char *state_dir);

// Adds a sampler of the program: `function` is called with `context` every `interval_ms` and may take `timeout_ms`,
// 1 to 86,400,000 both, on a thread of the library, from the start until dsmil_monitor_stop() returns DSMIL_OK or
// dsmil_monitor_free() returns. The name is copied; it must be unique among all samplers.
//
// Not to be called while another thread uses the options. Never blocks. Errors: DSMIL_ERROR_NULL, _ARGUMENT.
dsmil_status dsmil_monitor_add_sampler(struct dsmil_monitor_options *options,
                                       const char *name,
                                       uint64_t interval_ms,
                                       uint64_t timeout_ms,
                                       dsmil_sampler_function function,
                                       void *context);

// Says that a sampler that was added gives this metric (copied): if it fails, the metric can't be read, and rules
// that look at it fail. A metric that it has given once is known without this.
//
// Not to be called while another thread uses the options. Never blocks.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no such sampler was added, or a name that is none).
dsmil_status dsmil_monitor_expect_metric(struct dsmil_monitor_options *options,
                                         const char *sampler,
                                         const char *metric);

// Waits for the next step, for `timeout_ms` milliseconds at most; UINT64_MAX waits for ever.
//
// *step is to be freed with dsmil_step_free(). Blocks as long as said, or until the monitor ends. Threads may share.
// Errors: DSMIL_ERROR_NULL, _TIMEOUT (none came), _ENDED (the monitor has ended, and all was read), _FORKED.
dsmil_status dsmil_subscription_next(const struct dsmil_subscription *subscription,
                                     uint64_t timeout_ms,
                                     struct dsmil_step **step);

// Ends a subscription. NULL is fine. Never blocks. No other thread may be using it.
void dsmil_subscription_free(struct dsmil_subscription *subscription);

// When the step was taken, in milliseconds since the Unix epoch; 0 for NULL. Never blocks; threads may share.
int64_t dsmil_step_at(const struct dsmil_step *step);

// How many steps were dropped before this one because nobody read them; 0 for NULL. Never blocks; threads may share.
uint64_t dsmil_step_missed(const struct dsmil_step *step);

// Whether all of the step is on the disk; false for NULL. If not, it is tried again with the next step, and nobody
// is told of an alert before.
//
// Never blocks; threads may share.
bool dsmil_step_is_saved(const struct dsmil_step *step);

// What the gates of the monitor decide in this step, on what evidence.
//
// *verdict is to be freed with dsmil_verdict_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_step_verdict(const struct dsmil_step *step, struct dsmil_verdict **verdict);

// What was measured since the step before of a metric with these labels (NULL and 0 for none; the series may have
// more), and when, in milliseconds since the Unix epoch; of several the newest. `at_ms` may be NULL. A sampler whose
// interval is longer than the steps' gives nothing to some: dsmil_monitor_value() knows what it gave last.
//
// Never blocks; threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (also: several series have these labels), _NO_VALUE.
dsmil_status dsmil_step_value(const struct dsmil_step *step,
                              const char *metric,
                              const struct dsmil_label *labels,
                              size_t label_count,
                              double *value,
                              int64_t *at_ms);

// Everything as one line of JSON: at, verdict, reasons, evaluation, changes, measurements, scores, alerts, errors,
// saved, missed.
//
// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL.
dsmil_status dsmil_step_json(const struct dsmil_step *step, char **json);

// Frees a step. NULL is fine. Never blocks. One that a callback is given is not to be freed.
void dsmil_step_free(struct dsmil_step *step);

// Starts a monitor: takes the state directory, goes on where the last one ended, and begins to sample. The options
// are copied.
//
// *monitor is to be freed with dsmil_monitor_free(). Blocks for files. Any thread.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (no state directory), _SPEC, _RUN_DIRECTORY, _CONFIG and _GATES (the detail
// has file and line), _HELD (another monitor has the directory), 10xx to 14xx. Then nothing runs.
dsmil_status dsmil_monitor_start(const struct dsmil_monitor_options *options, struct dsmil_monitor **monitor);

// Takes one step without a loop: every sampler once, the scores, the gates. What is decided is in the store;
// notifications wait there for the next monitor.
//
// *step is to be freed with dsmil_step_free(). Blocks for files, for the slowest sampler (at most for its time-out),
// and until each callback has returned. Any thread. Errors: as dsmil_monitor_start().
dsmil_status dsmil_monitor_once(const struct dsmil_monitor_options *options, struct dsmil_step **step);

// Begins to keep the steps from here on, for dsmil_subscription_next().
//
// *subscription is to be freed with dsmil_subscription_free(); it may outlive the monitor. Never blocks; threads may
// share.
// Errors: DSMIL_ERROR_NULL, _ENDED, _FORKED.
dsmil_status dsmil_monitor_subscribe(const struct dsmil_monitor *monitor, struct dsmil_subscription **subscription);

// Has a function called with `context` for each step from here on, on a thread of its own, until
// dsmil_monitor_stop() returns DSMIL_OK or dsmil_monitor_free() returns; the last step that was taken is among them.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ENDED, _FORKED, _THREAD.
dsmil_status dsmil_monitor_on_step(const struct dsmil_monitor *monitor, dsmil_step_function function, void *context);

// What the gates decide now, and on what evidence: that of the newest step, whose time dsmil_verdict_at() tells.
//
// *verdict is to be freed with dsmil_verdict_free(). Never blocks; threads may share.
// Errors: DSMIL_ERROR_NULL, _NO_VALUE (no step was taken yet), _ENDED, _FORKED. Then there is no verdict, and that
// is no go.
dsmil_status dsmil_monitor_verdict(const struct dsmil_monitor *monitor, struct dsmil_verdict **verdict);

// What was measured last of a metric with these labels (NULL and 0 for none; the series may have more), and when, in
// milliseconds since the Unix epoch. `at_ms` may be NULL.
//
// Blocks for a moment; threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT (also: several series have these labels), _NO_VALUE, _ENDED, _FORKED.
dsmil_status dsmil_monitor_value(const struct dsmil_monitor *monitor,
                                 const char *metric,
                                 const struct dsmil_label *labels,
                                 size_t label_count,
                                 double *value,
                                 int64_t *at_ms);

// The health score: how well the machine and its devices are.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _NO_VALUE (it was not computed yet), _ENDED, _FORKED.
dsmil_status dsmil_monitor_health(const struct dsmil_monitor *monitor, struct dsmil_score *score);

// The security score: how well the machine and its devices are guarded.
//
// Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _NO_VALUE (it was not computed yet), _ENDED, _FORKED.
dsmil_status dsmil_monitor_security(const struct dsmil_monitor *monitor, struct dsmil_score *score);

// The health score as JSON: with every check, its weight, result and evidence.
//
// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: as dsmil_monitor_health().
dsmil_status dsmil_monitor_health_json(const struct dsmil_monitor *monitor, char **json);

// The security score as JSON: with every check, its weight, result and evidence.
//
// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: as
// dsmil_monitor_security().
dsmil_status dsmil_monitor_security_json(const struct dsmil_monitor *monitor, char **json);

// How the monitor itself is, as JSON: at, steps, doubts (what stands against relying on it), errors (what can't be
// sampled, and why), anomalies of devices.
//
// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ENDED,
// _FORKED.
dsmil_status dsmil_monitor_status_json(const struct dsmil_monitor *monitor, char **json);

// Puts another configuration and other gates in force, without a gap: those of `options`, or, if that is NULL, those
// of the start, read again. The state of what didn't change goes on; so do the samplers of the program, the device
// and the directories. *anew, which may be NULL, gets the rules that begin anew, as a list in JSON of "FILE: RULE".
//
// *anew is to be freed with dsmil_string_free(). Blocks for files and for a step at most; threads may share.
// Errors: DSMIL_ERROR_NULL, _CONFIG, _GATES, 10xx to 14xx, _ENDED, _FORKED: then all stays as it was.
dsmil_status dsmil_monitor_reload(const struct dsmil_monitor *monitor,
                                  const struct dsmil_monitor_options *options,
                                  char **anew);

// Stops a monitor: it takes a last step with all that was seen, lets the state directory go, and calls no function
// of the program any more. The handle stays and answers DSMIL_ERROR_ENDED from then on. Stopping twice is fine.
//
// Blocks for some seconds at most, unless the disk hangs. Threads may share. From a callback of the monitor it is
// refused, since it would wait for that very callback.
// Errors: DSMIL_ERROR_NULL, _FORKED, _IN_CALLBACK (it runs on), _CALLBACK_RUNS (it has stopped, but a callback has
// not returned after 5 s: what it uses must live until another dsmil_monitor_stop() returns DSMIL_OK).
dsmil_status dsmil_monitor_stop(const struct dsmil_monitor *monitor);

// Stops a monitor, if it isn't yet, and frees the handle. NULL is fine; subscriptions, steps and verdicts go on.
//
// Blocks as dsmil_monitor_stop(), and until each callback has returned. No other thread may be using the handle.
// From a callback of the monitor it does nothing, and dsmil_last_error() then says DSMIL_ERROR_IN_CALLBACK.
void dsmil_monitor_free(struct dsmil_monitor *monitor);

// The alerts that are pending or firing, and those that have resolved lately, as a list in JSON.
//
// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ENDED,
// _FORKED.
dsmil_status dsmil_monitor_alerts_json(const struct dsmil_monitor *monitor, char **json);

// The silences as a list in JSON.
//
// *json is to be freed with dsmil_string_free(). Never blocks; threads may share. Errors: DSMIL_ERROR_NULL, _ENDED,
// _FORKED.
dsmil_status dsmil_monitor_silences_json(const struct dsmil_monitor *monitor, char **json);

// Says that somebody takes care of a firing alert, whose fingerprint dsmil_monitor_alerts_json() tells: nobody is
// told of it again. When it returns, it is on the disk.
//
// Blocks for a step at most; threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _FINGERPRINT, _UNKNOWN_ALERT, _NOT_FIRING, _WORDS, _NOT_SAVED, _ENDED,
// _FORKED.
dsmil_status dsmil_monitor_ack(const struct dsmil_monitor *monitor,
                               const char *fingerprint,
                               const char *by,
                               const char *comment);

// Has nobody told of some alerts for a while: those that all matchers fit, which are written as
// `severity="critical"` or `device=~"0x80.*"`. It ends by itself. When it returns, it is on the disk.
//
// `starts_at_ms` may be DSMIL_NOW. *id, which names the silence, is to be freed with dsmil_string_free(). Blocks for
// a step at most; threads may share. Errors: DSMIL_ERROR_NULL, _ARGUMENT, _MATCHER, _SILENCE (it can't be kept as it
// is), _NOT_SAVED, _ENDED, _FORKED.
dsmil_status dsmil_monitor_silence(const struct dsmil_monitor *monitor,
                                   const char *const *matchers,
                                   size_t matcher_count,
                                   int64_t starts_at_ms,
                                   uint64_t duration_ms,
                                   const char *by,
                                   const char *comment,
                                   char **id);

// Ends a silence now. When it returns, it is on the disk.
//
// Blocks for a step at most; threads may share.
// Errors: DSMIL_ERROR_NULL, _ARGUMENT, _UNKNOWN_SILENCE, _WORDS, _NOT_SAVED, _ENDED, _FORKED.
dsmil_status dsmil_monitor_expire_silence(const struct dsmil_monitor *monitor, const char *id, const char *by);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* DSMIL_H */
