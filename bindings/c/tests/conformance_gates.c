/* The cases of tests/conformance/gates: what the gates of a file decide, and what is refused.
 *
 * Afterwards each is turned round (another verdict is expected, or none of a refusal): a runner that passes whatever it is given
 * would prove nothing. */
#include "check.h"
#include <math.h>

#define ABSENT INT64_MIN

/* The fields are written by conformance_cases.py, in this order. */
typedef struct {
    const char *key, *value;
} pair;

typedef struct {
    const char *metric;
    double value;
    int64_t at;
    const dsmil_label *labels;
    size_t label_count;
} recording;

typedef struct {
    const char *verdict, *says;
    int64_t go, reasons, escalate;
    const pair *gates;
    size_t gate_count;
    const pair *zones;
    size_t zone_count;
    const pair *rules;
    size_t rule_count;
} expectation;

typedef struct {
    int64_t at, restart;
    const recording *records;
    size_t record_count;
    const pair *unreadable;
    size_t unreadable_count;
    expectation expect;
} step;

typedef struct {
    const char *file, *name, *problem, *gates, *check;
    int64_t at;
    const step *steps;
    size_t step_count;
    int64_t has_expect;
    expectation expect;
    int64_t has_error;
    const char *error_kind, *error_key, *error_says;
    int64_t error_line;
} gate_case;

#include "gate_cases.h"

static const gate_case *running;
static bool is_right;
/* Whether it is expected not to hold. */
static bool is_turned;

static void hold(bool holds, const char *what, const char *which, const char *found) {
    is_right = is_right && holds;
    if (!holds && !is_turned) {
        fprintf(stderr, "%s: %s: %s %s does not hold: %s\n", running->file, running->name, what, which, found);
    }
}

static void refused(const gate_case *one) {
    dsmil_error_detail detail = last_error();
    hold(one->has_error == 1, "it was", "refused", detail.message);
    if (one->has_error == 1) {
        hold(one->error_kind != NULL && strcmp(one->error_kind, detail.kind) == 0, "the kind", "of the refusal", detail.kind);
        hold(one->error_line == ABSENT || one->error_line == (int64_t)detail.line, "the line", "of the refusal", detail.message);
        hold(one->error_key == NULL || (detail.key != NULL && strcmp(one->error_key, detail.key) == 0), "the key", "of the refusal",
             detail.message);
        hold(one->error_says == NULL || strstr(detail.message, one->error_says) != NULL, "the words", "of the refusal", detail.message);
    }
}

static const char *phase_name(dsmil_phase phase) {
    return phase == DSMIL_PHASE_FIRING ? "firing" : phase == DSMIL_PHASE_PENDING ? "pending" : "inactive";
}

static void compare(const expectation *expect, const dsmil_verdict *verdict) {
    char *words = NULL;
    NEED(dsmil_verdict_text(verdict, &words) == DSMIL_OK);
    dsmil_gate_verdict gate;
    dsmil_zone_verdict zone;
    dsmil_rule_verdict rule;
    hold(expect->verdict == NULL || strcmp(expect->verdict, dsmil_decision_name(dsmil_verdict_of(verdict))) == 0, "the", "verdict", words);
    hold(expect->go == ABSENT || (expect->go == 1) == dsmil_verdict_go(verdict), "go", "", words);
    for (size_t i = 0; i < expect->gate_count; i++) {
        const pair *one = &expect->gates[i];
        hold(dsmil_verdict_gate(verdict, one->key, &gate) == DSMIL_OK && strcmp(dsmil_decision_name(gate.decision), one->value) == 0,
             "gate", one->key, words);
    }
    for (size_t i = 0; i < expect->zone_count; i++) {
        const pair *one = &expect->zones[i];
        hold(dsmil_verdict_zone(verdict, one->key, &zone) == DSMIL_OK && strcmp(zone.band, one->value) == 0, "zone", one->key, words);
    }
    for (size_t i = 0; i < expect->rule_count; i++) {
        const pair *one = &expect->rules[i];
        hold(dsmil_verdict_rule(verdict, one->key, &rule) == DSMIL_OK && strcmp(phase_name(rule.phase), one->value) == 0, "rule",
             one->key, words);
    }
    hold(expect->reasons == ABSENT || (size_t)expect->reasons == dsmil_verdict_reason_count(verdict), "the", "reasons", words);
    if (expect->escalate != ABSENT) {
        hold(dsmil_verdict_gate_get(verdict, 0, &gate) == DSMIL_OK && gate.must_escalate == (expect->escalate == 1), "escalate", "", words);
    }
    hold(expect->says == NULL || strstr(words, expect->says) != NULL, "the", "words", words);
    dsmil_string_free(words);
}

