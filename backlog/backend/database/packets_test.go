// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"strings"
	"testing"

	"queueworker.dev/queueworker/backlog"
)

// TestHonestPacketsPass splits honest conversations at every byte.
func TestHonestPacketsPass(t *testing.T) {
	long := strings.Repeat("a", 300)
	for name, tc := range map[string]struct {
		text  string
		check func(*backlog.Guard) backlog.Checker
	}{
		"MySQL": {
			packet(1, "\x01") + packet(2, "\x03def") + packet(3, "\xfc\x2c\x01"+long) + packet(4, "\x00\x011") + packet(5, "\xfb\x011") +
				packet(6, "\xfe\x00\x00\x02\x00\x00\x00") + packet(1, okay) + packet(1, "\xff\x15\x04#28000Access denied") + packet(1, "\xfe\x00\x00\x02\x00"),
			func(guard *backlog.Guard) backlog.Checker { return &packets{guard: guard, commanded: true} },
		},
		"MySQL before a command": {
			packet(0, "\x0a8.0.0\x00") + packet(2, "\xfecaching_sha2_password\x00abcdefghijklmnopqrst\x00") + packet(4, "\x01\x03") + packet(5, okay),
			func(guard *backlog.Guard) backlog.Checker { return &packets{guard: guard} },
		},
		"PostgreSQL": {
			message('R', "\x00\x00\x00\x00") + message('S', "TimeZone\x00UTC\x00") + message('Z', "I") + message('D', "\x00\x01\x00\x00\x01\x2c"+long) + message('n', ""),
			func(guard *backlog.Guard) backlog.Checker { return &messages{guard: guard} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			for cut := range tc.text {
				guard := backlog.NewGuard("the database at a")
				guard.Begin(t.Context(), 1<<20, 0)
				checker := tc.check(guard)
				for _, part := range []string{tc.text[:cut], tc.text[cut:]} {
					if n, err := checker.Received([]byte(part)); n != len(part) || err != nil {
						t.Fatalf("cut at %d: %d bytes of %d passed: %v", cut, n, len(part), err)
					}
				}
			}
		})
	}
}

func FuzzPackets(f *testing.F) {
	f.Add(packet(1, "\x01")+packet(2, "\xfe\x00\x00\x00\x80\x00\x00\x00\x00"), 9)
	f.Add(message('D', "\x00\x01")+"D\xff\xff\xff\xff", 4)
	f.Fuzz(func(t *testing.T, sent string, cut int) {
		for name, fresh := range map[string]func(*backlog.Guard) backlog.Checker{
			"MySQL":      func(guard *backlog.Guard) backlog.Checker { return &packets{guard: guard, commanded: true} },
			"PostgreSQL": func(guard *backlog.Guard) backlog.Checker { return &messages{guard: guard} },
		} {
			guard := backlog.NewGuard("the database at a")
			guard.Begin(t.Context(), 1<<20, 0)
			n, err := fresh(guard).Received([]byte(sent))
			if (n == len(sent)) != (err == nil) {
				t.Fatalf("%s: %d bytes of %d passed: %v", name, n, len(sent), err)
			}
			cut = max(0, min(cut, len(sent)))
			parts := fresh(guard)
			_, cutErr := parts.Received([]byte(sent[:cut]))
			if cutErr == nil {
				_, cutErr = parts.Received([]byte(sent[cut:]))
			}
			if (cutErr == nil) != (err == nil) {
				t.Errorf("%s: whole: %v, cut at %d: %v", name, err, cut, cutErr)
			}
		}
	})
}
