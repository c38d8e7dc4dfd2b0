# The images of the operator, of the agent and of the backlog probe:
#
#   docker build --target operator --tag queueworker/operator:dev .
#   docker build --target agent --tag queueworker/agent:dev .
#   docker build --target backlog --tag queueworker/backlog:dev .
#
# (hack/images builds the same without Docker, for tests and the demo.)

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH hack/build.sh /out manager agent backlog

FROM gcr.io/distroless/static:nonroot AS agent
COPY --from=build /out/agent /agent
USER 65532
ENTRYPOINT ["/agent"]

FROM gcr.io/distroless/static:nonroot AS backlog
COPY --from=build /out/backlog /backlog
USER 65532
ENTRYPOINT ["/backlog"]

FROM gcr.io/distroless/static:nonroot AS operator
COPY --from=build /out/manager /manager
USER 65532
ENTRYPOINT ["/manager"]
