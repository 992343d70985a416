// SPDX-License-Identifier: GPL-2.0-only
/* Which chunk of a session is due, and which was last given out. */
#include "dsmil-sim.h"

void dsmil_cursor_init(struct dsmil_cursor *cursor, u32 total)
{
	cursor->total = total;
	cursor->next = 0;
	cursor->held = -1;
	cursor->last = -1;
}

s32 dsmil_cursor_due(const struct dsmil_cursor *cursor)
{
	if (cursor->held >= 0)
		return cursor->held;
	return cursor->next < cursor->total ? (s32)cursor->next : -1;
}

bool dsmil_cursor_can_repeat(const struct dsmil_cursor *cursor)
{
	return cursor->last >= 0;
}

bool dsmil_cursor_can_reorder(const struct dsmil_cursor *cursor)
{
	return cursor->held < 0 && cursor->next + 1 < cursor->total;
}

static s32 take(struct dsmil_cursor *cursor)
{
	s32 due = dsmil_cursor_due(cursor);

	if (due < 0)
		return due;
	if (cursor->held >= 0)
		cursor->held = -1;
	else
		cursor->next++;
	cursor->last = due;
	return due;
}

/* The chunk that is given out, as the faults will have it; -1 past the last. */
s32 dsmil_cursor_pick(struct dsmil_cursor *cursor, enum dsmil_pick pick)
{
	if (pick == DSMIL_PICK_BEFORE && dsmil_cursor_can_repeat(cursor))
		return cursor->last;
	if (pick != DSMIL_PICK_NEXT || !dsmil_cursor_can_reorder(cursor))
		return take(cursor);
	cursor->held = cursor->next;
	cursor->last = cursor->next + 1;
	cursor->next += 2;
	return cursor->last;
}
