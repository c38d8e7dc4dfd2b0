// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/hack/scalesim/model"
)

// Line is the run of one law.
type Line struct {
	Law     string
	Samples []model.Sample
}

const (
	width, height = 900.0, 220.0
	left, top     = 70.0, 40.0
	gap           = 60.0
	// columns is the greatest number of points of a line; each is the largest of its span.
	columns = 450
)

var colors = []string{"#0b6e4f", "#c8553d", "#3d5a80", "#8d6a9f", "#b8860b", "#444444"}

// WritePlot draws waiting jobs, pods and the age of the oldest job over time, as SVG. A
// line across the third panel is the target.
func WritePlot(to io.Writer, title string, target float64, lines []Line) error {
	panels := []struct {
		name  string
		value func(model.Sample) float64
		mark  float64
	}{
		{"jobs that wait", func(s model.Sample) float64 { return float64(s.Ready) }, 0},
		{"processes", func(s model.Sample) float64 { return float64(s.Pods) }, 0},
		{"age of the oldest job, s", func(s model.Sample) float64 { return s.Oldest }, target},
	}
	var svg strings.Builder
	total := top + float64(len(panels))*(height+gap) + 20*float64(len(lines))
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="13">`+"\n", left+width+30, total)
	fmt.Fprintf(&svg, `<rect width="100%%" height="100%%" fill="white"/><text x="%.0f" y="24" font-size="16">%s</text>`+"\n", left, html.EscapeString(title))
	end := 1.0
	for _, line := range lines {
		if n := len(line.Samples); n > 0 {
			end = max(end, line.Samples[n-1].At)
		}
	}
	for i, p := range panels {
		drawPanel(&svg, top+float64(i)*(height+gap), end, p.name, p.mark, lines, p.value)
	}
	for i, line := range lines {
		y := total - 20*float64(len(lines)-i)
		fmt.Fprintf(&svg, `<rect x="%.0f" y="%.0f" width="24" height="4" fill="%s"/><text x="%.0f" y="%.0f">%s</text>`+"\n",
			left, y, colors[i%len(colors)], left+32, y+6, html.EscapeString(line.Law))
	}
	svg.WriteString("</svg>\n")
	_, err := io.WriteString(to, svg.String())
	return err
}

func drawPanel(svg *strings.Builder, y, end float64, name string, mark float64, lines []Line, value func(model.Sample) float64) {
	most := max(1, mark)
	for _, line := range lines {
		for _, s := range line.Samples {
			most = max(most, value(s))
		}
	}
	fmt.Fprintf(svg, `<text x="%.0f" y="%.0f">%s</text>`+"\n", left, y+14, name)
	y += 20
	for i := range 5 {
		part := float64(i) / 4
		fmt.Fprintf(svg, `<path d="M%.0f %.1fh%.0f" stroke="#ddd"/><text x="%.0f" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y+height*(1-part), width, left-6, y+height*(1-part)+4, tick(most*part))
		fmt.Fprintf(svg, `<text x="%.1f" y="%.1f" text-anchor="middle">%.2g h</text>`+"\n", left+width*part, y+height+16, end*part/3600)
	}
	if mark > 0 {
		fmt.Fprintf(svg, `<path d="M%.0f %.1fh%.0f" stroke="red" stroke-dasharray="4 4"/>`+"\n", left, y+height*(1-mark/most), width)
	}
	for i, line := range lines {
		fmt.Fprintf(svg, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>`+"\n",
			colors[i%len(colors)], points(line.Samples, y, end, most, value))
	}
}

// tick returns a number for an axis: whole, unless it is small.
func tick(value float64) string {
	if value < 10 {
		return strconv.FormatFloat(value, 'g', 2, 64)
	}
	return strconv.FormatFloat(value, 'f', 0, 64)
}

// points returns a line with one point for each column: the largest value in it.
func points(samples []model.Sample, y, end, most float64, value func(model.Sample) float64) string {
	highest := make([]float64, columns)
	for i := range highest {
		highest[i] = math.NaN()
	}
	for _, s := range samples {
		column := min(int(s.At/end*columns), columns-1)
		if v := value(s); !(highest[column] >= v) {
			highest[column] = v
		}
	}
	var out strings.Builder
	for i, v := range highest {
		if !math.IsNaN(v) {
			fmt.Fprintf(&out, "%.1f,%.1f ", left+width*float64(i)/columns, y+height*(1-v/most))
		}
	}
	return strings.TrimSpace(out.String())
}
