// On Linux TCP_INFO has the round trip, in microseconds.

package probe

import (
	"time"

	"golang.org/x/sys/unix"
)

// roundTrip is what TCP knows of the round trip.
func roundTrip(fd int) (took time.Duration, known bool) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, false
	}
	return time.Duration(info.Rtt) * time.Microsecond, true
}
