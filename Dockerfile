FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY manage.py celeryconfig.py flowerconfig.py ./
COPY dashboard dashboard
COPY integration integration
COPY tasks tasks
RUN useradd --uid 10001 --create-home service && mkdir /data && chown service:service /data && python -m compileall -q .
USER 10001:10001
# Nothing is written outside /data and /tmp: the file system may be read-only.
ENV DATA_DIR=/data PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
