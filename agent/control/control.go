// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package control reads the operator's instructions for a pod from the two control
// documents in its control directory.
//
// Choose holds the rule: of all documents ever read, the one with the highest revision is
// in force; of two with the same revision, the pod's own. A document that cannot be read
// is reported as an error, and the document in force stays in force.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"queueworker.dev/queueworker/api/protocol"
)

// Found is one control document that was read.
type Found struct {
	// Document is nil if there is none yet.
	Document *protocol.Control
	// Own is set for the pod's own document.
	Own bool
}

// Choose returns the document in force: found if it supersedes held, otherwise held.
func Choose(held, found Found) Found {
	switch {
	case found.Document == nil:
		return held
	case held.Document == nil, found.Document.Revision > held.Document.Revision:
		return found
	case found.Document.Revision < held.Document.Revision, held.Own && !found.Own:
		return held
	}
	return found
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

// Reader reads the control directory and remembers the document in force.
type Reader struct {
	dir  string
	held Found
	// own is the pod's own document as last read.
	own *protocol.Control
}

// NewReader returns a reader of dir.
func NewReader(dir string) *Reader { return &Reader{dir: dir} }

// Read reads both documents and returns the document in force, nil before the first, with
// an error for each document that could not be read. The fields that concern only this
// pod come from its own document even if the pool's is newer.
func (r *Reader) Read() (*protocol.Control, error) {
	pool, poolErr := load(filepath.Join(r.dir, protocol.ControlFile))
	own, ownErr := load(filepath.Join(r.dir, protocol.ControlPodFile))
	r.held = Choose(r.held, Found{Document: pool})
	r.held = Choose(r.held, Found{Document: own, Own: true})
	if own != nil {
		r.own = own
	}
	if r.own != nil && !r.held.Own {
		document := r.held.Document.WithOwn(*r.own)
		return &document, errors.Join(poolErr, ownErr)
	}
	return r.held.Document, errors.Join(poolErr, ownErr)
}

// load reads one file. A missing file is no document: the kubelet creates the pod's own
// only if the pod's volume names it.
func load(path string) (*protocol.Control, error) {
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
	return document, nil
}
