/* SPDX-License-Identifier: MIT
 *
 * Descriptors that a forked child closes; see inherit.c.
 */
#ifndef HERMES_INHERIT_H
#define HERMES_INHERIT_H

/* Notes that the library is about to close a descriptor. Any thread. */
void inherit_disown(int fd);

/* Lets Go note its descriptors in the same tables. Waits until Go has started. */
void inherit_share(void);

/* In a child, right after fork(): closes what the library has opened in the parent. */
void inherit_close(void);

#endif /* HERMES_INHERIT_H */
