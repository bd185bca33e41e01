/* SPDX-License-Identifier: MIT */
#ifndef HERMES_TRAY_H
#define HERMES_TRAY_H

#include "hermes.h"

/* tray.c: where envelopes lie ready for hermes_recv(). */
struct shim_tray;

/* A tray for the receiver of that handle, or NULL: it can do without. */
struct shim_tray *shim_tray_new(uint64_t handle);

/* Lays a batch, which is the tray's from now on, on the empty tray. */
void shim_tray_lay(struct shim_tray *tray, hermes_batch *batch);

/* How many of the batch have been taken; the second empties the tray as well. */
uint64_t shim_tray_taken(struct shim_tray *tray);
uint64_t shim_tray_clear(struct shim_tray *tray);

/* Empties the tray and gives it back. */
void shim_tray_drop(struct shim_tray *tray);

/* Takes an envelope from the tray of that handle, for a function: HERMES_OK, _ENOMEM, or
 * SHIM_NO_TRAY where nothing lies there. */
int shim_tray_take(uint64_t handle, const char *function, hermes_envelope **envelope);

#endif /* HERMES_TRAY_H */
