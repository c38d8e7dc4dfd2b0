// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

var errWaiting = errors.New("not yet")

const (
	// maxRoundTrips is how many round trips a measurement of 1,000 queues in Redis may
	// take.
	maxRoundTrips = 3
	// maxResident is how much memory the probe may use, in bytes.
	maxResident = 25 << 20
)

// meter is a TCP proxy that counts round trips: how often the client sends something
// after an answer. It holds an answer back until the client has been quiet for a while,
// so that it does not count one long request as several.
type meter struct {
	listener   net.Listener
	roundTrips atomic.Int64
	answered   atomic.Bool
	spoke      atomic.Int64 // when the client last sent something, in nanoseconds since 1970
}

// quiet is how long a client must send nothing to count as waiting for its answer.
const quiet = 40 * time.Millisecond

func newMeter(t *testing.T, target string) *meter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	m := &meter{listener: listener}
	m.answered.Store(true)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			go m.pass(server, client, true)
			go m.pass(client, server, false)
		}
	}()
	return m
}

func (m *meter) pass(to, from net.Conn, client bool) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 256<<10)
	for {
		n, err := from.Read(buffer)
		if client {
			if m.answered.Swap(false) {
				m.roundTrips.Add(1)
			}
			m.spoke.Store(time.Now().UnixNano())
		} else {
			for wait := quiet; wait > 0; wait = quiet - time.Since(time.Unix(0, m.spoke.Load())) {
				time.Sleep(wait)
			}
			m.answered.Store(true)
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

func (m *meter) port() string { return strconv.Itoa(m.listener.Addr().(*net.TCPAddr).Port) }

// fill puts jobs with payloads of a kind on 1,000 queues.
func fill(t *testing.T, client *redis.Client, payload string) []string {
	t.Helper()
	names := make([]string, protocol.MaxBacklogQueues)
	_, err := client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		for i := range names {
			names[i] = fmt.Sprintf("cost-%d", i)
			key := "laravel_database_queues:" + names[i]
			for job := range 5 {
				pipe.RPush(t.Context(), key, fmt.Sprintf(payload, i, job))
				pipe.ZAdd(t.Context(), key+":delayed", redis.Z{Score: float64(time.Now().Unix() + 1000), Member: fmt.Sprintf(payload, i, job)})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// payloadOf12 is a payload as Laravel 12 writes it, with placeholders for two numbers.
const payloadOf12 = `{"uuid":"78ec81ba","displayName":"App\\Jobs\\FastJob","timeout":30,"data":{"command":"O:16:\"App\\Jobs\\FastJob\":0:{}"},"createdAt":1795428495,"id":"%d-%d","attempts":0,"delay":null}`

func TestAThousandQueuesCostThreeRoundTrips(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	names := fill(t, server.client(t, ""), payloadOf12)
	meter := newMeter(t, local(server.port))
	driver := openRedis(t, protocol.ProbeConfig{}, "REDIS_HOST=127.0.0.1", "REDIS_PORT="+meter.port())
	defer func() { _ = driver.Close() }()
	request := backlog.Request{}
	for _, name := range names {
		request.Queues = append(request.Queues, backlog.Queue{Name: name, Soon: time.Minute})
	}
	var first, most int64
	const ticks = 30
	for tick := range ticks {
		before := meter.roundTrips.Load()
		request.Now = time.Now().Add(time.Duration(tick) * time.Second)
		depths, err := driver.Measure(t.Context(), request)
		if err != nil || depths[999].Ready != 5 || depths[999].Delayed != 5 {
			t.Fatalf("%v, %+v", err, depths)
		}
		spent := meter.roundTrips.Load() - before
		if tick == 0 {
			first = spent
			continue
		}
		if most = max(most, spent); spent > maxRoundTrips {
			t.Fatalf("tick %d took %d round trips; at most %d are allowed", tick, spent, maxRoundTrips)
		}
	}
	t.Logf("1,000 queues, %d ticks: %d round trips for the first with its new connection, at most %d for each after it; %s",
		ticks, first, most, serverTime(t, server.client(t, "")))
}

// serverTime returns Redis's statistics about the time of its scripts.
func serverTime(t *testing.T, client *redis.Client) string {
	t.Helper()
	text, err := client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "cmdstat_evalsha:") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatal("Redis ran no script by its name")
	return ""
}

func TestAThousandQueuesTakeLittleMemory(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	names := fill(t, server.client(t, ""), payloadOf12)
	p := startProbe(t, protocol.ProbeConfig{Driver: protocol.DriverRedis}, "REDIS_HOST=127.0.0.1", "REDIS_PORT="+portOf(server))
	const ticks = 100
	measured := 0
	for i := 0; measured < ticks; i++ {
		// The time span differs each time, so that no answer comes from an earlier
		// measurement.
		body := fmt.Sprintf(`{"queues":["%s"],"soonSeconds":%d}`, strings.Join(names, `","`), i+1)
		text := p.request(t, "POST", protocol.BacklogPath, []byte(body), 200)
		if !strings.Contains(text, `"queue":"cost-999","ready":5,"delayed":5`) {
			t.Fatalf("%.2000s", text)
		}
		measured = counter(t, p, "queueworker_backlog_measurements_total", `result="ok"`)
	}
	now, peak := resident(t, p)
	t.Logf("the probe has %.1f MB, %.1f MB at its peak, after %d ticks over 1,000 queues", mega(now), mega(peak), measured)
	if peak > maxResident {
		t.Errorf("the probe took %.1f MB; at most %.1f MB are allowed", mega(peak), mega(maxResident))
	}
}

func TestAThousandQueuesOfADatabaseTakeLittleMemory(t *testing.T) {
	t.Parallel()
	names := make([]string, protocol.MaxBacklogQueues)
	for i := range names {
		names[i] = fmt.Sprintf("cost-%d", i)
	}
	for _, server := range []*sqlServer{thePostgreSQL(t), theMariaDB(t)} {
		t.Run(string(server.kind), func(t *testing.T) {
			t.Parallel()
			p := startProbe(t, protocol.ProbeConfig{Driver: protocol.DriverDatabase}, server.environment()...)
			const ticks = 10
			for i := range ticks {
				body := fmt.Sprintf(`{"queues":["%s"],"soonSeconds":%d}`, strings.Join(names, `","`), i+1)
				if text := p.request(t, "POST", protocol.BacklogPath, []byte(body), 200); !strings.Contains(text, `"queue":"cost-999","ready":0`) {
					t.Fatalf("%.2000s", text)
				}
			}
			now, peak := resident(t, p)
			t.Logf("the probe has %.1f MB, %.1f MB at its peak, after %d ticks over 1,000 queues", mega(now), mega(peak), ticks)
			if peak > maxResident {
				t.Errorf("the probe took %.1f MB; at most %.1f MB are allowed", mega(peak), mega(maxResident))
			}
		})
	}
}

func TestManyAskersCostOneMeasurementASecond(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	p := startProbe(t, protocol.ProbeConfig{Driver: protocol.DriverRedis}, "REDIS_HOST=127.0.0.1", "REDIS_PORT="+portOf(server))
	const askers = 20
	began := time.Now()
	var asked atomic.Int64
	t.Run("askers", func(t *testing.T) {
		for i := range askers {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				for time.Since(began) < 3*time.Second {
					p.ask(t, fmt.Sprintf("shared-%d", i%3))
					asked.Add(1)
				}
			})
		}
	})
	seconds := time.Since(began).Seconds()
	measured := counter(t, p, "queueworker_backlog_measurements_total", `result="ok"`)
	t.Logf("%d answers in %.1f s from %d measurements", asked.Load(), seconds, measured)
	// One measurement a second, and at most one more for each queue that was new.
	if float64(measured) > seconds+4 {
		t.Errorf("%d answers took %d measurements in %.1f s", asked.Load(), measured, seconds)
	}
}

// counter reads a metric of the probe.
func counter(t *testing.T, p *probe, name, label string) int {
	t.Helper()
	for line := range strings.Lines(p.request(t, "GET", protocol.MetricsPath, nil, 200)) {
		if strings.HasPrefix(line, name+"{") && strings.Contains(line, label) {
			fields := strings.Fields(line)
			value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(value)
		}
	}
	t.Fatalf("there is no metric %s with %s", name, label)
	return 0
}

// resident returns the probe's present and highest memory, in bytes.
func resident(t *testing.T, p *probe) (now, peak int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); err == nil {
			now = kilobytes << 10
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); err == nil {
			peak = kilobytes << 10
		}
	}
	return now, peak
}

func mega(bytes int) float64 { return float64(bytes) / (1 << 20) }
