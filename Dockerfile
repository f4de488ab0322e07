# The application alone; docker-compose.yml adds Qdrant.
FROM python:3.12-slim

# libgl and friends are not needed: pdfium, onnxruntime and qdrant-edge ship their own libraries.
# tesseract-ocr reads scans and photographs; other languages: add tesseract-ocr-deu and so on, and set ingestion.ocr_languages.
RUN apt-get update && apt-get install --yes --no-install-recommends tesseract-ocr && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 10001 manager
WORKDIR /srv


# TORCH_INDEX: an index with CPU-only builds of PyTorch; without it the default build brings several GB of CUDA.
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0

COPY pyproject.toml README.md ./
COPY app app
RUN pip install --no-cache-dir --editable .
COPY config.yaml ./
COPY data/seed data/seed

ENV AIM_DATA__DIR=/data AIM_SERVER__HOST=0.0.0.0
RUN mkdir /data && chown manager /data
USER manager
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s \
  CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/api/health', timeout=4)"
CMD ["python", "-m", "app", "serve"]
