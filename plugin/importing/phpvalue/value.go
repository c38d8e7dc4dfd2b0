// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package phpvalue works out what a PHP configuration file returns, without running it.
// It knows literals, arrays, operators, variables, env() with its default, and the
// functions of PHP that only rearrange arrays and texts. A value that only PHP can work
// out is Unknown, and says why.
package phpvalue

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind is the type of a Value.
type Kind int

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List // PHP's array: an ordered map
	Unknown
)

// Value is a PHP value.
type Value struct {
	Kind  Kind
	Bool  bool
	Int   int64
	Float float64
	Text  string
	Array *Array
	// Line is the line of the value; for an array, its first line.
	Line int
	// Why says why an Unknown value is unknown.
	Why string
	// Assumed says what was assumed to work out the value.
	Assumed []string
}

// Key is a key of an array: a number or a text.
type Key struct {
	Int    int64
	Text   string
	IsText bool
}

func (k Key) String() string {
	if k.IsText {
		return k.Text
	}
	return strconv.FormatInt(k.Int, 10)
}

// Item is one item of an array.
type Item struct {
	Key   Key
	Value Value
}

// Array is an ordered map.
type Array struct {
	Items []Item
	index map[Key]int
	next  int64
	// Gaps says what is unknown about the array, such as items that are spread into it.
	Gaps []string
}

// Get returns the value of a key.
func (a *Array) Get(key Key) (Value, bool) {
	at, ok := a.index[key]
	if !ok {
		return Value{}, false
	}
	return a.Items[at].Value, true
}

// Set sets the value of a key. A new key goes to the end.
func (a *Array) Set(key Key, value Value) {
	if at, ok := a.index[key]; ok {
		a.Items[at].Value = value
		return
	}
	if a.index == nil {
		a.index = map[Key]int{}
	}
	a.index[key] = len(a.Items)
	a.Items = append(a.Items, Item{Key: key, Value: value})
	if !key.IsText && key.Int >= a.next && key.Int < math.MaxInt64 {
		a.next = key.Int + 1
	}
}

// Append adds a value under the next number.
func (a *Array) Append(value Value) { a.Set(Key{Int: a.next}, value) }

// Clone returns a copy that may be changed.
func (a *Array) Clone() *Array {
	out := &Array{Gaps: slices.Clone(a.Gaps)}
	for _, item := range a.Items {
		out.Set(item.Key, item.Value)
	}
	out.next = a.next
	return out
}

// TextKey returns the key of a text. PHP turns a text that looks like a number into a
// number.
func TextKey(text string) Key {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return Key{Int: n}
	}
	return Key{Text: text, IsText: true}
}

// key returns the value as a key; ok is false if PHP would not accept it.
func (v Value) key() (key Key, ok bool) {
	switch v.Kind {
	case Null:
		return Key{IsText: true}, true
	case Bool, Int, Float:
		return Key{Int: v.number().Int}, true
	case String:
		return TextKey(v.Text), true
	default:
		return Key{}, false
	}
}

// True reports whether PHP considers the value true.
func (v Value) True() bool {
	switch v.Kind {
	case Bool:
		return v.Bool
	case Int:
		return v.Int != 0
	case Float:
		return v.Float != 0
	case String:
		return v.Text != "" && v.Text != "0"
	case List:
		return len(v.Array.Items) > 0
	default:
		return false
	}
}

// AsText returns the value as PHP prints it; ok is false for arrays and unknown values.
func (v Value) AsText() (text string, ok bool) {
	switch v.Kind {
	case Null:
		return "", true
	case Bool:
		if v.Bool {
			return "1", true
		}
		return "", true
	case Int:
		return strconv.FormatInt(v.Int, 10), true
	case Float:
		return strconv.FormatFloat(v.Float, 'G', -1, 64), true
	case String:
		return v.Text, true
	default:
		return "", false
	}
}

// leadingNumber returns the leading part of a text that is a number: "60s" is 60 to PHP.
func leadingNumber(text string) string {
	text = strings.TrimLeft(text, " \t\n\r\v\f")
	end, digits := 0, false
	for end < len(text) {
		c := text[end]
		switch {
		case c >= '0' && c <= '9':
			digits = true
		case c == '.' && !strings.Contains(text[:end], "."):
		case (c == '-' || c == '+') && end == 0:
		default:
			if !digits {
				return ""
			}
			return text[:end]
		}
		end++
	}
	if !digits {
		return ""
	}
	return text
}

// number converts the value for PHP's arithmetic. It returns an Int with the same Float,
// or a Float with its Int truncated.
func (v Value) number() Value {
	switch v.Kind {
	case Bool:
		if v.Bool {
			return integer(1)
		}
	case Int:
		return integer(v.Int)
	case Float:
		return decimal(v.Float)
	case String:
		text := leadingNumber(v.Text)
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return integer(n)
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return decimal(f)
		}
	case List:
		if len(v.Array.Items) > 0 {
			return integer(1)
		}
	default:
	}
	return integer(0)
}

func integer(n int64) Value { return Value{Kind: Int, Int: n, Float: float64(n)} }

func decimal(f float64) Value {
	v := Value{Kind: Float, Float: f}
	if f > -math.MaxInt64 && f < math.MaxInt64 { // this also excludes NaN
		v.Int = int64(f)
	}
	return v
}

func text(s string) Value { return Value{Kind: String, Text: s} }

func boolean(b bool) Value { return Value{Kind: Bool, Bool: b} }

func list(a *Array) Value { return Value{Kind: List, Array: a} }

func unknown(why string) Value { return Value{Kind: Unknown, Why: why} }

// Whole converts the value as PHP's (int) does.
func (v Value) Whole() int64 { return v.number().Int }
