// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import "strings"

// Node is a line of a tree with the nodes below it.
type Node struct {
	Text     string
	Children []Node
}

// add puts nodes below a node.
func (n *Node) add(children ...Node) { n.Children = append(n.Children, children...) }

// line returns a node without children.
func line(text string) Node { return Node{Text: text} }

// Tree draws trees, one below the other, with an empty line between them.
func Tree(roots []Node) string {
	var out strings.Builder
	for i := range roots {
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(roots[i].Text + "\n")
		branches(&out, "", roots[i].Children)
	}
	return out.String()
}

func branches(out *strings.Builder, indent string, nodes []Node) {
	for i := range nodes {
		fork, below := "├─ ", "│  "
		if i == len(nodes)-1 {
			fork, below = "└─ ", "   "
		}
		out.WriteString(indent + fork + nodes[i].Text + "\n")
		branches(out, indent+below, nodes[i].Children)
	}
}

// columns pads the cells of each column to the same width.
func columns(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	out := make([]string, 0, len(rows))
	for _, row := range rows {
		var text strings.Builder
		for i, cell := range row {
			text.WriteString(cell + strings.Repeat(" ", widths[i]-len([]rune(cell))+2))
		}
		out = append(out, strings.TrimRight(text.String(), " "))
	}
	return out
}
