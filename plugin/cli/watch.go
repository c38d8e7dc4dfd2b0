// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"queueworker.dev/queueworker/console/source"
	"queueworker.dev/queueworker/console/view"
)

// WatchEvery is the interval at which a picture is drawn again.
const WatchEvery = 2 * time.Second

// WatchFlag is the flag --watch of commands that draw a picture.
type WatchFlag struct{ on bool }

// AddFlag adds the flag to a command.
func (w *WatchFlag) AddFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&w.on, "watch", "w", false, "Redraw the picture every 2 seconds, until Ctrl-C.")
}

// Validate returns an error if --watch is used with a format for programs.
func (w *WatchFlag) Validate(forPeople bool) error {
	if w.on && !forPeople {
		return Usage("--watch draws for people; a program gets every change from: kubectl get queueworkers --watch -o json")
	}
	return nil
}

// Drawing prints a snapshot.
type Drawing func(snapshot *view.Snapshot, out, errOut io.Writer) error

// Run draws once, or with --watch until ctx ends.
func (w *WatchFlag) Run(ctx context.Context, deps *Deps, cluster *Cluster, from *source.Source, draw Drawing) error {
	if w.on {
		return keepDrawing(ctx, deps, cluster, from, draw)
	}
	snapshot, err := from.Read(ctx)
	if err != nil {
		return err
	}
	return draw(snapshot, deps.Streams.Out, deps.Streams.ErrOut)
}

func keepDrawing(ctx context.Context, deps *Deps, cluster *Cluster, from *source.Source, draw Drawing) error {
	first, err := picture(ctx, from, draw) // report a refusal or a missing object before the screen changes
	if err != nil {
		return err
	}
	Quiet()
	if err := from.Follow(ctx, cluster.Config, cluster.Client.Scheme()); err != nil {
		return err
	}
	screen := openScreen(deps)
	defer screen.close()
	screen.show(first)
	ticker := time.NewTicker(WatchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		next, err := picture(ctx, from, draw)
		switch {
		case apierrors.IsNotFound(err) || apierrors.IsForbidden(err):
			return err
		case err != nil:
			_, sentence := Explain(err)
			screen.trouble(sentence, deps.Now())
		default:
			screen.show(next)
		}
	}
}

// picture draws the next snapshot.
func picture(ctx context.Context, from *source.Source, draw Drawing) (string, error) {
	snapshot, err := from.Read(ctx)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = draw(snapshot, &out, &out)
	return out.String(), err
}
