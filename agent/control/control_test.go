// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package control_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/agent/control"
	"queueworker.dev/queueworker/api/protocol"
)

func document(revision int64, token string) *protocol.Control {
	return &protocol.Control{Revision: revision, RestartToken: token}
}

func TestChoose(t *testing.T) {
	tests := map[string]struct {
		pool, own *protocol.Control
		want      string
	}{
		"nothing yet":                        {},
		"the pool's alone":                   {pool: document(5, "pool"), want: "pool"},
		"the pod's own alone":                {own: document(5, "own"), want: "own"},
		"the pod's own of the same revision": {pool: document(5, "pool"), own: document(5, "own"), want: "own"},
		"the pod's own of a higher revision": {pool: document(5, "pool"), own: document(6, "own"), want: "own"},
		"the pod's own of a lower revision":  {pool: document(5, "pool"), own: document(4, "own"), want: "pool"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if chosen := control.Choose(tc.pool, tc.own); chosen != nil {
				got = chosen.RestartToken
			}
			if got != tc.want {
				t.Errorf("obeyed is the document %q, want %q", got, tc.want)
			}
		})
	}
}

// TestADocumentThatIsWrittenAgainIsObeyed: another client writes documents with any
// revision, and the operator writes its own again.
func TestADocumentThatIsWrittenAgainIsObeyed(t *testing.T) {
	type files struct{ pool, own string }
	steps := []struct {
		what string
		files
		revision  int64
		paused    bool
		wantError string
	}{
		{"as the operator wrote it", files{`{"revision":3}`, `{"revision":3}`}, 3, false, ""},
		{"the pool's has the highest revision", files{`{"revision":9007199254740992,"paused":true}`, `{"revision":3}`}, 9007199254740992, true, ""},
		{"the pool's is written again", files{`{"revision":4}`, `{"revision":3}`}, 4, false, ""},
		{"the pool's has a revision that is too high", files{`{"revision":9007199254740993,"paused":true}`, `{"revision":3}`}, 4, false, "revisions end at 9007199254740992"},
		{"the pod's own has the highest revision", files{`{"revision":4}`, `{"revision":9223372036854775807,"paused":true}`}, 9223372036854775807, true, ""},
		{"the pod's own is written again with the same", files{`{"revision":4}`, `{"revision":9223372036854775807}`}, 9223372036854775807, false, ""},
		{"the pod's own is written again with a lower one", files{`{"revision":4,"paused":true}`, `{"revision":3}`}, 4, true, ""},
		{"both are gone", files{"", ""}, 4, true, ""},
	}
	dir := t.TempDir()
	reader := control.NewReader(dir)
	for _, step := range steps {
		for file, content := range map[string]string{protocol.ControlFile: step.pool, protocol.ControlPodFile: step.own} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := reader.Read()
		if (err != nil) != (step.wantError != "") || err != nil && !strings.Contains(err.Error(), step.wantError) {
			t.Errorf("%s: the error is %v; want %q", step.what, err, step.wantError)
		}
		if got == nil || got.Revision != step.revision || got.Paused != step.paused {
			t.Errorf("%s: obeyed is %+v; want revision %d, paused %t", step.what, got, step.revision, step.paused)
		}
	}
}

