# The images of the operator, of the agent and of the backlog probe:
#
#   docker build --target operator --tag queueworker/operator:dev .
#   docker build --target agent --tag queueworker/agent:dev .
#   docker build --target backlog --tag queueworker/backlog:dev .
#
# A release adds --build-arg VERSION=0.1.0. Base images are named by digest beside their
# tag; hack/update-images.sh gives them the newest of their tag. (hack/images builds the
# same without Docker, for tests and the demo.)

FROM --platform=$BUILDPLATFORM golang:1.26@sha256:0f063af2d465d8dcae54cce04278ada488b96f77b42449c8d071e47d016cc65a AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux TARGETARCH VERSION=dev
RUN VERSION=$VERSION GOOS=$TARGETOS GOARCH=$TARGETARCH hack/build.sh /out manager agent backlog

FROM gcr.io/distroless/static:nonroot@sha256:e2e927ec666bae08560abb3c55d0659eceabb657f56b6782ab500a9fc7f555e3 AS agent
COPY --from=build /out/agent /agent
USER 65532
ENTRYPOINT ["/agent"]

FROM gcr.io/distroless/static:nonroot@sha256:e2e927ec666bae08560abb3c55d0659eceabb657f56b6782ab500a9fc7f555e3 AS backlog
COPY --from=build /out/backlog /backlog
USER 65532
ENTRYPOINT ["/backlog"]

FROM gcr.io/distroless/static:nonroot@sha256:e2e927ec666bae08560abb3c55d0659eceabb657f56b6782ab500a9fc7f555e3 AS operator
COPY --from=build /out/manager /manager
USER 65532
ENTRYPOINT ["/manager"]
