// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads faults: a line each, of key=value words. The keys and their meaning are those of the fault files of
 * crates/dsmil-sim (src/faults.rs); a list of bytes has commas. A line that can't be followed refuses them all.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dsmil-sim.h"

enum fault_key { ON, ID, SKIP, TIMES, DO, MS, OFFSET, XOR, ERRNO, TOKEN, CHUNKS, CELSIUS, FIELD, VALUE, RECORD };

static const char *const keys[] = {
	[ON] = "on", [ID] = "id", [SKIP] = "skip", [TIMES] = "times", [DO] = "do", [MS] = "ms", [OFFSET] = "offset",
	[XOR] = "xor", [ERRNO] = "errno", [TOKEN] = "token", [CHUNKS] = "chunks", [CELSIUS] = "celsius",
	[FIELD] = "field", [VALUE] = "value", [RECORD] = "record",
};

#define EVERY_FAULT (BIT(ON) | BIT(ID) | BIT(SKIP) | BIT(TIMES) | BIT(DO))

/* The keys of each action beside those of every fault: the ones it needs, and the ones it may have. */
static const struct {
	const char *name;
	u32 needs;
	u32 may;
} actions[] = {
	[DSMIL_DROP] = { "drop", 0, 0 },
	[DSMIL_DELAY] = { "delay", BIT(MS), 0 },
	[DSMIL_REPEAT] = { "repeat", 0, 0 },
	[DSMIL_REORDER] = { "reorder", 0, 0 },
	[DSMIL_CORRUPT] = { "corrupt", BIT(OFFSET) | BIT(XOR), 0 },
	[DSMIL_FAIL] = { "fail", BIT(ERRNO), 0 },
	[DSMIL_INTERRUPT] = { "interrupt", 0, 0 },
	[DSMIL_VANISH] = { "vanish", 0, BIT(ERRNO) },
	[DSMIL_FOREIGN] = { "foreign-session", 0, BIT(TOKEN) | BIT(CHUNKS) },
	[DSMIL_THERMAL] = { "thermal-limit", 0, BIT(CELSIUS) },
	[DSMIL_SILENT] = { "no-sensor", 0, 0 },
	[DSMIL_SET] = { "set", BIT(FIELD) | BIT(VALUE), BIT(RECORD) },
};

const char *dsmil_action_name(enum dsmil_action action)
{
	return actions[action].name;
}

#define NAMED(errno_name) { #errno_name, errno_name }

static const struct {
	const char *name;
	int value;
} errnos[] = {
	NAMED(EPERM), NAMED(ENOENT), NAMED(EINTR), NAMED(EIO), NAMED(ENXIO), NAMED(EAGAIN), NAMED(ENOMEM), NAMED(EACCES),
	NAMED(EFAULT), NAMED(EBUSY), NAMED(ENODEV), NAMED(EINVAL), NAMED(ENOTTY), NAMED(ENOSPC), NAMED(EMSGSIZE),
	NAMED(EOPNOTSUPP), NAMED(ETIMEDOUT),
};

static int parse_errno(const char *text, int *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errnos); i++) {
		if (!strcmp(errnos[i].name, text)) {
			*value = errnos[i].value;
			return 0;
		}
	}
	if (kstrtoint(text, 10, value) || *value < 1 || *value > 133)
		return -EINVAL;
	return 0;
}

static int parse_u16(const char *text, u32 *value)
{
	u16 number;

	if (kstrtou16(text, 0, &number))
		return -EINVAL;
	*value = number;
	return 0;
}

static int parse_id(const char *text, s32 *id)
{
	u32 number;

	if (parse_u16(text, &number))
		return -EINVAL;
	*id = number;
	return 0;
}

static int parse_xor(char *text, struct dsmil_fault *fault)
{
	char *byte;

	while ((byte = strsep(&text, ",")) != NULL) {
		if (fault->xor_bytes == DSMIL_MAX_XOR || kstrtou8(byte, 0, &fault->xor[fault->xor_bytes]))
			return -EINVAL;
		fault->xor_bytes++;
	}
	return 0;
}

static int parse_on(const char *text, struct dsmil_fault *fault)
{
	const struct dsmil_request *request = dsmil_request_by_name(text);

	if (!request && strcmp(text, "any"))
		return -EINVAL;
	fault->on = request ? request->nr : 0;
	return 0;
}

