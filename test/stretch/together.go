// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package stretch

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"queueworker.dev/queueworker/api/bounds"
)

// shapes are the ways to fill a QueueApp.
var shapes = map[string]struct {
	// text is the maximal length of each string.
	text int
	// share is how many of the lists, maps and optional fields are filled, in percent.
	share int
}{
	"many small values": {text: 1, share: 100},
	"names":             {text: 40, share: 60},
	"long texts":        {text: 32 << 10, share: 30},
}

// Together makes QueueApps that have as much of everything as the bounds on a whole
// template permit, in several shapes. Chance decides what is filled first.
func (a *Apps) Together() iter.Seq[*App] {
	const ofEachShape = 8
	return func(yield func(*App) bool) {
		for _, name := range slices.Sorted(maps.Keys(shapes)) {
			for seed, made := uint64(0), 0; made < ofEachShape; seed++ {
				f := filling{
					Rand:  rand.New(rand.NewPCG(seed, 1)),
					text:  shapes[name].text,
					share: shapes[name].share,
					// The container that a template needs is added last.
					bytes: bounds.Template.Bytes - 100, values: bounds.Template.Values - 10, texts: bounds.Texts,
				}
				template := f.fill(a.root.Properties["spec"].Properties["template"], 0)
				if f.bytes > bounds.Template.Bytes/2 && f.values > bounds.Template.Values/2 {
					continue // chance left out nearly everything
				}
				made++
				if !yield(&App{Name: fmt.Sprintf("%s, %d", name, seed), Object: queueApp(a.withContainer(template))}) {
					return
				}
			}
		}
	}
}

// filling is the room that is left.
type filling struct {
	*rand.Rand
	text, share          int
	bytes, values, texts int
}

// fits takes the room for a value; it returns false if there is not enough.
func (f *filling) fits(bytes int) bool {
	if f.bytes < bytes || f.values < 1 {
		return false
	}
	f.bytes -= bytes
	f.values--
	return true
}

// fill returns a value of a schema, as large as there is room for, or nil.
func (f *filling) fill(schema apiextensionsv1.JSONSchemaProps, number int) any {
	switch {
	case schema.Type == "array":
		return f.list(schema)
	case schema.AdditionalProperties != nil:
		return f.mapping(schema)
	case schema.Type == "object":
		return f.object(schema, number)
	case isText(schema) && schema.MaxLength != nil:
		return f.string(schema, number)
	}
	value := smallest(schema, number)
	if !f.fits(len(fmt.Sprint(value)) + 3) {
		return nil
	}
	return value
}

// string is as long as the shape asks for. It begins with a number that distinguishes it
// from the other strings of its list.
func (f *filling) string(schema apiextensionsv1.JSONSchemaProps, number int) any {
	prefix := fmt.Sprintf("x%d", number)
	size := max(len(prefix), min(int(*schema.MaxLength), f.text))
	if int(*schema.MaxLength) >= bounds.LongText {
		size = max(len(prefix), min(size, f.texts))
		f.texts -= size
	}
	if f.texts < 0 || !f.fits(size+3) {
		return nil
	}
	return prefix + strings.Repeat("x", size-len(prefix))
}

func (f *filling) list(schema apiextensionsv1.JSONSchemaProps) any {
	out := []any{}
	if !f.fits(3) || f.IntN(100) >= f.share {
		return out
	}
	for i := range int(*schema.MaxItems) {
		entry := f.fill(entry(schema), i)
		if entry == nil {
			break
		}
		out = append(out, entry)
	}
	return out
}

func (f *filling) mapping(schema apiextensionsv1.JSONSchemaProps) any {
	out := map[string]any{}
	if !f.fits(3) || f.IntN(100) >= f.share {
		return out
	}
	for i := range int(*schema.MaxProperties) {
		key := fmt.Sprintf("k%d", i)
		if !f.fits(len(key) + 4) {
			break
		}
		value := f.fill(*schema.AdditionalProperties.Schema, i)
		if value == nil {
			break
		}
		out[key] = value
	}
	return out
}

// object fills the required fields first, because they are needed, and the other fields
// in random order.
func (f *filling) object(schema apiextensionsv1.JSONSchemaProps, number int) any {
	if !f.fits(3) {
		return nil
	}
	out := map[string]any{}
	names := slices.Sorted(maps.Keys(schema.Properties))
	f.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range slices.Concat(schema.Required, names) {
		if _, has := out[name]; has {
			continue
		}
		required := slices.Contains(schema.Required, name)
		if !required && f.IntN(100) >= f.share {
			continue
		}
		if !f.fits(len(name) + 4) {
			if required {
				return nil
			}
			return out
		}
		f.values++ // a key is no value
		value := f.fill(schema.Properties[name], number)
		if value == nil && required {
			return nil
		}
		if value != nil {
			out[name] = value
		}
	}
	return out
}
