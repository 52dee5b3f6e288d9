# prepare, train, export and serve on CPUs. `python -m workloads.images` builds it as jobs ask for
# it; by hand, from the repository's root:
#   docker build --file workloads/cpu.Dockerfile --tag workloads-cpu .
#   docker run workloads-cpu -m workloads.prepare --help
# The digest is that of the index of all architectures, which Docker Hub and public.ecr.aws share.
FROM python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

ENV PYTHONUNBUFFERED=1
WORKDIR /app
COPY workloads/requirements-cpu.txt constraints.txt ./
# PyTorch's own index has the builds without CUDA, 180 MB instead of several GB.
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
        --requirement requirements-cpu.txt --constraint constraints.txt \
        "torch==2.13.0+cpu" \
    && python -m compileall -q /usr/local/lib/python3.11/site-packages

COPY workloads workloads
RUN useradd --uid 1000 --create-home worker
USER worker

ENTRYPOINT ["python"]
CMD ["-m", "workloads.serve", "--help"]
