// SPDX-License-Identifier: GPL-2.0-only
/*
 * The options of the driver, written as for the simulated devices of the library: "seed=7,firmware-limit=none".
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/string.h>

#include "dsmil-sim.h"

void dsmil_config_default(struct dsmil_config *config)
{
	int i;

	memset(config, 0, sizeof(*config));
	config->firmware_limit = DSMIL_FIRMWARE_LIMIT;
	config->version = 0x010000;
	config->initialised = true;
	for (i = 0; i < DSMIL_DEVICES; i++)
		config->data_length[i] = DSMIL_DATA_BYTES;
}

static int parse_data(struct dsmil_config *config, char *value)
{
	char *bytes = strchr(value, ':');
	u16 id, length;

	if (!bytes)
		return -EINVAL;
	*bytes++ = '\0';
	if (kstrtou16(value, 0, &id) || kstrtou16(bytes, 10, &length))
		return -EINVAL;
	if (!dsmil_is_served(id) || length < 1 || length > DSMIL_MAX_DATA_BYTES)
		return -EINVAL;
	config->data_length[id - DSMIL_FIRST_ID] = length;
	return 0;
}

static int parse_option(struct dsmil_config *config, const char *key, char *value)
{
	bool yes;
	int err;

	if (!strcmp(key, "seed"))
		return kstrtou64(value, 0, &config->seed);
	if (!strcmp(key, "version"))
		return kstrtou32(value, 0, &config->version);
	if (!strcmp(key, "boot-ms"))
		return kstrtou64(value, 0, &config->boot_ms);
	if (!strcmp(key, "data"))
		return parse_data(config, value);
	if (!strcmp(key, "firmware-limit")) {
		if (strcmp(value, "none"))
			return kstrtou32(value, 0, &config->firmware_limit);
		config->firmware_limit = U32_MAX;
		return 0;
	}
	err = kstrtobool(value, &yes);
	if (err)
		return err;
	if (!strcmp(key, "chunked"))
		config->lacks_chunked = !yes;
	else if (!strcmp(key, "initialised"))
		config->initialised = yes;
	else
		return -EINVAL;
	return 0;
}

/* Reads options into a configuration that was set to the default. The text is taken apart. */
int dsmil_config_parse(struct dsmil_config *config, char *text)
{
	char *option, *value;
	int err;

	while ((option = strsep(&text, ",")) != NULL) {
		option = strim(option);
		if (!*option)
			continue;
		value = strchr(option, '=');
		if (!value)
			return -EINVAL;
		*value++ = '\0';
		err = parse_option(config, option, value);
		if (err)
			return err;
	}
	return 0;
}
