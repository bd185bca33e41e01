// On macOS TCP_CONNECTION_INFO has the round trip, in milliseconds.

package probe

import (
	"time"

	"golang.org/x/sys/unix"
)

// roundTrip is what TCP knows of the round trip.
func roundTrip(fd int) (took time.Duration, known bool) {
	info, err := unix.GetsockoptTCPConnectionInfo(fd, unix.IPPROTO_TCP, unix.TCP_CONNECTION_INFO)
	if err != nil {
		return 0, false
	}
	return time.Duration(info.Srtt) * time.Millisecond, true
}
