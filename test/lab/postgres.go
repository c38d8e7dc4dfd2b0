// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgreSQL is a server on the node, where pods reach it. It has a database laravel and
// a user of the same name.
type PostgreSQL struct {
	// Env holds the application's settings for the server, including the password.
	Env map[string]string

	lab       *Lab
	directory string
	account   *syscall.Credential
	arguments []string
	process   *os.Process
	ended     chan struct{}
}

// StartPostgreSQL starts a real PostgreSQL on the node until the test ends. StartRedis
// must come first.
func (l *Lab) StartPostgreSQL() *PostgreSQL {
	l.Helper()
	p := &PostgreSQL{lab: l, account: l.postgresAccount()}
	var err error
	// t.TempDir is below directories that another user may not enter.
	if p.directory, err = os.MkdirTemp("", "postgresql-"); err == nil {
		err = os.Chown(p.directory, int(p.account.Uid), int(p.account.Gid))
	}
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if err := os.RemoveAll(p.directory); err != nil {
			l.Logf("remove PostgreSQL's data: %v", err)
		}
	})
	data := filepath.Join(p.directory, "data")
	initdb := exec.Command(l.postgresProgram("initdb"), "--pgdata="+data, "--username=postgres", "--auth-local=trust",
		"--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = p.directory, &syscall.SysProcAttr{Credential: p.account}
	if output, err := initdb.CombinedOutput(); err != nil {
		l.Fatalf("make PostgreSQL's data: %v: %s", err, output)
	}
	p.admit(filepath.Join(data, "pg_hba.conf"))

	listener, err := net.Listen("tcp", net.JoinHostPort(l.nodeAddress(), "0"))
	if err != nil {
		l.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String()) // it is one we have
	_ = listener.Close()
	p.arguments = []string{"-D", data, "-k", p.directory, "-h", host, "-p", port, "-c", "fsync=off", "-c", "max_connections=50"}
	p.Env = map[string]string{
		"DB_CONNECTION": "pgsql", "DB_HOST": host, "DB_PORT": port,
		"DB_DATABASE": "laravel", "DB_USERNAME": "laravel", "DB_PASSWORD": rand.Text(),
	}
	l.Cleanup(p.Stop)
	p.Start()
	p.query("CREATE ROLE laravel LOGIN PASSWORD '" + p.Env["DB_PASSWORD"] + "'")
	p.query("CREATE DATABASE laravel OWNER laravel")
	return p
}

// admit lets pods log in with the password.
func (p *PostgreSQL) admit(path string) {
	p.lab.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		p.lab.Fatal(err)
	}
	if _, err = file.WriteString("host all all samenet scram-sha-256\n"); err == nil {
		err = file.Close()
	}
	if err != nil {
		p.lab.Fatal(err)
	}
}

// Start starts the server, also after Stop.
func (p *PostgreSQL) Start() {
	p.lab.Helper()
	log, err := os.OpenFile(filepath.Join(p.directory, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		p.lab.Fatal(err)
	}
	command := exec.Command(p.lab.postgresProgram("postgres"), p.arguments...)
	command.Dir, command.Stdout, command.Stderr = p.directory, log, log
	// If a test is killed, the kernel kills its server as well.
	command.SysProcAttr = &syscall.SysProcAttr{Credential: p.account, Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	go func() { // Pdeathsig applies to the thread, which waits here as long as the server runs
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // it ends by a signal
		}
		_ = log.Close()
		close(ended)
	}()
	if err := <-started; err != nil {
		p.lab.Fatalf("start PostgreSQL: %v", err)
	}
	p.process, p.ended = command.Process, ended
	p.query("SELECT 1")
}

// Stop stops the server, with every connection to it, until Start.
func (p *PostgreSQL) Stop() {
	p.lab.Helper()
	if p.process == nil {
		return
	}
	_ = p.process.Signal(syscall.SIGINT) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		_ = p.process.Kill()
		<-p.ended
	}
	p.process = nil
}

// query runs a statement as the administrator, as soon as the server answers.
func (p *PostgreSQL) query(statement string) {
	p.lab.Helper()
	p.lab.Eventually("PostgreSQL answers", time.Minute, func() (bool, string) {
		connection, err := pgx.Connect(p.lab.Ctx, fmt.Sprintf("host=%s port=%s user=postgres dbname=postgres", p.directory, p.Env["DB_PORT"]))
		if err != nil {
			log, _ := os.ReadFile(filepath.Join(p.directory, "log")) // the error is enough without it
			return false, fmt.Sprintf("%v\n%s", err, log)
		}
		defer func() { _ = connection.Close(p.lab.Ctx) }() // nothing is pending
		_, err = connection.Exec(p.lab.Ctx, statement)
		return err == nil, errorText(err)
	})
}

// nodeAddress returns the node's address as pods see it.
func (l *Lab) nodeAddress() string {
	l.Helper()
	// A datagram socket finds its route without sending anything.
	towards, err := net.Dial("udp", net.JoinHostPort(l.PodIP("redis"), "6379"))
	if err != nil {
		l.Fatalf("find the node's address: %v", err)
	}
	defer func() { _ = towards.Close() }() // nothing was sent
	host, _, err := net.SplitHostPort(towards.LocalAddr().String())
	if err != nil {
		l.Fatal(err)
	}
	return host
}

// postgresProgram returns the path of a program of the newest PostgreSQL.
func (l *Lab) postgresProgram(name string) string {
	l.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		l.Fatalf("%s is not installed; run hack/install-servers.sh, or: apt-get install postgresql", name)
	}
	return slices.Max(found)
}

// postgresAccount returns the user postgres, because PostgreSQL refuses to run as root.
func (l *Lab) postgresAccount() *syscall.Credential {
	l.Helper()
	account, err := user.Lookup("postgres")
	if err != nil {
		l.Fatalf("find the user postgres: %v; run hack/install-servers.sh", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		l.Fatal(err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		l.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
