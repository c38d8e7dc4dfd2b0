// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestShare(t *testing.T) {
	tests := map[string]struct {
		limit  int32
		claims []Claim
		want   []int32
	}{
		"enough for all":               {20, []Claim{{Name: "a", Wanted: 8}, {Name: "b", Wanted: 12}}, []int32{8, 12}},
		"no cap":                       {-1, []Claim{{Name: "a", Wanted: 800}}, []int32{800}},
		"by need":                      {10, []Claim{{Name: "a", Wanted: 15}, {Name: "b", Wanted: 5}}, []int32{8, 2}},
		"minimums first":               {10, []Claim{{Name: "a", Wanted: 30, Priority: 5}, {Name: "b", Minimum: 3, Wanted: 9}}, []int32{7, 3}},
		"then by priority":             {10, []Claim{{Name: "a", Wanted: 8}, {Name: "b", Wanted: 6, Priority: 1}}, []int32{4, 6}},
		"minimums beyond the cap":      {5, []Claim{{Name: "a", Minimum: 4, Wanted: 4}, {Name: "b", Minimum: 4, Wanted: 9, Priority: 1}}, []int32{1, 4}},
		"a tie goes by name":           {3, []Claim{{Name: "b", Wanted: 2}, {Name: "a", Wanted: 2}}, []int32{1, 2}},
		"whole pods, rounded down":     {10, []Claim{{Name: "a", Wanted: 12, ProcessesPerPod: 4}}, []int32{8}},
		"what is left goes to smaller": {10, []Claim{{Name: "a", Wanted: 12, ProcessesPerPod: 4, Priority: 1}, {Name: "b", Wanted: 9}}, []int32{8, 2}},
		"room for half a pod is none":  {3, []Claim{{Name: "a", Wanted: 1, ProcessesPerPod: 4}}, []int32{0}},
		"a cap of nothing":             {0, []Claim{{Name: "a", Minimum: 1, Wanted: 4}}, []int32{0}},
		"nobody":                       {5, nil, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got []int32
			for i, g := range Share(tc.limit, tc.claims) {
				got = append(got, g.Processes)
				if g.Limited != (g.Processes < tc.claims[i].Wanted) || g.Limited != (g.Message != "") {
					t.Errorf("says limited: %v, %q for %d of %d", g.Limited, g.Message, g.Processes, tc.claims[i].Wanted)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("granted (-want +got):\n%s", diff)
			}
		})
	}
	got := Share(20, []Claim{{Name: "a", Wanted: 30}, {Name: "b", Wanted: 10}})[0].Message
	if want := "The QueueApp's spec.maxProcesses allows 20 processes for its 2 pools together, which leaves 15 of the 30 that this pool wants. Raise it, or raise spec.priority of this pool."; got != want {
		t.Errorf("says %q, not %q", got, want)
	}
}

func TestShareOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := oneOf(rapid.Int32Range(0, 120), rapid.Int32Range(0, 1<<31-1)).Draw(t, "cap")
		claims := make([]Claim, rapid.IntRange(0, 8).Draw(t, "pools"))
		for i := range claims {
			claims[i] = Claim{
				Name: fmt.Sprint("pool-", i), Priority: rapid.Int32Range(0, 2).Draw(t, "priority"),
				Minimum: sizes.Draw(t, "minimum"), Wanted: sizes.Draw(t, "wanted"), ProcessesPerPod: rapid.Int32Range(0, 6).Draw(t, "perPod"),
			}
		}
		got := Share(limit, claims)
		checkGrants(t, limit, claims, got)
		order := rapid.Permutation(claims).Draw(t, "order")
		for i, g := range Share(limit, order) {
			same := got[slices.IndexFunc(claims, func(c Claim) bool { return c.Name == order[i].Name })]
			if diff := cmp.Diff(same, g); diff != "" {
				t.Fatalf("another order of the pools gives another share:\n%s", diff)
			}
		}
	})
}

// checkGrants: the cap holds, pods are whole, nothing is left that a pool could use, and no
// pool has more than its minimum while another lacks its own.
func checkGrants(t *rapid.T, limit int32, claims []Claim, got []Grant) {
	rest := int64(limit)
	for i, g := range got {
		s := newShare(claims[i])
		rest -= int64(g.Processes)
		if int64(g.Processes) > s.wanted || g.Processes < 0 || int64(g.Pods)*s.pod != int64(g.Processes) {
			t.Fatalf("%+v for %+v", g, claims[i])
		}
	}
	if rest < 0 {
		t.Fatalf("%d more than the cap of %d", -rest, limit)
	}
	for i, g := range got {
		s := newShare(claims[i])
		if int64(g.Processes) < s.wanted && s.pod <= rest {
			t.Fatalf("%d are left, and %+v could use them", rest, claims[i])
		}
		if int64(g.Processes) >= s.minimum {
			continue
		}
		for k, other := range got {
			o := newShare(claims[k])
			if int64(other.Processes) > o.minimum && o.pod >= s.pod {
				t.Fatalf("%+v has more than its minimum while %+v lacks its own", other, g)
			}
			if o.claim.Priority < s.claim.Priority && other.Processes > 0 && o.pod >= s.pod {
				t.Fatalf("%+v has something while %+v of higher priority lacks its minimum", other, g)
			}
		}
	}
}

