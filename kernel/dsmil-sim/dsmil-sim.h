/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dsmil-sim: a stand-in for the dsmil-72dev driver, without hardware.
 *
 * What it answers is what the model in crates/dsmil-sim answers: tests/driver/cases.toml holds both to it.
 */
#ifndef DSMIL_SIM_H
#define DSMIL_SIM_H

#include <linux/ioctl.h>
#include <linux/kref.h>
#include <linux/limits.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

#define DSMIL_NODE "dsmil-72dev"

#define DSMIL_FIRST_ID 0x8000
#define DSMIL_DEVICES 108
#define DSMIL_RECORDS_PER_CHUNK 5
#define DSMIL_SCAN_CHUNKS 22
#define DSMIL_PAYLOAD 224
#define DSMIL_MAX_CHUNKS 22
#define DSMIL_DATA_BYTES 512
#define DSMIL_MAX_DATA_BYTES (DSMIL_MAX_CHUNKS * DSMIL_PAYLOAD)
#define DSMIL_FIRMWARE_LIMIT 272
#define DSMIL_THERMAL_LIMIT 100
#define DSMIL_FILLER 0xDEADBEEF
#define DSMIL_NO_SENSOR (-1)

enum dsmil_state {
	DSMIL_UNKNOWN,
	DSMIL_OFFLINE,
	DSMIL_SAFE,
	DSMIL_QUARANTINED,
	DSMIL_ERROR,
	DSMIL_AT_THERMAL_LIMIT,
};

enum dsmil_access {
	DSMIL_ACCESS_NONE,
	DSMIL_ACCESS_READ,
};

/* The structures of the protocol. Gaps are written out, so that they can't leak what lay on the stack. */
struct dsmil_record {
	u16 device_id;
	u16 gap0;
	u32 state;
	u32 access;
	u8 is_quarantined;
	u8 gap1[3];
	u32 last_response;
	u32 gap2;
	u64 timestamp;
	s32 thermal_celsius;
	u32 gap3;
};

struct dsmil_status {
	u8 kernel_module_loaded;
	u8 thermal_safe;
	u16 gap0;
	s32 current_temp_celsius;
	u32 safe_device_count;
	u32 quarantined_count;
	u64 last_scan_timestamp;
};

struct dsmil_discovery {
	u32 total_devices_found;
	u32 safe_devices_found;
	u32 quarantined_devices_found;
	u32 gap0;
	u64 last_scan_timestamp;
	struct dsmil_record devices[DSMIL_DEVICES];
};

struct dsmil_scan_chunk {
	u32 chunk_index;
	u32 total_chunks;
	u32 devices_in_chunk;
	u32 chunk_size;
	u64 session_id;
	u64 reserved;
	struct dsmil_record devices[DSMIL_RECORDS_PER_CHUNK];
	u8 padding[24];
};

struct dsmil_read_chunk {
	u16 token;
	u16 chunk_index;
	u32 total_chunks;
	u32 data_offset;
	u32 chunk_size;
	u64 session_id;
	u64 reserved;
	u8 data[DSMIL_PAYLOAD];
};

enum dsmil_nr {
	DSMIL_GET_VERSION = 1,
	DSMIL_GET_STATUS,
	DSMIL_SCAN_DEVICES,
	DSMIL_READ_DEVICE,
	DSMIL_GET_THERMAL,
	DSMIL_SCAN_START,
	DSMIL_SCAN_CHUNK,
	DSMIL_SCAN_COMPLETE,
	DSMIL_READ_START,
	DSMIL_READ_CHUNK,
	DSMIL_READ_COMPLETE,
	DSMIL_REQUESTS = DSMIL_READ_COMPLETE,
};

struct dsmil_request {
	const char *name;
	u32 code;
	enum dsmil_nr nr;
};

/* request.c */
const struct dsmil_request *dsmil_request_by_code(u32 code);
const struct dsmil_request *dsmil_request_by_name(const char *name);
const struct dsmil_request *dsmil_request_by_nr(int nr);

