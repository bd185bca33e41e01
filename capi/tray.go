package main

/*
#include "tray.h"
#include "shim.h"

#cgo noescape shim_tray_lay
#cgo nocallback shim_tray_lay
#cgo noescape shim_tray_taken
#cgo nocallback shim_tray_taken
#cgo noescape shim_tray_clear
#cgo nocallback shim_tray_clear
*/
import "C"

import (
	"github.com/hermes-zmq/hermes/capi/internal/handle"
	"github.com/hermes-zmq/hermes/core"
)

// onTray tells C to look at the tray, and to call again if it finds nothing there.
const onTray = C.int32_t(C.SHIM_ON_TRAY)

// tray is where envelopes of a receiver lie ready on the C side (tray.c).
type tray struct{ shared *C.struct_shim_tray }

// setTray gives a new receiver a tray, if there is one to be had.
func setTray(h handle.Handle, r *core.Receiver) {
	if !shortcuts {
		return
	}
	if shared := C.shim_tray_new(C.uint64_t(h)); shared != nil {
		r.SetTray(&tray{shared})
	}
}

// Lay implements core.Tray.
func (t *tray) Lay(d *core.Delivery) bool {
	batch, _ := pack(d)
	if batch == nil {
		return false
	}
	C.shim_tray_lay(t.shared, (*C.hermes_batch)(batch))
	return true
}

// Taken implements core.Tray.
func (t *tray) Taken() int { return int(C.shim_tray_taken(t.shared)) }

// Clear implements core.Tray.
func (t *tray) Clear() int { return int(C.shim_tray_clear(t.shared)) }

// Drop implements core.Tray.
func (t *tray) Drop() { C.shim_tray_drop(t.shared) }
