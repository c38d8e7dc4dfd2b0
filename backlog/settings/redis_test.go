// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// env is an environment.
type env map[string]string

// canary is a password that no error may hold.
const canary = "Kanar1en:vogel@/%"

var laravelPrefixes = []string{"laravel-database-", "laravel_database_"}

func TestRedis(t *testing.T) {
	plain := func(address string, change func(*Redis)) Redis {
		r := Redis{Network: "tcp", Address: address, ServerName: strings.Split(address, ":")[0], Prefixes: laravelPrefixes}
		if change != nil {
			change(&r)
		}
		return r
	}
	for name, tc := range map[string]struct {
		env      env
		explicit *protocol.RedisBackend
		renamed  map[string]string
		want     Redis
	}{
		"a host alone": {env: env{"REDIS_HOST": "redis"}, want: plain("redis:6379", nil)},
		"all variables": {
			env: env{
				"REDIS_HOST": "redis", "REDIS_PORT": "6380", "REDIS_USERNAME": "me", "REDIS_PASSWORD": canary,
				"REDIS_DB": "3", "REDIS_PREFIX": "shop:",
			},
			want: plain("redis:6380", func(r *Redis) {
				r.Username, r.Password, r.Database, r.Prefixes = "me", canary, 3, []string{"shop:"}
			}),
		},
		"null is no password, as in Laravel's own example": {
			env: env{"REDIS_HOST": "redis", "REDIS_PASSWORD": "null", "REDIS_USERNAME": "(null)"}, want: plain("redis:6379", nil),
		},
		"quotes are not part of a value": {
			env: env{"REDIS_HOST": `"redis"`, "REDIS_PASSWORD": "'secret'"}, want: plain("redis:6379", func(r *Redis) { r.Password = "secret" }),
		},
		"a URL wins over variables": {
			env:  env{"REDIS_URL": "redis://me:pass%3A%40%2F@url:6390/5", "REDIS_HOST": "redis", "REDIS_PORT": "1", "REDIS_PASSWORD": "other", "REDIS_DB": "2"},
			want: plain("url:6390", func(r *Redis) { r.Username, r.Password, r.Database = "me", "pass:@/", 5 }),
		},
		"what a URL leaves out comes from variables": {
			env:  env{"REDIS_URL": "tcp://url", "REDIS_PORT": "7000", "REDIS_PASSWORD": "other", "REDIS_DB": "2"},
			want: plain("url:7000", func(r *Redis) { r.Password, r.Database = "other", 2 }),
		},
		"TLS by the host":          {env: env{"REDIS_HOST": "tls://redis"}, want: plain("redis:6379", func(r *Redis) { r.TLS = true })},
		"TLS by a URL":             {env: env{"REDIS_URL": "rediss://redis"}, want: plain("redis:6379", func(r *Redis) { r.TLS = true })},
		"TLS by the scheme":        {env: env{"REDIS_HOST": "redis", "REDIS_SCHEME": "tls"}, want: plain("redis:6379", func(r *Redis) { r.TLS = true })},
		"a host in brackets":       {env: env{"REDIS_HOST": "[::1]"}, want: Redis{Network: "tcp", Address: "[::1]:6379", ServerName: "::1", Prefixes: laravelPrefixes}},
		"a host without brackets":  {env: env{"REDIS_HOST": "::1"}, want: Redis{Network: "tcp", Address: "[::1]:6379", ServerName: "::1", Prefixes: laravelPrefixes}},
		"a port behind the host":   {env: env{"REDIS_HOST": "redis:7001", "REDIS_PORT": "6379"}, want: plain("redis:7001", nil)},
		"a socket":                 {env: env{"REDIS_HOST": "/run/redis.sock", "REDIS_PORT": "0"}, want: Redis{Network: "unix", Address: "/run/redis.sock", Prefixes: laravelPrefixes}},
		"a socket with its scheme": {env: env{"REDIS_HOST": "unix:///run/redis.sock"}, want: Redis{Network: "unix", Address: "/run/redis.sock", Prefixes: laravelPrefixes}},
		"a socket in a URL":        {env: env{"REDIS_URL": "unix:///run/redis.sock"}, want: Redis{Network: "unix", Address: "/run/redis.sock", Prefixes: laravelPrefixes}},
		"explicit fields win": {
			env:      env{"REDIS_URL": "redis://me:" + "pass" + "@url:6390/5", "REDIS_PREFIX": "shop:"},
			explicit: &protocol.RedisBackend{Host: "tls://explicit", Port: 7002, Database: new(int32(0)), Prefix: new(""), InsecureSkipVerify: true},
			want: plain("explicit:7002", func(r *Redis) {
				r.Username, r.Password, r.TLS, r.InsecureSkipVerify, r.Prefixes = "me", "pass", true, true, []string{""}
			}),
		},
		"an explicit host leaves a URL's port behind": {
			env:      env{"REDIS_URL": "redis://url:6390", "REDIS_PORT": "6400"},
			explicit: &protocol.RedisBackend{Host: "explicit"}, want: plain("explicit:6400", nil),
		},
		"other names": {
			env:     env{"QUEUE_HOST": "queue", "REDIS_HOST": "redis", "QUEUE_PASS": "secret", "REDIS_PASSWORD": "other"},
			renamed: map[string]string{"REDIS_HOST": "QUEUE_HOST", "REDIS_PASSWORD": "QUEUE_PASS"},
			want:    plain("queue:6379", func(r *Redis) { r.Password = "secret" }),
		},
		"a prefix of the name": {
			env:  env{"REDIS_HOST": "redis", "APP_NAME": "My Shop"},
			want: plain("redis:6379", func(r *Redis) { r.Prefixes = []string{"my-shop-database-", "my_shop_database_"} }),
		},
		"an empty prefix is none": {
			env:  env{"REDIS_HOST": "redis", "REDIS_PREFIX": ""},
			want: plain("redis:6379", func(r *Redis) { r.Prefixes = []string{""} }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NewRedis(protocol.ProbeConfig{Redis: tc.explicit}, NewEnvironment(tc.env, tc.renamed))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(Redis{}, "Secrets")); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			if got.Password != "" && !strings.Contains(strings.Join(got.Secrets, "\n"), got.Password) {
				t.Errorf("the password is not among the secrets %q", got.Secrets)
			}
		})
	}
}

func TestRedisSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		env  env
		want string
	}{
		"nothing is set":         {env{}, "set REDIS_HOST or REDIS_URL"},
		"a URL that is none":     {env{"REDIS_URL": "redis://:" + canary + "zz@host"}, "REDIS_URL is no URL"},
		"a URL without a scheme": {env{"REDIS_URL": "Kanar1en/redis"}, "REDIS_URL is no URL"},
		"another scheme":         {env{"REDIS_URL": "mysql://host"}, "scheme"},
		"a URL in the host":      {env{"REDIS_HOST": "redis://:Kanar1en@redis:6379"}, "REDIS_HOST is no host"},
		"a URL without user":     {env{"REDIS_HOST": "http://Kanar1en"}, "REDIS_HOST is no host"},
		"a password and TLS":     {env{"REDIS_HOST": "tls://:Kanar1en@redis"}, "REDIS_HOST is no host"},
		"a password and a host":  {env{"REDIS_HOST": "Kanar1en@redis"}, "REDIS_HOST is no host"},
		"a URL behind TLS":       {env{"REDIS_HOST": "tls://redis://Kanar1en"}, "REDIS_HOST is no host"},
		"a port in words":        {env{"REDIS_HOST": "redis", "REDIS_PORT": canary}, "port of Redis"},
		"a service's port":       {env{"REDIS_HOST": "redis", "REDIS_PORT": "tcp://10.0.0.1:6379"}, "port of Redis"},
		"a port too large":       {env{"REDIS_HOST": "redis", "REDIS_PORT": "65536"}, "port of Redis"},
		"a database in words":    {env{"REDIS_HOST": "redis", "REDIS_DB": canary}, "number of the Redis database"},
		"a negative database":    {env{"REDIS_HOST": "redis", "REDIS_DB": "-1"}, "number of the Redis database"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewRedis(protocol.ProbeConfig{}, NewEnvironment(tc.env, nil))
			checkProblem(t, err, tc.want)
		})
	}
}

// checkProblem checks that err is a misconfiguration, said in a sentence without the
// password.
func checkProblem(t *testing.T, err error, want string) {
	t.Helper()
	problem, ok := errors.AsType[*backlog.Error](err)
	if !ok || problem.Reason != protocol.BacklogMisconfigured || !strings.Contains(problem.Message, want) {
		t.Fatalf("error %v; want %s with %q", err, protocol.BacklogMisconfigured, want)
	}
	if strings.Contains(problem.Message, "Kanar1en") {
		t.Errorf("the error tells the password: %s", problem.Message)
	}
	if !strings.HasSuffix(problem.Message, ".") {
		t.Errorf("%q is no sentence", problem.Message)
	}
}
