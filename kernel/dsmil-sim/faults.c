// SPDX-License-Identifier: GPL-2.0-only
/* What the driver does wrong, and when. */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dsmil-sim.h"

static void release(struct kref *users)
{
	kfree(container_of(users, struct dsmil_faults, users));
}

void dsmil_faults_put(struct dsmil_faults *faults)
{
	if (faults)
		kref_put(&faults->users, release);
}

/* Whether a request concerns a device: names it, has a session of it, or has its record in the answer. */
static bool concerns(const struct dsmil_asked *asked, u16 id)
{
	switch (asked->nr) {
	case DSMIL_READ_DEVICE:
	case DSMIL_READ_START:
	case DSMIL_READ_CHUNK:
		return asked->named == id;
	case DSMIL_SCAN_DEVICES:
		return dsmil_is_served(id);
	case DSMIL_SCAN_CHUNK:
		return dsmil_is_served(id) && asked->chunk == (id - DSMIL_FIRST_ID) / DSMIL_RECORDS_PER_CHUNK;
	default:
		return false;
	}
}

static bool applies(const struct dsmil_fault *fault, const struct dsmil_asked *asked)
{
	if (fault->on && fault->on != asked->nr)
		return false;
	if (fault->id >= 0 && !concerns(asked, fault->id))
		return false;
	if (fault->action == DSMIL_REPEAT)
		return asked->can_repeat;
	if (fault->action == DSMIL_REORDER)
		return asked->can_reorder;
	return true;
}

static void act(struct dsmil_plan *plan, const struct dsmil_fault *fault, u32 index)
{
	switch (fault->action) {
	case DSMIL_DROP:
		plan->lose = true;
		break;
	case DSMIL_DELAY:
		if (check_add_overflow(plan->delay_ms, fault->ms, &plan->delay_ms))
			plan->delay_ms = U64_MAX;
		break;
	case DSMIL_REPEAT:
		plan->pick = DSMIL_PICK_BEFORE;
		break;
	case DSMIL_REORDER:
		plan->pick = DSMIL_PICK_NEXT;
		break;
	case DSMIL_INTERRUPT:
		plan->refuse = EINTR;
		break;
	case DSMIL_FAIL:
		plan->refuse = fault->errno_value;
		break;
	case DSMIL_VANISH:
		plan->refuse = fault->errno_value;
		plan->vanish = true;
		break;
	case DSMIL_FOREIGN:
		plan->foreign = true;
		plan->foreign_token = fault->token;
		plan->foreign_chunks = fault->chunks;
		break;
	case DSMIL_CORRUPT:
	case DSMIL_THERMAL:
	case DSMIL_SILENT:
	case DSMIL_SET:
		plan->edits |= BIT_ULL(index);
		break;
	}
}

/*
 * In the order in which they were set; the first that ends the request is the last that acts, and those after it don't
 * count the request. The plan holds the faults until dsmil_faults_put().
 */
void dsmil_plan_make(struct dsmil_plan *plan, struct dsmil_faults *faults, const struct dsmil_asked *asked)
{
	u32 i;

	memset(plan, 0, sizeof(*plan));
	if (!faults)
		return;
	kref_get(&faults->users);
	plan->faults = faults;
	for (i = 0; i < faults->count && !plan->refuse; i++) {
		struct dsmil_fault *fault = &faults->rules[i];
		u64 turn = fault->matched;

		if (!applies(fault, asked))
			continue;
		fault->matched++;
		if (turn >= fault->skip && turn - fault->skip < fault->times)
			act(plan, fault, i);
	}
}

static const struct dsmil_fault *find_edit(const struct dsmil_plan *plan, enum dsmil_action action, s32 id)
{
	u32 i;

	for (i = 0; plan->edits && i < plan->faults->count; i++) {
		const struct dsmil_fault *fault = &plan->faults->rules[i];

		if (!(plan->edits & BIT_ULL(i)) || fault->action != action)
			continue;
		if (fault->id < 0 || fault->id == id)
			return fault;
	}
	return NULL;
}

/* Whether a fault holds this device (the system, where id is -1) at a temperature. */
bool dsmil_plan_thermal(const struct dsmil_plan *plan, s32 id, s32 *celsius)
{
	const struct dsmil_fault *fault = find_edit(plan, DSMIL_THERMAL, id);

	if (fault)
		*celsius = fault->celsius;
	return fault;
}

bool dsmil_plan_silent(const struct dsmil_plan *plan, s32 id)
{
	return find_edit(plan, DSMIL_SILENT, id);
}

/* Where the record begins that a fault means: the one with the number, else the device's, else the first. */
static s32 base_of(int nr, const u8 *answer, const struct dsmil_fault *fault)
{
	u32 count, i = 0, first = dsmil_records_of(nr, &count);
	u16 id = fault->id;

	if (fault->record >= 0)
		i = fault->record;
	else if (fault->id >= 0)
		while (i < count && memcmp(answer + first + i * sizeof(struct dsmil_record), &id, sizeof(id)))
			i++;
	return i < count ? (s32)(first + i * sizeof(struct dsmil_record)) : -1;
}

static void write_field(u8 *answer, u32 size, struct dsmil_place place, s64 value)
{
	u8 bytes[8];
	u32 i;

	if (place.offset + place.bytes > size)
		return;
	for (i = 0; i < place.bytes; i++)
		bytes[i] = value >> (8 * i);
#ifdef __BIG_ENDIAN
	for (i = 0; i < place.bytes; i++)
		answer[place.offset + i] = bytes[place.bytes - 1 - i];
#else
	memcpy(answer + place.offset, bytes, place.bytes);
#endif
}

static void set_field(const struct dsmil_fault *fault, int nr, u8 *answer, u32 size)
{
	struct dsmil_place place = dsmil_head_field(nr, fault->field);
	s32 base = 0;

	if (!place.bytes) {
		place = dsmil_record_field(fault->field);
		base = base_of(nr, answer, fault);
	}
	if (!place.bytes || base < 0)
		return;
	place.offset += base;
	write_field(answer, size, place, fault->value);
}

/* Flips and overwrites what the faults say, in an answer that is otherwise right. */
void dsmil_plan_edit(const struct dsmil_plan *plan, int nr, u8 *answer, u32 size)
{
	u32 i, j;

	for (i = 0; plan->edits && i < plan->faults->count; i++) {
		const struct dsmil_fault *fault = &plan->faults->rules[i];

		if (!(plan->edits & BIT_ULL(i)))
			continue;
		if (fault->action == DSMIL_SET)
			set_field(fault, nr, answer, size);
		for (j = 0; fault->action == DSMIL_CORRUPT && j < fault->xor_bytes && fault->offset + j < size; j++)
			answer[fault->offset + j] ^= fault->xor[j];
	}
}
