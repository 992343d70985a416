// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the 108 devices are like: a function of seed, id and time, and the same one as in
 * crates/dsmil-sim/src/device.rs, so that a test knows what a read must yield.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "dsmil-sim.h"

#define COOLEST 30
#define WARMEST 70
/* The device that stands for the whole system's sensor: no real one has this number. */
#define SYSTEM 0x10000

/* Spreads a number over 64 bits (the finaliser of SplitMix64). */
static u64 mix(u64 number)
{
	u64 z = number + 0x9E3779B97F4A7C15ULL;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
	return z ^ (z >> 31);
}

static u64 mix3(u64 seed, u64 thing, u64 place)
{
	return mix(mix(seed ^ mix(thing)) + place);
}

static u64 remainder_of(u64 number, u64 by)
{
	u64 rest;

	div64_u64_rem(number, by, &rest);
	return rest;
}

void dsmil_fill_data(u64 seed, u16 id, u32 offset, u8 *out, u32 size)
{
	u64 word = 0;
	u32 i;

	for (i = 0; i < size; i++) {
		u32 at = offset + i;

		if (i == 0 || at % 8 == 0)
			word = mix3(seed, 0xDA7A0000ULL | id, at / 8);
		out[i] = word >> (8 * (at % 8));
	}
}

/*
 * A temperature that rises and falls with a period of one to four minutes: base + swing * (3u^2 - 2u^3), where u
 * goes from 0 to 1 and back. In whole numbers, since the kernel has no others: u is rise / period.
 */
static s32 wave(u64 seed, u64 thing, u64 ms)
{
	u64 character = mix3(seed, 0x7E39, thing);
	s32 base = 34 + (s32)remainder_of(character, 18);
	u64 swing = 6 + remainder_of(character >> 8, 11);
	u64 period = 60000 + remainder_of(character >> 16, 180000);
	u64 phase = remainder_of(character >> 40, period);
	u64 place = remainder_of(remainder_of(ms, period) + phase, period);
	u64 rise = 2 * place <= period ? 2 * place : 2 * (period - place);
	/* At most 2 * 16 * 240000^3: less than 2^59. */
	u64 cube = period * period * period;
	u64 up = div64_u64(2 * swing * rise * rise * (3 * period - 2 * rise) + cube, 2 * cube);

	return clamp(base + (s32)up, COOLEST, WARMEST);
}

s32 dsmil_system_temperature(u64 seed, u64 ms)
{
	return wave(seed, SYSTEM, ms);
}

static bool has_sensor(u64 seed, u16 id)
{
	return (id & 0xF) < 12 && mix3(seed, 0x5E45, id) % 16 != 0;
}

bool dsmil_is_permanent(u16 id)
{
	switch (id) {
	case 0x8009:
	case 0x800A:
	case 0x800B:
	case 0x8019:
	case 0x8029:
	case 0x8100:
	case 0x8101:
		return true;
	default:
		return false;
	}
}

u32 dsmil_state_of(u16 id)
{
	if (dsmil_is_permanent(id))
		return DSMIL_QUARANTINED;
	switch (id) {
	case 0x801F:
	case 0x803F:
	case 0x805F:
		return DSMIL_OFFLINE;
	case 0x802E:
	case 0x804E:
		return DSMIL_UNKNOWN;
	default:
		return DSMIL_SAFE;
	}
}

/* The reading that READ_DEVICE adds: another each second, and never the filler, which has bit 31 set. */
u32 dsmil_response(u64 seed, u16 id, u64 ms)
{
	return mix3(seed, 0x4E500000ULL | id, div64_u64(ms, 1000)) & 0x7FFFFFFF;
}

/* A record as a scan has it: without a reading. */
void dsmil_fill_record(struct dsmil_record *record, u64 seed, u16 id, u64 ms)
{
	memset(record, 0, sizeof(*record));
	record->device_id = id;
	record->state = dsmil_state_of(id);
	record->access = record->state == DSMIL_SAFE ? DSMIL_ACCESS_READ : DSMIL_ACCESS_NONE;
	record->is_quarantined = dsmil_is_permanent(id);
	record->last_response = DSMIL_FILLER;
	record->timestamp = ms;
	record->thermal_celsius = has_sensor(seed, id) ? wave(seed, id, ms) : DSMIL_NO_SENSOR;
}
