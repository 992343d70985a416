/*
 * Prints what the C compiler makes of driver_abi.h, one fact a line, for tests/layout.rs to compare:
 *   size STRUCT BYTES · field STRUCT NAME OFFSET BYTES · code NAME NUMBER CODE BYTES
 *   image STRUCT HEX: the struct with values that layout.rs knows too
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "driver_abi.h"

#define SIZE(s) printf("size %s %zu\n", #s, sizeof(struct s))
#define FIELD(s, f) printf("field %s %s %zu %zu\n", #s, #f, offsetof(struct s, f), sizeof(((struct s *)0)->f))
#define CODE(r) printf("code %s %u %u %u\n", #r, (unsigned)_IOC_NR(r), (unsigned)(r), (unsigned)_IOC_SIZE(r))

static void image(const char *name, const void *what, size_t bytes)
{
    const unsigned char *at = what;
    printf("image %s ", name);
    for (size_t i = 0; i < bytes; i++)
        printf("%02x", at[i]);
    printf("\n");
}

static void fill_record(struct device_record *record, unsigned nth)
{
    record->device_id = 0x8030 + nth;
    record->state = 2;
    record->access = 0x11223344;
    record->is_quarantined = 1;
    record->last_response = 0x55667788 + nth;
    record->timestamp = 0x0102030405060708 + nth;
    record->thermal_celsius = -40;
}

static void images(void)
{
    struct device_record record;
    struct system_status status;
    static struct discovery_result discovery;
    struct scan_chunk scan;
    struct read_chunk read;

    memset(&record, 0, sizeof record);
    fill_record(&record, 0);
    image("device_record", &record, sizeof record);

    memset(&status, 0, sizeof status);
    status.kernel_module_loaded = 1;
    status.thermal_safe = 0;
    status.current_temp_celsius = -7;
    status.safe_device_count = 103;
    status.quarantined_count = 5;
    status.last_scan_timestamp = 0x1112131415161718;
    image("system_status", &status, sizeof status);

    discovery.total_devices_found = 3;
    discovery.safe_devices_found = 3;
    discovery.quarantined_devices_found = 0;
    discovery.last_scan_timestamp = 0x2122232425262728;
    for (unsigned i = 0; i < 3; i++)
        fill_record(&discovery.devices[i], i);
    image("discovery_result", &discovery, sizeof discovery);

    memset(&scan, 0, sizeof scan);
    scan.header.total_chunks = 1;
    scan.header.devices_in_chunk = 5;
    scan.header.chunk_size = 32 + 5 * 40;
    scan.header.session_id = 0x3132333435363738;
    for (unsigned i = 0; i < 5; i++) {
        memset(&record, 0, sizeof record);
        fill_record(&record, i);
        memcpy(&scan.devices[i], &record, sizeof record);
    }
    image("scan_chunk", &scan, sizeof scan);

    memset(&read, 0, sizeof read);
    read.header.token = 0x8003;
    read.header.total_chunks = 1;
    read.header.chunk_size = DSMIL_READ_PAYLOAD;
    read.header.session_id = 0x4142434445464748;
    for (unsigned i = 0; i < DSMIL_READ_PAYLOAD; i++)
        read.data[i] = (__u8)(i + 1);
    image("read_chunk", &read, sizeof read);
}

int main(void)
{
    SIZE(device_record);
    FIELD(device_record, device_id);
    FIELD(device_record, state);
    FIELD(device_record, access);
    FIELD(device_record, is_quarantined);
    FIELD(device_record, last_response);
    FIELD(device_record, timestamp);
    FIELD(device_record, thermal_celsius);

    SIZE(system_status);
    FIELD(system_status, kernel_module_loaded);
    FIELD(system_status, thermal_safe);
    FIELD(system_status, current_temp_celsius);
    FIELD(system_status, safe_device_count);
    FIELD(system_status, quarantined_count);
    FIELD(system_status, last_scan_timestamp);

    SIZE(discovery_result);
    FIELD(discovery_result, total_devices_found);
    FIELD(discovery_result, safe_devices_found);
    FIELD(discovery_result, quarantined_devices_found);
    FIELD(discovery_result, last_scan_timestamp);
    FIELD(discovery_result, devices);

    SIZE(scan_chunk_header);
    FIELD(scan_chunk_header, chunk_index);
    FIELD(scan_chunk_header, total_chunks);
    FIELD(scan_chunk_header, devices_in_chunk);
    FIELD(scan_chunk_header, chunk_size);
    FIELD(scan_chunk_header, session_id);
    FIELD(scan_chunk_header, reserved);
    SIZE(scan_chunk);
    FIELD(scan_chunk, devices);
    FIELD(scan_chunk, padding);

    SIZE(read_chunk_header);
    FIELD(read_chunk_header, token);
    FIELD(read_chunk_header, chunk_index);
    FIELD(read_chunk_header, total_chunks);
    FIELD(read_chunk_header, data_offset);
    FIELD(read_chunk_header, chunk_size);
    FIELD(read_chunk_header, session_id);
    FIELD(read_chunk_header, reserved);
    SIZE(read_chunk);
    FIELD(read_chunk, data);

    CODE(GET_VERSION);
    CODE(GET_STATUS);
    CODE(SCAN_DEVICES);
    CODE(READ_DEVICE);
    CODE(GET_THERMAL);
    CODE(SCAN_START);
    CODE(SCAN_CHUNK);
    CODE(SCAN_COMPLETE);
    CODE(READ_START);
    CODE(READ_CHUNK);
    CODE(READ_COMPLETE);

    images();
    return 0;
}
