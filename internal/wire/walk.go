package wire

// SkipString gives the index behind the JSON string whose opening quotation mark is
// text[i]; it is negative where there is none.
func SkipString(text []byte, i int) int { return skipString(text, i) }
