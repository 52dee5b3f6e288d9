# train and acceptance on Trainium: AWS's training image of a family, with the project's code. Not
# built or run by this project yet; `python -m workloads.images` builds it, tagged as
# `python -m workloads.submit` asks for it. BASE is what workloads/versions.toml pins.
ARG BASE=public.ecr.aws/neuron/pytorch-training-neuronx:2.9.0-neuronx-py312-sdk2.28.0-ubuntu24.04
# hadolint ignore=DL3006
FROM ${BASE}

# What the image lacks of workloads/requirements-cpu.txt. PyTorch and what compiles stay as they are:
# the constraints pin what is installed, so that nothing of it is replaced.
WORKDIR /app
COPY workloads/requirements-neuron.txt ./
RUN python -m pip freeze --exclude-editable > installed.txt \
    && python -m pip install --no-cache-dir --requirement requirements-neuron.txt \
        --constraint installed.txt

COPY workloads workloads
ENV PYTHONPATH=/app

# The base's entry point changes the hostname for SageMaker; a pod names its command itself.
ENTRYPOINT ["python"]
CMD ["-m", "workloads.train", "--help"]
