# docker build .                   the image that runs on every node (deployments/forwarder-sriov.yaml)
# docker build --target test .     its container runs the tests; start it with --privileged
# docker build --target debug .    the same tests, stopped until a debugger attaches to port 40000
#
# What RUN does is relative to WORKDIR, so that a test can run the stages without docker
# (test/project/image-stages.test.ts).

# The health probe of the DaemonSet, from the Go module proxy by way of a module of our own: its own go.mod cannot be
# named with a version there.
FROM golang:1.26-bookworm AS probe
WORKDIR /probe
RUN printf 'module probe\n\ngo 1.24\n\nrequire github.com/grpc-ecosystem/grpc-health-probe v0.4.38\n' > go.mod \
 && CGO_ENABLED=0 go build -mod=mod -trimpath -ldflags='-s -w' \
      -o grpc-health-probe github.com/grpc-ecosystem/grpc-health-probe

FROM node:24-bookworm-slim AS base
WORKDIR /opt/forwarder-sriov
COPY package.json package-lock.json .npmrc ./

# Optional dependencies stay: koffi's binary is one of them.
FROM base AS production
RUN npm ci --omit=dev --no-audit --no-fund

FROM base AS build
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

# The tests look at the kernel with ip and ping.
FROM build AS test
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends iproute2 iputils-ping \
 && rm -rf /var/lib/apt/lists/*
CMD ["npm", "test"]

FROM test AS debug
EXPOSE 40000
CMD ["node_modules/.bin/mocha", "--node-option=import=tsx,inspect-brk=0.0.0.0:40000", "--timeout=0", "test/**/*.test.ts"]

FROM base AS runtime
ENV NODE_ENV=production
COPY --from=probe /probe/grpc-health-probe /bin/
COPY --from=production /opt/forwarder-sriov/node_modules ./node_modules
COPY --from=build /opt/forwarder-sriov/dist ./dist
COPY LICENSE ./
ENTRYPOINT ["node", "/opt/forwarder-sriov/dist/src/start.cjs"]
