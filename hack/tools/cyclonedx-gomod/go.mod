module queueworker.dev/queueworker/hack/tools/cyclonedx-gomod

go 1.26.0
