# The torii image: compiled JavaScript, the two addons, the host agent's loader and BPF object; no compiler, no npm.
#
#   docker build -t torii .
#   docker run --network host --cap-drop ALL --cap-add NET_RAW --cap-add NET_ADMIN --cap-add BPF --cap-add NET_BIND_SERVICE \
#     --ulimit memlock=-1 \
#     -v /etc/torii:/etc/torii:ro -v torii-state:/var/lib/torii torii balancer
#   docker exec CONTAINER torii status
#
# A host agent needs NET_ADMIN, BPF and PERFMON instead, and --security-opt systempaths=unconfined for its sysctls.
FROM node:20-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends make gcc libc6-dev clang-14 libbpf-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev
COPY tsconfig.json vitest.config.ts ./
COPY native native
COPY src src
COPY deploy deploy
COPY bench bench
COPY test test
RUN make -C native CLANGS=14 && node_modules/.bin/tsc -p . && npm prune --omit=dev
# What runs, as it will lie in /usr/lib/torii.
RUN mkdir -p /out/dist /out/native/build \
 && cp -r package.json node_modules /out/ \
 && cp -r dist/src /out/dist/ \
 && chmod +x /out/dist/src/main.js \
 && cp -r native/build/*.node native/build/decap_load native/build/bpf /out/native/build/

FROM node:20-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends iproute2 ethtool \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /etc/torii /run/torii /var/lib/torii
COPY --from=build /out /usr/lib/torii
RUN ln -s /usr/lib/torii/dist/src/main.js /usr/bin/torii
ENV NODE_ENV=production STATE_DIRECTORY=/var/lib/torii
STOPSIGNAL SIGTERM
ENTRYPOINT ["torii"]
CMD ["balancer", "--config", "/etc/torii/torii.yaml"]
