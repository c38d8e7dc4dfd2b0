// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"strings"
	"syscall"
	"unicode/utf8"
)

// maxExcerpt bounds the part of a worker's output that a message quotes, in bytes.
const maxExcerpt = 300

// during describes the open job, if any.
func during(e Ending) string {
	if e.Open == nil {
		return ""
	}
	return " while it worked on its job" + called(e.Open.Class)
}

// called returns the class of a job with a space before it, or nothing.
func called(class string) string {
	if class == "" {
		return ""
	}
	return " " + class
}

// withTail completes a sentence with the last output of the worker.
func withTail(e Ending) string {
	if text := excerpt(e.Tail); text != "" {
		return ": " + sentence(text)
	}
	return "; it printed nothing that tells why."
}

func sentence(text string) string {
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "…") {
		return text
	}
	return text + "."
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%dMi", bytes>>20) }

func signalName(sig syscall.Signal) string {
	names := map[syscall.Signal]string{
		syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGQUIT: "SIGQUIT", syscall.SIGILL: "SIGILL",
		syscall.SIGTRAP: "SIGTRAP", syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE",
		syscall.SIGKILL: "SIGKILL", syscall.SIGUSR1: "SIGUSR1", syscall.SIGSEGV: "SIGSEGV", syscall.SIGUSR2: "SIGUSR2",
		syscall.SIGPIPE: "SIGPIPE", syscall.SIGALRM: "SIGALRM", syscall.SIGTERM: "SIGTERM", syscall.SIGSYS: "SIGSYS",
	}
	if name, ok := names[sig]; ok {
		return name
	}
	return fmt.Sprintf("signal %d", int(sig))
}

// excerpt condenses the last output of a failed worker into one line. It drops colours,
// blank lines, stack frames and the usage text that Symfony's console prints after an
// error. If a line begins an error, the excerpt starts with it.
func excerpt(tail string) string {
	var lines []string
	for line := range strings.Lines(tail) {
		line = strings.TrimSpace(printable(line))
		switch {
		case line == "", strings.HasPrefix(line, "queue:work ["), isFrame(line):
		case beginsError(line) && !continues(lines, line):
			lines = append(lines[:0], line)
		default:
			lines = append(lines, line)
		}
	}
	if len(lines) > 0 && !beginsError(lines[0]) {
		lines = lines[max(0, len(lines)-3):]
	}
	return shorten(strings.Join(lines, " "), maxExcerpt)
}

// beginsError recognizes the first line of an error of PHP, Symfony, Go or Python.
func beginsError(line string) bool {
	switch {
	case strings.HasPrefix(line, "In ") && strings.Contains(line, " line ") && strings.HasSuffix(line, ":"):
		return true
	case strings.HasPrefix(line, "PHP Fatal error:"), strings.HasPrefix(line, "Fatal error:"),
		strings.HasPrefix(line, "PHP Parse error:"), strings.HasPrefix(line, "panic:"),
		strings.HasPrefix(line, "Traceback (most recent call last)"), strings.HasPrefix(line, "Could not open input file"):
		return true
	}
	return false
}

// continues reports whether PHP has printed the same error on the other stream already.
func continues(lines []string, line string) bool {
	return len(lines) > 0 && strings.TrimPrefix(lines[0], "PHP ") == strings.TrimPrefix(line, "PHP ")
}

// isFrame reports whether a line is a frame of a PHP stack trace, as in "#0
// /app/x.php(3): f()".
func isFrame(line string) bool {
	return len(line) > 2 && line[0] == '#' && line[1] >= '0' && line[1] <= '9'
}

// printable removes colour sequences and control characters.
func printable(line string) string {
	var out strings.Builder
	for i := 0; i < len(line); {
		if line[i] == 0x1b {
			i = skipEscape(line, i+1)
			continue
		}
		r, size := utf8.DecodeRuneInString(line[i:])
		if r >= ' ' && r != 0x7f && r != utf8.RuneError {
			out.WriteRune(r)
		} else if r == '\t' {
			out.WriteByte(' ')
		}
		i += size
	}
	return out.String()
}

// skipEscape returns where the text continues after an escape sequence.
func skipEscape(line string, i int) int {
	if i >= len(line) || line[i] != '[' {
		return min(i+1, len(line))
	}
	for i++; i < len(line) && (line[i] < '@' || line[i] > '~'); i++ {
	}
	return min(i+1, len(line))
}

// shorten cuts text to at most most bytes, between two characters.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const mark = "…"
	end := most - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.TrimSpace(text[:end]) + mark
}
