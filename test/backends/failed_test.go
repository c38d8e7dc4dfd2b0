// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/protocol"
)

// failed asks for failed jobs, and returns the status and the list.
func (p *probe) failed(t *testing.T, as *http.Client, request protocol.FailedRequest) (int, protocol.FailedList) {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	post, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+p.operator+protocol.FailedPath, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	post.Header.Set(protocol.PodUIDHeader, "uid-1")
	response, err := as.Do(post)
	if err != nil {
		t.Fatalf("%v\n%s", err, p.output())
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	mustNotTell(t, "the list", string(text))
	if len(text) > protocol.MaxFailedBytes || !utf8.Valid(text) {
		t.Errorf("the list has %d bytes, in UTF-8: %t", len(text), utf8.Valid(text))
	}
	var list protocol.FailedList
	if response.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
	}
	return response.StatusCode, list
}

// page asks with the right key and requires a list.
func (p *probe) page(t *testing.T, request protocol.FailedRequest) protocol.FailedList {
	t.Helper()
	status, list := p.failed(t, p.asOperator, request)
	if status != http.StatusOK || list.Reason != "" {
		t.Fatalf("status %d, %s: %s", status, list.Reason, list.Message)
	}
	return list
}

// all reads all pages.
func (p *probe) all(t *testing.T, request protocol.FailedRequest) (jobs []protocol.FailedJob, pages int) {
	t.Helper()
	for {
		list := p.page(t, request)
		jobs, pages = append(jobs, list.Jobs...), pages+1
		if request.Continue = list.Continue; request.Continue == "" {
			return jobs, pages
		}
	}
}

// TestFailedJobsOfARealApplication lets jobs of the application fail, with its queues in
// the database and in Redis. It lists them, with their ids as queue:retry takes them.
func TestFailedJobsOfARealApplication(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		server *sqlServer
		driver protocol.Driver
		redis  bool
	}{
		"PostgreSQL":            {thePostgreSQL(t), protocol.DriverDatabase, false},
		"MariaDB":               {theMariaDB(t), protocol.DriverDatabase, false},
		"Redis with PostgreSQL": {thePostgreSQL(t), protocol.DriverRedis, true},
		"Redis with MariaDB":    {theMariaDB(t), protocol.DriverRedis, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environment := append(tc.server.environment(), "QUEUE_FAILED_DRIVER=database-uuids", "QUEUE_CONNECTION=database")
			environment = append(environment, theRedis(t).environment()...)
			if tc.redis {
				environment = append(environment, "QUEUE_CONNECTION=redis")
			}
			queue := "failing-" + strings.ToLower(strings.ReplaceAll(name, " ", "-"))
			app := newLaravel(t, environment)
			app.artisan(t, nil, "demo:dispatch", "failing", "--uncounted", "--queue="+queue, "--count=7")
			app.artisan(t, nil, "queue:work", "--queue="+queue, "--stop-when-empty", "--tries=1")
			probe := startProbe(t, protocol.ProbeConfig{Driver: tc.driver}, environment...)
			jobs, pages := probe.all(t, protocol.FailedRequest{Queue: queue, Limit: 3})
			if len(jobs) != 7 || pages != 3 {
				t.Fatalf("%d failed jobs on %d pages, want 7 on 3", len(jobs), pages)
			}
			first := jobs[0]
			at, err := time.Parse(time.RFC3339, first.FailedAt)
			if err != nil || time.Since(at) < 0 || time.Since(at) > time.Hour {
				t.Errorf("it failed at %q, want a moment ago: %v", first.FailedAt, err)
			}
			connection := "database"
			if tc.redis {
				connection = "redis"
			}
			if len(first.ID) != 36 || first.Class != `App\Jobs\FailingJob` || first.Queue != queue || first.Connection != connection ||
				!strings.HasPrefix(first.Exception, "RuntimeException: Attempt 1 failed as it was told to.") {
				t.Errorf("a failed job is %+v", first)
			}
			app.artisan(t, nil, "queue:retry", first.ID)
			if left, _ := probe.all(t, protocol.FailedRequest{Queue: queue, Limit: 100}); len(left) != 6 {
				t.Errorf("%d failed jobs are left after one was retried by its id, want 6", len(left))
			}
		})
	}
}

