/* Included before an example that runs under valgrind in an emulated machine: a device that is opened without options gets
 * a minute for each call. */
#ifndef DSMIL_TEST_PATIENT_H
#define DSMIL_TEST_PATIENT_H

#include <dsmil.h>

static inline dsmil_status open_patiently(const char *spec, const dsmil_options *options, dsmil_device **device) {
    dsmil_options *patient = options == NULL ? dsmil_options_new() : NULL;
    if (patient != NULL) {
        dsmil_options_set_call_deadline_ms(patient, 60000);
        dsmil_options_set_transfer_deadline_ms(patient, 60000);
        options = patient;
    }
    dsmil_status status = dsmil_device_open(spec, options, device);
    dsmil_options_free(patient);
    return status;
}

#define dsmil_device_open open_patiently

#endif
