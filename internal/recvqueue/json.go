package recvqueue

import "strconv"

// JSONSize is the number of bytes that AppendJSON appends.
func (t *Taken) JSONSize(lost bool) int {
	const around = len(`[,,,],`)
	n := len(`[]`) + int(t.size) + t.n*around
	for i := 0; lost && i < t.n; i++ {
		if r, _ := t.Record(i); r.Lost > 0 {
			n += len(`,`) + len(strconv.FormatUint(uint64(r.Lost), 10))
		}
	}
	if t.n > 0 {
		n-- // no comma behind the last
	}
	return n
}

// AppendJSON appends all envelopes as one JSON array of [topic, origin, data, ts], each text
// as it was on the wire. Where lost is set, an envelope that others are missing before has
// the number of these as a fifth element.
func (t *Taken) AppendJSON(dst []byte, lost bool) []byte {
	dst = append(dst, '[')
	for i := range t.n {
		if i > 0 {
			dst = append(dst, ',')
		}
		r, buf := t.Record(i)
		dst = r.appendTexts(append(dst, '['), buf)
		if lost && r.Lost > 0 {
			dst = strconv.AppendUint(append(dst, ','), uint64(r.Lost), 10)
		}
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

// appendTexts appends the four texts as they were on the wire, with commas in between.
func (r *Record) appendTexts(dst, buf []byte) []byte {
	dst = append(dst, r.Topic.Of(buf)...)
	dst = append(append(dst, ','), r.Origin.Of(buf)...)
	dst = append(append(dst, ','), r.Data.Of(buf)...)
	return append(append(dst, ','), r.Number.Of(buf)...)
}

// AppendRow appends envelope i as AppendJSON does, without what is lost.
func (t *Taken) AppendRow(dst []byte, i int) []byte {
	r, buf := t.Record(i)
	return append(r.appendTexts(append(dst, '['), buf), ']')
}
