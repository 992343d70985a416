/* Lists every device that the driver has.
 *
 *   cc scan_devices.c $(pkg-config --cflags --libs dsmil) -o scan_devices
 *   ./scan_devices [DEVICE]        a path, or sim: for a simulated device; default: $DSMIL_DEVICE or /dev/dsmil-72dev
 */
#include <dsmil.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what, dsmil_status status) {
    fprintf(stderr, "%s: %s (%s)\n", what, dsmil_last_error_message(), dsmil_status_name(status));
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    dsmil_device *device = NULL;
    dsmil_status status = dsmil_device_open(argc > 1 ? argv[1] : NULL, NULL, &device);
    if (status != DSMIL_OK) {
        return fail("open", status);
    }
    dsmil_scan *scan = NULL;
    status = dsmil_device_scan(device, &scan);
    dsmil_device_free(device);
    if (status != DSMIL_OK) {
        return fail("scan", status);
    }
    const dsmil_record *records = dsmil_scan_records(scan);
    for (size_t i = 0; i < dsmil_scan_count(scan); i++) {
        printf("0x%04X  %-13s", records[i].id, dsmil_state_name(records[i].state));
        if (records[i].has_thermal) {
            printf("  %d C", (int)records[i].thermal_celsius);
        }
        putchar('\n');
    }
    printf("%zu devices\n", dsmil_scan_count(scan));
    dsmil_scan_free(scan);
    return EXIT_SUCCESS;
}
