// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"os/exec"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog/settings"
)

// TestTheNameOfTheApplicationBecomesAPrefix compares the settings with the real Laravel's
// Str::slug.
func TestTheNameOfTheApplicationBecomesAPrefix(t *testing.T) {
	t.Parallel()
	names := []string{
		"Laravel", "My Shop", "my_shop-2 (beta)", "Größe & Co.", "a@b", "  spaced  out ", "ÅÉÎØÜ ßœ", "100%", "shop.example.com",
		"UPPER_case-Mix", "--x--", "", "naïve café", "Łódź", "tab\there",
	}
	const program = `require "Illuminate/autoload.php";
foreach (array_slice($argv, 1) as $name) {
    echo Illuminate\Support\Str::slug($name, "_"), "\n", Illuminate\Support\Str::slug($name), "\n";
}`
	output, err := exec.Command("php", append([]string{"-r", program, "--"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
	for i, name := range names {
		if got := settings.Slug(name, "_"); got != want[2*i] {
			t.Errorf("Slug(%q, _) = %q; Laravel makes %q", name, got, want[2*i])
		}
		if got := settings.Slug(name, "-"); got != want[2*i+1] {
			t.Errorf("Slug(%q, -) = %q; Laravel makes %q", name, got, want[2*i+1])
		}
	}
}

func TestThePrefixIsFoundByItsKeys(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	client := server.client(t, "")
	lines := []string{"REDIS_HOST=127.0.0.1", "REDIS_PORT=" + portOf(server), "APP_NAME=My Shop"}
	config := protocol.ProbeConfig{Driver: protocol.DriverRedis}
	for name, tc := range map[string]struct {
		queue, key  string
		environment []string
		config      protocol.ProbeConfig
		says        string
	}{
		"an older application's":    {"older", "my_shop_database_queues:older", lines, config, "key prefix my_shop_database_ (Laravel's own"},
		"a newer application's":     {"newer", "my-shop-database-queues:newer", lines, config, "key prefix my-shop-database- (Laravel's own"},
		"one that was set":          {"set", "shop:queues:set", with(lines, "REDIS_PREFIX=shop:"), config, "key prefix shop:"},
		"none, by an empty setting": {"none", "queues:none", with(lines, "REDIS_PREFIX="), config, "no key prefix"},
		"one of the QueueApp": {
			"explicit", "qa:queues:explicit", with(lines, "REDIS_PREFIX=shop:"),
			protocol.ProbeConfig{Driver: protocol.DriverRedis, Redis: &protocol.RedisBackend{Prefix: new("qa:")}}, "key prefix qa:",
		},
		"one under another name": {
			"renamed", "other:queues:renamed", with(lines, "QUEUE_PREFIX=other:"),
			protocol.ProbeConfig{Driver: protocol.DriverRedis, Variables: map[string]string{"REDIS_PREFIX": "QUEUE_PREFIX"}}, "key prefix other:",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProbe(t, tc.config, tc.environment...)
			if document := p.ask(t, tc.queue); document.Reason != "" || document.Queues[0].Ready != 0 {
				t.Errorf("before there is a job: %+v", document)
			}
			if err := client.RPush(t.Context(), tc.key, `{"id":"a"}`).Err(); err != nil {
				t.Fatal(err)
			}
			var document protocol.Backlog
			await(t, "the job is found", p.process, func() error {
				if document = p.ask(t, tc.queue); document.Queues[0].Ready == 1 {
					return nil
				}
				return errWaiting
			})
			if !strings.Contains(document.Backend, tc.says) {
				t.Errorf("the backend is told as %q; want %q in it", document.Backend, tc.says)
			}
		})
	}
}