/* What a step records. Of two values for one time the first stays. */
static void record(const dsmil_gate *gate, const step *one) {
    for (size_t i = 0; i < one->record_count; i++) {
        const recording *sample = &one->records[i];
        dsmil_status status =
            dsmil_gate_record(gate, sample->metric, sample->labels, sample->label_count, sample->at, sample->value);
        hold(status == DSMIL_OK || status == DSMIL_ERROR_CONFLICT, "it can't be", "recorded", dsmil_last_error_message());
    }
    for (size_t i = 0; i < one->unreadable_count; i++) {
        CHECK_OK(dsmil_gate_record_unreadable(gate, one->unreadable[i].key, one->unreadable[i].value));
    }
}

/* The state goes into a new gate of the same text; so does what was recorded. */
static dsmil_gate *restarted(dsmil_gate *gate, const gate_case *one, size_t steps) {
    char *state = NULL;
    dsmil_gate *anew = NULL;
    NEED(dsmil_gate_save(gate, &state) == DSMIL_OK);
    NEED(dsmil_gate_parse(one->gates, "gates.toml", &anew) == DSMIL_OK);
    CHECK_OK(dsmil_gate_restore(anew, state));
    for (size_t i = 0; i < steps; i++) {
        record(anew, &one->steps[i]);
    }
    dsmil_string_free(state);
    dsmil_gate_free(gate);
    return anew;
}

/* Whether all of the case holds; with `turned` one of its steps (or SIZE_MAX) is expected to end otherwise. */
static bool carry_out(const gate_case *one, size_t turned) {
    dsmil_gate *gate = NULL;
    dsmil_verdict *verdict = NULL;
    is_right = one->problem == NULL;
    if (one->problem != NULL) {
        fprintf(stderr, "%s: %s: %s\n", one->file, one->name, one->problem);
        return false;
    }
    if (dsmil_gate_parse(one->gates, "gates.toml", &gate) != DSMIL_OK) {
        refused(one);
        return is_right;
    }
    if (one->check != NULL) {
        if (dsmil_gate_check_json(gate, one->check, one->at, &verdict) != DSMIL_OK) {
            refused(one);
        } else {
            hold(one->has_expect == 1 && one->has_error != 1, "it was not", "refused", "");
            compare(&one->expect, verdict);
            dsmil_verdict_free(verdict);
        }
    } else {
        hold(one->has_error != 1, "it was not", "refused", "");
    }
    for (size_t i = 0; i < one->step_count; i++) {
        const step *now = &one->steps[i];
        if (now->restart == 1) {
            gate = restarted(gate, one, i);
        }
        record(gate, now);
        NEED(dsmil_gate_evaluate(gate, now->at, &verdict) == DSMIL_OK);
        expectation expect = now->expect;
        if (i == turned) {
            expect.go = dsmil_verdict_go(verdict) ? 0 : 1;
        }
        compare(&expect, verdict);
        dsmil_verdict_free(verdict);
    }
    dsmil_gate_free(gate);
    return is_right;
}

/* How many expectations of the case were turned round; each must be noticed. */
static size_t turn_round(const gate_case *one) {
    gate_case other = *one;
    size_t turned = 0;
    if (one->has_expect == 1 && one->expect.verdict != NULL) {
        other.expect.verdict = strcmp(one->expect.verdict, "go") == 0 ? "no-go" : "go";
        CHECK(!carry_out(&other, SIZE_MAX));
        turned++;
    }
    if (one->has_error == 1) {
        other.has_error = 0;
        CHECK(!carry_out(&other, SIZE_MAX));
        turned++;
    }
    for (size_t i = 0; i < one->step_count; i++) {
        CHECK(!carry_out(one, i));
        turned++;
    }
    return turned;
}

int main(void) {
    size_t cases = sizeof CASES / sizeof CASES[0], turned = 0;
    forget_environment();
    for (size_t i = 0; i < cases; i++) {
        running = &CASES[i];
        is_turned = false;
        CHECK(carry_out(&CASES[i], SIZE_MAX));
        is_turned = true;
        turned += turn_round(&CASES[i]);
    }
    CHECK(cases >= 70 && turned >= 90);
    printf("conformance_gates: %zu cases, %zu turned round\n", cases, turned);
    return check_report("conformance_gates");
}
