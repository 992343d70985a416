/* The quarantine's question a hundred times. Under callgrind, which collects within it alone, scripts/test-c.sh divides. */
#include "check.h"

int main(void) {
    forget_environment();
    place run = new_place();
    dsmil_quarantine *list = NULL;
    NEED(dsmil_quarantine_load(NULL, run.path, &list) == DSMIL_OK);
    for (int i = 0; i < 100; i++) {
        CHECK(dsmil_quarantine_check(list, (uint16_t)(DSMIL_FIRST_ID + i % 8), DSMIL_OPERATION_READ) == DSMIL_OK);
    }
    dsmil_quarantine_free(list);
    remove_place(&run);
    return check_report("check_cost");
}