// insertFailed inserts a failed job without changes.
func (s *sqlServer) insertFailed(t *testing.T, table, uuid, queue, payload, exception string) {
	t.Helper()
	text := "INSERT INTO " + table + " (uuid, connection, queue, payload, exception) VALUES (?, 'database', ?, ?, ?)"
	if s.kind == protocol.DatabasePostgreSQL {
		text = "INSERT INTO " + table + " (uuid, connection, queue, payload, exception) VALUES ($1, 'database', $2, $3, $4)"
	}
	if _, err := s.admin.Exec(text, uuid, queue, payload, exception); err != nil {
		t.Fatal(err)
	}
}

// failedTable creates an empty table of failed jobs for one test.
func (s *sqlServer) failedTable(t *testing.T, name string) {
	t.Helper()
	if s.kind == protocol.DatabasePostgreSQL {
		s.exec(t, "CREATE TABLE "+name+" (LIKE failed_jobs INCLUDING ALL)", "ALTER TABLE "+name+" OWNER TO laravel")
	} else {
		s.exec(t, "CREATE TABLE "+name+" LIKE failed_jobs")
	}
	t.Cleanup(func() { s.exec(t, "DROP TABLE "+name) })
}

func (s *sqlServer) listing(t *testing.T, table string, environment ...string) *probe {
	t.Helper()
	return startProbe(t, protocol.ProbeConfig{Driver: protocol.DriverDatabase, Database: &protocol.DatabaseBackend{FailedTable: table}},
		append(s.environment(), environment...)...)
}

func TestFailedJobsAreSearched(t *testing.T) {
	t.Parallel()
	for _, server := range []*sqlServer{thePostgreSQL(t), theMariaDB(t)} {
		t.Run(string(server.kind), func(t *testing.T) {
			t.Parallel()
			server.failedTable(t, "searched")
			payload := func(class string) string {
				name, _ := json.Marshal(class)
				return `{"uuid":"u","displayName":` + string(name) + `,"job":"Illuminate\\Queue\\CallQueuedHandler@call","data":{"secret":"smtp"}}`
			}
			server.insertFailed(t, "searched", "0f8fad5b-d9cb-469f-a165-70867728950e", "emails", payload(`App\Jobs\SendMail`), "Swift_TransportException: 100% SMTP failure\n#0 stack of Redis")
			server.insertFailed(t, "searched", "1f8fad5b-d9cb-469f-a165-70867728950e", "reports", payload(`App\Jobs\Report`), "RedisException: it's gone!\n#0 smtp")
			server.insertFailed(t, "searched", "2f8fad5b-d9cb-469f-a165-70867728950e", "high", `no JSON "displayName" smtp`, "")
			probe := server.listing(t, "searched")
			for search, want := range map[string]string{
				"":                  "high reports emails",
				"smtp":              "emails", // only the first line of the exception, and only the class of the payload
				`App\Jobs\`:         "reports emails",
				`app\jobs\sendmail`: "emails",
				"100%":              "emails",
				"%":                 "emails",
				"_":                 "emails",
				"!":                 "reports",
				"'":                 "reports",
				"it's gone":         "reports",
				"REPORT":            "reports",
				"2f8fad5b":          "high",
				"displayName":       "",
				`\`:                 "reports emails",
				`";DROP TABLE x;--`: "",
				"€":                 "",
			} {
				jobs, _ := probe.all(t, protocol.FailedRequest{Search: search, Limit: 2})
				var got []string
				for _, job := range jobs {
					got = append(got, job.Queue)
				}
				if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
					t.Errorf("search %q (-want +got):\n%s", search, diff)
				}
			}
			if jobs, _ := probe.all(t, protocol.FailedRequest{Queue: "reports", Search: "smtp", Limit: 2}); len(jobs) != 0 {
				t.Errorf("a search within a queue finds %+v", jobs)
			}
		})
	}
}

