# finch serve as an image, for x64: docker build -t finch . (docs/serve.md says how it was tried). No registry but npm's is asked.
FROM node:24-bookworm-slim AS build
WORKDIR /source
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
# The files that a package has, with the very versions of its dependencies that the tests have seen.
RUN npm pack --pack-destination /tmp \
  && mkdir /app \
  && tar -xzf /tmp/finch-*.tgz -C /app --strip-components=1 --no-same-owner \
  && cp package-lock.json /app \
  && npm ci --ignore-scripts --omit=dev --omit=peer --prefix /app

FROM node:24-bookworm-slim
COPY --from=build /app /app
# Models that are named and not shipped are fetched to here, compiled copies are kept here; both stay if it is a volume.
ENV NODE_ENV=production FINCH_HOME=/home/node/finch
# The user node, by its number: Kubernetes cannot tell of a name that it is not root.
USER 1000
RUN mkdir -p /home/node/finch
VOLUME /home/node/finch
EXPOSE 8080
# Open to others, so that it needs FINCH_TOKEN: docker run -e FINCH_TOKEN=… -p 8080:8080 finch
ENTRYPOINT ["node", "/app/bin/finch.js", "serve", "--host", "0.0.0.0"]
HEALTHCHECK --start-period=30s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then(({ ok }) => process.exit(ok ? 0 : 1))"]
