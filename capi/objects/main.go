// Command objects changes object files before they are linked, where the linker cannot be told to
// (../cross.sh): binutils, which do that for Linux, do not know all formats.
//
//	objects hide NAMES FILE...       Mach-O: hides all symbols that are not in the file NAMES
//	objects set-aside FROM TO FILE   COFF: gives a section another name, no longer than the old one
package main

import (
	"bytes"
	"debug/macho"
	"debug/pe"
	"errors"
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "objects:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) >= 2 && arguments[0] == "hide":
		list, err := os.ReadFile(arguments[1])
		if err != nil {
			return err
		}
		for _, file := range arguments[2:] {
			if err := edit(file, func(b []byte) error { return hide(b, strings.Fields(string(list))) }); err != nil {
				return err
			}
		}
		return nil
	case len(arguments) == 4 && arguments[0] == "set-aside":
		return edit(arguments[3], func(b []byte) error { return setAside(b, arguments[1], arguments[2]) })
	}
	return errors.New("usage: objects hide NAMES FILE..., or objects set-aside FROM TO FILE")
}

// edit changes a file in place.
func edit(file string, change func([]byte) error) error {
	object, err := os.ReadFile(file)
	if err == nil {
		err = change(object)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, object, 0o644)
}

// hide makes the defined external symbols of a Mach-O file private to what it is linked to, but
// those with the given names, which C gives an underline.
func hide(object []byte, names []string) error {
	const (
		offsetAt          = 8     // of symoff in struct symtab_command
		entrySize, typeAt = 16, 4 // of struct nlist_64

		external, defined, ours = 0x01, 0x0e, 0x10 // N_EXT, N_TYPE (0: undefined), N_PEXT
	)
	file, err := macho.NewFile(bytes.NewReader(object))
	if err != nil {
		return err
	}
	keep := make(map[string]bool)
	for _, name := range names {
		keep["_"+name] = true
	}
	if file.Symtab == nil {
		return nil
	}
	symbols := int(file.ByteOrder.Uint32(file.Symtab.Raw()[offsetAt:]))
	for i, symbol := range file.Symtab.Syms {
		if symbol.Type&external != 0 && symbol.Type&defined != 0 && !keep[symbol.Name] {
			object[symbols+i*entrySize+typeAt] |= ours
		}
	}
	return nil
}

// setAside renames the one section of a COFF file that has a name.
func setAside(object []byte, from, to string) error {
	const headerSize, sectionSize, nameSize = 20, 40, 8 // of the file, of one section, of its name
	file, err := pe.NewFile(bytes.NewReader(object))
	if err != nil {
		return err
	}
	if len(to) > nameSize {
		return fmt.Errorf("the name %s has more than %d bytes", to, nameSize)
	}
	found := 0
	for i, section := range file.Sections {
		if section.Name == from {
			at := headerSize + int(file.SizeOfOptionalHeader) + i*sectionSize
			copy(object[at:at+nameSize], append([]byte(to), make([]byte, nameSize)...))
			found++
		}
	}
	if found != 1 {
		return fmt.Errorf("%d sections %s, not one: this version of Go starts its runtime in a way that is not known here", found, from)
	}
	return nil
}
