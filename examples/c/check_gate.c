/* Asks the gates of a file whether the next step may be taken, on metrics from a JSON file.
 *
 *   cc check_gate.c $(pkg-config --cflags --libs dsmil) -o check_gate
 *   ./check_gate GATES.toml METRICS.json     such as examples/gates/deploy.toml and {"cpu_percent": 40.0, ...}
 *
 * Ends with 0 for go, 7 for hold or no-go, 8 for roll back, and 1 if it can't be said: then there is no verdict, and nothing may
 * be taken for a go.
 */
#include <dsmil.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what, dsmil_status status) {
    dsmil_error_detail detail;
    if (dsmil_last_error(&detail) == DSMIL_OK && detail.line > 0) {
        fprintf(stderr, "%s: line %u of %s\n", what, (unsigned)detail.line, detail.file);
    }
    fprintf(stderr, "%s: %s (%s)\n", what, dsmil_last_error_message(), dsmil_status_name(status));
    return EXIT_FAILURE;
}

/* A whole file as text. */
static char *text_of(const char *path) {
    enum { MOST = 1 << 20 };
    FILE *file = fopen(path, "rb");
    char *text = file != NULL ? (char *)malloc(MOST + 1) : NULL;
    if (text != NULL) {
        size_t length = fread(text, 1, MOST, file);
        text[length] = '\0';
    } else {
        perror(path);
    }
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s GATES.toml METRICS.json\n", argv[0]);
        return 2;
    }
    dsmil_gate *gate = NULL;
    dsmil_status status = dsmil_gate_load(argv[1], &gate);
    if (status != DSMIL_OK) {
        return fail("gates", status);
    }
    char *metrics = text_of(argv[2]);
    if (metrics == NULL) {
        dsmil_gate_free(gate);
        return EXIT_FAILURE;
    }
    dsmil_verdict *verdict = NULL;
    status = dsmil_gate_check_json(gate, metrics, DSMIL_NOW, &verdict);
    free(metrics);
    dsmil_gate_free(gate);
    if (status != DSMIL_OK) {
        return fail("metrics", status);
    }
    const dsmil_decision decision = dsmil_verdict_of(verdict);
    puts(dsmil_decision_name(decision));
    for (size_t i = 0; i < dsmil_verdict_reason_count(verdict); i++) {
        printf("  %s\n", dsmil_verdict_reason(verdict, i));
    }
    dsmil_verdict_free(verdict);
    return decision == DSMIL_DECISION_GO ? EXIT_SUCCESS : decision == DSMIL_DECISION_ROLL_BACK ? 8 : 7;
}