/* A field of an answer: offset and bytes; bytes is 0 where there is none of the name. */
struct dsmil_place {
	u32 offset;
	u32 bytes;
};

struct dsmil_place dsmil_head_field(int nr, const char *name);
struct dsmil_place dsmil_record_field(const char *name);
/* Where the records of an answer begin; *count is how many there is room for, 0 where there are none. */
u32 dsmil_records_of(int nr, u32 *count);

/* device.c: what the devices are like, as a function of seed, id and time. */
static inline bool dsmil_is_served(u32 id)
{
	return id >= DSMIL_FIRST_ID && id < DSMIL_FIRST_ID + DSMIL_DEVICES;
}

bool dsmil_is_permanent(u16 id);
u32 dsmil_state_of(u16 id);
s32 dsmil_system_temperature(u64 seed, u64 ms);
u32 dsmil_response(u64 seed, u16 id, u64 ms);
void dsmil_fill_data(u64 seed, u16 id, u32 offset, u8 *out, u32 size);
void dsmil_fill_record(struct dsmil_record *record, u64 seed, u16 id, u64 ms);

/* session.c: the order in which a session gives out its chunks. */
struct dsmil_cursor {
	u32 total;
	u32 next;
	s32 held;	/* held back by a "reorder" fault, due before next; -1: none */
	s32 last;	/* -1: none yet */
};

enum dsmil_pick {
	DSMIL_PICK_DUE,
	DSMIL_PICK_BEFORE,
	DSMIL_PICK_NEXT,
};

void dsmil_cursor_init(struct dsmil_cursor *cursor, u32 total);
s32 dsmil_cursor_due(const struct dsmil_cursor *cursor);
bool dsmil_cursor_can_repeat(const struct dsmil_cursor *cursor);
bool dsmil_cursor_can_reorder(const struct dsmil_cursor *cursor);
s32 dsmil_cursor_pick(struct dsmil_cursor *cursor, enum dsmil_pick pick);

/* options.c */
struct dsmil_config {
	u64 seed;
	u32 firmware_limit;	/* bytes; U32_MAX: none */
	u32 version;
	bool lacks_chunked;
	bool initialised;
	u64 boot_ms;
	u16 data_length[DSMIL_DEVICES];
};

void dsmil_config_default(struct dsmil_config *config);
int dsmil_config_parse(struct dsmil_config *config, char *text);

/* faults.c and fault-lines.c */
#define DSMIL_MAX_FAULTS 64
#define DSMIL_MAX_XOR 16
#define DSMIL_FIELD_NAME 28

enum dsmil_action {
	DSMIL_DROP,
	DSMIL_DELAY,
	DSMIL_REPEAT,
	DSMIL_REORDER,
	DSMIL_CORRUPT,
	DSMIL_FAIL,
	DSMIL_INTERRUPT,
	DSMIL_VANISH,
	DSMIL_FOREIGN,
	DSMIL_THERMAL,
	DSMIL_SILENT,
	DSMIL_SET,
};

struct dsmil_fault {
	int on;			/* request number; 0: any */
	s32 id;			/* -1: any */
	u64 skip;
	u64 times;		/* U64_MAX: for ever */
	u64 matched;
	enum dsmil_action action;
	u64 ms;
	u32 offset;
	u32 xor_bytes;
	u8 xor[DSMIL_MAX_XOR];
	int errno_value;
	s32 token;		/* -1: a safe device other than ours */
	u32 chunks;
	s32 celsius;
	char field[DSMIL_FIELD_NAME];
	s64 value;
	s32 record;		/* -1: told by id, else the first */
};

/* The faults that were set together. A request that waits keeps its own, whatever is set meanwhile. */
struct dsmil_faults {
	struct kref users;
	u32 count;
	struct dsmil_fault rules[];
};

