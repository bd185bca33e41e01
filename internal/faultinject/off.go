//go:build !hermestest

// Package faultinject lets a test make a chosen place of the library panic, to show that the
// panic is contained. Places are named by the calls of At; a test arms one with Arm. Only
// builds with the tag "hermestest" have Arm, and an At that does anything.
package faultinject

// At marks a place. Without the tag "hermestest" it does nothing and costs nothing.
func At(place string) {}
