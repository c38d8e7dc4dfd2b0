// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/test/builders"
)

// serve starts a real server on loopback and returns its address.
func serve(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return strings.TrimPrefix(server.URL, "http://")
}

// serveBytes starts a server that reads a request's first line and hands over the
// connection.
func serveBytes(t testing.TB, answer func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
					answer(conn)
				}
			}()
		}
	}()
	return listener.Addr().String()
}

func answerJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func pullFrom(address string, timeout time.Duration) (*protocol.Status, string) {
	transport := newTransport(timeout, nil)
	defer transport.CloseIdleConnections()
	p := &puller{transport: transport, timeout: timeout}
	return p.pull(context.Background(), question{uid: "uid", address: address})
}

func TestAPullReturnsTheStatus(t *testing.T) {
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8"} {
		address := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.String() != protocol.StatusPath {
				http.Error(w, "wrong request", http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(encode(t, builders.LargestStatus("uid")))
		})
		got, failure := pullFrom(address, 30*time.Second)
		if failure != "" {
			t.Fatalf("%s: %s", contentType, failure)
		}
		if diff := cmp.Diff(builders.LargestStatus("uid"), got); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	}
}

func TestAnswersThatAreNotTaken(t *testing.T) {
	good := encode(t, idle("uid"))
	tests := map[string]struct {
		handler http.HandlerFunc
		want    string // AT stands for the address
	}{
		"an error": {
			func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
			"The agent at AT answered with HTTP status 500 instead of 200.",
		},
		"nothing new": {
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
			"The agent at AT answered with HTTP status 304 instead of 200.",
		},
		"a web page": {
			func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
			"The agent at AT answered with something that is not JSON.",
		},
		"JSON that calls itself text": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				_, _ = w.Write(good)
			},
			"The agent at AT answered with something that is not JSON.",
		},
		"garbage": {
			func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, []byte("\x00\x1b[2J")) },
			`The status document of the agent at AT cannot be read: invalid character '\x00' looking for beginning of value.`,
		},
		"nothing": {
			func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, nil) },
			"The status document of the agent at AT cannot be read: EOF.",
		},
		"a document that was compressed unasked": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Encoding", "gzip")
				z := gzip.NewWriter(w)
				_, _ = z.Write(good)
				_ = z.Close()
			},
			`The status document of the agent at AT cannot be read: invalid character '\x1f' looking for beginning of value.`,
		},
		"another pod's status": {
			func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, encode(t, idle("other"))) },
			"Another pod answers at AT: the address has passed to it, or the agent does not know its own UID.",
		},
		"a newer version": {
			func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, []byte(`{"version":9,"news":{}}`)) },
			"The status document of the agent at AT has version 9, this operator understands up to 1: upgrade the operator.",
		},
		"an impossible count": {
			func(w http.ResponseWriter, _ *http.Request) {
				s := idle("uid")
				s.Counters.Failed = -1
				answerJSON(w, encode(t, s))
			},
			"The status document of the agent at AT has the impossible count failed -1.",
		},
		"half an answer": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				answerJSON(w, good)
				panic(http.ErrAbortHandler)
			},
			"The agent at AT broke the connection off.",
		},
		"no answer": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"The agent at AT broke the connection off.",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			address := serve(t, tc.handler)
			status, failure := pullFrom(address, 30*time.Second)
			if want := strings.NewReplacer("AT", address, "PORT", portOf(address)).Replace(tc.want); failure != want || status != nil {
				t.Errorf("status %v, failure %q, want %q", status, failure, want)
			}
		})
	}
}

func TestAnswersThatDoNotEnd(t *testing.T) {
	const hint = "; if that lasts, see whether a NetworkPolicy keeps the operator from port PORT of the pods."
	tests := map[string]struct {
		answer func(net.Conn)
		want   string
	}{
		"no first byte": {
			func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
			"The agent at AT gave no answer within 300ms" + hint,
		},
		"one byte at a time": {
			func(conn net.Conn) {
				_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
				for tick := time.NewTicker(time.Millisecond); err == nil; <-tick.C {
					_, err = io.WriteString(conn, " ")
				}
			},
			"The agent at AT gave no answer within 300ms" + hint,
		},
		"headers without end": {
			func(conn net.Conn) {
				_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
				for err == nil {
					_, err = io.WriteString(conn, "X-Header: "+strings.Repeat("x", 1000)+"\r\n")
				}
			},
			"The agent at AT could not be asked: net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded 16384 bytes; aborted.",
		},
		"no HTTP": {
			func(conn net.Conn) { _, _ = io.WriteString(conn, "220 smtp ready\r\n") },
			`The agent at AT could not be asked: net/http: HTTP/1.x transport connection broken: malformed HTTP status code "smtp".`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			address := serveBytes(t, tc.answer)
			status, failure := pullFrom(address, 300*time.Millisecond)
			if want := strings.NewReplacer("AT", address, "PORT", portOf(address)).Replace(tc.want); failure != want || status != nil {
				t.Errorf("status %v, failure %q, want %q", status, failure, want)
			}
		})
	}
}

