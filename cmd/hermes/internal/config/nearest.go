package config

import "strconv"

// suggestion is what an error about an unknown name ends with; "" where no name is near.
func suggestion(name string, names []string) string {
	like := nearest(name, names)
	if like == "" {
		return ""
	}
	return "; did you mean " + strconv.Quote(like) + "?"
}

// nearest is the name with the fewest edits to another, if they are few: a third of its length, at least 2.
func nearest(name string, names []string) (best string) {
	fewest := max(2, len(name)/3) + 1
	for _, other := range names {
		if n := edits(name, other, fewest); n < fewest {
			fewest, best = n, other
		}
	}
	return best
}

// edits is how many letters have to be added, removed, replaced or swapped with their neighbour to make b of a
// (optimal string alignment); at most most.
func edits(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], most)
}
