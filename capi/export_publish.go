package main

// #include "exports.h"
import "C"

import (
	"cmp"

	"github.com/hermes-zmq/hermes/internal/embed"
	"github.com/hermes-zmq/hermes/internal/errs"
	"github.com/hermes-zmq/hermes/internal/handle"
)

//export hermesgo_publish
func hermesgo_publish(h C.uint64_t, topic *C.hermes_text, topicLen C.size_t, origin *C.hermes_text, originLen C.size_t,
	data *C.hermes_text, dataLen C.size_t) C.int32_t {
	wrong := cmp.Or(needText("topic", "topic_len", topic, topicLen), needText("origin", "origin_len", origin, originLen),
		needText("data", "data_len", data, dataLen))
	return on("hermes_publish", h, handle.Publisher, wrong, func(c call) error {
		return c.publisher().PublishBytes(view(topic, topicLen), view(origin, originLen), view(data, dataLen))
	})
}

//export hermesgo_publish_traced
func hermesgo_publish_traced(h C.uint64_t, topic *C.hermes_text, topicLen C.size_t, origin *C.hermes_text, originLen C.size_t,
	data *C.hermes_text, dataLen C.size_t, traceparent *C.hermes_text) C.int32_t {
	wrong := cmp.Or(needText("topic", "topic_len", topic, topicLen), needText("origin", "origin_len", origin, originLen),
		needText("data", "data_len", data, dataLen), need("traceparent", traceparent))
	return on("hermes_publish_traced", h, handle.Publisher, wrong, func(c call) error {
		return embed.PublisherOf(c.publisher()).PublishTraced(view(topic, topicLen), view(origin, originLen), view(data, dataLen), C.GoString(traceparent))
	})
}

//export hermesgo_publish_batch
func hermesgo_publish_batch(h C.uint64_t, json *C.hermes_text, length C.size_t, count *C.size_t) C.int32_t {
	wrong := cmp.Or(need("json", json), needText("json", "len", json, length))
	return on("hermes_publish_batch", h, handle.Publisher, wrong, func(c call) error {
		return counted(count, c.publisher().PublishBatch, view(json, length))
	})
}

//export hermesgo_publish_try
func hermesgo_publish_try(h C.uint64_t, json *C.hermes_text, length C.size_t) C.int32_t {
	return on("hermes_publish_try", h, handle.Publisher, need("json", json), func(c call) error {
		return c.publisher().TryPublish(view(json, length))
	})
}

//export hermesgo_publish_marshal
func hermesgo_publish_marshal(h C.uint64_t, values *C.hermes_text, length C.int32_t, count *C.size_t) C.int32_t {
	wrong := need("values", values)
	if wrong == nil && length < 0 {
		wrong = errs.Errorf(errs.EINVAL, "len is %d", length)
	}
	return on("hermes_publish_marshal", h, handle.Publisher, wrong, func(c call) error {
		return counted(count, embed.PublisherOf(c.publisher()).TryPublishMarshal, view(values, C.size_t(length)))
	})
}

// counted publishes many envelopes, and sets count, which may be nil, to how many were queued.
func counted(count *C.size_t, publish func([]byte) (int, error), envelopes []byte) error {
	n, err := publish(envelopes)
	if count != nil {
		*count = C.size_t(n)
	}
	return err
}

//export hermesgo_node_publish
func hermesgo_node_publish(h C.uint64_t, channel *C.hermes_text, channelLen C.size_t, data *C.hermes_text,
	dataLen C.size_t) C.int32_t {
	wrong := cmp.Or(needText("channel", "channel_len", channel, channelLen), needText("data", "data_len", data, dataLen))
	return on("hermes_node_publish", h, handle.Node, wrong, func(c call) error {
		text, err := sized("channel", channel, channelLen)
		if err != nil {
			return err
		}
		return c.node().Publish(text, view(data, dataLen))
	})
}
