package core

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hermes-zmq/hermes/internal/clock"
)

// TestTopicsOriginsAndTimesMayBeAnyJSON: 1.x writes whatever JSON has a form for.
func TestTopicsOriginsAndTimesMayBeAnyJSON(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		all := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		now := fmt.Sprintf("%.3f", clock.Seconds(time.Now()))
		rows := `[null, null, 1, null], [5, ["o"], 2, "` + now + `"], [["a", 1], 7, 3, ` + now + `], ["t", {"k": 1}, 4], ["t", "o", 5, null]`
		n, err := p.PublishBatch([]byte("[" + rows + "]"))
		require.NoError(t, err)
		require.Equal(t, 5, n)
		require.NoError(t, p.TryPublish([]byte(`[{"k": [1]}, true, 6, `+now+`]`)))
		got := collect(t, all, 6)
		var topics []string
		for _, e := range got {
			require.InDelta(t, clock.Seconds(time.Now()), e.TS, soon.Seconds())
			topics = append(topics, e.Topic+" "+e.Origin+" "+string(e.Data))
		}
		require.Equal(t, []string{`null null 1`, `5 ["o"] 2`, `["a", 1] 7 3`, `t {"k": 1} 4`, `t o 5`, `{"k": [1]} true 6`}, topics)
		require.Zero(t, all.Stats().DroppedMalformed)
	})
}

func TestTopicsThatAreNoStringsAreFollowedByTheirText(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		for _, topic := range []string{"5", `["a"`, "null"} {
			require.NoError(t, r.Subscribe(topic))
		}
		require.NoError(t, r.Subscribe("gone"))
		require.NoError(t, r.Unsubscribe("gone"))
		require.NoError(t, r.Subscribe("7"))
		require.NoError(t, r.Unsubscribe("7"))
		code(t, EINVAL, r.Unsubscribe("7"), "7")
		require.NoError(t, r.Accept(`["o"]`))
		require.NoError(t, r.Accept("o"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		rows := `[5,["o"],1,null], ["57","o",2], [57,"o",3], [6,"o",4], [["a",1],"o",5], [["b"],"o",6], [null,"o",7], ["null","o",8], [7,"o",9], [5,["x"],10]`
		seen := map[string]bool{}
		require.Eventually(t, func() bool { // until all subscriptions have arrived
			_, err := p.PublishBatch([]byte(`[["null/","o",0],["5/","o",0],["[\"a\"","o",0],[null,"o",0],[5,"o",0],[["a"],"o",0]]`))
			require.NoError(t, err)
			for e, err := r.Recv(0); err == nil; e, err = r.Recv(0) {
				seen[e.Topic] = true
			}
			return len(seen) == 6
		}, soon, time.Millisecond)
		_, err := p.PublishBatch([]byte("[" + rows + "]"))
		require.NoError(t, err)
		var data []string
		for len(data) < 6 {
			if e := collect(t, r, 1)[0]; string(e.Data) != "0" {
				data = append(data, string(e.Data))
			}
		}
		require.Equal(t, []string{"1", "2", "3", "5", "7", "8"}, data)
		require.Eventually(t, func() bool { return r.Stats().DroppedOrigin == 1 }, soon, time.Millisecond)
	})
}

func TestATimeThatSaysNothingIsThatOfArrival(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		r, err := NewReceiver("@tcp://127.0.0.1:*", "calm")
		require.NoError(t, err)
		set(t, r, "engine", engine)
		require.NoError(t, r.Start())
		defer func() { _ = r.Close() }()
		send := rawPublisher(t, get(t, r, "endpoint"))
		times := []string{`null`, `0`, `""`, `[]`, `NaN`, `Infinity`, fmt.Sprintf(`"%f"`, clock.Seconds(time.Now()))}
		for _, ts := range times {
			send(`"t"`, `"o"`, `1`, ts)
		}
		for i, e := range collect(t, r, len(times)) {
			require.InDelta(t, e.Received, e.TS, soon.Seconds(), times[i])
		}
	})
}

func TestDataAThousandDeepTravels(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p := newPublisher(t, engine, get(t, po, "endpoint.in"))
		deep := strings.Repeat(`[{"a":`, 500) + "1" + strings.Repeat("}]", 500)
		require.NoError(t, p.Publish("t", "", []byte(deep)))
		require.NoError(t, p.TryPublish([]byte(`["t", null, `+deep+`]`)))
		_, err := p.PublishBatch([]byte(`[["t", null, ` + deep + `]]`))
		require.NoError(t, err)
		for _, e := range collect(t, r, 3) {
			require.Equal(t, deep, string(e.Data))
		}
	})
}

// TestATimeThatNoReceiverTakesIsRefused: the receivers would drop the envelope as
// malformed, long after the publisher could have been told.
func TestATimeThatNoReceiverTakesIsRefused(t *testing.T) {
	p, err := NewPublisher("@tcp://127.0.0.1:*", "calm")
	require.NoError(t, err)
	require.NoError(t, p.Start())
	defer func() { _ = p.Close() }()
	for _, ts := range []string{`"now"`, `"x1"`, `"1 2"`, `" "`, `"0x10"`, `"1__0"`, `[1]`, `{"k": 1}`, `[[]]`} {
		row := `["t", "o", 1, ` + ts + `]`
		code(t, EINVAL, p.TryPublish([]byte(row)), "its time")
		n, err := p.PublishBatch([]byte(`[["t", "o", 1], ` + row + `]`))
		require.Zero(t, n, ts)
		code(t, EINVAL, err, "element 1", "its time")
	}
	require.Zero(t, p.Stats().Accepted)
	good := []string{`1`, `-5`, `1e999`, `NaN`, `""`, `"1517670000.5"`, `" 1_0 "`, `"nan"`, `null`, `true`, `false`, `[]`, `{}`, `0`}
	for _, ts := range good {
		require.NoError(t, p.TryPublish([]byte(`["t", "o", 1, `+ts+`]`)), ts)
	}
	require.EqualValues(t, len(good), p.Stats().Accepted)
}

// TestAnyTimeGoesOutWhereItIsWanted: programs for 1.x may send what they like.
func TestAnyTimeGoesOutWhereItIsWanted(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine string) {
		po := newOffice(t, engine)
		r := newReceiver(t, engine, get(t, po, "endpoint.out"))
		p, err := NewPublisher(get(t, po, "endpoint.in"), "old")
		require.NoError(t, err)
		set(t, p, "engine", engine)
		set(t, p, "times", "any")
		require.NoError(t, p.Start())
		defer func() { _ = p.Close() }()
		require.NoError(t, p.TryPublish([]byte(`["t", "o", 1, "now"]`)))
		_, err = p.PublishBatch([]byte(`[["t", "o", 2, {"k": 1}], ["t", "o", 3]]`))
		require.NoError(t, err)
		require.Equal(t, "3", string(collect(t, r, 1)[0].Data))
		require.EqualValues(t, 2, r.Stats().DroppedMalformed)
	})
}
