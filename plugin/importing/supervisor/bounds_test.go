// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/plugin/importing/supervisor"
)

// repeat repeats a text that contains a number, with the numbers 0 to n-1.
func repeat(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// imported imports a file. It returns the number of pools, and how many bytes the import
// allocates until the YAML is written.
func imported(t *testing.T, in supervisor.Input) (pools int, allocated uint64, err error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	draft, err := supervisor.Import(in)
	if err == nil {
		_, err = manifest.Write(manifest.Assemble(draft, manifest.Settings{Images: map[string]string{"": "app:1"}}))
	}
	runtime.ReadMemStats(&after)
	return len(draft.Pools), after.TotalAlloc - before.TotalAlloc, err
}

// inMemory returns an input of files in memory. A file matches the pattern that is its
// name.
func inMemory(files map[string]string) supervisor.Input {
	read := func(name string) ([]byte, error) { return []byte(files[name]), nil }
	return supervisor.Input{
		Paths: []string{"worker.conf"}, Read: read, ReadIncluded: read,
		Glob: func(pattern string, _ *budget.Budget) ([]string, error) { return []string{pattern}, nil },
	}
}

// TestShortFilesAskForLittle has short files that need much more than their size. Each is
// imported with little memory, or refused with its file, its line and the bound.
func TestShortFilesAskForLittle(t *testing.T) {
	long := "[supervisord]\nenvironment=A=\"" + strings.Repeat("a", 50_000) + "\"\n"
	const worker = "[program:p%d]\ncommand=php artisan queue:work --queue=q%[1]d\n"
	for name, tc := range map[string]struct {
		content string
		// want are parts of the error; none if the file is imported.
		want []string
	}{
		"a variable in one command":    {long + "[program:a]\ncommand=" + strings.Repeat("%(ENV_A)s", 2000) + "\n", []string{"worker.conf line 4: command: ", "more than 67108864 bytes"}},
		"a variable in all commands":   {long + repeat("[program:p%d]\ncommand=a %%(ENV_A)s\n", 10_000), []string{"worker.conf line ", "more than 67108864 bytes"}},
		"a variable for all processes": {long + "[program:a]\nprocess_name=%(process_num)d\nnumprocs=1000\ncommand=php artisan queue:work %(process_num)d %(ENV_A)s %(ENV_A)s\n", []string{"worker.conf line 6: command: ", "more than 67108864 bytes"}},
		"all processes are alike":      {"[program:a]\nprocess_name=%(process_num)d\nnumprocs=1000\ncommand=php artisan queue:work\nenvironment=A=\"" + strings.Repeat("a", 50_000) + "\"\n", nil},
		"variables for all processes":  {"[program:a]\nprocess_name=%(process_num)d\nnumprocs=1000\ncommand=php artisan queue:work %(process_num)d\nenvironment=" + strings.TrimSuffix(repeat("A%d=1,", 20_000), ",") + "\n", []string{"worker.conf line ", "more than "}},
		"many variables":               {"[program:a]\ncommand=php artisan queue:work\nenvironment=" + strings.TrimSuffix(repeat("A%d=1,", 30_000), ",") + "\n", nil},
		"settings for all sections":    {"[DEFAULT]\n" + repeat("a%d=1\n", 3000) + repeat("[s%d]\n", 3000), []string{"worker.conf line ", "more than 2000000 steps"}},
		"a long text of all sections":  {"[DEFAULT]\nnumprocs=%(" + strings.Repeat("a", 400_000) + ")s\n" + repeat(worker, 3000), []string{"worker.conf line ", "more than 67108864 bytes"}},
		"a value of many lines":        {"[program:a]\ncommand=php artisan queue:work\nx=1\n" + strings.Repeat(" a\n", 200_000), nil},
		"many settings":                {"[program:a]\ncommand=php artisan queue:work\n" + repeat("a%d=1\n", 50_000), nil},
		"many sections":                {repeat(worker, 3) + repeat("[s%d]\n", 60_000), nil},
		"many members of a group":      {repeat(worker, 1) + "[group:g]\nprograms=" + strings.TrimSuffix(strings.Repeat("p0,", 100_000), ",") + "\n", nil},
		"many workers":                 {repeat(worker, 10_000), []string{"worker.conf line ", "more than 2000000 steps"}},
		"many workers of one name":     {repeat("[program:%d%[1]d-]\ncommand=php artisan queue:work\n", 3000), nil},
		"percent signs":                {"[program:a]\ncommand=" + strings.Repeat("%(", 400_000) + "\n", []string{"worker.conf line 2: command: ", "percent sign as %%"}},
		"many queues":                  {"[program:a]\ncommand=php artisan queue:work --queue=" + repeat("q%d,", 15_000) + "\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			const maxAllocated = 768 << 20
			_, allocated, err := imported(t, inMemory(map[string]string{"worker.conf": tc.content}))
			if allocated > maxAllocated {
				t.Errorf("importing %d bytes allocates %d MiB, want at most %d", len(tc.content), allocated>>20, maxAllocated>>20)
			}
			if tc.want == nil && err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 {
					t.Errorf("it says %.300v, want %q in it, in a sentence", err, want)
				}
			}
		})
	}
}

