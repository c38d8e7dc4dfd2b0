// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// epoch is the time of every file, so that the same content always gives the same digest.
var epoch = time.Unix(0, 0).UTC()

// An entry is one file or directory of a layer.
type entry struct {
	path    string // absolute in the image
	mode    fs.FileMode
	owner   int // user and group
	content []byte
}

// writeEntries writes a layer's tar in the order given.
func writeEntries(out io.Writer, entries []entry) error {
	archive := tar.NewWriter(out)
	for _, e := range entries {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: strings.TrimPrefix(e.path, "/"), Mode: int64(e.mode.Perm()),
			Size: int64(len(e.content)), Uid: e.owner, Gid: e.owner, ModTime: epoch, Format: tar.FormatPAX,
		}
		if e.mode.IsDir() {
			header.Typeflag, header.Name = tar.TypeDir, header.Name+"/"
		}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("write %s: %w", e.path, err)
		}
		if _, err := archive.Write(e.content); err != nil {
			return fmt.Errorf("write %s: %w", e.path, err)
		}
	}
	return archive.Close()
}

// memoryLayer returns an uncompressed layer of a few files.
func memoryLayer(entries []entry) (v1.Layer, error) {
	var content bytes.Buffer
	if err := writeEntries(&content, entries); err != nil {
		return nil, err
	}
	return static.NewLayer(content.Bytes(), types.DockerUncompressedLayer), nil
}

// A fileLayer is an uncompressed layer in a file. Its digest is already known, because a
// root file system is too large to read it again for the digest.
type fileLayer struct {
	file   string
	digest v1.Hash
}

func (l fileLayer) Digest() (v1.Hash, error)             { return l.digest, nil }
func (l fileLayer) DiffID() (v1.Hash, error)             { return l.digest, nil }
func (l fileLayer) Compressed() (io.ReadCloser, error)   { return os.Open(l.file) }
func (l fileLayer) Uncompressed() (io.ReadCloser, error) { return os.Open(l.file) }
func (l fileLayer) MediaType() (types.MediaType, error)  { return types.DockerUncompressedLayer, nil }

func (l fileLayer) Size() (int64, error) {
	info, err := os.Stat(l.file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
