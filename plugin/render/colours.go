// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import "queueworker.dev/queueworker/console/view"

// Paint shows text in a tone; a nil Paint leaves the text as it is.
type Paint func(tone view.Tone, text string) string

func (p Paint) in(tone view.Tone, text string) string {
	if p == nil || text == "" {
		return text
	}
	return p(tone, text)
}

// Colours paints with the colours that every terminal has.
func Colours(tone view.Tone, text string) string {
	codes := map[view.Tone]string{view.Good: "32", view.Doubtful: "33", view.Bad: "31", view.Faint: "2", view.Strong: "1"}
	code, ok := codes[tone]
	if !ok {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
