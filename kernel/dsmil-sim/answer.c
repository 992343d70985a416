// SPDX-License-Identifier: GPL-2.0-only
/* What the driver answers to each request, with its quirks. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "dsmil-sim.h"

static u64 next_session(struct dsmil_sim *sim)
{
	return ++sim->last_session;
}

void dsmil_start_scan(struct dsmil_sim *sim, u64 ms)
{
	sim->scan.open = true;
	sim->scan.id = next_session(sim);
	sim->scan.started_ms = ms;
	dsmil_cursor_init(&sim->scan.cursor, DSMIL_SCAN_CHUNKS);
	sim->last_scan_ms = ms;
}

/* The id is a served one. Nobody asks whether it is quarantined: the driver doesn't. */
int dsmil_start_read(struct dsmil_sim *sim, u16 token)
{
	struct dsmil_read_session *read = &sim->read;

	if (!dsmil_is_served(token))
		return -EINVAL;
	read->open = true;
	read->emptied = false;
	read->id = next_session(sim);
	read->token = token;
	read->length = sim->config.data_length[token - DSMIL_FIRST_ID];
	dsmil_cursor_init(&read->cursor, DIV_ROUND_UP(read->length, DSMIL_PAYLOAD));
	return 0;
}

static s32 temperature(const struct dsmil_sim *sim, u64 ms, const struct dsmil_plan *plan)
{
	s32 celsius;

	if (dsmil_plan_thermal(plan, -1, &celsius))
		return celsius;
	return dsmil_system_temperature(sim->config.seed, ms);
}

static void count_states(u32 *safe, u32 *quarantined)
{
	u32 i;

	*safe = 0;
	*quarantined = 0;
	for (i = 0; i < DSMIL_DEVICES; i++) {
		*safe += dsmil_state_of(DSMIL_FIRST_ID + i) == DSMIL_SAFE;
		*quarantined += dsmil_state_of(DSMIL_FIRST_ID + i) == DSMIL_QUARANTINED;
	}
}

static void get_status(const struct dsmil_sim *sim, u64 ms, struct dsmil_status *status, const struct dsmil_plan *plan)
{
	memset(status, 0, sizeof(*status));
	status->kernel_module_loaded = 1;
	status->current_temp_celsius = temperature(sim, ms, plan);
	status->thermal_safe = status->current_temp_celsius < DSMIL_THERMAL_LIMIT;
	count_states(&status->safe_device_count, &status->quarantined_count);
	status->last_scan_timestamp = sim->last_scan_ms;
}

static int get_thermal(const struct dsmil_sim *sim, u64 ms, s32 *celsius, const struct dsmil_plan *plan)
{
	if (dsmil_plan_silent(plan, -1))
		return -EIO;
	*celsius = temperature(sim, ms, plan);
	return 0;
}

/* A record as a scan that started at ms has it. */
static void scanned(const struct dsmil_sim *sim, struct dsmil_record *record, u16 id, u64 ms, const struct dsmil_plan *plan)
{
	dsmil_fill_record(record, sim->config.seed, id, ms);
	if (dsmil_plan_thermal(plan, id, &record->thermal_celsius) && !record->is_quarantined) {
		record->state = DSMIL_AT_THERMAL_LIMIT;
		record->access = DSMIL_ACCESS_NONE;
	}
	if (dsmil_plan_silent(plan, id))
		record->thermal_celsius = DSMIL_NO_SENSOR;
}

static void scan_devices(struct dsmil_sim *sim, u64 ms, struct dsmil_discovery *found, const struct dsmil_plan *plan)
{
	u32 i;

	memset(found, 0, sizeof(*found));
	found->total_devices_found = DSMIL_DEVICES;
	found->last_scan_timestamp = ms;
	for (i = 0; i < DSMIL_DEVICES; i++) {
		scanned(sim, &found->devices[i], DSMIL_FIRST_ID + i, ms, plan);
		found->safe_devices_found += found->devices[i].state == DSMIL_SAFE;
		found->quarantined_devices_found += found->devices[i].state == DSMIL_QUARANTINED;
	}
	sim->last_scan_ms = ms;
}

/* The record that goes with a refusal. */
void dsmil_fill_failed(u64 ms, u8 *argument, int errno_value, s32 celsius)
{
	struct dsmil_record *record = (struct dsmil_record *)argument;
	u16 id = record->device_id;

	memset(record, 0, sizeof(*record));
	record->device_id = id;
	record->state = errno_value == EACCES ? DSMIL_QUARANTINED :
			errno_value == EBUSY ? DSMIL_AT_THERMAL_LIMIT : DSMIL_ERROR;
	record->is_quarantined = record->state == DSMIL_QUARANTINED;
	record->timestamp = ms;
	record->thermal_celsius = celsius;
}

