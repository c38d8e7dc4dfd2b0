// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
)

// server starts a server that answers each command with the result of answer. It returns
// the server's address.
func server(t *testing.T, answer func(address string, command []string) string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			go converse(conn, func(command []string) string { return answer(listener.Addr().String(), command) })
		}
	}()
	return listener.Addr().String()
}

func converse(conn net.Conn, answer func(command []string) string) {
	reader := bufio.NewReader(conn)
	for {
		command, err := readCommand(reader)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, answer(command)); err != nil {
			return
		}
	}
}

func readCommand(reader *bufio.Reader) ([]string, error) {
	number := func() (int, error) {
		line, err := reader.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	count, err := number()
	words := make([]string, 0, max(0, count))
	for range count {
		length, err := number()
		if err != nil {
			return nil, err
		}
		word := make([]byte, length+2)
		if _, err := io.ReadFull(reader, word); err != nil {
			return nil, err
		}
		words = append(words, string(word[:length]))
	}
	return words, err
}

// bulk returns a text as Redis encodes it.
func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// measured is the script's answer for a queue with three ready jobs.
const measured = "*13\r\n:3\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:-1\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n"

// greet returns the answer to a command that is not a script.
func greet(command []string) (greeting string, isScript bool) {
	switch strings.ToUpper(command[0]) {
	case "EVAL", "EVALSHA":
		return "", true
	case "INFO":
		return bulk("redis_version:7.0.15\r\n"), false
	case "HELLO":
		return "-ERR unknown command\r\n", false
	}
	return "+OK\r\n", false
}

// clustered returns the answer of a server of a cluster with these slots.
func clustered(command []string, slots string) string {
	switch strings.ToUpper(command[0]) {
	case "INFO":
		return bulk("redis_version:7.0.15\r\nredis_mode:cluster\r\n")
	case "CLUSTER":
		return slots
	case "COMMAND":
		return "*0\r\n"
	}
	greeting, _ := greet(command)
	return greeting
}

// allSlots returns an answer to CLUSTER SLOTS in which one server has all slots.
func allSlots(address string) string {
	host, port, _ := net.SplitHostPort(address)
	return "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n" + bulk(host) + ":" + port + "\r\n"
}

// measureOnce measures one queue. It returns the error and the bytes that the measurement
// allocated.
func measureOnce(t *testing.T, server *Server) (*backlog.Error, uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := ask(ctx, server)
	server.End()
	runtime.ReadMemStats(&after)
	if err == nil {
		return nil, after.TotalAlloc - before.TotalAlloc
	}
	problem, ok := errors.AsType[*backlog.Error](err)
	if !ok {
		t.Fatalf("an error of another kind: %v", err)
	}
	return problem, after.TotalAlloc - before.TotalAlloc
}

// ask runs a script once, as a layout does. Its reply ends with a text.
func ask(ctx context.Context, server *Server) error {
	if err := server.Begin(ctx, 1); err != nil {
		return err
	}
	call := &Call{Keys: []string{"mail"}}
	if err := server.Run(ctx, NewScript("return 0"), []*Call{call}); err != nil {
		return err
	}
	reply, err := call.Reply()
	if err != nil {
		return server.Denied("mail")
	}
	fields, _ := reply.([]any)
	if len(fields) != 13 {
		return server.NotUnderstood()
	}
	if _, ok := fields[12].(string); !ok {
		return server.NotUnderstood()
	}
	return nil
}

func serverAt(t *testing.T, address string) *Server {
	t.Helper()
	server := New(settings.Redis{Network: "tcp", Address: address}, "Laravel")
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// TestAReplyCostsOneMeasurement sends replies that are too large for a client. Each must
// cause an error of the measurement, without the memory that the reply declares.
func TestAReplyCostsOneMeasurement(t *testing.T) {
	nested := strings.Repeat("*1\r\n", 1<<20)
	// An empty want accepts any refusal: the library may refuse a reply first.
	for name, tc := range map[string]struct{ reply, want string }{
		"a text that fits nowhere":        {"$99999999999999\r\n", "a text of more than"},
		"a text longer than any slice":    {"$9223372036854775807\r\n", "a text of more than"},
		"a text of 1 GiB":                 {"$1073741824\r\n", "a text of more than"},
		"an array that fits nowhere":      {"*99999999999\r\n", "more elements"},
		"an array longer than any slice":  {"*9223372036854775807\r\n", "more elements"},
		"arrays of arrays":                {"*30000\r\n*30000\r\n*30000\r\n", "more elements"},
		"arrays nested without end":       {nested, "nested more than"},
		"a map of RESP3":                  {"%9223372036854775807\r\n", "RESP3"},
		"a line without end":              {"+" + strings.Repeat("a", 4<<20), "a line of more than"},
		"an impossible length":            {"$-2\r\n", "impossible length"},
		"numbers without end":             {"*13\r\n" + strings.Repeat(":3\r\n", 1<<20), ""},
		"a length that is not a number":   {"*1x\r\n", "impossible length"},
		"texts in an array without end":   {"*30000\r\n" + strings.Repeat(bulk(strings.Repeat("a", 64<<10)), 40), ""},
		"an error that looks like a bulk": {"-$99999999999999\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, answer := range map[string]func(address string, command []string) string{
				"to the greeting": func(_ string, command []string) string {
					if strings.EqualFold(command[0], "INFO") {
						return tc.reply
					}
					greeting, _ := greet(command)
					return greeting
				},
				"to a script": func(_ string, command []string) string {
					if greeting, isScript := greet(command); !isScript {
						return greeting
					}
					return tc.reply
				},
				"in a cluster": func(address string, command []string) string {
					if _, isScript := greet(command); isScript {
						return tc.reply
					}
					return clustered(command, allSlots(address))
				},
				"of a cluster's slots": func(_ string, command []string) string { return clustered(command, tc.reply) },
			} {
				problem, allocated := measureOnce(t, serverAt(t, server(t, answer)))
				if problem == nil || !strings.Contains(problem.Message, tc.want) {
					t.Errorf("%s: %+v; want %q", kind, problem, tc.want)
				}
				if allocated > 24<<20 {
					t.Errorf("%s: %d bytes were allocated", kind, allocated)
				}
			}
		})
	}
}