func TestHostileFailedJobsAreListed(t *testing.T) {
	t.Parallel()
	for _, server := range []*sqlServer{thePostgreSQL(t), theMariaDB(t)} {
		t.Run(string(server.kind), func(t *testing.T) {
			t.Parallel()
			server.failedTable(t, "hostile")
			huge := `{"displayName":"App\\Jobs\\Huge","data":"` + strings.Repeat("x", 4<<20) + `"}`
			for i, tc := range []struct{ payload, exception string }{
				{huge, strings.Repeat("é", 2<<20)},
				{`{"displayName":7}`, "\n\n  \n"},
				{`{"displayName":"a\nb\u0007\u202e"}`, "\x1b[31mred\x1b[0m\x07\r\nsecond"},
				{`{"displayName":"cut off`, "PDOException: password " + canary + " refused"},
				{"", ""},
				{`{"data":"` + strings.Repeat(`\"`, 2000) + `"displayName":"App\\Late"}`, strings.Repeat("w", 2000)},
			} {
				server.insertFailed(t, "hostile", fmt.Sprintf("%08d-d9cb-469f-a165-70867728950e", i), "q", tc.payload, tc.exception)
			}
			jobs, _ := server.listing(t, "hostile").all(t, protocol.FailedRequest{Limit: 100})
			var got []string
			for _, job := range jobs {
				got = append(got, job.ID[:8]+" "+job.Class+" "+job.Exception)
			}
			want := []string{
				"00000005  " + strings.Repeat("w", 299) + "…", "00000004  ", "00000003  PDOException: password *** refused",
				"00000002 a b [31mred [0m", "00000001  ", `00000000 App\Jobs\Huge ` + strings.Repeat("é", 299) + "…",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFailedJobsInAnotherCharacterSet lists jobs that are not UTF-8.
func TestFailedJobsInAnotherCharacterSet(t *testing.T) {
	t.Parallel()
	server := theMariaDB(t)
	server.exec(t, "CREATE TABLE latin (id BIGINT PRIMARY KEY AUTO_INCREMENT, connection TEXT, queue TEXT, payload LONGBLOB, exception LONGBLOB, failed_at TIMESTAMP)",
		`INSERT INTO latin (connection, queue, payload, exception, failed_at) VALUES ('database', 'q', X'7B22646973706C61794E616D65223A22FF417070227D', X'FF66616C6C656EFE0A00', '2026-01-02 03:04:05')`)
	t.Cleanup(func() { server.exec(t, "DROP TABLE latin") })
	probe := server.listing(t, "latin")
	want := []protocol.FailedJob{{ID: "1", Class: "App", Connection: "database", Queue: "q", FailedAt: "2026-01-02T03:04:05Z", Exception: "fallen"}}
	for _, search := range []string{"", "allen"} {
		jobs, _ := probe.all(t, protocol.FailedRequest{Limit: 5, Search: search})
		if diff := cmp.Diff(want, jobs); diff != "" {
			t.Errorf("search %q, of a table without UUIDs (-want +got):\n%s", search, diff)
		}
	}
}

func TestFailedJobsAreKnownByTheirNumberWithoutUUIDs(t *testing.T) {
	t.Parallel()
	server := thePostgreSQL(t)
	server.failedTable(t, "numbered")
	server.insertFailed(t, "numbered", "0f8fad5b-d9cb-469f-a165-70867728950e", "q", "{}", "")
	jobs, _ := server.listing(t, "numbered", "QUEUE_FAILED_DRIVER=database").all(t, protocol.FailedRequest{Limit: 5})
	if len(jobs) != 1 || strings.Contains(jobs[0].ID, "-") {
		t.Errorf("with the driver database the jobs are %+v, want one known by its number", jobs)
	}
}

func TestOnlyWhoKnowsTheKeyGetsFailedJobs(t *testing.T) {
	t.Parallel()
	server := thePostgreSQL(t)
	server.failedTable(t, "guarded")
	server.insertFailed(t, "guarded", "0f8fad5b-d9cb-469f-a165-70867728950e", "q", "{}", "")
	probe := server.listing(t, "guarded")
	if status, list := probe.failed(t, probe.anyone, protocol.FailedRequest{Limit: 1}); status != http.StatusUnauthorized || len(list.Jobs) != 0 {
		t.Errorf("with another key the status is %d and the list %+v", status, list)
	}
	if list := probe.page(t, protocol.FailedRequest{Limit: 1}); len(list.Jobs) != 1 {
		t.Errorf("with the right key the list is %+v", list)
	}
}

func TestWhatKeepsFailedJobsFromBeingListedIsSaid(t *testing.T) {
	t.Parallel()
	server := thePostgreSQL(t)
	redis := theRedis(t).environment()
	for name, tc := range map[string]struct {
		driver      protocol.Driver
		environment []string
		table       string
		reason      protocol.BacklogError
		says        string
	}{
		"a Redis application without a database": {protocol.DriverRedis, redis, "", protocol.BacklogMisconfigured, "It is not known which database the failed jobs are in."},
		"an application that keeps none":         {protocol.DriverRedis, append(redis, "QUEUE_FAILED_DRIVER=null"), "", protocol.BacklogMisconfigured, "keeps no failed jobs"},
		"failed jobs in a file":                  {protocol.DriverRedis, append(redis, "QUEUE_FAILED_DRIVER=file"), "", protocol.BacklogMisconfigured, "keeps its failed jobs in file"},
		"a table that is not there":              {protocol.DriverDatabase, server.environment(), "nowhere", protocol.BacklogNotFound, "queue:failed-table"},
		"a table of another kind":                {protocol.DriverDatabase, server.environment(), "migrations", protocol.BacklogUnreadable, "lacks columns"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := protocol.ProbeConfig{Driver: tc.driver}
			if tc.table != "" {
				config.Database = &protocol.DatabaseBackend{FailedTable: tc.table}
			}
			probe := startProbe(t, config, tc.environment...)
			_, list := probe.failed(t, probe.asOperator, protocol.FailedRequest{Limit: 1})
			if list.Reason != tc.reason || !strings.Contains(list.Message, tc.says) || !strings.HasSuffix(list.Message, ".") {
				t.Errorf("%s: %s; want %s and %q", list.Reason, list.Message, tc.reason, tc.says)
			}
		})
	}
}

// TestAHundredThousandFailedJobs lists the jobs page by page. It searches them for a job
// among the oldest and for a job that does not exist.
func TestAHundredThousandFailedJobs(t *testing.T) {
	t.Parallel()
	const count, walked = 100_000, 100
	for _, server := range []*sqlServer{thePostgreSQL(t), theMariaDB(t)} {
		t.Run(string(server.kind), func(t *testing.T) {
			t.Parallel()
			server.failedTable(t, "many")
			series, uuid := "(SELECT seq AS n FROM seq_1_to_100000) AS s", "UUID()"
			if server.kind == protocol.DatabasePostgreSQL {
				series, uuid = "generate_series(1, 100000) AS s(n)", "gen_random_uuid()"
			}
			server.exec(t, `INSERT INTO many (uuid, connection, queue, payload, exception) SELECT `+uuid+`, 'redis', 'emails',
				CONCAT('{"displayName":"App`+strings.Repeat(`\`, server.slashes())+`Jobs`+strings.Repeat(`\`, server.slashes())+`Job', n, '","data":"', REPEAT('x', 1000), '"}'),
				CONCAT('RuntimeException: failure number ', n, CHR(10), REPEAT('#0 /app/vendor/laravel ', 200)) FROM `+series)
			probe := server.listing(t, "many")
			var longest time.Duration
			timed := func(request protocol.FailedRequest) protocol.FailedList {
				began := time.Now()
				list := probe.page(t, request)
				longest = max(longest, time.Since(began))
				return list
			}
			request, seen, pages := protocol.FailedRequest{Limit: 100}, map[string]bool{}, 0
			for pages < walked {
				list := timed(request)
				if list.Total == nil || *list.Total != count {
					t.Fatalf("the total is %v, want %d", list.Total, count)
				}
				for _, job := range list.Jobs {
					seen[job.ID] = true
				}
				if pages++; list.Continue == "" {
					break
				}
				request.Continue = list.Continue
			}
			if len(seen) != 100*walked || pages != walked {
				t.Errorf("%d different jobs on %d pages, want %d on %d", len(seen), pages, 100*walked, walked)
			}
			began := time.Now()
			found, searched := probe.all(t, protocol.FailedRequest{Search: "failure number 17", Queue: "emails", Limit: 100})
			if len(found) != 1+10+100+1000 {
				t.Errorf("%d jobs were found by their exception, want 1111", len(found))
			}
			took := time.Since(began)
			nothing := time.Now()
			none, empty := probe.all(t, protocol.FailedRequest{Search: "not there", Limit: 100})
			if len(none) != 0 {
				t.Errorf("what is not there was found: %+v", none)
			}
			t.Logf("longest page of %d: %s; search with 1,111 hits: %d pages, %s; without a hit: %d pages, %s",
				pages, longest.Round(time.Millisecond), searched, took.Round(time.Millisecond), empty, time.Since(nothing).Round(time.Millisecond))
			if longest > 5*time.Second {
				t.Errorf("a page took %s", longest)
			}
		})
	}
}

// slashes returns how many backslashes an SQL text of this server needs for two
// backslashes.
func (s *sqlServer) slashes() int {
	if s.kind == protocol.DatabasePostgreSQL {
		return 2
	}
	return 4
}
