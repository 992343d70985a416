/* The device of the kernel module, for tests that can run on it: where DSMIL_TEST_DEVICE names its node. There is one driver, and
 * one test program at a time has it. */
#ifndef DSMIL_TEST_KERNEL_H
#define DSMIL_TEST_KERNEL_H

#include "check.h"

#define KERNEL_CONTROL "/sys/kernel/debug/dsmil-sim/"

static inline const char *kernel_node(void) {
    return getenv("DSMIL_TEST_DEVICE");
}

static inline void kernel_write(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    NEED(file != NULL);
    bool is_written = fputs(text, file) >= 0;
    is_written = fclose(file) == 0 && is_written;
    if (!CHECK(is_written)) {
        fprintf(stderr, "%s: %s\n", path, text);
    }
}

/* The driver as if just loaded, with these options and faults. */
static inline void kernel_restart(const char *options, const char *fault_lines) {
    kernel_write(KERNEL_CONTROL "options", options);
    kernel_write(KERNEL_CONTROL "faults", fault_lines);
}

/* What the module counted, as JSON. The text lasts until the next call. */
static inline const char *kernel_counters(void) {
    static char text[1 << 20];
    FILE *file = fopen(KERNEL_CONTROL "counters.json", "r");
    NEED(file != NULL);
    size_t length = fread(text, 1, sizeof text - 1, file);
    text[length] = '\0';
    fclose(file);
    NEED(length > 2 && text[length - 1] == '}');
    return text;
}

/* The number after a name, in what follows the name of a table; 0 where there is none. */
static inline uint64_t kernel_number(const char *json, const char *table, const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", table);
    const char *begin = strstr(json, key);
    const char *end = begin == NULL ? NULL : strchr(begin, '}');
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *found = begin == NULL ? NULL : strstr(begin, key);
    return found == NULL || found > end ? 0 : strtoull(found + strlen(key), NULL, 10);
}

static inline uint64_t kernel_requests(int32_t request) {
    return kernel_number(kernel_counters(), "requests", dsmil_request_name(request));
}

static inline uint64_t kernel_accesses(uint16_t id) {
    char name[8];
    snprintf(name, sizeof name, "0x%04X", id);
    return kernel_number(kernel_counters(), name, "total");
}

#endif
