/* SPDX-License-Identifier: MIT
 *
 * Takes the steps of the conformance scenarios with the C interface.
 *
 * Usage: adapter SCENARIOS.json [NAME]
 *        adapter --cluster IN OUT NAME COUNT PEERS
 */
#include "adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_scenario(json_t *document, json_t *scenario) {
    static struct run run;
    memset(&run, 0, sizeof run);
    char why[1024] = "";
    json_t *need;
    size_t n;
    json_array_foreach(json_object_get(scenario, "needs"), n, need) {
        if (strcmp(json_string_value(need), "nul")) continue; /* the only one that C lacks */
        return report(json_pack("{s:s, s:s, s:b, s:s, s:s}", "runtime", "c", "scenario",
                                text_of(scenario, "name"), "ok", 1, "why", "", "lacks", "nul"));
    }
    const char *begin = text_of(scenario, "begin");
    json_t *beginning =
        begin ? json_object_get(json_object_get(document, "beginnings"), begin) : NULL;
    int code = take(&run, beginning, 0, why);
    if (!code) code = take(&run, json_object_get(scenario, "steps"), 0, why);
    while (run.count > 0) hermes_close(run.objects[--run.count].handle);
    for (int i = 0; i < run.spawned; i++)
        if (!run.threads[i].over) pthread_join(run.threads[i].id, NULL);
    json_t *line = json_pack("{s:s, s:s, s:b}", "runtime", "c", "scenario",
                             text_of(scenario, "name"), "ok", code == HERMES_OK);
    json_object_set_new(line, "why", code ? json_sprintf("%s (%d)", why, code) : json_string(""));
    return report(line);
}

static int run_scenarios(const char *path, const char *only) {
    json_error_t error;
    json_t *document = json_load_file(path, FLAGS, &error), *scenario;
    size_t i;
    int well = 1;
    if (!document) {
        fprintf(stderr, "%s: %s\n", path, error.text);
        return 0;
    }
    json_array_foreach(json_object_get(document, "scenarios"), i, scenario) {
        if (!only || !strcmp(only, text_of(scenario, "name")))
            well = run_scenario(document, scenario) && well;
    }
    json_decref(document);
    return well;
}

int main(int argc, char **argv) {
    int well = 0;
    if (argc == 7 && !strcmp(argv[1], "--cluster"))
        well = join_cluster(argv + 2);
    else if (argc == 2 || argc == 3)
        well = run_scenarios(argv[1], argv[2]);
    else
        fprintf(stderr, "usage: adapter SCENARIOS.json [NAME]\n");
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
