# The service as a small image: docker build -t driftwatch . and see docs/deployment.md for how it is run.
FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.lock requirements/runtime.lock requirements/
# The environment that is copied to the last stage has no pip of its own: the build stage's pip fills it.
RUN python -m venv --without-pip /opt/driftwatch \
    && python -m pip --python /opt/driftwatch/bin/python install \
        --quiet --require-hashes --only-binary :all: -r requirements/runtime.lock \
    && python -m pip install --quiet --require-hashes --only-binary :all: -r requirements/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY driftwatch driftwatch
RUN python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
    && python -m pip --python /opt/driftwatch/bin/python install --quiet --no-deps dist/*.whl
# A fifth of what the packages install is their own tests. The counting loops are compiled here, for any processor and
# for those with AVX2, so that no container compiles at its start. -P: in /build lie the sources.
COPY deploy/image/driftwatch-with-kernels /opt/driftwatch/bin/
COPY deploy/image/compile_kernels.py /build/
RUN find /opt/driftwatch/lib -type d -name tests -prune -exec rm -rf {} + \
    && export NUMBA_CPU_FEATURES= && levels=generic \
    && if [ "$(uname -m)" = x86_64 ]; then levels="generic x86-64-v3"; fi \
    && for level in $levels; do \
         NUMBA_CPU_NAME=$level /opt/driftwatch/bin/python -P /build/compile_kernels.py || exit 1; \
       done

FROM python:3.12-slim-bookworm
LABEL org.opencontainers.image.title="driftwatch" \
      org.opencontainers.image.description="Watches machine-learning models in production" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing in the running image installs packages. /data is made here, since a volume takes over its owner.
RUN python -m pip uninstall --quiet --yes --root-user-action=ignore pip setuptools wheel \
    && rm -rf /usr/local/lib/python3.12/ensurepip \
    && install -d -o 10001 -g 10001 /data
COPY --from=build /opt/driftwatch /opt/driftwatch
ENV PATH=/opt/driftwatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_LOCATOR_CLASSES=driftwatch.core.kernel_cache.BesideTheSource \
    HOME=/data \
    TMPDIR=/data \
    DRIFTWATCH_DATA=/data \
    DRIFTWATCH_HOST=0.0.0.0 \
    DRIFTWATCH_PORT=8000
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-ISc", "import http.client, os, ssl; e = os.environ; at = ('127.0.0.1', int(e['DRIFTWATCH_PORT'])); c = http.client.HTTPSConnection(*at, timeout=3, context=ssl._create_unverified_context()) if e.get('DRIFTWATCH_TLS_CERTIFICATE') else http.client.HTTPConnection(*at, timeout=3); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["driftwatch-with-kernels", "driftwatch"]
CMD ["serve"]
