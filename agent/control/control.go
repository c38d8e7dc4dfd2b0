// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package control reads the operator's instructions for a pod from the two control
// documents in its control directory.
//
// Choose holds the rule: of the two present documents, the one with the higher revision
// is in force. If both have the same revision, the pod's own is. So a document that
// another client wrote is in force only until the operator writes it again, whatever its
// revision was. A missing or unreadable document counts as it was when it was last read.
// An unreadable document is also reported as an error.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"queueworker.dev/queueworker/api/protocol"
)

// Choose returns the document in force, given the pool's and the pod's own; a document
// that does not exist is nil. The fields that concern only this pod come from its own
// document even if the pool's is newer.
func Choose(pool, own *protocol.Control) *protocol.Control {
	switch {
	case own == nil:
		return pool
	case pool == nil, own.Revision >= pool.Revision:
		return own
	}
	document := pool.WithOwn(*own)
	return &document
}

// Decode decodes a document. For an empty document, such as the pod's own before it is
// needed, it returns nil and no error.
func Decode(content []byte) (*protocol.Control, error) {
	if blank(content) {
		return nil, nil
	}
	var document protocol.Control
	if err := json.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("is no control document: %w", err)
	}
	if document.Revision < 1 {
		return nil, fmt.Errorf("has the revision %d; revisions begin at 1", document.Revision)
	}
	return &document, nil
}

func blank(content []byte) bool {
	for _, c := range content {
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// Reader reads the control directory.
type Reader struct {
	dir string
	// pool and own are the pool's document and the pod's own as last read.
	pool, own *protocol.Control
}

// NewReader returns a reader of dir.
func NewReader(dir string) *Reader { return &Reader{dir: dir} }

// Read reads both documents and returns the document in force; nil if none has been read
// yet. It returns an error for each document that could not be read.
func (r *Reader) Read() (*protocol.Control, error) {
	pool, poolErr := load(filepath.Join(r.dir, protocol.ControlFile), protocol.MaxRevision)
	own, ownErr := load(filepath.Join(r.dir, protocol.ControlPodFile), math.MaxInt64)
	if pool != nil {
		r.pool = pool
	}
	if own != nil {
		r.own = own
	}
	return Choose(r.pool, r.own), errors.Join(poolErr, ownErr)
}

// load reads one file. It refuses a document with a revision above highest. A missing
// file is no error: the kubelet creates the pod's own document only if the pod's volume
// names it.
func load(path string, highest int64) (*protocol.Control, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the control document: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, protocol.MaxControlBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the control document: %w", err)
	}
	if len(content) > protocol.MaxControlBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, protocol.MaxControlBytes)
	}
	document, err := Decode(content)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	if document != nil && document.Revision > highest {
		return nil, fmt.Errorf("%s has the revision %d; revisions end at %d", path, document.Revision, highest)
	}
	return document, nil
}
