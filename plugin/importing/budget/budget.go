// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package budget bounds the work of one import. A short file can ask for a lot: a text
// that is doubled sixty times, or a variable that a thousand commands repeat. Every part
// of an import pays from the same budget, and the import ends when the budget is spent.
package budget

import "fmt"

const (
	// MaxSteps is the maximum number of steps of one import. A step is an expression that
	// is evaluated, or an item, a variable or a note that is copied.
	MaxSteps = 2_000_000
	// MaxBytes is the maximum number of bytes of all texts, files and items of one import
	// together.
	MaxBytes = 64 << 20
	// PoolSteps is the number of steps that one pool costs: its object, its YAML and its
	// comments.
	PoolSteps = 400
)

// ExceededError says which bound an import has exceeded.
type ExceededError struct {
	// Unit is steps or bytes.
	Unit string
	// Most is the maximum.
	Most int
}

func (e *ExceededError) Error() string {
	return fmt.Sprintf("the import needs more than %d %s up to here, which no configuration needs; is it the right file? If it is, import a part of it", e.Most, e.Unit)
}

// Budget is what is left for an import. Once it is spent, it stays spent.
type Budget struct {
	steps, bytes int
	exceeded     *ExceededError
}

// New returns the budget of one import.
func New() *Budget { return &Budget{steps: MaxSteps, bytes: MaxBytes} }

// Steps pays for steps, before they are done. The error is an *ExceededError.
func (b *Budget) Steps(n int) error {
	if b.steps -= min(n, MaxSteps+1); b.steps < 0 && b.exceeded == nil {
		b.exceeded = &ExceededError{Unit: "steps", Most: MaxSteps}
	}
	b.steps = max(b.steps, -1)
	return b.Err()
}

// Bytes pays for bytes, before they are made. The error is an *ExceededError.
func (b *Budget) Bytes(n int) error {
	if b.bytes -= min(n, MaxBytes+1); b.bytes < 0 && b.exceeded == nil {
		b.exceeded = &ExceededError{Unit: "bytes", Most: MaxBytes}
	}
	b.bytes = max(b.bytes, -1)
	return b.Err()
}

// Err returns the bound that was exceeded first; nil if none was.
func (b *Budget) Err() error {
	if b.exceeded == nil {
		return nil
	}
	return b.exceeded
}

// Spent returns how many steps and bytes the import has paid for.
func (b *Budget) Spent() (steps, bytes int) { return MaxSteps - b.steps, MaxBytes - b.bytes }