// TestInterimAnswersWithoutEnd is a separate test because the transport may see the
// limit or the deadline first.
func TestInterimAnswersWithoutEnd(t *testing.T) {
	address := serveBytes(t, func(conn net.Conn) {
		var err error
		for err == nil {
			_, err = io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")
		}
	})
	if status, failure := pullFrom(address, time.Second); status != nil || failure == "" {
		t.Errorf("status %v, failure %q, want a failure", status, failure)
	}
}

func TestAGigabyteIsNotRead(t *testing.T) {
	for _, announced := range []bool{true, false} {
		var sent atomic.Int64
		done := make(chan struct{})
		address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			defer close(done)
			w.Header().Set("Content-Type", "application/json")
			if announced {
				w.Header().Set("Content-Length", fmt.Sprint(1<<30))
			}
			chunk := []byte(strings.Repeat(" ", 64<<10))
			for sent.Load() < 1<<30 {
				n, err := w.Write(chunk)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		status, failure := pullFrom(address, 30*time.Second)
		runtime.ReadMemStats(&after)
		if want := "The agent at " + address + " answered with more than 256 KiB."; failure != want || status != nil {
			t.Errorf("status %v, failure %q, want %q", status, failure, want)
		}
		<-done
		if sent.Load() > 100<<20 {
			t.Errorf("the server could send %d bytes", sent.Load())
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 8<<20 {
			t.Errorf("%d bytes were allocated for an answer of 1 GB", allocated)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Bool
	elsewhere := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		followed.Store(true)
		answerJSON(w, encode(t, idle("uid")))
	})
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+elsewhere+protocol.StatusPath, http.StatusFound)
	})
	_, failure := pullFrom(address, 30*time.Second)
	if want := "The agent at " + address + " answered with HTTP status 302 instead of 200."; failure != want || followed.Load() {
		t.Errorf("failure %q, followed %v, want %q and not followed", failure, followed.Load(), want)
	}
}

func TestCookiesAndProxiesAreNotUsed(t *testing.T) {
	var cookies atomic.Int64
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cookies.Add(int64(len(r.Cookies())))
		http.SetCookie(w, &http.Cookie{Name: "track", Value: "me"})
		answerJSON(w, encode(t, idle("uid")))
	})
	transport := newTransport(30*time.Second, nil)
	defer transport.CloseIdleConnections()
	p := &puller{transport: transport, timeout: 30 * time.Second}
	for range 3 {
		if _, failure := p.pull(context.Background(), question{uid: "uid", address: address}); failure != "" {
			t.Fatal(failure)
		}
	}
	if cookies.Load() != 0 || transport.Proxy != nil {
		t.Errorf("%d cookies came back, a proxy is set: %v", cookies.Load(), transport.Proxy != nil)
	}
}

func TestConnectionsAreReusedUnlessAskedNotTo(t *testing.T) {
	for _, once := range []bool{false, true} {
		var connections atomic.Int64
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, encode(t, idle("uid")))
		}))
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		server.Start()
		transport := newTransport(30*time.Second, nil)
		p := &puller{transport: transport, timeout: 30 * time.Second}
		for range 5 {
			if _, failure := p.pull(context.Background(), question{uid: "uid", address: server.Listener.Addr().String(), once: once}); failure != "" {
				t.Fatal(failure)
			}
		}
		want := int64(1)
		if once {
			want = 5
		}
		if got := connections.Load(); got != want {
			t.Errorf("once = %v: %d connections for 5 pulls, want %d", once, got, want)
		}
		transport.CloseIdleConnections()
		server.Close()
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, failure := pullFrom(address, 30*time.Second)
	if want := "Nothing listens at " + address + ": the agent is starting or has died; if that lasts, see the pod's log."; failure != want {
		t.Errorf("failure %q, want %q", failure, want)
	}
}

func TestAnAddressThatIsNone(t *testing.T) {
	for _, address := range []string{"", "nonsense", "1.2.3.4:port", "[::1", "a b:1", "127.0.0.1:1/../x"} {
		if status, failure := pullFrom(address, 5*time.Second); status != nil || failure == "" {
			t.Errorf("address %q: status %v, failure %q, want a failure", address, status, failure)
		}
	}
}
