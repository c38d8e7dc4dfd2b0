// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// Bounds of what a probe may report about one failed job, in bytes.
const (
	maxFailedID   = 64
	maxException  = 900 // 300 characters
	maxConnection = 255
	maxContinue   = 512
)

// failedTimeout is how long a probe may take to list failed jobs.
const failedTimeout = 8 * time.Second

// ErrBusy reports that a probe of the namespace is already being asked for failed jobs,
// or that too many probes are.
var ErrBusy = errors.New("failed jobs are being listed already")

// Where returns where the probe of a QueueApp can be asked; false if it has none.
func (b *Backlogs) Where(app types.NamespacedName) (Probe, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.probes[app]
	if p == nil {
		return Probe{}, false
	}
	return p.where, true
}

// FailedQuestion asks the probe of a QueueApp for failed jobs.
type FailedQuestion struct {
	App types.NamespacedName
	// Where is where the probe is. Key is the key for a probe in the clear.
	Where   Probe
	Key     string
	Request protocol.FailedRequest
}

// ListFailed asks a probe for failed jobs. The error is a sentence, or ErrKey, or ErrBusy.
func (b *Backlogs) ListFailed(ctx context.Context, q FailedQuestion) (*protocol.FailedList, error) {
	if !b.listings.begin(q.App.Namespace, b.isSlow(q.App)) {
		return nil, ErrBusy
	}
	defer b.listings.end(q.App.Namespace)
	began := time.Now()
	answer, err := b.asker.askFailed(ctx, q)
	b.setSlow(q.App, time.Since(began) > slowListing || timedOut(err))
	if err != nil && !errors.Is(err, ErrKey) {
		return nil, errors.New(explain(err, q.Where.Address, b.asker.failedTimeout()))
	}
	return answer, err
}

func (b *Backlogs) isSlow(app types.NamespacedName) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.probes[app]
	return p != nil && p.slow
}

func (b *Backlogs) setSlow(app types.NamespacedName, slow bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.probes[app]; p != nil {
		p.slow = slow
	}
}

// failedTimeout returns how long to wait for a list: reading a list takes longer than
// counting.
func (a *asker) failedTimeout() time.Duration { return max(a.timeout, failedTimeout) }

func (a *asker) askFailed(ctx context.Context, q FailedQuestion) (*protocol.FailedList, error) {
	ctx, cancel := context.WithTimeout(ctx, a.failedTimeout())
	defer cancel()
	content, code, err := a.post(ctx, q.Where, probeQuestion{
		namespace: q.App.Namespace, path: protocol.FailedPath, key: q.Key, body: q.Request, most: protocol.MaxFailedBytes,
	})
	switch {
	case err != nil:
		return nil, err
	case code == http.StatusUnauthorized:
		return nil, ErrKey
	case code == http.StatusNotFound:
		return nil, refusal("is of another version and lists no failed jobs: use the probe's image of the operator's own version")
	case code != http.StatusOK:
		return nil, unexpected(code)
	}
	return readFailed(content, q.Where, q.Request)
}

// readFailed reads and checks a list. Any user may own the pod, and its answer ends up
// in a status and in a terminal.
func readFailed(content []byte, where Probe, request protocol.FailedRequest) (*protocol.FailedList, error) {
	if received.Elements(content) > (request.Limit+1)*maxValues {
		return nil, refusal("answered with more than was asked for")
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	answer := &protocol.FailedList{}
	if err := decoder.Decode(answer); err != nil {
		return nil, refusal("gave an answer that cannot be read: " + cleanText(err.Error(), maxMessage/2))
	}
	if !telemetry.Understood(answer.Version) {
		return nil, refusal(fmt.Sprintf("speaks version %d of the protocol, this operator versions %d to %d", answer.Version, protocol.OldestVersion, protocol.Version))
	}
	if where.UID != "" && answer.PodUID != string(where.UID) {
		return nil, refusal("is another pod than the one expected")
	}
	if !knownTrouble(answer.Reason) {
		return nil, refusal(fmt.Sprintf("gave the unknown reason %q", cleanText(string(answer.Reason), maxWord)))
	}
	answer.Message = cmp.Or(cleanText(answer.Message, maxMessage), "The backlog probe gave no reason.")
	if answer.Reason != "" {
		answer.Jobs, answer.Continue, answer.Total = nil, "", nil
		return answer, nil
	}
	if len(answer.Jobs) > request.Limit {
		return nil, refusal(fmt.Sprintf("listed %d failed jobs instead of %d", len(answer.Jobs), request.Limit))
	}
	return answer, cleanFailed(answer)
}

var continueToken = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

func cleanFailed(answer *protocol.FailedList) error {
	if len(answer.Continue) > maxContinue || !continueToken.MatchString(answer.Continue) {
		return refusal("gave a token for the next page that cannot be one")
	}
	if answer.Total != nil {
		*answer.Total = within(*answer.Total, maxCount)
	}
	for i := range answer.Jobs {
		job := &answer.Jobs[i]
		if job.ID = cleanText(job.ID, maxFailedID); job.ID == "" {
			return refusal("listed a failed job without an id")
		}
		job.Class = cleanText(job.Class, maxClass)
		job.Connection = cleanText(job.Connection, maxConnection)
		job.Queue = cleanText(job.Queue, maxQueue)
		job.Exception = cleanText(job.Exception, maxException)
	}
	return nil
}
