// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/go-logr/logr"
	"golang.org/x/term"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"queueworker.dev/queueworker/console/view"
)

// Control sequences that a terminal understands.
const (
	otherScreen  = "\x1b[?1049h\x1b[?25l" // the alternate screen, without a cursor
	normalScreen = "\x1b[?1049l\x1b[?25h"
	topLeft      = "\x1b[H"
	clearLine    = "\x1b[K"
	clearBelow   = "\x1b[J"
)

// screen shows a series of pictures: in place on a terminal, otherwise one below the
// other.
type screen struct {
	out io.Writer
	// size returns the terminal's size and is called for each picture; nil if out is no
	// terminal.
	size func() (width, height int, err error)
	// last is the picture shown. problem is when the present trouble began.
	last    string
	problem time.Time
}

func openScreen(deps *Deps) *screen {
	s := &screen{out: deps.Screen()}
	if file, ok := s.out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		s.size = func() (int, int, error) { return term.GetSize(int(file.Fd())) }
		_, _ = io.WriteString(s.out, otherScreen) // if the terminal is gone, the program ends anyway
	}
	return s
}

// close leaves the last picture on the normal screen.
func (s *screen) close() {
	if s.size != nil {
		_, _ = io.WriteString(s.out, normalScreen+s.last)
	}
}

// show shows a picture.
func (s *screen) show(picture string) {
	s.problem = time.Time{}
	if s.size != nil {
		picture = Tame(picture)
	}
	switch {
	case s.size != nil:
		s.draw(picture)
	case s.last == "":
		_, _ = io.WriteString(s.out, picture)
	case picture != s.last:
		_, _ = io.WriteString(s.out, "\n"+picture)
	}
	s.last = picture
}

// trouble shows a sentence above the last picture.
func (s *screen) trouble(sentence string, now time.Time) {
	if s.problem.IsZero() {
		s.problem = now
	}
	sentence = fmt.Sprintf("For %s: %s", now.Sub(s.problem).Round(time.Second), view.Clean(sentence))
	if s.size == nil {
		_, _ = fmt.Fprintln(s.out, sentence)
		return
	}
	s.draw(sentence + "\n" + s.last)
}

// draw writes as much of a picture as fits the terminal.
func (s *screen) draw(picture string) {
	width, height, err := s.size()
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	lines := crop(picture, width, height)
	_, _ = io.WriteString(s.out, topLeft+strings.Join(lines, clearLine+"\r\n")+clearLine+clearBelow)
}

// crop cuts a picture to the size of a terminal. If lines are missing, the last line says
// how many.
func crop(picture string, width, height int) []string {
	lines := strings.Split(strings.TrimRight(picture, "\n"), "\n")
	if len(lines) > height {
		left := len(lines) - height + 1
		lines = append(lines[:height-1], fmt.Sprintf("... %d lines more than this terminal has room for", left))
	}
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], width, "…")
	}
	return lines
}

// Quiet keeps the messages of libraries off the screen while the plugin draws on it,
// because the plugin reports problems there itself. With -v, klog's messages still
// appear.
func Quiet() {
	log.SetLogger(logr.Discard())
	if !klog.V(1).Enabled() {
		klog.SetLogger(logr.Discard())
	}
}
