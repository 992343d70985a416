// SPDX-License-Identifier: GPL-2.0-only
/*
 * One driver for all who have it open. Its lock is held for each request, and never while a request waits
 * for a delay or copies to or from its caller.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/string.h>

#include "dsmil-sim.h"

void dsmil_sim_init(struct dsmil_sim *sim)
{
	memset(sim, 0, sizeof(*sim));
	mutex_init(&sim->lock);
	dsmil_config_default(&sim->config);
	dsmil_counters_init(&sim->counters);
}

void dsmil_sim_destroy(struct dsmil_sim *sim)
{
	dsmil_faults_put(sim->faults);
	dsmil_counters_clear(&sim->counters);
	mutex_destroy(&sim->lock);
}

/* As if the driver had just been loaded: no sessions, no counts, no faults. */
void dsmil_sim_restart(struct dsmil_sim *sim, const struct dsmil_config *config)
{
	dsmil_sim_set_faults(sim, NULL);
	dsmil_counters_clear(&sim->counters);
	sim->config = *config;
	sim->scan.open = false;
	sim->read.open = false;
	sim->last_session = 0;
	sim->last_scan_ms = 0;
}

/* Takes the faults over. A device that had vanished is back. */
void dsmil_sim_set_faults(struct dsmil_sim *sim, struct dsmil_faults *faults)
{
	dsmil_faults_put(sim->faults);
	sim->faults = faults;
	sim->vanished = 0;
}

int dsmil_sim_open(struct dsmil_sim *sim)
{
	int err = 0;

	mutex_lock(&sim->lock);
	sim->counters.opens++;
	if (sim->vanished)
		err = -sim->vanished;
	else if (!sim->config.initialised)
		err = -ENODEV;
	mutex_unlock(&sim->lock);
	return err;
}

int dsmil_sim_unknown(struct dsmil_sim *sim)
{
	int err;

	mutex_lock(&sim->lock);
	sim->counters.requests[0]++;
	sim->counters.last_us = ktime_to_us(ktime_get());
	err = sim->vanished ? -sim->vanished : -ENOTTY;
	mutex_unlock(&sim->lock);
	return err;
}

static u64 now_ms(const struct dsmil_sim *sim)
{
	return ktime_to_ms(ktime_get()) + sim->config.boot_ms;
}

/* The id that a request names, or that its session is of; -1: none. */
static s32 named(const struct dsmil_sim *sim, int nr, const u8 *argument)
{
	u32 id;

	switch (nr) {
	case DSMIL_READ_DEVICE:
		return ((const struct dsmil_record *)argument)->device_id;
	case DSMIL_READ_START:
		id = *(const u32 *)argument;
		return id <= U16_MAX ? (s32)id : -1;
	case DSMIL_READ_CHUNK:
		return sim->read.open ? sim->read.token : -1;
	default:
		return -1;
	}
}

static int count(struct dsmil_sim *sim, int nr, s32 id)
{
	struct dsmil_id_count *counter;

	sim->counters.requests[nr]++;
	sim->counters.last_us = ktime_to_us(ktime_get());
	if (id < 0)
		return 0;
	counter = dsmil_count_id(&sim->counters, id);
	if (!counter)
		return -ENOMEM;
	counter->read_device += nr == DSMIL_READ_DEVICE;
	counter->read_start += nr == DSMIL_READ_START;
	counter->read_chunk += nr == DSMIL_READ_CHUNK;
	return 0;
}

/* Does what another process would have done. */
static void foreign(struct dsmil_sim *sim, u64 ms, int nr, const struct dsmil_plan *plan)
{
	bool of_read = nr == DSMIL_READ_START || nr == DSMIL_READ_CHUNK || nr == DSMIL_READ_COMPLETE;
	bool of_scan = nr == DSMIL_SCAN_START || nr == DSMIL_SCAN_CHUNK || nr == DSMIL_SCAN_COMPLETE;
	u32 i;

	if (!of_read) {
		dsmil_start_scan(sim, ms);
		for (i = 0; i < plan->foreign_chunks && i < DSMIL_SCAN_CHUNKS; i++)
			dsmil_cursor_pick(&sim->scan.cursor, DSMIL_PICK_DUE);
	}
	if (!of_scan) {
		u16 other = sim->read.open && sim->read.token == DSMIL_FIRST_ID ? DSMIL_FIRST_ID + 1 : DSMIL_FIRST_ID;

		dsmil_start_read(sim, plan->foreign_token >= 0 ? plan->foreign_token : other);
		for (i = 0; i < plan->foreign_chunks && i < DSMIL_MAX_CHUNKS; i++)
			dsmil_cursor_pick(&sim->read.cursor, DSMIL_PICK_DUE);
	}
}

