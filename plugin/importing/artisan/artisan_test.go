// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package artisan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/plugin/importing/artisan"
	"queueworker.dev/queueworker/plugin/importing/budget"
)

// show returns the important facts of a worker in one line.
func show(worker artisan.Worker) string {
	words := []string{worker.Directory, worker.User, worker.Connection}
	for _, option := range worker.Options {
		words = append(words, option.String())
	}
	for _, variable := range worker.Environment {
		words = append(words, variable.Name+"="+variable.Value)
	}
	return strings.Join(words, " ")
}

func TestWorkersAreFoundInCommands(t *testing.T) {
	for command, want := range map[string]string{
		`php artisan queue:work`:                                            "/here  ",
		`php /app/artisan queue:work redis`:                                 "/app  redis",
		`php ../app/artisan queue:work`:                                     "/app  ",
		`/app/artisan queue:work`:                                           "/app  ",
		`php8.2 artisan queue:work -v`:                                      "/here   -v",
		`/opt/plesk/php/8.1/bin/php -q artisan queue:work`:                  "/here  ",
		`ea-php82 -d a=b -dc=d artisan queue:work`:                          "/here  ",
		`php -f artisan queue:work`:                                         "/here  ",
		`php artisan --env=test queue:work --tries 3`:                       "/here   --tries=3 APP_ENV=test",
		`php artisan queue:work --queue=a --queue=b`:                        "/here   --queue=b",
		`php artisan queue:work --queue "a b" sqs`:                          "/here  sqs --queue=a b",
		`php artisan queue:work -- redis`:                                   "/here  redis",
		`php artisan queue:work --tries --once`:                             "/here   --tries --once",
		`env -u X A=1 B= php artisan queue:work`:                            "/here   A=1 B=",
		`sudo -u www -E C=3 php artisan queue:work`:                         "/here www  C=3",
		`sudo --user=www -- php artisan queue:work`:                         "/here www ",
		`sudo -uwww php artisan queue:work`:                                 "/here www ",
		`su -s /bin/sh www -c "cd /app; php artisan queue:work"`:            "/app www ",
		`su - www -c 'php /app/artisan queue:work'`:                         "/app www ",
		`runuser -u www -- php artisan queue:work`:                          "/here www ",
		`gosu www php artisan queue:work`:                                   "/here www ",
		`nice -n 5 ionice -c 3 nohup setsid php artisan queue:work`:         "/here  ",
		`nice -19 php artisan queue:work`:                                   "/here  ",
		`timeout --signal=TERM 60 php artisan queue:work`:                   "/here  ",
		`tini -- php artisan queue:work`:                                    "/here  ",
		`docker exec -w /app -e A=1 web php artisan queue:work`:             "/app  ",
		`docker-compose exec -T --index=2 web php artisan queue:work`:       "/here  ",
		`bash -c "php artisan queue:work"`:                                  "/here  ",
		`bash -e -c "php artisan queue:work"`:                               "/here  ",
		`sh -c "cd app && A=1 exec php artisan queue:work >/dev/null 2>&1"`: "/here/app   A=1",
		`sh -c '(cd /a; { php artisan queue:work; })'`:                      "/a  ",
		`sh -c 'export A=1 B="$A"2; php artisan queue:work --queue=$B'`:     "/here   --queue=12 A=1 B=12",
		`sh -c 'sh -c "php artisan queue:work"'`:                            "/here  ",
		`sh -c 'php artisan queue:work --queue=${SET}'`:                     "/here   --queue=given",
		`sh -c 'php artisan queue:work --queue=${SET:-other}'`:              "/here   --queue=given",
		`sh -c 'php artisan queue:work --queue="${X:-high,low}"'`:           "/here   --queue=high,low",
		`sh -c 'php artisan queue:work ${X-redis} --queue=${X:-${Y:-a}}'`:   "/here  redis --queue=a",
		`sh -c 'A=x$X; php artisan queue:work --queue=${A:-c}'`:             "/here   --queue=x__unknown_ENV_X__end A=x__unknown_ENV_X__end",
		`sh -c 'A=${X:-b}; php artisan queue:work --queue=${A:-c}'`:         "/here   --queue=b A=b",
		`sh -c 'php artisan queue:work --queue=${X:-$(hostname)}'`:          "!only a shell can work out",
		`sh -c 'until false; do php artisan queue:work; done'`:              "/here  ",
		`sh -c 'php artisan queue:work --name="it is $(date)" || true'`:     "!only a shell can work out",
		`sh -c 'php artisan queue:work --queue={a,b}'`:                      "!braces that only a shell can work out",
		`sh -c 'for i in 1 2; do php artisan queue:work & done'`:            "!more than run commands one after the other",
		`sh -c 'php artisan queue:work; php artisan queue:work'`:            "!several queue workers",
		`sh -c 'echo hello'`:                                                "!runs no queue worker",
		`sh -c 'php artisan horizon'`:                                       "!import horizon",
		`sh -c 'php artisan queue:work`:                                     "!cannot be read",
		`sh -c "if"`:                                                        "!cannot be read",
		`sh script.sh`:                                                      "!the script script.sh, which is not read",
		`sh`:                                                                "!runs sh without a command",
		`docker run app php artisan queue:work`:                             "!without exec",
		`cd /app && php artisan queue:work`:                                 "!starts nothing without a shell",
		`php artisan`:                                                       "!artisan without a command",
		`php`:                                                               "!php without a script",
		`php worker.php`:                                                    "!the PHP script worker.php",
		`php artisan schedule:work`:                                         "!as a CronJob",
		`php artisan reverb:start`:                                          "!as a Deployment",
		`php artisan inspire`:                                               "!artisan inspire, which is no queue worker",
		`node server.js`:                                                    "!no queue worker: node",
		``:                                                                  "!it runs nothing",
		strings.Repeat("nice ", 30) + `php artisan queue:work`:              "!too many programs",
		strings.Repeat("sh -c '", 1) + strings.Repeat("exec ", 30) + "php'": "!too many programs",
		`my-wrapper --flag php artisan queue:work --queue=wrapped`:          "/here   --queue=wrapped",
		`my-wrapper php server.php`:                                         "!no queue worker: my-wrapper",
	} {
		t.Run(command, func(t *testing.T) {
			worker, err := artisan.Parse(command, "/here", []artisan.Variable{{Name: "SET", Value: "given"}}, budget.New())
			if wrong, ok := strings.CutPrefix(want, "!"); ok {
				if err == nil || !strings.Contains(err.Error(), wrong) {
					t.Errorf("it says %v, want %q in it", err, wrong)
				}
				var other *artisan.NotAWorkerError
				if !errors.As(err, &other) && !errors.Is(err, artisan.ErrSyntax) {
					t.Errorf("%v is neither of the errors that Parse tells apart", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, show(worker)); diff != "" {
				t.Errorf("unexpected worker (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWhatIsLeftOutIsTold expects one remark for each thing that stands around a worker.
func TestWhatIsLeftOutIsTold(t *testing.T) {
	const command = `nice -n 5 bash -c ". ./env.sh; sleep 5; php artisan migrate; while true; do /usr/bin/php8.2 -d precision=5 artisan queue:work redis extra --queue=${QUEUE:-a} | tee log > all.log; done"`
	worker, err := artisan.Parse(command, "/here", nil, budget.New())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, remark := range worker.Remarks {
		got = append(got, remark.Subject)
	}
	want := []string{
		"nice -n 5", ". ./env.sh", "sleep 5", "php artisan migrate", "a loop around the worker", "${QUEUE}", "/usr/bin/php8.2", "-d precision=5",
		"extra", "a pipe after the worker",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unexpected remarks (-want +got):\n%s", diff)
	}
}
