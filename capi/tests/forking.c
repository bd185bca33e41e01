/* SPDX-License-Identifier: MIT
 *
 * A child forked after the first use: every function gives HERMES_EFORKED at once,
 * the child ends as any process does, and the parent does not notice.
 */
#include "support.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKED(call) FAILS(HERMES_EFORKED, "fork", call)

static struct cluster c;
static hermes_envelope *received;

static void every_function_refuses(void) {
    uint64_t h = 1;
    char buf[64] = "x", *text = buf;
    size_t len = 1, count = 1;
    hermes_envelope *envelope = received;
    hermes_batch *batch = (hermes_batch *)received;
    FORKED(hermes_publisher_new("tcp://127.0.0.1:9", "p", &h));
    FORKED(hermes_receiver_new("tcp://127.0.0.1:9", "r", &h));
    FORKED(hermes_postoffice_new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", NULL, &h));
    FORKED(hermes_node_new("n", c.receiver, c.publisher, &h));
    CHECK(h == 0);
    FORKED(hermes_set(c.receiver, "linger", "1s"));
    FORKED(hermes_get(c.receiver, "name", buf, sizeof buf));
    CHECK(buf[0] == '\0');
    FORKED(hermes_start(c.receiver));
    FORKED(hermes_stop(c.receiver, HERMES_FOREVER));
    FORKED(hermes_close(c.receiver));
    FORKED(hermes_wait(c.receiver, HERMES_FOREVER));
    FORKED(hermes_wait_ready(c.receiver, HERMES_FOREVER));
    FORKED(hermes_stats(c.receiver, &text, &len));
    CHECK(text == NULL && len == 0);
    FORKED(hermes_next_event(c.receiver, HERMES_FOREVER, &text, &len));
    FORKED(hermes_fd(c.receiver));
    FORKED(publish(c.publisher, "t", "1"));
    FORKED(hermes_publish_batch(c.publisher, "[]", 2, &count));
    FORKED(hermes_publish_try(c.publisher, "[\"t\",null,1]"));
    count = 1;
    FORKED(hermes_publish_marshal(c.publisher, "[", 1, &count));
    CHECK(count == 0);
    FORKED(hermes_receiver_subscribe(c.receiver, "t", 1));
    FORKED(hermes_receiver_unsubscribe(c.receiver, "t", 1));
    FORKED(hermes_receiver_accept(c.receiver, "o", 1));
    FORKED(hermes_recv(c.receiver, HERMES_FOREVER, &envelope));
    CHECK(envelope == NULL);
    FORKED(hermes_recv_batch(c.receiver, 1, HERMES_FOREVER, &batch));
    CHECK(batch == NULL);
    FORKED(hermes_recv_json(c.receiver, 1, HERMES_FOREVER, &text, &len, &count));
    FORKED(hermes_recv_marshal(c.receiver, 1, HERMES_FOREVER, &text, &len));
    FORKED(hermes_node_publish(c.publisher, "c", 1, "1", 1));
    FORKED(hermes_node_recv(c.receiver, HERMES_FOREVER, &envelope));
    FORKED(hermes_node_run(c.receiver));
    CHECK(strstr(last_error(), "hermes_node_run") != NULL);
}

/* What needs no object still works: the child may say what went wrong. */
static void plain_functions_work(void) {
    CHECK(strcmp(hermes_version_string(), HERMES_VERSION_STRING) == 0);
    CHECK(hermes_abi_version() == HERMES_ABI_VERSION);
    CHECK(strstr(hermes_strerror(HERMES_EFORKED), "fork") != NULL);
    CHECK(strcmp(hermes_envelope_data(received, NULL), "\"before\"") == 0);
    hermes_envelope_free(received);
    hermes_batch_free(NULL);
    hermes_free(NULL);
}

static void expect_good_end(pid_t child) {
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void in_child(void) {
    alarm(PATIENCE_MS / 1000);
    every_function_refuses();
    pid_t grandchild = fork();
    if (grandchild == 0) {
        every_function_refuses();
        exit(0);
    }
    expect_good_end(grandchild);
    plain_functions_work();
    exit(0); /* with the library's exit handler, which must do nothing here */
}

static void parent_still_works(const char *data) {
    hermes_envelope *envelope;
    OK(publish(c.publisher, "t", data));
    OK(hermes_recv(c.receiver, PATIENCE_MS, &envelope));
    CHECK(strcmp(hermes_envelope_data(envelope, NULL), data) == 0);
    hermes_envelope_free(envelope);
}

int main(void) {
    start_cluster(&c);
    OK(publish(c.publisher, "t", "\"before\""));
    OK(hermes_recv(c.receiver, PATIENCE_MS, &received));
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) in_child();
        parent_still_works("\"meanwhile\"");
        expect_good_end(child);
        parent_still_works("\"after\"");
    }
    hermes_envelope_free(received);
    close_cluster(&c);
    return 0;
}
