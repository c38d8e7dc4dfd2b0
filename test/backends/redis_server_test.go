// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// redisServer is a running Redis.
type redisServer struct {
	*process
	dir    string
	port   int
	config []string
}

// startRedis starts a Redis with lines of configuration in addition to the necessary
// ones. PORT in them is replaced by its port.
func startRedis(t *testing.T, config ...string) *redisServer {
	t.Helper()
	s := &redisServer{dir: folder(t, "redis", 0), port: freePort(t), config: config}
	s.start(t)
	return s
}

func (s *redisServer) start(t *testing.T) {
	t.Helper()
	lines := append([]string{
		"bind 127.0.0.1", "port " + strconv.Itoa(s.port), "unixsocket " + s.socket(), "dir " + s.dir,
		`save ""`, "appendonly no", "daemonize no",
	}, s.config...)
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], "PORT", strconv.Itoa(s.port))
	}
	file := filepath.Join(s.dir, "redis.conf")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.process = start(t, s.dir, 0, nil, "redis-server", file)
	p := s.process
	atEnd(func() { p.stop(syscall.SIGKILL) })
	await(t, "Redis listens", s.process, answers("unix", s.socket()))
}

func (s *redisServer) socket() string { return filepath.Join(s.dir, "redis.sock") }

// client returns a client for the test itself.
func (s *redisServer) client(t *testing.T, password string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket(), Password: password, Protocol: 2})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// requirePassword returns the line of configuration that requires the canary as password.
func requirePassword() string {
	return fmt.Sprintf(`requirepass "%s"`, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(canary))
}

// theRedis returns the Redis that all applications use.
func theRedis(t *testing.T) *redisServer {
	t.Helper()
	sharedRedis.once.Do(func() { sharedRedis.server = startRedis(t, requirePassword()) })
	if sharedRedis.server == nil {
		t.Fatal("Redis did not start")
	}
	return sharedRedis.server
}

var sharedRedis struct {
	once   sync.Once
	server *redisServer
}
