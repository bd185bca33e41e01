package backlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// The file "position" tells how far messages are acknowledged. It has two slots, which are
// written in turn; the valid one with the higher count holds. Numbers are little-endian:
//
//	offset  size  meaning
//	0       8     "HERMESP1"
//	8       8     count: how many positions were written before
//	16      8     index of the first message that is not acknowledged
//	24      4     0
//	28      4     CRC-32C of bytes 0 to 27
//	32      32    the second slot
const (
	positionName  = "position"
	positionMagic = "HERMESP1"
	slotSize      = 32
)

// position is the open file. Queue.mu guards it.
type position struct {
	file  *os.File
	count uint64
}

// open opens the file, and gives the index in it: 0 where there is none, or it is damaged.
func (p *position) open(dir string) (index uint64, err error) {
	p.file, err = os.OpenFile(filepath.Join(dir, positionName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, fmt.Errorf("cannot open its position: %w", err)
	}
	buf := make([]byte, 2*slotSize)
	n, err := p.file.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("cannot read its position: %w", err)
	}
	if n < len(buf) { // has the disk keep room for both, or a disk that is full later could never become free
		_, _ = p.file.WriteAt(buf[n:], int64(n))
	}
	for at := 0; at+slotSize <= n; at += slotSize {
		slot := buf[at : at+slotSize]
		count := binary.LittleEndian.Uint64(slot[8:])
		if string(slot[:8]) == positionMagic && count >= p.count &&
			crc32.Checksum(slot[:28], castagnoli) == binary.LittleEndian.Uint32(slot[28:]) {
			p.count, index = count+1, binary.LittleEndian.Uint64(slot[16:])
		}
	}
	return index, nil
}

func (p *position) write(index uint64) error {
	slot := append(make([]byte, 0, slotSize), positionMagic...)
	slot = binary.LittleEndian.AppendUint64(slot, p.count)
	slot = binary.LittleEndian.AppendUint64(slot, index)
	slot = append(slot, 0, 0, 0, 0)
	slot = binary.LittleEndian.AppendUint32(slot, crc32.Checksum(slot, castagnoli))
	_, err := p.file.WriteAt(slot, int64(p.count%2)*slotSize)
	if err == nil {
		p.count++
	}
	return err
}

func (p *position) close() {
	if p.file != nil {
		_ = p.file.Close()
	}
}
