// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"math"
	"strconv"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/backend/redis"
)

// answer is the script's result for one queue.
type answer struct {
	ready, due, delayed, abandoned, reserved, soon, timeout int64
	head                                                    string
	// These are seconds since 1970; nil if there is no such job.
	oldest, oldestDue, oldestAbandoned, nextDue, nextAbandoned *float64
}

func (a answer) jobs() int64 { return a.ready + a.due + a.delayed + a.abandoned + a.reserved }

// parse parses the script's reply.
func parse(reply any) (answer, bool) {
	fields, _ := reply.([]any)
	if len(fields) != 13 {
		return answer{}, false
	}
	var numbers [7]int64
	for i := range numbers {
		number, ok := fields[i].(int64)
		if !ok {
			return answer{}, false
		}
		numbers[i] = number
	}
	var texts [6]string
	for i := range texts {
		text, ok := fields[len(numbers)+i].(string)
		if !ok {
			return answer{}, false
		}
		texts[i] = text
	}
	return answer{
		ready: numbers[0], due: numbers[1], delayed: numbers[2], abandoned: numbers[3], reserved: numbers[4],
		soon: numbers[5], timeout: numbers[6], head: texts[0],
		oldest: second(texts[1]), oldestDue: second(texts[2]), oldestAbandoned: second(texts[3]),
		nextDue: second(texts[4]), nextAbandoned: second(texts[5]),
	}, true
}

// second parses a moment; a text that is not a plausible number becomes nil.
func second(text string) *float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || math.Abs(value) > 1e11 {
		return nil
	}
	return &value
}

// earliest returns the lowest of the given moments, or nil.
func earliest(moments ...*float64) *float64 {
	var lowest *float64
	for _, moment := range moments {
		if moment != nil && (lowest == nil || *moment < *lowest) {
			lowest = moment
		}
	}
	return lowest
}

// depths converts the answers for the chosen prefix to depths.
func (d *Driver) depths(request backlog.Request, questions []question) ([]protocol.QueueDepth, error) {
	jobs := make([]int64, len(d.prefix.candidates))
	answers := make([]answer, len(questions))
	for i := range questions {
		q := &questions[i]
		reply, err := q.call.Reply()
		if err != nil {
			continue
		}
		var ok bool
		if answers[i], ok = parse(reply); !ok {
			return nil, d.server.NotUnderstood()
		}
		jobs[q.candidate] += answers[i].jobs()
	}
	counting := d.prefix.learn(jobs)
	depths := make([]protocol.QueueDepth, 0, len(request.Queues))
	for i := range questions {
		q := &questions[i]
		if q.candidate != counting {
			continue
		}
		if _, err := q.call.Reply(); err != nil {
			problem := d.ofQueue(err, q.call.Keys[0])
			depths = append(depths, protocol.QueueDepth{Queue: q.queue.Name, Reason: problem.Reason, Message: problem.Message})
			continue
		}
		depths = append(depths, depth(request, q, answers[i], d.memory[q.queue.Name]))
	}
	return depths, nil
}

// ofQueue returns an Error that says why one queue could not be measured.
func (d *Driver) ofQueue(err error, key string) *backlog.Error {
	key = d.server.Clean(key)
	if redis.WrongType(err) {
		return backlog.Errorf(protocol.BacklogUnreadable, "One of the keys %s, %s:delayed and %s:reserved is not a Laravel queue, because other data has its name: check spec.queue, and connection.redis.prefix of the QueueApp.", key, key, key)
	}
	return d.server.Denied(key)
}

// depth combines an answer with the memory of the queue into a depth.
func depth(request backlog.Request, q *question, a answer, m *memory) protocol.QueueDepth {
	if q.sampling {
		m.sampled, m.timeout = request.Now, nil
		if a.timeout > 0 {
			m.timeout = new(a.timeout)
		}
	}
	if a.head != m.head {
		m.head, m.since = a.head, request.Now
	}
	if a.oldest == nil && a.head != "" && request.Now.After(m.since) {
		// Before Laravel 12.11 a payload does not say when it was dispatched. But a job
		// that has been at the head for a while has waited for at least that long.
		a.oldest = new(float64(m.since.UnixMilli()) / 1000)
	}
	depth := protocol.QueueDepth{
		Queue: q.queue.Name, Ready: a.ready + a.due + a.abandoned, Delayed: a.delayed, Reserved: a.reserved,
		DueSoon: a.soon, MaxTimeoutSeconds: m.timeout,
	}
	if oldest := earliest(a.oldest, a.oldestDue, a.oldestAbandoned); oldest != nil && depth.Ready > 0 {
		depth.OldestSeconds = request.Age(*oldest)
	}
	if next := earliest(a.nextDue, a.nextAbandoned); next != nil {
		depth.NextDueSeconds = request.Until(*next)
	}
	return depth
}
