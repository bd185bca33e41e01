package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
)

// memory makes count hostile handshakes at a post office whose limit of their rate is lifted, and
// prints what memory it holds after each tenth of them.
func memory(kind string, count int64) {
	o := newOffice(kind, "--set", "limit.handshakes.rate=1000000")
	defer o.stop()
	self, err := os.Executable()
	must(err)
	attacker := exec.Command("nice", "-n", "10", self, "attack", kind, o.target(), o.key, fmt.Sprint(count))
	attacker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := attacker.StdoutPipe()
	must(err)
	must(attacker.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Printf("%s handshakes: %s\n", lines.Text(), o.resident())
	}
	must(attacker.Wait())
}

// resident is what memory the post office holds.
func (o *office) resident() string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.cmd.Process.Pid))
	must(err)
	for line := range strings.Lines(string(text)) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(size)
		}
	}
	return "gone"
}

// attackTimes makes count handshakes, and prints how many it has made at each tenth of them.
func attackTimes(kind, address, key string, count int64) {
	var made atomic.Int64
	var tenths = make(chan int64)
	attackWith(kind, address, key, func() bool {
		n := made.Add(1)
		if n%(count/10) == 0 && n <= count {
			tenths <- n
		}
		return n < count
	})
	for n := range tenths {
		fmt.Println(n)
		if n == count {
			return
		}
	}
}