// TestAfterAHostileReplyTheNextMeasurementCounts shows that a refusal does not affect the
// next measurement.
func TestAfterAHostileReplyTheNextMeasurementCounts(t *testing.T) {
	hostile := true
	attacked := serverAt(t, server(t, func(_ string, command []string) string {
		if greeting, isScript := greet(command); !isScript {
			return greeting
		}
		if hostile {
			return "$99999999999999\r\n"
		}
		return measured
	}))
	if problem, _ := measureOnce(t, attacked); problem == nil || problem.Reason != protocol.BacklogUnreadable {
		t.Fatalf("a hostile reply is answered with %+v", problem)
	}
	hostile = false
	if problem, _ := measureOnce(t, attacked); problem != nil {
		t.Errorf("the next measurement says %+v", problem)
	}
}

// TestAClusterOfStrangersIsRefused: a server names more servers than a cluster has. The
// probe may keep a client for each server that it accepts.
func TestAClusterOfStrangersIsRefused(t *testing.T) {
	const named = 8000
	attacked := serverAt(t, server(t, func(_ string, command []string) string {
		var slots strings.Builder
		fmt.Fprintf(&slots, "*1\r\n*%d\r\n:0\r\n:16383\r\n", named+2)
		for i := range named {
			fmt.Fprintf(&slots, "*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n", 10000+i)
		}
		return clustered(command, slots.String())
	}))
	for range 3 {
		problem, allocated := measureOnce(t, attacked)
		if problem == nil || !strings.Contains(problem.Message, "more than 1000 servers") {
			t.Errorf("%d servers are answered with %+v", named, problem)
		}
		if allocated > 24<<20 {
			t.Errorf("%d bytes were allocated", allocated)
		}
	}
}

// TestHonestRepliesPass splits an honest conversation at every byte.
func TestHonestRepliesPass(t *testing.T) {
	honest := measured + bulk("a\r\nb") + "$-1\r\n*-1\r\n*0\r\n*2\r\n*1\r\n:1\r\n$0\r\n\r\n" + "-ERR no\r\n" + measured
	for cut := range honest {
		guard := backlog.NewGuard("Redis at a")
		guard.Begin(t.Context(), 1<<20, 2*13+3)
		r := &replies{guard: guard}
		for _, part := range []string{honest[:cut], honest[cut:]} {
			if n, err := r.Received([]byte(part)); n != len(part) || err != nil {
				t.Fatalf("cut at %d: %d bytes of %d passed: %v", cut, n, len(part), err)
			}
		}
		if len(r.open) != 0 || r.skip != 0 || r.length != 0 {
			t.Fatalf("cut at %d: something is still awaited: %+v", cut, r)
		}
		if guard.Elements(1) == nil {
			t.Fatalf("cut at %d: fewer elements were counted than there are", cut)
		}
	}
}

func FuzzReplies(f *testing.F) {
	f.Add(measured, 7)
	f.Add("*1\r\n$99999999999999\r\n", 3)
	f.Fuzz(func(t *testing.T, sent string, cut int) {
		guard := backlog.NewGuard("Redis at a")
		guard.Begin(t.Context(), 1<<20, 100)
		whole := &replies{guard: guard}
		n, err := whole.Received([]byte(sent))
		if (n == len(sent)) != (err == nil) {
			t.Fatalf("%d bytes of %d passed: %v", n, len(sent), err)
		}
		guard = backlog.NewGuard("Redis at a")
		guard.Begin(t.Context(), 1<<20, 100)
		parts := &replies{guard: guard}
		cut = max(0, min(cut, len(sent)))
		_, first := parts.Received([]byte(sent[:cut]))
		if first == nil {
			_, first = parts.Received([]byte(sent[cut:]))
		}
		if (first == nil) != (err == nil) {
			t.Errorf("whole: %v, cut at %d: %v", err, cut, first)
		}
	})
}