// TestAFileIsReadOnce includes a file many times, under several names.
func TestAFileIsReadOnce(t *testing.T) {
	in := inMemory(map[string]string{
		"worker.conf": "[include]\nfiles=" + strings.Repeat("a.conf ./a.conf ", 1000) + "\n",
		"a.conf":      "[program:a]\ncommand=php artisan queue:work\n",
	})
	reads := 0
	read := in.ReadIncluded
	in.ReadIncluded = func(name string) ([]byte, error) { reads++; return read(name) }
	pools, _, err := imported(t, in)
	if err != nil || pools != 1 || reads != 1 {
		t.Errorf("there are %d pools of %d reads (%v), want 1 of 1", pools, reads, err)
	}
}

// TestAllFilesShareOneBudget includes files that are small enough one by one.
func TestAllFilesShareOneBudget(t *testing.T) {
	files := map[string]string{"worker.conf": "[include]\nfiles=" + repeat("f%d ", 300) + "\n"}
	for i := range 300 {
		files[fmt.Sprintf("f%d", i)] = "[program:a]\n" + strings.Repeat("# "+strings.Repeat("a", 500)+"\n", 1000)
	}
	_, _, err := imported(t, inMemory(files))
	var exceeded *budget.ExceededError
	if !errors.As(err, &exceeded) || !strings.HasPrefix(err.Error(), "f1") || !strings.Contains(err.Error(), " line ") {
		t.Errorf("it says %v, want the file and the line at which a bound is exceeded", err)
	}
}

// TestAServerFullOfWorkersIsImported has more workers than any known server.
func TestAServerFullOfWorkersIsImported(t *testing.T) {
	variables := strings.TrimSuffix(repeat("VARIABLE_%d=\"value with blanks\",", 60), ",")
	content := "[supervisord]\nenvironment=" + variables + "\n" + repeat(
		"[program:p%d]\nprocess_name=%%(program_name)s_%%(process_num)02d\nnumprocs=8\ncommand=php /srv/shop/artisan queue:work redis --queue=q%[1]d --tries=3\nstopwaitsecs=3600\nstdout_logfile=/var/log/%[1]d.log\nenvironment=OWN=\"%[1]d\"\n", 300) +
		"[program:many]\nprocess_name=%(process_num)d\nnumprocs=1000\ncommand=php /srv/shop/artisan queue:work redis --queue=shard-%(process_num)d\n"
	pools, _, err := imported(t, inMemory(map[string]string{"worker.conf": content}))
	if err != nil || pools != 1300 {
		t.Errorf("there are %d pools (%v), want 1300", pools, err)
	}
}
