// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"database/sql"
	"fmt"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"queueworker.dev/queueworker/api/protocol"
)

// sqlServer is a running PostgreSQL or MariaDB with a database laravel. Its owner is the
// user laravel, whose password is the canary.
type sqlServer struct {
	*process
	kind   protocol.DatabaseKind
	dir    string
	port   int
	run    func(t *testing.T)
	admin  *sql.DB // for tests; it may do everything
	signal syscall.Signal
}

// userID returns the number of the first user that exists.
func userID(t *testing.T, names ...string) int {
	t.Helper()
	for _, name := range names {
		if found, err := user.Lookup(name); err == nil {
			uid, err := strconv.Atoi(found.Uid)
			if err != nil {
				t.Fatal(err)
			}
			return uid
		}
	}
	t.Fatalf("there is no user of the names %q", names)
	return 0
}

// postgresBinary finds a program of the newest PostgreSQL.
func postgresBinary(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s is not installed; run hack/install-servers.sh, or: apt-get install postgresql", name)
	}
	return slices.Max(found)
}

func startPostgreSQL(t *testing.T) *sqlServer {
	t.Helper()
	uid := userID(t, "postgres")
	s := &sqlServer{kind: protocol.DatabasePostgreSQL, dir: folder(t, "postgresql", uid), port: freePort(t), signal: syscall.SIGINT}
	data := filepath.Join(s.dir, "data")
	runAs(t, s.dir, uid, postgresBinary(t, "initdb"), "--pgdata="+data, "--username=root", "--auth-local=trust",
		"--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	s.run = func(t *testing.T) {
		s.process = start(t, s.dir, uid, nil, postgresBinary(t, "postgres"), "-D", data, "-k", s.dir, "-h", "127.0.0.1",
			"-p", strconv.Itoa(s.port), "-c", "fsync=off", "-c", "max_connections=50")
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=root dbname=postgres", s.dir, s.port))
	if err != nil {
		t.Fatal(err)
	}
	s.admin = stdlib.OpenDB(*config)
	s.start(t)
	s.exec(t, "CREATE ROLE laravel LOGIN PASSWORD '"+strings.ReplaceAll(canary, "'", "''")+"'", "CREATE DATABASE laravel OWNER laravel")
	_ = s.admin.Close()
	config.Database = "laravel"
	s.admin = stdlib.OpenDB(*config)
	return s
}

func startMariaDB(t *testing.T) *sqlServer {
	t.Helper()
	uid := userID(t, "mysql", "nobody")
	s := &sqlServer{kind: protocol.DatabaseMySQL, dir: folder(t, "mariadb", uid), port: freePort(t), signal: syscall.SIGKILL}
	data, socket := filepath.Join(s.dir, "data"), filepath.Join(s.dir, "mariadb.sock")
	runAs(t, s.dir, uid, "mariadb-install-db", "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	s.run = func(t *testing.T) {
		s.process = start(t, s.dir, uid, nil, "mariadbd", "--no-defaults", "--datadir="+data, "--socket="+socket,
			"--port="+strconv.Itoa(s.port), "--bind-address=127.0.0.1", "--pid-file="+filepath.Join(s.dir, "pid"),
			"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=128M", "--skip-name-resolve")
	}
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User = "unix", socket, "root"
	s.open(t, config)
	s.start(t)
	password := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(canary)
	s.exec(t, "CREATE DATABASE laravel CHARACTER SET utf8mb4", "CREATE USER laravel@'%' IDENTIFIED BY '"+password+"'",
		"GRANT ALL ON laravel.* TO laravel@'%'")
	_ = s.admin.Close()
	config.DBName = "laravel"
	s.open(t, config)
	return s
}

func (s *sqlServer) open(t *testing.T, config *mysql.Config) {
	t.Helper()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	s.admin = sql.OpenDB(connector)
}

// start starts the server, also again after a stop.
func (s *sqlServer) start(t *testing.T) {
	t.Helper()
	s.run(t)
	p := s.process
	atEnd(func() { p.stop(s.signal) })
	await(t, string(s.kind)+" answers", s.process, s.admin.Ping)
}

func (s *sqlServer) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := s.admin.Exec(statement); err != nil {
			t.Fatalf("%.60s...: %v", statement, err)
		}
	}
}

// environment returns the environment of an application with its jobs in this server.
func (s *sqlServer) environment() []string {
	connection := "mysql"
	if s.kind == protocol.DatabasePostgreSQL {
		connection = "pgsql"
	}
	return []string{
		"DB_CONNECTION=" + connection, "DB_HOST=127.0.0.1", "DB_PORT=" + strconv.Itoa(s.port),
		"DB_DATABASE=laravel", "DB_USERNAME=laravel", "DB_PASSWORD=" + canary,
	}
}

// shared starts a server once, for all tests that do not stop it.
func shared(begin func(*testing.T) *sqlServer) func(*testing.T) *sqlServer {
	var once sync.Once
	var server *sqlServer
	return func(t *testing.T) *sqlServer {
		t.Helper()
		once.Do(func() {
			s := begin(t)
			newLaravel(t, append(s.environment(), theRedis(t).environment()...)).artisan(t, nil, "migrate", "--force")
			server = s
		})
		if server == nil {
			t.Fatal("the server did not start")
		}
		return server
	}
}

var (
	thePostgreSQL = shared(startPostgreSQL)
	theMariaDB    = shared(startMariaDB)
)
