/* SPDX-License-Identifier: MIT
 *
 * Descriptors that a forked child closes; see inherited.c.
 */
#ifndef HERMES_INHERITED_H
#define HERMES_INHERITED_H

/* Notes that the library has opened a descriptor, or is about to close it. */
void shim_fd_own(int fd);
void shim_fd_disown(int fd);

/* Lets the Go side note its descriptors in the same place. */
void shim_fd_share(void);

/* In a child, right after fork(): closes what the library has opened in the parent. */
void shim_fd_close_inherited(void);

#endif
