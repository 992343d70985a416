/* Asks for each of the seven devices that may never be touched, and shows the refusal. Nothing reaches the driver; each
 * attempt stands in the audit log.
 *
 *   cc quarantine_denied.c $(pkg-config --cflags --libs dsmil) -o quarantine_denied
 *   ./quarantine_denied [DEVICE]   a path or sim:; default: $DSMIL_DEVICE or /dev/dsmil-72dev
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
    uint16_t ids[DSMIL_PERMANENT_COUNT] = {0};
    dsmil_quarantine_permanent(ids);
    int denied = 0;
    for (int i = 0; i < DSMIL_PERMANENT_COUNT; i++) {
        dsmil_record record;
        dsmil_error_detail detail;
        status = dsmil_device_info(device, ids[i], &record);
        if (status != DSMIL_ERROR_DENIED || dsmil_last_error(&detail) != DSMIL_OK) {
            fail("0x8009 and its like must be denied", status);
            break;
        }
        denied++;
        printf("0x%04X  %-22s denied by %s\n", ids[i], dsmil_permanent_what(ids[i]), detail.rule_key);
    }
    dsmil_device_free(device);
    printf("%d of %d denied\n", denied, DSMIL_PERMANENT_COUNT);
    return denied == DSMIL_PERMANENT_COUNT ? EXIT_SUCCESS : EXIT_FAILURE;
}
