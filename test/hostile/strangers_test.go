// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// attackers is the number of pods in another namespace, each with its own address.
	attackers = 5
	// perAttacker is how many connections each of them holds to one port.
	perAttacker = 48
)

// manner is a way to use a connection: it returns when the connection is over.
type manner func(ctx context.Context, connection net.Conn)

// manners are the ways to hold a connection.
var manners = map[string]manner{
	"asks once and keeps the connection": func(_ context.Context, c net.Conn) {
		_, _ = fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	},
	"says nothing": func(_ context.Context, c net.Conn) { _, _ = io.Copy(io.Discard, c) },
	"sends its header byte by byte": func(ctx context.Context, c net.Conn) {
		_, _ = fmt.Fprint(c, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: ")
		drip(ctx, c)
	},
	"sends its body byte by byte": func(ctx context.Context, c net.Conn) {
		_, _ = fmt.Fprint(c, "POST /backlog HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{")
		drip(ctx, c)
	},
	"asks for much and reads nothing": func(ctx context.Context, c net.Conn) {
		_, _ = fmt.Fprint(c, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 500))
		<-ctx.Done()
	},
	"asks as often as it can": func(_ context.Context, c net.Conn) {
		answer := make([]byte, 64<<10)
		for {
			if _, err := fmt.Fprint(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				return
			}
			if _, err := c.Read(answer); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond) // 5 x 48 connections at once are enough load
		}
	},
}

// drip writes a byte a second until the other side closes the connection.
func drip(ctx context.Context, c net.Conn) {
	for ctx.Err() == nil {
		if _, err := c.Write([]byte{'x'}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// besiege holds connections to the ports of a pod from the attackers' addresses. It opens
// a new one for each that is closed, and returns how many it opened.
func besiege(ctx context.Context, ip string, ports []int, how manner) int64 {
	var opened atomic.Int64
	var all sync.WaitGroup
	for attacker := range attackers {
		dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 66, 0, byte(1+attacker))}}
		for _, port := range ports {
			for range perAttacker {
				all.Go(func() {
					for ctx.Err() == nil {
						connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
						if err == nil {
							opened.Add(1)
							hold(ctx, connection, how)
						}
						pause(ctx, 500*time.Millisecond)
					}
				})
			}
		}
	}
	all.Wait()
	return opened.Load()
}

// hold uses a connection until the connection or ctx ends.
func hold(ctx context.Context, connection net.Conn, how manner) {
	over := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer over()
	how(ctx, connection)
	_ = connection.Close()
}

func pause(ctx context.Context, span time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(span):
	}
}
