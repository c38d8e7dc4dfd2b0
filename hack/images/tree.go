// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// emptied are folders whose content a container does not need; the folders themselves
// stay. The licences of Debian's packages remain in their source packages. The image is
// for tests on this machine and is not distributed.
var emptied = []string{
	"dev", "proc", "sys", "run", "tmp",
	"usr/share/doc", "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man",
	"var/cache/apt", "var/cache/debconf", "var/lib/apt/lists", "var/log",
}

// machineFiles are copies from the machine that made the tree.
var machineFiles = []string{"etc/hostname", "etc/machine-id", "etc/resolv.conf"}

// dropped reports whether a file is left out of the layer.
func dropped(name string) bool {
	for _, folder := range emptied {
		if strings.HasPrefix(name, folder+"/") {
			return true
		}
	}
	return slices.Contains(machineFiles, name)
}

// packTree writes a directory as a tar with owners, links and modes, sorted by name and
// without times.
func packTree(out io.Writer, tree string) error {
	archive := tar.NewWriter(out)
	links := map[uint64]string{} // inode of a file with several names → its first name
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(tree, path)
		if err != nil || name == "." {
			return err
		}
		if dropped(name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return packFile(archive, path, name, links)
	})
	if err != nil {
		return err
	}
	return archive.Close()
}

// packFile adds one file. If the file is already in the archive under another name, it
// adds a link to that name.
func packFile(archive *tar.Writer, path, name string, links map[uint64]string) error {
	header, inode, err := describe(path, name)
	if err != nil || header == nil {
		return err
	}
	if inode != 0 {
		if first, seen := links[inode]; seen {
			header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
		} else {
			links[inode] = name
		}
	}
	if err := archive.WriteHeader(header); err != nil || header.Typeflag != tar.TypeReg {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, file)
	return err
}

// describe returns the header of a file, and its inode if the file has several names. It
// returns no header for what a container runtime creates itself: sockets, pipes and devices.
func describe(path, name string) (header *tar.Header, inode uint64, err error) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&(fs.ModeSocket|fs.ModeNamedPipe|fs.ModeDevice) != 0 {
		return nil, 0, err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return nil, 0, err
		}
	}
	if header, err = tar.FileInfoHeader(info, target); err != nil {
		return nil, 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, 0, fmt.Errorf("%s: this platform does not tell owners", path)
	}
	header.Name, header.Format = name, tar.FormatPAX
	if info.IsDir() {
		header.Name += "/"
	}
	header.Uid, header.Gid, header.Uname, header.Gname = int(stat.Uid), int(stat.Gid), "", ""
	header.ModTime, header.AccessTime, header.ChangeTime = epoch, time.Time{}, time.Time{}
	if info.Mode().IsRegular() && stat.Nlink > 1 {
		inode = stat.Ino
	}
	return header, inode, nil
}
