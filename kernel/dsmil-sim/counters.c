// SPDX-License-Identifier: GPL-2.0-only
/* What the driver was asked. An id is counted whether it is served or not. */
#include <linux/slab.h>
#include <linux/string.h>

#include "dsmil-sim.h"

void dsmil_counters_init(struct dsmil_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	xa_init(&counters->ids);
}

void dsmil_counters_clear(struct dsmil_counters *counters)
{
	struct dsmil_id_count *count;
	unsigned long id;

	xa_for_each(&counters->ids, id, count)
		kfree(count);
	xa_destroy(&counters->ids);
	dsmil_counters_init(counters);
}

/* NULL where there is no memory: the request is then refused, for a count that lies is worse than none. */
struct dsmil_id_count *dsmil_count_id(struct dsmil_counters *counters, u16 id)
{
	struct dsmil_id_count *count = xa_load(&counters->ids, id);

	if (count)
		return count;
	count = kzalloc(sizeof(*count), GFP_KERNEL);
	if (!count)
		return NULL;
	if (xa_is_err(xa_store(&counters->ids, id, count, GFP_KERNEL))) {
		kfree(count);
		return NULL;
	}
	return count;
}