static int refuse(struct dsmil_sim *sim, u64 ms, int nr, u8 *argument, const struct dsmil_plan *plan)
{
	if (plan->vanish)
		sim->vanished = plan->refuse;
	else if (nr == DSMIL_READ_DEVICE)
		dsmil_fill_failed(ms, argument, plan->refuse, DSMIL_NO_SENSOR);
	return -plan->refuse;
}

/* Carries a request out as the plan says. */
static int carry_out(struct dsmil_sim *sim, int nr, u8 *argument, u32 size, const struct dsmil_plan *plan)
{
	bool starts = nr == DSMIL_SCAN_START || nr == DSMIL_READ_START;
	struct dsmil_record before;
	u64 ms = now_ms(sim);
	int err;

	if (plan->refuse)
		return refuse(sim, ms, nr, argument, plan);
	if (plan->foreign && !starts)
		foreign(sim, ms, nr, plan);
	if (nr == DSMIL_READ_DEVICE)
		memcpy(&before, argument, sizeof(before));
	err = dsmil_answer(sim, ms, nr, argument, size, plan);
	if (plan->foreign && starts)
		foreign(sim, ms, nr, plan);
	if (plan->lose) {
		/* Only this request's argument is given back when it fails. */
		if (nr == DSMIL_READ_DEVICE)
			memcpy(argument, &before, sizeof(before));
		return -EIO;
	}
	if (!err || nr == DSMIL_READ_DEVICE)
		dsmil_plan_edit(plan, nr, argument, size);
	return err;
}

static void make_plan(struct dsmil_sim *sim, int nr, s32 id, struct dsmil_plan *plan)
{
	struct dsmil_asked asked = { .nr = nr, .named = id, .chunk = -1 };
	const struct dsmil_cursor *cursor = NULL;

	if (nr == DSMIL_SCAN_CHUNK && sim->scan.open) {
		cursor = &sim->scan.cursor;
		asked.chunk = dsmil_cursor_due(cursor);
	} else if (nr == DSMIL_READ_CHUNK && sim->read.open && !sim->read.emptied) {
		cursor = &sim->read.cursor;
	}
	if (cursor) {
		asked.can_repeat = dsmil_cursor_can_repeat(cursor);
		asked.can_reorder = dsmil_cursor_can_reorder(cursor);
	}
	dsmil_plan_make(plan, sim->faults, &asked);
}

static int absent(const struct dsmil_sim *sim)
{
	if (sim->vanished)
		return -sim->vanished;
	return sim->config.initialised ? 0 : -ENODEV;
}

int dsmil_sim_ask(struct dsmil_sim *sim, const struct dsmil_request *request, u8 *argument)
{
	struct dsmil_plan plan;
	int err;
	s32 id;

	mutex_lock(&sim->lock);
	id = named(sim, request->nr, argument);
	err = count(sim, request->nr, id);
	if (!err)
		err = absent(sim);
	if (err)
		goto unlock;
	make_plan(sim, request->nr, id, &plan);
	if (plan.delay_ms) {
		/*
		 * Others go on meanwhile. Who is interrupted here has had nothing carried out, so that the call
		 * may begin again where the handler wants that (SA_RESTART).
		 */
		mutex_unlock(&sim->lock);
		if (msleep_interruptible(min_t(u64, plan.delay_ms, INT_MAX))) {
			dsmil_faults_put(plan.faults);
			return -ERESTARTSYS;
		}
		mutex_lock(&sim->lock);
		err = absent(sim);
	}
	if (!err)
		err = carry_out(sim, request->nr, argument, _IOC_SIZE(request->code), &plan);
	dsmil_faults_put(plan.faults);
unlock:
	mutex_unlock(&sim->lock);
	return err;
}