/* What the faults make of one request. */
struct dsmil_plan {
	struct dsmil_faults *faults;
	u64 edits;		/* the rules that change the answer, a bit each */
	u64 delay_ms;
	int refuse;		/* errno; 0: carried out */
	bool vanish;
	bool lose;
	bool foreign;
	s32 foreign_token;
	u32 foreign_chunks;
	enum dsmil_pick pick;
};

/* What a fault asks about a request before it acts. */
struct dsmil_asked {
	int nr;
	s32 named;		/* the id that the request names, or that its session is of; -1: none */
	s32 chunk;		/* the scan chunk that is due; -1: none */
	bool can_repeat;
	bool can_reorder;
};

struct dsmil_faults *dsmil_faults_parse(char *text);
void dsmil_faults_put(struct dsmil_faults *faults);
const char *dsmil_action_name(enum dsmil_action action);
void dsmil_plan_make(struct dsmil_plan *plan, struct dsmil_faults *faults, const struct dsmil_asked *asked);
bool dsmil_plan_thermal(const struct dsmil_plan *plan, s32 id, s32 *celsius);
bool dsmil_plan_silent(const struct dsmil_plan *plan, s32 id);
void dsmil_plan_edit(const struct dsmil_plan *plan, int nr, u8 *answer, u32 size);

/* counters.c */
struct dsmil_id_count {
	u64 read_device;
	u64 read_start;
	u64 read_chunk;
};

struct dsmil_counters {
	u64 requests[DSMIL_REQUESTS + 1];	/* by number; 0 is the unknown ones */
	u64 opens;
	u64 last_us;
	struct xarray ids;			/* id -> struct dsmil_id_count */
};

void dsmil_counters_init(struct dsmil_counters *counters);
void dsmil_counters_clear(struct dsmil_counters *counters);
struct dsmil_id_count *dsmil_count_id(struct dsmil_counters *counters, u16 id);

/* model.c: the driver. Everything below is under the lock. */
struct dsmil_scan_session {
	bool open;
	u64 id;
	u64 started_ms;
	struct dsmil_cursor cursor;
};

struct dsmil_read_session {
	bool open;
	bool emptied;		/* a START failed while it was open: it answers zeros */
	u64 id;
	u16 token;
	u32 length;
	struct dsmil_cursor cursor;
};

struct dsmil_sim {
	struct mutex lock;
	struct dsmil_config config;
	struct dsmil_counters counters;
	struct dsmil_faults *faults;	/* NULL: none */
	int vanished;			/* errno; 0: it is there */
	struct dsmil_scan_session scan;
	struct dsmil_read_session read;
	u64 last_session;
	u64 last_scan_ms;
};

void dsmil_sim_init(struct dsmil_sim *sim);
void dsmil_sim_destroy(struct dsmil_sim *sim);
void dsmil_sim_restart(struct dsmil_sim *sim, const struct dsmil_config *config);
void dsmil_sim_set_faults(struct dsmil_sim *sim, struct dsmil_faults *faults);
int dsmil_sim_open(struct dsmil_sim *sim);
/* Sleeps where a fault delays the answer. 0, or a negative errno; argument is as long as the request's code says. */
int dsmil_sim_ask(struct dsmil_sim *sim, const struct dsmil_request *request, u8 *argument);
int dsmil_sim_unknown(struct dsmil_sim *sim);
/* The driver's own answer, faults in the middle included (answer.c). */
int dsmil_answer(struct dsmil_sim *sim, u64 ms, int nr, u8 *argument, u32 size, const struct dsmil_plan *plan);
void dsmil_fill_failed(u64 ms, u8 *argument, int errno_value, s32 celsius);
void dsmil_start_scan(struct dsmil_sim *sim, u64 ms);
int dsmil_start_read(struct dsmil_sim *sim, u16 token);

/* debugfs.c */
int dsmil_debugfs_init(struct dsmil_sim *sim);
void dsmil_debugfs_exit(void);

#endif
