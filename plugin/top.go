// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/printers"

	"queueworker.dev/queueworker/console/source"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/render"
)

const (
	// topFrames is how many times a second the screen may change. Fewer would make keys
	// feel slow, and more would only cost.
	topFrames = 10
	// topAgents is the highest number of agents to ask per second.
	topAgents = 50
)

type topCommand struct {
	deps  *cli.Deps
	scope cli.Scope
	sort  string
}

// NewTopCommand returns `kubectl queueworker top`.
func NewTopCommand(deps *cli.Deps) *cobra.Command {
	c := &topCommand{deps: deps}
	cmd := &cobra.Command{
		Use:   "top [NAME]",
		Short: "Watch the workers live, sorted and filtered by keys",
		Long: "Watch the workers of a QueueWorker, or of all QueueWorkers in the namespace, in a terminal. Press ? for the keys.\n\n" +
			"The command asks the agents in the pods every 2 seconds if you may `get` `pods/proxy`. Otherwise it shows the QueueWorkers' status, with its age.",
		Example:           "  kubectl queueworker top\n  kubectl queueworker top emails --sort memory",
		GroupID:           cli.GroupSee,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: deps.CompleteWorkers(1),
		RunE:              func(cmd *cobra.Command, names []string) error { return c.run(cmd.Context(), names) },
	}
	c.scope.AddFlags(cmd)
	cmd.Flags().StringVar(&c.sort, "sort", string(view.ByCPU), "Sort by this at first: "+strings.Join(orders(), ", ")+".")
	// It fails for a flag that does not exist; this flag exists.
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(orders(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// orders returns the values of --sort, in the order of the keys that choose them.
func orders() []string {
	keys := []string{"c", "m", "j", "t", "d", "f", "n", "s"}
	out := make([]string, 0, len(keys))
	for _, key := range keys {
		out = append(out, string(sortKeys[key]))
	}
	return out
}

var sortKeys = map[string]view.Order{
	"c": view.ByCPU, "m": view.ByMemory, "j": view.ByJobTime, "t": view.ByAge,
	"d": view.ByProcessed, "f": view.ByFailed, "n": view.ByName, "s": view.ByState,
}

func (c *topCommand) run(ctx context.Context, names []string) error {
	if !slices.Contains(orders(), c.sort) {
		return cli.Usage("there is no order %q; choose from %s", c.sort, strings.Join(orders(), ", "))
	}
	if !c.deps.Terminal() || !printers.IsTerminal(c.deps.Streams.In) {
		return cli.Usage("top needs a terminal; a script gets the same from: kubectl queueworker workers -o json")
	}
	cluster, err := c.deps.Connect()
	if err != nil {
		return err
	}
	from, err := c.scope.Source(c.deps, cluster, names)
	if err != nil {
		return err
	}
	first, err := from.Read(ctx) // report a refusal or a missing object before the screen changes
	if err != nil {
		return err
	}
	cli.Quiet()
	if err := from.Follow(ctx, cluster.Config, cluster.Client.Scheme()); err != nil {
		return err
	}
	model := newTopModel(ctx, from, c.where(from), view.Order(c.sort), c.deps.Colour())
	model.take(first)
	_, err = tea.NewProgram(model, tea.WithContext(ctx), tea.WithInput(c.deps.Streams.In), tea.WithOutput(c.deps.Screen()),
		tea.WithFPS(topFrames), tea.WithoutSignalHandler()).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, model.fatal)
}

func (c *topCommand) where(from *source.Source) string {
	switch {
	case from.Scope.Namespace == "":
		return "all namespaces" + c.scope.Labelled()
	case from.Scope.Name != "":
		return from.Scope.Namespace + "/" + from.Scope.Name
	}
	return from.Scope.Namespace + c.scope.Labelled()
}

// topModel is the live view that bubbletea runs. render.Top decides what is drawn.
type topModel struct {
	ctx    context.Context //nolint:containedctx // bubbletea's commands are given none
	from   *source.Source
	top    render.Top
	paint  render.Paint
	failed time.Time
	// fatal ends the program: the shown object is deleted or forbidden.
	fatal error
}

func newTopModel(ctx context.Context, from *source.Source, where string, by view.Order, colour bool) *topModel {
	m := &topModel{ctx: ctx, from: from, top: render.Top{Width: 80, Height: 24, Where: where, Every: cli.WatchEvery, By: by, Now: from.Now()}}
	if colour {
		m.paint = render.Colours
	}
	return m
}

type (
	tickMsg struct{}
	readMsg struct {
		snapshot *view.Snapshot
		err      error
	}
)

// Init implements tea.Model.
func (m *topModel) Init() tea.Cmd { return m.later() }

// later waits for the next reading.
func (m *topModel) later() tea.Cmd {
	return tea.Tick(m.top.Every, func(time.Time) tea.Msg { return tickMsg{} })
}

func (m *topModel) read() tea.Msg {
	snapshot, err := m.from.Read(m.ctx)
	return readMsg{snapshot, err}
}

// Update implements tea.Model.
func (m *topModel) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	m.top.Now = m.from.Now()
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		m.top.Width, m.top.Height = message.Width, message.Height
		m.top.Scroll(0)
	case tickMsg:
		if m.top.Paused {
			return m, m.later()
		}
		return m, m.read
	case readMsg:
		return m, m.readDone(message)
	case tea.KeyPressMsg:
		return m, m.key(message)
	}
	return m, nil
}

func (m *topModel) readDone(message readMsg) tea.Cmd {
	switch {
	case m.ctx.Err() != nil:
		return tea.Quit
	case apierrors.IsNotFound(message.err), apierrors.IsForbidden(message.err):
		m.fatal = message.err
		return tea.Quit
	case message.err != nil:
		if m.failed.IsZero() {
			m.failed = m.top.Now
		}
		_, sentence := cli.Explain(message.err)
		m.top.Trouble = "For " + m.top.Now.Sub(m.failed).Round(time.Second).String() + ": " + view.Clean(sentence)
	case !m.top.Paused: // a reading from before the pause arrives too late
		m.take(message.snapshot)
	}
	return m.later()
}

// take shows a snapshot.
func (m *topModel) take(snapshot *view.Snapshot) {
	m.failed, m.top.Trouble = time.Time{}, ""
	m.top.Snapshot = snapshot
	m.top.Rate.Add(snapshot)
	// At topAgents per second, one round of a large fleet takes longer, so it is read
	// less often.
	m.top.Every = max(cli.WatchEvery, (time.Duration(len(snapshot.Pods)) * time.Second / topAgents).Round(time.Second))
	m.top.Scroll(0)
}

// View implements tea.Model.
func (m *topModel) View() tea.View {
	out := tea.NewView(cli.Tame(m.top.Draw(m.paint)))
	out.AltScreen = true
	return out
}

// key carries out what a key stands for.
func (m *topModel) key(message tea.KeyPressMsg) tea.Cmd {
	name := message.String()
	if name == "ctrl+c" {
		return tea.Quit
	}
	if m.top.Typing {
		m.typing(name, message.Text)
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

// typing handles a key while the user types a filter.
func (m *topModel) typing(name, text string) {
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
