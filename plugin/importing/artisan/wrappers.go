// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package artisan

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// A wrapper removes itself and its own words from the front of the command. done is true
// if it has found the worker itself.
type wrapper func(*parser) (done bool, err error)

// wrappers are programs that start another program, by name. init fills them in, because
// some of them read commands in turn.
var wrappers map[string]wrapper

func init() {
	wrappers = map[string]wrapper{
		"cd":      noShell,
		"env":     environment,
		"sudo":    user("-u", []string{"-u", "--user", "-g", "--group", "-h", "-p", "-C", "-r", "-t", "-D"}),
		"runuser": user("-u", []string{"-u", "--user", "-g", "--group", "-s", "--shell", "-c", "--command"}),
		"su":      user("", []string{"-s", "--shell", "-g", "--group", "-c", "--command"}),
		"gosu":    leadingUser,
		"su-exec": leadingUser,
		"chpst":   user("-u", []string{"-u", "-U", "-e", "-n", "-m", "-d", "-o", "-p", "-f", "-c", "-t"}),

		"nice":    skip("the weight of a pod is its CPU request; see the field cpu", "-n", "--adjustment"),
		"ionice":  skip("a pod has no I/O priority", "-c", "-n", "--class", "--classdata"),
		"chrt":    skip("a pod has no scheduling class"),
		"nohup":   skip(""),
		"setsid":  skip(""),
		"exec":    skip(""),
		"command": skip(""),
		"stdbuf":  skip("", "-i", "-o", "-e"),
		"time":    skip(""),
		"tini":    skip("the agent is the first process of the container"),
		"timeout": timeout,

		"docker": container, "docker-compose": container, "podman": container,

		"sh": shell, "bash": shell, "dash": shell, "ash": shell, "zsh": shell, "ksh": shell,
	}
}

// ownOptions removes the options from the front of the command and returns them by name.
// Options in takesValue have a value.
func (p *parser) ownOptions(takesValue []string) map[string]string {
	found := map[string]string{}
	for len(p.words) > 0 && strings.HasPrefix(p.words[0], "-") && len(p.words[0]) > 1 {
		word := p.words[0]
		p.words = p.words[1:]
		if word == "--" {
			break
		}
		name, value, given := strings.Cut(word, "=")
		if !strings.HasPrefix(word, "--") {
			// -u1000 means -u 1000.
			name, value, given = word[:2], word[2:], len(word) > 2
		}
		if !given && slices.Contains(takesValue, name) && len(p.words) > 0 {
			value, p.words = p.words[0], p.words[1:]
		}
		found[name] = value
	}
	return found
}

// skip returns a wrapper whose options do not matter here.
func skip(why string, takesValue ...string) wrapper {
	return func(p *parser) (bool, error) {
		before := p.words
		p.words = p.words[1:]
		p.ownOptions(takesValue)
		if why != "" {
			p.remark(false, strings.Join(before[:len(before)-len(p.words)], " "), why)
		}
		return false, nil
	}
}

// noShell handles cd directory && command, which needs a shell.
func noShell(*parser) (bool, error) {
	return false, &NotAWorkerError{What: "its command begins with cd, which starts nothing without a shell; write sh -c '...' around it, or directory="}
}

// environment handles env NAME=value command.
func environment(p *parser) (bool, error) {
	p.words = p.words[1:]
	p.ownOptions([]string{"-u", "--unset", "-C", "--chdir"})
	p.assignments()
	return false, nil
}

// assignments removes NAME=value from the front of the command.
func (p *parser) assignments() {
	for len(p.words) > 0 {
		name, value, ok := strings.Cut(p.words[0], "=")
		if !ok || strings.ContainsAny(name, "/-") || name == "" {
			return
		}
		p.worker.Environment = append(p.worker.Environment, Variable{Name: name, Value: value})
		p.words = p.words[1:]
	}
}

// user returns the wrapper for a program that runs a command as another user. The user's
// name follows an option, or is the first word.
func user(option string, takesValue []string) wrapper {
	return func(p *parser) (bool, error) {
		p.words = p.words[1:]
		options := p.ownOptions(takesValue)
		name, ok := options[option]
		if long, given := options["--user"]; given {
			name, ok = long, true
		}
		if !ok && option == "" && len(p.words) > 0 {
			if p.words[0] == "-" { // su - user: with the user's own environment
				p.words = p.words[1:]
			}
			if len(p.words) > 0 {
				name, p.words = p.words[0], p.words[1:]
			}
			maps.Copy(options, p.ownOptions(takesValue))
		}
		p.worker.User = name
		for _, flag := range []string{"-c", "--command"} {
			if script, ok := options[flag]; ok {
				return true, p.script(script)
			}
		}
		p.assignments()
		return false, nil
	}
}

// leadingUser handles gosu user command.
func leadingUser(p *parser) (bool, error) {
	p.words = p.words[1:]
	if len(p.words) > 0 {
		p.worker.User, p.words = p.words[0], p.words[1:]
	}
	return false, nil
}

// timeout handles timeout 3600 command, which kills the worker when its time is up.
func timeout(p *parser) (bool, error) {
	p.words = p.words[1:]
	p.ownOptions([]string{"-k", "--kill-after", "-s", "--signal"})
	if len(p.words) > 0 {
		p.remark(true, "timeout "+p.words[0], "it would end the worker in the middle of a job; maxTime ends it between two jobs")
		p.words = p.words[1:]
	}
	return false, nil
}

// container handles docker exec container command, and docker compose exec service
// command.
func container(p *parser) (bool, error) {
	before := p.words
	for len(p.words) > 0 && p.words[0] != "exec" && p.words[0] != "run" {
		p.words = p.words[1:]
	}
	if len(p.words) == 0 || p.words[0] != "exec" {
		return false, &NotAWorkerError{What: "it runs " + path.Base(before[0]) + " without exec; give import the command that the container runs"}
	}
	p.words = p.words[1:]
	options := p.ownOptions([]string{"-u", "--user", "-w", "--workdir", "-e", "--env", "--index"})
	if directory, ok := options["-w"]; ok {
		p.worker.Directory = directory
	}
	if len(p.words) > 0 {
		p.words = p.words[1:]
	}
	p.remark(false, strings.Join(before[:len(before)-len(p.words)], " "), "a pod runs the image itself")
	return false, nil
}

// shell handles sh -c 'script'.
func shell(p *parser) (bool, error) {
	name := path.Base(p.words[0])
	for i, word := range p.words[1:] {
		if !strings.HasPrefix(word, "-") {
			return false, &NotAWorkerError{What: "it runs the script " + word + ", which is not read; give import the command that the script runs"}
		}
		// -c may be combined with other options, as in -lc.
		if !strings.HasPrefix(word, "--") && strings.HasSuffix(word, "c") {
			if rest := p.words[i+2:]; len(rest) > 0 {
				return true, p.script(rest[0])
			}
		}
	}
	return false, &NotAWorkerError{What: "it runs " + name + " without a command"}
}