static int read_device(const struct dsmil_sim *sim, u64 ms, u8 *argument, const struct dsmil_plan *plan)
{
	struct dsmil_record *record = (struct dsmil_record *)argument;
	u16 id = record->device_id;
	s32 celsius = DSMIL_NO_SENSOR;
	bool is_hot = dsmil_plan_thermal(plan, id, &celsius);
	int refusal = !dsmil_is_served(id) ? EINVAL : dsmil_is_permanent(id) ? EACCES : is_hot ? EBUSY : 0;

	if (refusal) {
		dsmil_fill_failed(ms, argument, refusal, celsius);
		return -refusal;
	}
	scanned(sim, record, id, ms, plan);
	record->last_response = dsmil_response(sim->config.seed, id, ms);
	return 0;
}

static int scan_chunk(struct dsmil_sim *sim, struct dsmil_scan_chunk *chunk, const struct dsmil_plan *plan)
{
	struct dsmil_scan_session *scan = &sim->scan;
	s32 index = scan->open ? dsmil_cursor_pick(&scan->cursor, plan->pick) : -1;
	u32 i, first;

	if (index < 0)
		return -EINVAL;
	first = index * DSMIL_RECORDS_PER_CHUNK;
	memset(chunk, 0, sizeof(*chunk));
	chunk->chunk_index = index;
	chunk->total_chunks = scan->cursor.total;
	chunk->devices_in_chunk = min_t(u32, DSMIL_DEVICES - first, DSMIL_RECORDS_PER_CHUNK);
	chunk->chunk_size = offsetof(struct dsmil_scan_chunk, devices) +
			    chunk->devices_in_chunk * sizeof(struct dsmil_record);
	chunk->session_id = scan->id;
	for (i = 0; i < chunk->devices_in_chunk; i++)
		scanned(sim, &chunk->devices[i], DSMIL_FIRST_ID + first + i, scan->started_ms, plan);
	return 0;
}

/* A START that fails while a read is open leaves that one open, and without its data. */
static int read_start(struct dsmil_sim *sim, u32 id)
{
	if (dsmil_is_served(id))
		return dsmil_start_read(sim, id);
	sim->read.emptied = sim->read.open;
	return -EINVAL;
}

static int read_chunk(struct dsmil_sim *sim, struct dsmil_read_chunk *chunk, const struct dsmil_plan *plan)
{
	struct dsmil_read_session *read = &sim->read;
	s32 index;

	if (!read->open)
		return -EINVAL;
	if (read->emptied) {
		memset(chunk, 0, sizeof(*chunk));
		chunk->token = read->token;
		return 0;
	}
	index = dsmil_cursor_pick(&read->cursor, plan->pick);
	if (index < 0)
		return -EINVAL;
	memset(chunk, 0, sizeof(*chunk));
	chunk->token = read->token;
	chunk->chunk_index = index;
	chunk->total_chunks = read->cursor.total;
	chunk->data_offset = index * DSMIL_PAYLOAD;
	chunk->chunk_size = min_t(u32, read->length - chunk->data_offset, DSMIL_PAYLOAD);
	chunk->session_id = read->id;
	dsmil_fill_data(sim->config.seed, read->token, chunk->data_offset, chunk->data, chunk->chunk_size);
	return 0;
}

int dsmil_answer(struct dsmil_sim *sim, u64 ms, int nr, u8 *argument, u32 size, const struct dsmil_plan *plan)
{
	if (sim->config.lacks_chunked && nr >= DSMIL_SCAN_START)
		return -ENOTTY;
	if (size > sim->config.firmware_limit)
		return -EMSGSIZE;
	switch ((enum dsmil_nr)nr) {
	case DSMIL_GET_VERSION:
		*(u32 *)argument = sim->config.version;
		return 0;
	case DSMIL_GET_STATUS:
		get_status(sim, ms, (struct dsmil_status *)argument, plan);
		return 0;
	case DSMIL_SCAN_DEVICES:
		scan_devices(sim, ms, (struct dsmil_discovery *)argument, plan);
		return 0;
	case DSMIL_READ_DEVICE:
		return read_device(sim, ms, argument, plan);
	case DSMIL_GET_THERMAL:
		return get_thermal(sim, ms, (s32 *)argument, plan);
	case DSMIL_SCAN_START:
		dsmil_start_scan(sim, ms);
		return 0;
	case DSMIL_SCAN_CHUNK:
		return scan_chunk(sim, (struct dsmil_scan_chunk *)argument, plan);
	case DSMIL_SCAN_COMPLETE:
		sim->scan.open = false;
		return 0;
	case DSMIL_READ_START:
		return read_start(sim, *(u32 *)argument);
	case DSMIL_READ_CHUNK:
		return read_chunk(sim, (struct dsmil_read_chunk *)argument, plan);
	case DSMIL_READ_COMPLETE:
		sim->read.open = false;
		return 0;
	}
	return -ENOTTY;
}
