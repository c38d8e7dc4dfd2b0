// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"strings"
	"testing"
)

// TestGistOfLogs: with LOG_CHANNEL=stderr, a worker's output holds the records of the
// exceptions that its job has thrown or logged, each over many lines.
func TestGistOfLogs(t *testing.T) {
	const (
		failed  = "[2026-03-01 12:00:00][7] Failed:     App\\Jobs\\SendMail\n"
		head    = "[2026-03-01 12:00:00] production.ERROR: Connection refused"
		object  = ` {"exception":"[object] (RedisException(code: 0): Connection refused at /app/Connector.php:153)` + "\n"
		trace   = "[stacktrace]\n#0 /app/Connector.php(153): Redis->connect()\n#1 {main}\n"
		closed  = "\"} \n"
		another = "[previous exception] [object] (LogicException(code: 0): outer at /app/x.php:1)\n" + trace
	)
	for name, tc := range map[string]struct{ output, want string }{
		"a record":                        {head + object + trace + closed, "Connection refused"},
		"in Laravel's words too":          {failed + head + object + trace + closed, "Connection refused"},
		"whose line comes later":          {head + object + trace + closed + failed, "Connection refused"},
		"with an exception before":        {head + object + trace + another + closed, "Connection refused"},
		"without a trace":                 {head + ` {"exception":"[object] (RedisException(code: 0))"}`, "Connection refused"},
		"the last of two":                 {"[2026-03-01 12:00:00] production.ERROR: First" + object + trace + closed + head + object + trace + closed, "Connection refused"},
		"behind a record of no exception": {"[2026-03-01T12:00:00.123456+00:00] production.INFO: Begun {\"id\":7} []\n" + head + object + trace + closed, "Connection refused"},
		"that says several lines": {
			"[2026-03-01 12:00:00] local.CRITICAL: Client error: 404\n{\"error\":\"none\"}\n {\"exception\":\"[object] (E(code: 404): Client error: 404\n{\"error\":\"none\"}\n at /app/x.php:1)\n" + trace + closed,
			`Client error: 404 {"error":"none"}`,
		},
		"that says nothing":             {failed + "[2026-03-01 12:00:00] production.ERROR: " + object + trace + closed, `[2026-03-01 12:00:00][7] Failed: App\Jobs\SendMail`},
		"of a job that was done":        {head + object + trace + closed + "[2026-03-01 12:00:01][7] Processed:  App\\Jobs\\SendMail", `[2026-03-01 12:00:01][7] Processed:  App\Jobs\SendMail`},
		"whose head was cut off":        {"#7 /app/b.php(2): g()\n#8 {main}\n" + closed, traceAlone},
		"whose context was kept alone":  {"cut off" + object + trace + closed, "cut off" + strings.TrimSuffix(object, "\n")},
		"a failed job without a record": {failed + "{\n}\n", `[2026-03-01 12:00:00][7] Failed: App\Jobs\SendMail`},
		"a failed job of Laravel 9.21":  {"  2026-03-01 12:00:00 App\\Jobs\\SendMail 7 redis default ... 1.42ms FAIL\n\"} ", `2026-03-01 12:00:00 App\Jobs\SendMail 7 redis default ... 1.42ms FAIL`},
		"brackets behind a line":        {"No such host\n  )\n]\n\"}", "No such host"},
		"brackets alone":                {"[]", "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := gist(Clean(tc.output)); got != tc.want {
				t.Errorf("the gist is %q, want %q", got, tc.want)
			}
		})
	}
}
