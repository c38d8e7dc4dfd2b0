// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
)

// typical returns the status of a pod with four processes.
func typical(uid string) *protocol.Status {
	s := builders.LargestStatus(uid)
	s.ControlError, s.Workers, s.RecentExits = "", s.Workers[:4], s.RecentExits[:3]
	for i := range s.Workers {
		w := &s.Workers[i]
		w.Job = &protocol.Job{ID: "b3f0a2c4", Class: `App\Jobs\SendMail`, AgeSeconds: 0.25}
		w.LastExit = nil
	}
	for i := range s.RecentExits {
		s.RecentExits[i].Message = "Ended after 1000 jobs."
		s.RecentExits[i].JobClass = ""
	}
	return s
}

func BenchmarkDecode(b *testing.B) {
	for name, status := range map[string]*protocol.Status{"4 workers": typical("uid"), "64 workers": builders.LargestStatus("uid")} {
		document := encode(b, status)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				got := &protocol.Status{}
				if err := telemetry.Decode(document, got, &got.Version); err != nil {
					b.Fatal(err)
				}
				if err := received.Status(got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPull pulls over loopback from a server that costs next to nothing itself.
func BenchmarkPull(b *testing.B) {
	document := encode(b, typical("uid"))
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(document), document)
	address := serveRequests(b, answer)
	for name, once := range map[string]bool{"connection kept": false, "connection of its own": true} {
		b.Run(name, func(b *testing.B) {
			p := &puller{transport: newTransport(30*time.Second, nil), timeout: 30 * time.Second}
			b.ReportAllocs()
			for b.Loop() {
				if _, failure := p.pull(context.Background(), question{uid: "uid", address: address, once: once}); failure != "" {
					b.Fatal(failure)
				}
			}
		})
	}
}

// serveRequests answers each request on each connection with the same bytes.
func serveRequests(b *testing.B, answer []byte) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for reader := bufio.NewReader(conn); ; {
					line, err := reader.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) == 2 {
						if _, err := conn.Write(answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// BenchmarkSchedule measures only the core: a pull's way through timers, lanes and
// places, with its report compared and sampled, among 10,000 pods.
func BenchmarkSchedule(b *testing.B) {
	s := simulate(b)
	for i := range 100 {
		pool := types.NamespacedName{Namespace: "bench", Name: fmt.Sprint(i)}
		pods, agents := s.add(pool, 100, time.Millisecond)
		for i, a := range agents {
			reports := [2]*protocol.Status{typical(string(pods[i].UID)), typical(string(pods[i].UID))}
			var turn int
			a.answer = func(time.Time) (*protocol.Status, string) {
				turn++
				return reports[turn%2], ""
			}
		}
		s.core.track(s.now, pool, pods)
	}
	s.run(10 * time.Second)
	pulls := func() (n int) {
		for _, a := range s.agents {
			n += len(a.pulls)
		}
		return n
	}
	before := pulls()
	b.ReportAllocs()
	for b.Loop() {
		s.run(time.Second) // 2000 pulls
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(pulls()-before), "ns/pull")
}

// cannedTransport answers every request from memory.
type cannedTransport struct {
	documents map[string][]byte // by address
	pulls     atomic.Int64
}

func (t *cannedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.pulls.Add(1)
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(t.documents[r.URL.Host])),
	}, nil
}

// BenchmarkFleet runs the whole collector except the network, with 10,000 pods in 500
// pools that are pulled as fast as possible.
func BenchmarkFleet(b *testing.B) {
	const pools, podsPerPool = 500, 20
	transport := &cannedTransport{documents: map[string][]byte{}}
	fleet := map[types.NamespacedName][]Pod{}
	for i := range pools {
		pool := types.NamespacedName{Namespace: "bench", Name: fmt.Sprint(i)}
		for j := range podsPerPool {
			uid := fmt.Sprintf("uid-%d-%d", i, j)
			pod := Pod{UID: types.UID(uid), Name: uid, Address: fmt.Sprintf("10.%d.%d.%d:9797", i/256, i%256, j)}
			transport.documents[pod.Address] = encode(b, typical(uid))
			fleet[pool] = append(fleet[pool], pod)
		}
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	empty := memory.HeapAlloc
	c, _ := start(b, Options{Interval: 100 * time.Millisecond, Transport: transport}, true)
	for pool, pods := range fleet {
		c.Track(pool, pods)
	}
	eventually(b, "first reports", func() bool { return transport.pulls.Load() > 2*pools*podsPerPool })
	runtime.GC()
	runtime.ReadMemStats(&memory)
	allocated := memory.TotalAlloc
	began, cpu := transport.pulls.Load(), cpuTime(b)

	b.ResetTimer()
	goal := began + int64(b.N)
	for transport.pulls.Load() < goal {
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	pulls := float64(transport.pulls.Load() - began)
	cpu = cpuTime(b) - cpu
	held := memory.HeapAlloc - empty
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(cpu.Nanoseconds())/pulls, "cpu-ns/pull")
	b.ReportMetric(float64(memory.TotalAlloc-allocated)/pulls, "B/pull")
	b.ReportMetric(float64(held)/(pools*podsPerPool), "heap-B/pod")
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