func TestReaderBoundsAndReportsWhatItReads(t *testing.T) {
	tests := map[string]struct {
		pool, own string // "-" means no file
		revision  int64
		cordoned  bool
		wantError string
	}{
		"no files":                               {pool: "-", own: "-"},
		"the pool's alone":                       {pool: `{"revision":3}`, own: "-", revision: 3},
		"the pod's own is empty":                 {pool: `{"revision":3}`, own: "", revision: 3},
		"a cordon by a newer operator's rules":   {pool: `{"revision":3}`, own: `{"revision":4,"cordoned":true,"until":"never"}`, revision: 4, cordoned: true},
		"a cordon that is no boolean":            {pool: `{"revision":3}`, own: `{"revision":4,"cordoned":"yes"}`, revision: 3, wantError: "pod.json is no control document"},
		"un-cordoned by a higher revision":       {pool: `{"revision":3}`, own: `{"revision":5}`, revision: 5},
		"the pod's own is ahead":                 {pool: `{"revision":3}`, own: `{"revision":4,"paused":true}`, revision: 4},
		"fields of a newer operator":             {pool: `{"revision":3,"surprise":{"a":[1]}}`, own: "\n", revision: 3},
		"half a document":                        {pool: `{"revi`, own: "-", wantError: "pool.json is no control document"},
		"a bad own leaves the pool's in force":   {pool: `{"revision":3}`, own: `[]`, revision: 3, wantError: "pod.json is no control document"},
		"revision zero":                          {pool: `{"paused":true}`, own: "-", wantError: "revisions begin at 1"},
		"a document that is too large":           {pool: `{"revision":3,"x":"` + strings.Repeat("x", protocol.MaxControlBytes) + `"}`, own: "-", wantError: "is larger than 16384 bytes"},
		"an own one of the same revision counts": {pool: `{"revision":3}`, own: `{"revision":3}`, revision: 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range map[string]string{protocol.ControlFile: tc.pool, protocol.ControlPodFile: tc.own} {
				if content == "-" {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := control.NewReader(dir).Read()
			if (err != nil) != (tc.wantError != "") || err != nil && !strings.Contains(err.Error(), tc.wantError) {
				t.Errorf("the error is %v; want %q", err, tc.wantError)
			}
			if (got != nil) != (tc.revision != 0) || got != nil && (got.Revision != tc.revision || got.Cordoned != tc.cordoned) {
				t.Errorf("obeyed is %+v; want revision %d", got, tc.revision)
			}
		})
	}
}

// Instructions for one pod stay in force while the pool's document is newer than its own.
func TestReaderKeepsWhatIsThePodsOwn(t *testing.T) {
	tests := map[string]struct {
		pool, own string
		want      protocol.Control
	}{
		"cordoned": {
			pool: `{"revision":5}`, own: `{"revision":4,"cordoned":true}`,
			want: protocol.Control{Revision: 5, Cordoned: true},
		},
		"paused alone": {
			pool: `{"revision":5}`, own: `{"revision":4,"paused":true,"podPaused":true}`,
			want: protocol.Control{Revision: 5, Paused: true, PodPaused: true},
		},
		"paused with the pool, which is resumed": {
			pool: `{"revision":5}`, own: `{"revision":4,"paused":true}`,
			want: protocol.Control{Revision: 5},
		},
		"tokens": {
			pool: `{"revision":5,"killToken":"k"}`, own: `{"revision":4,"podRestartToken":"r","podKillToken":"p"}`,
			want: protocol.Control{Revision: 5, KillToken: "k", PodRestartToken: "r", PodKillToken: "p"},
		},
		"the newer own one says it itself": {
			pool: `{"revision":4,"paused":true}`, own: `{"revision":5}`,
			want: protocol.Control{Revision: 5},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range map[string]string{protocol.ControlFile: tc.pool, protocol.ControlPodFile: tc.own} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := control.NewReader(dir).Read()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, *got); diff != "" {
				t.Errorf("obeyed is another document (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWatchHearsTheKubeletsSwap renames a link to a new directory, as the kubelet does.
func TestWatchHearsTheKubeletsSwap(t *testing.T) {
	dir := t.TempDir()
	swap := func(revision int) {
		t.Helper()
		folder := fmt.Sprintf("..%d", revision)
		content := fmt.Appendf(nil, `{"revision":%d}`, revision)
		for _, err := range []error{
			os.Mkdir(filepath.Join(dir, folder), 0o755),
			os.WriteFile(filepath.Join(dir, folder, protocol.ControlFile), content, 0o644),
			os.Symlink(folder, filepath.Join(dir, "..data_tmp")),
			os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	swap(1)
	if err := os.Symlink("..data/"+protocol.ControlFile, filepath.Join(dir, protocol.ControlFile)); err != nil {
		t.Fatal(err)
	}
	changes := make(chan control.Change, 100)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // less than pollEvery, so that only inotify can report the swap
	defer cancel()
	go control.Watch(ctx, dir, func(change control.Change) { changes <- change })
	for revision := 1; revision <= 5; revision++ {
		if revision > 1 {
			swap(revision)
		}
		for seen := int64(0); seen < int64(revision); {
			select {
			case change := <-changes:
				if change.Err != nil {
					t.Fatal(change.Err)
				}
				seen = change.Document.Revision
			case <-ctx.Done():
				t.Fatalf("revision %d was not heard of", revision)
			}
		}
	}
}

func TestWatchSaysWhyNothingMayEverCome(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes := make(chan control.Change, 1)
	go control.Watch(ctx, filepath.Join(t.TempDir(), "missing"), func(change control.Change) { changes <- change })
	if change := <-changes; change.Err == nil || !strings.Contains(change.Err.Error(), "watch the control directory") {
		t.Errorf("the error is %v", change.Err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{"", " \n", `{"revision":1}`, `{"revision":9223372036854775808}`, `{"revision":1,"restartToken":"a","restartSpreadSeconds":-5}`, "[]", "null", `{"revision":1e3}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		document, err := control.Decode(content)
		if document != nil && (err != nil || document.Revision < 1) {
			t.Fatalf("%q gave %+v, %v", content, document, err)
		}
	})
}
