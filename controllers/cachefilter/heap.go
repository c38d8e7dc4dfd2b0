// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"reflect"
	"time"
)

// takesMore reports whether the data that a value points to takes more of the heap than
// a number of bytes. An object's size on the wire does not show this: an empty entry of
// a list has two bytes there, and hundreds in the heap. takesMore stops at the bound.
func takesMore(value any, most int) bool {
	h := heap{left: most}
	h.take(reflect.ValueOf(value))
	return h.left < 0
}

// heap is the rest of a bound, in bytes.
type heap struct{ left int }

var timeType = reflect.TypeFor[time.Time]()

// takeWhole counts a value and the data that it points to.
func (h *heap) takeWhole(value reflect.Value) {
	h.left -= int(value.Type().Size())
	h.take(value)
}

// take counts the data that a value points to, and not the value itself.
func (h *heap) take(value reflect.Value) {
	if h.left < 0 {
		return
	}
	switch value.Kind() {
	case reflect.String:
		h.left -= value.Len()
	case reflect.Pointer:
		if !value.IsNil() {
			h.left -= int(value.Type().Elem().Size())
			h.take(value.Elem())
		}
	case reflect.Slice:
		h.takeSlice(value)
	case reflect.Map:
		h.takeMap(value)
	case reflect.Struct:
		h.takeStruct(value)
	default: // numbers and the like lie in the value itself
	}
}

func (h *heap) takeSlice(value reflect.Value) {
	h.left -= value.Cap() * int(value.Type().Elem().Size())
	for i := 0; i < value.Len() && h.left >= 0; i++ {
		h.take(value.Index(i))
	}
}

func (h *heap) takeStruct(value reflect.Value) {
	if value.Type() == timeType {
		return // its zone is shared by all
	}
	for i := 0; i < value.NumField() && h.left >= 0; i++ {
		h.take(value.Field(i))
	}
}

func (h *heap) takeMap(value reflect.Value) {
	if value.IsNil() {
		return
	}
	h.left -= sizeOfMap(value.Len(), int(value.Type().Key().Size()+value.Type().Elem().Size()))
	for entries := value.MapRange(); h.left >= 0 && entries.Next(); {
		h.take(entries.Key())
		h.take(entries.Value())
	}
}

// sizeOfMap returns the size of a map in bytes, without the data that its entries point
// to. Go allocates entries in groups of eight, so a map of one entry takes as much as a
// map of eight.
func sizeOfMap(entries, each int) int {
	const header, group = 48, 8
	room := group
	for entries > group && room*7/8 < entries {
		room *= 2
	}
	if entries == 0 {
		room = 0
	}
	return header + room*each + room/group*8
}
