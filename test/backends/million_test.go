// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

const million = 1_000_000

// maxCounted is where counting stops in a database. maxTouched is how many rows a
// measurement may read for that, because MariaDB reads the counted rows once more.
const (
	maxCounted = 100_000
	maxTouched = 450_000
)

func TestAMillionJobsInADatabase(t *testing.T) {
	t.Parallel()
	for _, server := range []*sqlServer{thePostgreSQL(t), theMariaDB(t)} {
		t.Run(string(server.kind), func(t *testing.T) {
			t.Parallel()
			fillTable(t, server)
			driver := openDatabase(t, protocol.ProbeConfig{Database: &protocol.DatabaseBackend{Table: "million"}}, server.environment()...)
			before := server.touched(t)
			depths, err := driver.Measure(t.Context(), backlog.Request{
				Queues: []backlog.Queue{{Name: "big"}, {Name: "later"}, {Name: "small"}, {Name: "empty"}}, Now: time.Now(),
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := driver.Close(); err != nil { // then PostgreSQL reports what was read
				t.Fatal(err)
			}
			if big := depths[0]; big.Ready != maxCounted || big.OldestSeconds == nil {
				t.Errorf("of a million ready jobs it is told %+v; want %d", big, maxCounted)
			}
			if later := depths[1]; later.Reason != protocol.BacklogUnreadable || !strings.Contains(later.Message, "does not know") {
				t.Errorf("of 120,000 delayed jobs it is told %+v; want that no more is known", later)
			}
			if small := depths[2]; small.Ready != 3 {
				t.Errorf("of 3 jobs among all the others it is told %+v", small)
			}
			if depths[3].Ready+depths[3].Delayed+depths[3].Reserved != 0 || depths[3].Reason != "" {
				t.Errorf("of no job it is told %+v", depths[3])
			}
			touched := server.touched(t) - before
			t.Logf("%d rows were read of 1,120,003", touched)
			if touched == 0 || touched > maxTouched {
				t.Errorf("%d rows were read; at most %d are allowed", touched, maxTouched)
			}
		})
	}
}

// fillTable creates a table of a million ready jobs, 120,000 delayed ones and, after
// them, 3 jobs of a third queue.
func fillTable(t *testing.T, server *sqlServer) {
	t.Helper()
	series, now := "seq_1_to_%d", time.Now().Unix()
	like := "CREATE TABLE million LIKE jobs"
	if server.kind == protocol.DatabasePostgreSQL {
		series, like = "generate_series(1, %d)", "CREATE TABLE million (LIKE jobs INCLUDING ALL)"
	}
	insert := func(queue string, count int, due int64) string {
		return fmt.Sprintf("INSERT INTO million (queue, payload, attempts, available_at, created_at) SELECT '%s', '{}', 0, %d, %d FROM "+series,
			queue, due, now, count)
	}
	statements := []string{like, insert("big", million, now-60), insert("later", 120_000, now+86400), insert("small", 3, now-5)}
	if server.kind == protocol.DatabasePostgreSQL {
		statements = append(statements, "ALTER TABLE million OWNER TO laravel", "ANALYZE million")
	} else {
		statements = append(statements, "ANALYZE TABLE million")
	}
	server.exec(t, statements...)
	t.Cleanup(func() { server.exec(t, "DROP TABLE million") })
}

// touched returns how many rows the server has read, of this table alone if the server
// can tell.
func (s *sqlServer) touched(t *testing.T) int64 {
	t.Helper()
	var total int64
	if s.kind == protocol.DatabasePostgreSQL {
		const text = "SELECT COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'million'"
		previous := int64(-1)
		await(t, "PostgreSQL has written down what was read", nil, func() error {
			if err := s.admin.QueryRow(text).Scan(&total); err != nil {
				return err
			}
			if total != previous {
				previous = total
				time.Sleep(200 * time.Millisecond) // sessions report when they end
				return errWaiting
			}
			return nil
		})
		return total
	}
	rows, err := s.admin.Query("SHOW GLOBAL STATUS LIKE 'Handler_read%'")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		var value int64
		if err := rows.Scan(&name, &value); err != nil {
			t.Fatal(err)
		}
		total += value
	}
	return total
}

func TestAMillionJobsInRedis(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	client := server.client(t, "")
	large := strings.Repeat("x", 4<<20) // payloads may have any size
	now := time.Now().Unix()
	_, err := client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		pipe.RPush(t.Context(), "queues:big", large, fmt.Sprintf(`{"createdAt":%d,"attempts":0,"timeout":77}`, now-50))
		pipe.ZAdd(t.Context(), "queues:big:delayed", redis.Z{Score: float64(now + 100), Member: large})
		// The server itself makes 1.5 million more, in steps, because Redis tells other
		// clients that it is busy while a script runs for long.
		for step := range 50 {
			pipe.Eval(t.Context(), `for i = 1, 20000 do redis.call('RPUSH', KEYS[1], i) end
				for i = ARGV[2] + 1, ARGV[2] + 10000 do redis.call('ZADD', KEYS[1] .. ':delayed', ARGV[1] + i, i) end
				return 1`, []string{"queues:big"}, now+1000, step*10000)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	driver := openRedis(t, protocol.ProbeConfig{}, "REDIS_HOST=127.0.0.1", "REDIS_PREFIX=", "REDIS_PORT="+portOf(server))
	defer func() { _ = driver.Close() }()
	request := backlog.Request{Queues: []backlog.Queue{{Name: "big", Soon: 2000 * time.Second}}, Now: time.Now()}
	if _, err := driver.Measure(t.Context(), request); err != nil { // this also connects
		t.Fatal(err)
	}
	before := sentBytes(t, client)
	request.Now = time.Now()
	depths, err := driver.Measure(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	sent := sentBytes(t, client) - before
	big := depths[0]
	if big.Ready != million+2 || big.Delayed != 500_001 || big.DueSoon < 900 || big.DueSoon > 1100 || big.NextDueSeconds == nil || *big.NextDueSeconds > 100 {
		t.Errorf("it is told %+v", big)
	}
	if big.OldestSeconds == nil || *big.OldestSeconds < 50 || *big.OldestSeconds > 80 {
		t.Errorf("the age of the oldest job is %v; want that of the first that tells, 50 s", big.OldestSeconds)
	}
	if big.MaxTimeoutSeconds == nil || *big.MaxTimeoutSeconds != 77 {
		t.Errorf("the longest timeout is %v; want 77", big.MaxTimeoutSeconds)
	}
	t.Logf("Redis sent %d bytes, of a queue with payloads of %d", sent, len(large))
	if sent > 8<<10 {
		t.Errorf("Redis sent %d bytes", sent)
	}
}

// sentBytes returns how much the server has sent to all its clients.
func sentBytes(t *testing.T, client *redis.Client) int {
	t.Helper()
	text, err := client.Info(t.Context(), "stats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		var bytes int
		if _, err := fmt.Sscanf(line, "total_net_output_bytes:%d", &bytes); err == nil {
			return bytes
		}
	}
	t.Fatal("Redis does not say what it sent")
	return 0
}
