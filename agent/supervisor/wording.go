// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"strings"
	"syscall"
	"unicode/utf8"
)

// maxExcerpt bounds what a message quotes of a worker's output, in bytes.
const maxExcerpt = 300

// during names the job that was open.
func during(e Ending) string {
	if e.Open == nil {
		return ""
	}
	return " while it worked on its job" + called(e.Open.Class)
}

// called is the class of a job behind the word.
func called(class string) string {
	if class == "" {
		return ""
	}
	return " " + class
}

// withTail ends a sentence with what the worker printed last.
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

// excerpt makes one line of the last output of a worker that failed: without
// colours, blank lines, stack frames and the usage that Symfony's console prints
// behind an error. Where a line begins an error, it begins there.
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

// beginsError knows the first lines of errors of PHP, Symfony, Go, Node, Python and shells.
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

// continues tells that PHP has told the same error on the other stream already.
func continues(lines []string, line string) bool {
	return len(lines) > 0 && strings.TrimPrefix(lines[0], "PHP ") == strings.TrimPrefix(line, "PHP ")
}

// isFrame tells whether a line is a frame of a PHP stack trace, as in "#0 /app/x.php(3): f()".
func isFrame(line string) bool {
	return len(line) > 2 && line[0] == '#' && line[1] >= '0' && line[1] <= '9'
}

// printable drops colour sequences and control characters.
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

// skipEscape returns where the text goes on behind an escape character.
func skipEscape(line string, i int) int {
	if i >= len(line) || line[i] != '[' {
		return min(i+1, len(line))
	}
	for i++; i < len(line) && (line[i] < '@' || line[i] > '~'); i++ {
	}
	return min(i+1, len(line))
}

// shorten cuts text to a number of bytes at the end of a character.
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
