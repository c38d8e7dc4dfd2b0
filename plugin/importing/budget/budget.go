// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package budget bounds the work of one import. A short file can cause a lot of work: it
// can double a text sixty times, or repeat a variable in a thousand commands. Every part
// of an import pays from the same budget, and the import ends when the budget is spent.
package budget

import "fmt"

const (
	// MaxSteps is the maximum number of steps of one import. A step is the evaluation of
	// an expression, or the copy of an item, a variable or a note.
	MaxSteps = 2_000_000
	// MaxBytes is the maximum number of bytes of all texts, files and items of one
	// import.
	MaxBytes = 64 << 20
	// PoolSteps is the number of steps that one pool costs: its object, its YAML and its
	// comments.
	PoolSteps = 400
)

// ExceededError reports that an import has exceeded a bound.
type ExceededError struct {
	// Unit is "steps" or "bytes".
	Unit string
	// Most is the bound.
	Most int
}

func (e *ExceededError) Error() string {
	return fmt.Sprintf("the import needs more than %d %s up to here, which no configuration needs; is it the right file? If it is, import a part of it", e.Most, e.Unit)
}

// Budget is the number of steps and bytes that an import has left. A spent budget stays
// spent.
type Budget struct {
	steps, bytes int
	exceeded     *ExceededError
}

// New returns the whole budget of an import.
func New() *Budget { return &Budget{steps: MaxSteps, bytes: MaxBytes} }

// Steps pays for steps before they are done. The error is an *ExceededError.
func (b *Budget) Steps(n int) error {
	if b.steps -= min(n, MaxSteps+1); b.steps < 0 && b.exceeded == nil {
		b.exceeded = &ExceededError{Unit: "steps", Most: MaxSteps}
	}
	b.steps = max(b.steps, -1)
	return b.Err()
}

// Bytes pays for bytes before they are allocated. The error is an *ExceededError.
func (b *Budget) Bytes(n int) error {
	if b.bytes -= min(n, MaxBytes+1); b.bytes < 0 && b.exceeded == nil {
		b.exceeded = &ExceededError{Unit: "bytes", Most: MaxBytes}
	}
	b.bytes = max(b.bytes, -1)
	return b.Err()
}

// Err returns the *ExceededError of the first exceeded bound; nil if no bound was
// exceeded.
func (b *Budget) Err() error {
	if b.exceeded == nil {
		return nil
	}
	return b.exceeded
}

// Spent returns how many steps and bytes the import has paid for.
func (b *Budget) Spent() (steps, bytes int) { return MaxSteps - b.steps, MaxBytes - b.bytes }
