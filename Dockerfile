# traceload in a container: a worker unless told otherwise. Needs no file system of its own but /data, where imports
# leave reports, and that only if imports run here.
#   docker build -t traceload .
#   docker run --rm --read-only -e PROMPTLAYER_API_KEY -e TRACELOAD_STORE=redis://host:6379 traceload
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
# What is needed to run, apart: it changes seldom. No package's script runs: the image brings Node, and what else is
# native comes prebuilt.
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && mv node_modules /runtime_modules
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY config config
COPY jobs jobs
COPY src src
RUN node_modules/.bin/tsc -p tsconfig.build.json && node dist/src/store/pglite/build-template.js

FROM node:${NODE_VERSION}-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /runtime_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY src/cli/launcher.cjs src/cli/launcher.cjs
# /data belongs to the user that the process runs as; all else is root's, and only read.
RUN ln -s /app/src/cli/launcher.cjs /usr/local/bin/traceload && install -d -o node -g node /data
USER node
WORKDIR /data
VOLUME /data
# Asked from inside by the check below. Probes from outside need TRACELOAD_HEALTH_HOST=0.0.0.0.
ENV TRACELOAD_HEALTH_PORT=8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.TRACELOAD_HEALTH_PORT}/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
# In exec form the process is the container's first, gets its signals itself, and starts none that it would have to
# reap; `docker run --init` does no harm.
ENTRYPOINT ["traceload"]
CMD ["worker"]
