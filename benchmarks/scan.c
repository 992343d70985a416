/* Our C's part of the scan benchmark, through the installed library: reads how many scans to make, line
 * by line, from standard input, and answers with nanoseconds. */
#include <dsmil.h>
#include <stdio.h>
#include <time.h>

static int scan_once(dsmil_device *device)
{
    dsmil_scan *scan = NULL;
    int whole = dsmil_device_scan(device, &scan) == DSMIL_OK && dsmil_scan_count(scan) == 108;

    dsmil_scan_free(scan);
    return whole;
}

int main(int argc, char **argv)
{
    dsmil_device *device = NULL;
    long count;

    if (argc != 2 || dsmil_device_open(argv[1], NULL, &device) != DSMIL_OK || !scan_once(device)) {
        fprintf(stderr, "scan DEVICE: %s\n", dsmil_last_error_message());
        return 1;
    }
    while (scanf("%ld", &count) == 1) {
        struct timespec begun, ended;

        clock_gettime(CLOCK_MONOTONIC, &begun);
        for (long i = 0; i < count; i++)
            if (!scan_once(device)) {
                fprintf(stderr, "%s\n", dsmil_last_error_message());
                return 1;
            }
        clock_gettime(CLOCK_MONOTONIC, &ended);
        printf("%lld\n", (ended.tv_sec - begun.tv_sec) * 1000000000LL + ended.tv_nsec - begun.tv_nsec);
        fflush(stdout);
    }
    dsmil_device_free(device);
    return 0;
}
