package fds

// SpareDescriptors is how many file descriptors must be free for a socket to be
// opened.
const SpareDescriptors = 16
