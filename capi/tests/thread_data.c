/* SPDX-License-Identifier: MIT
 *
 * One of the many libraries of late_load.c: it has thread-local data, as most have.
 */
_Thread_local char data[64];

char *thread_data(void);
char *thread_data(void) {
    return data;
}
