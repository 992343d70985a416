// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/dsmil-sim/: "options" and "faults" are set by writing the whole text in one go; "counters.json" has the
 * fields of the file of the same name that a served device has.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "dsmil-sim.h"

#define LONGEST_TEXT 16384

static struct dentry *folder;

static u64 total(const struct dsmil_id_count *count)
{
	return count->read_device + count->read_start + count->read_chunk;
}

static void show_ids(struct seq_file *out, struct dsmil_counters *counters)
{
	const char *comma = "";
	struct dsmil_id_count *count;
	unsigned long id;

	xa_for_each(&counters->ids, id, count) {
		seq_printf(out, "%s\"0x%04lX\":{\"read_device\":%llu,\"read_start\":%llu,\"read_chunk\":%llu,\"total\":%llu}",
			   comma, id, count->read_device, count->read_start, count->read_chunk, total(count));
		comma = ",";
	}
}

static int counters_show(struct seq_file *out, void *unused)
{
	struct dsmil_sim *sim = out->private;
	struct dsmil_counters *counters = &sim->counters;
	struct dsmil_id_count *count;
	u64 sequence = 0, permanent = 0;
	unsigned long id;
	int nr;

	mutex_lock(&sim->lock);
	for (nr = 0; nr <= DSMIL_REQUESTS; nr++)
		sequence += counters->requests[nr];
	xa_for_each(&counters->ids, id, count)
		permanent += dsmil_is_permanent(id) ? total(count) : 0;
	seq_printf(out, "{\"sequence\":%llu,\"last_request_ms\":%llu,\"last_request_us\":%llu,\"opens\":%llu,\"permanent\":%llu,",
		   sequence, div64_u64(counters->last_us, 1000), counters->last_us, counters->opens, permanent);
	seq_puts(out, "\"requests\":{");
	for (nr = 1; nr <= DSMIL_REQUESTS; nr++)
		seq_printf(out, "\"%s\":%llu,", dsmil_request_by_nr(nr)->name, counters->requests[nr]);
	seq_printf(out, "\"unknown\":%llu},\"ids\":{", counters->requests[0]);
	show_ids(out, counters);
	seq_puts(out, "}}");
	mutex_unlock(&sim->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int options_show(struct seq_file *out, void *unused)
{
	struct dsmil_sim *sim = out->private;
	const struct dsmil_config *config = &sim->config;
	int i;

	mutex_lock(&sim->lock);
	seq_printf(out, "seed=%llu,version=0x%06x,", config->seed, config->version);
	if (config->firmware_limit == U32_MAX)
		seq_puts(out, "firmware-limit=none,");
	else
		seq_printf(out, "firmware-limit=%u,", config->firmware_limit);
	seq_printf(out, "chunked=%s,initialised=%s,boot-ms=%llu", config->lacks_chunked ? "no" : "yes",
		   config->initialised ? "yes" : "no", config->boot_ms);
	for (i = 0; i < DSMIL_DEVICES; i++)
		if (config->data_length[i] != DSMIL_DATA_BYTES)
			seq_printf(out, ",data=0x%04X:%u", DSMIL_FIRST_ID + i, config->data_length[i]);
	seq_putc(out, '\n');
	mutex_unlock(&sim->lock);
	return 0;
}

static void show_details(struct seq_file *out, const struct dsmil_fault *fault)
{
	u32 i;

	switch (fault->action) {
	case DSMIL_DELAY:
		seq_printf(out, " ms=%llu", fault->ms);
		break;
	case DSMIL_FAIL:
	case DSMIL_VANISH:
		seq_printf(out, " errno=%d", fault->errno_value);
		break;
	case DSMIL_FOREIGN:
		seq_printf(out, " chunks=%u", fault->chunks);
		if (fault->token >= 0)
			seq_printf(out, " token=0x%04X", fault->token);
		break;
	case DSMIL_THERMAL:
		seq_printf(out, " celsius=%d", fault->celsius);
		break;
	case DSMIL_CORRUPT:
		seq_printf(out, " offset=%u xor=", fault->offset);
		for (i = 0; i < fault->xor_bytes; i++)
			seq_printf(out, "%s%u", i ? "," : "", fault->xor[i]);
		break;
	case DSMIL_SET:
		seq_printf(out, " field=%s value=%lld", fault->field, fault->value);
		if (fault->record >= 0)
			seq_printf(out, " record=%d", fault->record);
		break;
	default:
		break;
	}
}

static int faults_show(struct seq_file *out, void *unused)
{
	struct dsmil_sim *sim = out->private;
	u32 i;

	mutex_lock(&sim->lock);
	for (i = 0; sim->faults && i < sim->faults->count; i++) {
		const struct dsmil_fault *fault = &sim->faults->rules[i];

		seq_printf(out, "on=%s do=%s", fault->on ? dsmil_request_by_nr(fault->on)->name : "any",
			   dsmil_action_name(fault->action));
		if (fault->id >= 0)
			seq_printf(out, " id=0x%04X", fault->id);
		if (fault->skip)
			seq_printf(out, " skip=%llu", fault->skip);
		if (fault->times != U64_MAX)
			seq_printf(out, " times=%llu", fault->times);
		show_details(out, fault);
		seq_putc(out, '\n');
	}
	mutex_unlock(&sim->lock);
	return 0;
}

/* The text of one write; what comes in parts is refused, since half a list of faults would be in force in between. */
static char *text_of(const char __user *from, size_t length, loff_t at)
{
	if (at || length > LONGEST_TEXT)
		return ERR_PTR(-EFBIG);
	return memdup_user_nul(from, length);
}

static struct dsmil_sim *sim_of(struct file *file)
{
	return ((struct seq_file *)file->private_data)->private;
}

static ssize_t options_write(struct file *file, const char __user *from, size_t length, loff_t *at)
{
	struct dsmil_sim *sim = sim_of(file);
	struct dsmil_config *config;
	char *text;
	int err;

	text = text_of(from, length, *at);
	if (IS_ERR(text))
		return PTR_ERR(text);
	config = kmalloc(sizeof(*config), GFP_KERNEL);
	err = config ? 0 : -ENOMEM;
	if (!err) {
		dsmil_config_default(config);
		err = dsmil_config_parse(config, strim(text));
	}
	if (!err) {
		mutex_lock(&sim->lock);
		dsmil_sim_restart(sim, config);
		mutex_unlock(&sim->lock);
		*at += length;
	}
	kfree(config);
	kfree(text);
	return err ? err : (ssize_t)length;
}

static ssize_t faults_write(struct file *file, const char __user *from, size_t length, loff_t *at)
{
	struct dsmil_sim *sim = sim_of(file);
	struct dsmil_faults *faults;
	char *text;

	text = text_of(from, length, *at);
	if (IS_ERR(text))
		return PTR_ERR(text);
	faults = dsmil_faults_parse(text);
	kfree(text);
	if (IS_ERR(faults))
		return PTR_ERR(faults);
	mutex_lock(&sim->lock);
	dsmil_sim_set_faults(sim, faults);
	mutex_unlock(&sim->lock);
	*at += length;
	return length;
}

static int options_open(struct inode *inode, struct file *file)
{
	return single_open(file, options_show, inode->i_private);
}

static int faults_open(struct inode *inode, struct file *file)
{
	return single_open(file, faults_show, inode->i_private);
}

static const struct file_operations options_fops = {
	.owner = THIS_MODULE,
	.open = options_open,
	.read = seq_read,
	.write = options_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static const struct file_operations faults_fops = {
	.owner = THIS_MODULE,
	.open = faults_open,
	.read = seq_read,
	.write = faults_write,
	.llseek = seq_lseek,
	.release = single_release,
};

int dsmil_debugfs_init(struct dsmil_sim *sim)
{
	folder = debugfs_create_dir("dsmil-sim", NULL);
	/* Without debugfs there is a device all the same: one without faults. */
	if (IS_ERR(folder))
		return PTR_ERR(folder) == -ENODEV ? 0 : PTR_ERR(folder);
	debugfs_create_file("options", 0600, folder, sim, &options_fops);
	debugfs_create_file("faults", 0600, folder, sim, &faults_fops);
	debugfs_create_file("counters.json", 0400, folder, sim, &counters_fops);
	return 0;
}

void dsmil_debugfs_exit(void)
{
	debugfs_remove(folder);
}
