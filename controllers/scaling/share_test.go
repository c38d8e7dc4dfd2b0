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
	if want := "The application's maximum of 20 processes, shared by 2 pools, leaves 15 of the 30 wanted."; got != want {
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