// TestWhatIsBeyondTheMinimumsGoesByPriority: pools of lower priorities have, beyond their
// minimums, less than a pod of any pool of a higher priority that lacks one.
func TestWhatIsBeyondTheMinimumsGoesByPriority(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit, claims := rapid.Int32Range(0, 200).Draw(t, "cap"), drawClaims(t, 6)
		got := Share(limit, claims)
		rest := int64(limit)
		for _, g := range got {
			rest -= int64(g.Processes)
		}
		for i, g := range got {
			s := newShare(claims[i])
			if int64(g.Processes) >= s.wanted {
				continue
			}
			lower := rest
			for k, other := range got {
				if claims[k].Priority < claims[i].Priority {
					lower += max(0, int64(other.Processes)-newShare(claims[k]).minimum)
				}
			}
			if lower >= s.pod {
				t.Fatalf("%d processes went to lower priorities or to nobody, although %+v lacks a pod: %+v of %+v", lower, g, got, claims)
			}
		}
	})
}

// drawClaims draws claims of usual sizes.
func drawClaims(t *rapid.T, mostPerPod int32) []Claim {
	claims := make([]Claim, rapid.IntRange(1, 8).Draw(t, "pools"))
	for i := range claims {
		claims[i] = Claim{
			Name: fmt.Sprint("pool-", i), Priority: rapid.Int32Range(0, 2).Draw(t, "priority"),
			Minimum: rapid.Int32Range(0, 20).Draw(t, "minimum"), Wanted: rapid.Int32Range(0, 60).Draw(t, "wanted"),
			ProcessesPerPod: rapid.Int32Range(1, mostPerPod).Draw(t, "perPod"),
		}
	}
	return claims
}

// TestEqualPoolsShareByNeed: among pools of one priority and without minimums, each gets
// its part of the cap, to less than a process, and the whole cap is given.
func TestEqualPoolsShareByNeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		claims := drawClaims(t, 1)
		var wanted int64
		for i := range claims {
			claims[i].Priority, claims[i].Minimum = 0, 0
			wanted += int64(claims[i].Wanted)
		}
		limit := rapid.Int32Range(0, 480).Draw(t, "cap")
		var given int64
		for i, g := range Share(limit, claims) {
			given += int64(g.Processes)
			part := float64(claims[i].Wanted) * min(1, float64(limit)/max(1, float64(wanted)))
			if off := float64(g.Processes) - part; off <= -1 || off >= 1 {
				t.Fatalf("%+v gets %d of %d; its part is %.2f", claims[i], g.Processes, limit, part)
			}
		}
		if given != min(int64(limit), wanted) {
			t.Fatalf("%d of %d are given, and %d wanted", given, limit, wanted)
		}
	})
}

// TestACapThatSuffices: a pool gets all that it wants, in whole pods, exactly if the cap
// is no less than what all pools want, or if there is no cap.
func TestACapThatSuffices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		claims := drawClaims(t, 6)
		var whole int64
		for _, c := range claims {
			if c.Whole()%int64(c.ProcessesPerPod) != 0 || c.Whole() < int64(c.Wanted) || c.Whole() >= int64(c.Wanted+c.ProcessesPerPod) {
				t.Fatalf("%+v makes whole pods of %d processes", c, c.Whole())
			}
			whole += c.Whole()
		}
		for _, limit := range []int32{int32(whole), int32(whole) + 1, -1, -5} {
			for i, g := range Share(limit, claims) {
				if int64(g.Processes) != claims[i].Whole() || g.Limited || g.Message != "" || g.Name != claims[i].Name {
					t.Fatalf("a cap of %d for %d wanted: %+v for %+v", limit, whole, g, claims[i])
				}
			}
		}
		limited := slices.ContainsFunc(Share(int32(whole)-1, claims), func(g Grant) bool { return g.Limited })
		if whole > 0 && !limited {
			t.Fatalf("nobody is limited by a cap of one less than the %d wanted", whole)
		}
	})
}

// TestSharesInWords: the sentence names the cap, the pools, and what was wanted in whole
// pods.
func TestSharesInWords(t *testing.T) {
	tests := map[string]struct {
		limit  int32
		claims []Claim
		want   []string
	}{
		"one process": {1, []Claim{{Name: "a", Wanted: 2}, {Name: "b", Wanted: 1, Priority: 1}}, []string{
			"The QueueApp's spec.maxProcesses allows 1 process for its 2 pools together, which leaves 0 of the 2 that this pool wants. Raise it, or raise spec.priority of this pool.", "",
		}},
		"whole pods": {7, []Claim{{Name: "a", Wanted: 7, ProcessesPerPod: 4}, {Name: "b"}, {Name: "c"}}, []string{
			"The QueueApp's spec.maxProcesses allows 7 processes for its 3 pools together, which leaves 4 of the 8 that this pool wants. Raise it, or raise spec.priority of this pool.", "", "",
		}},
		"a minimum above what is wanted is not served": {5, []Claim{{Name: "a", Minimum: 9, Wanted: 1}, {Name: "b", Wanted: 4}}, []string{"", ""}},
		"a negative wish is none":                      {5, []Claim{{Name: "a", Minimum: -3, Wanted: -3}, {Name: "b", Wanted: 5}}, []string{"", ""}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, g := range Share(tc.limit, tc.claims) {
				got = append(got, g.Message)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("unexpected sentences (-want +got):\n%s", diff)
			}
		})
	}
}
