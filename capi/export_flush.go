package main

// #include "exports.h"
import "C"

import (
	"sync"
	"time"

	"github.com/hermes-zmq/hermes/core"
	"github.com/hermes-zmq/hermes/internal/handle"
)

// flushTime is how long exit() may be held up by what is still queued.
const flushTime = time.Second

// hermesgo_flush is called when the program exits. A program that has not stopped its
// publishers loses nothing that can be sent in flushTime. Post offices of the same program are
// stopped second, for they forward what the publishers send last.
//
//export hermesgo_flush
func hermesgo_flush() {
	deadline := time.Now().Add(flushTime)
	stopAll(handle.Publisher, deadline)
	stopAll(handle.PostOffice, deadline)
}

// stopAll stops all objects of a kind at the same time, and waits for them until the
// deadline, and no longer: the exit must not hang.
func stopAll(k handle.Kind, deadline time.Time) {
	var all sync.WaitGroup
	for _, component := range registry.Objects(k) {
		all.Go(func() { stopQuietly(component, deadline) })
	}
	stopped := make(chan struct{})
	go func() { all.Wait(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(time.Until(deadline)):
	}
}

// stopQuietly stops one object. If that goes wrong, there is no caller to tell.
func stopQuietly(component core.Component, deadline time.Time) {
	defer func() { _ = recover() }()
	_ = component.Stop(max(0, time.Until(deadline)))
}
