package handle

// Kind says what a handle names. It is in the upper bits of the handle.
type Kind uint8

// The kinds of object. Zero is none of them, so that small numbers are not handles.
const (
	Publisher Kind = iota + 1
	Receiver
	PostOffice
	Node

	kinds = int(Node) + 1
)

func (k Kind) String() string {
	switch k {
	case Publisher:
		return "publisher"
	case Receiver:
		return "receiver"
	case PostOffice:
		return "post office"
	case Node:
		return "node"
	}
	return "unknown object"
}