static int parse_do(const char *text, struct dsmil_fault *fault)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!strcmp(actions[i].name, text)) {
			fault->action = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_value(struct dsmil_fault *fault, enum fault_key key, char *text)
{
	u32 record;

	switch (key) {
	case ON:
		return parse_on(text, fault);
	case ID:
		return parse_id(text, &fault->id);
	case SKIP:
		return kstrtou64(text, 0, &fault->skip);
	case TIMES:
		return kstrtou64(text, 0, &fault->times);
	case DO:
		return parse_do(text, fault);
	case MS:
		return kstrtou64(text, 0, &fault->ms);
	case OFFSET:
		return parse_u16(text, &fault->offset);
	case XOR:
		return parse_xor(text, fault);
	case ERRNO:
		return parse_errno(text, &fault->errno_value);
	case TOKEN:
		return parse_id(text, &fault->token) || !dsmil_is_served(fault->token) ? -EINVAL : 0;
	case CHUNKS:
		return parse_u16(text, &fault->chunks);
	case CELSIUS:
		return kstrtoint(text, 10, &fault->celsius);
	case FIELD:
		return strscpy(fault->field, text, sizeof(fault->field)) < 0 ? -EINVAL : 0;
	case VALUE:
		return kstrtos64(text, 0, &fault->value);
	case RECORD:
		if (parse_u16(text, &record) || record >= DSMIL_DEVICES)
			return -EINVAL;
		fault->record = record;
		return 0;
	}
	return -EINVAL;
}

/* Whether a number fits into a place, as a signed or an unsigned one. */
static bool holds(struct dsmil_place place, s64 value)
{
	u32 bits = 8 * place.bytes;

	return bits >= 64 || (value >= -(1LL << (bits - 1)) && value < (1LL << bits));
}

/* A field must be one of an answer that the fault can meet, and hold the value in each of them. */
static int check_set(const struct dsmil_fault *fault)
{
	struct dsmil_place of_record = dsmil_record_field(fault->field);
	bool found = false;
	u32 records;
	int nr;

	for (nr = 1; nr <= DSMIL_REQUESTS; nr++) {
		struct dsmil_place place = dsmil_head_field(nr, fault->field);

		if (fault->on && fault->on != nr)
			continue;
		dsmil_records_of(nr, &records);
		if (!place.bytes && records)
			place = of_record;
		if (!place.bytes)
			continue;
		if (!holds(place, fault->value))
			return -EINVAL;
		found = true;
	}
	return found && (fault->record < 0 || of_record.bytes) ? 0 : -EINVAL;
}

static int check(struct dsmil_fault *fault, u32 given)
{
	u32 needs = BIT(ON) | BIT(DO) | actions[fault->action].needs;
	u32 allowed = EVERY_FAULT | needs | actions[fault->action].may;

	if ((given & needs) != needs || (given & ~allowed))
		return -EINVAL;
	if (fault->action == DSMIL_SET)
		return check_set(fault);
	if (fault->action == DSMIL_THERMAL && (fault->celsius < DSMIL_THERMAL_LIMIT || fault->celsius > 1000))
		return -EINVAL;
	return 0;
}

static int parse_line(struct dsmil_fault *fault, char *line)
{
	u32 given = 0;
	char *word, *value;
	int key, err;

	fault->id = -1;
	fault->times = U64_MAX;
	fault->token = -1;
	fault->record = -1;
	fault->errno_value = ENODEV;
	fault->celsius = DSMIL_THERMAL_LIMIT;
	while ((word = strsep(&line, " \t")) != NULL) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		key = match_string(keys, ARRAY_SIZE(keys), word);
		if (key < 0 || (given & BIT(key)))
			return -EINVAL;
		given |= BIT(key);
		err = parse_value(fault, key, value);
		if (err)
			return err;
	}
	return check(fault, given);
}

/* The text is taken apart. NULL: it has no faults; or an error. */
struct dsmil_faults *dsmil_faults_parse(char *text)
{
	struct dsmil_faults *faults = kzalloc(struct_size(faults, rules, DSMIL_MAX_FAULTS), GFP_KERNEL);
	char *line;
	int err = 0;

	if (!faults)
		return ERR_PTR(-ENOMEM);
	kref_init(&faults->users);
	while (!err && (line = strsep(&text, "\n")) != NULL) {
		line = strim(line);
		if (!*line || *line == '#')
			continue;
		if (faults->count == DSMIL_MAX_FAULTS)
			err = -E2BIG;
		else
			err = parse_line(&faults->rules[faults->count++], line);
	}
	if (err || !faults->count) {
		dsmil_faults_put(faults);
		return err ? ERR_PTR(err) : NULL;
	}
	return faults;
}
