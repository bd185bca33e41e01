package main

// #include "exports.h"
import "C"

import (
	"github.com/hermes-zmq/hermes/internal/handle"
)

//export hermesgo_publish
func hermesgo_publish(h C.uint64_t, topic *C.hermes_text, topicLen C.size_t, origin *C.hermes_text, originLen C.size_t,
	data *C.hermes_text, dataLen C.size_t) (code C.int32_t) {
	c := call{name: "hermes_publish"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Publisher); code != ok {
		return code
	}
	return c.done(c.publisher().PublishBytes(view(topic, topicLen), view(origin, originLen), view(data, dataLen)))
}

//export hermesgo_publish_batch
func hermesgo_publish_batch(h C.uint64_t, json *C.hermes_text, length C.size_t, count *C.size_t) (code C.int32_t) {
	c := call{name: "hermes_publish_batch"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Publisher); code != ok {
		return code
	}
	n, err := c.publisher().PublishBatch(view(json, length))
	if count != nil {
		*count = C.size_t(n)
	}
	return c.done(err)
}

//export hermesgo_publish_try
func hermesgo_publish_try(h C.uint64_t, json *C.hermes_text, length C.size_t) (code C.int32_t) {
	c := call{name: "hermes_publish_try"}
	defer c.leave(&code)
	if code = c.enter(h, handle.Publisher); code != ok {
		return code
	}
	return c.done(c.publisher().TryPublish(view(json, length)))
}
