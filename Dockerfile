# finch serve as an image, for x64: docker build -t finch . (docs/serve.md). Nothing is built with it in CI.
FROM node:24-bookworm-slim AS build
WORKDIR /source
COPY . .
RUN npm ci --ignore-scripts \
  && npm pack --pack-destination /tmp \
  && npm install --ignore-scripts --omit=dev --prefix /app /tmp/finch-*.tgz

FROM node:24-bookworm-slim
COPY --from=build /app /app
# Models that are named and not shipped are fetched to here, and kept if it is a volume.
ENV NODE_ENV=production FINCH_HOME=/home/node/finch
# The user node, by its number: Kubernetes cannot tell of a name that it is not root.
USER 1000
RUN mkdir -p /home/node/finch
VOLUME /home/node/finch
EXPOSE 8080
# Open to others, so that it needs FINCH_TOKEN: docker run -e FINCH_TOKEN=… -p 8080:8080 finch
ENTRYPOINT ["/app/node_modules/.bin/finch", "serve", "--host", "0.0.0.0"]
HEALTHCHECK --start-period=30s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then(({ ok }) => process.exit(ok ? 0 : 1))"]
