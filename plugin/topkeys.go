// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"math"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// key carries out what a key stands for.
func (m *topModel) key(message tea.KeyPressMsg) tea.Cmd {
	name := message.String()
	if name == "ctrl+c" {
		return tea.Quit
	}
	if m.top.Typing {
		m.typed(name, message.Text)
		return nil
	}
	if by, ok := sortKeys[name]; ok {
		m.top.Reverse = m.top.Reverse && m.top.By == by
		m.top.By, m.top.Offset = by, 0
		return nil
	}
	if name == "q" {
		return tea.Quit
	}
	if act, ok := topKeys[name]; ok {
		act(m)
	}
	return nil
}

// everything is more rows than any table has.
const everything = math.MaxInt32

var topKeys = map[string]func(*topModel){
	"p":      func(m *topModel) { m.top.Paused = !m.top.Paused },
	"space":  func(m *topModel) { m.top.Paused = !m.top.Paused },
	"r":      func(m *topModel) { m.top.Reverse = !m.top.Reverse },
	"b":      func(m *topModel) { m.top.BusyOnly, m.top.Offset = !m.top.BusyOnly, 0 },
	"?":      func(m *topModel) { m.top.Help = !m.top.Help },
	"h":      func(m *topModel) { m.top.Help = !m.top.Help },
	"/":      func(m *topModel) { m.top.Typing, m.top.Help = true, false },
	"esc":    func(m *topModel) { m.top.Filter, m.top.BusyOnly, m.top.Help = "", false, false },
	"up":     func(m *topModel) { m.top.Scroll(-1) },
	"down":   func(m *topModel) { m.top.Scroll(1) },
	"pgup":   func(m *topModel) { m.top.Scroll(-m.top.Rows()) },
	"pgdown": func(m *topModel) { m.top.Scroll(m.top.Rows()) },
	"home":   func(m *topModel) { m.top.Scroll(-everything) },
	"end":    func(m *topModel) { m.top.Scroll(everything) },
}

// typed handles a key while the user types a filter.
func (m *topModel) typed(name, text string) {
	switch name {
	case "enter":
		m.top.Typing = false
	case "esc":
		m.top.Typing, m.top.Filter = false, ""
	case "backspace":
		letters := []rune(m.top.Filter)
		m.top.Filter = string(letters[:max(len(letters)-1, 0)])
	default:
		m.top.Filter = strings.TrimLeft(m.top.Filter+text, " ")
	}
	m.top.Offset = 0
}
