/*
 * What the dsmil-72dev driver exchanges with its callers, written in C from the protocol's tables: the
 * yardstick that tests/layout.rs holds the Rust side against. The request codes come from the kernel's
 * own macros, so that nobody's arithmetic is trusted twice.
 */
#ifndef DSMIL_DRIVER_ABI_H
#define DSMIL_DRIVER_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DSMIL_DEVICES 108
#define DSMIL_RECORDS_PER_CHUNK 5
#define DSMIL_READ_PAYLOAD 224

/* Natural alignment: the compiler makes the padding. */
struct device_record {
    __u16 device_id;
    __u32 state;
    __u32 access;
    __u8 is_quarantined;
    __u32 last_response;
    __u64 timestamp;
    __s32 thermal_celsius;
};

struct system_status {
    __u8 kernel_module_loaded;
    __u8 thermal_safe;
    __s32 current_temp_celsius;
    __u32 safe_device_count;
    __u32 quarantined_count;
    __u64 last_scan_timestamp;
};

struct discovery_result {
    __u32 total_devices_found;
    __u32 safe_devices_found;
    __u32 quarantined_devices_found;
    __u64 last_scan_timestamp;
    struct device_record devices[DSMIL_DEVICES];
};

struct scan_chunk_header {
    __u32 chunk_index;
    __u32 total_chunks;
    __u32 devices_in_chunk;
    __u32 chunk_size;
    __u64 session_id;
    __u8 reserved[8];
} __attribute__((packed));

struct scan_chunk {
    struct scan_chunk_header header;
    struct device_record devices[DSMIL_RECORDS_PER_CHUNK];
    __u8 padding[24];
} __attribute__((packed));

struct read_chunk_header {
    __u16 token;
    __u16 chunk_index;
    __u32 total_chunks;
    __u32 data_offset;
    __u32 chunk_size;
    __u64 session_id;
    __u8 reserved[8];
} __attribute__((packed));

struct read_chunk {
    struct read_chunk_header header;
    __u8 data[DSMIL_READ_PAYLOAD];
} __attribute__((packed));

#define DSMIL_MAGIC 'M'
#define GET_VERSION _IOR(DSMIL_MAGIC, 1, __u32)
#define GET_STATUS _IOR(DSMIL_MAGIC, 2, struct system_status)
#define SCAN_DEVICES _IOR(DSMIL_MAGIC, 3, struct discovery_result)
#define READ_DEVICE _IOWR(DSMIL_MAGIC, 4, struct device_record)
#define GET_THERMAL _IOR(DSMIL_MAGIC, 5, __s32)
#define SCAN_START _IO(DSMIL_MAGIC, 6)
#define SCAN_CHUNK _IOR(DSMIL_MAGIC, 7, struct scan_chunk)
#define SCAN_COMPLETE _IO(DSMIL_MAGIC, 8)
#define READ_START _IOW(DSMIL_MAGIC, 9, __u32)
#define READ_CHUNK _IOR(DSMIL_MAGIC, 10, struct read_chunk)
#define READ_COMPLETE _IO(DSMIL_MAGIC, 11)

#endif
