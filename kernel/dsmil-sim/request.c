// SPDX-License-Identifier: GPL-2.0-only
/* The eleven requests, and the named fields of their answers. */
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include "dsmil-sim.h"

static_assert(sizeof(struct dsmil_record) == 40);
static_assert(sizeof(struct dsmil_status) == 24);
static_assert(sizeof(struct dsmil_discovery) == 4344);
static_assert(sizeof(struct dsmil_scan_chunk) == 256);
static_assert(sizeof(struct dsmil_read_chunk) == 256);

#define REQUEST(name, code) [DSMIL_##name] = { #name, code, DSMIL_##name }

static const struct dsmil_request requests[DSMIL_REQUESTS + 1] = {
	REQUEST(GET_VERSION, _IOR('M', 1, u32)),
	REQUEST(GET_STATUS, _IOR('M', 2, struct dsmil_status)),
	REQUEST(SCAN_DEVICES, _IOR('M', 3, struct dsmil_discovery)),
	REQUEST(READ_DEVICE, _IOWR('M', 4, struct dsmil_record)),
	REQUEST(GET_THERMAL, _IOR('M', 5, s32)),
	REQUEST(SCAN_START, _IO('M', 6)),
	REQUEST(SCAN_CHUNK, _IOR('M', 7, struct dsmil_scan_chunk)),
	REQUEST(SCAN_COMPLETE, _IO('M', 8)),
	REQUEST(READ_START, _IOW('M', 9, u32)),
	REQUEST(READ_CHUNK, _IOR('M', 10, struct dsmil_read_chunk)),
	REQUEST(READ_COMPLETE, _IO('M', 11)),
};

static_assert(_IOR('M', 3, struct dsmil_discovery) == 0x90F84D03);
static_assert(_IOWR('M', 4, struct dsmil_record) == 0xC0284D04);
static_assert(_IOR('M', 10, struct dsmil_read_chunk) == 0x81004D0A);

const struct dsmil_request *dsmil_request_by_code(u32 code)
{
	u32 nr = _IOC_NR(code);

	if (nr < 1 || nr > DSMIL_REQUESTS || requests[nr].code != code)
		return NULL;
	return &requests[nr];
}

const struct dsmil_request *dsmil_request_by_name(const char *name)
{
	int nr;

	for (nr = 1; nr <= DSMIL_REQUESTS; nr++)
		if (!strcmp(requests[nr].name, name))
			return &requests[nr];
	return NULL;
}

const struct dsmil_request *dsmil_request_by_nr(int nr)
{
	return nr >= 1 && nr <= DSMIL_REQUESTS ? &requests[nr] : NULL;
}

struct field {
	int nr;		/* 0: of a record */
	const char *name;
	u32 offset;
	u32 bytes;
};

#define FIELD(nr, type, member) { nr, #member, offsetof(struct type, member), sizeof_field(struct type, member) }

static const struct field fields[] = {
	{ DSMIL_GET_VERSION, "version", 0, 4 },
	{ DSMIL_GET_THERMAL, "celsius", 0, 4 },
	FIELD(DSMIL_GET_STATUS, dsmil_status, kernel_module_loaded),
	FIELD(DSMIL_GET_STATUS, dsmil_status, thermal_safe),
	FIELD(DSMIL_GET_STATUS, dsmil_status, current_temp_celsius),
	FIELD(DSMIL_GET_STATUS, dsmil_status, safe_device_count),
	FIELD(DSMIL_GET_STATUS, dsmil_status, quarantined_count),
	FIELD(DSMIL_GET_STATUS, dsmil_status, last_scan_timestamp),
	FIELD(DSMIL_SCAN_DEVICES, dsmil_discovery, total_devices_found),
	FIELD(DSMIL_SCAN_DEVICES, dsmil_discovery, safe_devices_found),
	FIELD(DSMIL_SCAN_DEVICES, dsmil_discovery, quarantined_devices_found),
	FIELD(DSMIL_SCAN_DEVICES, dsmil_discovery, last_scan_timestamp),
	FIELD(DSMIL_SCAN_CHUNK, dsmil_scan_chunk, chunk_index),
	FIELD(DSMIL_SCAN_CHUNK, dsmil_scan_chunk, total_chunks),
	FIELD(DSMIL_SCAN_CHUNK, dsmil_scan_chunk, devices_in_chunk),
	FIELD(DSMIL_SCAN_CHUNK, dsmil_scan_chunk, chunk_size),
	FIELD(DSMIL_SCAN_CHUNK, dsmil_scan_chunk, session_id),
	FIELD(DSMIL_READ_CHUNK, dsmil_read_chunk, token),
	FIELD(DSMIL_READ_CHUNK, dsmil_read_chunk, chunk_index),
	FIELD(DSMIL_READ_CHUNK, dsmil_read_chunk, total_chunks),
	FIELD(DSMIL_READ_CHUNK, dsmil_read_chunk, data_offset),
	FIELD(DSMIL_READ_CHUNK, dsmil_read_chunk, chunk_size),
	FIELD(DSMIL_READ_CHUNK, dsmil_read_chunk, session_id),
	{ 0, "id", 0, 2 },
	FIELD(0, dsmil_record, device_id),
	FIELD(0, dsmil_record, state),
	FIELD(0, dsmil_record, access),
	FIELD(0, dsmil_record, is_quarantined),
	FIELD(0, dsmil_record, last_response),
	FIELD(0, dsmil_record, timestamp),
	FIELD(0, dsmil_record, thermal_celsius),
};

static struct dsmil_place find(int nr, const char *name)
{
	struct dsmil_place place = { 0, 0 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].nr != nr || strcmp(fields[i].name, name))
			continue;
		place.offset = fields[i].offset;
		place.bytes = fields[i].bytes;
		break;
	}
	return place;
}

struct dsmil_place dsmil_head_field(int nr, const char *name)
{
	struct dsmil_place none = { 0, 0 };

	return nr ? find(nr, name) : none;
}

struct dsmil_place dsmil_record_field(const char *name)
{
	return find(0, name);
}

u32 dsmil_records_of(int nr, u32 *count)
{
	switch (nr) {
	case DSMIL_READ_DEVICE:
		*count = 1;
		return 0;
	case DSMIL_SCAN_CHUNK:
		*count = DSMIL_RECORDS_PER_CHUNK;
		return offsetof(struct dsmil_scan_chunk, devices);
	case DSMIL_SCAN_DEVICES:
		*count = DSMIL_DEVICES;
		return offsetof(struct dsmil_discovery, devices);
	default:
		*count = 0;
		return 0;
	}
}
