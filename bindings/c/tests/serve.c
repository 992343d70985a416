/* serve DIRECTORY: serves a simulated device until its input ends. For programs that know nothing of simulation. */
#include "check.h"

int main(int argc, char **argv) {
    dsmil_server *server = NULL;
    NEED(argc == 2 && dsmil_sim_serve(argv[1], "seed=7", NULL, &server) == DSMIL_OK);
    puts(dsmil_server_device_path(server));
    fflush(stdout);
    while (getchar() != EOF) {
    }
    CHECK_OK(dsmil_server_stop(server));
    dsmil_server_free(server);
    return checks_failed;
}
