/* SPDX-License-Identifier: MIT
 *
 * Prints what the system that it runs in has, for .ci/arm64/test: qemu does not pass on
 * everything that Linux has, and runs a thread of its own.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

static int has_tcp_info(void) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    /* qemu takes it for an option that is an int. */
    return getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && size > sizeof(int);
}

static int threads(void) {
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks != NULL && readdir(tasks) != NULL) count++;
    return count - 2; /* "." and ".." */
}

int main(void) {
    printf("tcp_info=%s threads=%d\n", has_tcp_info() ? "yes" : "no", threads());
    return 0;
}
