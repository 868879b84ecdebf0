# trapline, built from source, in an image that needs no compiler to run. docs/install.md says how it is used.
#
#     docker build -t trapline --build-arg TRAPLINE_COMMIT=$(git rev-parse --short=12 HEAD) .
#     docker run --rm trapline devices

# The Debian of both stages is the same, and so is its HDF5.
FROM rust:1.95-bookworm AS build

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libhdf5-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /build
COPY . .

# Records name the commit that computed them; .git is not copied.
ARG TRAPLINE_COMMIT=unknown
ENV TRAPLINE_COMMIT=${TRAPLINE_COMMIT}
RUN cargo build --locked --release --bin trapline


FROM debian:bookworm-slim

# The loader and Mesa's drivers (AMD, Intel, and llvmpipe in software); libx11-6 and libxext6 are what NVIDIA's driver, which the
# host's container toolkit brings, is linked with.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libhdf5-103-1 libvulkan1 mesa-vulkan-drivers libx11-6 libxext6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 trapline \
    && install -d -o trapline -g trapline /data

COPY --from=build /build/target/release/trapline /usr/local/bin/trapline
COPY --from=build /build/campaigns /data/campaigns
COPY --from=build /build/studies /data/studies
COPY --from=build /build/fits /data/fits
COPY --from=build /build/materials /data/materials
COPY --from=build /build/LICENSE-MIT /build/LICENSE-APACHE /usr/share/doc/trapline/

# NVIDIA's toolkit hands on what is asked for: Vulkan is `graphics`. Mesa's layer that sorts devices wants a desktop.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics \
    NODEVICE_SELECT=1 \
    LC_ALL=C.UTF-8

USER 1000:1000
WORKDIR /data
ENTRYPOINT ["trapline"]
CMD ["--help"]
