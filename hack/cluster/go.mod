module queueworker.dev/queueworker/hack/cluster

go 1.26.0
