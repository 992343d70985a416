/* Shows the temperature once a second.
 *
 *   cc watch_thermal.c $(pkg-config --cflags --libs dsmil) -o watch_thermal
 *   ./watch_thermal [DEVICE [TIMES]]   a path or sim:; default: $DSMIL_DEVICE or /dev/dsmil-72dev, and 10 times
 */
#include <dsmil.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

static int fail(const char *what, dsmil_status status) {
    fprintf(stderr, "%s: %s (%s)\n", what, dsmil_last_error_message(), dsmil_status_name(status));
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    const long times = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
    dsmil_device *device = NULL;
    dsmil_status status = dsmil_device_open(argc > 1 ? argv[1] : NULL, NULL, &device);
    if (status != DSMIL_OK) {
        return fail("open", status);
    }
    const struct timespec second = {1, 0};
    for (long i = 0; i < times && status == DSMIL_OK; i++) {
        if (i > 0) {
            thrd_sleep(&second, NULL);
        }
        int32_t celsius = 0;
        dsmil_error_detail detail;
        status = dsmil_device_thermal(device, &celsius);
        if (status == DSMIL_OK) {
            printf("%d C\n", (int)celsius);
        } else if (dsmil_last_error(&detail) == DSMIL_OK && detail.os_error == EIO) {
            /* No sensor answers just now: the next second may be better. */
            printf("no reading\n");
            status = DSMIL_OK;
        }
        fflush(stdout);
    }
    dsmil_device_free(device);
    return status == DSMIL_OK ? EXIT_SUCCESS : fail("thermal", status);
}
