// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/queuecommand"
	"queueworker.dev/queueworker/test/fakecluster"
)

// fakeTable is an operator that lists a number of failed jobs; asked counts the pages.
func fakeTable(jobs int64, asked *int) interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			command, ok := object.(*v1alpha1.QueueCommand)
			if !ok {
				return fmt.Errorf("%T is no QueueCommand", object)
			}
			*asked++
			from, _ := strconv.ParseInt(command.Spec.Continue, 10, 64)
			to := min(jobs, from+int64(*command.Spec.Limit))
			command.Status.State, command.Status.Total = v1alpha1.CommandSucceeded, &jobs
			for i := from; i < to; i++ {
				command.Status.FailedJobs = append(command.Status.FailedJobs, v1alpha1.FailedJob{ID: fmt.Sprint("job-", i)})
			}
			if to < jobs {
				command.Status.Continue = strconv.FormatInt(to, 10)
			}
			return c.Create(ctx, object, options...)
		},
	}
}

// counting counts the writes.
type counting struct {
	bytes.Buffer
	times int
}

func (c *counting) Write(data []byte) (int, error) {
	c.times++
	return c.Buffer.Write(data)
}

func TestFailedJobsAreListedPageByPage(t *testing.T) {
	tests := map[string]struct {
		arguments string
		jobs      int64
		wantPages int
		wantJobs  int
		wantNote  string
	}{
		"a table ends at a hundred":  {"", 250, 1, 100, "100 of 250 failed jobs are shown; --limit 0 shows all.\n"},
		"a table of all":             {"--limit 0", 250, 3, 250, ""},
		"a table of some":            {"--limit 120", 250, 2, 120, "120 of 250 failed jobs are shown; --limit 0 shows all.\n"},
		"a table of what is sought":  {"--search x", 250, 1, 100, "100 failed jobs are shown, and there may be more; --limit 0 shows all.\n"},
		"a table of exactly all":     {"", 100, 1, 100, ""},
		"more than anybody counted":  {"", 100_000, 1, 100, "100 of 100000 or more failed jobs are shown; --limit 0 shows all.\n"},
		"none":                       {"", 0, 1, 0, "There are no failed jobs.\n"},
		"names are for programs":     {"-o name", 250, 3, 250, ""},
		"and so are documents":       {"-o jsonpath={.status.failedJobs[*].id}", 250, 3, 250, ""},
		"a document, up to a number": {"-o jsonpath={.status.failedJobs[*].id} --limit 101", 250, 2, 101, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pages := 0
			cluster := fakecluster.New(t, fakeTable(tc.jobs, &pages))
			var out counting
			var said bytes.Buffer
			f := &failedList{Command: queuecommand.Command{Deps: &cli.Deps{Streams: genericiooptions.IOStreams{Out: &out, ErrOut: &said}, Now: time.Now}}}
			cmd := f.command(func(cmd *cobra.Command) error { return f.list(cmd.Context(), cluster) })
			cmd.SetArgs(strings.Fields(tc.arguments))
			if err := cmd.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(out.String(), "job-"); pages != tc.wantPages || got != tc.wantJobs || said.String() != tc.wantNote {
				t.Errorf("asked for %d pages, shown %d jobs, said %q", pages, got, &said)
			}
			if headings := strings.Count(out.String(), "EXCEPTION"); headings > 1 {
				t.Errorf("%d headings", headings)
			}
			if lines := !strings.Contains(tc.arguments, "jsonpath"); lines && out.times < pages && tc.jobs > 0 {
				t.Errorf("%d pages were printed in %d pieces", pages, out.times)
			}
		})
	}
}

// TestHoursTellsWhatItNeeds: an older application does not have this option.
func TestHoursTellsWhatItNeeds(t *testing.T) {
	flag := newFailedFlush(&cli.Deps{}).Flags().Lookup("hours")
	if flag == nil || !strings.Contains(flag.Usage, "Laravel 9 or later") {
		t.Errorf("the flag is %+v", flag)
	}
}
