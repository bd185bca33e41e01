// Package backbone joins post offices ("sites") by NATS, so that a publisher at one reaches the
// receivers at all. Publishers and receivers notice nothing.
//
//	relay of the post office -> queue -> sender goroutine -> NATS
//	relay of the post office <- receiver goroutine        <- NATS
//
// What comes from NATS goes to local receivers alone and never back to NATS, and what other sites
// subscribe to is never passed on to NATS, so messages do not circulate. The order of the messages
// of each publisher is kept. A queue that is full, or a NATS server that is away, holds back no
// publisher: messages are dropped for the backbone alone, and counted.
package backbone
