// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package output prints the listings of commands, in every format of kubectl.
package output

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/render"
)

// formats are the values of -o.
const formats = "table, wide, json, yaml, name, go-template, go-template-file, jsonpath, jsonpath-as-json, jsonpath-file"

// Flags are the output flags of a command that lists.
type Flags struct {
	format    string
	noHeaders bool
	// machine prints the formats for programs.
	machine *genericclioptions.PrintFlags
}

// AddFlags adds -o and its companions to a command.
func (f *Flags) AddFlags(cmd *cobra.Command) {
	f.machine = genericclioptions.NewPrintFlags("")
	f.machine.OutputFormat = nil // this package defines -o itself, for table and wide
	f.machine.AddFlags(cmd)
	f.machine.OutputFlagSpecified = func() bool { return cmd.Flags().Changed("output") }
	cmd.Flags().StringVarP(&f.format, "output", "o", "", "Output format: "+formats+".")
	cmd.Flags().BoolVar(&f.noHeaders, "no-headers", false, "Print the table without its heading.")
	complete := func(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		words := slices.DeleteFunc(strings.Split(formats, ", "), func(format string) bool { return !strings.HasPrefix(format, word) })
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	// It fails for a flag that does not exist; this flag exists.
	_ = cmd.RegisterFlagCompletionFunc("output", complete)
}

// Table reports whether the user asked for a table for people, and not for a format for
// programs.
func (f *Flags) Table() bool {
	template := f.machine.TemplatePrinterFlags.TemplateArgument
	switch f.format {
	case "":
		return template == nil || *template == ""
	case "table", "wide":
		return true
	}
	return false
}

// Wide reports whether the user asked for -o wide.
func (f *Flags) Wide() bool { return f.format == "wide" }

// Lines reports whether the output consists of lines, so that a long list can be printed
// piece by piece.
func (f *Flags) Lines() bool { return f.Table() || f.format == "name" }

// Continue makes the next output continue below the last one, without a heading.
func (f *Flags) Continue() { f.noHeaders = true }

// Validate returns an error, as a sentence, if the format is unknown. Commands call it
// before they ask the cluster anything.
func (f *Flags) Validate() error {
	if f.Lines() {
		return nil
	}
	if _, err := f.printer(); err != nil {
		if genericclioptions.IsNoCompatiblePrinterError(err) {
			return fmt.Errorf("there is no output format %q; choose from %s", f.format, formats)
		}
		return err
	}
	return nil
}

// Print prints a listing in the chosen format.
func (f *Flags) Print(out, errOut io.Writer, listing render.Listing) error {
	switch {
	case f.Table() && len(listing.Rows) == 0:
		_, err := fmt.Fprintln(errOut, listing.Empty)
		return err
	case f.Table():
		return f.WriteTable(out, listing)
	case f.format == "name" && listing.Names != nil:
		for _, name := range listing.Names {
			if _, err := fmt.Fprintln(out, name); err != nil {
				return err
			}
		}
		return nil
	}
	printer, err := f.printer()
	if err != nil {
		return err
	}
	if f.format == "name" && meta.IsListType(listing.Object) {
		return meta.EachListItem(listing.Object, func(object runtime.Object) error { return printer.PrintObj(object, out) })
	}
	return printer.PrintObj(listing.Object, out)
}

func (f *Flags) printer() (printers.ResourcePrinter, error) {
	f.machine.OutputFormat = &f.format
	return f.machine.ToPrinter()
}

// WriteTable writes the table of a listing.
func (f *Flags) WriteTable(w io.Writer, listing render.Listing) error {
	tabs := printers.GetNewTabWriter(w)
	if !f.noHeaders {
		names := make([]string, 0, len(listing.Columns))
		for _, column := range listing.Columns {
			names = append(names, strings.ToUpper(column.Name))
		}
		f.writeRow(tabs, listing.Columns, names)
	}
	for _, row := range listing.Rows {
		f.writeRow(tabs, listing.Columns, row)
	}
	return tabs.Flush()
}

func (f *Flags) writeRow(w io.Writer, columns []render.Column, cells []string) {
	var shown []string
	for i, column := range columns {
		if !column.Wide || f.Wide() {
			shown = append(shown, view.Clean(cells[i]))
		}
	}
	// Flush returns the error of a failed write.
	_, _ = fmt.Fprintln(w, strings.Join(shown, "\t"))
}
