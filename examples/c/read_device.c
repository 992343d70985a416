/* Reads one device and shows its data in hexadecimal.
 *
 *   cc read_device.c $(pkg-config --cflags --libs dsmil) -o read_device
 *   ./read_device [DEVICE [ID]]    a path or sim:; default: $DSMIL_DEVICE or /dev/dsmil-72dev, and id 0x8003
 *
 * Ends with 3 if the quarantine forbids the device.
 */
#include <dsmil.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what, dsmil_status status) {
    fprintf(stderr, "%s: %s (%s)\n", what, dsmil_last_error_message(), dsmil_status_name(status));
    return status == DSMIL_ERROR_DENIED ? 3 : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    char *rest = NULL;
    unsigned long id = argc > 2 ? strtoul(argv[2], &rest, 0) : 0x8003;
    if (id > UINT16_MAX || (argc > 2 && (rest == argv[2] || *rest != '\0'))) {
        fprintf(stderr, "%s is no id: write it as 0x8003\n", argv[2]);
        return 2;
    }
    dsmil_device *device = NULL;
    dsmil_status status = dsmil_device_open(argc > 1 ? argv[1] : NULL, NULL, &device);
    if (status != DSMIL_OK) {
        return fail("open", status);
    }
    uint8_t data[DSMIL_MAX_READ_BYTES];
    size_t length = 0;
    status = dsmil_device_read(device, (uint16_t)id, data, sizeof data, &length);
    dsmil_device_free(device);
    if (status != DSMIL_OK) {
        return fail("read", status);
    }
    for (size_t i = 0; i < length; i++) {
        printf("%02x%c", data[i], i % 16 == 15 || i + 1 == length ? '\n' : ' ');
    }
    printf("%zu bytes of 0x%04lX\n", length, id);
    return EXIT_SUCCESS;
}
