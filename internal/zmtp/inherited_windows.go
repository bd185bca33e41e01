// On Windows no program is started with sockets that listen already.

package zmtp

import (
	"fmt"

	"github.com/hermes-zmq/hermes/internal/carrier"
)

// listenGiven refuses.
func listenGiven(a endpoint) (*listener, error) {
	return nil, fmt.Errorf("%w: %s: there is no socket activation on Windows", carrier.ErrUnsupported, a.Text)
}
