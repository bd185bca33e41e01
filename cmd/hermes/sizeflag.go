package main

import "fmt"

// sizeFlag is a flag whose value is a number of bytes, such as 512M; 0 is allowed.
type sizeFlag int64

func (s *sizeFlag) String() string {
	n, unit := int64(*s), ""
	for _, u := range []string{"K", "M", "G", "T"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, u
	}
	return fmt.Sprint(n) + unit
}

// Type implements pflag.Value.
func (s *sizeFlag) Type() string { return "size" }

func (s *sizeFlag) Set(text string) error {
	if text == "0" {
		*s = 0
		return nil
	}
	n, err := size(text)
	if err != nil {
		return fmt.Errorf("%q is no size; write it as 512M or 1G", text)
	}
	*s = sizeFlag(n)
	return nil
}
