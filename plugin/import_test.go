// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"queueworker.dev/queueworker/plugin"
	"queueworker.dev/queueworker/plugin/cli"
)

const worker = `[program:emails]
command=php /srv/shop/artisan queue:work redis --queue=emails --timeout=100
stopwaitsecs=5
`

// TestImportSaysWhatIsWrong checks the exit code and the words for every way in which an
// import can end.
func TestImportSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		arguments string
		wantCode  int
		// wantOut and wantErr are parts of the output; an empty wantOut means no output.
		wantOut, wantErr string
	}{
		"done":                 {"supervisor worker.conf --image=shop:1", cli.CodeOK, "queue: emails\n", "1 QueueWorker of 1 QueueApp imported."},
		"what needs a look":    {"supervisor worker.conf --image=shop:1", cli.CodeOK, "queue: emails\n", "worker.conf line 3: stopwaitsecs=5: a job may run for 1m40s"},
		"a worker left out":    {"supervisor lost.conf worker.conf --image=shop:1", cli.CodeOK, "queue: emails\n", "lost.conf line 1: [program:lost] is left out: it runs the script run.sh"},
		"a namespace":          {"supervisor worker.conf --image=shop:1 -n shop", cli.CodeOK, "  namespace: shop\n", ""},
		"an image of its own":  {"supervisor worker.conf --image=/srv/shop=shop:1 --image=other:1", cli.CodeOK, "image: shop:1\n", ""},
		"a driver":             {"supervisor worker.conf --image=shop:1 --driver=redis --retry-after=3m", cli.CodeOK, "    driver: Redis\n    retryAfter: 3m\n", ""},
		"drivers that differ":  {"supervisor two.conf --image=shop:1 --driver=Redis --driver=sqs=none", cli.CodeOK, "    name: sqs\n    driver: None\n", "2 QueueWorkers of 2 QueueApps imported.\n"},
		"one for both":         {"supervisor two.conf --image=shop:1 --driver=Redis", cli.CodeOK, "    name: sqs\n    driver: Redis\n", "it is Redis, though the connection is named after another backend"},
		"one for several":      {"supervisor own.conf --image=shop:1 --driver=Database", cli.CodeOK, "    name: mails\n    driver: Database\n", "it is Database, as --driver says of all 2 connections; if that is wrong, give the connection its own driver, such as --driver=mails=None"},
		"a short retry_after":  {"supervisor own.conf --image=shop:1 --driver=None --retry-after=60s", cli.CodeOK, "    retryAfter: 1m\n", "connection.retryAfter: it is 1m here"},
		"another for Horizon":  {"horizon horizon.php --image=shop:1 --driver=redis=None", cli.CodeOK, "driver: None\n", "imported."},
		"settings":             {"supervisor worker.conf --image=shop:1 --env-from=configmap/shop", cli.CodeOK, "        - configMapRef:\n            name: shop\n", ""},
		"no image":             {"supervisor worker.conf", cli.CodeUsage, "", "which image has the application of /srv/shop? Give it with --image=IMAGE"},
		"no file":              {"supervisor missing.conf --image=shop:1", cli.CodeFailed, "", "nothing was imported: read missing.conf: no such file or directory"},
		"no file named":        {"supervisor", cli.CodeUsage, "", "requires at least 1 arg"},
		"a directory":          {"supervisor . --image=shop:1", cli.CodeFailed, "", "read .: is a directory"},
		"a broken file":        {"supervisor broken.conf --image=shop:1", cli.CodeFailed, "", "nothing was imported: broken.conf line 2:"},
		"one of two is broken": {"supervisor worker.conf broken.conf --image=shop:1", cli.CodeFailed, "", "nothing was imported: broken.conf line 2:"},
		"no worker":            {"supervisor nginx.conf --image=shop:1", cli.CodeFailed, "", "nothing was imported: no queue worker was found"},
		"no worker, and why":   {"supervisor nginx.conf --image=shop:1", cli.CodeFailed, "", "[program:nginx] is left out: its command is no queue worker: nginx"},
		"a format":             {"supervisor worker.conf --image=shop:1 -o json", cli.CodeUsage, "", "--output must be yaml"},
		"a driver not known":   {"supervisor worker.conf --image=shop:1 --driver=Kafka", cli.CodeUsage, "", "--driver must be Redis, Database or None"},
		"settings nowhere":     {"supervisor worker.conf --image=shop:1 --env-from=shop", cli.CodeUsage, "", "--env-from must be secret/NAME or configmap/NAME"},
		"a name that is none":  {"supervisor worker.conf --image=shop:1 --app-name=Shop_1", cli.CodeUsage, "", "--app-name must be"},
		"half a second":        {"supervisor worker.conf --image=shop:1 --retry-after=1500ms", cli.CodeUsage, "", "--retry-after must be in whole seconds"},
		"Horizon":              {"horizon horizon.php --image=shop:1", cli.CodeOK, "driver: Redis\n", "1 QueueWorker of 1 QueueApp imported."},
		"a list in a variable": {"horizon list.php --image=shop:1 --env QUEUES=a,b", cli.CodeOK, "queue: a,b\n", ""},
		"no variable":          {"horizon list.php --image=shop:1 --env QUEUES", cli.CodeUsage, "", "--env must be KEY=VALUE"},
		"another environment":  {"horizon horizon.php --image=shop:1 --environment=local", cli.CodeFailed, "", "horizon.php has no environment local. It has production; choose one with --environment"},
		"PHP that is none":     {"horizon worker.conf --image=shop:1", cli.CodeFailed, "", "worker.conf line 1: the file returns nothing that can be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for file, content := range map[string]string{
				"worker.conf": worker,
				"two.conf":    "[program:a]\ncommand=php artisan queue:work redis\n[program:b]\ncommand=php artisan queue:work sqs\n",
				"own.conf":    "[program:a]\ncommand=php artisan queue:work orders\n[program:b]\ncommand=php artisan queue:work mails\n",
				"broken.conf": "[program:a]\nnumprocs 8\n",
				"lost.conf":   "[program:lost]\ncommand=sh run.sh queue:work\n",
				"nginx.conf":  "[program:nginx]\ncommand=nginx -g 'daemon off;'\n",
				"list.php":    "<?php return ['environments' => ['production' => ['a' => ['connection' => 'redis', 'queue' => explode(',', env('QUEUES'))]]]];",
				"horizon.php": "<?php return ['environments' => ['production' => ['a' => ['connection' => 'redis', 'queue' => 'a']]]];",
			} {
				if err := os.WriteFile(filepath.Clean(file), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			streams, _, out, errOut := genericiooptions.NewTestIOStreams()
			root := plugin.NewRootCommand(cli.NewDeps(streams, "test"))
			root.SetArgs(append([]string{"import"}, strings.Fields(tc.arguments)...))
			code, said := cli.CodeOK, ""
			if err := root.ExecuteContext(t.Context()); err != nil {
				code, said = cli.Explain(err)
			}
			said = errOut.String() + said
			if code != tc.wantCode {
				t.Errorf("it ends with %d, want %d", code, tc.wantCode)
			}
			if !strings.Contains(said, tc.wantErr) {
				t.Errorf("it says %q, want %q in it", said, tc.wantErr)
			}
			if !strings.Contains(out.String(), tc.wantOut) || tc.wantOut == "" && out.Len() > 0 {
				t.Errorf("it prints %q, want %q", out, tc.wantOut)
			}
		})
	}
}
