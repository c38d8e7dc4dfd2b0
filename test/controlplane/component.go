// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// component is one process beside etcd and the apiserver.
type component struct {
	name string
	args []string
	cmd  *exec.Cmd
	done chan struct{}
}

// start starts the component from the directory bin with its log in dir.
func (c *component) start(bin, dir string) error {
	log, err := os.Create(filepath.Join(dir, c.name+".log"))
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", c.name, err)
	}
	c.cmd = exec.Command(filepath.Join(bin, c.name), c.args...)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	// If the test is killed before it can end the component, the kernel kills it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		_ = log.Close()
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait()
		_ = log.Close()
	}()
	return nil
}

// stop asks the component to end, and kills it after 10 seconds.
func (c *component) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
		return nil
	case <-time.After(10 * time.Second):
	}
	if err := c.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", c.name, err)
	}
	<-c.done
	return nil
}
